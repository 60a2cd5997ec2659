"""Holds and recalls while trade goes on: nothing of a lot slips through beside them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import (
    InsufficientStock,
    MixSource,
    OrderedLine,
    SaleLine,
    confirm_receiving,
    create_receiving,
    hold_batch,
    mix_batches,
    move_stock,
    process_offline_sale,
    promise_order,
    recall_batch,
    release_hold,
    reserve_for_order,
    split_batch,
)
from inventory.queries.reconciliation import everything_that_disagrees
from inventory.services import receiving_confirmation
from inventory.services.receiving import ReceivingLine
from tests.concurrency.threads import Outcome, Started, race, wait_for_waiter
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def lot(milk: Product, house: Site) -> BatchLocation:
    return stocked(milk, house.shelf, 10, lot="BAD", expires_in_days=9)


def recall(place: BatchLocation) -> Callable[[], Any]:
    return lambda: recall_batch(place.batch_id, reason="glass", actor=ACTOR)


def behind(move: Callable[[], Any], ask: Callable[[], Any]) -> Outcome:
    """Ask while the move is done but not yet committed."""
    with transaction.atomic():
        move()
        waiting = Started(ask)
        wait_for_waiter()
    return waiting.finish()


def delivery(milk: Product, place: Any, quantity: int = 3) -> int:
    """The draft of a delivery of more of the lot."""
    line = ReceivingLine(milk.pk, actual_quantity=Decimal(quantity), lot_number="BAD", location_id=place.pk)
    return create_receiving(warehouse_id=place.warehouse_id, lines=[line], actor=ACTOR).pk


def nothing_is_for_sale(milk: Product) -> bool:
    rows = BatchLocation.objects.filter(product=milk, has_stock=True)
    return not rows.filter(blocked_reason="").exists()


def test_recall_and_orders_at_once(house: Site, milk: Product, lot: BatchLocation) -> None:
    """Whoever came first: in the end no promise lies on the lot."""
    works: list[Callable[[], Any]] = [lambda n=n: promise_order(f"shop:{n}", [OrderedLine(milk.pk, Decimal(1))], actor=ACTOR) for n in range(8)]

    outcomes = race([*works, recall(lot)])

    assert outcomes[-1].won, outcomes[-1].error
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} <= {InsufficientStock}
    assert totals(milk.pk, house.id) == (10, 0, 10, 0)
    assert_books_balance()


def test_behind_a_recall_nothing_is_promised_or_sold(house: Site, milk: Product, lot: BatchLocation) -> None:
    def till() -> Any:
        return process_offline_sale(warehouse_id=house.id, lines=[SaleLine(milk.pk, Decimal(1))], receipt_number="1", actor=ACTOR)

    def basket() -> Any:
        return reserve_for_order("shop:1", [OrderedLine(milk.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)

    for ask in (till, basket):
        outcome = behind(lambda: hold_batch.inside(lot.batch_id, reason="x", actor=ACTOR), ask)
        assert isinstance(outcome.error, InsufficientStock)
        release_hold(lot.batch_id, actor=ACTOR)


def test_a_recall_behind_a_promise_takes_it(house: Site, milk: Product, lot: BatchLocation) -> None:
    outcome = behind(lambda: promise_order.inside("shop:1", [OrderedLine(milk.pk, Decimal(4))], actor=ACTOR), recall(lot))
    assert outcome.value.released == [{"reservation_id": outcome.value.seizures[0].holder.reservation_id, "order_ref": "shop:1", "quantity": "4"}]
    assert totals(milk.pk, house.id) == (10, 0, 10, 0)


def test_a_hold_behind_a_delivery_of_the_lot_blocks_what_it_brought(house: Site, milk: Product, lot: BatchLocation) -> None:
    """Also to a site where the lot never was: its gate was not among those known before the lot was locked."""
    other = site()
    for place in (house.shelf, other.shelf):
        paper = delivery(milk, place)
        outcome = behind(lambda paper=paper: confirm_receiving.inside(paper, actor=ACTOR), lambda: hold_batch(lot.batch_id, reason="x", actor=ACTOR))
        assert outcome.won, outcome.error
        assert nothing_is_for_sale(milk)
        release_hold(lot.batch_id, actor=ACTOR)
    assert_books_balance()


def test_a_delivery_of_the_lot_behind_a_recall_arrives_blocked(house: Site, milk: Product, lot: BatchLocation) -> None:
    for place in (house.shelf, site().shelf):
        paper = delivery(milk, place)
        outcome = behind(lambda: hold_batch.inside(lot.batch_id, reason="x", actor=ACTOR), lambda paper=paper: confirm_receiving(paper, actor=ACTOR))
        assert outcome.won, outcome.error
        assert nothing_is_for_sale(milk)
        release_hold(lot.batch_id, actor=ACTOR)
    assert_books_balance()


def test_a_recall_behind_a_mix_and_a_split_reaches_what_was_made(house: Site, milk: Product, lot: BatchLocation) -> None:
    good = stocked(milk, house.shelf, 10, lot="GOOD", expires_in_days=9)

    def make() -> None:
        split_batch.inside(lot.pk, Decimal(2), actor=ACTOR)
        sources = [MixSource(lot.pk, Decimal(3)), MixSource(good.pk, Decimal(3))]
        mix_batches.inside(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=sources, actor=ACTOR)

    outcome = behind(make, recall(lot))

    assert outcome.won, outcome.error
    assert set(Batch.objects.filter(status="recalled")) == set(Batch.objects.exclude(pk=good.batch_id))
    assert totals(milk.pk, house.id) == (20, 0, 13, 7)
    assert_books_balance()


def test_a_mix_behind_a_hold_is_refused(house: Site, milk: Product, lot: BatchLocation) -> None:
    good = stocked(milk, house.shelf, 10, lot="GOOD", expires_in_days=9)
    sources = [MixSource(lot.pk, Decimal(3)), MixSource(good.pk, Decimal(3))]
    outcome = behind(
        lambda: hold_batch.inside(lot.batch_id, reason="x", actor=ACTOR),
        lambda: mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=sources, actor=ACTOR),
    )
    assert "on hold" in str(outcome.error)
    assert totals(milk.pk, house.id) == (20, 0, 10, 10)


def test_holds_releases_moves_and_orders_in_any_order(house: Site, milk: Product, lot: BatchLocation) -> None:
    """No deadlock, no books that disagree, and the goods are blocked just as the lot says."""
    shelf = LocationFactory(warehouse=house.warehouse)
    for turn in range(3):
        lots = list(BatchLocation.objects.filter(product=milk, has_stock=True).values_list("pk", flat=True))
        paper = delivery(milk, house.shelf, 1)
        works: list[Callable[[], Any]] = [
            lambda: hold_batch(lot.batch_id, reason="x", actor=ACTOR),
            lambda: release_hold(lot.batch_id, actor=ACTOR),
            lambda: hold_batch(lot.batch_id, reason="y", actor=ACTOR),
            lambda lots=lots: move_stock(lots[0], Decimal(1), shelf.pk, actor=ACTOR),
            lambda lots=lots: split_batch(lots[0], Decimal(1), actor=ACTOR),
            lambda paper=paper: confirm_receiving(paper, actor=ACTOR),
            *[lambda n=n, turn=turn: promise_order(f"shop:{turn}-{n}", [OrderedLine(milk.pk, Decimal(1))], actor=ACTOR) for n in range(3)],
        ]
        outcomes = race(works)
        assert not [o.error for o in outcomes if o.error is not None and not hasattr(o.error, "code")]
        held = set(Batch.objects.exclude(status="available").values_list("pk", flat=True))
        rows = BatchLocation.objects.filter(has_stock=True).values_list("batch", "blocked_reason")
        assert {batch for batch, reason in rows if reason == "held"} == {batch for batch, _ in rows} & held
        assert_books_balance()


# --- control: the guard is what makes it so ----------------------------------------------------------------------------------------------


def test_control_without_the_share_of_the_lot_a_delivery_comes_for_sale(
    house: Site, milk: Product, lot: BatchLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a site where the lot never was nobody waits at a gate: only the lock of the lot keeps the delivery from reading what it was before the hold."""
    monkeypatch.setattr(receiving_confirmation, "share_batches", lambda ids: Batch.objects.in_bulk(list(ids)))
    other = site()
    paper = delivery(milk, other.shelf)
    with transaction.atomic():
        hold_batch.inside(lot.batch_id, reason="x", actor=ACTOR)
        assert Started(lambda: confirm_receiving(paper, actor=ACTOR)).finish().won
    assert not nothing_is_for_sale(milk)
    with transaction.atomic():
        assert {found.check for found in everything_that_disagrees()} == {"blocked"}
