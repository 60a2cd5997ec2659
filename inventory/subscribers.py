"""What inventory does on events of its own."""

from __future__ import annotations

from collections.abc import Sequence

from inventory import events
from inventory.services.alerts import OF_STOCK, evaluate_kind
from inventory.services.storefronts import copy_stock
from warehouse.core.actor import Actor
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import subscriber


@subscriber("storefront-figures", events.STOCK_CHANGED)
def follow_stock(changes: Sequence[OutboxEvent]) -> None:
    """Copy what is available of the changed products to the storefronts' pages."""
    copy_stock({change.payload["product_id"] for change in changes})


@subscriber("stock-alerts", events.STOCK_CHANGED, events.STOCK_LOW, events.STOCK_OUT)
def follow_levels(changes: Sequence[OutboxEvent]) -> None:
    """Raise and resolve the alerts of the totals that changed, at once."""
    stock_ids = sorted({int(change.payload["stock_id"]) for change in changes})
    for kind in OF_STOCK:
        evaluate_kind.inside(kind, stock_ids=stock_ids, actor=Actor.system("stock-alerts"))
