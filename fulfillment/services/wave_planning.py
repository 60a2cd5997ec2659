"""Planning a wave: which picking tasks are let go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from fulfillment import events
from fulfillment.locks import lock_picking_tasks_alone, lock_wave_planning
from fulfillment.models import Wave
from fulfillment.queries.waves import Criteria, nothing_fits, preview_ids, wanted_for
from fulfillment.services.waves import put_into, take_tasks, why_not_for_waves
from warehouse.core.actor import Actor
from warehouse.core.documents import next_number
from warehouse.core.errors import ValidationFailed
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish


@operation()
def plan_wave(warehouse_id: int, *, actor: Actor, task_ids: Sequence[int] = (), **asked: Unpack[Criteria]) -> Wave:
    """Choose picking tasks that nobody has for a wave of this warehouse: by what is asked for, the most urgent first, or by hand (`task_ids`).

    What fits is said at `queries.waves.tasks_wanted`; not more than `max_tasks`. They are given out when the wave is released. Takes the lock of planning in this
    warehouse, then the tasks, alone. Event wave.planned. Raises ValidationFailed, NotFound for an unknown carrier, Conflict when nothing fits, when more fits
    than a wave takes and nobody said how many, or listing every named task that a wave can't take; nothing is written then.
    """
    if task_ids and any(asked.values()):
        raise ValidationFailed("Name the tasks, or say what to choose them by: not both.", errors=[{"field": "task_ids", "code": "invalid"}])
    wanted = wanted_for(warehouse_id, **asked)
    if task_ids:
        tasks = take_tasks(warehouse_id, task_ids)
    else:
        lock_wave_planning(warehouse_id)
        locked = lock_picking_tasks_alone(preview_ids(wanted))
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
        cut_off=wanted.cut_off,
        priority=wanted.priority,
    )
    wave.save()
    publish([events.of_wave(events.WAVE_PLANNED, wave, task_ids=put_into(wave, tasks))], actor=actor)
    return wave
