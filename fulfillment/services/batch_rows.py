"""The rows of picking batches: the tasks that go into them, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import prefetch_related_objects

from fulfillment import events
from fulfillment.locks import lock_picking_tasks
from fulfillment.models import PickingBatch, PickingTask
from fulfillment.queries.picking_tasks import let_go
from fulfillment.queries.site_layout import SiteLayout
from fulfillment.services.batch_planning import BatchPlan, TaskLoad, loads_of, most_urgent_first, remarks
from fulfillment.services.chosen_tasks import named_tasks, require_all_fit, why_not_waiting
from warehouse.core.actor import Actor
from warehouse.core.documents import next_numbers, save_all
from warehouse.core.transactions import StartAgain
from warehouse.outbox.events import publish


def lock_waiting(warehouse_id: int, task_ids: Sequence[int]) -> list[PickingTask]:
    """These tasks, locked, the most urgent first. Raises Conflict listing all that are no waiting tasks of this warehouse."""
    wanted = named_tasks(task_ids)
    tasks = lock_picking_tasks(wanted)
    prefetch_related_objects(tasks, "picking_batch")
    released = set(PickingTask.objects.filter(let_go(warehouse_id), pk__in=wanted).values_list("pk", flat=True))

    def why_not(task: PickingTask) -> str:
        return why_not_waiting(task, warehouse_id) or ("" if task.pk in released else "its wave has not released it")

    require_all_fit(wanted, tasks, "put into a batch", why_not)
    return most_urgent_first(tasks)


def write_planned(plan: BatchPlan, task_ids: Sequence[int], *, wave_id: int | None, actor: Actor) -> list[PickingBatch]:
    """Lock these tasks and write the batches that were planned for them. Locks and raises as `lock_waiting`; StartAgain when the plan was made for other tasks,
    or something to be picked of them has changed since."""
    loads = loads_of(lock_waiting(plan.site.settings.warehouse_id, task_ids), plan.site)
    if not plan.fits(loads):
        raise StartAgain
    groups = [[loads[number] for number in numbers] for numbers in plan.walks]
    return write_batches(groups, plan.site, batching=plan.method, wave_id=wave_id, actor=actor)


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
    save_all(tasks, "picking_batch", "tote")
    told = [(batch, [each.task.pk for each in loads]) for batch, loads in zip(batches, groups, strict=True)]
    publish([events.of_picking_batch(events.PICKING_BATCH_CREATED, batch, task_ids=ids) for batch, ids in told], actor=actor)
    return batches


def urgency_of(tasks: Sequence[PickingTask]) -> dict[str, Any]:
    """A batch is as urgent as the most urgent of its tasks, and leaves as early as the first of them."""
    return {
        "priority": min(tasks, key=lambda task: task.urgency).priority,
        "ship_by": min((task.ship_by for task in tasks if task.ship_by is not None), default=None),
    }
