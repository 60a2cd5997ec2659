"""Checkout forms, as Allegro calls its orders, read into our words."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from stocksync.enums import RemoteState
from stocksync.marketplaces.base import RemoteLine, RemoteOrder, state_of
from warehouse.core.partners.errors import ContractBroken
from warehouse.core.partners.reading import Answer, printable, read_moment, read_part, read_parts, read_quantity, read_text

logger = logging.getLogger(__name__)

ID_LENGTH = 80
NAME_LENGTH = 200
NEW = "NEW"


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the journal. `id` and `order_id` are "" where they can't be read: the sweep finds such an order."""

    id: str
    order_id: str


def read_events(answer: Answer) -> list[Event]:
    """The entries on a page of the journal, in its order."""
    return [_read_event(event) for event in read_parts(answer, "events")]


def read_orders(forms: Iterable[Answer]) -> list[RemoteOrder]:
    """The orders of a list. One without an id can't even be named: it is only written into the log."""
    orders = []
    for form in forms:
        try:
            orders.append(read_order(form))
        except ContractBroken as error:
            logger.warning("A checkout form in a list has no id that can be read: %s", error)
    return orders


def read_order(form: Answer, external_id: str = "") -> RemoteOrder:
    """The order in a checkout form. `external_id` is the one that was asked for; an answer about another one breaks the contract.

    What can't be read comes back as an order with a `fault`, so that it stops no other one. Raises ContractBroken when not even its id is there.
    """
    named = read_text(form, "id", longest=ID_LENGTH)
    if external_id and named != external_id:
        raise ContractBroken(f"the answer is about order {named!r} instead of {external_id!r}")
    try:
        return _read(form, named)
    except ContractBroken as error:
        return RemoteOrder(named, fault=str(error))


def fulfilment_of(form: Answer) -> str:
    """How far the seller says to be with an order; NEW, if nothing was said."""
    return read_text(read_part(form, "fulfillment"), "status", required=False, longest=40) or NEW


def _read_event(event: Answer) -> Event:
    event_id = ""
    try:
        event_id = read_text(event, "id")
        return Event(event_id, read_text(read_part(read_part(event, "order"), "checkoutForm"), "id", longest=ID_LENGTH))
    except ContractBroken as error:
        logger.warning("Event %r of the journal can't be read: %s", event_id, error)
        return Event(event_id, "")


def _read(form: Answer, external_id: str) -> RemoteOrder:
    status = read_text(form, "status", longest=40)
    lines = tuple(_read_line(line) for line in read_parts(form, "lineItems"))
    if len({line.external_id for line in lines}) < len(lines):
        raise ContractBroken("two lines have the same id")
    fulfilment = fulfilment_of(form)
    state = state_of(status, fulfilment)
    bought = [moment for line in form["lineItems"] if (moment := read_moment(line, "boughtAt"))]
    return RemoteOrder(
        external_id,
        revision=read_text(form, "revision", longest=ID_LENGTH),
        status=status,
        state=state,
        # Nothing can be told of a cancelled order, so how far the seller was with it says nothing either.
        known=None if state == RemoteState.CANCELLED else fulfilment != NEW,
        ordered_at=min(bought, default=None),
        changed_at=read_moment(form, "updatedAt"),
        lines=lines,
    )


def _read_line(line: Answer) -> RemoteLine:
    offer = read_part(line, "offer")
    quantity = read_quantity(line, "quantity")
    if quantity != quantity.to_integral_value():
        raise ContractBroken("lineItems.quantity is not a whole number above nothing")
    return RemoteLine(
        external_id=read_text(line, "id", longest=ID_LENGTH),
        offer_id=read_text(offer, "id", longest=ID_LENGTH),
        sku=read_text(read_part(offer, "external"), "id", longest=64, required=False),
        name=printable(offer.get("name"), NAME_LENGTH),
        quantity=quantity,
    )
