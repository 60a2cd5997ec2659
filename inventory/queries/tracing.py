"""Where a lot comes from, where it is, and who got it: along its family (child lots, mixes) and its ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, models

from inventory.enums import DocumentType, MovementType
from inventory.models import Audit, Batch, BatchLocation, OfflineSale, Receiving, Return, Transfer, Warehouse, WriteOff
from inventory.models.stock import StockKey
from inventory.queries.lot_families import made_of, makers_by_lot, makers_of
from inventory.queries.promises import holders_of
from warehouse.core.errors import NotFound
from warehouse.core.quantities import ZERO, plain

_LEDGER = """
    SELECT m.batch_id, m.type, m.document_type, m.document_id, m.order_ref, m.warehouse_id, sum(m.quantity_change), max(m.occurred_at)
    FROM inventory_movement m
    WHERE m.batch_id = ANY(%s::bigint[]) AND m.quantity_change <> 0 AND m.type <> ALL(%s::text[])
    GROUP BY m.batch_id, m.type, m.document_type, m.document_id, m.order_ref, m.warehouse_id
    HAVING sum(m.quantity_change) <> 0
    ORDER BY min(m.id)
"""
# Goods that only changed their place or phase inside the house are seen where they lie.
_INSIDE = [MovementType.PICK, MovementType.PUT_BACK, MovementType.PHASE_CHANGE]
_SOLD = {MovementType.SALE, MovementType.OFFLINE_SALE}
_MOVED = {MovementType.TRANSFER_OUT, MovementType.TRANSFER_IN}

# What came back by a return is what its lines say: the ledger may name a child lot there, or quarantine. What came back otherwise is what the ledger says.
_SHIPPED = """
    WITH gone AS (
        SELECT order_ref, batch_id, -sum(quantity_change) AS quantity, max(occurred_at) AS at, min(id) AS first,
               (array_agg(warehouse_id ORDER BY id))[1] AS warehouse_id
        FROM inventory_movement WHERE batch_id = ANY(%(lots)s::bigint[]) AND type IN ('sale', 'offline_sale') AND order_ref <> ''
        GROUP BY order_ref, batch_id
    ), back AS (
        SELECT order_ref, batch_id, sum(quantity) AS quantity FROM (
            SELECT order_ref, batch_id, quantity_change AS quantity FROM inventory_movement
            WHERE batch_id = ANY(%(lots)s::bigint[]) AND type = 'return_to_stock' AND document_type <> 'return'
            UNION ALL
            SELECT r.order_ref, i.batch_id, i.quantity FROM inventory_returnitem i JOIN inventory_return r ON r.id = i.return_document_id
            WHERE i.batch_id = ANY(%(lots)s::bigint[]) AND r.status = 'completed'
        ) x GROUP BY order_ref, batch_id
    )
    SELECT g.order_ref, g.warehouse_id, g.batch_id, b.lot_number, g.quantity, coalesce(k.quantity, 0), g.at
    FROM gone g JOIN inventory_batch b ON b.id = g.batch_id LEFT JOIN back k ON k.order_ref = g.order_ref AND k.batch_id = g.batch_id
    ORDER BY g.first
"""


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot of the family, and how it belongs to it: `made_of` are the lots it came from, with how much of each went into it where a mix says so."""

    id: int
    lot_number: str
    sku: str
    status: str
    status_reason: str
    supplier: str
    produced_on: date | None
    label_expires_on: date | None
    received_at: datetime
    made_of: tuple[tuple[int, str, Decimal | None], ...] = ()


@dataclass(frozen=True, slots=True)
class LotPlace:
    """Where some of a lot lies now."""

    batch_location_id: int
    lot_id: int
    lot_number: str
    warehouse: str
    location: str
    phase: str
    quantity: Decimal
    reserved: Decimal
    blocked_reason: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class LotPromise:
    """An order that waits for goods of a lot; once picking has started they are on their way into its parcel."""

    reservation_id: int
    order_ref: str
    lot_id: int
    lot_number: str
    warehouse: str
    location: str
    quantity: Decimal
    picking_started: bool


@dataclass(frozen=True, slots=True)
class LotStep:
    """What the ledger says came to a lot (positive) or left it (negative) by one document in one warehouse."""

    type: str
    lot_id: int
    lot_number: str
    warehouse: str
    quantity: Decimal
    document_type: str
    document_id: int | None
    document: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShippedOrder:
    """Who got goods of a lot: what was sold under an order reference, and what of it came back."""

    order_ref: str
    warehouse_id: int
    lot_id: int
    lot_number: str
    quantity: Decimal
    returned: Decimal
    at: datetime

    @property
    def kept(self) -> Decimal:
        """What the customer still has."""
        return self.quantity - self.returned


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole way of a lot: the lots it was made of, itself and what was made of it, and where all of that came from, lies, and went."""

    lot: Lot
    made_of: tuple[Lot, ...]
    made_into: tuple[Lot, ...]
    received: tuple[LotStep, ...]
    places: tuple[LotPlace, ...]
    promised: tuple[LotPromise, ...]
    shipped: tuple[ShippedOrder, ...]
    steps: tuple[LotStep, ...]
    warehouses: Mapping[int, str]


def trace_batch(batch_id: int) -> Trace:
    """Where from (suppliers, deliveries, the lots it was made of), where it is, where to (orders, write-offs, transfers, the lots made of it).

    Reads without locks, the number of statements does not grow with the family or the ledger. A mix passes on all that it was made of: orders that got
    some of it are listed for each of its components. Raises NotFound.
    """
    back, forth = makers_of([batch_id]), made_of([batch_id])
    lots = _lots(back | forth)
    if batch_id not in lots:
        raise NotFound(f"There is no batch {batch_id}.", batch=batch_id)
    sites = dict(Warehouse.objects.values_list("pk", "code"))
    steps = _steps(lots, sites)
    return Trace(
        lot=lots[batch_id],
        made_of=tuple(lots[pk] for pk in sorted(back - {batch_id})),
        made_into=tuple(lots[pk] for pk in sorted(forth - {batch_id})),
        received=tuple(step for step in steps if step.type == MovementType.RECEIVING and step.lot_id in back | {batch_id}),
        places=tuple(places_of_lots(forth)),
        promised=tuple(promised_lots(forth)),
        shipped=tuple(shipped_orders(forth)),
        steps=tuple(step for step in steps if step.lot_id in forth and step.type not in (MovementType.RECEIVING, *_SOLD)),
        warehouses=sites,
    )


def keys_of_lots(batch_ids: Collection[int]) -> set[StockKey]:
    """Which totals goods of these lots are part of. One statement."""
    rows = BatchLocation.objects.filter(batch__in=batch_ids, has_stock=True).values_list("warehouse_id", "product_id").distinct()
    return {StockKey(*row) for row in rows}


def places_of_lots(batch_ids: Collection[int]) -> list[LotPlace]:
    """Where goods of these lots lie. One statement."""
    rows = BatchLocation.objects.filter(batch__in=batch_ids, has_stock=True).select_related("batch", "warehouse", "location")
    return [
        LotPlace(
            row.pk,
            row.batch_id,
            row.batch.lot_number,
            row.warehouse.code,
            row.location.code,
            row.phase,
            row.quantity,
            row.reserved,
            row.blocked_reason,
            row.effective_expires_at,
        )
        for row in rows.order_by("warehouse__code", "location__code", "batch", "pk")
    ]


def promised_lots(batch_ids: Collection[int]) -> list[LotPromise]:
    """Which orders wait for goods of these lots, the newest promise first. Two statements."""
    rows = {row.pk: row for row in BatchLocation.objects.filter(batch__in=batch_ids, reserved__gt=0).select_related("batch", "warehouse", "location")}
    return [
        LotPromise(
            holder.reservation_id,
            holder.order_ref,
            rows[holder.batch_location_id].batch_id,
            rows[holder.batch_location_id].batch.lot_number,
            rows[holder.batch_location_id].warehouse.code,
            rows[holder.batch_location_id].location.code,
            holder.held,
            holder.started,
        )
        for holder in holders_of(rows)
    ]


def shipped_orders(batch_ids: Collection[int]) -> list[ShippedOrder]:
    """Which orders (and receipts of tills) got goods of these lots, from the ledger. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SHIPPED, {"lots": sorted(batch_ids)})
        return [ShippedOrder(*row) for row in cursor.fetchall()]


def _lots(batch_ids: Collection[int]) -> dict[int, Lot]:
    rows = {row.pk: row for row in Batch.objects.filter(pk__in=batch_ids).select_related("product", "supplier")}
    makers = makers_by_lot(batch_ids)
    names = dict(Batch.objects.filter(pk__in={maker for made in makers.values() for maker in made}).values_list("pk", "lot_number"))
    return {
        pk: Lot(
            pk,
            row.lot_number,
            row.product.sku,
            row.status,
            row.status_reason,
            row.supplier.code if row.supplier else "",
            row.produced_on,
            row.label_expires_on,
            row.received_at,
            tuple((maker, names[maker], quantity) for maker, quantity in makers[pk].items()),
        )
        for pk, row in rows.items()
    }


def _steps(lots: Mapping[int, Lot], sites: Mapping[int, str]) -> list[LotStep]:
    with connection.cursor() as cursor:
        cursor.execute(_LEDGER, [sorted(lots), [str(kind) for kind in _INSIDE]])
        rows = [row for row in cursor.fetchall() if row[1] not in _MOVED or row[2]]
    names = _document_names({(row[2], row[3]) for row in rows if row[3] is not None})
    return [
        LotStep(
            kind, batch, lots[batch].lot_number, sites[site], quantity, document_type, document, names.get((document_type, document), order_ref), at
        )
        for batch, kind, document_type, document, order_ref, site, quantity, at in rows
    ]


def _document_names(papers: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """What people call these papers, by (type, id): at most one statement for each type."""
    numbered: dict[str, tuple[type[models.Model], str]] = {
        DocumentType.RECEIVING: (Receiving, "number"),
        DocumentType.TRANSFER: (Transfer, "number"),
        DocumentType.WRITE_OFF: (WriteOff, "number"),
        DocumentType.RETURN: (Return, "number"),
        DocumentType.AUDIT: (Audit, "number"),
        DocumentType.OFFLINE_SALE: (OfflineSale, "receipt_number"),
        DocumentType.MIXED_BATCH: (Batch, "lot_number"),
    }
    wanted: dict[str, set[int]] = defaultdict(set)
    for kind, pk in papers:
        wanted[kind].add(pk)
    result = {}
    for kind, ids in wanted.items():
        if kind in numbered:
            model, name = numbered[kind]
            for pk, number in model._default_manager.filter(pk__in=ids).values_list("pk", name):
                result[kind, pk] = number
    return result


def as_facts(orders: Iterable[ShippedOrder]) -> list[dict[str, Any]]:
    """Shipped orders of which the customer still has something, as events and answers tell them."""
    return [
        {"order_ref": o.order_ref, "lot": o.lot_number, "quantity": plain(o.kept), "shipped_at": o.at.isoformat()} for o in orders if o.kept > ZERO
    ]
