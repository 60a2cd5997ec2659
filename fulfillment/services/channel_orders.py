"""What those who take orders from customers ask by events (`warehouse.core.order_events`), done and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from fulfillment import events
from fulfillment.enums import OrderStatus
from fulfillment.locks import find_and_lock_order
from fulfillment.models import Order
from fulfillment.services.order_changes import change_order_lines
from fulfillment.services.orders import process_order_cancelled, process_order_confirmed
from inventory import orchestrator
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import DomainError
from warehouse.core.order_events import ORDER_CANCELLATION_ASKED, ORDER_CHANGED, ORDER_CONFIRMED
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

Asked = Mapping[str, Any]


@operation(Role.INTEGRATION)
def answer_channel_order(asked: str, payload: Asked, *, actor: Actor) -> None:
    """Do what an event asks of an order, and answer: by the events of doing it, or by order.refused; then nothing of the attempt stands.

    order.confirmed: the order is taken in with the promise that was made for it; a promise that is gone meanwhile is made anew, and one that can't be leaves
    the order rejected (order.rejected), to be tried when stock arrives, as any other. order.changed: see `change_order_lines`. order.cancellation_asked: see
    `process_order_cancelled`. The same again changes nothing; what is so already is said once more (order.revised, order.cancelled), because the one who asks
    has not heard it: that an order is cancelled also when it is confirmed, and what was promised for it since is released.
    Locks the order, its work, then what inventory locks: call it for one order in a transaction.
    """
    source, external_id = str(payload["order_source"]), str(payload["order_id"])
    try:
        with transaction.atomic():
            _ANSWERS[asked](source, external_id, payload, actor)
    except DomainError as error:
        order = find_and_lock_order(source, external_id)
        publish([events.refused(source, external_id, asked, error, order=order)], actor=actor)


def _confirmed(source: str, external_id: str, payload: Asked, actor: Actor) -> None:
    known = find_and_lock_order(source, external_id)
    order = known or process_order_confirmed.inside(source, external_id, payload["lines"], actor=actor)
    if order.status == OrderStatus.CANCELLED:
        _say_cancelled(order, actor)


def _changed(source: str, external_id: str, payload: Asked, actor: Actor) -> None:
    known = find_and_lock_order(source, external_id)
    order = change_order_lines.inside(source, external_id, payload["lines"], actor=actor)
    if known is not None and order.version == known.version:
        publish([events.of_order(events.ORDER_REVISED, order, lines=payload["lines"])], actor=actor)


def _cancelled(source: str, external_id: str, payload: Asked, actor: Actor) -> None:
    known = find_and_lock_order(source, external_id)
    was_open = known is not None and known.status != OrderStatus.CANCELLED
    order = process_order_cancelled.inside(source, external_id, str(payload.get("reason", "")), actor=actor)
    if not was_open:
        _say_cancelled(order, actor)


def _say_cancelled(order: Order, actor: Actor) -> None:
    """Say once more that an order is cancelled; what was promised for it since then nobody will send."""
    orchestrator.release_order.inside(order.order_ref, reason=order.cancellation_reason or "ORDER_CANCELLED", actor=actor)
    publish([events.of_order(events.ORDER_CANCELLED, order, reason=order.cancellation_reason)], actor=actor)


_ANSWERS: dict[str, Callable[[str, str, Asked, Actor], None]] = {
    ORDER_CONFIRMED: _confirmed,
    ORDER_CHANGED: _changed,
    ORDER_CANCELLATION_ASKED: _cancelled,
}
