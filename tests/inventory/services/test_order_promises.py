"""The promise to a whole order: from where, adopting what its checkout had reserved."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Product, Reservation, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    Reserved,
    consume_reservation,
    promise_order,
    release_items,
    release_order,
    release_reservation,
    reserve_for_order,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, WarehouseFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(house: Site) -> Site:
    """Another warehouse, asked after the first."""
    return site(code="SECOND", external_id="2", priority=200)


@pytest.fixture
def milk(house: Site, second: Site) -> Product:
    """6 in the first warehouse (two lots), 9 in the second."""
    product = ProductFactory(sku="MILK", lives={"chilled": 30})
    stocked(product, house.cool, 2, lot="A", expires_in_days=4)
    stocked(product, house.cool, 4, lot="B", expires_in_days=8)
    stocked(product, second.cool, 9, lot="C", expires_in_days=6)
    return product


@pytest.fixture
def bread(house: Site, second: Site) -> Product:
    """3 in the second warehouse only."""
    product = ProductFactory(sku="BREAD")
    stocked(product, second.shelf, 3)
    return product


def line(product: Product, quantity: int | str, **more: Any) -> OrderedLine:
    return OrderedLine(product.pk, Decimal(quantity), **more)


def promise(*lines: OrderedLine, ref: str = "shop:1", **more: Any) -> list[Reserved]:
    return promise_order(ref, lines, actor=ACTOR, **more)


def where(reserved: list[Reserved]) -> dict[str, dict[str, Decimal]]:
    """What an order holds, by warehouse and product."""
    result: dict[str, dict[str, Decimal]] = {}
    for row in ReservationItem.objects.filter(reservation__in=[r.reservation_id for r in reserved]).select_related(
        "reservation__warehouse", "product"
    ):
        if row.held:
            products = result.setdefault(row.reservation.warehouse.code, {})
            products[row.product.sku] = products.get(row.product.sku, Decimal(0)) + row.held
    return result


# --- from where --------------------------------------------------------------------------------------------------------------------------


def test_from_the_first_warehouse_that_has_all(milk: Product, bread: Product) -> None:
    assert where(promise(line(milk, 6))) == {"MAIN": {"MILK": 6}}
    assert where(promise(line(milk, 1), ref="shop:2")) == {"SECOND": {"MILK": 1}}


def test_from_one_that_has_all_rather_than_from_two(milk: Product, bread: Product) -> None:
    assert where(promise(line(milk, 5), line(bread, 1))) == {"SECOND": {"MILK": 5, "BREAD": 1}}


def test_from_two_when_none_has_all(milk: Product, house: Site, second: Site) -> None:
    with heard() as events:
        reserved = promise(line(milk, 15))

    assert where(reserved) == {"MAIN": {"MILK": 6}, "SECOND": {"MILK": 9}}
    assert [r.warehouse_id for r in reserved] == [house.id, second.id]
    assert [(e["warehouse_id"], e["quantity"]) for e in events.of("inventory.reserved")] == [("1", "6"), ("2", "9")]
    assert events.types().count("stock.out") == 2
    assert_books_balance()


def test_a_line_that_names_its_warehouse(milk: Product, second: Site) -> None:
    assert where(promise(line(milk, 2, warehouse_id=second.id))) == {"SECOND": {"MILK": 2}}


def test_what_may_come_from_anywhere_goes_with_what_is_named(milk: Product, bread: Product, second: Site) -> None:
    assert where(promise(line(bread, 1, warehouse_id=second.id), line(milk, 2))) == {"SECOND": {"MILK": 2, "BREAD": 1}}


def test_named_and_anywhere_of_the_same_product_are_not_counted_twice(milk: Product, house: Site) -> None:
    assert where(promise(line(milk, 6, warehouse_id=house.id), line(milk, 6))) == {"MAIN": {"MILK": 6}, "SECOND": {"MILK": 6}}
    with pytest.raises(InsufficientStock):
        promise(line(milk, 1, warehouse_id=house.id), line(milk, 4), ref="shop:2")


def test_a_closed_warehouse_is_not_asked_unless_named(milk: Product, house: Site) -> None:
    house.warehouse.is_active = False
    house.warehouse.save()

    assert where(promise(line(milk, 1))) == {"SECOND": {"MILK": 1}}


def test_what_is_too_short_dated_does_not_count_when_choosing(milk: Product) -> None:
    """Of the first warehouse's 6 only 4 keep for more than 5 days."""
    assert where(promise(line(milk, 5, min_remaining_days=5))) == {"SECOND": {"MILK": 5}}
    assert where(promise(line(milk, 4, min_remaining_days=7), ref="shop:2")) == {"MAIN": {"MILK": 4}}


def test_shipping_later(milk: Product) -> None:
    assert where(promise(line(milk, 5), ship_at=timezone.now() + timedelta(days=5))) == {"SECOND": {"MILK": 5}}


def test_all_or_nothing_and_every_short_line(milk: Product, bread: Product, house: Site) -> None:
    jam = ProductFactory(sku="JAM")

    with heard() as events, pytest.raises(InsufficientStock) as refusal:
        promise(line(milk, 16), line(bread, 1), line(jam, 2), line(bread, 3, warehouse_id=house.id))

    assert sorted((s.sku, s.asked, s.available) for s in refusal.value.shortages) == [("BREAD", 4, 1), ("JAM", 2, 0), ("MILK", 16, 15)]
    assert list(events) == []
    assert not Reservation.objects.exists()


def test_nothing_anywhere_and_no_warehouse_at_all() -> None:
    jam = ProductFactory(sku="JAM")
    with pytest.raises(ValidationFailed, match="no active warehouse"):
        promise(line(jam, 1))
    WarehouseFactory()
    with pytest.raises(InsufficientStock):
        promise(line(jam, 1))
    with pytest.raises(ValidationFailed, match="no line"):
        promise()


def test_as_many_statements_for_ten_lines_as_for_one(house: Site) -> None:
    products = [ProductFactory() for _ in range(11)]
    for product in products:
        stocked(product, house.shelf, 5)
    counts = []
    for number, chosen in enumerate((products[:1], products[1:])):
        with CaptureQueriesContext(connection) as queries:
            promise(*(line(product, 1) for product in chosen), ref=f"shop:{number}")
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))

    assert counts == [5, 5]


# --- adopting ----------------------------------------------------------------------------------------------------------------------------


def checkout(house: Site, *lines: OrderedLine, ref: str = "shop:1") -> Reserved:
    return reserve_for_order(ref, lines, warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=30))


def test_an_equal_checkout_is_adopted_without_a_movement(milk: Product, house: Site) -> None:
    before = checkout(house, line(milk, 5))

    with heard() as events:
        (after,) = promise(line(milk, 5))

    reservation = Reservation.objects.get()
    assert (after.reservation_id, reservation.expires_at, reservation.status) == (before.reservation_id, None, "active")
    assert list(events) == []
    assert {item.id for item in after.items} == {item.id for item in before.items}


def test_the_order_wants_more(milk: Product, house: Site) -> None:
    before = checkout(house, line(milk, 1))

    with heard() as events:
        (after,) = promise(line(milk, 6))

    assert after.reservation_id == before.reservation_id
    assert where([after]) == {"MAIN": {"MILK": 6}}
    assert events.of("inventory.reserved")[0]["quantity"] == "5"
    assert totals(milk.pk, house.id) == (6, 6, 0, 0)
    assert len(Reservation.objects.get().explanation) == 2
    assert_books_balance()


def test_what_the_checkout_holds_but_will_not_keep_until_it_ships_is_exchanged(milk: Product, house: Site) -> None:
    before = checkout(house, line(milk, 3))
    early = ReservationItem.objects.filter(reservation=before.reservation_id).order_by("pk").first()
    assert early is not None
    assert early.batch_location.effective_expires_at is not None

    with heard() as events:
        (after,) = promise(line(milk, 3), ship_at=early.batch_location.effective_expires_at)

    held = ReservationItem.objects.filter(reservation=after.reservation_id, quantity__gt=F("consumed") + F("released"))
    assert {item.batch_location.batch.lot_number for item in held} == {"B"}
    assert sum(item.held for item in held) == 3
    assert events.of("inventory.released")[0]["reason"] == "NOT_FIT_AT_SHIP_TIME"
    assert_books_balance()


def test_the_order_wants_less_and_the_earlier_date_stays(milk: Product, house: Site) -> None:
    checkout(house, line(milk, 6))

    with heard() as events:
        (after,) = promise(line(milk, 3))

    items = ReservationItem.objects.filter(reservation=after.reservation_id).select_related("batch_location__batch").order_by("pk")
    assert [(item.batch_location.batch.lot_number, item.held) for item in items] == [("A", 2), ("B", 1)]
    assert events.of("inventory.released")[0]["reason"] == "NOT_IN_THE_CONFIRMED_ORDER"
    assert totals(milk.pk, house.id) == (6, 3, 0, 3)
    assert_books_balance()


def test_the_order_wants_other_products(milk: Product, bread: Product, second: Site) -> None:
    before = checkout(second, line(milk, 5))

    (after,) = promise(line(bread, 2))

    assert after.reservation_id == before.reservation_id
    assert where([after]) == {"SECOND": {"BREAD": 2}}
    assert totals(milk.pk, second.id) == (9, 0, 0, 9)
    assert_books_balance()


def test_the_order_goes_to_another_warehouse(milk: Product, house: Site, second: Site) -> None:
    before = checkout(house, line(milk, 2))

    reserved = promise(line(milk, 3, warehouse_id=second.id))

    assert where(reserved) == {"SECOND": {"MILK": 3}}
    old = Reservation.objects.get(pk=before.reservation_id)
    assert (old.status, old.reason) == ("released", "NOT_IN_THE_CONFIRMED_ORDER")
    assert totals(milk.pk, house.id) == (6, 0, 0, 6)
    assert_books_balance()


def test_the_checkouts_warehouse_is_kept_where_the_order_leaves_it_open(milk: Product, second: Site) -> None:
    checkout(second, line(milk, 2))

    assert where(promise(line(milk, 3))) == {"SECOND": {"MILK": 3}}


def test_a_checkout_under_another_reference(milk: Product, house: Site) -> None:
    before = checkout(house, line(milk, 2), ref="cart:9")

    (after,) = promise(line(milk, 3), reservation_ref="cart:9")

    reservation = Reservation.objects.get()
    assert (after.reservation_id, reservation.order_ref, reservation.expires_at) == (before.reservation_id, "shop:1", None)
    assert where([after]) == {"MAIN": {"MILK": 3}}
    assert_books_balance()


def test_two_checkouts_in_the_same_warehouse_are_a_conflict(milk: Product, house: Site) -> None:
    checkout(house, line(milk, 2), ref="cart:9")
    checkout(house, line(milk, 2), ref="shop:1")

    with pytest.raises(Conflict):
        promise(line(milk, 3), reservation_ref="cart:9")

    assert totals(milk.pk, house.id) == (6, 4, 0, 2)


def test_a_checkout_that_is_gone_is_no_obstacle(milk: Product, house: Site) -> None:
    gone = checkout(house, line(milk, 2))
    release_reservation(gone.reservation_id, reason="LEFT", actor=ACTOR, for_order=True)

    assert where(promise(line(milk, 3), reservation_ref="cart:never")) == {"MAIN": {"MILK": 3}}


def test_when_the_rest_is_short_the_checkout_stays_as_it_was(milk: Product, house: Site) -> None:
    checkout(house, line(milk, 5))

    with pytest.raises(InsufficientStock) as refusal:
        promise(line(milk, 7, warehouse_id=house.id))

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(7, 6)]
    assert Reservation.objects.get().expires_at is not None
    assert totals(milk.pk, house.id) == (6, 5, 0, 1)


def test_promising_the_same_order_again_changes_nothing(milk: Product) -> None:
    first = promise(line(milk, 15))

    with heard() as events:
        again = promise(line(milk, 15))

    assert [r.reservation_id for r in again] == [r.reservation_id for r in first]
    assert list(events) == []


# --- whose promise it is -----------------------------------------------------------------------------------------------------------------


def test_a_confirmed_order_that_has_changed_keeps_what_still_fits(milk: Product, bread: Product, house: Site, second: Site) -> None:
    """Two items of lot B would send somebody to one place twice."""
    (before,) = promise(line(milk, 3))
    kept = [item.id for item in before.items]
    with pytest.raises(Conflict):
        promise(line(milk, 5))
    (after,) = promise(line(milk, 5), changed=True)
    assert (after.reservation_id, [item.id for item in after.items]) == (before.reservation_id, kept)
    assert [item.quantity for item in after.items] == [Decimal(2), Decimal(3)]
    assert totals(milk.pk, house.id) == (6, 5, 0, 1)

    # All that there is counts, what it holds too; and a warehouse that is asked for nothing any more lets go.
    (moved,) = promise(line(bread, 3), changed=True)
    assert (moved.warehouse_id, totals(milk.pk, house.id)) == (second.id, (6, 0, 0, 6))
    with pytest.raises(InsufficientStock):
        promise(line(bread, 4), changed=True)
    assert_books_balance()


def test_another_orders_promise_is_not_adopted(milk: Product, house: Site) -> None:
    (first,) = promise(line(milk, 5))

    with pytest.raises(Conflict, match="belongs to a confirmed order"):
        promise(line(milk, 5), ref="shop:2", reservation_ref="shop:1")

    assert Reservation.objects.get(pk=first.reservation_id).order_ref == "shop:1"
    assert totals(milk.pk, house.id) == (6, 5, 0, 1)


def test_a_confirmed_orders_promise_is_kept_and_released_for_the_order_only(milk: Product, house: Site) -> None:
    (reserved,) = promise(line(milk, 5))
    item = reserved.items[0]

    for attempt in (
        lambda: release_reservation(reserved.reservation_id, reason="X", actor=ACTOR),
        lambda: release_items(reserved.reservation_id, {item.id: Decimal(1)}, reason="X", actor=ACTOR),
        lambda: consume_reservation(reserved.reservation_id, actor=ACTOR),
    ):
        with pytest.raises(Conflict, match="belongs to a confirmed order"):
            attempt()
    assert totals(milk.pk, house.id) == (6, 5, 0, 1)

    consume_reservation(reserved.reservation_id, actor=ACTOR, for_order=True)
    assert totals(milk.pk, house.id) == (1, 0, 0, 1)


def test_an_order_gives_back_everything_it_is_promised_anywhere(milk: Product, house: Site) -> None:
    other = site()
    stocked(milk, other.cool, 4)
    promise(line(milk, 2, warehouse_id=house.id), line(milk, 3, warehouse_id=other.id))

    release_order("shop:1", reason="X", actor=ACTOR)
    with heard() as events:
        release_order("shop:1", reason="X", actor=ACTOR)

    assert list(events) == []
    assert set(Reservation.objects.values_list("status", flat=True)) == {"released"}
    assert (totals(milk.pk, house.id), totals(milk.pk, other.id)) == ((6, 0, 0, 6), (4, 0, 0, 4))
    assert_books_balance()


def test_the_same_product_twice_from_one_warehouse_is_summed(milk: Product, house: Site) -> None:
    assert where(promise(line(milk, 2, warehouse_id=house.id), line(milk, 3, warehouse_id=house.id))) == {"MAIN": {"MILK": 5}}
    with pytest.raises(InsufficientStock) as refusal:
        promise(line(milk, 1, warehouse_id=house.id), line(milk, 1, warehouse_id=house.id), ref="shop:2")
    assert [(short.asked, short.available) for short in refusal.value.shortages] == [(2, 1)]
    assert totals(milk.pk, house.id) == (6, 5, 0, 1)
