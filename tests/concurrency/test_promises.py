"""Promises that several want to make, keep, extend or take back at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from inventory.models import Batch, Movement, Product, Receiving, Reservation, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    ReceivingLine,
    Reserved,
    confirm_receiving,
    consume_reservation,
    create_receiving,
    expire_reservation,
    expire_reservations,
    extend_reservation,
    pick_reserved,
    promise_order,
    release_reservation,
    reserve_for_order,
)
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.errors import Conflict, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 10)
    return product


def line(product: Product, quantity: int) -> list[OrderedLine]:
    return [OrderedLine(product.pk, Decimal(quantity))]


def checkout(product: Product, house: Site, quantity: int, *, over: bool = False, ref: str = "shop:1") -> Reserved:
    reserved = reserve_for_order(ref, line(product, quantity), warehouse_id=house.id, ttl=timedelta(minutes=5), actor=ACTOR)
    if over:
        Reservation.objects.filter(pk=reserved.reservation_id).update(expires_at=timezone.now() - timedelta(seconds=1))
    return reserved


# --- the same order at once --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [1, 10], ids=["enough for all", "the last of it"])
def test_the_same_order_by_eight_at_once_is_promised_once(milk: Product, house: Site, quantity: int) -> None:
    outcomes = race([lambda: promise_order("shop:1", line(milk, quantity), actor=ACTOR)] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert len({outcome.value[0].reservation_id for outcome in outcomes}) == 1
    assert totals(milk.pk, house.id) == (10, quantity, 0, 10 - quantity)
    assert Reservation.objects.count() == 1
    assert Movement.objects.filter(type="reservation").count() == 1
    assert_books_balance()


@pytest.mark.parametrize("quantity", [1, 10], ids=["enough for all", "the last of it"])
def test_the_same_checkout_by_eight_at_once_is_promised_once(milk: Product, house: Site, quantity: int) -> None:
    outcomes = race([lambda: reserve_for_order("shop:1", line(milk, quantity), warehouse_id=house.id, actor=ACTOR)] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert len({outcome.value.reservation_id for outcome in outcomes}) == 1
    assert totals(milk.pk, house.id)[1] == quantity


def test_different_checkouts_of_the_same_order_at_once(milk: Product, house: Site) -> None:
    outcomes = race([lambda n=n: reserve_for_order("shop:1", line(milk, n), warehouse_id=house.id, actor=ACTOR) for n in range(1, 5)])

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {Conflict}
    assert Reservation.objects.count() == 1
    assert_books_balance()


# --- the end of its time -----------------------------------------------------------------------------------------------------------------


def test_kept_and_expired_at_once_it_is_one_of_them(milk: Product, house: Site) -> None:
    for number in range(8):
        product = ProductFactory()
        stocked(product, house.shelf, 3)
        reserved = checkout(product, house, 2, over=True, ref=f"shop:{number}")

        kept, expired = race(
            [
                lambda r=reserved: consume_reservation(r.reservation_id, actor=ACTOR, for_order=True),
                lambda r=reserved: expire_reservation(r.reservation_id, actor=ACTOR),
            ]
        )

        reservation = Reservation.objects.get(pk=reserved.reservation_id)
        if kept.won:
            assert (reservation.status, expired.value, totals(product.pk, house.id)) == ("fulfilled", False, (1, 0, 0, 1))
        else:
            assert isinstance(kept.error, TransitionRefused)
            assert (reservation.status, expired.value, totals(product.pk, house.id)) == ("expired", True, (3, 0, 0, 3))
    assert_books_balance()


@pytest.mark.parametrize("first", ["consume", "expire"])
def test_whoever_is_at_the_gate_first(milk: Product, house: Site, first: str) -> None:
    """The two orders of the race above, on purpose."""
    reserved = checkout(milk, house, 2, over=True)
    steps: dict[str, Any] = {"consume": consume_reservation, "expire": expire_reservation}
    (other,) = set(steps) - {first}

    with transaction.atomic():
        steps[first].inside(reserved.reservation_id, actor=ACTOR)
        second = Started(lambda: steps[other](reserved.reservation_id, actor=ACTOR))
        wait_for_waiter()
    outcome = second.finish()

    if first == "consume":
        assert (outcome.value, totals(milk.pk, house.id)) == (False, (8, 0, 0, 8))
    else:
        assert isinstance(outcome.error, TransitionRefused)
        assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_confirmed_at_the_moment_its_time_is_over_it_is_promised_all_the_same(milk: Product, house: Site) -> None:
    for number in range(8):
        product = ProductFactory()
        stocked(product, house.shelf, 2)
        checkout(product, house, 2, over=True, ref=f"shop:{number}")

        promised, _ = race(
            [lambda p=product, n=number: promise_order(f"shop:{n}", line(p, 2), actor=ACTOR), lambda: expire_reservations(actor=ACTOR)]
        )

        assert promised.error is None
        (active,) = Reservation.objects.filter(status="active", items__product=product)
        assert active.expires_at is None
        assert totals(product.pk, house.id) == (2, 2, 0, 0)
    assert_books_balance()


def test_extended_at_the_moment_its_time_is_over(milk: Product, house: Site) -> None:
    for number in range(8):
        reserved = checkout(milk, house, 1, over=True, ref=f"shop:{number}")
        until = timezone.now() + timedelta(hours=1)

        extended, expired = race(
            [
                lambda r=reserved, u=until: extend_reservation(r.reservation_id, until=u, actor=ACTOR),
                lambda r=reserved: expire_reservation(r.reservation_id, actor=ACTOR),
            ]
        )

        assert extended.won is not expired.value
        assert Reservation.objects.get(pk=reserved.reservation_id).status == ("active" if extended.won else "expired")
    assert_books_balance()


def test_one_busy_reservation_does_not_keep_the_others_from_expiring(milk: Product, house: Site, settings: Any) -> None:
    bread = ProductFactory()
    stocked(bread, house.shelf, 1)
    busy, free = checkout(bread, house, 1, over=True, ref="shop:busy"), checkout(milk, house, 1, over=True, ref="shop:free")
    Reservation.objects.filter(pk=busy.reservation_id).update(expires_at=timezone.now() - timedelta(hours=1))

    def impatient() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        return expire_reservations(actor=ACTOR)

    with transaction.atomic():
        extend_reservation.inside(busy.reservation_id, until=timezone.now() + timedelta(hours=1), actor=ACTOR)
        outcome = Started(impatient).finish()

    assert outcome.value == 1
    assert [Reservation.objects.get(pk=r.reservation_id).status for r in (busy, free)] == ["active", "expired"]


# --- taken back and kept at once ---------------------------------------------------------------------------------------------------------


def test_released_by_eight_at_once_it_is_released_once(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 4)

    outcomes = race([lambda: release_reservation(reserved.reservation_id, reason="X", actor=ACTOR, for_order=True)] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert Movement.objects.filter(type="release").count() == 1
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)


def test_kept_by_eight_at_once_it_is_sold_once(milk: Product, house: Site) -> None:
    reserved = checkout(milk, house, 4)

    outcomes = race([lambda: consume_reservation(reserved.reservation_id, actor=ACTOR, for_order=True)] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert Movement.objects.filter(type="sale").count() == 1
    assert totals(milk.pk, house.id) == (6, 0, 0, 6)


def test_kept_and_taken_back_at_once_it_is_one_of_them(milk: Product, house: Site) -> None:
    for number in range(8):
        product = ProductFactory()
        stocked(product, house.shelf, 3)
        reserved = checkout(product, house, 2, ref=f"shop:{number}")

        kept, released = race(
            [
                lambda r=reserved: consume_reservation(r.reservation_id, actor=ACTOR, for_order=True),
                lambda r=reserved: release_reservation(r.reservation_id, reason="X", actor=ACTOR, for_order=True),
            ]
        )

        assert kept.won is not released.won
        assert totals(product.pk, house.id) == ((1, 0, 0, 1) if kept.won else (3, 0, 0, 3))
    assert_books_balance()


# --- picked by two -----------------------------------------------------------------------------------------------------------------------


def picker(reserved: Reserved, product: Product, house: Site, quantity: int) -> Callable[[], Any]:
    return lambda: pick_reserved(
        reserved.items[0].id, Decimal(quantity), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    )  # fmt: skip


def test_eight_hands_for_an_item_of_five(milk: Product, house: Site) -> None:
    reserved = promise_order("shop:1", line(milk, 5), actor=ACTOR)[0]

    outcomes = race([picker(reserved, milk, house, 1) for _ in range(8)])

    assert [outcome.won for outcome in outcomes].count(True) >= 4
    picked = sum(ReservationItem.objects.filter(batch_location__location=house.bench).values_list("quantity", flat=True))
    assert picked == [outcome.won for outcome in outcomes].count(True) <= 5
    assert totals(milk.pk, house.id) == (10, 5, 0, 5)
    assert_books_balance()


def test_two_hands_for_the_whole_item(milk: Product, house: Site) -> None:
    reserved = promise_order("shop:1", line(milk, 5), actor=ACTOR)[0]

    outcomes = race([picker(reserved, milk, house, 5)] * 2)

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert_books_balance()


# --- deliveries --------------------------------------------------------------------------------------------------------------------------


def test_one_delivery_confirmed_by_eight_comes_once(milk: Product, house: Site) -> None:
    receiving = create_receiving(warehouse_id=house.id, location_id=house.shelf.pk, lines=[ReceivingLine(milk.pk, Decimal(4))], actor=ACTOR)

    outcomes = race([lambda: confirm_receiving(receiving.pk, actor=ACTOR)] * 8)

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused}
    assert totals(milk.pk, house.id)[0] == 14


def test_eight_deliveries_of_the_same_new_lots_in_opposite_order(house: Site) -> None:
    products = [ProductFactory() for _ in range(6)]

    def deliver(number: int) -> Callable[[], Any]:
        ordered = products if number % 2 else products[::-1]
        lines = [ReceivingLine(product.pk, Decimal(1), lot_number="NEW") for product in ordered]
        receiving = create_receiving(warehouse_id=house.id, location_id=house.shelf.pk, lines=lines, actor=ACTOR)
        return lambda: confirm_receiving(receiving.pk, actor=ACTOR)

    outcomes = race([deliver(number) for number in range(8)])

    won = [outcome.won for outcome in outcomes].count(True)
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} <= {Conflict}
    assert won >= 1
    assert Batch.objects.count() == 6
    assert {totals(product.pk, house.id)[0] for product in products} == {won}
    assert Receiving.objects.filter(status="confirmed").count() == won
    assert_books_balance()


def test_a_shortage_is_a_shortage_even_when_the_order_holds_goods_elsewhere(milk: Product, house: Site) -> None:
    """It must not be taken for a race that was lost."""
    other = site()
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(1), house.id)], actor=ACTOR)

    with pytest.raises(InsufficientStock):
        reserve_for_order("shop:1", line(milk, 1), warehouse_id=other.id, actor=ACTOR)
