"""The sites."""

from __future__ import annotations

from inventory.models import Stock, Warehouse
from inventory.services.catalogue import Same, Values, change_row, create_row
from inventory.services.storefronts import copy_stock
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation


@operation()
def create_warehouse(values: Values, *, actor: Actor) -> Warehouse:
    """Add a site. Raises Conflict when its code or the partners' id is taken."""
    return create_row(Warehouse, values)


@operation()
def change_warehouse(warehouse_id: int, values: Values, *, actor: Actor, same: Same = None) -> Warehouse:
    """Set the values. What storefronts show follows a site that opens or closes. Locks the site; raises NotFound, StaleVersion, Conflict."""
    site = change_row(Warehouse, warehouse_id, values, same)
    if "is_active" in values:
        copy_stock(Stock.objects.filter(warehouse=site).values_list("product_id", flat=True))
    return site
