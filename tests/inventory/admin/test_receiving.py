"""Deliveries at the back office: the paper in plain forms, the goods by steps."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from inventory.models import Batch, Movement, Product, Receiving, ReceivingItem, Stock
from inventory.services.receiving import ReceivingLine, create_receiving
from inventory.services.receiving_confirmation import confirm_receiving
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, Site, SupplierFactory, site
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Client:
    return office(Role.RECEIVER)


@pytest.fixture
def product(db: None) -> Product:
    return ProductFactory(sku="YOG-1", name="Yoghurt")


@pytest.fixture
def draft(house: Site, product: Product) -> Receiving:
    line = ReceivingLine(product.pk, Decimal(10), lot_number="L1", location_id=house.shelf.pk)
    return create_receiving(warehouse_id=house.id, lines=[line], actor=ACTOR)


def lines(*rows: dict[str, Any], kept: int = 0) -> dict[str, Any]:
    """The inline forms of lines, as the page posts them."""
    form: dict[str, Any] = {"items-TOTAL_FORMS": len(rows), "items-INITIAL_FORMS": kept, "items-MIN_NUM_FORMS": 0, "items-MAX_NUM_FORMS": 1000}
    for number, row in enumerate(rows):
        values = {"expected_quantity": "0", "actual_quantity": "0", "damaged_quantity": "0", "purchase_price": "0"} | row
        form |= {f"items-{number}-{name}": value for name, value in values.items()}
    return form


def problems(answer: Any) -> list[str]:
    forms = [answer.context["adminform"].form, *(form for inline in answer.context["inline_admin_formsets"] for form in inline.formset.forms)]
    return [str(text) for form in forms for texts in form.errors.values() for text in texts]


def test_a_delivery_is_written_with_its_lines(receiver: Client, house: Site, product: Product) -> None:
    supplier = SupplierFactory()
    form = {"warehouse": house.id, "location": "", "supplier": supplier.pk, "supplier_reference": "DN-1", "notes": ""}
    row = {"product": product.pk, "lot_number": "L9", "expected_quantity": "12", "actual_quantity": "11", "damaged_quantity": "1"}
    answer = receiver.post(listing(Receiving) + "add/", form | lines(row))
    assert answer.status_code == 302, problems(answer)
    receiving = Receiving.objects.get()
    assert (receiving.status, receiving.version, receiving.location, receiving.supplier) == ("draft", 2, house.dock, supplier)
    assert receiving.created_by is not None
    assert receiving.number.startswith("RCV-")
    item = receiving.items.get()
    assert (item.lot_number, item.expected_quantity, item.actual_quantity, item.damaged_quantity, item.difference) == ("L9", 12, 11, 1, -1)
    assert not Movement.objects.exists()


def test_a_warehouse_without_a_dock_says_what_is_missing(receiver: Client, house: Site, product: Product) -> None:
    house.dock.delete()
    form = {"warehouse": house.id, "location": "", "supplier": "", "supplier_reference": "", "notes": ""}
    answer = receiver.post(listing(Receiving) + "add/", form | lines())
    assert answer.status_code == 200
    assert "receiving" in problems(answer)[0]
    assert not Receiving.objects.exists()


def change(client: Client, receiving: Receiving, version: int, **row: Any) -> Any:
    item = receiving.items.get()
    values = {"id": item.pk, "receiving": receiving.pk, "product": item.product_id, "lot_number": item.lot_number, "expected_quantity": "10"} | row
    paper = {"location": receiving.location_id, "supplier": "", "supplier_reference": "changed", "notes": "", "seen_version": version}
    return client.post(page(receiving), paper | lines(values, kept=1))


def test_an_open_delivery_is_edited_and_counts_its_version(receiver: Client, draft: Receiving) -> None:
    assert change(receiver, draft, 1, actual_quantity="9").status_code == 302
    draft = Receiving.objects.get()
    assert (draft.version, draft.supplier_reference, draft.items.get().actual_quantity) == (3, "changed", 9)


def test_of_two_editors_the_second_is_told(receiver: Client, draft: Receiving) -> None:
    change(receiver, draft, 1, actual_quantity="9")
    answer = change(office(Role.RECEIVER), draft, 1, actual_quantity="5")
    assert answer.status_code == 200
    assert "changed meanwhile" in problems(answer)[0]
    assert ReceivingItem.objects.get().actual_quantity == 9


def test_a_confirmed_delivery_is_read_only(receiver: Client, draft: Receiving) -> None:
    confirm_receiving(draft.pk, actor=ACTOR)
    assert change(receiver, draft, 2, actual_quantity="1").status_code == 403
    assert ReceivingItem.objects.get().actual_quantity == 10
    assert steps_offered(receiver, draft) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"actual_quantity": "-1"}, "'-1' is not a quantity of YOG-1."),
        ({"actual_quantity": "1.5"}, "YOG-1: 1.5 is not a multiple of 1."),
        ({"actual_quantity": "1", "damaged_quantity": "2"}, "YOG-1: more is damaged than has arrived."),
        ({"accept_short_dated": "on"}, "YOG-1: say why short dated goods are accepted."),
        ({"actual_quantity": "NaN"}, "Enter a number."),
        (
            {"produced_on": "2030-01-02", "label_expires_on": "2030-01-01"},
            "YOG-1: made on 2030-01-02, after it expires on 2030-01-01. Correct the dates.",
        ),
    ],
)
def test_a_wrong_line_is_refused_where_it_is_wrong(receiver: Client, draft: Receiving, row: dict[str, str], problem: str) -> None:
    answer = change(receiver, draft, 1, **row)
    assert answer.status_code == 200
    assert problem in problems(answer)
    assert Receiving.objects.get().version == 1


def test_what_is_refused_of_one_line_saves_nothing_and_keeps_what_was_entered(receiver: Client, draft: Receiving, product: Product) -> None:
    item = draft.items.get()
    kept = {"id": item.pk, "product": product.pk, "lot_number": "L1", "expected_quantity": "10", "actual_quantity": "7"}
    wrong = {"product": product.pk, "lot_number": "L2", "actual_quantity": "3", "damaged_quantity": "4"}
    paper = {"location": draft.location_id, "supplier": "", "supplier_reference": "changed", "notes": "", "seen_version": 1}

    answer = receiver.post(page(draft), paper | lines(kept, wrong, kept=1))

    assert answer.status_code == 200
    first, second = answer.context["inline_admin_formsets"][0].formset.forms[:2]
    assert (dict(first.errors), list(second.errors)) == ({}, ["damaged_quantity"])
    assert (second["lot_number"].value(), second["actual_quantity"].value()) == ("L2", "3")
    draft = Receiving.objects.get()
    assert (draft.version, draft.supplier_reference, draft.items.get().actual_quantity) == (1, "", 10)
    assert not LogEntry.objects.exists()


def test_lines_are_struck_off_added_and_given_another_product(receiver: Client, house: Site, product: Product) -> None:
    bread = ProductFactory(sku="BRD-1")
    receiving = create_receiving(warehouse_id=house.id, lines=[ReceivingLine(product.pk, Decimal(n)) for n in (1, 2, 3)], actor=ACTOR)
    first, second, third = receiving.items.order_by("pk")
    rows = [{"id": item.pk, "product": product.pk, "expected_quantity": item.expected_quantity} for item in (first, second, third)]
    rows[0] |= {"DELETE": "on"}
    rows[1] |= {"product": bread.pk, "lot_number": "B"}
    paper = {"location": "", "supplier": "", "supplier_reference": "", "notes": "", "seen_version": 1}

    answer = receiver.post(page(receiving), paper | lines(*rows, {"product": bread.pk, "expected_quantity": "9"}, kept=3))

    assert answer.status_code == 302, problems(answer)
    kept = receiving.items.order_by("pk").values_list("product__sku", "expected_quantity", "lot_number")
    assert list(kept) == [("YOG-1", 3, ""), ("BRD-1", 2, "B"), ("BRD-1", 9, "")]
    assert Receiving.objects.get().location == house.dock
    assert "Deleted receiving item" in LogEntry.objects.get().get_change_message()


def test_only_possible_steps_are_offered_and_only_to_those_who_may(draft: Receiving, receiver: Client) -> None:
    assert steps_offered(receiver, draft) == ["scan", "add-item", "start", "confirm", "cancel"]
    assert steps_offered(office(Role.AUDITOR), draft) == []
    take(receiver, draft, "start")
    assert steps_offered(receiver, draft) == ["scan", "add-item", "confirm", "cancel"]


def test_looking_at_a_dialog_changes_nothing(receiver: Client, draft: Receiving) -> None:
    for step in ("scan", "add_item", "start", "confirm", "cancel"):
        answer = receiver.get(dialog(draft, step))
        assert answer.status_code == 200
        assert answer.context["form"].initial == {"expected_version": 1}
    assert (Receiving.objects.get().status, Receiving.objects.get().version) == ("draft", 1)
    assert not Movement.objects.exists()


def test_confirming_brings_the_goods_onto_the_books(receiver: Client, draft: Receiving, house: Site, product: Product) -> None:
    answer = take(receiver, draft, "confirm")
    assert answer["Location"] == page(draft)
    assert Receiving.objects.get().status == "confirmed"
    assert Stock.objects.get(product=product, warehouse=house.id).available == 10
    assert Batch.objects.get().lot_number == "L1"
    assert LogEntry.objects.get().change_message == "Confirm"


def test_a_dialog_in_the_page_is_answered_in_the_page(receiver: Client, draft: Receiving) -> None:
    shown = receiver.get(dialog(draft, "confirm"), headers={"HX-Request": "true"})
    assert shown.templates[0].name == "admin/step_dialog.html"
    done = receiver.post(dialog(draft, "confirm"), {"expected_version": 1}, headers={"HX-Request": "true"})
    assert done["HX-Redirect"] == page(draft)


def test_two_managers_pressing_confirm(draft: Receiving) -> None:
    first, second = office(Role.MANAGER), office(Role.MANAGER)
    take(first, draft, "confirm", version=1)
    answer = take(second, draft, "confirm", version=1)
    assert answer.context["error"].code == "stale_version"
    assert Movement.objects.count() == 1


def test_a_refusal_lists_every_line_and_changes_nothing(receiver: Client, house: Site, product: Product) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    old = [ReceivingLine(product.pk, Decimal(5), lot_number=lot, label_expires_on=yesterday, location_id=house.shelf.pk) for lot in ("X1", "X2")]
    receiving = create_receiving(warehouse_id=house.id, lines=old, actor=ACTOR)
    answer = take(receiver, receiving, "confirm")
    assert answer.context["error"].code == "short_dated"
    assert len(answer.context["error_data"]) == 2
    assert "YOG-1" in answer.content.decode()
    assert Receiving.objects.get().status == "draft"
    assert not Movement.objects.exists()


def test_scanning_counts(receiver: Client, draft: Receiving, product: Product) -> None:
    BarcodeFactory(code="4006381333931", product=product, pack_quantity=6)
    take(receiver, draft, "scan", scan="4006381333931", quantity="")
    draft = Receiving.objects.get()
    assert (draft.status, draft.items.get().actual_quantity) == ("in_progress", 16)
    answer = take(receiver, draft, "scan", scan="999", quantity="")
    assert "is no product's barcode" in answer.context["error"].detail


def test_adding_a_line(receiver: Client, draft: Receiving) -> None:
    other = ProductFactory(sku="BRD-1")
    take(
        receiver,
        draft,
        "add_item",
        scan="brd-1",
        lot_number="B7",
        label_expires_on="2031-01-31",
        quantity="4",
        damaged_quantity="1",
        purchase_price="1.25",
    )
    item = ReceivingItem.objects.get(product=other)
    assert (item.lot_number, str(item.label_expires_on), item.actual_quantity, item.damaged_quantity) == ("B7", "2031-01-31", 4, 1)
    assert item.purchase_price == Decimal("1.25")
    assert Receiving.objects.get().version == 2


def test_the_currency_and_the_day_of_production_of_a_line(receiver: Client, draft: Receiving) -> None:
    assert change(receiver, draft, 1, purchase_price="117", currency="rsd", produced_on="2026-01-31").status_code == 302
    item = ReceivingItem.objects.get()
    assert (item.currency, str(item.produced_on)) == ("RSD", "2026-01-31")
    assert problems(change(receiver, draft, 3, currency="E1")) == ["Three letters, such as EUR."]

    more = {"scan": "YOG-1", "quantity": "4", "version": 3}
    take(receiver, draft, "add_item", **more, purchase_price="2", currency="usd", produced_on="2026-02-01")
    take(receiver, draft, "add_item", **more | {"version": 4})
    added = ReceivingItem.objects.exclude(pk=item.pk).order_by("pk")
    assert [(row.currency, str(row.produced_on)) for row in added] == [("USD", "2026-02-01"), ("EUR", "None")]


def test_cancelling_asks_why(receiver: Client, draft: Receiving) -> None:
    assert "reason" in take(receiver, draft, "cancel", reason=" ").context["form"].errors
    take(receiver, draft, "cancel", reason="lorry turned back")
    draft = Receiving.objects.get()
    assert (draft.status, draft.cancellation_reason) == ("cancelled", "lorry turned back")
    assert LogEntry.objects.get().change_message == "Give up: lorry turned back"


def test_a_step_is_refused_to_those_who_may_not(draft: Receiving) -> None:
    for role, code in ((Role.AUDITOR, 403), (Role.VIEWER, 403), (Role.PICKER, 403), (Role.SELLER, 404)):  # of a seller's own sites it is none
        for answer in (office(role).get(dialog(draft, "confirm")), take(office(role), draft, "confirm")):
            assert answer.status_code == code
    assert Client().post(dialog(draft, "confirm"), {"expected_version": 1})["Location"].startswith("/admin/login/")
    assert Receiving.objects.get().status == "draft"


def test_steps_need_a_csrf_token(draft: Receiving) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = office(Role.MANAGER).cookies
    assert client.post(dialog(draft, "confirm"), {"expected_version": 1}).status_code == 403
    assert Receiving.objects.get().status == "draft"


def test_a_step_of_nothing_is_not_found(receiver: Client, draft: Receiving) -> None:
    assert receiver.get(reverse("admin:inventory_receiving_confirm", args=[draft.pk + 1])).status_code == 404
    assert receiver.get(reverse("admin:inventory_receiving_confirm", args=["x"])).status_code == 404


def test_places_of_another_warehouse_are_refused(receiver: Client, house: Site) -> None:
    elsewhere = site()
    form = {"warehouse": house.id, "location": elsewhere.dock.pk, "supplier": "", "supplier_reference": "", "notes": ""}
    answer = receiver.post(listing(Receiving) + "add/", form | lines())
    assert problems(answer) == ["Location DOCK is not an active place of this warehouse."]
