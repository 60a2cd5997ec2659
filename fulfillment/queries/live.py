"""How the work stands at this moment: for the live board. Six statements, whatever the size of the tables and however much work is open.

Open work is read through its indexes by state, what is done through the newest rows of a table (`NEWEST`). A warehouse's id narrows everything to it;
an order belongs to those that have open work for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Case, CharField, Count, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from fulfillment.enums import OPEN_ORDERS, OPEN_PICKING, OrderStatus, PickingStatus
from fulfillment.models import PickingTask
from fulfillment.queries.picking_tasks import let_go

# Scans, and finished tasks of a kind, that the figures of the last hour and day are made of.
NEWEST_PICKS, NEWEST_TASKS = 20_000, 2_000
# An order is near its time to ship when so many minutes are left.
NEAR_MINUTES = 120
# People, and late orders, that are listed.
SHOWN_PEOPLE, SHOWN_ORDERS = 40, 10
# What is picked, checked and packed: an order that waits for the carrier is not late any more.
_TO_DO = sorted(OPEN_ORDERS - {OrderStatus.READY_FOR_SHIPMENT})

_HERE = "(%(site)s::bigint IS NULL OR {}warehouse_id = %(site)s)"
_COUNTS = f"""
    SELECT 'batches', status, count(*), count(*) FILTER (WHERE ship_by < now())
    FROM fulfillment_pickingbatch WHERE status IN ('pending', 'assigned', 'in_progress') AND {_HERE.format("")} GROUP BY 2
    UNION ALL
    SELECT 'quality', status, count(*), count(*) FILTER (WHERE ship_by < now())
    FROM fulfillment_qualitycheck WHERE status IN ('pending', 'in_progress') AND {_HERE.format("")} GROUP BY 2
    UNION ALL
    SELECT 'packing', status, count(*), count(*) FILTER (WHERE ship_by < now() AND status <> 'packed')
    FROM fulfillment_packingtask WHERE status IN ('pending', 'in_progress', 'packed') AND {_HERE.format("")} GROUP BY 2
    UNION ALL
    SELECT 'put_backs', CASE WHEN claimed_until > now() THEN 'in_progress' ELSE 'pending' END, count(*), 0
    FROM fulfillment_putback WHERE status = 'pending' AND {_HERE.format("")} GROUP BY 2
    UNION ALL
    SELECT 'shipments', CASE WHEN s.status = 'requested' AND s.last_error <> '' THEN 'failing' ELSE s.status END, count(*), 0
    FROM fulfillment_shipment s JOIN fulfillment_packingtask t ON t.id = s.packing_task_id
    WHERE s.status IN ('requested', 'created') AND {_HERE.format("t.")} GROUP BY 2
"""
_SPEEDS = f"""
    SELECT u.username, count(*), count(*) FILTER (WHERE p.picked_at > now() - interval '10 minutes'), max(p.picked_at)
    FROM (SELECT item_id, picked_by_id, picked_at, undone_at FROM fulfillment_pick ORDER BY id DESC LIMIT {NEWEST_PICKS}) p
    JOIN accounts_user u ON u.id = p.picked_by_id
    JOIN fulfillment_pickingtaskitem i ON i.id = p.item_id JOIN fulfillment_pickingtask t ON t.id = i.task_id
    WHERE p.picked_at > now() - interval '1 hour' AND p.undone_at IS NULL AND {_HERE.format("t.")}
    GROUP BY u.username ORDER BY 2 DESC, 1
"""
_NEWEST = f"""
    SELECT '{{name}}', count(*), extract(epoch FROM avg({{end}} - {{begin}}))::float8
    FROM (SELECT * FROM {{table}} ORDER BY id DESC LIMIT {NEWEST_TASKS}) n WHERE {{end}} > now() - interval '1 day' AND {{begin}} IS NOT NULL{{here}}
"""
_DURATIONS = " UNION ALL ".join(
    _NEWEST.format(name=name, table=f"fulfillment_{table}", begin=begin, end=end, here=f" AND {_HERE.format('')}" if table != "order" else "")
    for name, table, begin, end in (
        ("waiting for a picker", "pickingtask", "created_at", "started_at"),
        ("picking", "pickingtask", "started_at", "completed_at"),
        ("checking", "qualitycheck", "started_at", "finished_at"),
        ("packing", "packingtask", "started_at", "packed_at"),
        ("from order to carrier", "order", "created_at", "shipped_at"),
    )
)
_DUE = f"""
    SELECT o.id, coalesce(nullif(o.order_number, ''), o.external_id), o.status, o.priority, o.ship_by,
           count(*) FILTER (WHERE o.ship_by < now()) OVER (), count(*) OVER ()
    FROM fulfillment_order o
    WHERE o.status = ANY(%(open)s) AND o.ship_by < now() + interval '{NEAR_MINUTES} minutes' AND (%(site)s::bigint IS NULL OR o.id IN (
      SELECT order_id FROM fulfillment_pickingtask WHERE status IN ('pending', 'assigned', 'in_progress') AND warehouse_id = %(site)s
      UNION ALL SELECT order_id FROM fulfillment_qualitycheck WHERE status IN ('pending', 'in_progress') AND warehouse_id = %(site)s
      UNION ALL SELECT order_id FROM fulfillment_packingtask WHERE status IN ('pending', 'in_progress') AND warehouse_id = %(site)s))
    ORDER BY o.ship_by, o.id LIMIT {SHOWN_ORDERS}
"""
# Whoever walks stands between the last stop and the next one: the next one is shown, and the last where none is left.
_AT_WORK = f"""
    WITH hand AS (
      SELECT 'picking' AS kind, t.id, t.number, t.worker_id, t.warehouse_id, t.status, t.started_at, t.picked_items AS done, t.total_items AS total,
             ARRAY[t.id] AS tasks, NULL::bigint AS place
      FROM fulfillment_pickingtask t
      WHERE t.status IN ('assigned', 'in_progress') AND t.worker_id IS NOT NULL AND t.picking_batch_id IS NULL AND {_HERE.format("t.")}
      UNION ALL
      SELECT 'batch', b.id, b.number, b.worker_id, b.warehouse_id, b.status, b.started_at, sum(t.picked_items), sum(t.total_items), array_agg(t.id), NULL
      FROM fulfillment_pickingbatch b JOIN fulfillment_pickingtask t ON t.picking_batch_id = b.id AND t.status <> 'cancelled'
      WHERE b.status IN ('assigned', 'in_progress') AND b.worker_id IS NOT NULL AND {_HERE.format("b.")} GROUP BY b.id
      UNION ALL
      SELECT 'quality', c.id, c.number, c.worker_id, c.warehouse_id, c.status, c.started_at, c.checked_items, c.total_items, NULL, t.packing_location_id
      FROM fulfillment_qualitycheck c JOIN fulfillment_pickingtask t ON t.id = c.picking_task_id
      WHERE c.status = 'in_progress' AND c.worker_id IS NOT NULL AND {_HERE.format("c.")}
      UNION ALL
      SELECT 'packing', k.id, k.number, k.worker_id, k.warehouse_id, k.status, k.started_at, k.packed_items, k.total_items, NULL, t.packing_location_id
      FROM fulfillment_packingtask k JOIN fulfillment_pickingtask t ON t.id = k.picking_task_id
      WHERE k.status = 'in_progress' AND k.worker_id IS NOT NULL AND {_HERE.format("k.")}
      UNION ALL
      SELECT 'put_back', min(p.id), '', p.worker_id, p.warehouse_id, 'in_progress', NULL, 0, count(*), NULL, min(p.from_location_id)
      FROM fulfillment_putback p
      WHERE p.status = 'pending' AND p.worker_id IS NOT NULL AND p.claimed_until > now() AND {_HERE.format("p.")} GROUP BY p.worker_id, p.warehouse_id
    )
    SELECT u.username, hand.kind, hand.id, hand.number, hand.status, hand.started_at, hand.done, hand.total, w.code, coalesce(stop.zone, place.zone, ''),
           coalesce(stop.code, place.code, ''), stop.last_at, count(*) OVER ()
    FROM hand JOIN accounts_user u ON u.id = hand.worker_id JOIN inventory_warehouse w ON w.id = hand.warehouse_id
    LEFT JOIN inventory_location place ON place.id = hand.place
    LEFT JOIN LATERAL (
      SELECT l.zone, l.code, max(i.picked_at) OVER () AS last_at FROM fulfillment_pickingtaskitem i JOIN inventory_location l ON l.id = i.location_id
      WHERE i.task_id = ANY(hand.tasks)
      ORDER BY (i.status = 'pending') DESC, CASE WHEN i.status = 'pending' THEN i.deferred_at END NULLS FIRST,
               CASE WHEN i.status = 'pending' THEN coalesce(i.walk_position, i.sequence) END, i.picked_at DESC NULLS LAST, i.id
      LIMIT 1
    ) stop ON true
    ORDER BY (hand.status = 'assigned'), w.code, coalesce(stop.zone, place.zone, ''), u.username, hand.id LIMIT {SHOWN_PEOPLE}
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """How many tasks of a kind are in each of its open states, and how many of them should have left by now."""

    states: dict[str, int]
    late: int

    def count(self, *states: str) -> int:
        """In these states; in all of them when none is named."""
        return sum(count for state, count in self.states.items() if not states or state in states)


@dataclass(frozen=True, slots=True)
class Speed:
    """Scans of a picker in the last hour, and an hour's worth of those of the last ten minutes."""

    worker: str
    picks: int
    now: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Average:
    """How long something took on average in the last 24 hours, in seconds; None when nothing was done."""

    name: str
    count: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class DueOrder:
    pk: int
    name: str
    status: str
    priority: str
    ship_by: datetime


@dataclass(frozen=True, slots=True)
class AtWork:
    """Who has what in hand, and where: the next stop of a walk, the bench of who checks or packs. `last_at` is the last scan."""

    worker: str
    kind: str
    pk: int
    number: str
    status: str
    since: datetime | None
    done: int
    total: int
    warehouse: str
    zone: str
    place: str
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that the live board shows. `late` and `near` count all open orders whose time to ship has passed, or is near."""

    queues: dict[str, Queue]
    speeds: Sequence[Speed]
    averages: Sequence[Average]
    due: Sequence[DueOrder]
    late: int
    near: int
    people: Sequence[AtWork]
    people_count: int


KINDS = ("picking", "batches", "quality", "packing", "put_backs", "shipments")


def work_now(warehouse_id: int | None = None) -> Work:
    """How the work stands now, in all warehouses or one."""
    counts = [*_picking(warehouse_id), *_rows(_COUNTS, warehouse_id)]
    due = _rows(_DUE, warehouse_id)
    people = _rows(_AT_WORK, warehouse_id)
    late, due_count = due[0][5:] if due else (0, 0)
    return Work(
        queues={kind: _queue(kind, counts) for kind in KINDS},
        speeds=[Speed(worker, picks, now * 6, last_at) for worker, picks, now, last_at in _rows(_SPEEDS, warehouse_id)],
        averages=[Average(*row) for row in _rows(_DURATIONS, warehouse_id)],
        due=[DueOrder(*row[:5]) for row in due],
        late=late,
        near=due_count - late,
        people=[AtWork(*row[:12]) for row in people],
        people_count=people[0][12] if people else 0,
    )


def _picking(warehouse_id: int | None) -> list[tuple[str, str, int, int]]:
    """Picking tasks by state; those that nobody may take yet as `held`."""
    tasks = PickingTask.objects.filter(status__in=sorted(OPEN_PICKING))
    here = tasks if warehouse_id is None else tasks.filter(warehouse=warehouse_id)
    held = When(Q(status=PickingStatus.PENDING) & ~let_go(OuterRef("warehouse")), then=Value("held"))
    states = here.annotate(state=Case(held, default=F("status"), output_field=CharField())).values("state")
    counted = states.annotate(number=Count("pk"), late=Count("pk", filter=Q(ship_by__lt=Now()))).order_by()
    return [("picking", *row) for row in counted.values_list("state", "number", "late")]


def _queue(kind: str, counts: Sequence[tuple[str, str, int, int]]) -> Queue:
    mine = [(state, count, late) for name, state, count, late in counts if name == kind]
    return Queue({state: count for state, count, _ in mine}, sum(late for _, _, late in mine))


def _rows(query: str, warehouse_id: int | None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"site": warehouse_id, **({"open": _TO_DO} if "%(open)s" in query else {})})
        return cursor.fetchall()
