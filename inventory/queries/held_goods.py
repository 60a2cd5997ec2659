"""What promises hold, and whether it may leave: for whoever decides now what is picked next."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.stock import fefo

_READ = """
    SELECT i.id, i.reservation_id, i.product_id, p.sku, i.batch_location_id, bl.location_id, l.code, t.lot_number, i.quantity - i.consumed - i.released,
           EXISTS (SELECT 1 FROM inventory_countrequest q WHERE q.location_id = bl.location_id AND q.product_id = i.product_id AND q.closed_at IS NULL),
           bl.effective_expires_at, bl.blocked_reason, p.min_remaining_days
    FROM inventory_reservation r
    JOIN inventory_reservationitem i ON i.reservation_id = r.id AND i.quantity > i.consumed + i.released
    JOIN inventory_batchlocation bl ON bl.id = i.batch_location_id
    JOIN inventory_location l ON l.id = bl.location_id JOIN inventory_batch t ON t.id = bl.batch_id JOIN inventory_product p ON p.id = i.product_id
    WHERE r.id = ANY(%s::bigint[]) AND r.status = 'active'
    ORDER BY i.id
"""


class HeldGoods(NamedTuple):
    """A part of a promise: what, how much and where; `unfit` says why it may not leave now, empty when it may. `count_asked`: somebody missed goods there."""

    item_id: int
    reservation_id: int
    product_id: int
    sku: str
    batch_location_id: int
    location_id: int
    location: str
    lot_number: str
    held: Decimal
    count_asked: bool
    unfit: str


def held_goods(reservation_ids: Iterable[int]) -> list[HeldGoods]:
    """What these active reservations hold, judged as a pick would judge it now. One statement, no locks."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_READ, [sorted(set(reservation_ids))])
        rows = cursor.fetchall()
    return [HeldGoods._make((*goods, fefo.unfit(fefo.Judged(expires_at, blocked), now, days) or "")) for *goods, expires_at, blocked, days in rows]
