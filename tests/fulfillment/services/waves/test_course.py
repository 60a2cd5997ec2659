"""Waves followed to their end: added to, taken from, completed, given up; how far each is."""

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

from fulfillment.models import PickingBatch, PickingTask, WalkSettings, Wave
from fulfillment.queries.wave_obstacles import obstacles
from fulfillment.queries.waves import WaveProgress, open_waves, wave_progress
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import cancel_picking_batch, claim_next_picking_batch, complete_picking_batch, start_picking_batch
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import add_to_wave, cancel_wave, release_wave, settle_waves, take_from_wave
from tests.factories.fulfillment import ACTOR, begun, person, pick
from tests.fulfillment.batches import goods_on, pick_rest, task_for
from tests.fulfillment.waves import ids, in_wave, nothing_written, now, settled, told, walked
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox import subscribers
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)


def test_more_is_added_and_taken_out(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second, third = (task_for((milk, 1)) for _ in range(3))
    wave = plan_wave(here.id, task_ids=[first.pk], actor=ACTOR)
    wave = release_wave(wave.pk, actor=ACTOR)
    with pytest.raises(StaleVersion):
        add_to_wave(wave.pk, [second.pk], expected_version=wave.version - 1, actor=ACTOR)
    wave = add_to_wave(wave.pk, [second.pk, third.pk], expected_version=wave.version, actor=ACTOR)
    assert [now(task).released_at is None for task in (first, second, third)] == [False, True, True]
    release_wave(wave.pk, actor=ACTOR)
    assert [now(task).released_at is None for task in (first, second, third)] == [False, False, False]
    begun(first, picker)
    with nothing_written(), pytest.raises(Conflict) as refused:
        take_from_wave(wave.pk, [first.pk, second.pk, 999_999], actor=ACTOR)
    assert [error["why"] for error in refused.value.errors] == ["it is in progress: it is finished with the wave", "there is no such task"]
    take_from_wave(wave.pk, [second.pk, third.pk], actor=ACTOR)
    names = {"wave_id": wave.pk, "number": wave.number, "warehouse_id": "1"}
    assert [payload for _, payload in told("wave.changed")] == [
        names | {"added": [second.pk, third.pk], "removed": []},
        names | {"added": [], "removed": [second.pk, third.pk]},
    ]
    assert [(now(task).wave_id, now(task).released_at) for task in (second, third)] == [(None, None)] * 2
    with pytest.raises(ValidationFailed):
        add_to_wave(wave.pk, [], actor=ACTOR)
    with pytest.raises(NotFound):
        add_to_wave(999_999, [second.pk], actor=ACTOR)
    settled()


def test_a_wave_that_is_emptied_closes_by_itself(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 1)), task_for((milk, 1))
    wave = plan_wave(here.id, task_ids=[first.pk], actor=ACTOR)
    assert take_from_wave(wave.pk, [first.pk], actor=ACTOR).status == "cancelled"
    with pytest.raises(TransitionRefused):
        add_to_wave(wave.pk, [first.pk], actor=ACTOR)
    wave = plan_wave(here.id, task_ids=ids([first]), actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    walked(first, picker)
    add_to_wave(wave.pk, [second.pk], actor=ACTOR)
    assert settle_waves([first.pk], actor=ACTOR) == 0
    assert take_from_wave(wave.pk, [second.pk], actor=ACTOR).status == "completed"
    settled()


def test_a_wave_completes_by_itself(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    first, second = task_for((milk, 1)), task_for((milk, 1))
    wave = plan_wave(here.id, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    walked(first, picker)
    assert settle_waves([first.pk], actor=ACTOR) == 0
    cancel_picking_task(second.pk, "not wanted", actor=ACTOR)
    assert settle_waves([first.pk, second.pk], actor=ACTOR) == 1
    assert settle_waves([first.pk, second.pk], actor=ACTOR) == 0
    done = now(wave)
    assert (done.status, done.completed_at is not None) == ("completed", True)
    assert told("wave.completed") == [("wave.completed", {"wave_id": wave.pk, "number": wave.number, "warehouse_id": "1"})]
    for refused in (lambda: release_wave(wave.pk, actor=ACTOR), lambda: cancel_wave(wave.pk, "late", actor=ACTOR)):
        with pytest.raises(TransitionRefused):
            refused()
    settled()


def test_a_wave_follows_its_tasks_by_events(redis: redis_client.Redis, place: Any, picker: Actor) -> None:
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    wave = plan_wave(here.id, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    walked(task, picker)
    Relay(redis).drain(threading.Event())
    subscribers.advance(subscribers.REGISTERED["settle-waves"])
    assert now(wave).status == "completed"
    Relay(redis).drain(threading.Event())
    kinds = [fields["type"] for _, fields in redis.xrange("wms:events:picking")]
    assert [kind for kind in kinds if kind.startswith("wave.")] == ["wave.planned", "wave.released", "wave.completed"]


def test_a_wave_whose_orders_are_all_cancelled_is_cancelled(place: Any) -> None:
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    wave = plan_wave(here.id, actor=ACTOR)
    process_order_cancelled(task.order.source, task.order.external_id, "not wanted", actor=ACTOR)
    assert obstacles(wave) == []
    settle_waves([task.pk], actor=ACTOR)
    assert (now(wave).status, now(wave).cancellation_reason) == ("cancelled", "NOTHING_LEFT_TO_PICK")
    settled()


def test_a_wave_is_given_up(place: Any, picker: Actor) -> None:
    """What nobody has is free again, out of the wave's own batches too; what somebody has is finished."""
    here, shelves = place
    WalkSettings.objects.update(totes=1)
    milk = goods_on(shelves["K-01"], 40)
    batched, walked_in_batch, walked_alone, single = (task_for((milk, 1)) for _ in range(4))
    wave = plan_wave(here.id, task_ids=ids([batched, walked_in_batch]), actor=ACTOR)
    release_wave(wave.pk, batching=True, actor=ACTOR)
    add_to_wave(wave.pk, ids([walked_alone, single]), actor=ACTOR)
    mine = claim_next_picking_batch(here.id, actor=picker)
    assert mine is not None
    (in_hand,) = mine.tasks.all()
    other = person(Role.PICKER)
    release_wave(wave.pk, actor=ACTOR)
    begun(walked_alone, other)
    with pytest.raises(ValidationFailed):
        cancel_wave(wave.pk, " ", actor=ACTOR)

    done = cancel_wave(wave.pk, "carrier broke down", actor=ACTOR)

    free = [single, walked_in_batch if in_hand == batched else batched]
    assert (done.status, done.cancellation_reason) == ("cancelled", "carrier broke down")
    assert {(now(task).wave_id, now(task).released_at, now(task).picking_batch_id, now(task).tote, now(task).status) for task in free} == {
        (None, None, None, None, "pending")
    }
    assert [now(task).wave_id for task in (in_hand, walked_alone)] == [wave.pk] * 2
    given_up = PickingBatch.objects.exclude(pk=mine.pk).get()
    assert (given_up.status, given_up.cancellation_reason, now(mine).status) == ("cancelled", "carrier broke down", "assigned")
    assert [(payload["task_ids"], payload["kept_task_ids"]) for _, payload in told("picking.batch_cancelled")] == [([free[1].pk], [])]
    assert sorted(told("wave.cancelled")[0][1]["task_ids"]) == sorted(ids(free))
    start_picking_batch(mine.pk, actor=picker)
    pick_rest(mine, picker)
    complete_picking_batch(mine.pk, actor=picker)
    settled()
    assert in_wave(plan_wave(here.id, actor=ACTOR)) == sorted(ids(free))


def test_a_task_that_comes_back_from_a_closed_wave_may_join_another(place: Any, picker: Actor) -> None:
    """Its batch was given up after the wave was: it is anybody's, and keeps having been let go until it is planned anew."""
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    first = plan_wave(here.id, actor=ACTOR)
    release_wave(first.pk, batching=True, actor=ACTOR)
    batch = claim_next_picking_batch(here.id, actor=picker)
    assert batch is not None
    cancel_wave(first.pk, "x", actor=ACTOR)
    cancel_picking_batch(batch.pk, "y", actor=ACTOR)
    assert (now(task).status, now(task).released_at is not None) == ("pending", True)
    settled()
    second = plan_wave(here.id, actor=ACTOR)
    assert (now(task).wave_id, now(task).released_at) == (second.pk, None)
    settled()


def test_waves_are_settled_in_one_look(place: Any) -> None:
    """One still has work, another was cancelled with its orders: each is judged by its own tasks."""
    here, shelves = place
    milk = goods_on(shelves["K-01"])

    def asked(count: int) -> int:
        tasks = [task_for((milk, 1)) for _ in range(count)]
        for task in tasks:
            plan_wave(here.id, task_ids=[task.pk], actor=ACTOR)
        with CaptureQueriesContext(connection) as queries:
            assert settle_waves(ids(tasks), actor=ACTOR) == 0
        return len(queries)

    assert asked(1) == asked(3)
    open_, gone = Wave.objects.order_by("pk")[:2]
    (task,) = gone.tasks.all()
    process_order_cancelled(task.order.source, task.order.external_id, "not wanted", actor=ACTOR)
    assert settle_waves(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR) == 1
    assert (now(open_).status, now(gone).status) == ("pending", "cancelled")
    settled()


def test_how_far_a_wave_is(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk, bread = goods_on(shelves["K-01"], 40), goods_on(shelves["K-02"], 40)
    past = timezone.now() - timedelta(hours=1)
    done, half, given, late, gone, waiting = (task_for((milk, 2), (bread, 3), **({"ship_by": past} if n == 3 else {})) for n in range(6))
    wave = plan_wave(here.id, task_ids=ids([done, half, given, late, gone]), actor=ACTOR)
    other = plan_wave(here.id, task_ids=[waiting.pk], actor=ACTOR)
    assert wave_progress([wave.pk])[wave.pk] == WaveProgress(waiting=5, items=10, quantity=Decimal(25), late=1)
    release_wave(wave.pk, actor=ACTOR)
    walked(done, picker)
    begun(half, picker)
    item = half.items.order_by("sequence").first()
    assert item is not None
    pick(item, picker)
    assign_picking_task(given.pk, person(Role.PICKER).user_id or 0, actor=ACTOR)
    cancel_picking_task(gone.pk, "x", actor=ACTOR)
    far = wave_progress([wave.pk, other.pk, 999_999])
    assert far[wave.pk] == WaveProgress(
        released=1,
        assigned=1,
        in_progress=1,
        completed=1,
        cancelled=1,
        items=8,
        items_done=3,
        quantity=Decimal(20),
        quantity_picked=Decimal(7),
        late=1,
    )
    assert (far[wave.pk].percent, far[wave.pk].tasks, far[wave.pk].open) == (37, 4, 3)
    assert (far[999_999], far[999_999].percent) == (WaveProgress(), 100)
    assert [(row.pk, each) for row, each in open_waves(here.id)] == [(wave.pk, far[wave.pk]), (other.pk, far[other.pk])]
    assert open_waves(999_999) == []


def statements(work: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def test_statements_do_not_grow_with_the_tasks(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"], 90)

    def cost(tasks: int) -> list[int]:
        made = [task_for((milk, 1)) for _ in range(tasks)]
        extra = [task_for((milk, 1)) for _ in range(tasks)]
        steps: list[Any] = []
        wave: list[Wave] = []
        steps.append(lambda: wave.append(plan_wave(here.id, zone="Zone K", priority="low", max_tasks=tasks, actor=ACTOR)))
        steps.append(lambda: add_to_wave(wave[0].pk, ids(extra), actor=ACTOR))
        steps.append(lambda: obstacles(wave[0]))
        steps.append(lambda: wave_progress([wave[0].pk]))
        steps.append(lambda: release_wave(wave[0].pk, batching=True, actor=ACTOR))
        steps.append(lambda: settle_waves(ids(made), actor=ACTOR))
        steps.append(lambda: cancel_wave(wave[0].pk, "x", actor=ACTOR))
        counted = [statements(step) for step in steps]
        for task in (*made, *extra):
            cancel_picking_task(task.pk, "x", actor=ACTOR)
        return counted

    cost(1)
    one = cost(1)
    assert cost(7) == one
    assert max(one) <= 30, one
