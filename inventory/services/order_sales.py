"""Orders that somebody else sends: their goods leave our books at once."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.queries.order_lines import OrderedLine
from inventory.services.consumption import consume_reservation
from inventory.services.order_promises import promise_order
from warehouse.core.actor import Actor, Role
from warehouse.core.transactions import operation


@operation(Role.INTEGRATION)
def sell_for_order(order_ref: str, lines: Sequence[OrderedLine], *, actor: Actor) -> list[int]:
    """Sell every line of an order at once, first expired first out, or nothing: promised (`promise_order`) and kept (`consume_reservation`) in one
    transaction, so that it is explained, traced and returned like any other sale. Returns the reservations it made, one per warehouse, all fulfilled.

    Called again under the same `order_ref` it sells the new lines beside what was sold before. Takes all gates first, then the reservations. Ledger
    `reservation` and `sale`; events stock.reserved, inventory.reserved, stock.changed, stock.sold. The number of statements does not grow with the lines,
    only with the warehouses they leave from. Raises ValidationFailed without a line or off a product's step, InsufficientStock with every short line,
    Conflict when other lines are promised under this `order_ref` to be sent by us.
    """
    promised = promise_order.inside(order_ref, lines, actor=actor)
    for part in promised:
        consume_reservation.inside(part.reservation_id, actor=actor, for_order=True)
    return [part.reservation_id for part in promised]
