"""Goods that join goods: the clock of both, child lots, and what lay there already."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import OrderedLine, PlaceNotAllowed, UnfitNow, pick_reserved, promise_order, put_back
from inventory.stock import place as engine
from inventory.stock.gate import StockKey, lock_stock
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})


def age(place: BatchLocation, days: float) -> None:
    """Let it have lain there for some days already."""
    earlier = timedelta(days=days)
    place.refresh_from_db()
    BatchLocation.objects.filter(pk=place.pk).update(
        clock_started_at=place.clock_started_at - earlier,
        effective_expires_at=place.effective_expires_at and place.effective_expires_at - earlier,
        received_at=place.received_at - earlier,
    )


def test_the_same_lot_in_the_same_place_is_one_place(apples: Product, house: Site) -> None:
    first = stocked(apples, house.shelf, 3, lot="L1", expires_in_days=9)
    second = stocked(apples, house.shelf, 4, lot="L1", expires_in_days=9)

    assert first.pk == second.pk
    assert second.quantity == 7
    assert second.effective_expires_at == first.effective_expires_at == second.not_after


def test_what_joins_within_a_day_takes_the_earlier_date(apples: Product, house: Site) -> None:
    old = stocked(apples, house.shelf, 3, lot="L1")
    age(old, 0.9)
    old.refresh_from_db()

    joined = stocked(apples, house.shelf, 4, lot="L1")

    assert joined.pk == old.pk
    assert abs(joined.effective_expires_at - old.effective_expires_at) <= timedelta(microseconds=2)
    assert joined.received_at == old.received_at
    assert joined.clock_started_at > old.clock_started_at


def test_what_would_lose_more_than_a_day_becomes_a_child_lot(apples: Product, house: Site) -> None:
    old = stocked(apples, house.shelf, 3, lot="L1")
    age(old, 2)

    fresh = stocked(apples, house.shelf, 4, lot="L1")
    fresher = stocked(apples, house.cool, 1, lot="L1")

    old.refresh_from_db()
    assert old.quantity == 3
    assert fresh.pk != old.pk
    assert (fresh.batch.lot_number, fresh.batch.parent, fresh.batch.product) == ("L1/1", old.batch, apples)
    assert fresh.batch.received_at == old.batch.received_at
    assert fresh.effective_expires_at - old.effective_expires_at > timedelta(days=1.9)
    assert fresher.batch == old.batch
    assert_books_balance()


def test_the_next_child_has_the_next_number(apples: Product, house: Site) -> None:
    old = stocked(apples, house.shelf, 3, lot="L1")
    age(old, 5)
    child = stocked(apples, house.shelf, 4, lot="L1")
    age(child, 2)

    assert stocked(apples, house.shelf, 1, lot="L1").batch.lot_number == "L1/2"


def test_a_lot_that_somebody_else_numbered_like_a_child_is_no_obstacle(apples: Product, house: Site) -> None:
    stocked(apples, house.shelf, 1, lot="L1/1")
    old = stocked(apples, house.shelf, 3, lot="L1")
    age(old, 5)

    child = stocked(apples, house.shelf, 4, lot="L1")

    assert (child.batch.parent, child.batch.lot_number) == (old.batch, "L1/2")


def test_a_place_that_is_empty_of_the_batch_takes_the_clock_of_what_comes(apples: Product, house: Site) -> None:
    old = stocked(apples, house.shelf, 3, lot="L1")
    age(old, 9)
    BatchLocation.objects.filter(pk=old.pk).update(quantity=0)

    assert stocked(apples, house.shelf, 4, lot="L1").pk == old.pk
    old.refresh_from_db()
    assert old.received_at > timezone.now() - timedelta(minutes=1)


def test_what_lay_there_becomes_too_short_dated_by_what_joins_it(house: Site) -> None:
    """Half a day less makes it unfit: then all of it leaves the figures, not only what came."""
    apples = ProductFactory(lives={"ambient": 21}, min_remaining_days=20)
    old = stocked(apples, house.shelf, 3, lot="L1")
    bench = stocked(apples, house.bench, 2, lot="L1")
    age(bench, 1.5)
    age(old, 0.6)
    lock_stock([StockKey(house.id, apples.pk)])
    assert totals(apples.pk, house.id) == (5, 0, 2, 3)

    put_back(bench.pk, Decimal(2), warehouse_id=house.id, product_id=apples.pk, to_location_id=house.shelf.pk, document_id=1, actor=ACTOR)

    old.refresh_from_db()
    assert (old.quantity, old.blocked_reason) == (5, "expired")
    assert totals(apples.pk, house.id) == (5, 0, 5, 0)
    assert_books_balance()


def test_an_empty_place_costs_one_statement_and_a_full_one_a_constant_number(apples: Product, house: Site) -> None:
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            stocked(apples, house.shelf, 1, lot="L1", expires_in_days=9)
        counts.append(len(queries))

    assert counts[1] == counts[2]


# --- to the bench and back ---------------------------------------------------------------------------------------------------------------


def picked(product: Product, house: Site, quantity: int, order: str = "shop:1") -> int:
    """Promise and pick; returns the place on the bench."""
    item = promise_order(order, [OrderedLine(product.pk, Decimal(quantity))], actor=ACTOR)[0].items[0]
    return pick_reserved(
        item.id, Decimal(quantity), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    ).batch_location_id  # fmt: skip


def test_the_clock_runs_on_on_the_bench(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.cool, 5)

    bench = BatchLocation.objects.get(pk=picked(apples, house, 2))

    assert bench.clock_condition == "chilled"
    assert bench.effective_expires_at == shelf.effective_expires_at
    assert bench.received_at == shelf.received_at
    assert totals(apples.pk, house.id) == (5, 2, 0, 3)
    assert_books_balance()


def test_a_place_where_the_product_may_not_live_is_refused(apples: Product, house: Site) -> None:
    stocked(apples, house.cool, 5)
    item = promise_order("shop:1", [OrderedLine(apples.pk, Decimal(1))], actor=ACTOR)[0].items[0]
    there = {"warehouse_id": house.id, "product_id": apples.pk, "document_type": "picking_task", "document_id": 1, "actor": ACTOR}

    with pytest.raises(PlaceNotAllowed) as refusal:
        pick_reserved(item.id, Decimal(1), to_location_id=house.freezer.pk, **there)

    assert refusal.value.errors == [{"sku": "APPLES", "location": "F-01", "condition": "frozen", "phase": "sealed"}]
    with pytest.raises(PlaceNotAllowed, match="in C-01 already"):
        pick_reserved(item.id, Decimal(1), to_location_id=house.cool.pk, **there)
    with pytest.raises(PlaceNotAllowed, match="not an active place"):
        pick_reserved(item.id, Decimal(1), to_location_id=999_999, **there)


def test_damaged_goods_do_not_come_back_from_quarantine_as_a_put_back(apples: Product, house: Site) -> None:
    damaged = stocked(apples, house.quarantine, 2)

    with pytest.raises(PlaceNotAllowed, match="is no bench"):
        put_back(
            damaged.pk, Decimal(1), warehouse_id=house.id, product_id=apples.pk, to_location_id=house.cool.pk, document_id=1, actor=ACTOR
        )  # fmt: skip

    assert totals(apples.pk, house.id) == (2, 0, 2, 0)


@pytest.mark.parametrize("status", ["on_hold", "recalled"])
def test_what_was_held_or_recalled_meanwhile_is_not_picked(apples: Product, house: Site, status: str) -> None:
    place = stocked(apples, house.cool, 5)
    item = promise_order("shop:1", [OrderedLine(apples.pk, Decimal(1))], actor=ACTOR)[0].items[0]
    Batch.objects.filter(pk=place.batch_id).update(status=status)
    BatchLocation.objects.filter(pk=place.pk).update(blocked_reason={"on_hold": "held"}.get(status, status))

    with pytest.raises(UnfitNow) as refusal:
        pick_reserved(
            item.id, Decimal(1), warehouse_id=house.id, product_id=apples.pk, to_location_id=house.bench.pk,
            document_type="picking_task", document_id=1, actor=ACTOR,
        )  # fmt: skip

    assert refusal.value.data == {"reason": {"on_hold": "on hold"}.get(status, status), "batch_location": place.pk}


def test_a_child_lot_is_used_again(apples: Product, house: Site) -> None:
    """Goods of one lot with two clocks meet, again and again, in a place that is never empty: two lots are there, however often."""
    lots = []
    for _ in range(3):
        fresh = stocked(apples, house.shelf, 1, lot="L")
        lots.append(fresh.batch.lot_number)
        if len(lots) == 1:
            age(fresh, 5)

    assert lots == ["L", "L/1", "L/1"]
    assert Batch.objects.count() == 2
    assert_books_balance()


def test_the_statement_that_takes_a_place_stays_short_enough_to_be_kept() -> None:
    """Psycopg parses a longer one anew each time, and it is on the way of every pick."""
    assert len(engine._TAKE) < 4096
