"""The moment when counted differences come onto the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from inventory import events
from inventory.enums import AuditLineStatus, DocumentType, MovementType, Uncounted
from inventory.errors import CountAgain
from inventory.locks import lock_audit, share_batches, share_products
from inventory.models import Audit, AuditLine, Batch, BatchLocation
from inventory.models.batches import lot_key
from inventory.queries.audits import Books, books_of, lines_of
from inventory.queries.lots import lot_ids
from inventory.services.audit_counts import BELOW_ZERO, difference_of
from inventory.services.count_requests import close_counted
from inventory.services.reallocation import free_up
from inventory.stock import shelf_life
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.place import Arrival, clock_of, lives_of, lives_of_products, place
from inventory.stock.post import Entry, Header, post
from inventory.stock.shelf_life import Clock, Lives
from warehouse.core.actor import Actor, Role
from warehouse.core.columns import write_columns
from warehouse.core.documents import take
from warehouse.core.quantities import ZERO, plain
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish

_BOOKED = ("difference", "batch_id", "batch_location_id", "unit_cost", "currency")


@dataclass(slots=True)
class _Change:
    """What a counted line does to the books as they are now."""

    line: AuditLine
    difference: Decimal
    batch: Batch
    books: Books
    place: int | None = None


@operation(Role.AUDITOR)
def complete_audit(audit_id: int, *, actor: Actor, uncounted: str = Uncounted.UNTOUCHED, expected_version: int | None = None) -> Audit:
    """Book what was counted: each line's count less the books at the moment of counting, applied to what the books say now. What moved meanwhile stays;
    what another count has booked there meanwhile is not booked again.

    Lines without a count stay untouched, or (`uncounted="zero"`) nothing is there of what was listed. Locks the audit, products and batches FOR SHARE, then
    the gates; from promises that lie on what is missing the newest give way. Requests to count what was counted are closed. Ledger `adjustment`; events
    stock.changed, stock.reallocated, inventory.audit.completed. A number of statements that does not grow with the lines. Raises CountAgain naming every
    line that is to be counted again, GoodsPromised where what is missing is being picked.
    """
    require_one_of(uncounted, Uncounted.values, field="uncounted")
    audit = lock_audit(audit_id, expected_version)
    take(audit, "complete")
    audit.uncounted = uncounted
    lines = list(lines_of(audit))
    _refuse_recounts(lines)
    chosen = [line for line in lines if line.status == AuditLineStatus.COUNTED or uncounted == Uncounted.ZERO]
    share_products({line.product_id for line in chosen})
    batches = _batches(audit, chosen)
    gate = lock_stock({StockKey(audit.warehouse_id, line.product_id) for line in chosen}, create=True)
    book_counts(audit, lines, batches, gate, actor=actor)
    close_counted(audit, audit.completed_at or timezone.now())
    return audit


def book_counts(audit: Audit, lines: Sequence[AuditLine], batches: Mapping[int, Batch], gate: Gate, *, actor: Actor, reason: str = "") -> None:
    """Book the counted lines of an audit that has taken its last step, behind the gates, and save it; `batches` by line, locked FOR SHARE.

    Lines that nobody counted are taken for empty if the audit says so. Raises CountAgain for counts that the books have overtaken.
    """
    now = timezone.now()
    books = books_of(line.pk for line in lines)
    changes = []
    for line in lines:
        if line.status == AuditLineStatus.COUNTED or audit.uncounted == Uncounted.ZERO:
            there = books[line.pk]
            changes.append(_Change(line, difference_of(line, there), batches[line.pk], there, there.batch_location_id))
    _refuse_below_zero(changes)
    _place_found(audit, changes, now, actor)
    header = Header(actor=actor, document_type=DocumentType.AUDIT, document_id=audit.pk, reason=reason)
    _post(changes, gate, header, reason or f"counted by {audit.number}")
    _write_back(changes)
    audit.completed_at = now
    audit.save_changes("status", "uncounted", "started_at", "completed_at")
    publish([_completed(audit, lines, changes)], actor=actor)


def _refuse_recounts(lines: Sequence[AuditLine]) -> None:
    again = [line for line in lines if line.status == AuditLineStatus.RECOUNT]
    if again:
        raise _count_again(again, [line.recount_reason for line in again])


def _refuse_below_zero(changes: Sequence[_Change]) -> None:
    below = [change.line for change in changes if change.books.quantity + change.difference < 0]
    if below:
        raise _count_again(below, [BELOW_ZERO for _ in below])


def _count_again(lines: Sequence[AuditLine], reasons: Sequence[str]) -> CountAgain:
    errors = [
        {"line": line.pk, "location": line.location.code, "sku": line.product.sku, "lot": line.lot_number, "why": why}
        for line, why in zip(lines, reasons, strict=True)
    ]
    places = sorted({line.location.code for line in lines})
    named = ", ".join(places[:10]) + (f" and {len(places) - 10} more" if len(places) > 10 else "")
    return CountAgain(f"{len(lines)} lines are to be counted again: scan {named} anew.", errors=errors)


def _batches(audit: Audit, lines: Collection[AuditLine]) -> dict[int, Batch]:
    """The batch of each line, by the line's id: known lots FOR SHARE, the others (of found goods) new, at the price of the product's newest batch."""
    keys = {line.pk: lot_key(line.product_id, line.lot_number) for line in lines}
    wanted = {line.batch_id for line in lines if line.batch_id is not None} | lot_ids(keys[line.pk] for line in lines if line.batch_id is None)
    known = {lot_key(batch.product_id, batch.lot_number): batch for batch in share_batches(wanted).values()}
    missing = [line for line in lines if keys[line.pk] not in known]
    if missing:
        known |= _new_batches(audit, missing)
    for line in lines:
        known[keys[line.pk]].product = line.product
    return {line.pk: known[keys[line.pk]] for line in lines}


def _new_batches(audit: Audit, lines: Collection[AuditLine]) -> dict[tuple[int, str], Batch]:
    now = timezone.now()
    newest = {
        batch.product_id: batch for batch in Batch.objects.filter(product__in={line.product_id for line in lines}).order_by("received_at", "pk")
    }
    lives = lives_of_products({line.product_id: line.product for line in lines}.values())
    fresh: dict[tuple[int, str], Batch] = {}
    for line in lines:
        key = lot_key(line.product_id, line.lot_number)
        if key in fresh:
            continue
        condition = line.location.condition or shelf_life.usual_condition(lives[line.product_id])
        like = newest.get(line.product_id)
        end = shelf_life.end_of_day(line.label_expires_on, audit.warehouse.time_zone)
        fresh[key] = Batch(
            product=line.product,
            lot_number=line.lot_number,
            produced_on=line.produced_on,
            label_expires_on=line.label_expires_on,
            label_condition=condition,
            label_life=shelf_life.label_life(Lives(lives[line.product_id]), now, end, condition),
            received_at=now,
            **({"purchase_price": like.purchase_price, "currency": like.currency, "supplier_id": like.supplier_id} if like else {}),
        )
    Batch.objects.bulk_create(fresh.values())
    return fresh


def _place_found(audit: Audit, changes: Sequence[_Change], now: datetime, actor: Actor) -> None:
    """Make the places of what was found where the books have nothing, each with its clock: that of the batch elsewhere, or what the label says."""
    found = [change for change in changes if change.difference > 0 and not change.books.quantity]
    if not found:
        return
    lives = lives_of(change.batch for change in found)
    clocks = _clocks(found, lives)
    arrivals = []
    for change in found:
        clock = clocks.get(change.line.pk)
        if clock is None:
            clock = _from_label(audit, change, lives[change.batch.pk], now)
        moved = clock.moved(lives[change.batch.pk], now, change.line.location.condition)
        arrivals.append(Arrival(change.batch, change.line.location, change.line.phase, moved, change.batch.received_at))
    for change, spot in zip(found, place(arrivals, lives, actor=actor), strict=True):
        change.place = spot


def _clocks(found: Sequence[_Change], lives: Mapping[int, Lives]) -> dict[int, Clock]:
    """The clock of each line: that of its own row where the books had some once, else the one of the same batch and phase that expires first."""
    rows: dict[tuple[int, str], list[BatchLocation]] = defaultdict(list)
    for row in BatchLocation.objects.filter(batch__in={change.batch.pk for change in found}):
        rows[row.batch_id, row.phase].append(row)
    clocks: dict[int, Clock] = {}
    for change in found:
        known = rows[change.batch.pk, change.line.phase]
        own = [row for row in known if row.pk == change.books.batch_location_id]
        dated = [(row.effective_expires_at is None, row.effective_expires_at, row.pk, row) for row in own or known]
        if dated:
            clocks[change.line.pk] = clock_of(min(dated, key=lambda each: (each[0], each[1] or each[3].received_at, each[2]))[3])
    return clocks


def _from_label(audit: Audit, change: _Change, lives: Lives, now: datetime) -> Clock:
    zone = audit.warehouse.time_zone
    batch = change.batch
    return shelf_life.received(
        lives,
        now,
        condition=change.line.location.condition,
        expires_at=shelf_life.end_of_day(batch.label_expires_on, zone),
        produced_at=shelf_life.end_of_day(batch.produced_on, zone),
    )


def _post(changes: Sequence[_Change], gate: Gate, header: Header, reason: str) -> None:
    """Surpluses and what is missing of free goods first; then what is missing of promised goods, once the promises have gone elsewhere: never to goods that
    this count finds missing too."""
    at_once, after = [], []
    needs: dict[int, Decimal] = {}
    for change in changes:
        if not change.difference or change.place is None:
            continue
        entry = Entry(change.place, MovementType.ADJUSTMENT, change.difference, ZERO)
        short = change.books.reserved - (change.books.quantity + change.difference)
        if short > 0:
            needs[change.place] = short
            after.append(entry)
        else:
            at_once.append(entry)
    post(at_once, header)
    free_up(gate, needs, reason=reason, actor=header.actor)
    post(after, header)


def _write_back(changes: Sequence[_Change]) -> None:
    """Keep in each line what was booked, where, and what a unit of it cost."""
    rows = []
    for change in changes:
        line, place = change.line, change.line.batch_location_id if change.place is None else change.place
        line.difference = change.difference
        rows.append((line.pk, change.difference, change.batch.pk, place, change.batch.purchase_price, change.batch.currency))
    write_columns(AuditLine, _BOOKED, rows)


def _completed(audit: Audit, lines: Sequence[AuditLine], changes: Sequence[_Change]) -> Event:
    worth = [(change.batch.currency, change.difference * change.batch.purchase_price) for change in changes if change.difference]
    return completed_event(audit, worth, lines=len(lines), counted=len(changes), differences=len(worth))


def completed_event(audit: Audit, worth: Iterable[tuple[str, Decimal]], **more: int) -> Event:
    """What is told of an audit that is done: `worth` says, currency by currency, what each difference is worth."""
    value: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in worth:
        value[currency] += amount
    facts = {
        "audit_id": audit.pk,
        "number": audit.number,
        "warehouse_id": audit.warehouse.external_id,
        "value": {currency: plain(amount) for currency, amount in sorted(value.items())},
        **more,
    }
    return Event(events.AUDIT_COMPLETED, "audit", audit.pk, facts)
