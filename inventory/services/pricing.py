"""Prices that follow from what happens to stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.db import connection

from inventory.models import ReceivingItem
from inventory.stock.gate import Gate, StockKey
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import require_transaction


def update_purchase_prices(warehouse_id: int, items: Iterable[ReceivingItem], gate: Gate) -> None:
    """Let the storefronts' purchase prices follow what was received, by the setting PURCHASE_PRICE_POLICY; before the goods are posted.

    A price in another currency than the storefront's says nothing there.
    `last`: the price of the last line. `weighted_average`: (quantity before × price before + Σ quantity × price) / quantity after, of this warehouse.
    Lines without a price say nothing. One statement; locks the storefronts' products in it, in order of id.
    """
    require_transaction()
    quantity: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    value: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    last: dict[tuple[int, str], Decimal] = {}
    for item in items:
        if item.purchase_price > 0:
            key = (item.product_id, item.currency)
            quantity[key] += item.actual_quantity
            value[key] += item.actual_quantity * item.purchase_price
            last[key] = item.purchase_price
    keys = sorted(last)
    if not keys:
        return
    average = settings.PURCHASE_PRICE_POLICY == "weighted_average"
    before = [gate[StockKey(warehouse_id, product)].quantity if average else ZERO for product, _ in keys]
    added = [quantity[key] if average else Decimal(1) for key in keys]
    worth = [value[key] if average else last[key] for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH page AS (
                SELECT sp.id, n.before, n.added, n.worth
                FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[]) AS n (product_id, currency, before, added, worth)
                JOIN inventory_storefrontproduct sp ON sp.product_id = n.product_id AND sp.currency = n.currency
                ORDER BY sp.id FOR NO KEY UPDATE OF sp
            )
            UPDATE inventory_storefrontproduct sp
            SET purchase_price = CASE WHEN sp.purchase_price = 0 THEN page.worth / page.added
                                      ELSE (page.before * sp.purchase_price + page.worth) / (page.before + page.added) END
            FROM page WHERE sp.id = page.id
            """,
            [[product for product, _ in keys], [currency for _, currency in keys], before, added, worth],
        )
