"""A shop that says how much of a product there is: an audit of that product, made and completed at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone

from inventory.enums import AuditLineStatus, AuditScope, BatchStatus, LocationKind
from inventory.locks import share_batches, share_products
from inventory.models import Audit, AuditLine, BatchLocation
from inventory.queries.audits import books_of, lines_of
from inventory.queries.promises import holders_of
from inventory.queries.stock import require_site
from inventory.services.audit_completion import book_counts
from inventory.services.audit_counts import write_counts
from inventory.services.audits import list_lines
from inventory.stock import fefo
from inventory.stock.gate import Gate, StockKey, lock_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import Conflict, NotFound
from warehouse.core.quantities import ZERO, require_line
from warehouse.core.transactions import StartAgain, operation


@operation(Role.SELLER, Role.AUDITOR)
def adjust_stock(warehouse_id: int, product_id: int, new_quantity: Decimal, *, reason: str, actor: Actor) -> Audit:
    """Say how much of a product is in a warehouse now (what is on its way there does not count): a completed audit of all its lots.

    What is missing leaves by FEFO, free goods first, then promised ones, the newest promises first; a surplus joins the newest batch in stock, else the
    newest that ever was. Locks the product and its batches FOR SHARE, then the gate. Ledger `adjustment`, events as `complete_audit`. Raises GoodsPromised
    where what is missing is being picked, Conflict for a surplus of what never was here.
    """
    require_site(warehouse_id, actor)
    reason = require_reason(reason, needed=False)
    product = share_products([product_id]).get(product_id)
    if product is None:
        raise NotFound(f"There is no product {product_id}.", product=product_id)
    require_line(new_quantity, product.quantity_step, sku=product.sku, field="new_quantity")
    key = StockKey(warehouse_id, product_id)
    batches = share_batches(set(_rows(key).values_list("batch_id", flat=True)))
    gate = lock_stock([key], create=True)
    rows = {row.pk: row for row in _rows(key).select_related("location", "batch")}
    if not {row.batch_id for row in rows.values()} <= set(batches):
        raise StartAgain
    audit = Audit.objects.create(warehouse_id=warehouse_id, scope=AuditScope.PRODUCTS, blind=False, notes=reason, created_by_id=actor.user_id)
    audit.products.set([product_id])
    take(audit, "start")
    audit.started_at = timezone.now()
    list_lines(audit)
    changes = _plan(gate, key, rows, new_quantity)
    _list_empty_place(audit, rows, changes)
    lines = list(lines_of(audit))
    _count(lines, changes, actor)
    take(audit, "complete")
    for batch in batches.values():
        batch.product = product
    book_counts(audit, lines, {line.pk: batches[line.batch_id or 0] for line in lines}, gate, actor=actor, reason=reason)
    return audit


def _rows(key: StockKey) -> QuerySet[BatchLocation]:
    return BatchLocation.objects.filter(warehouse=key.warehouse_id, product=key.product_id).exclude(location__kind=LocationKind.TRANSIT)


def _plan(gate: Gate, key: StockKey, rows: Mapping[int, BatchLocation], new_quantity: Decimal) -> dict[int, Decimal]:
    """What changes in which BatchLocation so that all of them together hold the new quantity."""
    difference = new_quantity - sum((row.quantity for row in rows.values()), ZERO)
    if difference < 0:
        return _losses(rows, -difference, gate[key].rotation)
    return {_newest(rows.values(), gate[key].sku): difference} if difference else {}


def _losses(rows: Mapping[int, BatchLocation], missing: Decimal, rotation: str) -> dict[int, Decimal]:
    """By the order of leaving: free goods, then what is promised but not being picked, then (to be refused by name) what is."""
    promised: dict[int, Decimal] = defaultdict(Decimal)
    for holder in holders_of(rows):
        if not holder.started:
            promised[holder.batch_location_id] += holder.held
    free = {row.pk: row.quantity - row.reserved for row in rows.values()}
    picked = {row.pk: row.reserved - promised[row.pk] for row in rows.values()}
    order = [candidate.batch_location_id for candidate in fefo.leaving_order(map(_candidate, rows.values()), rotation)]
    losses: dict[int, Decimal] = defaultdict(Decimal)
    for amounts in (free, promised, picked):
        for place in order:
            taken = min(missing, amounts[place])
            if taken > 0:
                losses[place] -= taken
                missing -= taken
    return losses


def _candidate(row: BatchLocation) -> fefo.Candidate:
    return fefo.Candidate(
        row.pk,
        row.warehouse_id,
        row.product_id,
        row.batch_id,
        row.location_id,
        row.quantity - row.reserved,
        row.effective_expires_at,
        row.received_at,
        row.blocked_reason,
    )


def _newest(rows: Iterable[BatchLocation], sku: str) -> int:
    usable = [row for row in rows if row.location.is_active]
    if not usable:
        raise Conflict(f"{sku} never was in this warehouse: receive it, so that its lot and its date are known.", sku=sku)
    best = max(
        usable,
        key=lambda row: (
            row.quantity > 0,
            row.batch.status == BatchStatus.AVAILABLE,
            row.batch.received_at,
            row.batch_id,
            row.location.is_pickable,
            row.pk,
        ),
    )
    return best.pk


def _list_empty_place(audit: Audit, rows: Mapping[int, BatchLocation], changes: Mapping[int, Decimal]) -> None:
    """A surplus where the books have nothing is a line of its own."""
    for place in changes:
        row = rows[place]
        if not row.quantity:
            AuditLine.objects.create(
                audit=audit,
                location=row.location,
                product_id=row.product_id,
                batch=row.batch,
                lot_number=row.batch.lot_number,
                label_expires_on=row.batch.label_expires_on,
                produced_on=row.batch.produced_on,
                phase=row.phase,
                batch_location=row,
                found=True,
            )


def _count(lines: Sequence[AuditLine], changes: Mapping[int, Decimal], actor: Actor) -> None:
    books = books_of(line.pk for line in lines)
    now = timezone.now()
    for line in lines:
        there = books[line.pk]
        line.status = AuditLineStatus.COUNTED
        line.scanned_at, line.scanned_by_id = now, actor.user_id
        line.books_quantity, line.books_version = there.quantity, there.version
        line.counted_quantity = there.quantity + changes.get(there.batch_location_id or 0, ZERO)
        line.counted_by_id, line.counted_at = actor.user_id, now
    write_counts(lines)
