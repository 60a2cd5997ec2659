"""Reading promises without locks: what an operation looks at before it takes the gates, and again after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from inventory.models.stock import StockKey


class HeldItem(NamedTuple):
    """What a reservation item still holds, and where; what was asked of its freshness when it was promised, and for which ship time."""

    id: int
    reservation_id: int
    warehouse_id: int
    product_id: int
    batch_id: int
    batch_location_id: int
    location_id: int
    held: Decimal
    expires_at: datetime | None
    blocked_reason: str
    confirmed: bool
    min_remaining_days: int
    ship_at: datetime | None

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)


# What was asked for this product is kept where the choice is explained; the strictest counts.
_ASKED = """
    LEFT JOIN LATERAL (
        SELECT coalesce(max((line ->> 'min_remaining_days')::int), 0) AS days, max((line ->> 'ship_at')::timestamptz) AS ship_at
        FROM jsonb_array_elements(r.explanation) line WHERE (line ->> 'product')::bigint = i.product_id
    ) asked ON true
"""
_READ = f"""
    SELECT i.id, i.reservation_id, r.warehouse_id, i.product_id, bl.batch_id, i.batch_location_id, bl.location_id, i.quantity - i.consumed - i.released,
           bl.effective_expires_at, bl.blocked_reason, r.confirmed_at IS NOT NULL, asked.days, asked.ship_at
    FROM inventory_reservation r
    JOIN inventory_reservationitem i ON i.reservation_id = r.id AND i.quantity > i.consumed + i.released
    JOIN inventory_batchlocation bl ON bl.id = i.batch_location_id
    {_ASKED}
    WHERE {{where}}
    ORDER BY i.id
"""
_HOLDERS = f"""
    SELECT i.id, i.reservation_id, r.order_ref, r.warehouse_id, i.product_id, i.batch_location_id, i.quantity - i.consumed - i.released,
           r.started_at IS NOT NULL, asked.days, asked.ship_at
    FROM inventory_reservationitem i
    JOIN inventory_reservation r ON r.id = i.reservation_id AND r.status = 'active'
    {_ASKED}
    WHERE i.batch_location_id = ANY(%s::bigint[]) AND i.quantity > i.consumed + i.released
    ORDER BY r.id DESC, i.id DESC
"""
_OF_RESERVATION = _READ.format(where="r.id = %s")
_OF_RESERVATIONS = _READ.format(where="r.id = ANY(%s::bigint[])")
_OF_ORDERS = _READ.format(where="r.order_ref = ANY(%s::text[]) AND r.status = 'active'")


class Holder(NamedTuple):
    """A promise on goods of a place; `started` when its picking has begun."""

    item_id: int
    reservation_id: int
    order_ref: str
    warehouse_id: int
    product_id: int
    batch_location_id: int
    held: Decimal
    started: bool
    min_remaining_days: int
    ship_at: datetime | None

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)


def holders_of(batch_location_ids: Iterable[int]) -> list[Holder]:
    """Which promises hold goods of these places, the newest promise first. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [sorted(set(batch_location_ids))])
        return [Holder(*row) for row in cursor.fetchall()]


def held_items(*, reservation_id: int | None = None, order_refs: Iterable[str] = ()) -> list[HeldItem]:
    """What is still held, by a reservation, or by the active reservations of these order references. One statement."""
    with connection.cursor() as cursor:
        if reservation_id is not None:
            cursor.execute(_OF_RESERVATION, [reservation_id])
        else:
            cursor.execute(_OF_ORDERS, [list(order_refs)])
        return [HeldItem(*row) for row in cursor.fetchall()]


def items_of_reservations(reservation_ids: Iterable[int]) -> list[HeldItem]:
    """What is still held by these reservations. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_RESERVATIONS, [sorted(set(reservation_ids))])
        return [HeldItem(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class ReservedItem:
    """A part of a promise and where it lies."""

    id: int
    product_id: int
    batch_id: int
    batch_location_id: int
    location_id: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is promised in one warehouse."""

    reservation_id: int
    warehouse_id: int
    items: tuple[ReservedItem, ...]


def as_reserved(items: Iterable[HeldItem]) -> list[Reserved]:
    """What reservations hold, one answer for each reservation."""
    grouped: dict[tuple[int, int], list[ReservedItem]] = defaultdict(list)
    for item in items:
        grouped[item.reservation_id, item.warehouse_id].append(
            ReservedItem(item.id, item.product_id, item.batch_id, item.batch_location_id, item.location_id, item.held)
        )
    return [Reserved(reservation, warehouse, tuple(parts)) for (reservation, warehouse), parts in sorted(grouped.items())]


def get_reserved_items(reservation_id: int) -> list[ReservedItem]:
    """What a reservation holds now, wherever it lies; nothing when it is closed. Takes no locks."""
    return [part for promise in as_reserved(held_items(reservation_id=reservation_id)) for part in promise.items]
