"""The gate: the locks of Stock rows, taken all at once and always in the same order."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from inventory.models.stock import StockKey, status_sql
from inventory.stock.fefo import Rules
from warehouse.core.errors import NotFound
from warehouse.core.transactions import require_transaction


class LockedStock(NamedTuple):
    """A Stock row whose lock we hold, with what its product says and what the partners call it (the product's first listing)."""

    id: int
    warehouse_id: int
    product_id: int
    quantity: Decimal
    reserved: Decimal
    available: Decimal
    sku: str
    quantity_step: Decimal
    rotation: str
    min_remaining_days: int
    warehouse_external_id: str
    listing_id: str | None

    @property
    def rules(self) -> Rules:
        return Rules(sku=self.sku, rotation=self.rotation, min_remaining_days=self.min_remaining_days)


__all__ = ["Gate", "LockedStock", "StockKey", "lock_stock"]

Gate = dict[StockKey, LockedStock]

_LOCK = """
    SELECT s.id, s.warehouse_id, s.product_id, s.quantity, s.reserved, s.available, p.sku, p.quantity_step, p.rotation, p.min_remaining_days, w.external_id,
           (SELECT sp.external_listing_id FROM inventory_storefrontproduct sp WHERE sp.product_id = p.id ORDER BY sp.id LIMIT 1)
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_stock s ON s.warehouse_id = k.warehouse_id AND s.product_id = k.product_id
    JOIN inventory_product p ON p.id = s.product_id
    JOIN inventory_warehouse w ON w.id = s.warehouse_id
    ORDER BY s.warehouse_id, s.product_id
    FOR NO KEY UPDATE OF s
"""

_CREATE = f"""
    INSERT INTO inventory_stock (warehouse_id, product_id, quantity, reserved, blocked, low_stock_threshold, status, version, settings_version, updated_at)
    SELECT k.warehouse_id, k.product_id, 0, 0, 0, p.default_low_stock_threshold,
           {status_sql("0", "p.default_low_stock_threshold")}, 1, 1, now()
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_product p ON p.id = k.product_id
    ORDER BY k.warehouse_id, k.product_id
    ON CONFLICT DO NOTHING
"""


def lock_stock(keys: Iterable[StockKey], *, create: bool = False) -> Gate:
    """Lock the Stock rows of all keys in one ordered statement, FOR NO KEY UPDATE, until the transaction ends.

    With `create`, rows that do not exist are made first (goods are about to arrive); without it they are left out of the answer: nothing is there.
    What lies behind the gate must be read in a later statement, whose snapshot is younger than the locks.
    """
    require_transaction()
    wanted = sorted(set(keys))
    gate = _lock(wanted)
    if create and len(gate) < len(wanted):
        missing = [key for key in wanted if key not in gate]
        with connection.cursor() as cursor:
            cursor.execute(_CREATE, [[key.warehouse_id for key in missing], [key.product_id for key in missing]])
        gate = _lock(wanted)
        for key in wanted:
            if key not in gate:
                raise NotFound(f"There is no product {key.product_id} or no warehouse {key.warehouse_id}.", **key._asdict())
    return gate


def _lock(keys: list[StockKey]) -> Gate:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [[key.warehouse_id for key in keys], [key.product_id for key in keys]])
        return {StockKey(row[1], row[2]): LockedStock(*row) for row in cursor.fetchall()}
