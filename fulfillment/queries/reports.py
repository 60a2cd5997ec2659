"""Figures of the work for people: today's orders, picks per hour, what is late, what waits for a carrier.

Where a table has no index by time, the newest `NEWEST` rows are read through the primary key, so that it costs the same on a big one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from fulfillment.enums import OPEN_PACKING, OPEN_PICKING, ORDERS_FOR_A_PERSON, OrderStatus, PutBackStatus, ShipmentStatus
from fulfillment.models import Order, PackingTask, Pick, PickingTask, PutBack, Shipment

NEWEST = 20_000


@dataclass(frozen=True, slots=True)
class Waybills:
    """Shipments before the carrier has them: waiting for a waybill, of them failing, of them given up, and ready to hand over."""

    waiting: int
    failing: int
    stopped: int
    ready: int


@dataclass(frozen=True, slots=True)
class LateTask:
    kind: str
    task: PickingTask | PackingTask


def orders_today() -> dict[str, int]:
    """Orders that came since midnight (site time), by state; every state is named."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    newest = Order.objects.order_by("-pk")[:NEWEST]
    counts = dict(Order.objects.filter(pk__in=newest.values("pk"), created_at__gte=midnight).order_by().values_list("status").annotate(Count("pk")))
    return {status.value: counts.get(status.value, 0) for status in OrderStatus}


def orders_for_a_person() -> dict[str, int]:
    """Orders that wait for a person, whenever they came, by state; both states are named."""
    waiting = Order.objects.filter(status__in=sorted(ORDERS_FOR_A_PERSON)).order_by()
    counts = dict(waiting.values_list("status").annotate(Count("pk")))
    return {status.value: counts.get(status.value, 0) for status in sorted(ORDERS_FOR_A_PERSON)}


def picks_per_hour(*, hours: int) -> dict[datetime, int]:
    """Scans of pickers in each of the last so many hours (site time), the present one last."""
    this_hour = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    since = this_hour - timedelta(hours=hours - 1)
    newest = Pick.objects.order_by("-pk")[:NEWEST]
    rows = Pick.objects.filter(pk__in=newest.values("pk"), picked_at__gte=since, undone_at=None).order_by()
    counts = dict(rows.annotate(hour=TruncHour("picked_at", tzinfo=timezone.get_current_timezone())).values_list("hour").annotate(Count("pk")))
    return {since + timedelta(hours=n): counts.get(since + timedelta(hours=n), 0) for n in range(hours)}


def late_picking_tasks() -> QuerySet[PickingTask]:
    """Open walks whose time to ship has passed, the latest first."""
    late = PickingTask.objects.filter(status__in=sorted(OPEN_PICKING), ship_by__lt=timezone.now())
    return late.select_related("order", "warehouse", "worker").order_by("ship_by")


def late_packing_tasks() -> QuerySet[PackingTask]:
    """Open packing whose time to ship has passed, the latest first."""
    late = PackingTask.objects.filter(status__in=sorted(OPEN_PACKING), ship_by__lt=timezone.now())
    return late.select_related("order", "warehouse", "worker").order_by("ship_by")


def late_tasks(*, limit: int) -> tuple[int, Sequence[LateTask]]:
    """How many tasks are late, and the latest of them."""
    picking, packing = late_picking_tasks(), late_packing_tasks()
    found = [*(LateTask("picking", task) for task in picking[:limit]), *(LateTask("packing", task) for task in packing[:limit])]
    found.sort(key=lambda late: late.task.ship_by or timezone.now())
    return picking.count() + packing.count(), found[:limit]


def waybills() -> Waybills:
    """How the carriers answer. One statement over the shipments that are not with a carrier yet."""
    requested = Q(status=ShipmentStatus.REQUESTED)
    rows = Shipment.objects.filter(status__in=[ShipmentStatus.REQUESTED, ShipmentStatus.CREATED]).order_by()
    counts = rows.aggregate(
        waiting=Count("pk", filter=requested),
        failing=Count("pk", filter=requested & ~Q(last_error="")),
        stopped=Count("pk", filter=requested & Q(next_attempt_at=None) & ~Q(last_error="")),
        ready=Count("pk", filter=Q(status=ShipmentStatus.CREATED)),
    )
    return Waybills(**counts)


def troubled_shipments(*, limit: int) -> Sequence[Shipment]:
    """Shipments whose carrier refused or did not answer, those that wait for a person first."""
    rows = Shipment.objects.filter(status=ShipmentStatus.REQUESTED).exclude(last_error="").select_related("order", "provider")
    return list(rows.order_by("-attempts", "pk")[:limit])


def put_backs_pending() -> int:
    return PutBack.objects.filter(status=PutBackStatus.PENDING).count()
