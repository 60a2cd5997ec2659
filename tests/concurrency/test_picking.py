"""Pickers, and what happens to their goods at the same moment: short against write-off, undo against completion, two who want one lot."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fulfillment.models import Order, PackingTask, Pick, PickingTask, PickingTaskItem
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.other_goods import pick_other
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.picks import pick_item
from fulfillment.services.replanning import replan_picking
from fulfillment.services.shorts import short_item
from fulfillment.services.undo import undo_pick
from inventory.errors import GoodsPromised, PromiseMoved
from inventory.models import BatchLocation, CountRequest, Product
from inventory.orchestrator import (
    InsufficientStock,
    WriteOffLine,
    complete_audit,
    create_audit,
    record_count,
    remove_stock,
    request_count,
    start_audit,
)
from inventory.orchestrator import scan_audit_place as scan_place
from tests.concurrency.threads import Started, race
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.fulfillment.walks import agrees, shelf, stops, three_lots, walk_for
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, TransitionRefused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


def write_off(place: BatchLocation, quantity: Any) -> Callable[[], Any]:
    line = WriteOffLine(place.pk, Decimal(quantity), "damaged")
    return lambda: remove_stock(warehouse_id=place.warehouse_id, line=line, release_reservations=True, actor=ACTOR)


def test_two_scanners_that_report_the_same_item_short(milk: Product, house: Site) -> None:
    three_lots(house, milk, 5, 5, 5)
    manager = person(Role.MANAGER)
    task = walk_for(manager, (milk, 4))
    item = task.items.get()
    outcomes = race([lambda: short_item(item.pk, actor=manager)] * 3)
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused}
    assert stops(task) == [(1, "M-50", "A", 4, 0, "short"), (2, "B-10", "B", 4, 0, "pending")]
    assert CountRequest.objects.count() == 1
    agrees()


def test_a_short_against_a_write_off_of_the_same_goods(milk: Product, house: Site) -> None:
    """Either the write-off moves the promise first, and the picker is told where to; or the picker's short has taken it from there already."""
    manager = person(Role.MANAGER)
    for n in range(6):
        product = ProductFactory()
        first = stocked(product, house.shelf, 4, lot="A", expires_in_days=30)
        stocked(product, shelf(house, f"S-{n}", n), 4, lot="B", expires_in_days=60)
        task = walk_for(manager, (product, 4))
        item = task.items.get()
        short, gone = race([lambda item=item: short_item(item.pk, actor=manager), write_off(first, 4)])  # type: ignore[misc]
        assert gone.won
        assert short.won or isinstance(short.error, PromiseMoved), short.error
        replan_picking([task.reservation_id], actor=ACTOR)
        (stop,) = task.items.filter(status="pending")
        assert (stop.batch.lot_number, stop.quantity_required) == ("B", 4)
        agrees()


def test_shorts_of_many_orders_share_what_there_is_elsewhere(milk: Product, house: Site) -> None:
    manager = person(Role.MANAGER)
    stocked(milk, house.shelf, 20, lot="A", expires_in_days=30)
    tasks = [begun(order_for([(milk, 4)]).picking_tasks.get(), manager) for _ in range(5)]
    stocked(milk, shelf(house, "B-10", 10), 10, lot="B", expires_in_days=60)
    items = [task.items.get().pk for task in tasks]

    outcomes = race([lambda pk=pk: short_item(pk, actor=manager) for pk in items])  # type: ignore[misc]

    assert all(outcome.won for outcome in outcomes)
    moved = PickingTaskItem.objects.filter(status="pending")
    assert sum(moved.values_list("quantity_required", flat=True)) == 10
    assert set(moved.values_list("batch__lot_number", flat=True)) == {"B"}
    assert Order.objects.filter(status="needs_attention").count() == 3
    assert CountRequest.objects.count() == 1
    agrees()


def test_undo_against_complete(milk: Product, house: Site) -> None:
    manager = person(Role.MANAGER)
    for _ in range(6):
        product = ProductFactory()
        stocked(product, house.shelf, 4)
        task = walk_for(manager, (product, 4))
        pick(task.items.get(), manager)
        undone, completed = race([lambda t=task: undo_pick(t.pk, actor=manager), lambda t=task: complete_picking_task(t.pk, actor=manager)])  # type: ignore[misc]
        assert [undone.won, completed.won].count(True) == 1
        packing = PackingTask.objects.filter(picking_task=task)
        if completed.won:
            assert isinstance(undone.error, TransitionRefused)
            assert packing.get().items.get().quantity == 4
        else:
            assert not packing.exists()
            assert task.items.get().status == "pending"
        agrees()


def test_undo_twice_at_once_takes_back_two_scans_not_one_twice(milk: Product, house: Site) -> None:
    manager = person(Role.MANAGER)
    stocked(milk, house.shelf, 10)
    task = walk_for(manager, (milk, 10))
    for quantity in (5, 3, 2):
        pick(task.items.get(), manager, quantity)
    outcomes = race([lambda: undo_pick(task.pk, actor=manager)] * 2)
    assert all(outcome.won for outcome in outcomes)
    assert sorted(Pick.objects.exclude(undone_at=None).values_list("quantity", flat=True)) == [2, 3]
    assert task.items.get().quantity_picked == 5
    agrees()


def test_undo_against_pick_and_cancellation(milk: Product, house: Site) -> None:
    manager = person(Role.MANAGER)
    for _ in range(5):
        product = ProductFactory()
        stocked(product, house.shelf, 10)
        task = walk_for(manager, (product, 10))
        pick(task.items.get(), manager, 7)
        item, order = task.items.get(), Order.objects.get(pk=task.order_id)
        works: list[Callable[[], Any]] = [
            lambda t=task: undo_pick(t.pk, actor=manager),  # type: ignore[misc]
            lambda i=item, p=product: pick_item(i.pk, 3, actor=manager, location_scan="A-01", product_scan=p.sku),  # type: ignore[misc]
            lambda o=order: process_order_cancelled(o.source, o.external_id, "", actor=ACTOR),  # type: ignore[misc]
        ]
        outcomes = race(works)
        assert outcomes[2].won
        assert all(outcome.won or isinstance(outcome.error, TransitionRefused) for outcome in outcomes)
        on_bench = sum(Pick.objects.filter(item__task=task, undone_at=None).values_list("quantity", flat=True))
        assert BatchLocation.objects.get(location=house.bench, product=product).quantity == on_bench
        assert sum(task.put_backs.values_list("quantity", flat=True)) == on_bench
        assert_books_balance()


def test_two_pickers_who_want_the_same_other_lot(milk: Product, house: Site) -> None:
    manager = person(Role.MANAGER)
    lots = three_lots(house, milk, 8, 4, 1)
    tasks = [begun(order_for([(milk, 4)]).picking_tasks.get(), manager) for _ in range(2)]
    outcomes = race(
        [
            lambda t=task: pick_other(  # type: ignore[misc]
                t.items.get().pk, 4, actor=manager, location_scan="B-10", product_scan="B", reason="squashed"
            )
            for task in tasks
        ]
    )
    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert isinstance(next(outcome.error for outcome in outcomes if not outcome.won), (InsufficientStock, Conflict))
    assert BatchLocation.objects.get(pk=lots.second.pk).quantity == 0
    agrees()


def test_two_scans_of_a_part_at_once(milk: Product, house: Site) -> None:
    manager = person(Role.MANAGER)
    stocked(milk, house.shelf, 10)
    task = walk_for(manager, (milk, 10))
    item = task.items.get()

    def scan() -> Any:
        return pick_item(item.pk, 4, actor=manager, location_scan="A-01", product_scan="MILK")

    outcomes = race([scan, scan, scan])

    assert [outcome.won for outcome in outcomes].count(True) == 2
    assert PickingTask.objects.get().items.get().quantity_picked == 8
    agrees()


def test_a_write_off_never_takes_what_is_being_picked_elsewhere_after_a_short(milk: Product, house: Site) -> None:
    """Once something was picked the promise is not seized: neither where it was, nor where a short has sent it."""
    manager = person(Role.MANAGER)
    lots = three_lots(house, milk, 5, 5, 5)
    task = walk_for(manager, (milk, 5))
    pick(task.items.get(), manager, 2)
    short_item(task.items.get().pk, actor=manager)
    outcome = Started(write_off(lots.second, 5)).finish()
    assert isinstance(outcome.error, GoodsPromised)
    agrees()


def test_asking_again_against_the_count_that_answers(milk: Product, house: Site) -> None:
    """A request that was renewed after its place was counted stays open, however the completion falls."""
    auditor = person(Role.AUDITOR)
    for _ in range(5):
        product = ProductFactory()
        place = stocked(product, house.shelf, 5)
        request_count(place.location_id, product.pk, reason="one is missing", actor=ACTOR)
        audit = create_audit(warehouse_id=house.id, scope="products", product_ids=[product.pk], actor=ACTOR)
        start_audit(audit.pk, actor=ACTOR)
        scan_place(audit.pk, place.location_id, actor=auditor)
        record_count(audit.pk, audit.lines.get().pk, Decimal(5), actor=auditor)
        asked, completed = race(
            [
                lambda p=place: request_count(p.location_id, p.product_id, reason="another is missing", actor=ACTOR),  # type: ignore[misc]
                lambda a=audit: complete_audit(a.pk, actor=ACTOR),  # type: ignore[misc]
            ]
        )
        assert asked.won
        assert completed.won
        assert CountRequest.objects.filter(product=product, closed_at=None, reason="another is missing").count() == 1
