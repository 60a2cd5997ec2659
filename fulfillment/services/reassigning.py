"""Work that somebody has begun goes to another one: who was called away, or has gone home, can't end it."""

from __future__ import annotations

from fulfillment import events
from fulfillment.locks import lock_packing_task, lock_picking_task, lock_quality_check
from fulfillment.models import PackingTask, PickingTask, QualityCheck
from fulfillment.services.workers import require_active_user, require_single
from warehouse.core.actor import Actor
from warehouse.core.documents import take
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish


@operation()
def reassign_picking_task(task_id: int, worker_id: int, *, actor: Actor, expected_version: int | None = None) -> PickingTask:
    """Another one goes on with a walk that is begun; what was picked stays picked. Locks order and task. Event picking.assigned.

    Raises TransitionRefused for a task that nobody walks (`assign_picking_task` gives out those that are not begun), Conflict for one in a batch, NotFound for
    no active user.
    """
    task = lock_picking_task(task_id, expected_version)
    require_single(task)
    _hand_on(task, worker_id)
    publish([events.of_picking(events.PICKING_ASSIGNED, task, worker_id=worker_id)], actor=actor)
    return task


@operation()
def reassign_packing_task(task_id: int, worker_id: int, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """Another one goes on with a packing task that is begun; what was packed stays packed. Locks order and task. Event packing.assigned.

    Raises TransitionRefused for a task that nobody packs, NotFound for no active user.
    """
    task = lock_packing_task(task_id, expected_version)
    _hand_on(task, worker_id)
    publish([events.of_packing(events.PACKING_ASSIGNED, task, worker_id=worker_id)], actor=actor)
    return task


@operation()
def reassign_quality_check(check_id: int, worker_id: int, *, actor: Actor, expected_version: int | None = None) -> QualityCheck:
    """Another one goes on with a check that is begun; what was found stays noted. Locks order, picking task and check. Event quality.assigned.

    Raises TransitionRefused for a check that nobody makes, NotFound for no active user.
    """
    check = lock_quality_check(check_id, expected_version)
    _hand_on(check, worker_id)
    publish([events.of_quality(events.QUALITY_ASSIGNED, check, worker_id=worker_id)], actor=actor)
    return check


def _hand_on(task: PickingTask | PackingTask | QualityCheck, worker_id: int) -> None:
    take(task, "hand_on")
    require_active_user(worker_id)
    task.worker_id = worker_id
    task.save_changes("worker")
