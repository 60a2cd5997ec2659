"""The last unit, asked for by twenty at once: one wins. And what happens when the gate is taken out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from inventory.models import Product, Reservation
from inventory.orchestrator import InsufficientStock, OrderedLine, promise_order, reserve_for_order
from inventory.queries.reconciliation import everything_that_disagrees
from inventory.services import reservations
from inventory.stock import candidates, gate
from tests.concurrency.threads import Outcome, Started, race, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 20


def one(product: Product) -> list[OrderedLine]:
    return [OrderedLine(product.pk, Decimal(1))]


def askers(product: Product, house: Site, threads: int = THREADS) -> list[Callable[[], Any]]:
    """Orders from anywhere, orders that name the warehouse, and checkouts, in turn."""
    ways: list[Callable[[str], Any]] = [
        lambda ref: promise_order(ref, one(product), actor=ACTOR),
        lambda ref: promise_order(ref, [OrderedLine(product.pk, Decimal(1), house.id)], actor=ACTOR),
        lambda ref: reserve_for_order(ref, one(product), warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=5)),
        lambda ref: reserve_for_order(ref, one(product), warehouse_id=house.id, actor=ACTOR),
    ]

    def asker(number: int) -> Callable[[], Any]:
        return lambda: ways[number % len(ways)](f"shop:{product.pk}-{number}")

    return [asker(number) for number in range(threads)]


def fight_for_the_last_unit(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 1)

    outcomes = race(askers(product, house))

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {InsufficientStock}
    assert totals(product.pk, house.id) == (1, 1, 0, 0)
    assert Reservation.objects.filter(items__product=product).count() == 1


def test_one_of_twenty_wins(house: Site) -> None:
    for _ in range(5):
        fight_for_the_last_unit(house)
    assert_books_balance()


@pytest.mark.slow
def test_one_of_twenty_wins_fifty_times_of_fifty(house: Site) -> None:
    for _ in range(50):
        fight_for_the_last_unit(house)
    assert_books_balance()


def test_of_seven_units_in_three_lots_seven_of_twenty_are_served(house: Site) -> None:
    product = ProductFactory()
    for lot, quantity in (("A", 1), ("B", 4), ("C", 2)):
        stocked(product, house.shelf, quantity, lot=lot, expires_in_days=len(lot) + quantity)

    outcomes = race(askers(product, house))

    assert [outcome.won for outcome in outcomes].count(True) == 7
    assert totals(product.pk, house.id) == (7, 7, 0, 0)
    assert_books_balance()


def test_two_orders_of_five_for_five(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 5)

    outcomes = race([lambda n=n: promise_order(f"shop:{n}", [OrderedLine(product.pk, Decimal(5))], actor=ACTOR) for n in range(2)])

    (loser,) = [outcome.error for outcome in outcomes if not outcome.won]
    assert isinstance(loser, InsufficientStock)
    assert [(s.asked, s.available) for s in loser.shortages] == [(5, 0)]


# --- controls: the guards are what makes it so -------------------------------------------------------------------------------------------


@pytest.fixture
def without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "FOR NO KEY UPDATE OF s" in gate._LOCK
    monkeypatch.setattr(gate, "_LOCK", gate._LOCK.replace("FOR NO KEY UPDATE OF s", ""))


def race_past_the_gate(product: Product, house: Site, monkeypatch: pytest.MonkeyPatch, threads: int = 4) -> list[Outcome]:
    """All of them have seen the same free goods before one of them writes."""
    seen = threading.Barrier(threads)

    def read_together(keys: Any) -> Any:
        found = candidates.read_candidates(keys)
        seen.wait(20)
        return found

    monkeypatch.setattr(reservations, "read_candidates", read_together)
    return race([lambda n=n: reserve_for_order(f"shop:{n}", one(product), warehouse_id=house.id, actor=ACTOR) for n in range(threads)])


@pytest.mark.usefixtures("without_checks", "without_gate")
def test_control_without_the_gate_and_the_constraints_it_is_sold_many_times(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 1)

    outcomes = race_past_the_gate(product, house, monkeypatch)

    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert totals(product.pk, house.id)[1] == 4
    with transaction.atomic():
        assert {"limits", "stock_limits", "guards"} <= {found.check for found in everything_that_disagrees()}


@pytest.mark.usefixtures("without_gate")
def test_control_without_the_gate_the_constraints_alone_refuse_without_a_word(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is oversold, but the losers get an error of the database, not the shortage: the gate is what makes it civil."""
    product = ProductFactory()
    stocked(product, house.shelf, 1)

    outcomes = race_past_the_gate(product, house, monkeypatch)

    assert sorted(type(outcome.error).__name__ for outcome in outcomes) == ["IntegrityError"] * 3 + ["NoneType"]
    assert totals(product.pk, house.id) == (1, 1, 0, 0)


@pytest.mark.usefixtures("without_gate")
def test_control_without_the_gate_goods_that_are_there_are_refused(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lots of one for two: both choose the first."""
    product = ProductFactory()
    stocked(product, house.shelf, 1, lot="A")
    stocked(product, house.shelf, 1, lot="B")

    outcomes = race_past_the_gate(product, house, monkeypatch, threads=2)

    assert [type(outcome.error) for outcome in outcomes if not outcome.won] == [IntegrityError]
    assert totals(product.pk, house.id) == (2, 1, 0, 1)


def test_with_the_gate_nobody_gets_past_it_to_read_together(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same test on the guarded code: the second waits at the gate, so they never meet behind it."""
    product = ProductFactory()
    stocked(product, house.shelf, 1)
    inside = threading.Semaphore(1)
    met = []

    def read_alone(keys: Any) -> Any:
        if not inside.acquire(blocking=False):
            met.append(True)
        found = candidates.read_candidates(keys)
        inside.release()
        return found

    monkeypatch.setattr(reservations, "read_candidates", read_alone)
    outcomes = race([lambda n=n: reserve_for_order(f"shop:{n}", one(product), warehouse_id=house.id, actor=ACTOR) for n in range(8)])

    assert met == []
    assert [outcome.won for outcome in outcomes].count(True) == 1


def test_control_one_statement_that_locks_and_reads_reads_the_past(house: Site) -> None:
    """Why candidates are read in a statement of their own: one that waits for the gate still sees what was there before it waited."""
    product = ProductFactory()
    stocked(product, house.shelf, 5)
    lock_and_read = """
        WITH gate AS MATERIALIZED (SELECT warehouse_id, product_id FROM inventory_stock WHERE product_id = %s FOR NO KEY UPDATE)
        SELECT sum(b.quantity - b.reserved) FROM gate JOIN inventory_batchlocation b USING (warehouse_id, product_id)
    """

    def trap() -> tuple[Decimal, Decimal]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(lock_and_read, [product.pk])
            (in_one_statement,) = cursor.fetchone()
            cursor.execute("SELECT sum(quantity - reserved) FROM inventory_batchlocation WHERE product_id = %s", [product.pk])
            (in_the_next,) = cursor.fetchone()
        return in_one_statement, in_the_next

    with transaction.atomic():
        promise_order.inside("shop:1", [OrderedLine(product.pk, Decimal(4))], actor=ACTOR)
        waiting = Started(trap)
        wait_for_waiter()

    assert waiting.finish().value == (5, 1)
