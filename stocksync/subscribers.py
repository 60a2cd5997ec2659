"""What stock synchronisation does on events of the house."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.orchestrator import STOCK_CHANGED
from stocksync.models import Channel
from stocksync.services.answers import note_answers
from stocksync.services.levels import follow_stock
from stocksync.services.reckoning import Cause
from warehouse.core.actor import Actor
from warehouse.core.order_events import ORDER_ACCEPTED, ORDER_CANCELLED, ORDER_REFUSED, ORDER_REJECTED, ORDER_REVISED
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import subscriber


@subscriber("follow-warehouse-orders", ORDER_ACCEPTED, ORDER_REJECTED, ORDER_CANCELLED, ORDER_REVISED, ORDER_REFUSED)
def follow_orders(events: Sequence[OutboxEvent]) -> None:
    """Note what fulfilment made of the orders of channels; most orders are none of theirs."""
    codes = set(Channel.objects.values_list("code", flat=True))
    answers = [(event.type, event.payload) for event in events if event.payload.get("order_source") in codes]
    if answers:
        note_answers.inside(answers, actor=Actor.system("follow-warehouse-orders"))


@subscriber("follow-levels", STOCK_CHANGED)
def follow_levels(events: Sequence[OutboxEvent]) -> None:
    """Have the levels of listings follow the stock of their products; the newest event of each is the cause."""
    causes = {(int(event.payload["product_id"]), str(event.payload["warehouse_id"])): Cause(event.type, event.position) for event in events}
    follow_stock.inside(causes, actor=Actor.system("follow-levels"))
