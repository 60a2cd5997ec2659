"""Promises made, and asked for again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import BatchLocation, Movement, Product, Reservation
from inventory.orchestrator import InsufficientStock, OrderedLine, explain_reservation, release_reservation, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.promises import held, line
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db


# --- making ------------------------------------------------------------------------------------------------------------------------------


def test_a_promise_is_made_by_fefo_over_two_lots(milk: Product, house: Site, reserve: Any) -> None:
    StorefrontProductFactory(product=milk, external_listing_id="listing-1")

    with heard() as events:
        reserved = reserve("shop:77", line(milk, 7))

    assert sorted(held(reserved)) == [("L5", 5), ("L9", 2)]
    assert totals(milk.pk, house.id) == (10, 7, 0, 3)
    assert list(Movement.objects.filter(type="reservation").order_by("pk").values_list("batch__lot_number", "reserved_change", "reservation_id")) == [
        ("L5", 5, reserved.reservation_id),
        ("L9", 2, reserved.reservation_id),
    ]
    assert [(item.quantity, item.location_id) for item in reserved.items] == [(5, house.shelf.pk), (2, house.cool.pk)]
    assert events.types() == ["stock.reserved", "stock.changed", "stock.low", "inventory.reserved"]
    assert events.of("inventory.reserved") == [
        {
            "listing_id": "listing-1", "warehouse_id": "1", "quantity": "7", "order_id": "77", "order_ref": "shop:77", "product_id": milk.pk,
            "reservation_id": reserved.reservation_id,
        }
    ]  # fmt: skip
    reservation = Reservation.objects.get()
    assert (reservation.status, reservation.expires_at, reservation.order_ref) == ("active", None, "shop:77")
    assert_books_balance()


def test_a_promise_takes_as_many_statements_for_ten_products_as_for_one(house: Site, reserve: Any) -> None:
    products = [ProductFactory() for _ in range(11)]
    for product in products:
        stocked(product, house.shelf, 5)
    counts = []
    for number, chosen in enumerate((products[:1], products[1:])):
        with CaptureQueriesContext(connection) as queries:
            reserve(f"shop:{number}", *(line(product, 1) for product in chosen))
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))

    assert counts == [4, 4]


def test_the_same_product_twice_is_summed(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 3), line(milk, 2))

    assert held(reserved) == [("L5", 5)]
    assert Reservation.objects.get().explanation[0]["asked"] in {"5", "5.000"}


def test_the_same_product_twice_is_not_promised_twice(house: Site, reserve: Any) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 1)

    with pytest.raises(InsufficientStock) as refusal:
        reserve("shop:1", line(bread, 1), line(bread, 1))

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(2, 1)]
    assert not Reservation.objects.exists()


def test_of_the_same_product_twice_the_stricter_days_count(milk: Product, reserve: Any) -> None:
    assert held(reserve("shop:1", line(milk, 1), line(milk, 1, min_remaining_days=6))) == [("L9", 2)]


def test_all_lines_or_none_and_every_short_line_is_named(milk: Product, house: Site, reserve: Any) -> None:
    bread, jam, never = ProductFactory(sku="BREAD"), ProductFactory(sku="JAM"), ProductFactory(sku="NEVER")
    stocked(bread, house.shelf, 2)
    stocked(jam, house.shelf, 9)

    with heard() as events, pytest.raises(InsufficientStock) as refusal:
        reserve("shop:1", line(milk, 11), line(never, 1), line(jam, 9), line(bread, 3))

    assert [(e["sku"], e["asked"], e["available"]) for e in refusal.value.errors] == [
        ("MILK", "11", "10.000"),
        ("NEVER", "1", "0"),
        ("BREAD", "3", "2.000"),
    ]
    assert (refusal.value.status, refusal.value.code) == (409, "insufficient_stock")
    assert "MILK: asked 11, available 10; NEVER: asked 1, available 0; BREAD: asked 3, available 2" in refusal.value.detail
    assert list(events) == []
    assert not Movement.objects.exclude(type="receiving").exists()
    assert totals(jam.pk, house.id) == (9, 0, 0, 9)


def test_a_shortage_says_what_was_passed_over_and_why(milk: Product, house: Site, reserve: Any) -> None:
    place = BatchLocation.objects.get(batch__lot_number="L5")

    with pytest.raises(InsufficientStock) as refusal:
        reserve("shop:1", line(milk, 6, min_remaining_days=6))

    (error,) = refusal.value.errors
    assert (error["available"], [skipped["batch_location"] for skipped in error["skipped"]]) == ("5.000", [place.pk])
    assert error["skipped"][0]["reason"].endswith("too early")


def test_it_is_judged_at_the_time_of_shipping(milk: Product, reserve: Any) -> None:
    assert held(reserve("shop:1", line(milk, 2), ship_at=timezone.now() + timedelta(days=7))) == [("L9", 2)]
    with pytest.raises(InsufficientStock):
        reserve("shop:2", line(milk, 1), ship_at=timezone.now() + timedelta(days=11))


@pytest.mark.parametrize("quantity", ["0.5", "0", "-1", "NaN", "1e30"])
def test_quantities_that_are_none(milk: Product, house: Site, reserve: Any, quantity: str) -> None:
    with pytest.raises(ValidationFailed):
        reserve("shop:1", line(milk, quantity))

    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert not Reservation.objects.exists()


def test_a_product_that_does_not_exist_and_no_line_at_all(house: Site, reserve: Any) -> None:
    with pytest.raises(NotFound, match="no product 999999"):
        reserve("shop:1", OrderedLine(999_999, Decimal(1)))
    with pytest.raises(ValidationFailed, match="no line"):
        reserve("shop:1")


def test_why_these_goods(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 3, min_remaining_days=6))

    explained = explain_reservation(reserved.reservation_id)

    (reason,) = explained["lines"]
    assert (explained["order_ref"], reason["min_remaining_days"], reason["considered"]) == ("shop:1", 6, 2)
    assert [(part["lot"], part["location"], part["quantity"]) for part in reason["taken"]] == [("L9", "C-01", "3")]
    assert [(part["lot"], part["location"]) for part in reason["skipped"]] == [("L5", "A-01")]
    with pytest.raises(NotFound):
        explain_reservation(999_999)


def test_who_may_reserve(milk: Product, house: Site) -> None:
    for role in set(Role) - {Role.MANAGER, Role.INTEGRATION}:
        with pytest.raises(PermissionDenied):
            reserve_for_order("shop:1", [line(milk, 1)], warehouse_id=house.id, actor=Actor("x", ActorType.EMPLOYEE, frozenset({role})))
    assert reserve_for_order("shop:1", [line(milk, 1)], warehouse_id=house.id, actor=Actor("x", ActorType.SYSTEM, frozenset({Role.INTEGRATION})))


# --- again -------------------------------------------------------------------------------------------------------------------------------


def test_an_equal_promise_is_returned_as_it_is(milk: Product, house: Site, reserve: Any) -> None:
    first = reserve("shop:1", line(milk, 7))

    with heard() as events:
        again = reserve("shop:1", line(milk, 4), line(milk, 3))

    assert again.reservation_id == first.reservation_id
    assert sorted(item.id for item in again.items) == sorted(item.id for item in first.items)
    assert list(events) == []
    assert totals(milk.pk, house.id) == (10, 7, 0, 3)


def test_an_equal_promise_stands_for_as_long_as_the_last_call_asks(milk: Product, house: Site) -> None:
    def ask(ttl: timedelta | None) -> Any:
        reserve_for_order("shop:1", [line(milk, 7)], warehouse_id=house.id, actor=ACTOR, ttl=ttl)
        return Reservation.objects.get().expires_at

    first = ask(timedelta(minutes=5))
    assert ask(timedelta(minutes=1)) == first
    assert ask(timedelta(hours=1)) > first + timedelta(minutes=50)
    assert ask(None) is None
    assert ask(timedelta(hours=1)) is None


def test_a_checkouts_equal_promise_is_the_orders_own_once_it_is_asked_for_as_that(milk: Product, house: Site) -> None:
    first = reserve_for_order("shop:1", [line(milk, 7)], warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=5))
    assert Reservation.objects.get().confirmed_at is None

    again = reserve_for_order("shop:1", [line(milk, 7)], warehouse_id=house.id, actor=ACTOR, confirmed=True)

    assert again.reservation_id == first.reservation_id
    kept = Reservation.objects.get()
    assert (kept.expires_at, kept.confirmed_at is not None, kept.version) == (None, True, 2)
    with pytest.raises(Conflict, match="belongs to a confirmed order"):
        release_reservation(kept.pk, reason="the checkout was left", actor=ACTOR)
    # A checkout that asks once more does not take it back.
    reserve_for_order("shop:1", [line(milk, 7)], warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=5))
    again_kept = Reservation.objects.get()
    assert (again_kept.expires_at, again_kept.confirmed_at, again_kept.version) == (None, kept.confirmed_at, 2)


def test_a_different_promise_is_a_conflict(milk: Product, house: Site, reserve: Any) -> None:
    first = reserve("shop:1", line(milk, 7))

    with pytest.raises(Conflict, match="has another reservation") as refusal:
        reserve("shop:1", line(milk, 8))

    assert refusal.value.data == {"reservation": first.reservation_id}


def test_the_same_order_in_another_warehouse_is_another_promise(milk: Product, house: Site, reserve: Any) -> None:
    from tests.factories.inventory import site

    other = site()
    stocked(milk, other.cool, 5)
    reserve("shop:1", line(milk, 1))

    assert reserve_for_order("shop:1", [line(milk, 2)], warehouse_id=other.id, actor=ACTOR).warehouse_id == other.id


def test_after_a_release_the_same_order_may_be_promised_again(milk: Product, reserve: Any) -> None:
    first = reserve("shop:1", line(milk, 7))
    release_reservation(first.reservation_id, reason="CHANGED_MIND", actor=ACTOR)

    assert reserve("shop:1", line(milk, 8)).reservation_id != first.reservation_id
