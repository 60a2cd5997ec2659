"""What fulfilment answers about orders of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stocksync.enums import DiscrepancyKind, Fulfilment, RemoteState
from stocksync.locks import lock_order
from stocksync.models import ChannelOrder
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.changes import set_quantities
from stocksync.services.disagreeing import open_discrepancy
from stocksync.services.reversals import note_reversed
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.order_events import ORDER_CANCELLED, ORDER_REFUSED
from warehouse.core.transactions import operation


@operation()
def note_answer(event_type: str, payload: Mapping[str, Any], *, actor: Actor) -> None:
    """Note that fulfilment cancelled or revised an order of a channel, or refused to. Others' orders are passed over; the same again changes nothing.

    Cancelled: the deduction is undone, and the marketplace owed that. Revised: its quantities are those now. Refused: a person has to look. Locks the order.
    """
    order_id = (
        ChannelOrder.objects.filter(channel__code=payload.get("order_source", ""), external_id=payload.get("order_id", ""))
        .values_list("pk", flat=True)
        .first()
    )
    if order_id is None:
        return
    order = lock_order(order_id)
    if order.fulfilment != Fulfilment.WAREHOUSE or order.reversed_at is not None:
        return
    if event_type == ORDER_CANCELLED:
        _cancelled(order, actor)
    elif event_type == ORDER_REFUSED:
        detail = f"The warehouse refused {payload.get('asked')}: {payload.get('detail')}"
        open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"deducted": True}, there={"status": order.status, "known": order.known_there})
    else:
        set_quantities(order, payload["lines"])


def _cancelled(order: ChannelOrder, actor: Actor) -> None:
    asked = order.reversal_asked_at is not None
    owed = note_reversed(order, actor=actor)
    soon(PROCESS_OPERATION, str(owed.pk))
    if not asked and order.state != RemoteState.CANCELLED:
        detail = "The warehouse cancelled it; at the marketplace it still stands: cancel it there too, or send the goods otherwise."
        open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"deducted": False}, there={"status": order.status})
