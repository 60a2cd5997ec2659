"""What is not for sale, and why: quarantine, hold, recall, expiry, a closed place. Each way in and out, and each together with each.

After every step three figures are asked: `get_availability` (right at every moment), Stock.blocked and available (as of the last operation or job), and the
reconciliation. Where time alone has passed, the first is right before the job, the second after it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import combinations, permutations
from typing import Any

import pytest
from django.utils import timezone

from inventory.models import BatchLocation, Location, Product
from inventory.orchestrator import (
    MixSource,
    OrderedLine,
    TransferLine,
    confirm_receiving,
    create_receiving,
    create_transfer,
    expire_stock,
    get_availability,
    hold_batch,
    mix_batches,
    move_stock,
    pick_reserved,
    promise_order,
    put_away,
    put_back,
    recall_batch,
    receive_transfer,
    release_hold,
    release_order,
    send_transfer,
    split_batch,
)
from inventory.services.receiving import ReceivingLine
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import date_by_clock, label_says

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK", min_remaining_days=2)


def sellable(product: Product, house: Site) -> Decimal:
    (row,) = get_availability([product.pk], warehouse_ids=[house.id])
    assert row.can_reserve == (row.available > 0)
    return row.available


def check(product: Product, house: Site, *, blocked: Any, available: Any, reserved: Any = 0) -> None:
    """The figures, and that no question or job changes them."""
    quantity = Decimal(blocked) + Decimal(available) + Decimal(reserved)
    assert totals(product.pk, house.id) == (quantity, reserved, blocked, available)
    assert sellable(product, house) == available
    expire_stock(actor=ACTOR)
    assert totals(product.pk, house.id) == (quantity, reserved, blocked, available)
    assert_books_balance()


def reason(place: BatchLocation) -> str:
    return BatchLocation.objects.values_list("blocked_reason", flat=True).get(pk=place.pk)


def let_expire(place: BatchLocation) -> None:
    label_says(BatchLocation.objects.filter(pk=place.pk), timezone.now() + timedelta(days=2))  # less than it must have left


def make_fresh(place: BatchLocation) -> None:
    label_says(BatchLocation.objects.filter(pk=place.pk), timezone.now() + timedelta(days=20))


def hold(place: BatchLocation) -> None:
    hold_batch(place.batch_id, reason="x", actor=ACTOR)


def recall(place: BatchLocation) -> None:
    recall_batch(place.batch_id, reason="x", actor=ACTOR)


def release(place: BatchLocation) -> None:
    release_hold(place.batch_id, actor=ACTOR)


# --- each alone, in and out --------------------------------------------------------------------------------------------------------------


def test_received_into_quarantine_and_taken_out_of_it(house: Site, milk: Product) -> None:
    place = stocked(milk, house.quarantine, 5, lot="A", expires_in_days=9)
    assert reason(place) == "place"
    check(milk, house, blocked=5, available=0)
    move_stock(place.pk, Decimal(3), house.shelf.pk, actor=ACTOR)
    check(milk, house, blocked=2, available=3)
    back = BatchLocation.objects.get(location=house.shelf)
    move_stock(back.pk, Decimal(1), house.quarantine.pk, actor=ACTOR)
    check(milk, house, blocked=3, available=2)


def test_the_damaged_part_of_a_delivery(house: Site, milk: Product) -> None:
    line = ReceivingLine(milk.pk, actual_quantity=Decimal(10), damaged_quantity=Decimal(4), lot_number="A", location_id=house.shelf.pk)
    confirm_receiving(create_receiving(warehouse_id=house.id, lines=[line], actor=ACTOR).pk, actor=ACTOR)
    check(milk, house, blocked=4, available=6)


def test_from_the_dock_to_the_shelf(house: Site, milk: Product) -> None:
    place = stocked(milk, house.dock, 5, lot="A", expires_in_days=9)
    check(milk, house, blocked=5, available=0)
    put_away(place.pk, Decimal(5), house.shelf.pk, actor=ACTOR)
    check(milk, house, blocked=0, available=5)


def test_on_the_bench_and_back(house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    (made,) = promise_order("shop:1", [OrderedLine(milk.pk, Decimal(3))], actor=ACTOR)
    item = made.items[0]
    picked = pick_reserved(
        item.id,
        Decimal(3),
        warehouse_id=house.id,
        product_id=milk.pk,
        to_location_id=house.bench.pk,
        document_type="picking_task",
        document_id=1,
        actor=ACTOR,
    )
    check(milk, house, blocked=0, available=2, reserved=3)
    release_order("shop:1", reason="X", actor=ACTOR)
    check(milk, house, blocked=3, available=2)
    put_back(
        picked.batch_location_id, Decimal(3), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.shelf.pk, document_id=1, actor=ACTOR
    )
    check(milk, house, blocked=0, available=5)


def test_time_alone(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    let_expire(place)
    assert (totals(milk.pk, house.id), sellable(milk, house)) == ((5, 0, 0, 5), 0)
    expire_stock(actor=ACTOR)
    check(milk, house, blocked=5, available=0)
    assert reason(place) == "expired"
    make_fresh(place)
    assert (totals(milk.pk, house.id), sellable(milk, house)) == ((5, 0, 5, 0), 5)
    expire_stock(actor=ACTOR)
    check(milk, house, blocked=0, available=5)


def test_received_too_short_dated(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=1)
    assert reason(place) == "expired"
    check(milk, house, blocked=5, available=0)


def test_held_and_released(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    hold(place)
    check(milk, house, blocked=5, available=0)
    release(place)
    check(milk, house, blocked=0, available=5)


def test_only_what_is_free_is_blocked(house: Site, milk: Product) -> None:
    """What is picked for an order counts as reserved, not as blocked; when the promise goes it is blocked."""
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    (made,) = promise_order("shop:1", [OrderedLine(milk.pk, Decimal(3))], actor=ACTOR)
    pick_reserved(
        made.items[0].id,
        Decimal(1),
        warehouse_id=house.id,
        product_id=milk.pk,
        to_location_id=house.bench.pk,
        document_type="picking_task",
        document_id=1,
        actor=ACTOR,
    )
    for withdraw in (hold, recall):
        withdraw(place)
        check(milk, house, blocked=2, available=0, reserved=3)
    release_order("shop:1", reason="X", actor=ACTOR)
    check(milk, house, blocked=5, available=0)


# --- more of the same lot ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("withdraw", "why"), [(hold, "held"), (recall, "recalled")])
def test_more_of_a_lot_arrives(house: Site, milk: Product, withdraw: Callable[[BatchLocation], None], why: str) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    withdraw(place)
    stocked(milk, house.shelf, 3, lot="A", expires_in_days=9)
    elsewhere = stocked(milk, LocationFactory(warehouse=house.warehouse), 4, lot="A", expires_in_days=9)
    assert reason(elsewhere) == why
    other = stocked(milk, house.shelf, 1, lot="B", expires_in_days=9)
    assert reason(other) == ""
    check(milk, house, blocked=12, available=1)


@pytest.mark.parametrize(("withdraw", "why"), [(hold, "held"), (recall, "recalled")])
def test_it_stays_so_wherever_it_goes(house: Site, milk: Product, withdraw: Callable[[BatchLocation], None], why: str) -> None:
    """To another shelf, to quarantine and back, as a lot of its own, in a mix that was made before."""
    place = stocked(milk, house.shelf, 9, lot="A", expires_in_days=9)
    fresh = stocked(milk, house.shelf, 4, lot="B", expires_in_days=9)
    sources = [MixSource(place.pk, Decimal(1)), MixSource(fresh.pk, Decimal(1))]
    mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=sources, actor=ACTOR)
    withdraw(place)
    check(milk, house, blocked=10, available=3)
    shelf = LocationFactory(warehouse=house.warehouse)
    moved = move_stock(place.pk, Decimal(4), shelf.pk, actor=ACTOR)
    quarantined = move_stock(moved, Decimal(2), house.quarantine.pk, actor=ACTOR)
    assert reason(BatchLocation(pk=quarantined)) == why
    move_stock(quarantined, Decimal(1), shelf.pk, actor=ACTOR)
    split_batch(place.pk, Decimal(1), actor=ACTOR)
    check(milk, house, blocked=10, available=3)


def test_a_child_lot_of_a_lot_on_hold_takes_nothing_from_the_parent(house: Site, milk: Product) -> None:
    """Goods of the parent that come to a place where only the child is on hold do not join the child."""
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    BatchLocation.objects.filter(pk=place.pk).update(not_after=place.not_after + timedelta(days=9), consumed_fraction=Decimal("0.5"))
    date_by_clock(place)
    stocked(milk, house.shelf, 2, lot="A", expires_in_days=9)  # would lose more than a day: a child lot
    child = BatchLocation.objects.exclude(batch=place.batch).get()
    assert child.batch.parent_id == place.batch_id
    hold(child)
    stocked(milk, house.shelf, 3, lot="A", expires_in_days=9)
    check(milk, house, blocked=2, available=8)


@pytest.mark.parametrize(("withdraw", "why"), [(hold, "held"), (recall, "recalled")])
def test_withdrawn_on_the_way_to_another_site(house: Site, milk: Product, withdraw: Callable[[BatchLocation], None], why: str) -> None:
    """In transit it is blocked anyway; it arrives blocked for its lot, and out of a hold it is for sale where it came to."""
    other = site()
    place = stocked(milk, house.shelf, 9, lot="A", expires_in_days=9)
    line = TransferLine(place.pk, Decimal(4), other.shelf.pk)
    paper = create_transfer(source_warehouse_id=house.id, target_warehouse_id=other.id, lines=[line], actor=ACTOR)
    send_transfer(paper.pk, actor=ACTOR)
    check(milk, other, blocked=4, available=0)
    withdraw(place)
    check(milk, house, blocked=5, available=0)
    receive_transfer(paper.pk, actor=ACTOR)
    assert reason(BatchLocation.objects.get(location=other.shelf)) == why
    check(milk, other, blocked=4, available=0)
    if why == "held":
        release(place)
        check(milk, other, blocked=0, available=4)
        check(milk, house, blocked=0, available=5)


def test_a_mix_that_becomes_short_dated_in_its_place(house: Site) -> None:
    """Poured into the warmth, the mix keeps for less than its goods did in the cold: it is blocked from the first moment."""
    fish = ProductFactory(sku="FISH", min_remaining_days=2, lives={"chilled": 10, "ambient": 1})
    places = [stocked(fish, house.cool, 5, lot=lot) for lot in "AB"]
    check(fish, house, blocked=0, available=10)
    sources = [MixSource(place.pk, Decimal(2)) for place in places]
    mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=sources, actor=ACTOR)
    check(fish, house, blocked=4, available=6)


# --- each with each ----------------------------------------------------------------------------------------------------------------------

IN: dict[str, Callable[[BatchLocation], None]] = {"held": hold, "recalled": recall, "expired": let_expire}
OUT: dict[str, Callable[[BatchLocation], None]] = {"held": release, "expired": make_fresh}
RANK = ["recalled", "held", "place", "expired"]


@pytest.mark.parametrize("causes", [order for n in (1, 2, 3) for chosen in combinations(IN, n) for order in permutations(chosen)], ids="-".join)
@pytest.mark.parametrize("kind", ["shelf", "quarantine"])
def test_several_causes_in_any_order(house: Site, milk: Product, causes: tuple[str, ...], kind: str) -> None:
    place = stocked(milk, getattr(house, kind), 5, lot="A", expires_in_days=9)
    present = {"place"} if kind == "quarantine" else set()
    for cause in causes:
        if cause == "held" and "recalled" in present:
            continue  # a recalled lot is not held any more
        IN[cause](place)
        present.add(cause)
        assert sellable(milk, house) == 0
        expire_stock(actor=ACTOR)
        assert reason(place) == next(name for name in RANK if name in present)
        check(milk, house, blocked=5, available=0)
    for cause in [name for name in causes if name in OUT and not (name == "held" and "recalled" in present)]:
        OUT[cause](place)
        present.discard(cause)
        expire_stock(actor=ACTOR)
        assert reason(place) == next((name for name in RANK if name in present), "")
        check(milk, house, blocked=5 if present else 0, available=0 if present else 5)


def test_a_hold_that_ends_over_expired_goods_blocks_them_as_expired(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    hold(place)
    let_expire(place)
    release(place)
    assert reason(place) == "expired"
    check(milk, house, blocked=5, available=0)


def test_goods_that_come_fresh_out_of_a_hold_do_not_wait_for_the_job(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 5, lot="A", expires_in_days=9)
    let_expire(place)
    expire_stock(actor=ACTOR)
    hold(place)
    make_fresh(place)
    release(place)
    check(milk, house, blocked=0, available=5)


def test_a_closed_place(house: Site, milk: Product) -> None:
    """A place that was closed before the goods came; how it is closed over goods belongs to `change_location`."""
    closed = LocationFactory(warehouse=house.warehouse, is_pickable=False)
    place = stocked(milk, closed, 5, lot="A", expires_in_days=9)
    assert reason(place) == "place"
    hold(place)
    release(place)
    assert reason(place) == "place"
    check(milk, house, blocked=5, available=0)
    assert Location.objects.get(pk=closed.pk).is_active
