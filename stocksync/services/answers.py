"""What fulfilment answers about orders of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from stocksync.enums import DiscrepancyKind, Fulfilment, RemoteState
from stocksync.locks import lock_orders
from stocksync.models import ChannelOrder
from stocksync.queries.comparison import by_sku
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.changes import set_quantities
from stocksync.services.discrepancies import close_discrepancies, open_discrepancy
from stocksync.services.reversals import note_not_reversed, note_reversed
from warehouse.core import order_events
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.errors import DomainError
from warehouse.core.transactions import operation

Answer = tuple[str, Mapping[str, Any]]


@operation()
def note_answers(answers: Sequence[Answer], *, actor: Actor) -> None:
    """Note what fulfilment made of orders of channels: events by their type and payload. Others' orders are passed over; the same again changes nothing.

    Cancelled: the deduction is undone, and the marketplace owed that. Revised: its quantities are those now. Refused, or rejected as short: a person has to
    look, until it is accepted. Locks all the orders first, in the order of their ids.
    """
    keys = [(str(payload.get("order_source")), str(payload.get("order_id"))) for _, payload in answers]
    rows = ChannelOrder.objects.filter(channel__code__in={code for code, _ in keys}, external_id__in={external_id for _, external_id in keys})
    orders = lock_orders(rows.values_list("pk", flat=True))
    known = {(order.channel.code, order.external_id): order for order in orders}
    for key, (event_type, payload) in zip(keys, answers, strict=True):
        order = known.get(key)
        if order is not None and order.fulfilment == Fulfilment.WAREHOUSE and order.reversed_at is None:
            _note(order, event_type, payload, actor)


def _note(order: ChannelOrder, event_type: str, payload: Mapping[str, Any], actor: Actor) -> None:
    match event_type:
        case order_events.ORDER_CANCELLED:
            _cancelled(order, actor)
        case order_events.ORDER_REFUSED:
            _refused(order, payload, actor)
        case order_events.ORDER_REJECTED:
            detail = "The warehouse has not enough of it any more: it waits there for stock, or is to be cancelled."
            here = {"deducted": True, "short": payload.get("shortages")}
            open_discrepancy(order, DiscrepancyKind.NO_STOCK, detail, here=here, there={"status": order.status})
        case order_events.ORDER_ACCEPTED:
            close_discrepancies(order, DiscrepancyKind.NO_STOCK)
        case order_events.ORDER_REVISED:
            _revised(order, payload["lines"])


def _refused(order: ChannelOrder, payload: Mapping[str, Any], actor: Actor) -> None:
    detail = f"The warehouse refused {payload.get('asked')}: {payload.get('detail')}"
    there: dict[str, Any] = {"status": order.status, "known": order.known_there}
    if payload.get("asked") == order_events.ORDER_CANCELLATION_ASKED:
        note_not_reversed(order, detail, actor=actor)
    elif payload.get("asked") == order_events.ORDER_CHANGED:
        there, order.asked = order.asked, {}
        order.save_changes("asked")
    open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"deducted": True}, there=there)


def _revised(order: ChannelOrder, lines: Sequence[Mapping[str, Any]]) -> None:
    try:
        with transaction.atomic():
            set_quantities(order, lines)
        if order.asked_quantities == by_sku(order.lines.all()):
            order.asked = {}
            order.save_changes("asked")
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
