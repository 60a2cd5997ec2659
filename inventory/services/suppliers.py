"""Who sends goods."""

from __future__ import annotations

from inventory.models import Supplier
from inventory.services.catalogue import Same, Values, change_row, create_row
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation


@operation()
def create_supplier(values: Values, *, actor: Actor) -> Supplier:
    """Add a supplier. Raises Conflict when its code is taken."""
    return create_row(Supplier, values)


@operation()
def change_supplier(supplier_id: int, values: Values, *, actor: Actor, same: Same = None) -> Supplier:
    """Set the values. Locks the supplier; raises NotFound, StaleVersion, Conflict."""
    return change_row(Supplier, supplier_id, values, same)
