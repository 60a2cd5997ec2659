"""The ledger as a table for people: the same columns in every face."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from inventory.models import Movement

AT_ONCE = 2000

# What a column is called, and where it is found from a movement.
COLUMNS = {
    "id": "id", "occurred_at": "occurred_at", "type": "type", "warehouse": "warehouse__code", "location": "location__code", "sku": "product__sku",
    "lot_number": "batch__lot_number", "quantity_change": "quantity_change", "reserved_change": "reserved_change", "quantity_before": "quantity_before",
    "quantity_after": "quantity_after", "reserved_after": "reserved_after", "document_type": "document_type", "document": "document_id",
    "order_ref": "order_ref", "reservation": "reservation_id", "reason": "reason", "performed_by": "performed_by",
    "performed_by_type": "performed_by_type",
}  # fmt: skip


def movements(*, since: datetime | None = None, before: datetime | None = None, sku: str = "", warehouse: str = "") -> QuerySet[Movement]:
    """The lines of the ledger from `since` on and before `before`, of this product and warehouse, the oldest first."""
    asked = {"occurred_at__gte": since, "occurred_at__lt": before, "product__sku__iexact": sku, "warehouse__code": warehouse}
    return Movement.objects.filter(**{name: value for name, value in asked.items() if value}).order_by("pk")


def movement_rows(rows: QuerySet[Movement]) -> Iterator[tuple[Any, ...]]:
    """The values of these lines in the order of COLUMNS, streamed."""
    return rows.values_list(*COLUMNS.values()).iterator(chunk_size=AT_ONCE)
