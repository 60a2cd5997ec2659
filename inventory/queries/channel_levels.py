"""What a channel that sells our goods has to know of them. Reads without locks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.queries.promises import held_items
from inventory.queries.returns import shipped_under
from inventory.stock import fefo
from warehouse.core.quantities import ZERO

_FREE = """
    SELECT bl.product_id, bl.quantity - bl.reserved, bl.effective_expires_at, bl.blocked_reason, p.min_remaining_days
    FROM inventory_batchlocation bl JOIN inventory_product p ON p.id = bl.product_id
    WHERE bl.warehouse_id = %s AND bl.product_id = ANY(%s::bigint[]) AND bl.has_stock AND bl.quantity > bl.reserved
"""
_BY_SKU = "SELECT upper(sku), id, sku, name FROM inventory_product WHERE upper(sku) = ANY(%s::text[]) AND is_active"


class NamedProduct(NamedTuple):
    """A product, and what we call it."""

    product_id: int
    sku: str
    name: str


class OrderHolds(NamedTuple):
    """What stands on our books under an order, by product: what is promised and has not left, and what was ever sold."""

    promised: dict[int, Decimal]
    sold: dict[int, Decimal]


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
            if fefo.unfit(fefo.Judged(expires_at, blocked_reason), now, days) is None:
                result[product_id] += free
    return result


def products_by_sku(skus: Iterable[str]) -> dict[str, NamedProduct]:
    """The active products that have these SKUs, by the SKU in capitals; what names none is left out (`resolve_lines` refuses it). One statement."""
    wanted = {sku.strip().upper() for sku in skus} - {""}
    with connection.cursor() as cursor:
        cursor.execute(_BY_SKU, [sorted(wanted)])
        return {key: NamedProduct(*known) for key, *known in cursor.fetchall()}


def what_order_holds(order_ref: str) -> OrderHolds:
    """What is promised and was sold under an order, also what came back of it. Two statements."""
    promised: dict[int, Decimal] = defaultdict(Decimal)
    for item in held_items(order_refs=[order_ref]):
        promised[item.product_id] += item.held
    sold: dict[int, Decimal] = defaultdict(Decimal)
    for row in shipped_under(order_ref):
        sold[row.product_id] += row.quantity
    return OrderHolds(dict(promised), dict(sold))
