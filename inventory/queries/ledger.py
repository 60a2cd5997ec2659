"""The ledger of a product in a warehouse, told as a timeline. Reads without locks."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

# The gate makes the lines of a total follow each other in the order of their ids. What lay there after a line is what lies there now, less what later
# lines changed, so that reading begins at the newest line and ends with the last one that is wanted (index `movement_of_stock`).
_READ = """
    WITH line AS (
        SELECT m.*, sum(m.quantity_change) OVER later AS quantity_later, sum(m.quantity_change - m.reserved_change) OVER later AS free_later
        FROM inventory_movement m
        WHERE m.product_id = %(product)s AND m.warehouse_id = %(warehouse)s AND m.occurred_at >= %(since)s::timestamptz
        WINDOW later AS (ORDER BY m.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), newest AS (
        SELECT * FROM line WHERE occurred_at < %(until)s::timestamptz ORDER BY id DESC LIMIT %(limit)s
    )
    SELECT n.id, n.occurred_at, n.type, n.quantity_change, n.reserved_change, s.quantity - coalesce(n.quantity_later, 0),
           s.quantity - s.reserved - coalesce(n.free_later, 0), n.order_ref, n.document_type, n.document_id, n.performed_by, n.reason,
           n.batch_id, b.lot_number, n.batch_location_id, l.code
    FROM newest n
    JOIN inventory_stock s ON s.warehouse_id = %(warehouse)s AND s.product_id = %(product)s
    JOIN inventory_batch b ON b.id = n.batch_id
    JOIN inventory_location l ON l.id = n.location_id
    ORDER BY n.id
"""


class LedgerLine(NamedTuple):
    """One line of the ledger, with what lay in the whole warehouse after it: in all, and without what was promised.

    What of that was for sale the ledger does not know: goods become too short dated, or held, without a line.
    """

    id: int
    at: datetime
    type: str
    quantity_change: Decimal
    reserved_change: Decimal
    quantity_after: Decimal
    free_after: Decimal
    order_ref: str
    document_type: str
    document_id: int | None
    actor: str
    reason: str
    batch_id: int
    lot_number: str
    batch_location_id: int
    location: str


def ledger_of(
    product_id: int, warehouse_id: int, *, since: datetime | None = None, until: datetime | None = None, limit: int = 200
) -> list[LedgerLine]:
    """The newest `limit` lines of a product in a warehouse from `since` on and before `until`, the oldest of them first. One statement."""
    asked = {"product": product_id, "warehouse": warehouse_id, "since": since or "-infinity", "until": until or "infinity", "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_READ, asked)
        return [LedgerLine(*row) for row in cursor.fetchall()]
