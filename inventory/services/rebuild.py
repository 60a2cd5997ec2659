"""Computing the figures anew from the ledger, where it can be trusted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from inventory.models.stock import status_sql
from inventory.stock.gate import StockKey, lock_stock
from inventory.stock.post import Header, rebuild
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import operation

AT_ONCE = 100

# What a ledger breaks that figures can't follow: a constraint of the database, or a rule that `reconcile_stock` proves.
LIMITS, CHAIN, COPIES, PROMISES = "batch_location_reserved_within_quantity", "chain", "copies", "promises"

_KEYS = """
    SELECT warehouse_id, product_id FROM inventory_stock
    UNION SELECT warehouse_id, product_id FROM inventory_batchlocation
    ORDER BY 1, 2
"""

# Beside the figures, what shows that the ledger of a place is not whole: its lines do not follow each other, they or the place name something else than
# their own, or active promises hold more there than it says.
_PLACES = """
    SELECT b.id, b.warehouse_id, b.product_id, b.quantity, b.reserved, b.blocked_reason, coalesce(l.q, 0), coalesce(l.r, 0), coalesce(l.torn, false),
           coalesce(l.strange, false) OR (b.product_id, b.warehouse_id) <> (t.product_id, p.warehouse_id), coalesce(h.held, 0)
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_batchlocation b ON b.warehouse_id = k.warehouse_id AND b.product_id = k.product_id
    JOIN inventory_batch t ON t.id = b.batch_id JOIN inventory_location p ON p.id = b.location_id
    LEFT JOIN LATERAL (
        SELECT sum(quantity_change) AS q, sum(reserved_change) AS r,
               bool_or(quantity_before <> quantity_then OR quantity_after <> quantity_before + quantity_change
                       OR reserved_after <> reserved_then + reserved_change) AS torn,
               bool_or((product_id, warehouse_id, batch_id, location_id) <> (b.product_id, b.warehouse_id, b.batch_id, b.location_id)) AS strange
        FROM (
            SELECT m.*, coalesce(lag(quantity_after) OVER line, 0) AS quantity_then, coalesce(lag(reserved_after) OVER line, 0) AS reserved_then
            FROM inventory_movement m WHERE m.batch_location_id = b.id WINDOW line AS (ORDER BY id)
        ) m
    ) l ON true
    LEFT JOIN LATERAL (
        SELECT sum(i.quantity - i.consumed - i.released) AS held
        FROM inventory_reservationitem i JOIN inventory_reservation r ON r.id = i.reservation_id AND r.status = 'active' WHERE i.batch_location_id = b.id
    ) h ON true
    ORDER BY b.id
"""

# Lines that say they are of these products, at a place that is of others: which of them was meant is not known.
_STRAYS = """
    SELECT m.batch_location_id, m.warehouse_id, m.product_id, m.id
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_movement m ON m.warehouse_id = k.warehouse_id AND m.product_id = k.product_id
    LEFT JOIN inventory_batchlocation b ON b.id = m.batch_location_id
    WHERE (b.product_id, b.warehouse_id) IS DISTINCT FROM (m.product_id, m.warehouse_id)
    ORDER BY m.id
"""

_TOTALS = f"""
    SELECT s.warehouse_id, s.product_id, s.id, s.quantity, s.reserved, s.blocked, s.status,
           {status_sql("s.available", "s.low_stock_threshold")}
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_stock s ON s.warehouse_id = k.warehouse_id AND s.product_id = k.product_id
"""


class LedgerImpossible(Conflict):
    """The ledger adds up to what can't be (less than nothing, or more promised than is there), or is not whole. `errors` lists every such place."""

    code = "ledger_impossible"
    title = "The ledger adds up to what can't be"

    def __init__(self, places: Sequence[_Place], strays: Sequence[_Stray]) -> None:
        self.keys = frozenset([*(place.key for place in places), *(stray.key for stray in strays)])
        text = [
            f"place {p.id} (warehouse {p.warehouse_id}, product {p.product_id}): quantity {p.ledger_quantity}, reserved {p.ledger_reserved}: {p.fault}"
            for p in places
        ] + [f"place {s.place_id}: line {s.id} says that it is of product {s.product_id} in warehouse {s.warehouse_id}" for s in strays]
        errors: list[dict[str, Any]] = [
            {
                "constraint": place.fault,
                "batch_location": place.id,
                "warehouse": place.warehouse_id,
                "product": place.product_id,
                "quantity": str(place.ledger_quantity),
                "reserved": str(place.ledger_reserved),
            }
            for place in places
        ] + [{"constraint": COPIES, "batch_location": s.place_id, "warehouse": s.warehouse_id, "product": s.product_id, "line": s.id} for s in strays]
        super().__init__(f"No figure can follow this ledger. {'; '.join(text)}. Find out what is true, and mend the ledger first.", errors=errors)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that was not what the ledger says."""

    table: str
    id: int
    warehouse_id: int
    product_id: int
    field: str
    was: str
    now: str

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


class _Place(NamedTuple):
    id: int
    warehouse_id: int
    product_id: int
    quantity: Decimal
    reserved: Decimal
    blocked_reason: str
    ledger_quantity: Decimal
    ledger_reserved: Decimal
    torn: bool
    strange: bool
    held: Decimal

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)

    @property
    def fault(self) -> str:
        """What its ledger breaks, if anything: the first rule of those that there are."""
        if not 0 <= self.ledger_reserved <= self.ledger_quantity:
            return LIMITS
        if self.torn:
            return CHAIN
        if self.strange:
            return COPIES
        return PROMISES if self.ledger_reserved < self.held else ""


class _Stray(NamedTuple):
    place_id: int
    warehouse_id: int
    product_id: int
    id: int

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)


@operation()
def rebuild_stock(keys: Sequence[StockKey], *, actor: Actor, dry_run: bool = False) -> list[Change]:
    """Compute quantity and reserved of every place of these products from the ledger, and the totals from those; returns what was wrong.

    Takes the gates; four statements to look, one to write. Emits stock.changed, stock.low, stock.out where what is available changes. With `dry_run`
    nothing is written. Raises LedgerImpossible, naming every place, when the result would break 0 ≤ reserved ≤ quantity or promise again what active
    promises hold, and where the ledger itself is not whole: a figure that followed it would be as wrong as it is. Then nothing is changed.
    """
    lock_stock(keys, create=not dry_run)
    places = [_Place(*row) for row in _read(_PLACES, keys)]
    impossible = [place for place in places if place.fault]
    strays = [_Stray(*row) for row in _read(_STRAYS, keys)]
    if impossible or strays:
        raise LedgerImpossible(impossible, strays)
    wrong = {
        place.id: (place.ledger_quantity, place.ledger_reserved)
        for place in places
        if (place.quantity, place.reserved) != (place.ledger_quantity, place.ledger_reserved)
    }
    changes = [
        Change("BatchLocation", place.id, *place.key, field, str(was), str(now))
        for place in places
        for field, was, now in (("quantity", place.quantity, place.ledger_quantity), ("reserved", place.reserved, place.ledger_reserved))
        if was != now
    ]
    sums: dict[StockKey, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for place in places:
        free = place.ledger_quantity - place.ledger_reserved
        for index, amount in enumerate((place.ledger_quantity, place.ledger_reserved, free if place.blocked_reason else ZERO)):
            sums[place.key][index] += amount
    totals: dict[StockKey, tuple[Decimal, Decimal, Decimal]] = {}
    for warehouse, product, pk, quantity, reserved, blocked, status, right_status in _read(_TOTALS, keys):
        key = StockKey(warehouse, product)
        stored, right = (quantity, reserved, blocked), sums[key]
        if list(stored) != right or status != right_status:
            totals[key] = (right[0] - quantity, right[1] - reserved, right[2] - blocked)
        for field, was, now in zip(("quantity", "reserved", "blocked"), stored, right, strict=True):
            if was != now:
                changes.append(Change("Stock", pk, *key, field, str(was), str(now)))
        if list(stored) == right and status != right_status:
            changes.append(Change("Stock", pk, *key, "status", status, right_status))
    if not dry_run:
        rebuild(wrong, totals, Header(actor=actor))
    return changes


def rebuild_everything(*, actor: Actor, dry_run: bool, refused: Callable[[LedgerImpossible], None]) -> Iterator[list[Change]]:
    """Rebuild all products, some at a time, each lot of them in its own transaction; yields what each lot changed.

    Products whose ledger is impossible are told to `refused` and left as they are; the others of their lot are rebuilt.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEYS)
        keys = [StockKey(*row) for row in cursor.fetchall()]
    for start in range(0, len(keys), AT_ONCE):
        lot = keys[start : start + AT_ONCE]
        try:
            yield rebuild_stock(lot, actor=actor, dry_run=dry_run)
        except LedgerImpossible as error:
            refused(error)
            yield rebuild_stock([key for key in lot if key not in error.keys], actor=actor, dry_run=dry_run)


def _read(sql: str, keys: Sequence[StockKey]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [[key.warehouse_id for key in keys], [key.product_id for key in keys]])
        return cursor.fetchall()
