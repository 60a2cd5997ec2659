"""A manager agrees that an order is sent without goods that are missing."""

from __future__ import annotations

from django.utils import timezone

from fulfillment import events
from fulfillment.enums import OrderStatus
from fulfillment.locks import lock_order
from fulfillment.models import MissingGoods, Order
from fulfillment.services.progress import settle, stage_of
from warehouse.core.actor import Actor
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish


@operation()
def accept_missing(order_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> Order:
    """Let an order go without all that is missing of it now: it needs no attention any more, and is shipped when the rest of it has left.

    Should more be missing later, that is asked again. Locks the order. Events order.missing_accepted, order.shipped. Raises Conflict when nothing is
    missing that was not accepted, and when nothing else of the order is sent: that one is to be cancelled.
    """
    reason = require_reason(reason)
    order = lock_order(order_id, expected_version)
    rows = [row for row in MissingGoods.objects.filter(order=order).select_related("product").order_by("product_id") if not row.is_accepted]
    if order.status != OrderStatus.NEEDS_ATTENTION or not rows:
        raise Conflict(f"{order} is {order.get_status_display()}: nothing is missing that somebody has to agree to.", status=order.status)
    if stage_of(order) == OrderStatus.NEEDS_ATTENTION:
        raise Conflict(f"Nothing of {order} is sent: make a picking task for it, or cancel it.", status=order.status)
    for row in rows:
        row.accepted, row.accepted_at, row.accepted_by_id, row.reason = row.quantity, timezone.now(), actor.user_id, reason
    MissingGoods.objects.bulk_update(rows, ["accepted", "accepted_at", "accepted_by", "reason"])
    publish([events.of_order(events.ORDER_MISSING_ACCEPTED, order, missing=events.facts_of_missing(rows), reason=reason)], actor=actor)
    settle(order, actor=actor)
    return order
