"""Many baskets over the same products, put together in opposite orders: no deadlock, and the books balance while trade goes on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from inventory.models import BatchLocation, Product, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    ReceivingLine,
    consume_reservation,
    expire_stock,
    pick_reserved,
    place_stock,
    promise_order,
    put_back,
    release_reservation,
    reserve_for_order,
)
from inventory.queries.reconciliation import CHECKS, disagreements
from inventory.services.rebuild import rebuild_everything
from inventory.stock import gate
from tests.concurrency.threads import Outcome, race
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.errors import Conflict, DomainError, TransitionRefused
from warehouse.core.whole_tables import snapshot

pytestmark = pytest.mark.django_db(transaction=True)


def deadlocks() -> int:
    """How many the server has counted in this database. A session reports its own when it ends."""
    time.sleep(0.1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def shelves(house: Site, number: int, quantity: int) -> list[Product]:
    products = [ProductFactory() for _ in range(number)]
    for product in products:
        stocked(product, house.shelf, quantity)
    return products


def opposite_baskets(house: Site, products: list[Product], baskets: int, threads: int = 4) -> list[Outcome]:
    """Each thread fills its baskets forwards or backwards, by orders that leave the warehouse open and by checkouts, and gives every third back."""

    def shopper(number: int) -> Callable[[], Any]:
        def shop() -> None:
            for basket in range(baskets // threads):
                chosen = products if (number + basket) % 2 else products[::-1]
                lines = [OrderedLine(product.pk, Decimal(1)) for product in chosen]
                ref = f"shop:{number}-{basket}"
                if basket % 2:
                    reserved = promise_order(ref, lines, actor=ACTOR)[0]
                else:
                    reserved = reserve_for_order(ref, lines, warehouse_id=house.id, actor=ACTOR)
                if basket % 3 == 0:
                    release_reservation(reserved.reservation_id, reason="X", actor=ACTOR, for_order=True)
                elif basket % 3 == 1:
                    consume_reservation(reserved.reservation_id, actor=ACTOR, for_order=True)

        return shop

    return race([shopper(number) for number in range(threads)], timeout=280)


def no_deadlock(house: Site, baskets: int) -> None:
    products = shelves(house, 6, baskets)
    before = deadlocks()

    outcomes = opposite_baskets(house, products, baskets)

    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert deadlocks() == before
    assert_books_balance()


def test_a_hundred_baskets_in_opposite_order(house: Site) -> None:
    no_deadlock(house, 100)


@pytest.mark.slow
def test_a_thousand_baskets_in_opposite_order(house: Site) -> None:
    no_deadlock(house, 1000)


def test_control_gates_taken_one_by_one_in_any_order_do_deadlock(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one ordered statement for all gates is good for. Everybody is served in the end, but by starting again."""
    whole = gate._lock

    def one_by_one(keys: list[gate.StockKey]) -> gate.Gate:
        found: gate.Gate = {}
        for key in random.sample(keys, len(keys)):
            found |= whole([key])
            time.sleep(0.002)
        return found

    products = shelves(house, 4, 100)
    before = deadlocks()
    monkeypatch.setattr(gate, "_lock", one_by_one)

    outcomes = opposite_baskets(house, products, 8, threads=2)

    assert {type(outcome.error) for outcome in outcomes} <= {type(None), Conflict}
    assert deadlocks() > before
    assert_books_balance()


# --- everything at once ------------------------------------------------------------------------------------------------------------------


def morning(houses: list[Site], products: list[Product], seed: int, steps: int) -> Callable[[], Any]:
    """One pair of hands that does everything there is to do, at random. What is refused for a reason is part of the day."""
    rng = random.Random(seed)

    def receive() -> None:
        house = rng.choice(houses)
        line = ReceivingLine(rng.choice(products).pk, Decimal(rng.randint(1, 5)), lot_number=f"L{rng.randint(1, 3)}", location_id=house.shelf.pk)
        place_stock(warehouse_id=house.id, line=line, actor=ACTOR)

    def order(ref: str) -> None:
        chosen = rng.sample(products, rng.randint(1, len(products)))
        promise_order(ref, [OrderedLine(product.pk, Decimal(rng.randint(1, 3))) for product in chosen], actor=ACTOR)

    def touch_a_promise() -> None:
        item = ReservationItem.objects.filter(reservation__status="active").select_related("reservation", "batch_location").order_by("?").first()
        if item is None:
            return
        house = next(house for house in houses if house.id == item.reservation.warehouse_id)
        what = rng.randint(0, 3)
        if what == 0:
            consume_reservation(item.reservation_id, actor=ACTOR, for_order=True)
        elif what == 1:
            release_reservation(item.reservation_id, reason="X", actor=ACTOR, for_order=True)
        elif item.held:
            pick_reserved(
                item.pk, rng.choice([item.held, Decimal(1)]), warehouse_id=house.id, product_id=item.product_id, to_location_id=house.bench.pk,
                document_type="picking_task", document_id=1, actor=ACTOR,
            )  # fmt: skip

    def tidy_the_bench() -> None:
        lying = BatchLocation.objects.filter(location__kind="packing", has_stock=True).order_by("?").first()
        if lying is not None and lying.quantity > lying.reserved:
            house = next(house for house in houses if house.id == lying.warehouse_id)
            put_back(
                lying.pk, lying.quantity - lying.reserved, warehouse_id=house.id, product_id=lying.product_id, to_location_id=house.shelf.pk,
                document_id=1, actor=ACTOR,
            )  # fmt: skip

    def work() -> dict[str, int]:
        refused: dict[str, int] = {}
        for step in range(steps):
            try:
                rng.choice([receive, lambda step=step: order(f"shop:{seed}-{step}"), touch_a_promise, touch_a_promise, tidy_the_bench])()
            except (InsufficientStock, TransitionRefused, Conflict, DomainError) as refusal:
                refused[refusal.code] = refused.get(refusal.code, 0) + 1
        return refused

    return work


def everything_at_once(house: Site, steps: int) -> None:
    houses = [house, site(code="SECOND", priority=200)]
    products = shelves(house, 3, 10)
    for product in products:
        stocked(product, houses[1].shelf, 10)

    def bookkeeper() -> list[str]:
        """Reads snapshots while trade goes on: each of them balances."""
        found = []
        for _ in range(3):
            with snapshot():
                found += [str(row) for check in CHECKS for row in disagreements(check)]
            time.sleep(0.05)
        return found

    def rebuilder() -> list[Any]:
        refused: list[Any] = []
        changes = [change for lot in rebuild_everything(actor=ACTOR, dry_run=False, refused=refused.append) for change in lot]
        expire_stock(actor=ACTOR)
        return changes + refused

    before = deadlocks()
    outcomes = race([*(morning(houses, products, seed, steps) for seed in range(6)), bookkeeper, rebuilder], timeout=280)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert deadlocks() == before
    assert outcomes[-2].value == []
    assert outcomes[-1].value == []
    # The only refusals are those of the business: nobody was told to try again.
    refusals = {code for outcome in outcomes[:6] for code in outcome.value}
    assert refusals <= {"insufficient_stock", "transition_refused", "conflict", "unfit_now", "place_not_allowed"}
    assert_books_balance()


def test_everything_at_once_and_the_books_balance(house: Site) -> None:
    everything_at_once(house, 40)


@pytest.mark.slow
def test_everything_at_once_for_longer(house: Site) -> None:
    everything_at_once(house, 400)


def test_adoption_from_both_ends(house: Site) -> None:
    """A checkout in one warehouse and its order from two, by many customers at once."""
    second = site(code="SECOND", priority=200)
    products = shelves(house, 3, 20)
    for product in products:
        stocked(product, second.shelf, 20)

    def customer(number: int) -> Callable[[], Any]:
        def shop() -> Any:
            first, last = (house, second) if number % 2 else (second, house)
            chosen = products if number % 2 else products[::-1]
            reserve_for_order(f"shop:{number}", [OrderedLine(p.pk, Decimal(2)) for p in chosen], warehouse_id=first.id, actor=ACTOR)
            lines = [OrderedLine(p.pk, Decimal(1), w.id) for p in chosen for w in (last, first)]
            return promise_order(f"shop:{number}", lines, actor=ACTOR)

        return shop

    before = deadlocks()
    outcomes = race([customer(number) for number in range(10)])

    assert [outcome.error for outcome in outcomes] == [None] * 10
    assert deadlocks() == before
    for product in products:
        assert totals(product.pk, house.id) == totals(product.pk, second.id) == (20, 10, 0, 10)
    assert_books_balance()
