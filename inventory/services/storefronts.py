"""Where goods are offered; the figures that storefronts show follow the stock events."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from inventory import events
from inventory.models import Storefront, StorefrontProduct
from inventory.services.catalogue import Same, Values, change_row, create_row, delete_row
from warehouse.core.actor import Actor, Role
from warehouse.core.transactions import operation
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


@operation(Role.INTEGRATION)
def create_storefront(values: Values, *, actor: Actor) -> Storefront:
    """Add a sales channel. Raises Conflict when the partners' id is taken."""
    return create_row(Storefront, values)


@operation(Role.INTEGRATION)
def change_storefront(storefront_id: int, values: Values, *, actor: Actor, same: Same = None) -> Storefront:
    """Set the values. Locks the storefront; raises NotFound, StaleVersion, Conflict."""
    return change_row(Storefront, storefront_id, values, same)


@operation(Role.INTEGRATION)
def create_listing(values: Values, *, actor: Actor) -> StorefrontProduct:
    """Put a product on a storefront's page. Raises Conflict when the storefront has this listing."""
    return create_row(StorefrontProduct, values)


@operation(Role.INTEGRATION)
def change_listing(listing_id: int, values: Values, *, actor: Actor, same: Same = None) -> StorefrontProduct:
    """Set the values. Locks the listing; raises NotFound, StaleVersion, Conflict."""
    return change_row(StorefrontProduct, listing_id, values, same)


@operation(Role.INTEGRATION)
def delete_listing(listing_id: int, *, actor: Actor) -> None:
    """Take the listing out. Raises NotFound."""
    delete_row(StorefrontProduct, listing_id)
