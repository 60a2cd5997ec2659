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

    `last`: the price of the last line. `weighted_average`: (quantity before × price before + Σ quantity × price) / quantity after, of this warehouse.
    Lines without a price say nothing. One statement; locks the storefronts' products in it, in order of id.
    """
    require_transaction()
    quantity: dict[int, Decimal] = defaultdict(Decimal)
    value: dict[int, Decimal] = defaultdict(Decimal)
    last: dict[int, Decimal] = {}
    for item in items:
        if item.purchase_price > 0:
            quantity[item.product_id] += item.actual_quantity
            value[item.product_id] += item.actual_quantity * item.purchase_price
            last[item.product_id] = item.purchase_price
    products = sorted(last)
    if not products:
        return
    before = [
        gate[StockKey(warehouse_id, product)].quantity if settings.PURCHASE_PRICE_POLICY == "weighted_average" else ZERO for product in products
    ]
    added = [quantity[product] if settings.PURCHASE_PRICE_POLICY == "weighted_average" else Decimal(1) for product in products]
    worth = [value[product] if settings.PURCHASE_PRICE_POLICY == "weighted_average" else last[product] for product in products]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH page AS (
                SELECT sp.id, n.before, n.added, n.worth
                FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[]) AS n (product_id, before, added, worth)
                JOIN inventory_storefrontproduct sp ON sp.product_id = n.product_id
                ORDER BY sp.id FOR NO KEY UPDATE OF sp
            )
            UPDATE inventory_storefrontproduct sp
            SET purchase_price = CASE WHEN sp.purchase_price = 0 THEN page.worth / page.added
                                      ELSE (page.before * sp.purchase_price + page.worth) / (page.before + page.added) END
            FROM page WHERE sp.id = page.id
            """,
            [products, before, added, worth],
        )
