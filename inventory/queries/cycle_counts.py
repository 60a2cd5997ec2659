"""What is worth counting next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

_SUGGEST = """
    SELECT l.id, l.code, l.zone, count(*), sum(b.version - coalesce(c.version, 0)) AS bookings, min(c.counted_at),
           (SELECT count(*) FROM inventory_countrequest q WHERE q.location_id = l.id AND q.closed_at IS NULL) AS asked
    FROM inventory_batchlocation b
    JOIN inventory_location l ON l.id = b.location_id AND l.kind <> 'transit' AND l.is_active
    LEFT JOIN (
        SELECT a.batch_location_id, max(a.books_version) AS version, max(a.counted_at) AS counted_at
        FROM inventory_auditline a JOIN inventory_audit d ON d.id = a.audit_id AND d.status <> 'cancelled' AND d.warehouse_id = %(warehouse)s
        WHERE a.status = 'counted' AND a.batch_location_id IS NOT NULL
        GROUP BY a.batch_location_id
    ) c ON c.batch_location_id = b.id
    WHERE b.warehouse_id = %(warehouse)s AND b.has_stock
    GROUP BY l.id
    ORDER BY asked DESC, bookings DESC, l.pick_sequence, l.code
    LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A place to count: how often what lies there was booked since it was last counted (ever, where it never was), since when it was not, and how many
    have asked for it because they missed goods there."""

    location_id: int
    location: str
    zone: str
    lots: int
    bookings: int
    counted_at: datetime | None
    asked: int


def suggest_cycle_count(warehouse_id: int, limit: int = 20) -> list[Suggestion]:
    """The places of a warehouse where goods were missed, then those whose contents moved most since their last count; most moved first. One statement.

    A BatchLocation counts its bookings itself (`version`), so that the ledger need not be read; a lot that was never counted counts from its arrival.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SUGGEST, {"warehouse": warehouse_id, "limit": limit})
        return [Suggestion(*row) for row in cursor.fetchall()]
