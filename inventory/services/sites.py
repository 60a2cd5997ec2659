"""Whose sites an operation may touch."""

from __future__ import annotations

from inventory.models import Warehouse
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import NotFound


def require_own_site(actor: Actor, warehouse_id: int) -> None:
    """Raise NotFound when a seller names a site of somebody else: to a seller it does not exist. Everybody else works in all of them.

    Every operation that admits sellers asks this first, whoever calls it and however. One statement for a seller, none for others.
    """
    if Role.MANAGER in actor.roles or Role.SELLER not in actor.roles:
        return
    if not Warehouse.objects.filter(pk=warehouse_id, seller__members=actor.user_id).exists():
        raise NotFound(f"There is no active warehouse {warehouse_id}.", warehouse=warehouse_id)
