"""Goods that a program brings in."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.models import Receiving
from inventory.orchestrator import ReceivingLine, confirm_receiving, create_receiving
from warehouse.core.actor import Actor, Role
from warehouse.core.transactions import operation


@operation(Role.RECEIVER)
def receive_at_once(warehouse_id: int, reference: str, lines: Sequence[ReceivingLine], *, actor: Actor, supplier_id: int | None = None) -> Receiving:
    """A delivery made and confirmed in one transaction: a program that dies leaves no draft behind. Locks and events as `confirm_receiving`."""
    receiving = create_receiving.inside(warehouse_id=warehouse_id, supplier_id=supplier_id, supplier_reference=reference, lines=lines, actor=actor)
    return confirm_receiving.inside(receiving.pk, actor=actor)
