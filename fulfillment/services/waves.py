"""Waves: picking tasks that are chosen together, let go together, and looked at together until the last of them is picked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.utils import timezone

from fulfillment import events
from fulfillment.enums import OPEN_PICKING, OPEN_WAVES, PickingStatus, WaveStatus
from fulfillment.locks import lock_picking_batches_alone, lock_picking_tasks_alone, lock_wave, lock_wave_with_orders, lock_waves
from fulfillment.models import PickingBatch, PickingTask, Wave
from fulfillment.queries.wave_obstacles import Judged, judge, waiting_in
from fulfillment.queries.waves import MOST
from fulfillment.services.batch_planning import BatchPlan, plan_batches
from fulfillment.services.batch_rows import write_planned
from fulfillment.services.chosen_tasks import NAMED, named_tasks, require_all_fit, why_not_waiting
from fulfillment.services.picking_batches import NOTHING_LEFT
from warehouse.core.actor import Actor
from warehouse.core.documents import cancel, require_status, save_all, take
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish


@operation()
def add_to_wave(wave_id: int, task_ids: Sequence[int], *, actor: Actor, expected_version: int | None = None) -> Wave:
    """Put more picking tasks into a wave that is open; they wait until it is released, or released again. Locks the wave, then the tasks.

    Event wave.changed. Raises Conflict listing every task that is not waiting here (not pending, in a batch, in another open wave, of another warehouse), and
    for more than a wave takes.
    """
    wave = lock_wave(wave_id, expected_version)
    require_status(wave, OPEN_WAVES)
    tasks = take_tasks(wave.warehouse_id, task_ids)
    there = PickingTask.objects.filter(wave=wave, status__in=sorted(OPEN_PICKING)).count()
    if there + len(tasks) > MOST:
        raise Conflict(f"{wave} has {there} open tasks, and a wave takes {MOST}: plan another wave.", most=MOST, wave=wave.pk)
    added = put_into(wave, tasks)
    wave.save_changes()
    publish([events.of_wave(events.WAVE_CHANGED, wave, added=added, removed=[])], actor=actor)
    return wave


@operation()
def take_from_wave(wave_id: int, task_ids: Sequence[int], *, actor: Actor, expected_version: int | None = None) -> Wave:
    """Take tasks that nobody has yet out of a wave: they are picked without it, or wait for another. A wave with nothing left to pick closes by itself.

    Locks the wave, then the tasks. Raises Conflict listing every task that is not in it, in somebody's hands, in a batch or closed. Event wave.changed, and those
    of `settle_waves`.
    """
    wave = lock_wave(wave_id, expected_version)
    require_status(wave, OPEN_WAVES)
    wanted = named_tasks(task_ids)
    tasks = lock_picking_tasks_alone(wanted)
    require_all_fit(wanted, tasks, "taken out", lambda task: _why_it_stays(task, wave))
    removed = _take_out(tasks)
    wave.save_changes()
    publish([events.of_wave(events.WAVE_CHANGED, wave, added=[], removed=removed)], actor=actor)
    _follow(wave, _states([wave])[wave.pk], actor)
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
    goods are judged as they are now, without their locks: what is held a moment later is refused at the pick. Plans the batches, then locks the orders, the wave,
    the tasks, and begins anew when what can go changed meanwhile. Events wave.released, picking.batch_created. Raises Conflict with all obstacles when nothing can
    go, or nothing is left to be let go. A number of statements that does not grow with the tasks.
    """
    if method and not batching:
        raise ValidationFailed("method: it says how batches are made; say batching too.", errors=[{"field": "method", "code": "invalid"}])
    plan = _plan(wave_id, method, attended) if batching else None
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
    for task in free:
        task.released_at = now
    save_all(free, "released_at")
    ids = [task.pk for task in free]
    batches = write_planned(plan, ids, wave_id=wave.pk, actor=actor) if plan is not None else []
    told = {"task_ids": ids, "waiting": len(waiting) - len(free), "picking_batch_ids": [batch.pk for batch in batches]}
    publish([events.of_wave(events.WAVE_RELEASED, wave, **told)], actor=actor)
    return wave


@operation()
def cancel_wave(wave_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> Wave:
    """Give a wave up. Its tasks stay: those that nobody has leave it, and the batches that it made of them are given up; those in somebody's hands are finished.

    Locks the wave, its waiting batches, its waiting tasks. Events wave.cancelled, picking.batch_cancelled. A number of statements that does not grow with the tasks.
    """
    wave = lock_wave(wave_id, expected_version)
    reason = cancel(wave, reason)
    given_up = _give_up_batches(wave, reason, actor)
    waiting = PickingTask.objects.filter(wave=wave, status=PickingStatus.PENDING).values_list("pk", flat=True)
    tasks = [task for task in lock_picking_tasks_alone(waiting) if task.status == PickingStatus.PENDING]
    for task in tasks:
        if task.picking_batch_id in given_up:
            task.picking_batch = task.tote = None
    left = _take_out(tasks)
    publish([events.of_wave(events.WAVE_CANCELLED, wave, reason=reason, task_ids=left)], actor=actor)
    return wave


@operation()
def settle_waves(task_ids: Iterable[int], *, actor: Actor) -> int:
    """Close the open waves of these tasks that have nothing left to pick: completed when a task of it was, else cancelled. Returns how many were closed.

    Compares states, so repeating it changes nothing. Locks the waves alone. Events wave.completed, wave.cancelled.
    """
    theirs = PickingTask.objects.filter(pk__in=set(task_ids), wave__status__in=sorted(OPEN_WAVES)).values_list("wave", flat=True)
    waves = [wave for wave in lock_waves(theirs) if wave.is_open]
    states = _states(waves)
    return sum(_follow(wave, states[wave.pk], actor) for wave in waves)


def take_tasks(warehouse_id: int, task_ids: Sequence[int]) -> list[PickingTask]:
    """These tasks, locked, for a wave of this warehouse. Raises Conflict listing every one that a wave can't take."""
    wanted = named_tasks(task_ids)
    tasks = lock_picking_tasks_alone(wanted)
    require_all_fit(wanted, tasks, "put into the wave", lambda task: why_not_for_waves(task, warehouse_id))
    return tasks


def put_into(wave: Wave, tasks: Sequence[PickingTask]) -> list[int]:
    """Let locked tasks wait in a locked or new wave. Returns their ids."""
    for task in tasks:
        task.wave, task.released_at = wave, None
    save_all(tasks, "wave", "released_at")
    return [task.pk for task in tasks]


def why_not_for_waves(task: PickingTask, warehouse_id: int) -> str:
    """Why a wave of this warehouse can't take a locked task; empty when it can."""
    in_wave = f"it is in wave {task.wave}" if task.wave is not None and task.wave.is_open else ""
    return why_not_waiting(task, warehouse_id) or in_wave


def _take_out(tasks: Sequence[PickingTask]) -> list[int]:
    """Let locked tasks leave their wave; a batch that they leave with it is taken off them already. Returns their ids."""
    for task in tasks:
        task.wave = task.released_at = None
    save_all(tasks, "wave", "released_at", "picking_batch", "tote")
    return [task.pk for task in tasks]


def _plan(wave_id: int, method: str, attended: bool) -> BatchPlan | None:
    """The batches of what can be let go now; locks nothing. None for a wave that isn't there: its lock says so."""
    wave = Wave.objects.filter(pk=wave_id).first()
    if wave is None:
        return None
    judged = judge(waiting_in(wave), warehouse_id=wave.warehouse_id, cut_off=wave.cut_off, attended=attended)
    return plan_batches(wave.warehouse_id, [each.task.pk for each in judged if not each.obstacles], method)


def _why_it_stays(task: PickingTask, wave: Wave) -> str:
    if task.wave_id != wave.pk:
        return "it is not in this wave"
    if task.status != PickingStatus.PENDING:
        return f"it is {task.get_status_display()}: it is finished with the wave" if task.is_open else f"it is {task.get_status_display()}"
    return f"it is in batch {task.picking_batch}: cancel that first" if task.picking_batch is not None else ""


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
    now = timezone.now()
    for batch in batches:
        take(batch, "cancel")
        batch.cancelled_at, batch.cancellation_reason = now, reason
    save_all(batches, "status", "cancelled_at", "cancellation_reason")
    told = [(batch, {"reason": reason, "task_ids": tasks.get(batch.pk, []), "kept_task_ids": []}) for batch in batches]
    publish([events.of_picking_batch(events.PICKING_BATCH_CANCELLED, batch, **more) for batch, more in told], actor=actor)
    return {batch.pk for batch in batches}


def _states(waves: Collection[Wave]) -> dict[int, set[str]]:
    """In which states the tasks of these locked waves are."""
    states = defaultdict[int, set[str]](set)
    for wave_id, status in PickingTask.objects.filter(wave__in=waves).order_by().values_list("wave", "status").distinct():
        states[wave_id].add(status)
    return states


def _follow(wave: Wave, states: Collection[str], actor: Actor) -> bool:
    """Close a locked open wave of which nothing is left to pick. Returns whether it was closed."""
    if not OPEN_PICKING.isdisjoint(states):
        return False
    if wave.status == WaveStatus.IN_PROGRESS and PickingStatus.COMPLETED in states:
        take(wave, "complete")
        wave.completed_at = timezone.now()
        wave.save_changes("status", "completed_at")
        publish([events.of_wave(events.WAVE_COMPLETED, wave)], actor=actor)
        return True
    cancel(wave, NOTHING_LEFT)
    publish([events.of_wave(events.WAVE_CANCELLED, wave, reason=NOTHING_LEFT, task_ids=[])], actor=actor)
    return True
