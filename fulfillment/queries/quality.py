"""What the quality screen asks: the check at hand, the checks that wait, the check that a code names."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from fulfillment.enums import OPEN_QUALITY, QualityStatus
from fulfillment.models import QualityCheck
from fulfillment.queries.orders import orders_called
from fulfillment.queries.ranks import BY_URGENCY, ranked
from inventory import orchestrator


def checks_waiting(warehouse_id: int) -> QuerySet[QualityCheck]:
    """Checks that nobody has begun, the most urgent first."""
    waiting = QualityCheck.objects.filter(warehouse=warehouse_id, status=QualityStatus.PENDING)
    return waiting.select_related("order", "picking_task__packing_location").order_by(*BY_URGENCY)


def my_check(warehouse_id: int, user_id: int) -> int | None:
    """The id of the check that this person has begun."""
    mine = QualityCheck.objects.filter(warehouse=warehouse_id, worker=user_id, status=QualityStatus.IN_PROGRESS)
    return mine.order_by("pk").values_list("pk", flat=True).first()


def check_by_scan(warehouse_id: int, code: str) -> QualityCheck | None:
    """The open check that a code names: its number, its picking task's, the tote of its goods, the order's; or the most urgent one on a bench, or with such
    goods."""
    open_ = QualityCheck.objects.filter(warehouse=warehouse_id, status__in=OPEN_QUALITY)
    open_ = open_.order_by(ranked(QualityStatus.IN_PROGRESS), *BY_URGENCY)
    # Each is one look into an index; all at once would be a walk through the tables.
    ways: list[dict[str, Any]] = [{"number": code.upper()}, {"picking_task__number": code.upper()}]
    ways += [{"picking_task__tote_code": code.upper()}] if code else []
    for way in ways:
        if (found := open_.filter(**way).first()) is not None:
            return found
    for ids in orders_called(code):
        if (found := open_.filter(order__in=ids).first()) is not None:
            return found
    scanned = orchestrator.find_by_scan(code, warehouse_id=warehouse_id)
    waiting = checks_waiting(warehouse_id)
    if scanned.location_id is not None:
        return waiting.filter(picking_task__packing_location=scanned.location_id).first()
    if scanned.product_id is None:
        return None
    lot = {"items__batch__lot_number": scanned.lot_number} if scanned.lot_number else {}
    return waiting.filter(items__product=scanned.product_id, **lot).first()
