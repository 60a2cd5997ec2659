"""What is owed and due: the truth that the sweeps work on."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from fulfillment.enums import OrderStatus, ShipmentStatus
from fulfillment.models import Order, Shipment, StatusReport


def due_shipments(limit: int) -> list[int]:
    """Shipments whose carrier is to be asked now and whom nobody is asking, oldest first."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = Shipment.objects.filter(free, status=ShipmentStatus.REQUESTED, next_attempt_at__lte=now)
    return list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def due_status_reports(limit: int) -> list[int]:
    """Statuses that the order system is to be told now, oldest first."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return list(StatusReport.objects.filter(free, next_attempt_at__lte=now).order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def orders_to_retry(limit: int) -> list[int]:
    """Rejected orders for whose goods stock has arrived, the oldest order first."""
    due = Order.objects.filter(status=OrderStatus.REJECTED, retry_due_at__isnull=False)
    return list(due.order_by("pk").values_list("pk", flat=True)[:limit])
