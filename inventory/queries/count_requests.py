"""Places that somebody asked to be counted."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from inventory.enums import AuditStatus
from inventory.models import AuditLine, BatchLocation, CountRequest


def places_asked_for(warehouse_id: int) -> QuerySet[CountRequest]:
    """Open requests of a warehouse that nobody is counting, in walking order: the books have goods there, and no running audit lists them."""
    goods = BatchLocation.objects.filter(location=OuterRef("location"), product=OuterRef("product"), has_stock=True)
    listed = AuditLine.objects.filter(location=OuterRef("location"), product=OuterRef("product"), audit__status=AuditStatus.IN_PROGRESS)
    rows = CountRequest.objects.filter(Exists(goods), ~Exists(listed), location__warehouse=warehouse_id, location__is_active=True, closed_at=None)
    return rows.select_related("location", "product").order_by("location__pick_sequence", "location__code", "product__sku")
