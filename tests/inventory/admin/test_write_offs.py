"""Write-offs at the back office: the head in a form, everything else by steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.models import Batch, BatchLocation, Movement, Product, WriteOff
from inventory.orchestrator import OrderedLine, WriteOffLine, confirm_write_off, create_write_off, promise_order
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, SellerFactory, Site, site, stocked
from tests.factories.office import clerk, dialog, listing, office, page, steps_offered, take
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Client:
    return office(Role.RECEIVER)


@pytest.fixture
def product(house: Site) -> Product:
    return ProductFactory(sku="YOG-1", name="Yoghurt")


@pytest.fixture
def place(product: Product, house: Site) -> BatchLocation:
    return stocked(product, house.shelf, 10, lot="L1")


@pytest.fixture
def draft(place: BatchLocation, house: Site) -> WriteOff:
    return create_write_off(warehouse_id=house.id, lines=[WriteOffLine(place.pk, Decimal(4), "damaged", "wet")], actor=ACTOR)


def paper(**more: Any) -> dict[str, Any]:
    inline = {"items-TOTAL_FORMS": 0, "items-INITIAL_FORMS": 0, "items-MIN_NUM_FORMS": 0, "items-MAX_NUM_FORMS": 0}
    return {"notes": ""} | inline | more


def refused(answer: Any) -> str:
    """Why a step's dialog was shown again."""
    assert answer.status_code == 200
    error = answer.context["error"]
    return str(error.detail if error else answer.context["form"].errors)


def test_from_the_paper_to_the_books(receiver: Client, house: Site, product: Product, place: BatchLocation) -> None:
    BarcodeFactory(code="04006381333931", product=product)
    answer = receiver.post(listing(WriteOff) + "add/", paper(warehouse=house.id, notes="the fridge broke"))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    write_off = WriteOff.objects.get()
    assert answer["Location"] == page(write_off)
    assert (write_off.status, write_off.version, write_off.notes, write_off.release_reservations) == ("draft", 1, "the fridge broke", False)
    assert write_off.created_by is not None
    assert steps_offered(receiver, write_off) == ["add-line", "cancel"]

    answer = take(receiver, write_off, "add_line", scan="04006381333931", place="", lot_number="", quantity="3", reason="quality_issue", note="")
    assert answer.status_code == 302, refused(answer)
    write_off = WriteOff.objects.get()
    assert list(write_off.items.values_list("batch_location", "quantity", "reason")) == [(place.pk, 3, "quality_issue")]
    assert steps_offered(receiver, write_off) == ["add-line", "remove-line", "confirm", "cancel"]
    assert take(receiver, write_off, "confirm").status_code == 302

    write_off = WriteOff.objects.get()
    assert (write_off.status, totals(product.pk, house.id)[0]) == ("confirmed", 7)
    assert steps_offered(receiver, write_off) == []
    assert set(LogEntry.objects.values_list("change_message", flat=True)) >= {"Add line: quality_issue", "Confirm"}
    assert_books_balance()


def test_the_head_is_edited_while_it_is_a_draft_and_of_two_editors_the_second_is_told(
    receiver: Client, draft: WriteOff, place: BatchLocation
) -> None:
    assert receiver.post(page(draft), paper(release_reservations="on", seen_version=1)).status_code == 302
    write_off = WriteOff.objects.get()
    assert (write_off.version, write_off.release_reservations) == (2, True)
    told = receiver.post(page(draft), paper(notes="late", seen_version=1), follow=True)
    assert "changed meanwhile" in told.content.decode()
    confirm_write_off(draft.pk, actor=ACTOR)
    assert receiver.post(page(draft), paper(notes="late", seen_version=3)).status_code == 403
    assert WriteOff.objects.get().notes == ""


def test_lines_are_named_by_what_is_scanned(receiver: Client, draft: WriteOff, product: Product, house: Site) -> None:
    docked = stocked(product, house.dock, 5, lot="L1")
    other = stocked(product, house.shelf, 5, lot="L2")

    def add(**more: str) -> Any:
        form = {"scan": "YOG-1", "place": "", "lot_number": "", "quantity": "1", "reason": "lost", "note": ""} | more
        return take(receiver, WriteOff.objects.get(), "add_line", **form)

    assert "several places or lots" in refused(add())
    assert "A-01, lot L1, sealed: 10" in refused(add(place="a-01"))
    assert "No such goods" in refused(add(lot_number="L9"))
    assert "names no product" in refused(add(scan="???"))
    assert "not a multiple" in refused(add(place="DOCK", quantity="0.5"))
    assert "Say what" in refused(add(place="DOCK", reason="other"))
    assert "quantity" in refused(add(place="DOCK", quantity="-1"))
    assert "quantity" in refused(add(place="DOCK", quantity="NaN"))
    assert add(place=house.dock.barcode).status_code == 302
    assert add(place="A-01", lot_number="L2").status_code == 302
    assert list(draft.items.order_by("pk").values_list("batch_location", flat=True))[1:] == [docked.pk, other.pk]


def test_a_line_is_struck_off(receiver: Client, draft: WriteOff) -> None:
    shown = receiver.get(dialog(draft, "remove_line")).content.decode()
    assert "4 of YOG-1, lot L1, in A-01" in shown
    assert take(receiver, draft, "remove_line", item_id=draft.items.get().pk).status_code == 302
    assert not draft.items.exists()


def test_above_the_limit_a_manager_approves(receiver: Client, draft: WriteOff, place: BatchLocation, settings: Any, redis: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(5)
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=Decimal("1.50"))
    draft.items.update(unit_cost=Decimal("1.50"))
    manager = office(Role.MANAGER)
    shown = receiver.get(page(draft)).content.decode()
    assert "6.00 EUR" in shown

    assert take(receiver, draft, "confirm").status_code == 302
    write_off = WriteOff.objects.get()
    assert write_off.status == "awaiting_approval"
    assert (steps_offered(receiver, write_off), steps_offered(manager, write_off)) == (["cancel"], ["approve", "cancel"])
    assert take(receiver, write_off, "approve").status_code == 403
    figures = {figure.title: (figure.value, figure.link, figure.alarm) for figure in manager.get(reverse("admin:index")).context["board"].figures}
    value, link, alarm = figures["Awaiting approval"]
    assert (value, alarm) == ("1", True)
    assert [row.pk for row in manager.get(link).context["cl"].result_list] == [write_off.pk]

    assert take(manager, write_off, "approve").status_code == 302
    write_off = WriteOff.objects.get()
    assert (write_off.status, write_off.approved_by is not None) == ("confirmed", True)
    assert "awaiting" not in steps_offered(manager, write_off)


def test_two_who_press_confirm(receiver: Client, draft: WriteOff) -> None:
    assert take(receiver, draft, "confirm").status_code == 302
    assert "changed meanwhile" in refused(take(office(Role.RECEIVER), draft, "confirm", version=1))
    assert Movement.objects.filter(type="write_off").count() == 1


def test_promised_goods_are_named(receiver: Client, draft: WriteOff, product: Product) -> None:
    promise_order("shop:7", [OrderedLine(product.pk, Decimal(8))], actor=ACTOR)

    answer = take(receiver, draft, "confirm")

    assert "promised to shop:7" in refused(answer)
    assert [line.partition(", ")[2] for line in answer.context["error_data"]] == ["order ref: shop:7, quantity: 8"]


def test_it_may_be_given_up(receiver: Client, draft: WriteOff) -> None:
    assert take(receiver, draft, "cancel", reason="found it").status_code == 302
    assert (WriteOff.objects.get().status, WriteOff.objects.get().cancellation_reason) == ("cancelled", "found it")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_readers_read(role: Role, draft: WriteOff) -> None:
    reader = office(role)
    assert reader.get(page(draft)).status_code == 200
    assert reader.get(listing(WriteOff)).status_code == 200
    assert steps_offered(reader, draft) == []
    assert reader.post(page(draft), paper(notes="x", seen_version=1)).status_code == 403
    assert take(reader, draft, "confirm").status_code == 403


@pytest.mark.parametrize("role", [Role.PICKER, Role.PACKER])
def test_others_do_not_even_see_them(role: Role, draft: WriteOff) -> None:
    assert office(role).get(page(draft)).status_code == 403
    assert office(role).get(listing(WriteOff)).status_code == 403


def test_a_seller_sees_and_writes_its_own(draft: WriteOff, product: Product, house: Site) -> None:
    user, owner = clerk(Role.SELLER), SellerFactory()
    owner.members.add(user)
    own = site(seller=owner)
    mine = create_write_off(warehouse_id=own.id, lines=[WriteOffLine(stocked(product, own.shelf, 5).pk, Decimal(1), "lost")], actor=ACTOR)
    seller = Client()
    seller.force_login(user)

    assert [row.pk for row in seller.get(listing(WriteOff)).context["cl"].result_list] == [mine.pk]
    assert steps_offered(seller, mine) == ["add-line", "remove-line", "confirm", "cancel"]
    assert seller.get(page(draft)).status_code == 302
    assert take(seller, draft, "confirm").status_code == 404
    assert take(seller, mine, "confirm").status_code == 302
    answer = seller.post(listing(WriteOff) + "add/", paper(warehouse=house.id), follow=True)
    assert f"no warehouse {house.id}" in answer.content.decode()
    assert set(WriteOff.objects.values_list("status", flat=True)) == {"draft", "confirmed"}


def test_the_list_filters_and_does_not_grow(draft: WriteOff, house: Site, product: Product) -> None:
    manager = office(Role.MANAGER)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = manager.get(listing(WriteOff))
        assert answer.status_code == 200
        return len(queries)

    first = statements()
    for n in range(3):
        lines = [WriteOffLine(stocked(product, house.shelf, 3, lot=f"X{n}").pk, Decimal(1), "lost")] * 2
        create_write_off(warehouse_id=house.id, lines=lines, actor=person(Role.RECEIVER))
    assert statements() == first
    assert first <= 12
    for query in ("?status__exact=draft", "?origin__exact=manual", f"?warehouse__id__exact={house.id}", f"?q={draft.number}"):
        assert draft.pk in [row.pk for row in manager.get(listing(WriteOff) + query).context["cl"].result_list]
