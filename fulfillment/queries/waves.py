"""Reading waves: which tasks fit one, how far it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, TypeVar, Unpack

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from fulfillment.enums import OPEN_WAVES, PickingItemStatus, PickingStatus, Priority
from fulfillment.models import DeliveryProvider, PickingTask, PickingTaskItem, Wave
from fulfillment.queries.providers import active_provider
from fulfillment.queries.ranks import BY_URGENCY
from inventory import orchestrator
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.quantities import ZERO
from warehouse.core.texts import require_one_of

T = TypeVar("T")

_PROGRESS = """
    SELECT t.wave_id,
           count(*) FILTER (WHERE t.status = 'pending' AND t.released_at IS NULL), count(*) FILTER (WHERE t.status = 'pending' AND t.released_at IS NOT NULL),
           count(*) FILTER (WHERE t.status = 'assigned'), count(*) FILTER (WHERE t.status = 'in_progress'),
           count(*) FILTER (WHERE t.status = 'completed'), count(*) FILTER (WHERE t.status = 'cancelled'),
           coalesce(sum(t.total_items) FILTER (WHERE t.status <> 'cancelled'), 0)::int, coalesce(sum(t.picked_items) FILTER (WHERE t.status <> 'cancelled'), 0)::int,
           coalesce(sum(q.required) FILTER (WHERE t.status <> 'cancelled'), 0), coalesce(sum(q.picked) FILTER (WHERE t.status <> 'cancelled'), 0),
           count(*) FILTER (WHERE t.status IN ('pending', 'assigned', 'in_progress') AND t.ship_by < now())
    FROM fulfillment_pickingtask t
    LEFT JOIN LATERAL (
        SELECT sum(i.quantity_required) AS required, sum(i.quantity_picked) AS picked FROM fulfillment_pickingtaskitem i WHERE i.task_id = t.id
    ) q ON true
    WHERE t.wave_id = ANY(%s::bigint[])
    GROUP BY t.wave_id
"""


# More tasks are several waves.
MOST = 1000


class Criteria(TypedDict, total=False):
    """What a wave may be planned by, as people and programs say it; all of it counts together. `provider`: a carrier's code."""

    zone: str
    provider: str
    cut_off: datetime | None
    priority: str
    max_tasks: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The same, judged. What is empty is not asked about."""

    warehouse_id: int
    zone: str = ""
    provider: DeliveryProvider | None = None
    cut_off: datetime | None = None
    priority: str = ""
    max_tasks: int | None = None


@dataclass(frozen=True, slots=True)
class WaveProgress:
    """How far a wave is: its tasks by state, and their items and quantities (of whatever units) without what was cancelled.

    `waiting` tasks are not released yet, `released` ones are and nobody has them. `late` ones are open though they should have left.
    """

    waiting: int = 0
    released: int = 0
    assigned: int = 0
    in_progress: int = 0
    completed: int = 0
    cancelled: int = 0
    items: int = 0
    items_done: int = 0
    quantity: Decimal = ZERO
    quantity_picked: Decimal = ZERO
    late: int = 0

    @property
    def tasks(self) -> int:
        """All that is not cancelled."""
        return self.open + self.completed

    @property
    def open(self) -> int:
        """What is still to be released, or to be picked."""
        return self.waiting + self.released + self.assigned + self.in_progress

    @property
    def percent(self) -> int:
        """Every item counts alike; one that is short or skipped is done. Where nothing is to be picked everything is done, as in a task or batch."""
        return int(self.items_done * 100 / self.items) if self.items else 100


def wave_progress(wave_ids: Iterable[int]) -> dict[int, WaveProgress]:
    """How far these waves are, by id. One statement."""
    wanted = sorted(set(wave_ids))
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, [wanted])
        found = {row[0]: WaveProgress(*row[1:]) for row in cursor.fetchall()}
    return {pk: found.get(pk, WaveProgress()) for pk in wanted}


def open_waves(warehouse_id: int | None = None, limit: int | None = None) -> list[tuple[Wave, WaveProgress]]:
    """The waves that are not closed, of all warehouses or one, the oldest first, and how far each is. Two statements."""
    rows = Wave.objects.filter(status__in=sorted(OPEN_WAVES)).select_related("warehouse").order_by("pk")
    waves = list((rows if warehouse_id is None else rows.filter(warehouse=warehouse_id))[:limit])
    far = wave_progress(wave.pk for wave in waves)
    return [(wave, far[wave.pk]) for wave in waves]


def free_for_waves(warehouse_id: int) -> QuerySet[PickingTask]:
    """Picking tasks of a warehouse that a wave may take: nobody has them, they are in no batch, and in no wave that is still open."""
    in_open_wave = Exists(Wave.objects.filter(pk=OuterRef("wave"), status__in=sorted(OPEN_WAVES)))
    return PickingTask.objects.filter(~in_open_wave, warehouse=warehouse_id, status=PickingStatus.PENDING, picking_batch=None)


def tasks_wanted(wanted: Wanted) -> QuerySet[PickingTask]:
    """The free tasks that fit, the most urgent first: by priority, then ship-by, then age.

    A zone: all that is still to be picked lies in it. A carrier: the order's, or the default one's for an order that names none. A cut-off: it ships by then;
    what has no time to ship is not chosen by one.
    """
    rows = free_for_waves(wanted.warehouse_id)
    if wanted.zone:
        pending = PickingTaskItem.objects.filter(task=OuterRef("pk"), status=PickingItemStatus.PENDING)
        rows = rows.filter(Exists(pending), ~Exists(pending.exclude(location__zone=wanted.zone)))
    if wanted.provider is not None:
        carried = Q(order__provider=wanted.provider)
        rows = rows.filter(carried | Q(order__provider=None) if wanted.provider.is_default else carried)
    if wanted.cut_off is not None:
        rows = rows.filter(ship_by__lte=wanted.cut_off)
    if wanted.priority:
        rows = rows.filter(priority__in=at_least(wanted.priority))
    return rows.order_by(*BY_URGENCY)


def preview(wanted: Wanted) -> list[PickingTask]:
    """What a wave would take now, the most urgent first; each knows its order and warehouse. One statement. Raises Conflict when nothing fits, or too much."""
    return _not_too_many(wanted, tasks_wanted(wanted).select_related("order", "warehouse"))


def preview_ids(wanted: Wanted) -> list[int]:
    """The ids of the same."""
    return _not_too_many(wanted, tasks_wanted(wanted).values_list("pk", flat=True))


def _not_too_many(wanted: Wanted, rows: QuerySet[Any, T]) -> list[T]:
    chosen = list(rows[: wanted.max_tasks or MOST + 1])
    if not chosen:
        raise nothing_fits(wanted)
    if len(chosen) > MOST:
        raise Conflict(
            f"More than {MOST} tasks fit, which is what a wave takes. Say how many of them (the most urgent come first), or ask for less.", most=MOST
        )
    return chosen


def wanted_for(warehouse_id: int, **asked: Unpack[Criteria]) -> Wanted:
    """What is asked for, judged. Raises ValidationFailed, NotFound for an unknown carrier."""
    plain: dict[str, Any] = {name: value for name, value in asked.items() if name != "provider"}
    wanted = Wanted(warehouse_id, **plain)
    if wanted.max_tasks is not None and not 1 <= wanted.max_tasks <= MOST:
        raise ValidationFailed(f"max_tasks: a wave takes 1 to {MOST} tasks.", errors=[{"field": "max_tasks", "code": "out_of_range"}])
    if wanted.priority:
        require_one_of(wanted.priority, Priority.values, field="priority")
    if wanted.cut_off is not None and timezone.is_naive(wanted.cut_off):
        raise ValidationFailed("cut_off: say in which time zone.", errors=[{"field": "cut_off", "code": "invalid"}])
    if wanted.zone and wanted.zone not in (zones := zones_of(warehouse_id)):
        raise ValidationFailed(
            f"zone: {wanted.zone[:40]!r} is none of this warehouse's zones: {', '.join(zones) or 'it has none'}.",
            errors=[{"field": "zone", "code": "unknown"}],
        )
    carrier = asked.get("provider")
    return replace(wanted, provider=active_provider(carrier)) if carrier else wanted


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


def at_least(priority: str) -> Collection[str]:
    """This priority and all that are more urgent."""
    return Priority.values[Priority.values.index(priority) :]


def zones_of(warehouse_id: int) -> list[str]:
    """The names of the zones where goods for sale lie, by name."""
    return sorted({place.zone for place in orchestrator.site_map(warehouse_id) if place.is_shelf and place.zone})
