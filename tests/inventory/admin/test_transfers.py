"""Transfers through the back office, and the steps of what lies in a place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from inventory.models import Batch, BatchLocation, Location, Product, Transfer, WriteOff
from inventory.orchestrator import OrderedLine, TransferLine, create_transfer, promise_order, send_transfer
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(db: None) -> Client:
    return office(Role.RECEIVER)


@pytest.fixture
def shop(house: Site) -> Site:
    return site(code="SHOP", external_id="2")


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(sku="APPLES", lives={"ambient": 20, "chilled": 40, ("ambient", "opened"): 3})


@pytest.fixture
def goods(apples: Product, house: Site) -> BatchLocation:
    return stocked(apples, house.shelf, 10, lot="L1")


@pytest.fixture
def draft(goods: BatchLocation, house: Site, shop: Site) -> Transfer:
    return create_transfer(
        source_warehouse_id=house.id,
        target_warehouse_id=shop.id,
        target_location_id=shop.cool.pk,
        lines=[TransferLine(goods.pk, Decimal(4))],
        actor=ACTOR,
    )


def errors(answer: Any) -> str:
    context = answer.context
    return context["error"].detail if context.get("error") else str(context["form"].errors)


def moves_offered(client: Client, row: BatchLocation) -> list[str]:
    return [step for step in steps_offered(client, row) if step in ("put-away", "move", "change-phase", "split")]


def head(**more: Any) -> dict[str, Any]:
    return {"target_location": "", "notes": "", "items-TOTAL_FORMS": 0, "items-INITIAL_FORMS": 0} | more


# --- the paper ---------------------------------------------------------------------------------------------------------------------------


def test_from_the_form_to_the_other_shelf(receiver: Client, goods: BatchLocation, house: Site, shop: Site) -> None:
    answer = receiver.post(listing(Transfer) + "add/", head(source_warehouse=house.id, target_warehouse=shop.id))
    assert answer.status_code == 302
    paper = Transfer.objects.get()
    assert (paper.status, paper.target_location, paper.created_by is not None) == ("draft", shop.dock, True)
    assert steps_offered(receiver, paper) == ["add-line", "cancel"]

    line = {"scan": "apples", "place": "", "lot_number": "", "quantity": "4", "target": "c-01"}
    assert take(receiver, paper, "add_line", **line).status_code == 302
    paper = Transfer.objects.get()
    assert steps_offered(receiver, paper) == ["add-line", "remove-line", "send", "cancel"]
    assert take(receiver, paper, "add_line", **line | {"quantity": "1", "target": ""}).status_code == 302
    paper = Transfer.objects.get()
    extra = paper.items.order_by("pk").last()
    assert take(receiver, paper, "remove_line", item_id=extra.pk).status_code == 302
    paper = Transfer.objects.get()
    assert take(receiver, paper, "send").status_code == 302

    paper = Transfer.objects.get()
    assert steps_offered(receiver, paper) == ["receive", "cancel"]
    shown = receiver.get(page(paper)).content.decode()
    assert "100.0%" in shown
    item = paper.items.get()
    assert receiver.get(dialog(paper, "receive")).context["form"].sections()[1][0] == "4 of APPLES, lot L1, from A-01"
    assert take(receiver, paper, "receive", **{f"{item.pk}-arrived": "3", f"{item.pk}-place": "A-01"}).status_code == 302

    paper = Transfer.objects.get()
    assert (paper.status, paper.loss) == ("received", WriteOff.objects.get())
    assert steps_offered(receiver, paper) == []
    assert set(BatchLocation.objects.filter(has_stock=True).values_list("location__warehouse__code", "location__code", "quantity")) == {
        ("MAIN", "A-01", 6), ("SHOP", "A-01", 3),
    }  # fmt: skip
    assert paper.loss.number in receiver.get(page(paper)).content.decode()
    assert_books_balance()


def test_the_head_of_a_draft_is_rewritten(receiver: Client, draft: Transfer, shop: Site, house: Site) -> None:
    changed = head(target_location=shop.shelf.pk, notes="call before", seen_version=1)
    assert receiver.post(page(draft), changed).status_code == 302
    draft = Transfer.objects.get()
    assert (draft.version, draft.target_location, draft.notes) == (2, shop.shelf, "call before")
    stale = receiver.post(page(draft), changed | {"notes": "again"}, follow=True)
    assert "changed meanwhile" in stale.content.decode()
    wrong = receiver.post(page(draft), head(target_location=house.shelf.pk, seen_version=2))
    assert "is not a place of" in str(wrong.context["adminform"].errors)
    send_transfer(draft.pk, actor=ACTOR)
    assert receiver.post(page(draft), changed | {"seen_version": 3}).status_code == 403


def test_what_is_refused_is_said_in_the_dialog(receiver: Client, draft: Transfer, goods: BatchLocation) -> None:
    BatchLocation.objects.filter(pk=goods.pk).update(quantity=3)
    assert "asked 4, available 3" in errors(take(receiver, draft, "send"))
    assert "names no product" in errors(take(receiver, draft, "add_line", scan="?", place="", lot_number="", quantity="1", target=""))
    assert "no place" in errors(take(receiver, draft, "add_line", scan="APPLES", place="", lot_number="", quantity="1", target="NOPE"))
    assert "changed meanwhile" in errors(take(receiver, draft, "send", version=9))
    draft = Transfer.objects.get()
    assert (draft.status, draft.items.count()) == ("draft", 1)


def test_it_is_given_up_on_the_way(receiver: Client, draft: Transfer, house: Site) -> None:
    send_transfer(draft.pk, actor=ACTOR)
    draft = Transfer.objects.get()
    assert "reason" in errors(take(receiver, draft, "cancel", reason="", place=""))
    assert take(receiver, draft, "cancel", reason="no van", place="c-01").status_code == 302
    draft = Transfer.objects.get()
    assert (draft.status, draft.cancellation_reason) == ("cancelled", "no van")
    assert BatchLocation.objects.get(location=house.cool).quantity == 4
    assert_books_balance()


def test_who_sees_and_who_may(draft: Transfer) -> None:
    for role in (Role.AUDITOR, Role.VIEWER):
        reader = office(role)
        assert reader.get(page(draft)).status_code == 200
        assert steps_offered(reader, draft) == []
        assert reader.post(dialog(draft, "send"), {"expected_version": 1}).status_code == 403
    for role in (Role.PICKER, Role.PACKER, Role.SELLER):
        assert office(role).get(page(draft)).status_code == 403
    assert [row.pk for row in office(Role.RECEIVER).get(listing(Transfer)).context["cl"].result_list] == [draft.pk]


# --- what lies in a place ----------------------------------------------------------------------------------------------------------------


def test_goods_are_moved(receiver: Client, goods: BatchLocation, house: Site) -> None:
    assert moves_offered(receiver, goods) == ["move", "change-phase", "split"]
    form = receiver.get(dialog(goods, "move")).context["form"]
    assert (form.initial["quantity"], form.tells()) == ("10", [f"{goods.product}, lot L1, sealed: 10 in A-01."])
    assert take(receiver, goods, "move", version=-1, quantity="4", place=house.cool.barcode, reason="cooler").status_code == 302
    assert BatchLocation.objects.get(location=house.cool).quantity == 4
    assert "no place" in errors(take(receiver, goods, "move", version=-1, quantity="4", place="NOPE", reason=""))
    assert "available 6" in errors(take(receiver, goods, "move", version=-1, quantity="7", place="C-01", reason=""))
    assert moves_offered(office(Role.PICKER), goods) == ["move", "change-phase"]
    assert moves_offered(office(Role.VIEWER), goods) == []
    assert_books_balance()


def test_goods_are_put_away(receiver: Client, apples: Product, house: Site) -> None:
    dock = stocked(apples, house.dock, 5)
    assert moves_offered(receiver, dock) == ["put-away", "move", "change-phase", "split"]
    form = receiver.get(dialog(dock, "put_away")).context["form"]
    assert form.fields["suggested"].choices[0] == (str(house.cool.pk), "C-01: the nearest empty place of the right kind")
    assert take(receiver, dock, "put_away", version=-1, quantity="2", suggested=house.cool.pk, place="").status_code == 302
    assert take(receiver, dock, "put_away", version=-1, quantity="3", suggested="", place="A-01").status_code == 302
    assert set(BatchLocation.objects.filter(has_stock=True).values_list("location__code", "quantity")) == {("C-01", 2), ("A-01", 3)}
    other = stocked(apples, house.dock, 5)
    assert "Choose a place" in errors(take(receiver, other, "put_away", version=-1, quantity="2", suggested="", place=""))
    assert_books_balance()


def test_goods_are_opened_and_split(receiver: Client, goods: BatchLocation) -> None:
    assert take(receiver, goods, "change_phase", version=-1, change="open", quantity="1", place="", reason="to taste").status_code == 302
    opened = BatchLocation.objects.get(phase="opened")
    assert moves_offered(receiver, opened) == ["move", "split"]
    assert "may not be frozen" in errors(take(receiver, goods, "change_phase", version=-1, change="freeze", quantity="1", place="F-01", reason=""))
    assert take(receiver, goods, "split", version=-1, quantity="2", lot_number="SPECIAL", reason="").status_code == 302
    assert Batch.objects.get(lot_number="SPECIAL").parent == goods.batch
    assert_books_balance()


# --- places ------------------------------------------------------------------------------------------------------------------------------


def test_a_place_is_changed_in_its_form(goods: BatchLocation, house: Site) -> None:
    manager = office(Role.MANAGER)
    form = {
        "code": "A-01", "barcode": house.shelf.barcode, "condition": "chilled", "exposure": "ambient", "is_pickable": "on", "is_active": "on",
        "fixed_product": goods.product_id, "zone": "", "aisle": "", "bay": "", "level": "", "pick_sequence": "0", "x": "", "y": "",
        "seen_version": house.shelf.version,
    }  # fmt: skip
    answer = manager.post(page(house.shelf), form)
    assert answer.status_code == 302, answer.context["adminform"].errors
    shelf = Location.objects.get(pk=house.shelf.pk)
    assert (shelf.condition, shelf.fixed_product_id) == ("chilled", goods.product_id)
    assert BatchLocation.objects.get().clock_condition == "chilled"
    form |= {"seen_version": shelf.version}
    refused = manager.post(page(house.shelf), form | {"condition": "frozen"}, follow=True)
    assert "no shelf life for frozen" in refused.content.decode()
    promise_order("shop:1", [OrderedLine(goods.product_id, Decimal(3))], actor=ACTOR)
    closing = {name: value for name, value in form.items() if name != "is_active"}
    assert "promised to shop:1" in manager.post(page(house.shelf), closing, follow=True).content.decode()
    assert manager.post(page(house.shelf), closing | {"release_reservations": "on"}).status_code == 302
    row = BatchLocation.objects.get()
    assert (row.reserved, row.blocked_reason, Location.objects.get(pk=house.shelf.pk).is_active) == (0, "place", False)
    assert_books_balance()
