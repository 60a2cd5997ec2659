"""What is free behind the gate."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from inventory.stock.fefo import Candidate
from inventory.stock.gate import StockKey

_READ = """
    SELECT bl.id, bl.warehouse_id, bl.product_id, bl.batch_id, bl.location_id, bl.quantity - bl.reserved,
           bl.effective_expires_at, bl.received_at, bl.blocked_reason
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_batchlocation bl ON bl.warehouse_id = k.warehouse_id AND bl.product_id = k.product_id AND bl.has_stock
    WHERE bl.quantity > bl.reserved
"""


def read_candidates(keys: Iterable[StockKey]) -> list[Candidate]:
    """Every BatchLocation with free goods of these keys. One statement, plain tuples, no locks.

    Who decides on it holds the gates and calls this after them; a view may call it without. What is unfit is read too, so that a refusal can say why it
    was passed over.
    """
    wanted = sorted(set(keys))
    with connection.cursor() as cursor:
        cursor.execute(_READ, [[key.warehouse_id for key in wanted], [key.product_id for key in wanted]])
        return [Candidate(*row) for row in cursor.fetchall()]
