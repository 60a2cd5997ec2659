"""The ledger as a table for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from warehouse.core.exports import safe_cell

AT_ONCE = 2000

COLUMNS = (
    "id", "occurred_at", "type", "sku", "lot", "warehouse", "location", "quantity_change", "reserved_change", "quantity_before", "quantity_after",
    "reserved_after", "document_type", "document_id", "order_ref", "reservation_id", "reason", "performed_by", "performed_by_type",
)  # fmt: skip
_TEXTS = {"sku", "lot", "warehouse", "location", "order_ref", "reason", "performed_by"}

_SELECT = """
    SELECT m.id::text, to_char(m.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), m.type, p.sku, b.lot_number, w.code, l.code,
           m.quantity_change::text, m.reserved_change::text, m.quantity_before::text, m.quantity_after::text, m.reserved_after::text,
           m.document_type, coalesce(m.document_id::text, ''), m.order_ref, coalesce(m.reservation_id::text, ''), m.reason, m.performed_by,
           m.performed_by_type
    FROM inventory_movement m
    LEFT JOIN inventory_product p ON p.id = m.product_id LEFT JOIN inventory_batch b ON b.id = m.batch_id
    LEFT JOIN inventory_warehouse w ON w.id = m.warehouse_id LEFT JOIN inventory_location l ON l.id = m.location_id
    WHERE (%s::timestamptz IS NULL OR m.occurred_at >= %s::timestamptz) AND (%s::timestamptz IS NULL OR m.occurred_at < %s::timestamptz)
      AND (%s::text = '' OR upper(p.sku) = upper(%s::text)) AND (%s::text = '' OR w.code = %s::text)
    ORDER BY m.id
"""


def movement_rows(*, since: datetime | None = None, before: datetime | None = None, sku: str = "", warehouse: str = "") -> Iterator[list[str]]:
    """The lines of the ledger as cells in the order of COLUMNS, safe for a spreadsheet, streamed. Requires an open transaction."""
    text_columns = [name in _TEXTS for name in COLUMNS]
    with connection.chunked_cursor() as cursor:
        cursor.execute(_SELECT, [since, since, before, before, sku, sku, warehouse, warehouse])
        while rows := cursor.fetchmany(AT_ONCE):
            for row in rows:
                yield [safe_cell(cell or "") if is_text else cell for cell, is_text in zip(row, text_columns, strict=True)]
