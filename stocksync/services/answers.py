"""What fulfilment answers about orders of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from stocksync.enums import DiscrepancyKind, Fulfilment, RemoteState
from stocksync.locks import lock_order
from stocksync.models import ChannelOrder
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.changes import set_quantities
from stocksync.services.disagreeing import is_over, open_discrepancy
from stocksync.services.reversals import note_reversed
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.errors import DomainError
from warehouse.core.order_events import ORDER_ACCEPTED, ORDER_CANCELLED, ORDER_REFUSED, ORDER_REJECTED
from warehouse.core.transactions import operation


@operation()
def note_answer(event_type: str, payload: Mapping[str, Any], *, actor: Actor) -> None:
    """Note what fulfilment made of an order of a channel. Others' orders are passed over; the same again changes nothing.

    Cancelled: the deduction is undone, and the marketplace owed that. Revised: its quantities are those now. Refused, or rejected as short: a person has to
    look, until it is accepted. Locks the order.
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
    elif event_type == ORDER_REJECTED:
        detail = "The warehouse has not enough of it any more: it waits there for stock, or is to be cancelled."
        open_discrepancy(
            order, DiscrepancyKind.NO_STOCK, detail, here={"deducted": True, "short": payload.get("shortages")}, there={"status": order.status}
        )
    elif event_type == ORDER_ACCEPTED:
        is_over(order, DiscrepancyKind.NO_STOCK)
    else:
        _revised(order, payload["lines"])


def _revised(order: ChannelOrder, lines: Sequence[Mapping[str, Any]]) -> None:
    try:
        with transaction.atomic():
            set_quantities(order, lines)
    except DomainError as error:
        detail = f"The warehouse sends other quantities now, which can't be noted here: {error.detail}"
        open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"lines": list(lines)}, there={"status": order.status})


def _cancelled(order: ChannelOrder, actor: Actor) -> None:
    asked = order.reversal_asked_at is not None
    owed = note_reversed(order, actor=actor)
    soon(PROCESS_OPERATION, str(owed.pk))
    if not asked and order.state != RemoteState.CANCELLED:
        detail = "The warehouse cancelled it; at the marketplace it still stands: cancel it there too, or send the goods otherwise."
        open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"deducted": False}, there={"status": order.status})
