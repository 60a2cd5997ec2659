"""What is owed and due: the truth that the sweeps work on."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from fulfillment.enums import OrderStatus, PrintStatus, ShipmentStatus
from fulfillment.models import LabelPrint, Order, Shipment, StatusReport


def due_shipments(limit: int) -> list[int]:
    """Shipments whose carrier is to be asked now and whom nobody is asking, oldest first."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = Shipment.objects.filter(free, status=ShipmentStatus.REQUESTED, next_attempt_at__lte=now)
    return list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def due_voids(limit: int) -> list[int]:
    """Shipments whose waybill is to be voided now and that nobody is working on, oldest first."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    due = Shipment.objects.filter(free, status=ShipmentStatus.VOID_REQUESTED, next_attempt_at__lte=now)
    return list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def shipments_to_poll(limit: int) -> list[int]:
    """Parcels under way of which the carrier was not asked lately: those that were never asked for first, then the longest ago."""
    lately = timezone.now() - timedelta(minutes=settings.CARRIER_POLL_MINUTES)
    due = Shipment.objects.filter(Q(polled_at=None) | Q(polled_at__lte=lately), status=ShipmentStatus.HANDED_OVER)
    return list(due.order_by(F("polled_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:limit])


def printers_with_queues() -> list[int]:
    """Printers for which labels wait."""
    return list(LabelPrint.objects.filter(status=PrintStatus.QUEUED).order_by("printer").values_list("printer", flat=True).distinct())


def due_status_reports(limit: int) -> list[int]:
    """Statuses that the order system is to be told now, oldest first."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return list(StatusReport.objects.filter(free, next_attempt_at__lte=now).order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def orders_to_retry(limit: int) -> list[int]:
    """Rejected orders for whose goods stock has arrived, the oldest order first."""
    due = Order.objects.filter(status=OrderStatus.REJECTED, retry_due_at__isnull=False)
    return list(due.order_by("pk").values_list("pk", flat=True)[:limit])
