"""What a channel that sells our goods has to know of them. Reads without locks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.stock import fefo
from warehouse.core.quantities import ZERO

_FREE = """
    SELECT bl.product_id, bl.quantity - bl.reserved, bl.effective_expires_at, bl.blocked_reason, p.min_remaining_days
    FROM inventory_batchlocation bl JOIN inventory_product p ON p.id = bl.product_id
    WHERE bl.warehouse_id = %s AND bl.product_id = ANY(%s::bigint[]) AND bl.has_stock AND bl.quantity > bl.reserved
"""


class _Goods(NamedTuple):
    expires_at: datetime | None
    blocked_reason: str


def sellable_in(warehouse_id: int, product_ids: Iterable[int]) -> dict[int, Decimal]:
    """How much of each of these products a new order could be promised from this warehouse now, in its unit; 0 where there is nothing. One statement.

    What `get_availability` says of it: free, and fit by the one predicate (`fefo.unfit`) for shipping now. It never lags behind the expiry job, as
    `Stock.available` may.
    """
    now = timezone.now()
    result = dict.fromkeys(product_ids, ZERO)
    with connection.cursor() as cursor:
        cursor.execute(_FREE, [warehouse_id, list(result)])
        for product_id, free, expires_at, blocked_reason, days in cursor.fetchall():
            if fefo.unfit(_Goods(expires_at, blocked_reason), now, days) is None:
                result[product_id] += free
    return result
