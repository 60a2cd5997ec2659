"""The figures that storefronts show follow the stock events."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from inventory import events
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import subscriber

_FOLLOW = """
    WITH total AS (
        SELECT s.product_id, sum(greatest(s.available, 0)) AS available
        FROM inventory_stock s JOIN inventory_warehouse w ON w.id = s.warehouse_id AND w.is_active
        WHERE s.product_id = ANY(%s::bigint[]) GROUP BY s.product_id
    ), page AS (
        SELECT sp.id, t.available FROM inventory_storefrontproduct sp JOIN total t ON t.product_id = sp.product_id
        WHERE sp.stock_quantity <> t.available ORDER BY sp.id FOR NO KEY UPDATE OF sp
    )
    UPDATE inventory_storefrontproduct sp SET stock_quantity = page.available FROM page WHERE page.id = sp.id
"""


@subscriber("storefront-figures", events.STOCK_CHANGED)
def follow_stock(changes: Sequence[OutboxEvent]) -> None:
    """Copy what is available of the changed products, over all active sites, to the storefronts' pages. Locks those rows in order of id."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, [sorted({change.payload["product_id"] for change in changes})])
