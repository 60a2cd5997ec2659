"""Mending the books when told to: the figures follow the ledger, and an audit shows what was changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.enums import AuditLineStatus, AuditScope, BlockedReason, DocumentType, MovementType
from inventory.locks import lock_reservations
from inventory.models import Audit, AuditLine, BatchLocation
from inventory.services.audit_completion import completed_event
from inventory.services.promises import update_items
from inventory.services.rebuild import Change, rebuild_stock
from inventory.stock.gate import StockKey
from inventory.stock.place import blocked_reason
from inventory.stock.post import Entry, Header, block, post
from warehouse.core.actor import Actor
from warehouse.core.documents import take
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

REASON = "repaired"

# What promises that are over still hold, of places whose reserved quantity is exactly that and what the active ones hold: else it is not known who is wrong.
_OUTLIVED = """
    WITH held AS (
        SELECT i.id, i.reservation_id, r.order_ref, i.batch_location_id AS place, b.product_id, i.quantity - i.consumed - i.released AS held,
               r.status <> 'active' AS over, b.reserved, sum(i.quantity - i.consumed - i.released) OVER (PARTITION BY i.batch_location_id) AS everything
        FROM inventory_batchlocation b
        JOIN inventory_reservationitem i ON i.batch_location_id = b.id AND i.quantity > i.consumed + i.released
        JOIN inventory_reservation r ON r.id = i.reservation_id
        WHERE b.warehouse_id = %s AND b.product_id = ANY(%s::bigint[])
    )
    SELECT id, reservation_id, order_ref, place, product_id, held FROM held WHERE over AND reserved = everything ORDER BY id
"""


class _Outlived(NamedTuple):
    """What an item of a promise that is over still holds."""

    item_id: int
    reservation_id: int
    order_ref: str
    place_id: int
    product_id: int
    held: Decimal


@operation()
def repair_stock(warehouse_id: int, product_ids: Sequence[int], *, actor: Actor) -> tuple[Audit, list[Change]] | None:
    """Mend the books of these products in a warehouse: places follow the ledger, totals follow the places, what promises that are over still hold is
    released, and why goods are not for sale is judged anew. Returns the audit that shows it, and what was changed; nothing when all was right.

    The ledger is right: it is only ever appended to, and nothing but a hand in the database changes a figure without it. What lies there says a count only.
    Takes the gates, then the reservations. Ledger `release`; events stock.changed, stock.low, stock.out, inventory.audit.completed. Raises LedgerImpossible
    where the ledger adds up to what can't be or is not whole.
    """
    changes = rebuild_stock.inside([StockKey(warehouse_id, product) for product in product_ids], actor=actor)
    outlived = _outlived(warehouse_id, product_ids)
    rows = _rows(warehouse_id, product_ids)
    reasons = _wrong_reasons(rows)
    if not changes and not outlived and not reasons:
        return None
    audit = Audit.objects.create(warehouse_id=warehouse_id, scope=AuditScope.PRODUCTS, blind=False, created_by_id=actor.user_id)
    audit.products.set(product_ids)
    changes += _release(audit, outlived, actor)
    changes += [
        Change("BatchLocation", pk, warehouse_id, rows[pk].product_id, "blocked_reason", rows[pk].blocked_reason, r) for pk, r in reasons.items()
    ]
    block(reasons, _header(audit, actor))
    lines = _write_lines(audit, changes, rows)
    take(audit, "start")
    take(audit, "complete")
    audit.started_at = audit.completed_at = timezone.now()
    audit.notes = "The books were repaired:\n" + "\n".join(told(change) for change in changes)
    audit.save_changes("status", "started_at", "completed_at", "notes")
    worth = [(line.currency, (line.difference or ZERO) * line.unit_cost) for line in lines]
    publish([completed_event(audit, worth, lines=len(lines), counted=0, differences=len(lines), repair=True)], actor=actor)
    return audit, changes


def told(change: Change) -> str:
    """A change for people."""
    return f"{change.table} {change.id}: {change.field} {change.was or 'none'} → {change.now or 'none'}"


def _header(audit: Audit, actor: Actor) -> Header:
    return Header(actor=actor, document_type=DocumentType.AUDIT, document_id=audit.pk, reason=REASON)


def _outlived(warehouse_id: int, product_ids: Sequence[int]) -> list[_Outlived]:
    with connection.cursor() as cursor:
        cursor.execute(_OUTLIVED, [warehouse_id, list(product_ids)])
        return [_Outlived(*row) for row in cursor.fetchall()]


def _rows(warehouse_id: int, product_ids: Sequence[int]) -> dict[int, BatchLocation]:
    rows = BatchLocation.objects.filter(warehouse=warehouse_id, product__in=product_ids).select_related("batch__product", "location")
    return {row.pk: row for row in rows}


def _wrong_reasons(rows: Mapping[int, BatchLocation]) -> dict[int, str]:
    """What is held back for another reason than there is. That time alone made goods unfit is no fault: the job sees to it."""
    now = timezone.now()
    wrong = {}
    for row in rows.values():
        right = blocked_reason(row.batch, row.location, row.effective_expires_at, now)
        passed = row.blocked_reason == BlockedReason.NONE and right == BlockedReason.EXPIRED
        if row.quantity > 0 and right != row.blocked_reason and not passed:
            wrong[row.pk] = str(right)
    return wrong


def _release(audit: Audit, outlived: Sequence[_Outlived], actor: Actor) -> list[Change]:
    by_reservation: dict[int, list[_Outlived]] = defaultdict(list)
    for item in outlived:
        by_reservation[item.reservation_id].append(item)
    for reservation in lock_reservations(by_reservation).values() if by_reservation else ():
        items = by_reservation[reservation.pk]
        header = Header(
            actor=actor,
            document_type=DocumentType.AUDIT,
            document_id=audit.pk,
            order_ref=reservation.order_ref,
            reservation_id=reservation.pk,
            reason=REASON,
        )
        post([Entry(item.place_id, MovementType.RELEASE, ZERO, -item.held) for item in items], header)
        update_items({item.item_id: (ZERO, item.held, None) for item in items})
        reservation.save_changes()
    return [
        Change("ReservationItem", item.item_id, audit.warehouse_id, item.product_id, f"held for {item.order_ref}", str(item.held), "0")
        for item in outlived
    ]


def _write_lines(audit: Audit, changes: Sequence[Change], rows: Mapping[int, BatchLocation]) -> list[AuditLine]:
    """A line for each place whose quantity was changed: what stood there, and what the ledger says."""
    lines = []
    for change in changes:
        if change.table == "BatchLocation" and change.field == "quantity":
            row = rows[change.id]
            was, now = Decimal(change.was), Decimal(change.now)
            lines.append(
                AuditLine(
                    audit=audit,
                    location=row.location,
                    product_id=row.product_id,
                    batch=row.batch,
                    lot_number=row.batch.lot_number,
                    phase=row.phase,
                    batch_location=row,
                    status=AuditLineStatus.COUNTED,
                    books_quantity=was,
                    counted_quantity=now,
                    difference=now - was,
                    unit_cost=row.batch.purchase_price,
                    currency=row.batch.currency,
                )
            )
    return AuditLine.objects.bulk_create(lines)
