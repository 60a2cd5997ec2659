"""Promises made, changed, kept and taken back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import BatchLocation, Movement, Product, Reservation, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    Reserved,
    consume_reservation,
    expire_reservation,
    expire_reservations,
    explain_reservation,
    extend_reservation,
    pick_reserved,
    put_back,
    release_items,
    release_reservation,
    reserve_for_order,
)
from inventory.services.reservations import default_ttl
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, TransitionRefused, ValidationFailed
from warehouse.core.quantities import plain

pytestmark = pytest.mark.django_db


def line(product: Product, quantity: int | str, **more: Any) -> OrderedLine:
    return OrderedLine(product.pk, Decimal(quantity), **more)


@pytest.fixture
def milk(house: Site) -> Product:
    """Two lots: 5 that expire in 5 days, 5 that expire in 9."""
    product = ProductFactory(sku="MILK", lives={"ambient": 30, "chilled": 30})
    stocked(product, house.cool, 5, lot="L9", expires_in_days=9)
    stocked(product, house.shelf, 5, lot="L5", expires_in_days=5)
    return product


@pytest.fixture
def reserve(house: Site) -> Any:
    def call(order_ref: str, *lines: OrderedLine, **more: Any) -> Reserved:
        return reserve_for_order(order_ref, lines, warehouse_id=house.id, actor=ACTOR, **more)

    return call


def held(reserved: Reserved) -> list[tuple[str, Decimal]]:
    rows = ReservationItem.objects.filter(reservation=reserved.reservation_id).order_by("pk").select_related("batch_location__batch")
    return [(row.batch_location.batch.lot_number, row.held) for row in rows]


def in_the_past(reserved: Reserved) -> None:
    Reservation.objects.filter(pk=reserved.reservation_id).update(expires_at=timezone.now() - timedelta(seconds=1))


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


# --- taking back -------------------------------------------------------------------------------------------------------------------------


def test_what_is_released_is_free_again_once(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))

    with heard() as events:
        release_reservation(reserved.reservation_id, reason="ORDER_CANCELLED", actor=ACTOR)

    assert events.types() == ["stock.released", "stock.changed", "inventory.released", "inventory.reservation.released"]
    assert events.of("inventory.released")[0] | {"quantity": "7", "reason": "ORDER_CANCELLED", "order_id": "1"} == events.of("inventory.released")[0]
    [told] = events.of("inventory.reservation.released")
    parts = [
        {"reservation_item": item.id, "product_id": milk.pk, "quantity": plain(item.quantity)}
        for item in sorted(reserved.items, key=lambda item: item.id)
    ]
    assert told == {"reservation_id": reserved.reservation_id, "order_ref": "shop:1", "order_id": "1", "reason": "ORDER_CANCELLED", "items": parts}
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    reservation = Reservation.objects.get()
    assert (reservation.status, reservation.reason, reservation.closed_at is not None) == ("released", "ORDER_CANCELLED", True)

    with heard() as events:
        release_reservation(reserved.reservation_id, reason="AGAIN", actor=ACTOR)
    assert (list(events), Reservation.objects.get().reason) == ([], "ORDER_CANCELLED")
    assert_books_balance()


def test_a_reservation_that_does_not_exist() -> None:
    with pytest.raises(NotFound):
        release_reservation(999_999, reason="X", actor=ACTOR)
    with pytest.raises(NotFound):
        consume_reservation(999_999, actor=ACTOR)
    with pytest.raises(NotFound):
        extend_reservation(999_999, until=timezone.now(), actor=ACTOR)


def test_a_part_is_released(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))
    first, second = reserved.items

    with heard() as events:
        release_items(reserved.reservation_id, {first.id: Decimal(2)}, reason="SHORT", actor=ACTOR)

    assert dict(held(reserved)) == {"L5": 3, "L9": 2}
    assert Reservation.objects.get().status == "active"
    assert events.of("inventory.released")[0]["quantity"] == "2"
    release_items(reserved.reservation_id, {first.id: Decimal(3), second.id: Decimal(2)}, reason="SHORT", actor=ACTOR)
    assert Reservation.objects.get().status == "released"
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    with pytest.raises(TransitionRefused):
        release_items(reserved.reservation_id, {first.id: Decimal(1)}, reason="SHORT", actor=ACTOR)
    assert_books_balance()


@pytest.mark.parametrize("quantity", ["6", "0.5", "-1", "NaN"])
def test_a_part_that_is_none(milk: Product, house: Site, reserve: Any, quantity: str) -> None:
    reserved = reserve("shop:1", line(milk, 7))

    with pytest.raises((Conflict, ValidationFailed)):
        release_items(reserved.reservation_id, {reserved.items[0].id: Decimal(quantity)}, reason="SHORT", actor=ACTOR)

    assert totals(milk.pk, house.id) == (10, 7, 0, 3)


def test_an_item_of_another_reservation_is_refused(milk: Product, reserve: Any) -> None:
    mine, other = reserve("shop:1", line(milk, 3)), reserve("shop:2", line(milk, 3))

    with pytest.raises(Conflict, match="holds 0"):
        release_items(mine.reservation_id, {other.items[0].id: Decimal(1)}, reason="SHORT", actor=ACTOR)


# --- keeping -----------------------------------------------------------------------------------------------------------------------------


def test_a_promise_is_kept(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))

    with heard() as events:
        consume_reservation(reserved.reservation_id, actor=ACTOR)

    assert events.types() == ["stock.sold"]
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)
    assert sorted(ReservationItem.objects.values_list("quantity", "consumed", "released", "actual")) == [(2, 2, 0, 2), (5, 5, 0, 5)]
    assert sorted(Movement.objects.filter(type="sale").values_list("quantity_change", "reserved_change", "document_type")) == [
        (-5, -5, "reservation"),
        (-2, -2, "reservation"),
    ]
    assert Reservation.objects.get().status == "fulfilled"
    assert_books_balance()


def test_keeping_twice_is_once_and_what_was_kept_is_not_released(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))
    consume_reservation(reserved.reservation_id, actor=ACTOR)

    with heard() as events:
        consume_reservation(reserved.reservation_id, actor=ACTOR)
        with pytest.raises(TransitionRefused, match="have left"):
            release_reservation(reserved.reservation_id, reason="X", actor=ACTOR)

    assert list(events) == []
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)


def test_what_was_released_is_not_kept(milk: Product, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 7))
    release_reservation(reserved.reservation_id, reason="X", actor=ACTOR)

    with pytest.raises(TransitionRefused, match="released"):
        consume_reservation(reserved.reservation_id, actor=ACTOR)


@pytest.fixture
def ham(house: Site) -> Product:
    product = ProductFactory(sku="HAM", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.1"), lives={"chilled": 30})
    stocked(product, house.cool, 2, lot="H1", expires_in_days=9)
    return product


def test_weighed_goods_that_are_less(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with heard() as events:
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.487")}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (Decimal("1.513"), 0, 0, Decimal("1.513"))
    item = ReservationItem.objects.get()
    assert (item.consumed, item.released, item.actual) == (Decimal("0.487"), Decimal("0.013"), Decimal("0.487"))
    assert list(Movement.objects.exclude(type="receiving").order_by("pk").values_list("type", "quantity_change", "reserved_change")) == [
        ("reservation", 0, Decimal("0.5")),
        ("sale", Decimal("-0.487"), Decimal("-0.487")),
        ("release", 0, Decimal("-0.013")),
    ]
    assert events.of("stock.changed")[0]["available"] == "1.513"
    assert_books_balance()


def test_weighed_goods_that_are_more_within_the_tolerance(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.6")}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (Decimal("1.4"), 0, 0, Decimal("1.4"))
    item = ReservationItem.objects.get()
    assert (item.consumed, item.released, item.actual) == (Decimal("0.5"), 0, Decimal("0.6"))
    assert_books_balance()


def test_weighed_goods_that_are_too_much(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with pytest.raises(ValidationFailed, match=r"0.601 is 0.101 more than promised; the tolerance is 0.1"):
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.601")}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (2, Decimal("0.5"), 0, Decimal("1.5"))


def test_a_surplus_that_is_promised_to_others(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))
    reserve("shop:2", line(ham, "1.45"))

    with pytest.raises(InsufficientStock) as refusal:
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal("0.6")}, actor=ACTOR)

    assert [(s.asked, s.available) for s in refusal.value.shortages] == [(Decimal("0.1"), Decimal("0.05"))]


def test_nothing_of_it_was_there(ham: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal(0)}, actor=ACTOR)

    assert totals(ham.pk, house.id) == (2, 0, 0, 2)
    assert_books_balance()


@pytest.mark.parametrize("actual", ["-0.1", "0.4999", "NaN"])
def test_a_weight_that_is_none(ham: Product, house: Site, reserve: Any, actual: str) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with pytest.raises(ValidationFailed):
        consume_reservation(reserved.reservation_id, actual={reserved.items[0].id: Decimal(actual)}, actor=ACTOR)

    assert totals(ham.pk, house.id)[1] == Decimal("0.5")


def test_a_weight_of_an_item_that_is_not_held(ham: Product, reserve: Any) -> None:
    reserved = reserve("shop:1", line(ham, "0.5"))

    with pytest.raises(ValidationFailed, match="not held by the reservation"):
        consume_reservation(reserved.reservation_id, actual={999_999: Decimal(1)}, actor=ACTOR)


def test_a_tenth_and_two_tenths_of_a_kilogram(ham: Product, house: Site, reserve: Any) -> None:
    reserve("shop:1", line(ham, "0.1"), line(ham, "0.2"))

    assert totals(ham.pk, house.id)[1] == Decimal("0.300")


# --- limits of time ----------------------------------------------------------------------------------------------------------------------


def test_a_checkout_holds_for_a_time(milk: Product, house: Site, reserve: Any, settings: Any) -> None:
    settings.RESERVATION_TTL_MINUTES = 45
    before = timezone.now()

    reserved = reserve("shop:1", line(milk, 7), ttl=default_ttl())

    limit = Reservation.objects.get(pk=reserved.reservation_id).expires_at
    assert before + timedelta(minutes=45) <= limit <= timezone.now() + timedelta(minutes=45)


def test_the_job_releases_what_is_over_and_only_that(milk: Product, house: Site, reserve: Any) -> None:
    over, running, endless = (reserve(f"shop:{n}", line(milk, 2), ttl=ttl) for n, ttl in enumerate((timedelta(1), timedelta(1), None)))
    in_the_past(over)

    with heard() as events:
        assert expire_reservations(actor=ACTOR) == 1

    assert [Reservation.objects.get(pk=r.reservation_id).status for r in (over, running, endless)] == ["expired", "active", "active"]
    assert Reservation.objects.get(pk=over.reservation_id).reason == "TIME_LIMIT"
    assert events.of("inventory.reservation.released")[0]["reason"] == "TIME_LIMIT"
    assert totals(milk.pk, house.id) == (10, 4, 0, 6)
    assert expire_reservations(actor=ACTOR) == 0
    assert_books_balance()


def test_the_command(milk: Product, reserve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(2):
        in_the_past(reserve(f"shop:{n}", line(milk, 2), ttl=timedelta(1)))

    call_command("expire_reservations", limit=1)
    call_command("expire_reservations")

    assert capsys.readouterr().out == "1 reservations expired.\n1 reservations expired.\n"


def test_it_is_judged_again_under_the_lock(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 2), ttl=timedelta(1))

    assert expire_reservation(reserved.reservation_id, actor=ACTOR) is False

    in_the_past(reserved)
    extend_reservation(reserved.reservation_id, until=timezone.now() + timedelta(minutes=5), actor=ACTOR)
    assert expire_reservation(reserved.reservation_id, actor=ACTOR) is False
    assert totals(milk.pk, house.id)[1] == 2


def test_what_is_being_picked_never_expires(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 2), ttl=timedelta(1))
    pick_reserved(
        reserved.items[0].id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    )  # fmt: skip
    in_the_past(reserved)

    assert expire_reservations(actor=ACTOR) == 0
    assert expire_reservation(reserved.reservation_id, actor=ACTOR) is False
    assert Reservation.objects.get().status == "active"


def test_extending_only_what_has_a_limit_and_only_forwards(milk: Product, reserve: Any) -> None:
    limited, endless = reserve("shop:1", line(milk, 2), ttl=timedelta(hours=1)), reserve("shop:2", line(milk, 2))
    later = timezone.now() + timedelta(hours=2)

    assert extend_reservation(limited.reservation_id, until=later, actor=ACTOR).expires_at == later
    for until in (later, timezone.now()):
        with pytest.raises(ValidationFailed, match="must be later"):
            extend_reservation(limited.reservation_id, until=until, actor=ACTOR)
    with pytest.raises(Conflict, match="has no time limit"):
        extend_reservation(endless.reservation_id, until=later, actor=ACTOR)
    release_reservation(limited.reservation_id, reason="X", actor=ACTOR)
    with pytest.raises(TransitionRefused):
        extend_reservation(limited.reservation_id, until=later + timedelta(1), actor=ACTOR)


# --- picking part of a promise -----------------------------------------------------------------------------------------------------------


def pick(item_id: int, quantity: int | str, house: Site, product: Product) -> Any:
    return pick_reserved(
        item_id, Decimal(quantity), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=7, actor=ACTOR,
    )  # fmt: skip


def test_a_part_is_picked_the_rest_stays(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 4))
    (item,) = reserved.items

    first = pick(item.id, 1, house, milk)
    second = pick(item.id, 2, house, milk)
    last = pick(item.id, 1, house, milk)

    assert (first.remaining_item_id, second.remaining_item_id, last.remaining_item_id) == (item.id, item.id, None)
    assert len({first.batch_location_id, second.batch_location_id, last.batch_location_id}) == 1
    assert BatchLocation.objects.get(pk=first.batch_location_id).location == house.bench
    assert totals(milk.pk, house.id) == (10, 4, 0, 6)
    lines = Movement.objects.filter(type="pick").order_by("pk").values_list("location__code", "quantity_change", "reserved_change", "document_id")
    assert list(lines)[:2] == [("A-01", -1, -1, 7), ("PACK", 1, 1, 7)]
    assert_books_balance()
    consume_reservation(reserved.reservation_id, actor=ACTOR)
    assert totals(milk.pk, house.id) == (6, 0, 0, 6)
    assert_books_balance()


@pytest.mark.parametrize("quantity", ["5", "0", "-1", "0.5", "NaN"])
def test_more_than_promised_or_nothing_is_not_picked(milk: Product, house: Site, reserve: Any, quantity: str) -> None:
    (item,) = reserve("shop:1", line(milk, 4)).items

    with pytest.raises((Conflict, ValidationFailed)):
        pick(item.id, quantity, house, milk)

    assert not Movement.objects.filter(type="pick").exists()


def test_the_wrong_product_or_warehouse_named(milk: Product, house: Site, reserve: Any) -> None:
    (item,) = reserve("shop:1", line(milk, 4)).items
    bread = ProductFactory()
    stocked(bread, house.shelf, 1)

    with pytest.raises(ValidationFailed, match="not of this product"):
        pick(item.id, 1, house, bread)
    with pytest.raises(NotFound):
        pick(999_999, 1, house, milk)


def test_what_was_released_is_not_picked(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 4))
    release_reservation(reserved.reservation_id, reason="X", actor=ACTOR)

    with pytest.raises(TransitionRefused):
        pick(reserved.items[0].id, 1, house, milk)


def test_picked_seven_of_ten_cancelled_then_put_back(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 10))
    on_bench = [pick(item.id, quantity, house, milk) for item, quantity in zip(reserved.items, (5, 2), strict=True)]

    release_reservation(reserved.reservation_id, reason="ORDER_CANCELLED", actor=ACTOR)
    assert totals(milk.pk, house.id) == (10, 0, 7, 3)
    assert_books_balance()

    with heard() as events:
        for picked, quantity, shelf in zip(on_bench, (5, 2), (house.shelf, house.cool), strict=True):
            put_back(
                picked.batch_location_id, Decimal(quantity), warehouse_id=house.id, product_id=milk.pk, to_location_id=shelf.pk,
                document_id=3, actor=ACTOR,
            )  # fmt: skip
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert events.of("inventory.moved")[0] == {
        "listing_id": None, "product_id": milk.pk, "warehouse_id": "1", "from_location": "PACK", "to_location": "A-01", "quantity": "5",
    }  # fmt: skip
    assert_books_balance()
    with pytest.raises(InsufficientStock):
        put_back(
            on_bench[0].batch_location_id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk,
            document_id=3, actor=ACTOR,
        )  # fmt: skip


def test_what_is_promised_on_the_bench_is_not_put_back(milk: Product, house: Site, reserve: Any) -> None:
    (item,) = reserve("shop:1", line(milk, 4)).items
    picked = pick(item.id, 4, house, milk)

    with pytest.raises(InsufficientStock) as refusal:
        put_back(
            picked.batch_location_id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk,
            document_id=3, actor=ACTOR,
        )  # fmt: skip

    assert refusal.value.shortages[0].available == 0


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN"])
def test_nothing_is_not_put_back(milk: Product, house: Site, quantity: str) -> None:
    place = stocked(milk, house.bench, 4)

    with pytest.raises(ValidationFailed):
        put_back(place.pk, Decimal(quantity), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk, document_id=3, actor=ACTOR)


def test_put_back_of_what_is_not_there(milk: Product, house: Site) -> None:
    with pytest.raises(NotFound):
        put_back(999_999, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk, document_id=3, actor=ACTOR)
