"""Whose task it is, and whose it may be."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from fulfillment.models import PackingTask, PickingBatch, PickingTask, QualityCheck
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, PermissionDenied


def require_worker(task: PickingTask | PickingBatch | PackingTask | QualityCheck, actor: Actor) -> None:
    """Raise PermissionDenied when the task is somebody else's; managers may work on any."""
    if task.worker_id != actor.user_id and not actor.may(frozenset()):
        raise PermissionDenied(f"{task} is {task.worker}'s task.", worker=task.worker_id)


def require_active_user(user_id: int) -> None:
    """Raise NotFound when nobody who may sign in has this id."""
    if not get_user_model().objects.filter(pk=user_id, is_active=True).exists():
        raise NotFound(f"There is no active user {user_id}.", kind="user", id=user_id)


def require_single(task: PickingTask) -> None:
    """Raise Conflict for a task in a batch: that is given to people as a whole."""
    if task.picking_batch_id is not None:
        raise Conflict(
            f"{task} is picked with others in {task.picking_batch}: assign and start that batch, or cancel it to pick the task alone.",
            picking_batch=task.picking_batch_id,
        )
