"""Picking tasks that somebody named for a wave or a batch: how many at most, and a refusal that names every one that doesn't fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fulfillment.enums import PickingStatus
from fulfillment.models import PickingTask
from fulfillment.queries.waves import MOST
from warehouse.core.errors import Conflict, ValidationFailed

# So many tasks are named in a refusal; `errors` lists all.
NAMED = 5


def named_tasks(task_ids: Sequence[int]) -> list[int]:
    """The ids, each once, ascending. Raises ValidationFailed for none of them, or for more than are put together at once."""
    wanted = sorted(set(task_ids))
    if not wanted:
        raise ValidationFailed("Name at least one picking task.", errors=[{"field": "task_ids", "code": "required"}])
    if len(wanted) > MOST:
        raise ValidationFailed(f"task_ids: name 1 to {MOST} tasks.", errors=[{"field": "task_ids", "code": "out_of_range"}])
    return wanted


def require_all_fit(wanted: Sequence[int], tasks: Sequence[PickingTask], done: str, why_not: Callable[[PickingTask], str]) -> None:
    """Raise Conflict listing every wanted task that is not among the locked `tasks`, or of which `why_not` says why it can't be `done`."""
    faults = {task.pk: (task.number, why) for task in tasks if (why := why_not(task))}
    faults |= {pk: (str(pk), "there is no such task") for pk in set(wanted) - {task.pk for task in tasks}}
    if faults:
        told = [{"task": pk, "number": number, "why": why} for pk, (number, why) in sorted(faults.items())]
        text = "; ".join(f"{each['number']}: {each['why']}" for each in told[:NAMED])
        raise Conflict(f"{len(told)} of {len(wanted)} tasks can't be {done}. {text}.", errors=told)


def why_not_waiting(task: PickingTask, warehouse_id: int) -> str:
    """Why a locked task is none that waits in this warehouse, in no batch; empty when it is. Its warehouse and batch should be loaded."""
    if task.warehouse_id != warehouse_id:
        return f"it is of another warehouse, {task.warehouse.code}"
    if task.status != PickingStatus.PENDING:
        return f"it is {task.get_status_display()}, not pending"
    return f"it is in batch {task.picking_batch}" if task.picking_batch is not None else ""
