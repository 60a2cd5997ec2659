"""The types of fulfilment's events, and the fields they carry. `order_id` is the order system's id, `warehouse_id` the partners'."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from warehouse.core import order_events
from warehouse.core.quantities import plain
from warehouse.outbox.events import Event

if TYPE_CHECKING:
    from fulfillment.models import MissingGoods, Order, PackingTask, PickingBatch, PickingTask, PickingTaskItem, QualityCheck, Shipment, Wave
    from warehouse.core.errors import DomainError

ORDER_ACCEPTED = order_events.ORDER_ACCEPTED
ORDER_REJECTED = order_events.ORDER_REJECTED
ORDER_CANCELLED = order_events.ORDER_CANCELLED
ORDER_REVISED = order_events.ORDER_REVISED
ORDER_REFUSED = order_events.ORDER_REFUSED
ORDER_SHIPPED = "order.shipped"
ORDER_NEEDS_ATTENTION = "order.needs_attention"
ORDER_MISSING_ACCEPTED = "order.missing_accepted"
ORDER_PRIORITY_CHANGED = "order.priority_changed"

PICKING_CREATED = "picking.created"
PICKING_ASSIGNED = "picking.assigned"
PICKING_UNASSIGNED = "picking.unassigned"
PICKING_SHORT = "picking.short"
PICKING_COMPLETED = "picking.completed"
PICKING_CANCELLED = "picking.cancelled"

PICKING_BATCH_CREATED = "picking.batch_created"
PICKING_BATCH_ASSIGNED = "picking.batch_assigned"
PICKING_BATCH_COMPLETED = "picking.batch_completed"
PICKING_BATCH_CANCELLED = "picking.batch_cancelled"

# On the stream of picking: a wave is picking that is let go together.
WAVE_PLANNED = "wave.planned"
WAVE_CHANGED = "wave.changed"
WAVE_RELEASED = "wave.released"
WAVE_COMPLETED = "wave.completed"
WAVE_CANCELLED = "wave.cancelled"

PACKING_ASSIGNED = "packing.assigned"
PACKING_STARTED = "packing.started"
PACKING_COMPLETED = "packing.completed"
PACKING_CANCELLED = "packing.cancelled"

# On the stream of packing: what is looked at is not packed yet.
QUALITY_CREATED = "quality.created"
QUALITY_ASSIGNED = "quality.assigned"
QUALITY_PASSED = "quality.passed"
QUALITY_FAILED = "quality.failed"
QUALITY_CANCELLED = "quality.cancelled"

SHIPMENT_CREATED = "shipment.created"
SHIPMENT_HANDED_OVER = "shipment.handed_over"
SHIPMENT_DELIVERED = "shipment.delivered"
SHIPMENT_RETURNED = "shipment.returned"


def of_order(type: str, order: Order, **more: Any) -> Event:
    """An event about an order whose lock is held."""
    return Event(type, "order", order.pk, {**facts_of_order(order), **more})


def facts_of_order(order: Order) -> dict[str, str]:
    """What every event about an order says of it."""
    return {"order_id": order.external_id, "order_source": order.source, "order_number": order.order_number}


def refused(source: str, external_id: str, asked: str, error: DomainError, *, order: Order | None) -> Event:
    """`order.refused`: what was asked of an order (the type of the event) was not done, and why; about an order that we may not know."""
    facts = {"order_source": source, "order_id": external_id, "asked": asked, "code": error.code, "detail": error.detail}
    return Event(ORDER_REFUSED, "order_key", external_id, facts) if order is None else Event(ORDER_REFUSED, "order", order.pk, facts)


def facts_of_missing(missing: Iterable[MissingGoods]) -> list[dict[str, Any]]:
    """What an order goes without, product by product; the products must be loaded."""
    return [{"product_id": row.product_id, "sku": row.product.sku, "quantity": plain(row.quantity)} for row in missing]


def of_picking(type: str, task: PickingTask, **more: Any) -> Event:
    """An event about a picking task whose lock is held; the task's order must be loaded."""
    return Event(type, "picking_task", task.pk, {"task_id": task.pk, "order_id": task.order.external_id, **more})


def of_picking_batch(type: str, batch: PickingBatch, **more: Any) -> Event:
    """An event about a picking batch whose lock is held."""
    return Event(type, "picking_batch", batch.pk, {"picking_batch_id": batch.pk, "number": batch.number, **more})


def of_wave(type: str, wave: Wave, **more: Any) -> Event:
    """An event about a wave whose lock is held; its warehouse must be loaded."""
    return Event(type, "wave", wave.pk, {"wave_id": wave.pk, "number": wave.number, "warehouse_id": wave.warehouse.external_id, **more})


def of_packing(type: str, task: PackingTask, **more: Any) -> Event:
    """An event about a packing task whose lock is held; the task's order must be loaded."""
    return Event(type, "packing_task", task.pk, {"task_id": task.pk, "order_id": task.order.external_id, **more})


def of_quality(type: str, check: QualityCheck, **more: Any) -> Event:
    """An event about a quality check whose lock is held; the check's order must be loaded."""
    facts = {"check_id": check.pk, "task_id": check.picking_task_id, "order_id": check.order.external_id}
    return Event(type, "quality_check", check.pk, {**facts, **more})


def of_shipment(type: str, shipment: Shipment, **more: Any) -> Event:
    """An event about a shipment whose lock is held; its order must be loaded."""
    return Event(
        type,
        "shipment",
        shipment.pk,
        {
            "shipment_id": shipment.pk,
            "order_id": shipment.order.external_id,
            "tracking_number": shipment.tracking_number,
            "carrier_shipment_id": shipment.external_id,
            "task_id": shipment.packing_task_id,
            **more,
        },
    )


def short(task: PickingTask, item: PickingTaskItem, quantity: Decimal, reason: str, *, missing: Decimal | None = None) -> Event:
    """`picking.short`: how much was not there, and where it should have been; how much of it is picked elsewhere instead (`reallocated`), and how much of it
    the order goes without (`missing`; all of it unless said)."""
    lacking = quantity if missing is None else missing
    return of_picking(
        PICKING_SHORT,
        task,
        item_id=item.pk,
        listing_id=item.listing_id,
        product_id=item.product_id,
        quantity=plain(quantity),
        reallocated=plain(quantity - lacking),
        missing=plain(lacking),
        location=item.location.code,
        reason=reason,
    )
