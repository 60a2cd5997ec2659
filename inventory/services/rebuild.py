"""Computing the figures anew from the ledger."""

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

_KEYS = """
    SELECT warehouse_id, product_id FROM inventory_stock
    UNION SELECT warehouse_id, product_id FROM inventory_batchlocation
    ORDER BY 1, 2
"""

_PLACES = """
    SELECT b.id, b.warehouse_id, b.product_id, b.quantity, b.reserved, b.blocked_reason, coalesce(l.q, 0), coalesce(l.r, 0)
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_batchlocation b ON b.warehouse_id = k.warehouse_id AND b.product_id = k.product_id
    LEFT JOIN LATERAL (
        SELECT sum(m.quantity_change) AS q, sum(m.reserved_change) AS r FROM inventory_movement m WHERE m.batch_location_id = b.id
    ) l ON true
    ORDER BY b.id
"""

_TOTALS = f"""
    SELECT s.warehouse_id, s.product_id, s.id, s.quantity, s.reserved, s.blocked, s.status,
           {status_sql("s.available", "s.low_stock_threshold")}
    FROM unnest(%s::bigint[], %s::bigint[]) AS k (warehouse_id, product_id)
    JOIN inventory_stock s ON s.warehouse_id = k.warehouse_id AND s.product_id = k.product_id
"""


class LedgerImpossible(Conflict):
    """The ledger adds up to what can't be: less than nothing, or more promised than is there. `errors` lists every such place."""

    code = "ledger_impossible"
    title = "The ledger adds up to what can't be"

    def __init__(self, places: Sequence[_Place]) -> None:
        self.keys = frozenset(place.key for place in places)
        text = "; ".join(
            f"place {p.id} (warehouse {p.warehouse_id}, product {p.product_id}): quantity {p.ledger_quantity}, reserved {p.ledger_reserved}"
            for p in places
        )
        errors = [
            {
                "constraint": "batch_location_reserved_within_quantity",
                "batch_location": place.id,
                "warehouse": place.warehouse_id,
                "product": place.product_id,
                "quantity": str(place.ledger_quantity),
                "reserved": str(place.ledger_reserved),
            }
            for place in places
        ]
        super().__init__(f"0 ≤ reserved ≤ quantity would not hold. {text}. Mend the ledger with an adjustment first.", errors=errors)


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

    @property
    def key(self) -> StockKey:
        return StockKey(self.warehouse_id, self.product_id)


@operation()
def rebuild_stock(keys: Sequence[StockKey], *, actor: Actor, dry_run: bool = False) -> list[Change]:
    """Compute quantity and reserved of every place of these products from the ledger, and the totals from those; returns what was wrong.

    Takes the gates; three statements to look, one to write. Emits stock.changed, stock.low, stock.out where what is available changes. With `dry_run`
    nothing is written. Raises LedgerImpossible, naming every place, when the result would break 0 ≤ reserved ≤ quantity: then nothing is changed.
    """
    lock_stock(keys, create=not dry_run)
    places = [_Place(*row) for row in _read(_PLACES, keys)]
    impossible = [place for place in places if not 0 <= place.ledger_reserved <= place.ledger_quantity]
    if impossible:
        raise LedgerImpossible(impossible)
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
