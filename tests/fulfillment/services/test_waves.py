"""Waves: planned by what is asked for, released as far as it goes, followed to their end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_client
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import DeliveryProvider, PickingBatch, PickingTask, WalkSettings, Wave
from fulfillment.queries.wave_obstacles import obstacles
from fulfillment.queries.waves import MOST, Wanted, WaveProgress, open_waves, preview, wave_progress
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_batches import (
    cancel_picking_batch,
    claim_next_picking_batch,
    complete_picking_batch,
    make_picking_batches,
    start_picking_batch,
)
from fulfillment.services.picking_tasks import (
    assign_picking_task,
    cancel_picking_task,
    claim_next_picking_task,
    complete_picking_task,
    create_picking_task,
)
from fulfillment.services.replanning import replan_picking
from fulfillment.services.wave_planning import plan_wave
from fulfillment.services.waves import add_to_wave, cancel_wave, release_wave, settle_waves, take_from_wave
from inventory.models import BatchLocation, Location
from inventory.orchestrator import hold_batch, reallocate_item, request_count
from inventory.services.locations import change_location
from tests.factories.fulfillment import ACTOR, begun, person, pick, stocked
from tests.factories.inventory import ProductFactory, site
from tests.fulfillment.batches import batch_of, goods_on, hall, pick_rest, task_for
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox import subscribers
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db: None) -> Any:
    here, shelves = hall()
    for code, shelf in shelves.items():
        Location.objects.filter(pk=shelf.pk).update(zone=f"Zone {code[0]}")
    return here, shelves


@pytest.fixture
def picker(transactional_db: None) -> Actor:
    return person(Role.PICKER)


def ids(tasks: Any) -> list[int]:
    return [task.pk for task in tasks]


def in_wave(wave: Wave) -> list[int]:
    return list(PickingTask.objects.filter(wave=wave).order_by("pk").values_list("pk", flat=True))


def settled() -> None:
    """Waves have followed their tasks, as the subscriber makes them; then nothing contradicts, and the books balance."""
    settle_waves(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR)
    agrees()


def told(*types: str) -> list[tuple[str, dict[str, Any]]]:
    return [(row.type, row.payload) for row in OutboxEvent.objects.order_by("sequence") if row.type in types]


def now(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def walked(task: PickingTask, picker: Actor) -> None:
    begun(task, picker)
    for item in task.items.all():
        pick(item, picker)
    complete_picking_task(task.pk, actor=picker)


@contextmanager
def nothing_written() -> Iterator[None]:
    before = [list(model.objects.order_by("pk").values()) for model in (Wave, PickingTask, PickingBatch, OutboxEvent)]
    yield
    assert [list(model.objects.order_by("pk").values()) for model in (Wave, PickingTask, PickingBatch, OutboxEvent)] == before


def test_a_zone_takes_the_tasks_that_lie_in_it_with_all_that_is_to_be_picked(place: Any) -> None:
    here, shelves = place
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    both, left, right = (
        task_for((goods["K-01"], 1), (goods["M-01"], 1)),
        task_for((goods["K-02"], 1), (goods["K-04"], 1)),
        task_for((goods["M-02"], 1)),
    )
    wave = plan_wave(here.id, zone="Zone K", actor=ACTOR)
    assert (wave.number[:4], wave.status, wave.zone, wave.warehouse_id, in_wave(wave)) == ("WAV-", "pending", "Zone K", here.id, [left.pk])
    assert [now(task).wave_id for task in (both, right)] == [None, None]
    assert told("wave.planned") == [("wave.planned", {"wave_id": wave.pk, "number": wave.number, "warehouse_id": "1", "task_ids": [left.pk]})]
    settled()


def test_a_carrier_takes_what_names_it_and_the_default_one_what_names_none(place: Any) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    default = DeliveryProvider.objects.get(is_default=True).code
    by_default, by_bex, by_name = task_for((milk, 1)), task_for((milk, 1), provider_code="bex"), task_for((milk, 1), provider_code=default)
    assert in_wave(plan_wave(here.id, provider="bex", actor=ACTOR)) == [by_bex.pk]
    wave = plan_wave(here.id, provider=default, actor=ACTOR)
    assert (in_wave(wave), wave.provider.code if wave.provider else "") == ([by_default.pk, by_name.pk], default)
    with pytest.raises(NotFound):
        plan_wave(here.id, provider="nobody", actor=ACTOR)


def test_a_cut_off_takes_what_ships_by_then(place: Any) -> None:
    here, shelves = place
    milk, five = goods_on(shelves["K-01"]), timezone.now() + timedelta(hours=5)
    task_for((milk, 1))
    task_for((milk, 1), ship_by=five + timedelta(seconds=1))
    late, soon = task_for((milk, 1), ship_by=five), task_for((milk, 1), ship_by=five - timedelta(hours=8))
    wave = plan_wave(here.id, cut_off=five, actor=ACTOR)
    assert (in_wave(wave), wave.cut_off) == ([late.pk, soon.pk], five)


def test_at_least_so_urgent_and_the_best_first(place: Any) -> None:
    here, shelves = place
    milk, soon = goods_on(shelves["K-01"]), timezone.now() + timedelta(hours=1)
    tasks = {
        (priority, due): task_for((milk, 1), priority=priority, **({"ship_by": soon} if due else {}))
        for priority in ("low", "normal", "high", "urgent")
        for due in (False, True)
    }
    wanted = Wanted(here.id, priority="normal")
    order = [(priority, due) for priority in ("urgent", "high", "normal") for due in (True, False)]
    assert ids(preview(wanted)) == [tasks[key].pk for key in order]
    assert ids(preview(replace(wanted, max_tasks=3))) == [tasks[key].pk for key in order[:3]]
    wave = plan_wave(here.id, priority="normal", max_tasks=3, actor=ACTOR)
    assert (in_wave(wave), wave.priority) == (sorted(tasks[key].pk for key in order[:3]), "normal")
    assert in_wave(plan_wave(here.id, priority="high", actor=ACTOR)) == [tasks["high", False].pk]
    assert in_wave(plan_wave(here.id, actor=ACTOR)) == sorted(tasks[p, due].pk for p in ("low", "normal") for due in (True, False))


def test_when_nothing_fits_that_is_said_and_nothing_is_written(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"], 40)
    with pytest.raises(Conflict, match="No picking task waits in this warehouse"):
        plan_wave(here.id, actor=ACTOR)
    batch_of([task_for((milk, 1))])
    begun(task_for((milk, 1)), picker)
    plan_wave(here.id, task_ids=[task_for((milk, 1)).pk], actor=ACTOR)
    with pytest.raises(Conflict, match="No picking task waits in this warehouse"):
        plan_wave(here.id, zone="Zone K", actor=ACTOR)
    task_for((milk, 1))
    with (
        nothing_written(),
        pytest.raises(Conflict, match="None of the 1 picking tasks that wait in this warehouse is all in zone Zone M and at least urgent"),
    ):
        plan_wave(here.id, zone="Zone M", priority="urgent", actor=ACTOR)
    assert Wave.objects.count() == 1


def test_bad_questions_are_refused(place: Any, picker: Actor) -> None:
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    wrong: list[dict[str, Any]] = [
        {"zone": "Zone X"},
        {"priority": "asap"},
        {"max_tasks": 0},
        {"max_tasks": MOST + 1},
        {"cut_off": timezone.now().replace(tzinfo=None)},
        {"task_ids": [task.pk], "zone": "Zone K"},
        {"task_ids": range(1, MOST + 2)},
    ]
    with nothing_written():
        for asked in wrong:
            with pytest.raises(ValidationFailed):
                plan_wave(here.id, **asked, actor=ACTOR)
        with pytest.raises(ValidationFailed, match="Zone K, Zone L, Zone M"):
            plan_wave(here.id, zone="zone k", actor=ACTOR)
        with pytest.raises(PermissionDenied):
            plan_wave(here.id, actor=picker)


def test_more_than_a_wave_takes(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)) for _ in range(3)]
    monkeypatch.setattr("fulfillment.queries.waves.MOST", 2)
    with pytest.raises(Conflict, match="Say how many"):
        plan_wave(here.id, actor=ACTOR)
    assert in_wave(plan_wave(here.id, max_tasks=2, actor=ACTOR)) == ids(tasks[:2])


def test_more_is_added_than_a_wave_takes(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    tasks = [task_for((milk, 1)) for _ in range(4)]
    wave = plan_wave(here.id, task_ids=[tasks[0].pk], actor=ACTOR)
    monkeypatch.setattr("fulfillment.services.waves.MOST", 2)
    with nothing_written(), pytest.raises(Conflict, match="a wave takes 2: plan another wave"):
        add_to_wave(wave.pk, ids(tasks[1:3]), actor=ACTOR)
    add_to_wave(wave.pk, ids(tasks[1:2]), actor=ACTOR)
    monkeypatch.setattr("fulfillment.services.chosen_tasks.MOST", 3)
    with nothing_written():
        for many in (lambda: take_from_wave(wave.pk, ids(tasks), actor=ACTOR), lambda: make_picking_batches(here.id, ids(tasks), actor=ACTOR)):
            with pytest.raises(ValidationFailed, match="name 1 to 3 tasks"):
                many()


def test_by_hand(place: Any, picker: Actor) -> None:
    here, shelves = place
    milk, other = goods_on(shelves["K-01"], 40), site(code="ELSEWHERE", external_id="2")
    bread = ProductFactory()
    stocked(bread, other.shelf, 5)
    free, given, batched, taken, elsewhere = *(task_for((milk, 1)) for _ in range(4)), task_for((bread, 1))
    begun(given, picker)
    batch = batch_of([batched])
    former = plan_wave(here.id, task_ids=[taken.pk], actor=ACTOR)
    with nothing_written(), pytest.raises(Conflict) as refused:
        plan_wave(here.id, task_ids=[*ids([free, given, batched, taken, elsewhere]), 999_999], actor=ACTOR)
    assert [error["why"] for error in refused.value.errors] == [
        "it is in progress, not pending",
        f"it is in batch {batch}",
        f"it is in wave {former}",
        "it is of another warehouse, ELSEWHERE",
        "there is no such task",
    ]
    wave = plan_wave(here.id, task_ids=[free.pk, free.pk], actor=ACTOR)
    assert in_wave(wave) == [free.pk]
    settled()


def test_what_is_not_released_is_given_to_nobody(place: Any, picker: Actor) -> None:
    here, shelves = place
    task = task_for((goods_on(shelves["K-01"]), 1))
    wave = plan_wave(here.id, actor=ACTOR)
    assert claim_next_picking_task(here.id, actor=picker) is None
    with nothing_written():
        with pytest.raises(Conflict, match="release its wave first"):
            assign_picking_task(task.pk, picker.user_id or 0, actor=ACTOR)
        with pytest.raises(Conflict, match="its wave has not released it"):
            make_picking_batches(here.id, [task.pk], actor=ACTOR)
    released = release_wave(wave.pk, actor=ACTOR)
    assert (released.status, released.released_at is not None, now(task).released_at) == ("in_progress", True, released.released_at)
    claimed = claim_next_picking_task(here.id, actor=picker)
    assert (claimed.pk if claimed else None) == task.pk
    assert told("wave.released") == [
        (
            "wave.released",
            {"wave_id": wave.pk, "number": wave.number, "warehouse_id": "1", "task_ids": [task.pk], "waiting": 0, "picking_batch_ids": []},
        )
    ]
    with pytest.raises(Conflict, match="nothing in it waits to be released"):
        release_wave(wave.pk, actor=ACTOR)
    settled()


def test_in_a_house_that_works_by_waves_only(place: Any, picker: Actor) -> None:
    here, shelves = place
    WalkSettings.objects.update(waves_only=True)
    task = task_for((goods_on(shelves["K-01"]), 1))
    assert claim_next_picking_task(here.id, actor=picker) is None
    with pytest.raises(Conflict, match="works by waves only"):
        assign_picking_task(task.pk, picker.user_id or 0, actor=ACTOR)
    wave = plan_wave(here.id, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    cancel_wave(wave.pk, "another time", actor=ACTOR)
    assert claim_next_picking_task(here.id, actor=picker) is None
    release_wave(plan_wave(here.id, actor=ACTOR).pk, actor=ACTOR)
    assert claim_next_picking_task(here.id, actor=picker) is not None
    settled()


def test_what_can_go_goes_and_the_rest_stays_with_its_reasons(place: Any) -> None:
    here, shelves = place
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    good, held, closed, short = (task_for((goods[code], 2)) for code in ("K-01", "K-02", "K-03", "K-04"))
    lot = BatchLocation.objects.filter(product=goods["K-02"])
    wave = plan_wave(here.id, actor=ACTOR)
    assert [(each.task.pk, each.obstacles, each.warnings) for each in obstacles(wave)] == [(task.pk, (), ()) for task in (good, held, closed, short)]
    lot.update(blocked_reason="held")
    BatchLocation.objects.filter(product=goods["K-03"]).update(effective_expires_at=timezone.now() - timedelta(minutes=1))
    order = short.order
    order.ask_attention()
    order.save()
    request_count(shelves["K-01"].pk, goods["K-01"].pk, reason="one missed", actor=ACTOR)

    release_wave(wave.pk, actor=ACTOR)

    assert [now(task).released_at is not None for task in (good, held, closed, short)] == [True, False, False, False]
    left = obstacles(wave)
    assert [(each.task.pk, [reason.code for reason in each.obstacles]) for each in left] == [
        (held.pk, ["goods_unfit"]),
        (closed.pk, ["goods_unfit"]),
        (short.pk, ["order_needs_attention"]),
    ]
    assert left[0].obstacles[0].text == "2 × SKU-K-02 in K-02, lot LOT-K-02: on hold. Free them, or have others promised instead."
    assert "too early" in left[1].obstacles[0].text
    with nothing_written(), pytest.raises(Conflict) as refused:
        release_wave(wave.pk, actor=ACTOR)
    assert [error["code"] for error in refused.value.errors] == ["goods_unfit", "goods_unfit", "order_needs_attention"]

    lot.update(blocked_reason="")
    release_wave(wave.pk, attended=True, actor=ACTOR)
    assert [now(task).released_at is not None for task in (good, held, closed, short)] == [True, True, False, True]
    assert [payload["waiting"] for _, payload in told("wave.released")] == [3, 1]


def test_a_place_that_was_closed_and_a_promise_that_moved(place: Any) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    other = stocked(milk, shelves["L-01"], 10, lot="OTHER", expires_in_days=90)
    task = task_for((milk, 2))
    wave = plan_wave(here.id, actor=ACTOR)
    reallocate_item(task.items.get().reservation_item_id or 0, other.pk, reason="nearer", actor=ACTOR)
    (judged,) = obstacles(wave)
    assert [reason.code for reason in judged.obstacles] == ["promise_gone"]
    assert judged.obstacles[0].text.startswith("2 × SKU-K-01 in K-01: promised")

    replan_picking([task.reservation_id], actor=ACTOR)
    assert obstacles(wave)[0].obstacles == ()
    BatchLocation.objects.filter(pk=other.pk).update(blocked_reason="place")
    assert [(reason.code, "its place is not for picking" in reason.text) for reason in obstacles(wave)[0].obstacles] == [("goods_unfit", True)]


def test_a_house_without_a_bench_and_what_only_warns(place: Any) -> None:
    here, shelves = place
    milk, past = goods_on(shelves["K-01"]), timezone.now() - timedelta(minutes=5)
    task = task_for((milk, 1), ship_by=past)
    request_count(shelves["K-01"].pk, milk.pk, reason="one missed", actor=ACTOR)
    by_cut_off = plan_wave(here.id, cut_off=past + timedelta(minutes=1), actor=ACTOR)
    (judged,) = obstacles(by_cut_off)
    assert (judged.obstacles, [reason.code for reason in judged.warnings]) == ((), ["cut_off_passed", "count_asked"])
    cancel_wave(by_cut_off.pk, "other", actor=ACTOR)
    wave = plan_wave(here.id, actor=ACTOR)
    change_location(here.bench.pk, {"is_active": False}, actor=ACTOR)
    (judged,) = obstacles(wave)
    assert ([reason.code for reason in judged.obstacles], [reason.code for reason in judged.warnings]) == (
        ["no_packing_bench"],
        ["late", "count_asked"],
    )
    with pytest.raises(Conflict, match="packing bench"):
        release_wave(wave.pk, actor=ACTOR)
    change_location(here.bench.pk, {"is_active": True}, actor=ACTOR)
    release_wave(wave.pk, actor=ACTOR)
    assert now(task).released_at is not None


def test_released_into_batches(place: Any, picker: Actor) -> None:
    here, shelves = place
    WalkSettings.objects.update(totes=2)
    goods = {code: goods_on(shelf) for code, shelf in shelves.items()}
    tasks = [task_for((goods[code], 1)) for code in ("K-01", "M-01", "K-02", "M-02")]
    wave = plan_wave(here.id, actor=ACTOR)
    with nothing_written():
        for wrong in ({"method": "savings"}, {"batching": True, "method": "best"}):
            with pytest.raises(ValidationFailed):
                release_wave(wave.pk, **wrong, actor=ACTOR)
    release_wave(wave.pk, batching=True, actor=ACTOR)
    batches = list(PickingBatch.objects.order_by("pk"))
    assert [(batch.wave_id, batch.batching, sorted(ids(batch.tasks.all()))) for batch in batches] == [
        (wave.pk, "savings", sorted([tasks[0].pk, tasks[2].pk])),
        (wave.pk, "savings", sorted([tasks[1].pk, tasks[3].pk])),
    ]
    assert told("wave.released")[0][1]["picking_batch_ids"] == ids(batches)
    with pytest.raises(Conflict, match="cancel that first"):
        take_from_wave(wave.pk, [tasks[0].pk], actor=ACTOR)
    claimed = claim_next_picking_batch(here.id, actor=picker)
    assert claimed is not None
    cancel_picking_batch(claimed.pk, "cart broke", actor=ACTOR)
    back = in_wave(wave)
    assert back == ids(tasks)
    assert all(now(task).released_at for task in tasks)
    settled()


def test_a_method_of_batching_may_be_said(place: Any) -> None:
    here, shelves = place
    task_for((goods_on(shelves["K-01"]), 1))
    release_wave(plan_wave(here.id, actor=ACTOR).pk, batching=True, method="fcfs", actor=ACTOR)
    assert PickingBatch.objects.get().batching == "fcfs"


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


def test_goods_on_hold_are_no_longer_promised(place: Any) -> None:
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task_for((milk, 2))
    wave = plan_wave(here.id, actor=ACTOR)
    hold_batch(BatchLocation.objects.get(product=milk).batch_id, reason="looked at", actor=ACTOR)
    with pytest.raises(Conflict) as refused:
        release_wave(wave.pk, actor=ACTOR)
    assert [error["code"] for error in refused.value.errors] == ["promise_gone"]


def test_an_order_that_needs_attention_gets_its_second_task_by_a_wave(place: Any) -> None:
    """It is sent for a part of what is missing: for the rest the order still waits for a person."""
    here, shelves = place
    milk = goods_on(shelves["K-01"])
    task = task_for((milk, 2))
    cancel_picking_task(task.pk, "torn paper", actor=ACTOR)
    again = create_picking_task(task.order_id, here.id, [{"sku": milk.sku, "quantity": 1}], actor=ACTOR)
    wave = plan_wave(here.id, actor=ACTOR)
    with pytest.raises(Conflict, match="needs attention"):
        release_wave(wave.pk, actor=ACTOR)
    release_wave(wave.pk, attended=True, actor=ACTOR)
    assert now(again).released_at is not None
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
