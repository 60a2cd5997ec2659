"""Batches walked to their end: completed, given up, cancelled in part, and followed by events."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis as redis_client
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import WorkLeft
from fulfillment.models import Order, PackingTask, PickingBatch, PickingTask, PickingTaskItem, QualityCheck
from fulfillment.queries.picking_batches import next_stop
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import (
    assign_picking_batch,
    cancel_picking_batch,
    claim_next_walk,
    complete_picking_batch,
    make_picking_batches,
    settle_picking_batches,
)
from fulfillment.services.picking_tasks import cancel_picking_task, claim_next_picking_task, complete_picking_task
from fulfillment.services.priorities import change_priority
from fulfillment.services.quality_checks import record_quality_finding, start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.shorts import short_item, skip_item
from tests.factories.fulfillment import ACTOR, person, pick
from tests.factories.quality import rule
from tests.fulfillment.batches import batch_of, goods_on, pick_rest, pick_stop, settled, task_for, walk
from tests.fulfillment.events import told
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox import subscribers
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)


def test_batches_are_settled_in_one_look(place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])

    def asked(count: int) -> int:
        tasks = [task_for((milk, 1)) for _ in range(count)]
        for task in tasks:
            batch_of([task])
        with CaptureQueriesContext(connection) as queries:
            assert settle_picking_batches([task.pk for task in tasks], actor=ACTOR) == 0
        return len(queries)

    assert asked(1) == asked(3)


def test_one_walk_through_all_stops(place: Any, picker: Actor) -> None:
    """Up the first aisle, down the last, by the shortest route; what lies in one place follows each other."""
    here, shelves = place
    goods = {code: goods_on(shelves[code]) for code in ("K-02", "K-04", "M-03", "M-01")}
    tasks = [
        task_for((goods["M-01"], 1), (goods["K-02"], 1)),
        task_for((goods["M-03"], 1), (goods["K-04"], 2)),
        task_for((goods["K-02"], 1)),
    ]
    batch = batch_of(tasks, picker)
    assert walk(batch) == [("K-02", 1), ("K-02", 3), ("K-04", 2), ("M-03", 2), ("M-01", 1)]
    assert (batch.route_method, batch.route_length, batch.shortest_length) == ("exact", batch.shortest_length, batch.shortest_length)
    assert batch.route_length is not None
    assert batch.route_length > 0
    assert {task.status for task in PickingTask.objects.all()} == {"in_progress"}
    assert {task.packing_location_id for task in PickingTask.objects.all()} == {here.bench.pk}
    assert {order.status for order in Order.objects.all()} == {"picking"}
    settled()


def test_a_batch_is_completed_at_once(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    tasks = [task_for((milk, 2)), task_for((milk, 1), (tea, 1)), task_for((tea, 3))]
    batch = batch_of(tasks, picker)
    with pytest.raises(WorkLeft) as left:
        complete_picking_batch(batch.pk, actor=picker)
    assert [(error["tote"], error["location"]) for error in left.value.errors] == [(1, "K-01"), (2, "K-01"), (2, "M-02"), (3, "M-02")]
    pick_rest(batch, picker)
    assert next_stop(batch.pk) is None
    with pytest.raises(StaleVersion):
        complete_picking_batch(batch.pk, actor=picker, expected_version=1)
    done = complete_picking_batch(batch.pk, actor=picker)
    assert (done.status, done.completed_at is not None) == ("completed", True)
    assert {task.status for task in PickingTask.objects.all()} == {"completed"}
    assert PackingTask.objects.count() == 3
    assert told("picking.completed", "packing.started", "picking.batch_completed") == [
        *["picking.completed", "packing.started"] * 3, "picking.batch_completed",
    ]  # fmt: skip
    with pytest.raises(TransitionRefused):
        complete_picking_batch(batch.pk, actor=picker)
    settled()


def test_nothing_at_all_was_there(place: Any, picker: Actor) -> None:
    """Tasks of which nothing was picked close without packing; a batch of which all orders were cancelled closes by itself."""
    _, shelves = place
    milk = goods_on(shelves["K-01"], 3)
    first, second = task_for((milk, 1)), task_for((milk, 1))
    batch = batch_of([first, second], picker)
    short_item(first.items.get().pk, actor=picker)
    for item in PickingTaskItem.objects.filter(status="pending"):
        skip_item(item.pk, actor=picker)
    complete_picking_batch(batch.pk, actor=picker)
    assert not PackingTask.objects.exists()
    assert {order.status for order in Order.objects.all()} == {"needs_attention"}

    third = task_for((milk, 1))
    other = batch_of([third], person(Role.PICKER))
    process_order_cancelled(third.order.source, third.order.external_id, "", actor=ACTOR)
    with pytest.raises(Conflict, match="nothing to walk for"):
        complete_picking_batch(other.pk, actor=ACTOR)
    settled()
    assert PickingBatch.objects.get(pk=other.pk).status == "cancelled"


def test_a_waiting_batch_is_given_up(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)), task_for((milk, 1))]
    batch = batch_of(tasks)
    assign_picking_batch(batch.pk, picker.user_id or 0, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        cancel_picking_batch(batch.pk, "too heavy", actor=picker)
    with pytest.raises(ValidationFailed):
        cancel_picking_batch(batch.pk, " ", actor=ACTOR)
    cancel_picking_batch(batch.pk, "too heavy", actor=ACTOR)
    assert {(task.status, task.worker_id, task.picking_batch_id, task.tote) for task in PickingTask.objects.all()} == {("pending", None, None, None)}
    assert OutboxEvent.objects.get(type="picking.batch_cancelled").payload["reason"] == "too heavy"
    again = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    assert len(again) == 1
    settled()


def test_a_batch_given_up_in_the_middle(place: Any, picker: Actor) -> None:
    """What lies in a tote stays with who has it, as a task of its own; the rest is anybody's again."""
    here, shelves = place
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    picked, untouched = task_for((milk, 2), (tea, 1)), task_for((tea, 1))
    batch = batch_of([picked, untouched], picker)
    stop = next_stop(batch.pk)
    assert stop is not None
    pick_stop(stop, picker)
    cancel_picking_batch(batch.pk, "end of the shift", actor=ACTOR)
    (cancelled,) = OutboxEvent.objects.filter(type="picking.batch_cancelled")
    assert (cancelled.payload["task_ids"], cancelled.payload["kept_task_ids"]) == ([untouched.pk], [picked.pk])
    (freed,) = OutboxEvent.objects.filter(type="picking.unassigned")
    assert freed.payload == {"task_id": untouched.pk, "order_id": untouched.order.external_id, "worker_id": picker.user_id}
    rows = PickingTask.objects.order_by("pk").values_list("status", "worker", "picking_batch", "tote", "tote_code")
    assert list(rows) == [("in_progress", picker.user_id, None, None, f"TOTE-{picked.pk}"), ("pending", None, None, None, "")]
    settled()
    assert claim_next_walk(here.id, actor=picker) == picked
    pick(picked.items.get(status="pending"), picker)
    complete_picking_task(picked.pk, actor=picker)
    assert claim_next_picking_task(here.id, actor=picker) == untouched
    settled()


def test_one_order_of_a_batch_is_cancelled_or_closed_short(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk, tea = goods_on(shelves["K-01"]), goods_on(shelves["M-02"])
    tasks = [task_for((milk, 2), (tea, 1)) for _ in range(3)]
    batch = batch_of(tasks, picker)
    for stop in PickingTaskItem.objects.filter(product=milk):
        pick_stop(stop, picker)
    before = {item.pk: item.walk_position for item in PickingTaskItem.objects.exclude(task=tasks[0])}
    cancel_picking_task(tasks[0].pk, "the customer called", actor=ACTOR)
    assert tasks[0].put_backs.count() == 1
    complete_picking_task(tasks[1].pk, short_rest=True, reason="the lorry leaves", actor=picker)
    assert {item.pk: item.walk_position for item in PickingTaskItem.objects.exclude(task=tasks[0])} == before
    assert walk(batch) == [("M-02", 3)]
    assert settle_picking_batches([task.pk for task in tasks], actor=ACTOR) == 0
    pick_rest(batch, picker)
    complete_picking_batch(batch.pk, actor=picker)
    assert PackingTask.objects.count() == 2
    settled()


def test_a_batch_is_as_urgent_as_its_orders(place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)), task_for((milk, 1), priority="high")]
    batch = batch_of(tasks)
    change_priority(tasks[0].order_id, "urgent", actor=ACTOR)
    assert settle_picking_batches([], order_ids=[tasks[0].order_id], actor=ACTOR) == 1
    assert PickingBatch.objects.get().priority == "urgent"
    process_order_cancelled(tasks[0].order.source, tasks[0].order.external_id, "", actor=ACTOR)
    assert settle_picking_batches([tasks[0].pk], actor=ACTOR) == 1
    assert PickingBatch.objects.get().priority == "high"
    assert batch.priority == "high"


def test_a_batch_follows_its_tasks_by_events(redis: redis_client.Redis, place: Any) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)), task_for((milk, 1))]
    batch = batch_of(tasks)

    def heard() -> PickingBatch:
        Relay(redis).drain(threading.Event())
        subscribers.advance(subscribers.REGISTERED["settle-picking-batches"])
        return PickingBatch.objects.get(pk=batch.pk)

    change_priority(tasks[1].order_id, "urgent", actor=ACTOR)
    assert heard().priority == "urgent"
    for task in tasks:
        process_order_cancelled(task.order.source, task.order.external_id, "", actor=ACTOR)
    assert heard().status == "cancelled"


def test_what_fails_the_quality_check_is_fetched_outside_the_batch(place: Any, picker: Actor) -> None:
    """Its tote stays as it is; the batch is over, and can't be walked again."""
    here, shelves = place
    rule()
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 2)), task_for((milk, 1))]
    batch = batch_of(tasks, picker)
    pick_rest(batch, picker)
    complete_picking_batch(batch.pk, actor=picker)
    check = QualityCheck.objects.get(picking_task=tasks[0])
    packer = person(Role.PACKER)
    start_quality_check(check.pk, actor=packer)
    record_quality_finding(check.items.get().pk, condition_ok=False, quantity_ok=True, failed_quantity=1, actor=packer)
    fail_quality_check(check.pk, actor=packer, decision="repick")
    task = PickingTask.objects.get(pk=tasks[0].pk)
    assert (task.status, task.picking_batch_id, task.tote, task.tote_code) == ("pending", None, None, f"TOTE-{task.pk}")
    assert claim_next_walk(here.id, actor=person(Role.PICKER)) == task
