"""Planning a wave: which picking tasks are let go together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from fulfillment import events
from fulfillment.enums import Priority
from fulfillment.locks import lock_picking_tasks_alone, lock_wave_planning
from fulfillment.models import PickingTask, Wave
from fulfillment.queries.waves import Wanted, free_for_waves, tasks_wanted, zones_of
from fulfillment.services.providers import active_provider
from fulfillment.services.waves import put_into, take_tasks, why_not_for_waves
from warehouse.core.actor import Actor
from warehouse.core.documents import next_number
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

# More tasks are several waves.
MOST = 1000


@operation()
def plan_wave(
    warehouse_id: int,
    *,
    actor: Actor,
    zone: str = "",
    provider: str = "",
    cut_off: datetime | None = None,
    priority: str = "",
    max_tasks: int | None = None,
    task_ids: Sequence[int] = (),
) -> Wave:
    """Choose picking tasks that nobody has for a wave of this warehouse: by what is asked for (all of it together), the most urgent first, or by hand (`task_ids`).

    What fits is said at `queries.waves.tasks_wanted`; not more than `max_tasks`. They are given out when the wave is released. Takes the lock of planning in this
    warehouse, then the tasks, alone. Event wave.planned. Raises ValidationFailed, NotFound for an unknown carrier, Conflict when nothing fits, when more fits
    than a wave takes and nobody said how many, or listing every named task that a wave can't take; nothing is written then.
    """
    wanted = wanted_for(warehouse_id, zone=zone, provider=provider, cut_off=cut_off, priority=priority, max_tasks=max_tasks, task_ids=task_ids)
    if task_ids:
        tasks = take_tasks(warehouse_id, task_ids)
    else:
        lock_wave_planning(warehouse_id)
        locked = lock_picking_tasks_alone(chosen_for(wanted, max_tasks))
        # Somebody may have been given one a moment ago.
        tasks = [task for task in locked if not why_not_for_waves(task, warehouse_id)]
        if not tasks:
            raise nothing_fits(wanted)
    wave = Wave(
        number=next_number(Wave.number_prefix),
        created_by_id=actor.user_id,
        warehouse=tasks[0].warehouse,
        zone=wanted.zone,
        provider=wanted.provider,
        cut_off=cut_off,
        priority=priority,
    )
    wave.save()
    publish([events.of_wave(events.WAVE_PLANNED, wave, task_ids=put_into(wave, tasks))], actor=actor)
    return wave


def preview(wanted: Wanted, max_tasks: int | None) -> list[PickingTask]:
    """What a wave would take, the most urgent first; each knows its order and warehouse. Writes and locks nothing. Raises as `plan_wave`."""
    found = {task.pk: task for task in PickingTask.objects.filter(pk__in=chosen_for(wanted, max_tasks)).select_related("order", "warehouse")}
    return sorted(found.values(), key=lambda task: (task.urgency, task.ship_by is None, task.ship_by or task.created_at, task.pk))


def wanted_for(
    warehouse_id: int,
    *,
    zone: str = "",
    provider: str = "",
    cut_off: datetime | None = None,
    priority: str = "",
    max_tasks: int | None = None,
    task_ids: Sequence[int] = (),
) -> Wanted:
    """What is asked for, judged. Raises ValidationFailed, NotFound for an unknown carrier."""
    if task_ids and (zone or provider or cut_off or priority or max_tasks):
        raise ValidationFailed("Name the tasks, or say what to choose them by: not both.", errors=[{"field": "task_ids", "code": "invalid"}])
    if len(set(task_ids)) > MOST or (max_tasks is not None and not 1 <= max_tasks <= MOST):
        field = "task_ids" if task_ids else "max_tasks"
        raise ValidationFailed(f"{field}: a wave takes 1 to {MOST} tasks.", errors=[{"field": field, "code": "out_of_range"}])
    if priority and priority not in Priority.values:
        raise ValidationFailed(
            f"priority: {priority[:20]!r} is none of {', '.join(Priority.values)}.", errors=[{"field": "priority", "code": "invalid"}]
        )
    if cut_off is not None and timezone.is_naive(cut_off):
        raise ValidationFailed("cut_off: say in which time zone.", errors=[{"field": "cut_off", "code": "invalid"}])
    if zone and zone not in (zones := zones_of(warehouse_id)):
        raise ValidationFailed(
            f"zone: {zone[:40]!r} is none of this warehouse's zones: {', '.join(zones) or 'it has none'}.",
            errors=[{"field": "zone", "code": "unknown"}],
        )
    return Wanted(warehouse_id, zone, active_provider(provider) if provider else None, cut_off, priority)


def chosen_for(wanted: Wanted, max_tasks: int | None) -> list[int]:
    """The ids of the tasks that a wave would take now. One statement. Raises Conflict when nothing fits, or too much."""
    chosen = list(tasks_wanted(wanted).values_list("pk", flat=True)[: max_tasks or MOST + 1])
    if not chosen:
        raise nothing_fits(wanted)
    if len(chosen) > MOST:
        raise Conflict(
            f"More than {MOST} tasks fit, which is what a wave takes. Say how many of them (the most urgent come first), or ask for less.", most=MOST
        )
    return chosen


def nothing_fits(wanted: Wanted) -> Conflict:
    """The refusal of a wave without a task: how many tasks wait in the warehouse at all, and what was asked of them."""
    waiting = free_for_waves(wanted.warehouse_id).count()
    asked = [f"all in zone {wanted.zone}"] if wanted.zone else []
    asked += [f"carried by {wanted.provider}"] if wanted.provider else []
    asked += [f"to ship by {wanted.cut_off:%Y-%m-%d %H:%M %Z}"] if wanted.cut_off else []
    asked += [f"at least {wanted.priority}"] if wanted.priority else []
    if not waiting or not asked:
        return Conflict("No picking task waits in this warehouse that is in no batch and in no other wave.", waiting=waiting)
    return Conflict(f"None of the {waiting} picking tasks that wait in this warehouse is {' and '.join(asked)}. Ask for less.", waiting=waiting)
