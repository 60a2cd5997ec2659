"""Whose task it is."""

from __future__ import annotations

from fulfillment.models import PackingTask, PickingBatch, PickingTask, QualityCheck
from warehouse.core.actor import Actor
from warehouse.core.errors import PermissionDenied


def require_worker(task: PickingTask | PickingBatch | PackingTask | QualityCheck, actor: Actor) -> None:
    """Raise PermissionDenied when the task is somebody else's; managers may work on any."""
    if task.worker_id != actor.user_id and not actor.may(frozenset()):
        raise PermissionDenied(f"{task} is {task.worker}'s task.", worker=task.worker_id)
