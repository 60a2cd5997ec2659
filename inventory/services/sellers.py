"""Whose goods they are."""

from __future__ import annotations

from collections.abc import Collection

from inventory.models import Seller
from inventory.services.catalogue import Same, Values, change_row, create_row
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation


@operation()
def create_seller(values: Values, *, actor: Actor) -> Seller:
    """Add a seller without members. Raises Conflict when its code is taken."""
    return create_row(Seller, values)


@operation()
def change_seller(seller_id: int, values: Values, *, actor: Actor, same: Same = None) -> Seller:
    """Set the values. Locks the seller; raises NotFound, StaleVersion, Conflict."""
    return change_row(Seller, seller_id, values, same)


@operation()
def set_members(seller_id: int, user_ids: Collection[int], *, actor: Actor) -> Seller:
    """Say which users see the seller's goods, these and no others. Locks the seller; raises NotFound."""
    seller = change_row(Seller, seller_id, {})
    seller.members.set(user_ids)
    return seller
