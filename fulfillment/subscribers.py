"""What fulfilment does on events of the house itself."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.services.orders import mark_orders_for_retry
from inventory.orchestrator import STOCK_RECEIVED, STOCK_RELEASED
from warehouse.core.actor import Actor
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import subscriber


@subscriber("retry-rejected-orders", STOCK_RECEIVED, STOCK_RELEASED)
def retry_rejected_orders(events: Sequence[OutboxEvent]) -> None:
    """Have rejected orders tried again when stock of their goods arrives. Only marks them: each is tried in a transaction of its own."""
    products = {int(event.payload["product_id"]) for event in events}
    mark_orders_for_retry.inside(products, actor=Actor.system("retry-rejected-orders"))
