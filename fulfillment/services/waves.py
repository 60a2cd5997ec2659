"""Waves: picking tasks that are chosen together, let go together, and looked at together until the last of them is picked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import F
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import OPEN_PICKING, OPEN_WAVES, BatchingMethod, PickingStatus, WaveStatus
from fulfillment.locks import lock_picking_batches_alone, lock_picking_tasks_alone, lock_wave, lock_wave_with_orders, lock_waves
from fulfillment.models import PickingBatch, PickingTask, Wave
from fulfillment.queries.wave_obstacles import Judged, judge
from fulfillment.services.picking_batches import make_picking_batches
from warehouse.core.actor import Actor
from warehouse.core.documents import require_reason, require_status, take
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

NOTHING_LEFT = "NOTHING_LEFT_TO_PICK"
# So many tasks are named in a refusal; `errors` lists all.
NAMED = 5


@operation()
def add_to_wave(wave_id: int, task_ids: Sequence[int], *, actor: Actor, expected_version: int | None = None) -> Wave:
    """Put more picking tasks into a wave that is open; they wait until it is released, or released again. Locks the wave, then the tasks.

    Raises Conflict listing every task that is not waiting here: not pending, in a batch, in another open wave, of another warehouse.
    """
    wave = lock_wave(wave_id, expected_version)
    require_status(wave, OPEN_WAVES)
    put_into(wave, take_tasks(wave.warehouse_id, task_ids))
    wave.save_changes()
    return wave


@operation()
def take_from_wave(wave_id: int, task_ids: Sequence[int], *, actor: Actor, expected_version: int | None = None) -> Wave:
    """Take tasks that nobody has yet out of a wave: they are picked without it, or wait for another. A wave with nothing left to pick closes by itself.

    Locks the wave, then the tasks. Raises Conflict listing every task that is not in it, in somebody's hands, in a batch or closed. Events as `settle_waves`.
    """
    wave = lock_wave(wave_id, expected_version)
    require_status(wave, OPEN_WAVES)
    tasks = _all_fit(task_ids, "taken out", lambda task: _why_it_stays(task, wave))
    _write(tasks, wave=None, released_at=None)
    wave.save_changes()
    _follow(wave, actor)
    return wave


@operation()
def release_wave(
    wave_id: int,
    *,
    actor: Actor,
    batching: bool = False,
    method: str = "",
    attended: bool = False,
    expected_version: int | None = None,
) -> Wave:
    """Let go what can go: from now on it may be given out. What can't stays in the wave; `queries.wave_obstacles` says why. May be called again for the rest.

    With `batching` what is let go is put into picking batches at once, by `method` or the warehouse's own. With `attended` orders that need attention go too. The
    goods are judged as they are now, without their locks: what is held a moment later is refused at the pick. Locks the orders, the wave, the tasks. Events
    wave.released, picking.batch_created. Raises Conflict with all obstacles when nothing can go, or nothing is left to be let go. A number of statements that
    does not grow with the tasks.
    """
    _require_method(batching, method)
    work = lock_wave_with_orders(wave_id, expected_version)
    wave = work.wave
    take(wave, "release")
    waiting = [task for task in work.tasks if task.status == PickingStatus.PENDING and task.released_at is None]
    if not waiting:
        raise Conflict(f"{wave}: nothing in it waits to be released.", wave=wave.pk)
    judged = judge(waiting, warehouse_id=wave.warehouse_id, cut_off=wave.cut_off, attended=attended)
    free = [each.task for each in judged if not each.obstacles]
    if not free:
        raise _nothing_can_go(wave, judged)
    now = timezone.now()
    wave.released_at = wave.released_at or now
    wave.save_changes("status", "released_at")
    ids = _write(free, released_at=now)
    batches = make_picking_batches.inside(wave.warehouse_id, ids, actor=actor, method=method, wave_id=wave.pk) if batching else []
    told = {"task_ids": ids, "waiting": len(waiting) - len(free), "picking_batch_ids": [batch.pk for batch in batches]}
    publish([events.of_wave(events.WAVE_RELEASED, wave, **told)], actor=actor)
    return wave


@operation()
def cancel_wave(wave_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> Wave:
    """Give a wave up. Its tasks stay: those that nobody has leave it, and the batches that it made of them are given up; those in somebody's hands are finished.

    Locks the wave, its waiting batches, its waiting tasks. Events wave.cancelled, picking.batch_cancelled. A number of statements that does not grow with the tasks.
    """
    reason = require_reason(reason)
    wave = lock_wave(wave_id, expected_version)
    take(wave, "cancel")
    wave.cancelled_at, wave.cancellation_reason = timezone.now(), reason
    wave.save_changes("status", "cancelled_at", "cancellation_reason")
    given_up = _give_up_batches(wave, reason, actor)
    waiting = PickingTask.objects.filter(wave=wave, status=PickingStatus.PENDING).values_list("pk", flat=True)
    tasks = [task for task in lock_picking_tasks_alone(waiting) if task.status == PickingStatus.PENDING]
    _write([task for task in tasks if task.picking_batch_id in given_up], picking_batch=None, tote=None)
    left = _write(tasks, wave=None, released_at=None)
    publish([events.of_wave(events.WAVE_CANCELLED, wave, reason=reason, task_ids=left)], actor=actor)
    return wave


@operation()
def settle_waves(task_ids: Iterable[int], *, actor: Actor) -> int:
    """Close the open waves of these tasks that have nothing left to pick: completed when a task of it was, else cancelled. Returns how many were closed.

    Compares states, so repeating it changes nothing. Locks the waves alone. Events wave.completed, wave.cancelled.
    """
    theirs = PickingTask.objects.filter(pk__in=set(task_ids), wave__status__in=sorted(OPEN_WAVES)).values_list("wave", flat=True)
    return sum(_follow(wave, actor) for wave in lock_waves(theirs) if wave.status in OPEN_WAVES)


def take_tasks(warehouse_id: int, task_ids: Sequence[int]) -> list[PickingTask]:
    """These tasks, locked, for a wave of this warehouse. Raises Conflict listing every one that a wave can't take."""
    return _all_fit(task_ids, "put into the wave", lambda task: why_not_for_waves(task, warehouse_id))


def put_into(wave: Wave, tasks: Sequence[PickingTask]) -> list[int]:
    """Let locked tasks wait in a locked or new wave. Returns their ids."""
    return _write(tasks, wave=wave, released_at=None)


def why_not_for_waves(task: PickingTask, warehouse_id: int) -> str:
    """Why a wave of this warehouse can't take a locked task; empty when it can."""
    if task.warehouse_id != warehouse_id:
        return f"it is of another warehouse, {task.warehouse.code}"
    if task.status != PickingStatus.PENDING:
        return f"it is {task.get_status_display()}, not pending"
    if task.picking_batch is not None:
        return f"it is in batch {task.picking_batch}"
    return f"it is in wave {task.wave}" if task.wave is not None and task.wave.is_open else ""


def _why_it_stays(task: PickingTask, wave: Wave) -> str:
    if task.wave_id != wave.pk:
        return "it is not in this wave"
    if task.status != PickingStatus.PENDING:
        return f"it is {task.get_status_display()}: it is finished with the wave" if task.is_open else f"it is {task.get_status_display()}"
    return f"it is in batch {task.picking_batch}: cancel that first" if task.picking_batch is not None else ""


def _all_fit(task_ids: Sequence[int], done: str, why_not: Callable[[PickingTask], str]) -> list[PickingTask]:
    wanted = sorted(set(task_ids))
    if not wanted:
        raise ValidationFailed("Name at least one picking task.", errors=[{"field": "task_ids", "code": "required"}])
    tasks = lock_picking_tasks_alone(wanted)
    faults = {task.pk: (task.number, why) for task in tasks if (why := why_not(task))}
    faults |= {pk: (str(pk), "there is no such task") for pk in set(wanted) - {task.pk for task in tasks}}
    if faults:
        told: list[dict[str, Any]] = [{"task": pk, "number": number, "why": why} for pk, (number, why) in sorted(faults.items())]
        text = "; ".join(f"{each['number']}: {each['why']}" for each in told[:NAMED])
        raise Conflict(f"{len(told)} of {len(wanted)} tasks can't be {done}. {text}.", errors=told)
    return tasks


def _require_method(batching: bool, method: str) -> None:
    if method and not batching:
        raise ValidationFailed("method: it says how batches are made; say batching too.", errors=[{"field": "method", "code": "invalid"}])
    if method and method not in BatchingMethod.values:
        raise ValidationFailed(
            f"method: {method[:20]!r} is none of {', '.join(BatchingMethod.values)}.", errors=[{"field": "method", "code": "invalid"}]
        )


def _nothing_can_go(wave: Wave, judged: Sequence[Judged]) -> Conflict:
    told = [
        {"task": each.task.pk, "number": each.task.number, "order": each.task.order.external_id, "code": reason.code, "why": reason.text}
        for each in judged
        for reason in each.obstacles
    ]
    text = " ".join(f"{each['number']}: {each['why']}" for each in told[:NAMED])
    return Conflict(f"{wave}: none of its {len(judged)} tasks can be released now. {text}", errors=told, wave=wave.pk)


def _give_up_batches(wave: Wave, reason: str, actor: Actor) -> set[int]:
    """Cancel the batches that the wave made and nobody has taken; their tasks are the caller's. Returns their ids."""
    waiting = PickingBatch.objects.filter(wave=wave, status=PickingStatus.PENDING).values_list("pk", flat=True)
    batches = [batch for batch in lock_picking_batches_alone(waiting) if batch.status == PickingStatus.PENDING]
    tasks = dict[int, list[int]]()
    for batch_id, task_id in (
        PickingTask.objects.filter(picking_batch__in=batches, status__in=sorted(OPEN_PICKING)).order_by("pk").values_list("picking_batch", "pk")
    ):
        tasks.setdefault(batch_id, []).append(task_id)
    for batch in batches:
        take(batch, "cancel")
    now = timezone.now()
    rows = PickingBatch.objects.filter(pk__in=[batch.pk for batch in batches])
    rows.update(status=PickingStatus.CANCELLED, cancelled_at=now, cancellation_reason=reason, updated_at=now, version=F("version") + 1)
    publish(
        [events.of_picking_batch(events.PICKING_BATCH_CANCELLED, batch, reason=reason, task_ids=tasks.get(batch.pk, [])) for batch in batches],
        actor=actor,
    )
    return {batch.pk for batch in batches}


def _follow(wave: Wave, actor: Actor) -> bool:
    """Close a locked open wave of which nothing is left to pick. Returns whether it was closed."""
    states = set(PickingTask.objects.filter(wave=wave).values_list("status", flat=True))
    if states & OPEN_PICKING:
        return False
    if wave.status == WaveStatus.IN_PROGRESS and PickingStatus.COMPLETED in states:
        take(wave, "complete")
        wave.completed_at = timezone.now()
        wave.save_changes("status", "completed_at")
        publish([events.of_wave(events.WAVE_COMPLETED, wave)], actor=actor)
        return True
    take(wave, "cancel")
    wave.cancelled_at, wave.cancellation_reason = timezone.now(), NOTHING_LEFT
    wave.save_changes("status", "cancelled_at", "cancellation_reason")
    publish([events.of_wave(events.WAVE_CANCELLED, wave, reason=NOTHING_LEFT, task_ids=[])], actor=actor)
    return True


def _write(tasks: Sequence[PickingTask], **values: Any) -> list[int]:
    """Write the same values to locked tasks and count their versions up, in one statement. Returns their ids."""
    ids = [task.pk for task in tasks]
    PickingTask.objects.filter(pk__in=ids).update(**values, version=F("version") + 1, updated_at=timezone.now())
    return ids
