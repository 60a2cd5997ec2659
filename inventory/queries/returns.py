"""What went out under an order, and how much of it may still come back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import OuterRef, Subquery

from inventory.enums import MovementType
from inventory.models import BatchLocation, Movement, PastClock
from inventory.models.stock import StockKey
from warehouse.core.quantities import ZERO, plain

SALES = (MovementType.SALE, MovementType.OFFLINE_SALE)

# What came back by a return is what its lines say: the ledger may name a child lot there, because goods that kept worse than those that lay in the
# place stay a lot of their own. What came back otherwise is what the ledger says.
_SHIPPED = """
    WITH gone AS (
        SELECT product_id, batch_id, -sum(quantity_change) AS quantity, min(id) AS first
        FROM inventory_movement WHERE order_ref = %(ref)s AND type IN ('sale', 'offline_sale') GROUP BY product_id, batch_id
    ), back AS (
        SELECT batch_id, sum(back) AS back, sum(claimed) AS claimed FROM (
            SELECT batch_id, quantity_change AS back, 0 AS claimed
            FROM inventory_movement WHERE order_ref = %(ref)s AND type = 'return_to_stock' AND document_type <> 'return'
            UNION ALL
            SELECT i.batch_id, CASE r.status WHEN 'completed' THEN i.quantity ELSE 0 END,
                   CASE WHEN r.status IN ('draft', 'inspected') THEN i.quantity ELSE 0 END
            FROM inventory_return r JOIN inventory_returnitem i ON i.return_document_id = r.id WHERE r.order_ref = %(ref)s
        ) x GROUP BY batch_id
    )
    SELECT g.product_id, g.batch_id, g.quantity, coalesce(b.back, 0), coalesce(b.claimed, 0)
    FROM gone g LEFT JOIN back b USING (batch_id) ORDER BY g.first
"""

# What came back by a return stands in no place that it was sold from; what came back otherwise was taken off what was sold last.
_SOLD_FROM = """
    WITH back AS (
        SELECT batch_location_id, sum(quantity_change) AS back
        FROM inventory_movement WHERE order_ref = %(ref)s AND type = 'return_to_stock' AND document_type <> 'return' GROUP BY batch_location_id
    ), gone AS (
        SELECT id, product_id, batch_id, batch_location_id, location_id, warehouse_id, -quantity_change AS quantity,
               sum(-quantity_change) OVER (PARTITION BY batch_location_id ORDER BY id DESC) AS upto
        FROM inventory_movement WHERE order_ref = %(ref)s AND type IN ('sale', 'offline_sale')
    )
    SELECT g.product_id, g.batch_id, g.batch_location_id, g.location_id, g.warehouse_id, least(g.quantity, g.upto - coalesce(b.back, 0))
    FROM gone g LEFT JOIN back b USING (batch_location_id) WHERE g.upto > coalesce(b.back, 0) ORDER BY g.id DESC
"""


class Shipped(NamedTuple):
    """So much of a batch left under an order; `back` of it has come back, and `claimed` of it stands in returns that are not completed."""

    product_id: int
    batch_id: int
    quantity: Decimal
    back: Decimal
    claimed: Decimal

    @property
    def free(self) -> Decimal:
        """How much a new return may name."""
        return self.quantity - self.back - self.claimed


def shipped_under(order_ref: str) -> list[Shipped]:
    """What the ledger sold under an order, batch by batch, in the order it left. One statement.

    Who decides on it holds the lock of the order's returns (`lock_returns_of`) and calls this after it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SHIPPED, {"ref": order_ref})
        return [Shipped(*row) for row in cursor.fetchall()]


def balance_of(rows: Sequence[Shipped]) -> dict[str, str]:
    """What these rows add up to, for a refusal."""
    return {
        "shipped": plain(sum((row.quantity for row in rows), ZERO)),
        "came_back": plain(sum((row.back for row in rows), ZERO)),
        "in_open_returns": plain(sum((row.claimed for row in rows), ZERO)),
    }


class SoldFrom(NamedTuple):
    """What one line of the ledger sold from a place and did not come back there; `out` of it may still be out."""

    product_id: int
    batch_id: int
    batch_location_id: int
    location_id: int
    warehouse_id: int
    out: Decimal

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)


def sold_from(order_ref: str) -> list[SoldFrom]:
    """The places that goods were sold from under an order and did not come back to, what was sold last first. One statement.

    Goods that came back by a return are still told here: `shipped_under` says how much of each batch is out.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SOLD_FROM, {"ref": order_ref})
        return [SoldFrom(*row) for row in cursor.fetchall()]


def places_sold_from(order_ref: str, batch_ids: Iterable[int]) -> list[tuple[BatchLocation, BatchLocation | PastClock]]:
    """Where goods of these batches lay when they left under an order, with batch and product at hand, and what keeps the clock that they left with.

    That is the place itself, unless it was emptied and filled again by other goods since: then the clock it had before that. Two statements at most.
    """
    past = PastClock.objects.filter(batch_location=OuterRef("batch_location"), last_movement_id__gte=OuterRef("pk"))
    sold = (
        Movement.objects.filter(order_ref=order_ref, type__in=SALES, batch__in=set(batch_ids))
        .annotate(past=Subquery(past.order_by("last_movement_id", "pk").values("pk")[:1]))
        .select_related("batch_location__batch__product")
        .order_by("batch_location", "pk")
    )
    found = {(line.batch_location_id, line.past): line.batch_location for line in sold}
    kept = PastClock.objects.in_bulk({pk for _, pk in found if pk is not None}) if any(pk for _, pk in found) else {}
    return [(row, kept[pk] if pk is not None else row) for (_, pk), row in found.items()]
