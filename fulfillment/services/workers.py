"""Whose task it is, and whose it may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth import get_user_model

from fulfillment.locks import lock_worker
from fulfillment.models import PackingTask, PickingBatch, PickingTask, PutBack, QualityCheck
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

T = TypeVar("T", PackingTask, QualityCheck)


def is_theirs(row: PickingTask | PickingBatch | PackingTask | QualityCheck | PutBack, actor: Actor) -> bool:
    """Whether it is this person's; managers may work on any."""
    return row.worker_id == actor.user_id or actor.may(frozenset())


def require_worker(task: PickingTask | PickingBatch | PackingTask | QualityCheck, actor: Actor) -> None:
    """Raise PermissionDenied when the task is somebody else's; managers may work on any."""
    if not is_theirs(task, actor):
        raise PermissionDenied(f"{task} is {task.worker}'s task.", worker=task.worker_id)


def require_active_user(user_id: int) -> None:
    """Raise NotFound when nobody who may sign in has this id."""
    if not get_user_model().objects.filter(pk=user_id, is_active=True).exists():
        raise NotFound(f"There is no active user {user_id}.", kind="user", id=user_id)


def require_person(actor: Actor) -> int:
    """The id of the person who asks for work. Raises ValidationFailed for a program."""
    if actor.user_id is None:
        raise ValidationFailed("Only a person can be given work.")
    return actor.user_id


def claimed(model: type[T], warehouse_id: int, actor: Actor, lock_next: Callable[[int], T | None], begin: Callable[[T, Actor], T]) -> T | None:
    """The work of a kind that a person is at in this warehouse, else what `lock_next` finds, begun. None when there is none.

    Locks the worker, so that two scanners of one person get one; then that one row only.
    """
    person = require_person(actor)
    lock_worker(person)
    mine = model._default_manager.filter(worker=person, warehouse=warehouse_id, status="in_progress")
    at_hand = mine.select_related("order", "warehouse").order_by("pk").first()
    if at_hand is not None:
        return at_hand
    found = lock_next(warehouse_id)
    return None if found is None else begin(found, actor)


def require_single(task: PickingTask) -> None:
    """Raise Conflict for a task in a batch: that is given to people as a whole."""
    if task.picking_batch_id is not None:
        raise Conflict(
            f"{task} is picked with others in {task.picking_batch}: assign and start that batch, or cancel it to pick the task alone.",
            picking_batch=task.picking_batch_id,
        )
