"""The writing half of taking an order in: two statements, whatever the number of lines. The hottest way of fulfilment, so it goes round the ORM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DatabaseError, connection
from psycopg.types.json import Jsonb

from fulfillment import events
from fulfillment.models import Order, PickingTask
from inventory.orchestrator import OrderedLine, Reserved
from warehouse.core.actor import Actor
from warehouse.core.documents import next_numbers
from warehouse.core.transactions import require_transaction

_ORDER = """
    WITH o AS (
        INSERT INTO fulfillment_order (version, created_at, updated_at, source, external_id, order_number, storefront_external_id, status, priority,
                                       ship_by, retry_when_stocked, shortages, provider_id, cancellation_reason)
        VALUES (1, %(now)s, %(now)s, %(source)s, %(external_id)s, %(order_number)s, %(storefront)s, %(status)s, %(priority)s,
                %(ship_by)s, %(retry)s, '[]', %(provider)s, '')
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
        FROM unnest(%(numbers)s::text[], %(warehouses)s::bigint[], %(reservations)s::bigint[], %(totals)s::int[])
             AS t (number, warehouse_id, reservation_id, total)
        RETURNING id, warehouse_id, reservation_id
    ), item AS (
        INSERT INTO fulfillment_pickingtaskitem (task_id, sequence, product_id, batch_id, batch_location_id, location_id, listing_id,
                                                 reservation_item_id, quantity_required, quantity_picked, status, notes)
        SELECT task.id, row_number() OVER (PARTITION BY task.id ORDER BY l.pick_sequence, l.code, i.id), i.product_id, i.batch_id,
               i.batch_location_id, i.location_id, i.listing_id, i.id, i.quantity, 0, 'pending', ''
        FROM unnest(%(item_reservations)s::bigint[], %(items)s::bigint[], %(products)s::bigint[], %(batches)s::bigint[],
                    %(batch_locations)s::bigint[], %(locations)s::bigint[], %(listings)s::text[], %(quantities)s::numeric[])
             AS i (reservation_id, id, product_id, batch_id, batch_location_id, location_id, listing_id, quantity)
        JOIN task ON task.reservation_id = i.reservation_id
        JOIN inventory_location l ON l.id = i.location_id
        RETURNING 1
    ), event AS (
        INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
        SELECT gen_random_uuid(), e.type, e.aggregate_type, e.aggregate_id, e.payload, %(actor)s::text FROM (
            SELECT 0 AS rank, %(accepted)s::text AS type, 'order' AS aggregate_type, %(order)s::bigint::text AS aggregate_id,
                   %(facts)s::jsonb AS payload
            WHERE %(accepted)s::text <> ''
            UNION ALL
            SELECT 1, %(created)s::text, 'picking_task', task.id::text,
                   jsonb_build_object('task_id', task.id, 'order_id', %(external_id)s::text, 'warehouse_id', w.external_id)
            FROM task JOIN inventory_warehouse w ON w.id = task.warehouse_id
        ) e ORDER BY e.rank, e.aggregate_id
    )
    SELECT (SELECT count(*) FROM item)
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
) -> None:
    """One picking task per warehouse of the promise, one item per batch and location, in walking order, with the events.

    The caller holds the order's lock. Events picking.created and, if `accepted` just now, order.accepted.
    """
    require_transaction()
    parts = [(part.reservation_id, item) for part in promised for item in part.items]
    parameters: dict[str, Any] = {
        "order": order.pk,
        "external_id": order.external_id,
        "user": actor.user_id,
        "priority": priority or order.priority,
        "ship_by": order.ship_by,
        "numbers": next_numbers(PickingTask.number_prefix, len(promised)),
        "warehouses": [part.warehouse_id for part in promised],
        "reservations": [part.reservation_id for part in promised],
        "totals": [len(part.items) for part in promised],
        "item_reservations": [reservation for reservation, _ in parts],
        "items": [item.id for _, item in parts],
        "products": [item.product_id for _, item in parts],
        "batches": [item.batch_id for _, item in parts],
        "batch_locations": [item.batch_location_id for _, item in parts],
        "locations": [item.location_id for _, item in parts],
        "listings": [listings.get(item.product_id, "") for _, item in parts],
        "quantities": [item.quantity for _, item in parts],
        "actor": actor.name,
        "accepted": events.ORDER_ACCEPTED if accepted else "",
        "facts": Jsonb(events.facts_of_order(order)),
        "created": events.PICKING_CREATED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TASKS, parameters)
        (written,) = cursor.fetchone() or (0,)
    if written != len(parts):
        raise DatabaseError(f"{len(parts)} items were to be picked, {written} could be written.")
