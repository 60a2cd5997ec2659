"""What the floor screens ask: the papers that are open, what lies where, what is to be done."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from inventory.enums import OPEN_RECEIVINGS, OPEN_RETURNS, AuditLineStatus, AuditStatus, LocationKind
from inventory.models import Audit, AuditLine, BatchLocation, Movement, Receiving, Return
from inventory.queries.returns import SALES


def open_receivings(warehouse_id: int) -> QuerySet[Receiving]:
    """Deliveries that are not confirmed yet: those being counted first, then the newest."""
    rows = Receiving.objects.filter(warehouse=warehouse_id, status__in=OPEN_RECEIVINGS).select_related("supplier", "location")
    return rows.order_by("-status", "-pk")


def with_line_counts(rows: QuerySet[Receiving]) -> QuerySet[Receiving]:
    """With `line_count`."""
    return rows.annotate(line_count=Count("items"))


def receiving_by_scan(warehouse_id: int, code: str) -> Receiving | None:
    """The open delivery with this number, or with the supplier's number when only one has it."""
    rows = open_receivings(warehouse_id)
    found = rows.filter(number=code.upper()).first()
    if found is None:
        same = list(rows.filter(supplier_reference__iexact=code)[:2])
        found = same[0] if len(same) == 1 else None
    return found


def on_docks(warehouse_id: int) -> QuerySet[BatchLocation]:
    """Goods that lie on the receiving docks, the shortest dated first."""
    rows = BatchLocation.objects.filter(warehouse=warehouse_id, has_stock=True, location__kind=LocationKind.RECEIVING)
    return rows.select_related("batch", "product", "location").order_by(F("effective_expires_at").asc(nulls_last=True), "received_at", "pk")


def running_audits(warehouse_id: int) -> QuerySet[Audit]:
    """Audits that are being counted, with `total` lines and how many are still `open`, the oldest first."""
    rows = Audit.objects.filter(warehouse=warehouse_id, status=AuditStatus.IN_PROGRESS)
    return rows.annotate(total=Count("lines"), open=Count("lines", filter=~Q(lines__status=AuditLineStatus.COUNTED))).order_by("pk")


def lines_for(lines: QuerySet[AuditLine], user_id: int | None) -> QuerySet[AuditLine]:
    """Of these lines those that this person may still count: a second count is somebody else's."""
    mine = Q(first_counted_by=user_id, first_counted_quantity__isnull=False)
    return lines.exclude(status=AuditLineStatus.COUNTED).exclude(mine)


def places_to_count(audit_id: int, user_id: int | None) -> QuerySet[AuditLine, dict[str, Any]]:
    """The places where this person has something to count, in walking order, with how many lines."""
    lines = lines_for(AuditLine.objects.filter(audit=audit_id), user_id)
    names = ("location", "location__code", "location__zone", "location__pick_sequence")
    return lines.values(*names).annotate(count=Count("pk")).order_by("location__pick_sequence", "location__code")


def open_returns(warehouse_id: int) -> QuerySet[Return]:
    """Returns that are not on the books yet, with `item_count`, the newest first."""
    rows = Return.objects.filter(warehouse=warehouse_id, status__in=OPEN_RETURNS)
    return rows.annotate(item_count=Count("items")).order_by("-pk")


def return_by_scan(warehouse_id: int, code: str, order_refs: Collection[str]) -> Return | None:
    """The open return that a code names: by its number, its reference (a waybill), or its order."""
    rows = open_returns(warehouse_id)
    return rows.filter(Q(number=code.upper()) | Q(reference=code) | Q(order_ref__in=[code, *order_refs])).first()


def shipped_order(order_refs: Collection[str]) -> str | None:
    """The one of these orders under which something has left; None when it is none or several."""
    gone = Movement.objects.filter(order_ref__in=order_refs, type__in=SALES).order_by().values_list("order_ref", flat=True).distinct()[:2]
    return gone[0] if len(gone) == 1 else None
