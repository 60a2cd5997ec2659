"""Other quantities for an order that nobody has begun to pick: its promise, its tasks and its lines follow, or nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import MissingGoods, Order, OrderLine, PickingBatch, PickingTask, Wave
from fulfillment.services.order_changes import change_order_lines
from fulfillment.services.orders import process_order_cancelled, process_order_confirmed
from fulfillment.services.packing_tasks import cancel_packing_task
from fulfillment.services.picking_batches import cancel_picking_batch, settle_picking_batches
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task, start_picking_task
from fulfillment.services.replanning import replan_picking
from fulfillment.services.undo import undo_pick
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import release_wave, settle_waves
from inventory.models import Movement, Product, Reservation, Stock
from inventory.orchestrator import InsufficientStock, UnknownProduct
from tests.concurrency.threads import race
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, picked, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.batches import batch_of, pick_stop
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(db: None) -> Site:
    return site(code="ONE", external_id="1")


@pytest.fixture
def apples(place: Site) -> Product:
    product = ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 10, expires_in_days=60)
    return product


@pytest.fixture(autouse=True)
def books(db: None) -> Iterator[None]:
    """Whatever a test did, fulfilment and inventory agree afterwards, and replanning finds nothing to do."""
    yield
    tasks = list(PickingTask.objects.values_list("pk", flat=True))
    settle_picking_batches(tasks, actor=ACTOR)
    settle_waves(tasks, actor=ACTOR)
    assert replan_picking(list(Reservation.objects.values_list("pk", flat=True)), actor=ACTOR) == 0
    agrees()


def line(product: Product, quantity: Any, where: Site | None = None, **more: Any) -> dict[str, Any]:
    place = {"warehouse": where.warehouse.code} if where else {}
    return {"sku": product.sku, "quantity": str(quantity), **place, **more}


def change(order: Order, *lines: dict[str, Any], **more: Any) -> Order:
    return change_order_lines(order.source, order.external_id, list(lines), actor=ACTOR, **more)


def open_items() -> list[tuple[str, Decimal]]:
    tasks = PickingTask.objects.filter(status__in=["pending", "assigned"]).order_by("pk")
    return [(item.product.sku, item.quantity_required) for task in tasks for item in task.items.select_related("product").order_by("sequence")]


def told(since: int) -> list[str]:
    return list(OutboxEvent.objects.filter(sequence__gt=since).order_by("sequence").values_list("type", flat=True))


def last() -> int:
    return OutboxEvent.objects.order_by("sequence").values_list("sequence", flat=True).last() or 0


@contextmanager
def nothing_written() -> Iterator[None]:
    models = (Order, OrderLine, PickingTask, Reservation, Movement, Stock, OutboxEvent, Wave, PickingBatch)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    yield
    assert [list(model.objects.order_by("pk").values()) for model in models] == before


@pytest.mark.parametrize(("quantity", "moved"), [(7, ("reservation", 3)), (1, ("release", -3)), (10, ("reservation", 6))])
def test_only_the_difference_is_promised_or_released(place, apples, quantity, moved):
    """Ten are there and four are promised: ten may be asked for, for the four count as well."""
    order = order_for([(apples, 4)])
    before, since, movements = PickingTask.objects.get(), last(), Movement.objects.count()

    changed = change(order, line(apples, quantity))

    assert (changed.status, changed.pk) == ("accepted", order.pk)
    assert list(OrderLine.objects.values_list("product__sku", "quantity")) == [("APPLE", Decimal(quantity))]
    old, new = PickingTask.objects.order_by("pk")
    assert (old.pk, old.status, old.cancellation_reason) == (before.pk, "cancelled", "ORDER_CHANGED")
    assert (new.status, new.reservation_id, new.priority, new.ship_by) == ("pending", before.reservation_id, before.priority, before.ship_by)
    assert open_items() == [("APPLE", Decimal(quantity))]
    assert Stock.objects.get().reserved == Decimal(quantity)
    difference = Movement.objects.order_by("pk")[movements:]
    kind, amount = moved
    assert list(difference.values_list("type", "reserved_change")) == [(kind, Decimal(amount))]
    of_tasks = [name for name in told(since) if not name.startswith(("inventory.", "stock."))]
    assert of_tasks == ["picking.cancelled", "picking.created", "order.revised"]
    revised = OutboxEvent.objects.get(type="order.revised")
    assert revised.aggregate_id == str(order.pk)
    assert revised.payload == {
        "order_id": order.external_id,
        "order_source": "listings",
        "order_number": "",
        "lines": [{"sku": "APPLE", "quantity": str(quantity)}],
    }


def test_other_goods_and_none_of_the_old(place, apples):
    pears = ProductFactory(sku="PEAR")
    stocked(pears, place.shelf, 5)
    order = order_for([(apples, 4)])
    change(order, line(pears, 3))
    assert open_items() == [("PEAR", Decimal(3))]
    assert list(Stock.objects.order_by("product__sku").values_list("reserved", flat=True)) == [Decimal(0), Decimal(3)]


def test_a_task_whose_goods_stay_the_same_stays(place, apples):
    other = site(code="TWO", external_id="2")
    stocked(apples, other.shelf, 10)
    order = order_for([(apples, 4, place), (apples, 2, other)])
    here, there = PickingTask.objects.order_by("warehouse")
    change(order, line(apples, 6, place), line(apples, 2, other))
    assert PickingTask.objects.get(pk=there.pk).status == "pending"
    assert PickingTask.objects.get(pk=here.pk).status == "cancelled"
    assert PickingTask.objects.count() == 3

    # A warehouse that is asked for nothing any more has no task and no promise.
    change(order, line(apples, 6, place))
    assert PickingTask.objects.get(pk=there.pk).status == "cancelled"
    assert list(PickingTask.objects.filter(status="pending").values_list("warehouse__code", flat=True)) == ["ONE"]
    assert list(Reservation.objects.filter(status="active").values_list("warehouse__code", flat=True)) == ["ONE"]


def test_the_same_lines_change_nothing(place, apples):
    order = order_for([(apples, 4)])
    with nothing_written():
        change(order, line(apples, 1), line(apples, 3))


def test_what_the_old_lines_asked_besides_is_asked_further(place, apples):
    short = stocked(apples, place.shelf, 10, lot="SHORT", expires_in_days=10)
    order = process_order_confirmed("listings", "8", [line(apples, 4, min_remaining_days=30)], actor=ACTOR)
    change(order, line(apples, 9))
    assert OrderLine.objects.get().min_remaining_days == 30
    assert not PickingTask.objects.get(status="pending").items.filter(batch=short.batch).exists()
    with pytest.raises(InsufficientStock):
        change(order, line(apples, 11))


def test_who_had_the_task_has_the_new_one(place, apples):
    picker = person(Role.PICKER)
    order = order_for([(apples, 4)], priority="high")
    assign_picking_task(PickingTask.objects.get().pk, picker.user_id, actor=ACTOR)
    since = last()
    change(order, line(apples, 5))
    task = PickingTask.objects.get(status="assigned")
    assert (task.worker_id, task.priority) == (picker.user_id, "high")
    assert told(since)[-3:] == ["picking.created", "picking.assigned", "order.revised"]
    start_picking_task(task.pk, actor=picker)


def test_the_batch_goes_on_without_it(place, apples):
    order, other = order_for([(apples, 4)]), order_for([(apples, 2)])
    first, second = PickingTask.objects.order_by("pk")
    batch = batch_of([first, second])
    change(order, line(apples, 5))
    task = PickingTask.objects.get(order=order, status="pending")
    assert (task.picking_batch_id, task.tote, task.worker_id) == (None, None, None)
    settle_picking_batches([first.pk], actor=ACTOR)
    assert PickingBatch.objects.get(pk=batch.pk).status == "pending"

    change(other, line(apples, 1))
    settle_picking_batches([second.pk], actor=ACTOR)
    assert PickingBatch.objects.get(pk=batch.pk).status == "cancelled"


@pytest.mark.parametrize("released", [False, True])
def test_the_new_task_is_in_the_wave_of_the_old(place, apples, released):
    order = order_for([(apples, 4)])
    wave = plan_wave(place.warehouse.pk, actor=ACTOR)
    if released:
        release_wave(wave.pk, actor=ACTOR)
    before = PickingTask.objects.get()
    change(order, line(apples, 5))
    task = PickingTask.objects.get(status="pending")
    assert (task.wave_id, task.released_at) == (wave.pk, before.released_at)
    assert (task.released_at is not None) is released
    settle_waves([before.pk], actor=ACTOR)
    assert Wave.objects.get().is_open


def test_a_rejected_order_is_tried_with_its_new_lines(place, apples):
    order = order_for([(apples, 25)])
    assert order.status == "rejected"
    with nothing_written(), pytest.raises(InsufficientStock):
        change(order, line(apples, 11))
    since = last()
    changed = change(order, line(apples, 10))
    assert (changed.status, changed.shortages, changed.retry_due_at) == ("accepted", [], None)
    assert open_items() == [("APPLE", Decimal(10))]
    assert [name for name in told(since) if name.startswith("order.")] == ["order.accepted", "order.revised"]


def test_what_it_went_without_is_asked_for_anew(place, apples):
    order = order_for([(apples, 4)])
    cancel_picking_task(PickingTask.objects.get().pk, "wrong", actor=ACTOR)
    assert (Order.objects.get().status, MissingGoods.objects.count()) == ("needs_attention", 1)
    change(order, line(apples, 3))
    assert (Order.objects.get().status, MissingGoods.objects.count()) == ("picking", 0)
    assert open_items() == [("APPLE", Decimal(3))]


def test_not_enough_changes_nothing(place, apples):
    order = order_for([(apples, 4)])
    order_for([(apples, 3)])
    with nothing_written(), pytest.raises(InsufficientStock) as caught:
        change(order, line(apples, 8))
    assert [(short["sku"], short["asked"], short["available"]) for short in caught.value.errors] == [("APPLE", "8.000", "7.000")]


@pytest.mark.parametrize("how", ["started", "picked", "completed", "packing cancelled", "in a batch"])
def test_once_picking_has_begun_nothing_changes(place, apples, how):
    picker = person(Role.PICKER)
    order = order_for([(apples, 4)])
    task = PickingTask.objects.get()
    if how in ("completed", "packing cancelled"):
        packing = picked(task, picker)
        if how == "packing cancelled":
            cancel_packing_task(packing.pk, "x", actor=ACTOR)
    elif how == "in a batch":
        batch_of([task], picker)
    else:
        begun(task, picker)
        if how == "picked":
            pick(task.items.get(), picker, 1)
    with nothing_written(), pytest.raises(TransitionRefused) as caught:
        change(order, line(apples, 5))
    assert f"has begun ({task.number}" in caught.value.detail
    assert "Cancel it and send a new order" in caught.value.detail
    assert caught.value.data["begun"][0] == task.number


def test_a_walk_that_was_given_up_has_not_begun(place, apples):
    """One was picked and laid back, and the batch was given up: goods and promise are on the shelf. The scans are kept with the task that is cancelled."""
    picker = person(Role.PICKER)
    order = order_for([(apples, 4)])
    task = PickingTask.objects.get()
    batch = batch_of([task], picker)
    pick_stop(task.items.get(), picker, 1)
    undo_pick(task.pk, actor=picker)
    cancel_picking_batch(batch.pk, "cart broken", actor=ACTOR)
    assert (Order.objects.get().status, PickingTask.objects.get().status) == ("picking", "pending")
    change(order, line(apples, 5))
    assert (Order.objects.get().status, open_items()) == ("picking", [("APPLE", Decimal(5))])


@pytest.mark.parametrize("lines", [[], [{"sku": "APPLE", "quantity": "0"}], [{"sku": "APPLE", "quantity": "-1"}], [{"sku": "GONE", "quantity": "1"}]])
def test_what_can_not_be_read_changes_nothing(place, apples, lines):
    order = order_for([(apples, 4)])
    with nothing_written(), pytest.raises((ValidationFailed, UnknownProduct)):
        change(order, *lines)


def test_who_may_and_what_is_known(place, apples):
    order = order_for([(apples, 4)])
    with nothing_written():
        with pytest.raises(NotFound):
            change_order_lines("listings", "no such", [line(apples, 1)], actor=ACTOR)
        with pytest.raises(StaleVersion):
            change(order, line(apples, 1), expected_version=99)
        with pytest.raises(PermissionDenied):
            change_order_lines(order.source, order.external_id, [line(apples, 1)], actor=person(Role.PICKER))
    process_order_cancelled(order.source, order.external_id, "x", actor=ACTOR)
    with nothing_written(), pytest.raises(TransitionRefused):
        change(order, line(apples, 1))


@pytest.mark.parametrize("many", [1, 12])
def test_statements_do_not_grow_with_the_lines(place, many):
    goods = [ProductFactory(sku=f"P-{number}") for number in range(many)]
    for product in goods:
        stocked(product, place.shelf, 5)
    order = order_for([(product, 2) for product in goods])
    with CaptureQueriesContext(connection) as statements:
        change(order, *(line(product, 3) for product in goods))
    assert len(statements) == 41


@pytest.mark.slow
def test_a_picker_who_begins_meanwhile_and_a_change_do_not_both_win(place, apples):
    """Each way round, the goods of the order are those that are walked for."""
    picker = person(Role.PICKER)
    order = order_for([(apples, 4)])
    task = PickingTask.objects.get()
    assign_picking_task(task.pk, picker.user_id, actor=ACTOR)
    outcomes = race([lambda: start_picking_task(task.pk, actor=picker), lambda: change(order, line(apples, 5))])
    (refused,) = [outcome for outcome in outcomes if not outcome.won]
    assert isinstance(refused.error, TransitionRefused)
    walked = PickingTask.objects.exclude(status="cancelled").get()
    assert (walked.status, walked.items.get().quantity_required) == (("in_progress", 4) if outcomes[0].won else ("assigned", 5))
