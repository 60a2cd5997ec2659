"""A part of a lot that becomes a lot of its own."""

from __future__ import annotations

from decimal import Decimal

from inventory.enums import MovementType
from inventory.models import Batch
from inventory.queries.lots import find_lot
from inventory.services.moving import lock_goods, pairs_of, require_free, require_loose
from inventory.stock.place import Arrival, child_lot, clock_of, lives_of, lots_beside, next_lot_number, place
from inventory.stock.post import Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict
from warehouse.core.locking import check_version
from warehouse.core.texts import require_lengths
from warehouse.core.transactions import operation


@operation(Role.RECEIVER)
def split_batch(
    batch_location_id: int, quantity: Decimal, *, actor: Actor, lot_number: str = "", reason: str = "", expected_version: int | None = None
) -> Batch:
    """Make so much of these free goods a lot of its own, a child of theirs, in the same place with the same clock. Returns the child lot.

    Without `lot_number` it is numbered after its parent. Shares the batch, takes the gate. The ledger says `mix_out` of the old lot and `mix_in` to the new
    one, for that is what those lines mean: goods go from one lot to another, and nothing about their phase or their total changes. Raises Conflict when
    the product has a lot with this number, InsufficientStock when less is free.
    """
    lot_number = lot_number.strip()
    require_lengths(Batch, {"lot_number": lot_number})
    reason = require_reason(reason, needed=False)
    gate, rows = lock_goods([batch_location_id])
    source = rows[batch_location_id]
    if expected_version is not None:
        check_version(source, expected_version)
    require_loose([source.location])
    require_free(gate, [(source, quantity)])
    parent = source.batch
    if find_lot(parent.product_id, lot_number) is not None:
        raise Conflict(f"{parent.product.sku} has a lot {lot_number} already.", lot_number=lot_number)
    child = child_lot(parent, lot_number or next_lot_number(parent, lots_beside([parent])))
    child.save()
    arrival = Arrival(child, source.location, source.phase, clock_of(source), source.received_at)
    (spot,) = place([arrival], lives_of([child]), actor=actor)
    header = Header(actor=actor, reason=f"split off {parent.lot_number} as {child.lot_number}{': ' if reason else ''}{reason}")
    post(pairs_of([(source.pk, spot, quantity)], MovementType.MIX_OUT, MovementType.MIX_IN), header)
    return child
