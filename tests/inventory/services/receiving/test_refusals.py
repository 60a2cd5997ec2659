"""Deliveries that are refused: short dates, wrong places, and what makes no sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from inventory.errors import ShortDated
from inventory.models import Batch, BatchLocation, Location, Movement, Product, Receiving, Stock
from inventory.orchestrator import (
    PlaceNotAllowed,
    ReceivingLine,
    add_item,
    cancel_audit,
    cancel_receiving,
    cancel_transfer,
    cancel_write_off,
    change_item,
    change_receiving,
    confirm_receiving,
    create_audit,
    create_receiving,
    create_return,
    create_transfer,
    create_write_off,
    receive_item,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, site
from tests.inventory.books import totals
from tests.inventory.receiving import draft, line, on
from warehouse.core.errors import NotFound, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_what_keeps_for_less_than_the_product_asks_is_refused_naming_every_line(milk: Product, house: Site, days: int) -> None:
    receiving = draft(house, line(milk, 1, lot_number="A", label_expires_on=on(days)), line(milk, 1, lot_number="OK", label_expires_on=on(9)),
                      line(milk, 1, lot_number="B", label_expires_on=on(days)))  # fmt: skip

    with pytest.raises(ShortDated) as refusal:
        confirm_receiving(receiving.pk, actor=ACTOR)

    first, _, last = receiving.items.order_by("pk")
    assert [(e["line"], e["lot"]) for e in refusal.value.errors] == [(first.pk, "A"), (last.pk, "B")]
    assert not Movement.objects.exists()
    assert not Batch.objects.exists()


def test_short_dated_goods_are_accepted_with_a_reason(milk: Product, house: Site) -> None:
    confirm_receiving(
        draft(house, line(milk, 5, label_expires_on=on(1), accept_short_dated=True, short_dated_reason="for the staff")).pk, actor=ACTOR
    )

    assert totals(milk.pk, house.id) == (5, 0, 5, 0)
    assert BatchLocation.objects.get().blocked_reason == "expired"


def test_accepting_without_a_reason_is_refused(milk: Product, house: Site) -> None:
    with pytest.raises(ValidationFailed, match="say why"):
        draft(house, line(milk, 5, label_expires_on=on(1), accept_short_dated=True))


def test_a_place_where_the_product_may_not_live(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    receiving = draft(house, line(milk, 1, location_id=house.shelf.pk), line(milk, 1, location_id=house.dock.pk), line(bread, 1))

    with pytest.raises(PlaceNotAllowed) as refusal:
        confirm_receiving(receiving.pk, actor=ACTOR)

    assert [(e["sku"], e["location"], e["condition"]) for e in refusal.value.errors] == [("MILK", "A-01", "ambient"), ("BREAD", "C-01", "chilled")]
    assert not Stock.objects.exists()


def test_a_place_of_another_warehouse(milk: Product, house: Site) -> None:
    other = site()

    with pytest.raises(PlaceNotAllowed, match="not an active place") as refusal:
        draft(house, line(milk, 1), line(milk, 1, location_id=other.cool.pk), line(milk, 1, location_id=house.cool.pk))
    assert [error["field"] for error in refusal.value.errors] == ["lines[1].location"]
    with pytest.raises(PlaceNotAllowed):
        create_receiving(warehouse_id=house.id, location_id=other.cool.pk, actor=ACTOR)
    assert not Receiving.objects.exists()
    receiving = draft(house, line(milk, 1))
    for change in (
        lambda: add_item(receiving.pk, line(milk, 1, location_id=other.cool.pk), actor=ACTOR),
        lambda: change_item(receiving.pk, receiving.items.get().pk, {"location_id": other.cool.pk}, actor=ACTOR),
        lambda: change_receiving(receiving.pk, {"location_id": other.cool.pk}, actor=ACTOR),
        lambda: receive_item(receiving.pk, scan="MILK", location_id=other.cool.pk, actor=ACTOR),
    ):
        with pytest.raises(PlaceNotAllowed, match="C-01 is not an active place of this warehouse"):
            change()
    assert Receiving.objects.get().version == 1


def test_a_place_that_was_closed_meanwhile(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 1, location_id=house.cool.pk))
    Location.objects.filter(pk=house.cool.pk).update(is_active=False)

    with pytest.raises(PlaceNotAllowed, match="C-01 is not an active place"):
        confirm_receiving(receiving.pk, actor=ACTOR)
    assert not Movement.objects.exists()


def test_only_what_may_change_is_changed(milk: Product, house: Site) -> None:
    bread, other = ProductFactory(sku="BREAD"), site()
    receiving = draft(house, line(milk, 1))
    for values in ({"number": "X"}, {"warehouse_id": other.id}, {"status": "confirmed", "notes": "x"}, {"created_by_id": 1}):
        with pytest.raises(ValidationFailed, match="can't be changed") as refusal:
            change_receiving(receiving.pk, values, actor=ACTOR)
        assert [error["field"] for error in refusal.value.errors] == [next(iter(values))]
    for values in ({"product_id": bread.pk}, {"receiving_id": 1}, {"batch_id": 1}):
        with pytest.raises(ValidationFailed, match="can't be changed"):
            change_item(receiving.pk, receiving.items.get().pk, values, actor=ACTOR)
    receiving = Receiving.objects.get()
    assert (receiving.version, receiving.warehouse_id, receiving.items.get().product) == (1, house.id, milk)


@pytest.mark.parametrize(("reason", "code"), [("", "required"), ("  ", "required"), ("x" * 201, "too_long")])
def test_a_reason_that_is_none_or_too_long_gives_up_nothing(house: Site, reason: str, code: str) -> None:
    home = {"warehouse_id": house.id, "actor": ACTOR}
    receiving, write_off, audit = create_receiving(**home), create_write_off(**home), create_audit(**home)
    transfer = create_transfer(source_warehouse_id=house.id, target_warehouse_id=house.id, actor=ACTOR)
    for document, give_up in ((receiving, cancel_receiving), (write_off, cancel_write_off), (audit, cancel_audit), (transfer, cancel_transfer)):
        with pytest.raises(ValidationFailed) as refusal:
            give_up(document.pk, reason=reason, actor=ACTOR)
        assert [(error["field"], error["code"]) for error in refusal.value.errors] == [("reason", code)]
        assert type(document).objects.get().status == "draft"
        kept = give_up(document.pk, reason=f" {'y' * 200} ", actor=ACTOR)
        assert (kept.status, kept.cancellation_reason) == ("cancelled", "y" * 200)


def test_nothing_is_written_for_a_closed_site(house: Site) -> None:
    house.warehouse.is_active = False
    house.warehouse.save()
    home = {"warehouse_id": house.id, "actor": ACTOR}
    for write in (
        lambda: create_receiving(**home),
        lambda: create_audit(**home),
        lambda: create_return(order_ref="shop:1", **home),
        lambda: create_transfer(source_warehouse_id=house.id, target_warehouse_id=site().id, actor=ACTOR),
        lambda: create_transfer(source_warehouse_id=site().id, target_warehouse_id=house.id, actor=ACTOR),
    ):
        with pytest.raises(NotFound, match=f"There is no active warehouse {house.id}"):
            write()


def test_a_text_that_is_longer_than_is_kept_is_not_cut(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 1))
    item = receiving.items.get()
    for field, most, write in (
        ("supplier_reference", 80, lambda text: draft(house, supplier_reference=text)),
        ("supplier_reference", 80, lambda text: change_receiving(receiving.pk, {"supplier_reference": text}, actor=ACTOR)),
        ("lines[1].lot_number", 60, lambda text: draft(house, line(milk, 1), line(milk, 1, lot_number=text))),
        ("lines[0].short_dated_reason", 200, lambda text: add_item(receiving.pk, line(milk, 1, short_dated_reason=text), actor=ACTOR)),
        ("lines[0].lot_number", 60, lambda text: change_item(receiving.pk, item.pk, {"lot_number": text}, actor=ACTOR)),
        ("lot_number", 60, lambda text: receive_item(receiving.pk, scan="MILK", lot_number=text, actor=ACTOR)),
        ("short_dated_reason", 200, lambda text: receive_item(receiving.pk, scan="MILK", short_dated_reason=text, actor=ACTOR)),
    ):
        with pytest.raises(ValidationFailed) as refusal:
            write("x" * (most + 1))
        assert [(error["field"], error["code"], error["most"]) for error in refusal.value.errors] == [(field, "too_long", most)]
        write("x" * most)


def test_places_warehouses_suppliers_and_products_that_do_not_exist(milk: Product, house: Site) -> None:
    with pytest.raises(PlaceNotAllowed, match="Location 999999 is not an active place"):
        create_receiving(warehouse_id=house.id, location_id=999_999, actor=ACTOR)
    with pytest.raises(PlaceNotAllowed, match="Location 999999 is not an active place"):
        draft(house, line(milk, 1, location_id=999_999))
    with pytest.raises(NotFound, match="no active warehouse"):
        create_receiving(warehouse_id=999_999, actor=ACTOR)
    with pytest.raises(NotFound, match="no supplier"):
        draft(house, supplier_id=999_999)
    with pytest.raises(ValidationFailed, match="no active product 999999"):
        draft(house, ReceivingLine(999_999, Decimal(1)))
    retired = ProductFactory(is_active=False)
    with pytest.raises(ValidationFailed, match="no active product"):
        draft(house, line(retired))


@pytest.mark.parametrize(
    "amounts",
    [
        {"expected_quantity": Decimal("0.5")}, {"actual_quantity": Decimal("1.5")}, {"actual_quantity": Decimal(-1)}, {"damaged_quantity": Decimal(-1)},
        {"expected_quantity": Decimal("NaN")}, {"actual_quantity": Decimal("1e30")}, {"expected_quantity": Decimal("Infinity")},
        {"actual_quantity": Decimal(2), "damaged_quantity": Decimal(3)},
    ],
)  # fmt: skip
def test_quantities_that_are_none(milk: Product, house: Site, amounts: dict[str, Decimal]) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        draft(house, ReceivingLine(milk.pk, **amounts))

    assert refusal.value.errors[0]["field"].startswith("lines[0].")


def test_nothing_has_arrived(milk: Product, house: Site) -> None:
    with pytest.raises(ValidationFailed, match="nothing has arrived"):
        confirm_receiving(draft(house, line(milk, 5, actual_quantity=Decimal(0))).pk, actor=ACTOR)


def test_a_warehouse_without_a_quarantine(milk: Product, house: Site) -> None:
    house.quarantine.is_active = False
    house.quarantine.save()

    with pytest.raises(NotFound, match="has no active quarantine"):
        confirm_receiving(draft(house, line(milk, 5, damaged_quantity=Decimal(1))).pk, actor=ACTOR)


def test_a_date_that_people_write_for_never(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5, label_expires_on=date.max))

    with pytest.raises(ValidationFailed, match="Leave it empty for goods that do not expire"):
        confirm_receiving(receiving.pk, actor=ACTOR)


@pytest.mark.parametrize(
    "wrong", [{"expected_quantity": Decimal(1_000_001)}, {"damaged_quantity": Decimal(10) ** 12}, {"purchase_price": Decimal(-1)}]
)
def test_what_no_delivery_has_is_refused_whoever_says_it(milk: Product, house: Site, wrong: dict[str, Decimal]) -> None:
    """REST judges it too; the pages of the back office call the operation with what their form allows."""
    receiving = draft(house)
    with pytest.raises(ValidationFailed):
        add_item(receiving.pk, replace(line(milk, 1), **wrong), actor=ACTOR)
    item = add_item(receiving.pk, line(milk, 1), actor=ACTOR)
    with pytest.raises(ValidationFailed):
        change_item(receiving.pk, item.pk, wrong, actor=ACTOR)
    item.refresh_from_db()
    assert (item.expected_quantity, item.damaged_quantity, item.purchase_price) == (1, 0, 0)
