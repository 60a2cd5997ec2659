"""The rows of picking batches: the tasks that go into them, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from fulfillment import events
from fulfillment.enums import PickingStatus
from fulfillment.locks import lock_picking_tasks
from fulfillment.models import PickingBatch, PickingTask
from fulfillment.queries.picking_tasks import let_go
from fulfillment.queries.site_layout import SiteLayout
from fulfillment.services.batch_planning import TaskLoad, cart_of, remarks
from warehouse.core.actor import Actor
from warehouse.core.documents import next_numbers
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.outbox.events import publish


def lock_waiting(warehouse_id: int, task_ids: Sequence[int]) -> list[PickingTask]:
    """These tasks, locked, the most urgent first. Raises Conflict listing all that are no waiting tasks of this warehouse."""
    wanted = sorted(set(task_ids))
    if not wanted:
        raise ValidationFailed("Name at least one picking task.", errors=[{"field": "task_ids", "code": "required"}])
    tasks = lock_picking_tasks(wanted)
    released = set(PickingTask.objects.filter(let_go(warehouse_id), pk__in=wanted).values_list("pk", flat=True))
    faults = {task.pk: fault for task in tasks if (fault := _fault(task, warehouse_id, released))}
    faults |= dict.fromkeys(set(wanted) - {task.pk for task in tasks}, "there is no such task")
    if faults:
        names = {task.pk: task.number for task in tasks}
        told = [{"task": pk, "number": names.get(pk, str(pk)), "why": why} for pk, why in sorted(faults.items())]
        text = "; ".join(f"{each['number']}: {each['why']}" for each in told[:5])
        raise Conflict(f"{len(told)} of {len(wanted)} tasks can't be put into a batch. {text}.", errors=told)
    return sorted(tasks, key=lambda task: (task.urgency, task.ship_by is None, task.ship_by or task.created_at, task.pk))


def _fault(task: PickingTask, warehouse_id: int, released: set[int]) -> str:
    if task.warehouse_id != warehouse_id:
        return f"it is of another warehouse, {task.warehouse.code}"
    if task.status != PickingStatus.PENDING:
        return f"it is {task.get_status_display()}, not pending"
    if task.picking_batch_id is not None:
        return "it is in a batch already"
    return "" if task.pk in released else "its wave has not released it"


def over_limits(exceeded: Iterable[str], loads: Sequence[TaskLoad], site: SiteLayout) -> list[dict[str, str]]:
    """By how much these tasks are more than a cart takes, for each limit that they exceed."""
    cart = cart_of(site.settings)
    asked = {"totes": len(loads)} | {limit: sum((getattr(each.load, limit) or 0) for each in loads) for limit in ("items", "volume", "weight")}
    return [{"limit": limit, "asked": str(asked[limit]), "takes": str(getattr(cart, limit))} for limit in exceeded]


def write_batches(groups: Sequence[Sequence[TaskLoad]], site: SiteLayout, *, batching: str, wave_id: int | None, actor: Actor) -> list[PickingBatch]:
    """Write a batch for each group of locked tasks, with their positions on the cart. A constant number of statements. Events picking.batch_created."""
    warehouse_id = site.settings.warehouse_id
    numbers = next_numbers(PickingBatch.number_prefix, len(groups))
    batches = [
        PickingBatch(
            number=number,
            created_by_id=actor.user_id,
            warehouse_id=warehouse_id,
            wave_id=wave_id,
            batching=batching,
            notes=remarks(loads, site.settings),
            **urgency_of([each.task for each in loads]),
        )
        for number, loads in zip(numbers, groups, strict=True)
    ]
    PickingBatch.objects.bulk_create(batches)
    tasks = []
    for batch, loads in zip(batches, groups, strict=True):
        for position, each in enumerate(loads, start=1):
            each.task.picking_batch, each.task.tote = batch, position
            tasks.append(each.task)
    save_all(PickingTask, tasks, "picking_batch", "tote")
    told = [(batch, [each.task.pk for each in loads]) for batch, loads in zip(batches, groups, strict=True)]
    publish([events.of_picking_batch(events.PICKING_BATCH_CREATED, batch, task_ids=ids) for batch, ids in told], actor=actor)
    return batches


def urgency_of(tasks: Sequence[PickingTask]) -> dict[str, Any]:
    """A batch is as urgent as the most urgent of its tasks, and leaves as early as the first of them."""
    return {
        "priority": min(tasks, key=lambda task: task.urgency).priority,
        "ship_by": min((task.ship_by for task in tasks if task.ship_by is not None), default=None),
    }


def save_all(model: Any, rows: Sequence[Any], *fields: str) -> None:
    """Write these fields of locked rows and count their versions up, in one statement."""
    now = timezone.now()
    for row in rows:
        row.version, row.updated_at = row.version + 1, now
    model.objects.bulk_update(rows, [*fields, "version", "updated_at"])
