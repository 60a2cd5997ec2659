"""The writing half of taking an order in, whatever the number of lines: the hottest way of fulfilment, so its own rows are written in two statements.

Why not by the ORM, and what that costs: docs/decisions/intake-in-sql.md. Only tables of this app are written here; places come from inventory and events
go to the outbox by their doors.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.db import DatabaseError, connection, transaction

from fulfillment import events
from fulfillment.models import Order, PickingTask
from inventory import orchestrator
from inventory.orchestrator import OrderedLine, Reserved
from warehouse.core.actor import Actor
from warehouse.core.documents import next_numbers
from warehouse.core.transactions import require_transaction
from warehouse.outbox.events import Event, publish

logger = logging.getLogger(__name__)

_ORDER = """
    WITH o AS (
        INSERT INTO fulfillment_order (version, created_at, updated_at, source, external_id, order_number, storefront_external_id, status, priority,
                                       ship_by, retry_when_stocked, reservation_ref, shortages, provider_id, cancellation_reason)
        VALUES (1, %(now)s, %(now)s, %(source)s, %(external_id)s, %(order_number)s, %(storefront)s, %(status)s, %(priority)s,
                %(ship_by)s, %(retry)s, %(reservation_ref)s, '[]', %(provider)s, '')
        ON CONFLICT (source, external_id) DO NOTHING
        RETURNING id
    ), line AS (
        INSERT INTO fulfillment_orderline (order_id, product_id, listing_id, quantity, warehouse_id, min_remaining_days)
        SELECT o.id, l.product_id, l.listing_id, l.quantity, l.warehouse_id, l.days
        FROM o CROSS JOIN unnest(%(products)s::bigint[], %(listings)s::text[], %(quantities)s::numeric[], %(warehouses)s::bigint[], %(days)s::int[])
             WITH ORDINALITY AS l (product_id, listing_id, quantity, warehouse_id, days, n) ORDER BY l.n
    )
    SELECT id FROM o
"""

_TASKS = """
    WITH task AS (
        INSERT INTO fulfillment_pickingtask (version, created_at, updated_at, number, created_by_id, notes, warehouse_id, reservation_id, priority,
                                             ship_by, total_items, cancellation_reason, order_id, status, picked_items)
        SELECT 1, now(), now(), t.number, %(user)s::bigint, '', t.warehouse_id, t.reservation_id, %(priority)s::text,
               %(ship_by)s::timestamptz, t.total, '', %(order)s::bigint, 'pending', 0
        FROM unnest(%(numbers)s::text[], %(sites)s::bigint[], %(reservations)s::bigint[], %(totals)s::int[])
             AS t (number, warehouse_id, reservation_id, total)
        RETURNING id, reservation_id
    ), item AS (
        INSERT INTO fulfillment_pickingtaskitem (task_id, sequence, product_id, batch_id, batch_location_id, location_id, listing_id,
                                                 reservation_item_id, quantity_required, quantity_picked, status, notes)
        SELECT task.id, i.sequence, i.product_id, i.batch_id, i.batch_location_id, i.location_id, i.listing_id, i.id, i.quantity, 0, 'pending', ''
        FROM unnest(%(item_reservations)s::bigint[], %(sequences)s::int[], %(items)s::bigint[], %(products)s::bigint[], %(batches)s::bigint[],
                    %(batch_locations)s::bigint[], %(locations)s::bigint[], %(listings)s::text[], %(quantities)s::numeric[])
             AS i (reservation_id, sequence, id, product_id, batch_id, batch_location_id, location_id, listing_id, quantity)
        JOIN task ON task.reservation_id = i.reservation_id
        RETURNING 1
    )
    SELECT task.reservation_id, task.id, (SELECT count(*) FROM item) FROM task
"""


def write_order(order: Order, lines: Sequence[OrderedLine]) -> bool:
    """Insert a new order with its lines; false when it is there already (then one that is being taken in right now has been waited for)."""
    require_transaction()
    parameters = {
        "now": order.created_at,
        "source": order.source,
        "external_id": order.external_id,
        "order_number": order.order_number,
        "storefront": order.storefront_external_id,
        "status": order.status,
        "priority": order.priority,
        "ship_by": order.ship_by,
        "retry": order.retry_when_stocked,
        "reservation_ref": order.reservation_ref,
        "provider": order.provider_id,
        "products": [line.product_id for line in lines],
        "listings": [line.listing_id for line in lines],
        "quantities": [line.quantity for line in lines],
        "warehouses": [line.warehouse_id for line in lines],
        "days": [line.min_remaining_days for line in lines],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ORDER, parameters)
        row = cursor.fetchone()
    if row is None:
        return False
    order.pk, order._state.adding, order._state.db = row[0], False, connection.alias
    return True


def make_picking_tasks(
    order: Order, promised: Sequence[Reserved], listings: Mapping[int, str], *, actor: Actor, priority: str = "", accepted: bool = True
) -> list[int]:
    """One picking task per warehouse of the promise, one item per batch and location, in walking order, with the events. Returns the ids of the tasks.

    The caller holds the order's lock. Events picking.created and, if `accepted` just now, order.accepted.
    """
    require_transaction()
    places = orchestrator.places_of(item.location_id for part in promised for item in part.items)
    walk = [
        (part.reservation_id, sequence, item)
        for part in promised
        for sequence, item in enumerate(sorted(part.items, key=lambda item: (*places[item.location_id].walk, item.id)), start=1)
    ]
    parameters: dict[str, Any] = {
        "order": order.pk,
        "user": actor.user_id,
        "priority": priority or order.priority,
        "ship_by": order.ship_by,
        "numbers": next_numbers(PickingTask.number_prefix, len(promised)),
        "sites": [part.warehouse_id for part in promised],
        "reservations": [part.reservation_id for part in promised],
        "totals": [len(part.items) for part in promised],
        "item_reservations": [reservation for reservation, _, _ in walk],
        "sequences": [sequence for _, sequence, _ in walk],
        "items": [item.id for *_, item in walk],
        "products": [item.product_id for *_, item in walk],
        "batches": [item.batch_id for *_, item in walk],
        "batch_locations": [item.batch_location_id for *_, item in walk],
        "locations": [item.location_id for *_, item in walk],
        "listings": [listings.get(item.product_id, "") for *_, item in walk],
        "quantities": [item.quantity for *_, item in walk],
    }
    with connection.cursor() as cursor:
        cursor.execute(_TASKS, parameters)
        rows = cursor.fetchall()
    written = rows[0][2] if rows else 0
    if written != len(walk):
        raise DatabaseError(f"{len(walk)} items were to be picked, {written} could be written.")
    ids = {reservation: task for reservation, task, _ in rows}
    accepted_event = [events.of_order(events.ORDER_ACCEPTED, order)] if accepted else []
    publish([*accepted_event, *(_created(order, ids[part.reservation_id], places[part.items[0].location_id]) for part in promised)], actor=actor)
    for part in promised:
        fields = {
            "order_id": order.pk,
            "picking_task_id": ids[part.reservation_id],
            "warehouse_id": part.warehouse_id,
            "items_count": len(part.items),
        }
        transaction.on_commit(partial(logger.info, "picking task created", extra=fields))
    return [ids[part.reservation_id] for part in promised]


def _created(order: Order, task_id: int, place: orchestrator.Place) -> Event:
    facts = {"task_id": task_id, "order_id": order.external_id, "warehouse_id": place.warehouse_external_id}
    return Event(events.PICKING_CREATED, "picking_task", task_id, facts)
