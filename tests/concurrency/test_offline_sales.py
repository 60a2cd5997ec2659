"""Tills among orders: for the last unit, for a receipt sent twice, for a promise that is being picked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from inventory.models import Movement, OfflineSale, Product, Reservation, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    SaleLine,
    pick_reserved,
    process_offline_sale,
    promise_order,
    release_reservation,
    reserve_for_order,
)
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.errors import Conflict, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


def sell(house: Site, product: Product, receipt: str, quantity: int = 1, take_from: Any = ()) -> Callable[[], Any]:
    lines = [SaleLine(product.pk, Decimal(quantity))]
    return lambda: process_offline_sale(warehouse_id=house.id, lines=lines, receipt_number=receipt, reservation_ids_to_release=take_from, actor=ACTOR)


def order(product: Product, ref: str, quantity: int = 1) -> Callable[[], Any]:
    return lambda: promise_order(ref, [OrderedLine(product.pk, Decimal(quantity))], actor=ACTOR)


def checkout(house: Site, product: Product, ref: str, quantity: int = 1) -> int:
    lines = [OrderedLine(product.pk, Decimal(quantity))]
    return reserve_for_order(ref, lines, warehouse_id=house.id, ttl=timedelta(minutes=5), actor=ACTOR).reservation_id


def test_tills_and_orders_for_the_last_unit(house: Site) -> None:
    for turn in range(3):
        product = ProductFactory()
        stocked(product, house.shelf, 1)
        works = [sell(house, product, f"R{turn}-{n}") if n % 2 else order(product, f"shop:{turn}-{n}") for n in range(12)]

        outcomes = race(works)

        assert [outcome.won for outcome in outcomes].count(True) == 1
        assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {InsufficientStock}
        quantity, reserved, _, available = totals(product.pk, house.id)
        assert (available, quantity - reserved) == (0, 0)
    assert_books_balance()


def test_one_receipt_by_many_threads_is_one_sale(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 10)

    outcomes = race([sell(house, product, "R1", 2)] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert len({outcome.value.pk for outcome in outcomes}) == 1 == OfflineSale.objects.count()
    assert Movement.objects.filter(type="offline_sale").count() == 1
    assert totals(product.pk, house.id) == (8, 0, 0, 8)


def test_of_two_sales_under_one_receipt_one_is_booked(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 10)

    outcomes = race([sell(house, product, "R1", 2), sell(house, product, "R1", 3)])

    assert sorted(type(outcome.error).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]
    assert isinstance(next(outcome.error for outcome in outcomes if not outcome.won), Conflict)
    assert Movement.objects.filter(type="offline_sale").count() == 1


def test_a_receipt_whose_first_try_fails_is_sold_by_the_second(house: Site) -> None:
    """The second waits for the first at the receipt; when that is rolled back, it sells."""
    product = ProductFactory()
    stocked(product, house.shelf, 2)
    try:
        with transaction.atomic():
            process_offline_sale.inside(warehouse_id=house.id, lines=[SaleLine(product.pk, Decimal(2))], receipt_number="R1", actor=ACTOR)
            waiting = Started(sell(house, product, "R1", 2))
            wait_for_waiter()
            raise RuntimeError
    except RuntimeError:
        outcome = waiting.finish()
    assert outcome.won
    assert totals(product.pk, house.id) == (0, 0, 0, 0)


def test_two_tills_seize_one_promise_and_it_gives_way_once(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 4)
    basket = checkout(house, product, "shop:1", 4)

    outcomes = race([sell(house, product, f"R{n}", 3, [basket]) for n in range(4)])

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {InsufficientStock}
    assert totals(product.pk, house.id) == (1, 0, 0, 1)
    assert_books_balance()


def test_a_promise_that_is_released_meanwhile_is_not_released_again(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 4)
    basket = checkout(house, product, "shop:1", 4)

    outcomes = race([sell(house, product, "R1", 3, [basket]), lambda: release_reservation(basket, reason="gone", actor=ACTOR)])

    assert all(outcome.won for outcome in outcomes)
    assert Movement.objects.filter(type="release").count() == 1
    assert totals(product.pk, house.id) == (1, 0, 0, 1)
    assert_books_balance()


def test_a_promise_whose_picking_begins_meanwhile_does_not_give_way(house: Site) -> None:
    """The till waits at the gate while the first unit is picked."""
    product = ProductFactory()
    stocked(product, house.shelf, 4)
    promise_order("shop:1", [OrderedLine(product.pk, Decimal(4))], actor=ACTOR)
    item = ReservationItem.objects.get()
    with transaction.atomic():
        pick_reserved.inside(
            item.pk,
            Decimal(1),
            warehouse_id=house.id,
            product_id=product.pk,
            to_location_id=house.bench.pk,
            document_type="picking_task",
            document_id=1,
            actor=ACTOR,
        )
        waiting = Started(sell(house, product, "R1", 1, [item.reservation_id]))
        wait_for_waiter()
    assert isinstance(waiting.finish().error, TransitionRefused)
    assert totals(product.pk, house.id) == (4, 4, 0, 0)
    assert Reservation.objects.get().status == "active"
    assert not OfflineSale.objects.exists()
