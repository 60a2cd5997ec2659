"""The writing half of taking an order in: as many statements for many lines as for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fulfillment import events
from fulfillment.models import Order, OrderLine, PickingTask, PickingTaskItem
from inventory import orchestrator
from inventory.orchestrator import OrderedLine, Reserved
from warehouse.core.actor import Actor
from warehouse.core.documents import next_numbers
from warehouse.core.transactions import require_transaction
from warehouse.outbox.events import publish


def write_order(order: Order, lines: Sequence[OrderedLine]) -> None:
    """Insert a new order with its lines. One that is taken in at the same time is waited for, and the operation starts again."""
    require_transaction()
    order.save(force_insert=True)
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product_id=line.product_id,
            listing_id=line.listing_id,
            quantity=line.quantity,
            warehouse_id=line.warehouse_id,
            min_remaining_days=line.min_remaining_days,
        )
        for line in lines
    )


def make_picking_tasks(
    order: Order, promised: Sequence[Reserved], listings: Mapping[int, str], *, actor: Actor, priority: str = "", accepted: bool = True
) -> list[PickingTask]:
    """One picking task per warehouse of the promise, one item per batch and location, in walking order, with the events.

    The caller holds the order's lock. Events picking.created and, if `accepted` just now, order.accepted.
    """
    require_transaction()
    places = orchestrator.places_of(item.location_id for part in promised for item in part.items)
    tasks = PickingTask.objects.bulk_create(
        PickingTask(
            number=number,
            created_by_id=actor.user_id,
            order=order,
            warehouse_id=part.warehouse_id,
            reservation_id=part.reservation_id,
            priority=priority or order.priority,
            ship_by=order.ship_by,
            total_items=len(part.items),
        )
        for number, part in zip(next_numbers(PickingTask.number_prefix, len(promised)), promised, strict=True)
    )
    PickingTaskItem.objects.bulk_create(
        PickingTaskItem(
            task=task,
            sequence=sequence,
            product_id=item.product_id,
            batch_id=item.batch_id,
            batch_location_id=item.batch_location_id,
            location_id=item.location_id,
            listing_id=listings.get(item.product_id, ""),
            quantity_required=item.quantity,
            reservation_item_id=item.id,
        )
        for task, part in zip(tasks, promised, strict=True)
        for sequence, item in enumerate(sorted(part.items, key=lambda item: (*places[item.location_id].walk, item.id)), start=1)
    )
    site = {place.warehouse_id: place.warehouse_external_id for place in places.values()}
    accepted_event = [events.of_order(events.ORDER_ACCEPTED, order)] if accepted else []
    created = [events.of_picking(events.PICKING_CREATED, task, warehouse_id=site[task.warehouse_id]) for task in tasks]
    publish([*accepted_event, *created], actor=actor)
    return tasks
