"""How fulfilment does: durations of the last day, speed of the last hour, what is stuck. For dashboards and metrics.

Every figure reads at most the newest `NEWEST` rows of a table through its primary key, so that it costs the same on a big one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from fulfillment.queries.overdue import stuck_picking_tasks, unmeasured_packing_tasks

NEWEST = 20_000

_DURATIONS = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM {end} - {begin})::float8)
    FROM (SELECT * FROM {table} ORDER BY id DESC LIMIT %(newest)s) newest WHERE {end} > now() - interval '1 day'
"""
PICKING_DURATION = _DURATIONS.format(table="fulfillment_pickingtask", begin="created_at", end="completed_at")
PACKING_DURATION = _DURATIONS.format(table="fulfillment_packingtask", begin="created_at", end="packed_at")
# From order.confirmed, which makes the order's row, to shipment.created. A shipment that replaces another is about that one's fault, and of one that is not
# wanted any more nobody waited for the end.
ORDER_DURATION = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM newest.waybill_at - o.created_at)::float8)
    FROM (SELECT * FROM fulfillment_shipment ORDER BY id DESC LIMIT %(newest)s) newest JOIN fulfillment_order o ON o.id = newest.order_id
    WHERE newest.waybill_at > now() - interval '1 day' AND newest.replaces_id IS NULL
      AND newest.status IN ('created', 'handed_over', 'delivered', 'returned')
"""
PICKS_BY_WORKER = """
    SELECT u.username, count(*) FROM (SELECT * FROM fulfillment_pick ORDER BY id DESC LIMIT %(newest)s) newest
    JOIN accounts_user u ON u.id = newest.picked_by_id WHERE newest.picked_at > now() - interval '1 hour' AND newest.undone_at IS NULL
    GROUP BY u.username ORDER BY u.username
"""
FIGURES = """
    SELECT
      (SELECT avg((i.status IN ('short', 'skipped'))::int) FROM fulfillment_pickingtaskitem i WHERE i.status <> 'pending' AND i.task_id IN (
         SELECT id FROM (SELECT id, completed_at FROM fulfillment_pickingtask ORDER BY id DESC LIMIT %(newest)s) t
         WHERE completed_at > now() - interval '1 day')) AS picking_shortage_rate,
      (SELECT count(*) FROM (SELECT packed_at FROM fulfillment_packingtask ORDER BY id DESC LIMIT %(newest)s) t
         WHERE packed_at > now() - interval '1 hour') AS packing_tasks_per_hour,
      (SELECT avg(weight) FROM (SELECT weight, created_at FROM fulfillment_package ORDER BY id DESC LIMIT %(newest)s) t
         WHERE created_at > now() - interval '1 day') AS average_package_weight,
      (SELECT avg((status = 'shipped')::int) FROM (SELECT status, updated_at FROM fulfillment_order ORDER BY id DESC LIMIT %(newest)s) t
         WHERE status IN ('shipped', 'rejected', 'needs_attention') AND updated_at > now() - interval '1 day') AS fulfillment_success_rate
"""
OPEN_ORDERS = """
    SELECT status, count(*) FROM fulfillment_order
    WHERE status IN ('accepted', 'picking', 'packing', 'ready_for_shipment', 'needs_attention', 'rejected') GROUP BY status ORDER BY status
"""


@dataclass(frozen=True, slots=True)
class Duration:
    """How many took how long, in seconds; None when there were none."""

    count: int
    median: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Performance:
    """Durations and rates of the last 24 hours, speeds of the last hour; a rate of nothing is None."""

    picking: Duration
    packing: Duration
    order_to_shipment: Duration
    picks_by_worker: dict[str, int]
    picking_shortage_rate: Decimal | None
    packing_tasks_per_hour: int
    average_package_weight: Decimal | None
    fulfillment_success_rate: Decimal | None
    picking_tasks_stuck: int
    packing_tasks_unmeasured: int
    open_orders: dict[str, int]


def performance() -> Performance:
    """Read everything; eight statements."""
    shortage_rate, packed, weight, success_rate = _rows(FIGURES)[0]
    return Performance(
        picking=_duration(PICKING_DURATION),
        packing=_duration(PACKING_DURATION),
        order_to_shipment=_duration(ORDER_DURATION),
        picks_by_worker=dict(_rows(PICKS_BY_WORKER)),
        picking_shortage_rate=shortage_rate,
        packing_tasks_per_hour=packed,
        average_package_weight=weight,
        fulfillment_success_rate=success_rate,
        picking_tasks_stuck=stuck_picking_tasks().count(),
        packing_tasks_unmeasured=unmeasured_packing_tasks().count(),
        open_orders=dict(_rows(OPEN_ORDERS)),
    )


def _duration(query: str) -> Duration:
    ((count, quantiles),) = _rows(query)
    median, most = quantiles or (None, None)
    return Duration(count, median, most)


def _rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"newest": NEWEST} if "%(newest)s" in query else None)
        return cursor.fetchall()
