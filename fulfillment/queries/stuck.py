"""What the partners are owed and do not take: which of it somebody should look at, and in which words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from fulfillment.enums import OWED_SHIPMENTS, OrderStatus, ShipmentStatus
from fulfillment.models import Shipment, StatusReport
from inventory.orchestrator import AlertDraft, Severity

SHIPMENT_STUCK, REPORT_STUCK = "shipment_stuck", "status_report_stuck"
# A partner that is away uses up no attempt, but somebody should know after this long.
PATIENCE = timedelta(hours=6)
# More alerts at once say no more.
SHOWN = 1000

# The carrier still has the waybill of the shipment that this one replaces: this one is not asked for before that is voided.
WAITS_FOR_VOID = Q(replaces__status=ShipmentStatus.VOID_REQUESTED)


def stuck_shipments() -> list[Shipment]:
    """Shipments whose waybill neither comes nor goes, the oldest first. One that waits for its predecessor's void is not stuck itself."""
    return list(_stuck_shipments().select_related("order", "package", "packing_task", "replaces").order_by("pk")[:SHOWN])


def stuck_reports() -> list[StatusReport]:
    """Statuses that the order system does not take, the oldest first. What was not told of a cancelled order need not be told any more."""
    return list(_stuck_reports().select_related("order").order_by("pk")[:SHOWN])


def is_stuck(row: Shipment | StatusReport) -> bool:
    """Whether a person has to go on with it, or it is owed for too long, as it is saved."""
    rows: QuerySet[Any] = _stuck_shipments() if isinstance(row, Shipment) else _stuck_reports()
    return rows.filter(pk=row.pk).exists()


def kind_of(row: Shipment | StatusReport) -> str:
    """The kind of the alert about it."""
    return SHIPMENT_STUCK if isinstance(row, Shipment) else REPORT_STUCK


def subject_of(row: Shipment | StatusReport) -> str:
    """The alert's key within its kind."""
    return f"shipment:{row.pk}" if isinstance(row, Shipment) else f"status_report:{row.pk}"


def draft_of(row: Shipment | StatusReport) -> AlertDraft:
    """The alert in words; order (and package, task) must be loaded. Critical when nothing more happens by itself."""
    severity = Severity.CRITICAL if row.next_attempt_at is None else Severity.WARNING
    data = {"order": row.order.external_id, "error": row.last_error, "attempts": row.attempts, "waiting_since": row.waiting_since}
    since = _since(row.waiting_since)
    if isinstance(row, StatusReport):
        message = f"{row.order}: the order system does not take the status {row.status}, {since}. {row.last_error}"
        return AlertDraft(subject_of(row), severity, message, data)
    data |= {"shipment": row.number, "package": row.package.barcode}
    what = "no waybill" if row.status == ShipmentStatus.REQUESTED else "its waybill is not voided"
    message = f"{row.package.barcode} of {row.order}: {what}, {since}. {row.last_error}"
    return AlertDraft(subject_of(row), severity, message, data, warehouse_id=row.packing_task.warehouse_id)


def _stuck_shipments() -> QuerySet[Shipment]:
    return Shipment.objects.filter(_late(), status__in=OWED_SHIPMENTS).exclude(WAITS_FOR_VOID)


def _stuck_reports() -> QuerySet[StatusReport]:
    return StatusReport.objects.filter(_late(), sent_at=None).exclude(order__status=OrderStatus.CANCELLED)


def _late() -> Q:
    return Q(waiting_since__lte=timezone.now() - PATIENCE) | Q(next_attempt_at=None)


def _since(moment: datetime) -> str:
    return f"since {moment:%Y-%m-%d %H:%M} UTC"
