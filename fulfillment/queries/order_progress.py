"""How far an order is: each walk with its stops, who is where, checks, packages, shipments, and everything that happened to it in its order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q

from fulfillment.enums import OPEN_PICKING, PackingStatus, PickingItemStatus, PickingStatus
from fulfillment.models import Order, Package, PackageItem, PackingTask, Pick, PickingTask, PickingTaskItem, PutBack, QualityCheck, Shipment
from fulfillment.queries.picking_tasks import progress_of
from warehouse.core.quantities import plain
from warehouse.outbox.models import OutboxEvent

# So many of the newest events and scans a time line shows.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the time line: an event (`type` as published), or a scan (`type` is `pick`)."""

    at: datetime
    type: str
    what: str
    actor: str


@dataclass(frozen=True, slots=True)
class Stop:
    """An item of a walk. `picked_by` names who scanned it last."""

    item: PickingTaskItem
    picked_by: str

    @property
    def percent(self) -> int:
        return int(self.item.quantity_picked * 100 / self.item.quantity_required)


@dataclass(frozen=True, slots=True)
class Walk:
    """A picking task with its stops in walking order; `place` is where its worker is bound for while it is being picked."""

    task: PickingTask
    stops: Sequence[Stop]
    percent: int
    place: str
    zone: str
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything that is known of how far an order is. `percent` counts picking and packing alike, each item once in either."""

    order: Order
    percent: int
    walks: Sequence[Walk]
    checks: Sequence[QualityCheck]
    packing: Sequence[PackingTask]
    shipments: Sequence[Shipment]
    put_backs: Sequence[PutBack]
    happened: Sequence[Happened]

    @property
    def is_moving(self) -> bool:
        """Whether somebody is at it now."""
        walking = any(walk.task.status == PickingStatus.IN_PROGRESS for walk in self.walks)
        return walking or any(task.status == PackingStatus.IN_PROGRESS for task in self.packing)


def order_progress(order: Order) -> Progress:
    """Read it; the number of statements does not depend on the size of the order."""
    tasks = list(_tasks(order))
    scans = _scans(tasks)
    walks = [_walk(task, scans) for task in tasks]
    checks = list(QualityCheck.objects.filter(order=order).select_related("worker", "picking_task").order_by("pk"))
    contents = Prefetch("items", PackageItem.objects.select_related("item__product").order_by("pk"))
    packages = Package.objects.prefetch_related(contents).select_related("box_type").order_by("sequence_number")
    packing = PackingTask.objects.filter(order=order).select_related("warehouse", "worker", "picking_task")
    packing_tasks = list(packing.prefetch_related(Prefetch("packages", packages)).order_by("pk"))
    shipments = list(Shipment.objects.filter(order=order).select_related("provider", "package").order_by("pk"))
    put_backs = PutBack.objects.filter(order=order).select_related("product", "from_location", "worker").order_by("pk")
    return Progress(
        order=order,
        percent=_percent(walks, packing_tasks, order),
        walks=walks,
        checks=checks,
        packing=packing_tasks,
        shipments=shipments,
        put_backs=list(put_backs),
        happened=_time_line(order, tasks, checks, packing_tasks, shipments, scans),
    )


def _tasks(order: Order) -> Iterable[PickingTask]:
    items = PickingTaskItem.objects.select_related("product", "location", "batch").order_by("sequence")
    tasks = PickingTask.objects.filter(order=order).select_related("warehouse", "worker", "picking_batch", "wave", "packing_location")
    return tasks.prefetch_related(Prefetch("items", items)).order_by("pk")


def _scans(tasks: Iterable[PickingTask]) -> list[Pick]:
    """The newest first. Without a limit, which might make the planner walk through everybody's."""
    items = [item.pk for task in tasks for item in task.items.all()]
    return list(Pick.objects.filter(item__in=items).select_related("item__product", "item__location", "picked_by").order_by("-pk"))


def _walk(task: PickingTask, scans: Sequence[Pick]) -> Walk:
    items = list(task.items.all())
    by_item: dict[int, str] = {}
    for scan in reversed(scans):
        if scan.undone_at is None:
            by_item[scan.item_id] = str(scan.picked_by or "")
    pending = [item for item in items if item.status == PickingItemStatus.PENDING]
    bound_for = min(pending, key=_turn).location if pending and task.status == PickingStatus.IN_PROGRESS else None
    return Walk(
        task=task,
        stops=[Stop(item, by_item.get(item.pk, "")) for item in items],
        percent=progress_of(items).percent,
        place=bound_for.code if bound_for else "",
        zone=bound_for.zone if bound_for else "",
        last_at=max((item.picked_at for item in items if item.picked_at), default=None),
    )


def _turn(item: PickingTaskItem) -> tuple[bool, float]:
    """When its turn comes: what was put off last, in a batch by the walk of the batch."""
    return item.deferred_at is not None, item.sequence if item.walk_position is None else item.walk_position


def _percent(walks: Sequence[Walk], packing: Sequence[PackingTask], order: Order) -> int:
    """Half for what is picked, half for what is packed of it; what is neither because the order is not wanted any more counts for nothing."""
    if order.shipped_at:
        return 100
    living = [walk for walk in walks if walk.task.status != PickingStatus.CANCELLED and walk.stops]
    items = sum(len(walk.stops) for walk in living)
    if not items:
        return 0
    picked = sum(walk.percent * len(walk.stops) for walk in living)
    packed_of = {task.picking_task_id: _packed(task) for task in packing if task.status != PackingStatus.CANCELLED}
    packed = sum(packed_of.get(walk.task.pk, 0) * len(walk.stops) for walk in living if walk.task.status not in OPEN_PICKING)
    return (picked + packed) // (2 * items)


def _packed(task: PackingTask) -> int:
    if task.status in (PackingStatus.PACKED, PackingStatus.SHIPPED):
        return 100
    return 100 * task.packed_items // task.total_items if task.total_items else 0


def _time_line(
    order: Order,
    tasks: Sequence[PickingTask],
    checks: Sequence[QualityCheck],
    packing: Sequence[PackingTask],
    shipments: Sequence[Shipment],
    scans: Sequence[Pick],
) -> list[Happened]:
    """Events and scans, the newest first."""
    documents: dict[tuple[str, str], str] = {("order", str(order.pk)): "order"}
    for kind, rows in (("picking_task", tasks), ("quality_check", checks), ("packing_task", packing), ("shipment", shipments)):
        documents |= {(kind, str(row.pk)): row.number for row in rows}
    wanted = Q()
    for kind in dict.fromkeys(kind for kind, _ in documents):
        wanted |= Q(aggregate_type=kind, aggregate_id__in=[pk for each, pk in documents if each == kind])
    lines = [
        Happened(event.occurred_at, event.type, _told(event, documents[event.aggregate_type, event.aggregate_id]), event.actor)
        for event in OutboxEvent.objects.filter(wanted).order_by("sequence")
    ]
    for scan in scans:
        goods = f"{plain(scan.quantity)} × {scan.item.product.sku} from {scan.item.location.code}"
        who = str(scan.picked_by or "")
        lines.append(Happened(scan.picked_at, "pick", f"picked {goods}", who))
        if scan.undone_at:
            lines.append(Happened(scan.undone_at, "pick", f"taken back: {goods}", ""))
    # In their order first: what one transaction wrote has one time.
    return sorted(lines, key=lambda line: line.at)[: -SHOWN - 1 : -1]


# What an event adds to its name, by the fields of its payload.
_WITH = ("reason", "quantity", "location", "missing", "tracking_number", "priority")


def _told(event: OutboxEvent, document: str) -> str:
    area, _, what = event.type.partition(".")
    words = what.replace(".", " ").replace("_", " ")
    payload: dict[str, Any] = event.payload
    more = ", ".join(f"{name.replace('_', ' ')} {payload[name]}" for name in _WITH if payload.get(name))
    name = f"{area} {words}" if document == "order" else f"{area} {words}: {document}"
    return f"{name} ({more})" if more else name
