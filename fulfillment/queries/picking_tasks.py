"""Reading picking tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet

from fulfillment.enums import PickingItemStatus, PickingStatus, QualityStatus
from fulfillment.models import Pick, PickingTask, PickingTaskItem, QualityCheck, WalkSettings
from warehouse.core.quantities import ZERO


@dataclass(frozen=True, slots=True)
class ZoneLeft:
    """What is still to be picked in a zone."""

    zone: str
    items: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a walk is: items, quantities (of whatever units), and a percentage in which every item counts alike."""

    items: int
    done: int
    picked: Decimal
    remaining: Decimal
    percent: int
    zones: tuple[ZoneLeft, ...]


def progress_of(items: Iterable[PickingTaskItem]) -> Progress:
    """How far a walk is, from all its items in their order, with their locations loaded. Asks the database nothing."""
    stops = list(items)
    pending = [item for item in stops if item.status == PickingItemStatus.PENDING]
    parts = sum((item.quantity_picked / item.quantity_required for item in pending), ZERO)
    zones: dict[str, ZoneLeft] = {}
    for item in pending:
        before = zones.get(item.location.zone, ZoneLeft(item.location.zone, 0, ZERO))
        zones[item.location.zone] = ZoneLeft(before.zone, before.items + 1, before.quantity + item.remaining)
    done = len(stops) - len(pending)
    return Progress(
        items=len(stops),
        done=done,
        picked=sum((item.quantity_picked for item in stops), ZERO),
        remaining=sum((item.remaining for item in pending), ZERO),
        percent=int((done + parts) * 100 / len(stops)) if stops else 100,
        zones=tuple(zones.values()),
    )


def let_go(warehouse: int | OuterRef) -> Q:
    """Picking tasks of a warehouse that may be picked now: released by their wave, or in no wave where the warehouse does not work by waves only."""
    waves_only = Exists(WalkSettings.objects.filter(warehouse=warehouse, waves_only=True))
    return Q(released_at__isnull=False) | Q(Q(wave=None), ~waves_only)


def waiting_tasks(warehouse_id: int) -> QuerySet[PickingTask]:
    """Picking tasks that are given out one by one: nobody has them yet, they are in no batch, and they are let go."""
    return PickingTask.objects.filter(let_go(warehouse_id), warehouse=warehouse_id, status=PickingStatus.PENDING, picking_batch=None)


def next_item(task_id: int) -> PickingTaskItem | None:
    """The next stop of the walk, with product, batch and location; None when every item is done."""
    pending = PickingTaskItem.objects.filter(task=task_id, status=PickingItemStatus.PENDING)
    return pending.select_related("product", "batch", "location").order_by("sequence").first()


def picks_of_walk() -> QuerySet[Pick]:
    """The scans of walks that are not over: what a failed quality check has looked at was another walk, though of the same task."""
    checked = QualityCheck.objects.filter(picking_task=OuterRef("item__task"), status=QualityStatus.FAILED, last_pick_id__gte=OuterRef("pk"))
    return Pick.objects.filter(~Exists(checked))


def last_pick(task_id: int) -> Pick | None:
    """The last scan of a walk that is not undone, with its item, product and place."""
    standing = picks_of_walk().filter(item__task=task_id, undone_at=None)
    return standing.select_related("item__product", "item__batch", "item__location").order_by("-pk").first()
