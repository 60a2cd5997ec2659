"""What fulfilment does on events of the house itself."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.enums import QualityDecision
from fulfillment.events import ORDER_PRIORITY_CHANGED, PICKING_CANCELLED, PICKING_COMPLETED, QUALITY_FAILED
from fulfillment.services.channel_orders import answer_channel_order
from fulfillment.services.orders import mark_orders_for_retry
from fulfillment.services.picking_batches import settle_picking_batches
from fulfillment.services.put_backs import close_lost_put_backs
from fulfillment.services.quality_failures import hold_failed_lots
from fulfillment.services.replanning import replan_picking
from fulfillment.services.waves import settle_waves
from inventory.orchestrator import (
    AUDIT_COMPLETED,
    BATCH_MIXED,
    BATCH_RELEASED,
    INVENTORY_MOVED,
    RESERVATION_RELEASED,
    STOCK_REALLOCATED,
    STOCK_RECEIVED,
    STOCK_RELEASED,
    WRITE_OFF_CONFIRMED,
)
from warehouse.core.actor import Actor
from warehouse.core.order_events import ORDER_CANCELLATION_ASKED, ORDER_CHANGED, ORDER_CONFIRMED
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import subscriber


@subscriber("retry-rejected-orders", STOCK_RECEIVED, STOCK_RELEASED, INVENTORY_MOVED, BATCH_RELEASED, BATCH_MIXED)
def retry_rejected_orders(events: Sequence[OutboxEvent]) -> None:
    """Have rejected orders tried again when stock of their goods arrives, is free again, or comes for sale: from a dock to a shelf, out of a hold. Only
    marks them: each is tried in a transaction of its own."""
    products = {int(event.payload["product_id"]) for event in events}
    mark_orders_for_retry.inside(products, actor=Actor.system("retry-rejected-orders"))


@subscriber("replan-picking", STOCK_REALLOCATED, RESERVATION_RELEASED)
def replan(events: Sequence[OutboxEvent]) -> None:
    """Have picking tasks follow promises that moved or were taken."""
    replan_picking.inside({int(event.payload["reservation_id"]) for event in events}, actor=Actor.system("replan-picking"))


@subscriber("settle-picking-batches", PICKING_COMPLETED, PICKING_CANCELLED, ORDER_PRIORITY_CHANGED)
def settle_batches(events: Sequence[OutboxEvent]) -> None:
    """Close batches with nothing left to walk for, and let the others be as urgent as their orders."""
    tasks = {int(event.payload["task_id"]) for event in events if "task_id" in event.payload}
    orders = {int(event.aggregate_id) for event in events if event.type == ORDER_PRIORITY_CHANGED}
    settle_picking_batches.inside(tasks, order_ids=orders, actor=Actor.system("settle-picking-batches"))


@subscriber("settle-waves", PICKING_COMPLETED, PICKING_CANCELLED)
def close_waves(events: Sequence[OutboxEvent]) -> None:
    """Close waves with nothing left to pick."""
    settle_waves.inside({int(event.payload["task_id"]) for event in events}, actor=Actor.system("settle-waves"))


@subscriber("close-lost-put-backs", AUDIT_COMPLETED, WRITE_OFF_CONFIRMED)
def close_put_backs(events: Sequence[OutboxEvent]) -> None:
    """Have nobody look on a bench for goods that were written off, or not found there."""
    close_lost_put_backs.inside(actor=Actor.system("close-lost-put-backs"))


@subscriber("hold-failed-lots", QUALITY_FAILED)
def hold_lots(events: Sequence[OutboxEvent]) -> None:
    """Hold the lots of which a quality check decided so."""
    lots = {
        int(item["batch_id"]): f"quality check of order {event.payload['order_id']}: {item['note'] or 'failed'}"
        for event in events
        for item in event.payload["items"]
        if item["decision"] == QualityDecision.HOLD
    }
    hold_failed_lots.inside(lots, actor=Actor.system("hold-failed-lots"))


@subscriber("take-in-channel-orders", ORDER_CONFIRMED, ORDER_CHANGED, ORDER_CANCELLATION_ASKED, batch=1)
def take_in_channel_orders(events: Sequence[OutboxEvent]) -> None:
    """Do what those who take orders from customers ask of them. One order in a transaction, for each locks its stock after itself."""
    for event in events:
        answer_channel_order.inside(event.type, event.payload, actor=Actor.system("take-in-channel-orders"))
