"""Several orders in one walk: made, claimed, begun, closed, given up."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_client
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.errors import CartTooSmall, WorkLeft
from fulfillment.models import Order, PackingTask, PickingBatch, PickingTask, PickingTaskItem, QualityCheck, WalkSettings
from fulfillment.queries.picking_batches import my_picking_batch, my_single_task, next_stop
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import (
    assign_picking_batch,
    cancel_picking_batch,
    claim_next_picking_batch,
    claim_next_walk,
    complete_picking_batch,
    create_picking_batch,
    make_picking_batches,
    settle_picking_batches,
    start_picking_batch,
)
from fulfillment.services.picking_tasks import (
    assign_picking_task,
    cancel_picking_task,
    claim_next_picking_task,
    complete_picking_task,
    start_picking_task,
)
from fulfillment.services.priorities import change_priority
from fulfillment.services.quality_checks import record_quality_finding, start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.shorts import short_item, skip_item
from tests.factories.fulfillment import ACTOR, begun, person, pick
from tests.factories.inventory import ProductFactory, site, stocked
from tests.factories.quality import rule
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, pick_stop, settled, task_for, walk
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox import subscribers
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Any:
    return hall()


@pytest.fixture
def picker(transactional_db: None) -> Actor:
    return person(Role.PICKER)


def told(*types: str) -> list[str]:
    return [row.type for row in OutboxEvent.objects.order_by("sequence") if row.type in types]


def test_tasks_are_put_together_by_where_their_goods_lie(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    left, right = task_for((goods["K-01"], 1), (goods["K-04"], 1)), task_for((goods["M-01"], 1), (goods["M-04"], 1))
    right_too, left_too = task_for((goods["M-03"], 1)), task_for((goods["K-03"], 1))
    ids = [left.pk, right.pk, right_too.pk, left_too.pk]

    made = make_picking_batches(here.id, ids, actor=ACTOR)

    assert [sorted(batch.tasks.values_list("pk", flat=True)) for batch in made] == [[left.pk, left_too.pk], [right.pk, right_too.pk]]
    assert [(batch.status, batch.batching, batch.priority, batch.notes) for batch in made] == [("pending", "savings", "normal", "")] * 2
    assert [sorted(batch.tasks.values_list("tote", flat=True)) for batch in made] == [[1, 2], [1, 2]]
    assert made[0].number.startswith("PBT-")
    created = OutboxEvent.objects.filter(type="picking.batch_created").order_by("sequence")
    assert [row.payload for row in created] == [
        {"picking_batch_id": batch.pk, "number": batch.number, "task_ids": sorted(batch.tasks.values_list("pk", flat=True))} for batch in made
    ]
    settled()


def test_first_come_first_served_when_that_is_asked_for(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    far, near = goods_on(shelves["M-04"]), goods_on(shelves["K-01"])
    tasks = [task_for((near, 1)), task_for((far, 1)), task_for((near, 1)), task_for((far, 1), priority="urgent")]
    made = make_picking_batches(here.id, [task.pk for task in tasks], method="fcfs", actor=ACTOR)
    first, second = (list(batch.tasks.order_by("tote").values_list("pk", flat=True)) for batch in made)
    assert (first, second) == ([tasks[3].pk, tasks[0].pk], [tasks[1].pk, tasks[2].pk])
    assert [batch.priority for batch in made] == ["urgent", "normal"]


def test_a_batch_leaves_as_early_as_the_first_of_its_orders(place: Any) -> None:
    here, shelves = place
    milk, soon = goods_on(shelves["K-01"]), timezone.now() + timedelta(hours=2)
    tasks = [task_for((milk, 1), ship_by=soon + timedelta(hours=5)), task_for((milk, 1), ship_by=soon), task_for((milk, 1))]
    (batch,) = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    assert batch.ship_by == soon


def test_the_cart_bounds_a_batch(place: Any) -> None:
    """Lines, litres, kilograms; what nobody has measured counts for nothing, and the batch says so."""
    here, shelves = place
    box = goods_on(shelves["K-01"], weight=Decimal(2), length=Decimal(10), width=Decimal(10), height=Decimal(10))
    unmeasured = goods_on(shelves["L-01"])
    tasks = [task_for((box, 3)) for _ in range(4)] + [task_for((unmeasured, 3))]
    ids = [task.pk for task in tasks]

    def sizes(**settings: Any) -> list[int]:
        WalkSettings.objects.update(**({"max_items": None, "max_volume": None, "max_weight": None} | settings))
        made = make_picking_batches(here.id, ids, actor=ACTOR)
        notes = {batch.notes for batch in made if batch.tasks.filter(items__product=unmeasured).exists()}
        assert notes == ({""} if "max_items" in settings else {"Not counted, for volume or weight is not known: SKU-L-01."})
        for batch in made:
            cancel_picking_batch(batch.pk, "again", actor=ACTOR)
        return sorted(batch.tasks.count() or len(told_ids(batch)) for batch in made)

    def told_ids(batch: PickingBatch) -> list[int]:
        return list(OutboxEvent.objects.get(type="picking.batch_created", aggregate_id=str(batch.pk)).payload["task_ids"])

    assert sizes(max_weight=Decimal(12)) == [2, 3]
    assert sizes(max_volume=Decimal(9)) == [2, 3]
    assert sizes(max_items=2) == [1, 2, 2]


def test_an_order_larger_than_the_cart_walks_alone_and_the_batch_says_so(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(max_weight=Decimal(5))
    heavy = goods_on(shelves["K-01"], weight=Decimal(3))
    small, large = task_for((heavy, 1)), task_for((heavy, 4))
    made = make_picking_batches(here.id, [small.pk, large.pk], actor=ACTOR)
    assert [(batch.tasks.get().pk, batch.notes) for batch in made] == [(small.pk, ""), (large.pk, "More than the cart takes: weight.")]


def test_a_hall_without_a_map(db: None) -> None:
    here, product = site(code="B"), ProductFactory()
    stocked(product, here.shelf, 10)
    tasks = [task_for((product, 1)) for _ in range(3)]
    picker = person(Role.PICKER)
    (batch,) = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    assign_picking_batch(batch.pk, picker.user_id or 0, actor=ACTOR)
    started = start_picking_batch(batch.pk, actor=picker)
    assert (started.route_method, started.route_length) == ("sequence", None)
    assert [position for _, position in walk(batch)] == [1, 2, 3]


def test_what_can_not_be_put_into_a_batch(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk, other = goods_on(shelves["K-01"]), site(code="ELSEWHERE", external_id="2")
    bread = ProductFactory()
    stocked(bread, other.shelf, 5)
    free, walked, batched, elsewhere = task_for((milk, 1)), task_for((milk, 1)), task_for((milk, 1)), task_for((bread, 1))
    begun(walked, picker)
    batch = batch_of([batched])
    ids = [free.pk, walked.pk, batched.pk, elsewhere.pk, 999_999]
    with pytest.raises(Conflict) as refused:
        make_picking_batches(here.id, ids, actor=ACTOR)
    assert [error["why"] for error in refused.value.errors] == [
        "it is in progress, not pending",
        f"it is in batch {batch}",
        "it is of another warehouse, ELSEWHERE",
        "there is no such task",
    ]
    with pytest.raises(ValidationFailed):
        make_picking_batches(here.id, [], actor=ACTOR)
    with pytest.raises(ValidationFailed):
        make_picking_batches(here.id, [free.pk], method="best", actor=ACTOR)
    with pytest.raises(PermissionDenied):
        make_picking_batches(here.id, [free.pk], actor=picker)
    assert PickingTask.objects.get(pk=free.pk).picking_batch_id is None
    assert PickingBatch.objects.count() == 1


def test_by_hand_not_more_than_the_cart_takes(place: Any) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2, max_weight=Decimal(4))
    milk = goods_on(shelves["K-01"], weight=Decimal(2))
    tasks = [task_for((milk, 1)) for _ in range(3)]
    with pytest.raises(CartTooSmall) as refused:
        create_picking_batch(here.id, [task.pk for task in tasks], actor=ACTOR)
    assert refused.value.errors == [{"limit": "totes", "asked": "3", "takes": "2"}, {"limit": "weight", "asked": "6.000000", "takes": "4.000"}]
    batch = create_picking_batch(here.id, [task.pk for task in tasks[:2]], actor=ACTOR)
    assert (batch.batching, batch.tasks.count()) == ("", 2)


def test_tasks_in_a_batch_are_not_given_out_alone(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task = task_for((milk, 1))
    batch = batch_of([task])
    assert claim_next_picking_task(here.id, actor=picker) is None
    with pytest.raises(Conflict, match=f"{task} is picked with others in {batch}"):
        assign_picking_task(task.pk, picker.user_id or 0, actor=picker)
    claimed = claim_next_picking_batch(here.id, actor=picker)
    assert claimed is not None
    with pytest.raises(Conflict, match="start that batch"):
        start_picking_task(task.pk, actor=picker)


def test_the_most_urgent_batch_is_claimed_and_kept(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    late, soon, urgent = task_for((milk, 1)), task_for((milk, 1), ship_by=timezone.now()), task_for((milk, 1), priority="urgent")
    batches = {task.pk: batch_of([task]) for task in (late, soon, urgent)}
    claimed = [claim_next_picking_batch(here.id, actor=person(Role.PICKER)) for _ in range(4)]
    assert [batch and batch.pk for batch in claimed] == [batches[urgent.pk].pk, batches[soon.pk].pk, batches[late.pk].pk, None]
    assert told("picking.batch_assigned") == ["picking.batch_assigned"] * 3
    assert PickingTask.objects.filter(status="assigned", worker__isnull=False).count() == 3
    assert claim_next_picking_batch(here.id, actor=picker) is None


def test_who_has_something_at_hand_gets_that(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    single = task_for((milk, 1))
    begun(single, picker)
    first, second = batch_of([task_for((milk, 1))]), batch_of([task_for((milk, 1))])
    assert claim_next_walk(here.id, actor=picker) == single
    with pytest.raises(Conflict, match="is at hand: finish that first"):
        claim_next_picking_batch(here.id, actor=picker)
    other = person(Role.PICKER)
    assert claim_next_picking_batch(here.id, actor=other) == first
    assert claim_next_picking_batch(here.id, actor=other) == first
    assert claim_next_walk(here.id, actor=other) == first
    assert PickingBatch.objects.get(pk=second.pk).status == "pending"
    with pytest.raises(ValidationFailed):
        claim_next_walk(here.id, actor=ACTOR)


def test_who_walks_a_batch_gets_no_task_of_it_and_none_beside_it(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    batch = batch_of([task_for((milk, 1))], picker)
    single = task_for((milk, 1))
    with pytest.raises(Conflict, match=f"{batch} is at hand: finish that first"):
        claim_next_picking_task(here.id, actor=picker)
    assert PickingTask.objects.get(pk=single.pk).status == "pending"


def test_what_is_walked_comes_before_what_was_given(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    given, walked = batch_of([task_for((milk, 1))]), batch_of([task_for((milk, 1))], picker)
    assign_picking_batch(given.pk, picker.user_id or 0, actor=ACTOR)
    assert my_picking_batch(here.id, picker.user_id or 0) == walked
    cancel_picking_batch(given.pk, "x", actor=ACTOR)
    cancel_picking_batch(walked.pk, "x", actor=ACTOR)
    first, second = PickingTask.objects.order_by("pk")
    assign_picking_task(first.pk, picker.user_id or 0, actor=ACTOR)
    begun(second, picker)
    assert my_single_task(here.id, picker.user_id or 0) == second


def test_a_batch_at_hand_with_nothing_left_is_no_work(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    gone, there = task_for((milk, 1)), task_for((milk, 1))
    empty, full = batch_of([gone]), batch_of([there])
    assign_picking_batch(empty.pk, picker.user_id or 0, actor=ACTOR)
    process_order_cancelled(gone.order.source, gone.order.external_id, "", actor=ACTOR)
    assert claim_next_picking_batch(here.id, actor=picker) == full


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


def test_batches_are_planned_before_anything_is_locked(place: Any) -> None:
    """Savings of a thousand orders take seconds, which is as long as others wait for a lock."""
    here, shelves = place
    tasks = [task_for((goods_on(shelves[code]), 1)) for code in ("K-01", "M-01")]
    with CaptureQueriesContext(connection) as queries:
        make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
    said = [query["sql"] for query in queries]
    first_lock = next(number for number, sql in enumerate(said) if "FOR NO KEY UPDATE" in sql)
    assert any('FROM "fulfillment_walksettings"' in sql for sql in said[:first_lock])
    assert not any('FROM "fulfillment_walksettings"' in sql and "EXISTS" not in sql for sql in said[first_lock:])


def test_a_claim_passes_over_what_was_cancelled(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    gone, there = task_for((milk, 1), priority="urgent"), task_for((milk, 1))
    empty, full = batch_of([gone]), batch_of([there])
    process_order_cancelled(gone.order.source, gone.order.external_id, "", actor=ACTOR)
    assert claim_next_picking_batch(here.id, actor=picker) == full
    assert settle_picking_batches([gone.pk], actor=ACTOR) == 1
    assert settle_picking_batches([gone.pk], actor=ACTOR) == 0
    closed = PickingBatch.objects.get(pk=empty.pk)
    assert (closed.status, closed.cancellation_reason) == ("cancelled", "NOTHING_LEFT_TO_PICK")
    settled()


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


def test_whose_batch_it_is(place: Any, picker: Actor) -> None:
    _, shelves = place
    milk = goods_on(shelves["K-01"])
    batch, other = batch_of([task_for((milk, 1))]), person(Role.PICKER)
    with pytest.raises(PermissionDenied):
        assign_picking_batch(batch.pk, other.user_id or 0, actor=picker)
    with pytest.raises(NotFound):
        assign_picking_batch(batch.pk, 999_999, actor=ACTOR)
    assign_picking_batch(batch.pk, picker.user_id or 0, actor=picker)
    with pytest.raises(PermissionDenied):
        start_picking_batch(batch.pk, actor=other)
    assign_picking_batch(batch.pk, other.user_id or 0, actor=ACTOR)
    start_picking_batch(batch.pk, actor=other)
    with pytest.raises(TransitionRefused):
        assign_picking_batch(batch.pk, picker.user_id or 0, actor=ACTOR)
    with pytest.raises(NotFound):
        start_picking_batch(999_999, actor=ACTOR)


def test_statements_do_not_grow_with_the_orders(place: Any, picker: Actor) -> None:
    here, shelves = place
    goods = [goods_on(shelf, 100) for shelf in shelves.values()]
    counts: list[tuple[int, ...]] = []
    for orders in (1, 6):
        tasks = [task_for((goods[number], 1), (goods[number + 1], 1)) for number in range(orders)]
        with CaptureQueriesContext(connection) as making:
            (batch,) = make_picking_batches(here.id, [task.pk for task in tasks], actor=ACTOR)
        with CaptureQueriesContext(connection) as claiming:
            claim_next_picking_batch(here.id, actor=picker)
        with CaptureQueriesContext(connection) as starting:
            start_picking_batch(batch.pk, actor=picker)
        with CaptureQueriesContext(connection) as cancelling:
            cancel_picking_batch(batch.pk, "again", actor=ACTOR)
        counts.append((len(making), len(claiming), len(starting), len(cancelling)))
        for task in tasks:
            cancel_picking_task(task.pk, "over", actor=ACTOR)
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 22


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
