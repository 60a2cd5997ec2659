"""Counting while trade goes on: a place is scanned (the moment of counting), then each line of it is counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from inventory.enums import AuditLineStatus, AuditStatus, Phase
from inventory.errors import LotMismatch
from inventory.locks import lock_audit
from inventory.models import Audit, AuditLine, Batch, BatchLocation, Location, Product
from inventory.queries.audits import Books, books_of, counted_at, counts_product, in_hand, lines_of
from inventory.queries.lots import find_lot
from inventory.services.audits import list_lines
from inventory.stock.gate import StockKey, lock_stock
from inventory.stock.place import lives_of_products, require_allowed
from inventory.stock.shelf_life import Lives
from warehouse.core.actor import Actor, Role
from warehouse.core.columns import write_columns
from warehouse.core.documents import require_reason, require_status
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_line
from warehouse.core.transactions import StartAgain, operation

MOVED = "the books changed while it was counted"
BELOW_ZERO = "more has left since the count than it found"
TOO_FAR_OFF = "it differs by more than {} % from the books: somebody else counts it"

_SEEN = """
    UPDATE inventory_auditline l
    SET status = CASE WHEN l.status = 'counted' THEN 'recount' ELSE l.status END, recount_reason = n.reason, batch_id = n.batch,
        batch_location_id = n.place, books_quantity = n.quantity, books_version = n.version, books_movement = n.movement, scanned_at = n.at,
        scanned_by_id = n.by, counted_quantity = NULL, counted_by_id = NULL, counted_at = NULL
    FROM (
        SELECT a.*, %s::timestamptz AS at, %s::bigint AS by
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[], %s::int[], %s::bigint[], %s::text[])
             AS a (id, batch, place, quantity, version, movement, reason)
    ) n
    WHERE l.id = n.id
"""
_WRITTEN = (
    "status", "recount_reason", "scanned_at", "scanned_by_id", "books_quantity", "books_version", "counted_quantity", "counted_by_id", "counted_at",
    "first_counted_quantity", "first_counted_by_id",
)  # fmt: skip


@operation(Role.AUDITOR)
def scan_audit_place(audit_id: int, location_id: int, *, actor: Actor) -> list[AuditLine]:
    """`scan_audit_places` of one place."""
    return scan_audit_places.inside(audit_id, [location_id], actor=actor)


@operation(Role.AUDITOR)
def scan_audit_places(audit_id: int, location_ids: Collection[int], *, actor: Actor) -> list[AuditLine]:
    """The moment of counting places, all of them or none: keeps what the books say of each line that is still to be counted there, and lists what has come
    since the start.

    Locks the audit, then the gates of all that lies there or is listed there, in one statement. A count that the books have overtaken (more has left since
    than it found) is to be made again. Returns the lines of the places. Raises NotFound, and Conflict naming every place that is not counted. The
    statements do not grow with the places.
    """
    audit = _lock_running(audit_id)
    locations = Location.objects.in_bulk(set(location_ids))
    unknown = sorted(set(location_ids) - set(locations))
    if unknown:
        raise NotFound(f"There is no location {', '.join(map(str, unknown))}.", locations=unknown)
    places = locations.values()
    counted = counted_at(audit, places)
    strange = sorted(place.code for place in places if place.pk not in counted)
    if strange:
        raise Conflict(f"{', '.join(strange)}: not counted by {audit}.", errors=[{"location": code} for code in strange])
    products = _products_at(audit, places)
    lock_stock((StockKey(audit.warehouse_id, product) for product in products), create=True)
    list_lines(audit, places)
    if _products_at(audit, places) != products:
        raise StartAgain
    lines = list(lines_of(audit).filter(location__in=places))
    _see(lines, books_of(line.pk for line in lines), actor, timezone.now())
    audit.save_changes()
    return list(lines_of(audit).filter(location__in=places))


@operation(Role.AUDITOR)
def record_count(audit_id: int, line_id: int, quantity: Decimal, *, actor: Actor, expected_version: int | None = None) -> AuditLine:
    """Keep how much of a line is there; as `update_audit_items` of one line."""
    update_audit_items.inside(audit_id, {line_id: quantity}, actor=actor, expected_version=expected_version)
    return AuditLine.objects.select_related("product", "location", "audit").get(pk=line_id)


@operation(Role.AUDITOR)
def update_audit_items(audit_id: int, counts: Mapping[int, Decimal], *, actor: Actor, expected_version: int | None = None) -> Audit:
    """Keep how much of each line is there, by the line's id, of places that the actor has scanned.

    Locks the audit, then the gates. A line is to be counted again when its books changed since the scan, goods of it are in somebody's hands, or it is too
    far off: then by somebody else. Refuses, naming every line: what was not scanned, or by somebody else; a second count by the first one's hand;
    quantities off the step. A constant number of statements.
    """
    audit = _lock_running(audit_id, expected_version)
    lines = {line.pk: line for line in lines_of(audit).filter(pk__in=counts)}
    unknown = sorted(set(counts) - set(lines))
    if unknown:
        raise NotFound(f"{audit} has no line {unknown[0]}.", lines=unknown)
    for line in lines.values():
        require_line(counts[line.pk], line.product.quantity_step, sku=line.product.sku)
    lock_stock({StockKey(audit.warehouse_id, line.product_id) for line in lines.values()}, create=True)
    _refuse_unseen(lines.values(), actor)
    _judge(audit, lines.values(), counts, actor)
    write_counts(lines.values())
    audit.save_changes()
    return audit


@operation(Role.AUDITOR)
def add_found_goods(
    audit_id: int,
    location_id: int,
    product_id: int,
    quantity: Decimal,
    *,
    actor: Actor,
    lot_number: str = "",
    label_expires_on: date | None = None,
    produced_on: date | None = None,
    phase: str = Phase.SEALED,
    expected_version: int | None = None,
) -> AuditLine:
    """Count goods that are not on the list: of a lot that is known, or of one that the completion makes.

    A product that expires needs its lot, the date on its label or the day when it was made: else found goods would count as fresh. Refuses what is on the
    list already, a known lot with another expiry, a place where the product may not live, what the audit does not count.
    """
    audit = _lock_running(audit_id, expected_version)
    location = Location.objects.filter(pk=location_id).first()
    product = Product.objects.filter(pk=product_id).first()
    if location is None or product is None:
        raise NotFound(f"There is no location {location_id} or no product {product_id}.", location=location_id, product=product_id)
    if location.pk not in counted_at(audit, [location]) or not counts_product(audit, product_id):
        raise Conflict(f"{product.sku} at {location} is not counted by {audit}.", sku=product.sku, location=location.code)
    require_line(quantity, product.quantity_step, sku=product.sku, zero_allowed=False)
    if phase not in Phase.values:
        raise ValidationFailed(f"{phase[:20]!r} is no phase.", errors=[{"field": "phase", "code": "invalid"}])
    lives = Lives(lives_of_products([product])[product_id], tracked=product.tracks_expiry)
    require_allowed([(product.sku, location, phase, lives.allows(location.condition, phase))])
    batch = _known_lot(product, lot_number, label_expires_on)
    if batch is None and product.tracks_expiry and label_expires_on is None and produced_on is None:
        raise ValidationFailed(
            f"{product.sku} expires: say of which lot it is, the date on its label, or when it was made.",
            errors=[{"field": "lot_number", "code": "required"}],
        )
    lock_stock([StockKey(audit.warehouse_id, product_id)], create=True)
    line = _found_line(audit, location, product, batch.lot_number if batch else lot_number, phase)
    line.batch, line.label_expires_on, line.produced_on = batch, label_expires_on, produced_on
    line.save()
    _see([line], books_of([line.pk]), actor, timezone.now())
    line = lines_of(audit).get(pk=line.pk)
    _judge(audit, [line], {line.pk: quantity}, actor)
    line.save()
    audit.save_changes()
    return line


@operation()
def count_again(audit_id: int, line_ids: Collection[int], *, reason: str, actor: Actor, expected_version: int | None = None) -> Audit:
    """Send lines back to be counted again, by anybody; their place is scanned anew. For a manager who does not believe a count."""
    reason = require_reason(reason)
    audit = _lock_running(audit_id, expected_version)
    lines = list(lines_of(audit).filter(pk__in=line_ids))
    if len(lines) != len(set(line_ids)):
        raise NotFound(f"{audit} does not have all of these lines.", lines=sorted(set(line_ids) - {line.pk for line in lines}))
    for line in lines:
        _send_back(line, reason)
    write_counts(lines)
    audit.save_changes()
    return audit


def difference_of(line: AuditLine, books: Books) -> Decimal:
    """What a line does to the books: the count less what the books said at that moment, less what other counts have booked there since.

    Of a line that nobody has counted nothing is there of what was listed; what came since stays.
    """
    if line.status == AuditLineStatus.COUNTED:
        return (line.counted_quantity or ZERO) - (line.books_quantity or ZERO) - books.since
    return -max((line.listed_quantity or ZERO) + books.since, ZERO)


def write_counts(lines: Collection[AuditLine]) -> None:
    """Write what became of these lines by counting; one statement."""
    write_columns(AuditLine, _WRITTEN, ([line.pk, *(getattr(line, name) for name in _WRITTEN)] for line in lines))


def _lock_running(audit_id: int, expected_version: int | None = None) -> Audit:
    audit = lock_audit(audit_id, expected_version)
    require_status(audit, {AuditStatus.IN_PROGRESS})
    return audit


def _products_at(audit: Audit, locations: Collection[Location]) -> set[int]:
    lying = BatchLocation.objects.filter(location__in=locations, has_stock=True).order_by().values_list("product_id")
    listed = AuditLine.objects.filter(audit=audit, location__in=locations).order_by().values_list("product_id")
    return {product for (product,) in lying.union(listed)}


def _see(lines: Iterable[AuditLine], books: Mapping[int, Books], actor: Actor, now: datetime) -> None:
    """Write what the books say into the lines that are to be counted, and into those whose count they have overtaken."""
    rows = []
    for line in lines:
        there = books[line.pk]
        overtaken = line.status == AuditLineStatus.COUNTED and there.quantity + difference_of(line, there) < 0
        if overtaken or (line.status != AuditLineStatus.COUNTED and not _second_hand_needed(line, actor)):
            reason = BELOW_ZERO if overtaken else line.recount_reason
            rows.append((line.pk, there.batch_id, there.batch_location_id, there.quantity, there.version, there.movement, reason))
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_SEEN, [now, actor.user_id, *(list(column) for column in zip(*rows, strict=True))])


def _refuse_unseen(lines: Iterable[AuditLine], actor: Actor) -> None:
    """Who counts a place has scanned it (a manager may write down what others counted), and a second count is somebody else's."""
    errors = []
    for line in lines:
        if line.status == AuditLineStatus.RECOUNT and _second_hand_needed(line, actor):
            why = "you have counted it: somebody else must count it again"
        elif line.scanned_at is None:
            why = "scan the place first"
        elif line.scanned_by_id == actor.user_id or Role.MANAGER in actor.roles:
            continue
        elif line.status == AuditLineStatus.COUNTED:
            why = "somebody else has counted it: a manager can send it back"
        else:
            why = "somebody else has scanned the place since: scan it again"
        errors.append({"line": line.pk, "location": line.location.code, "sku": line.product.sku, "lot": line.lot_number, "why": why})
    if errors:
        text = "; ".join(f"{e['sku']} at {e['location']}: {e['why']}" for e in errors[:5])
        raise Conflict(f"{text}.", errors=errors)


def _second_hand_needed(line: AuditLine, actor: Actor) -> bool:
    """Whether the line waits for a second count that is not this one's."""
    return line.first_counted_quantity is not None and line.first_counted_by_id == actor.user_id


def _judge(audit: Audit, lines: Collection[AuditLine], counts: Mapping[int, Decimal], actor: Actor) -> None:
    """Take the counts into the lines, or send the lines back. Three statements at most; behind the gates."""
    books = books_of(line.pk for line in lines)
    busy = in_hand(line.pk for line in lines)
    now = timezone.now()
    for line in lines:
        if books[line.pk].version != line.books_version:
            _send_back(line, MOVED)
        elif line.pk in busy:
            _send_back(line, busy[line.pk])
        elif line.first_counted_quantity is None and _too_far_off(line, counts[line.pk], audit.recount_above_percent):
            _send_back(line, TOO_FAR_OFF.format(plain(audit.recount_above_percent)))
            line.first_counted_quantity, line.first_counted_by_id = counts[line.pk], actor.user_id
        else:
            line.status, line.recount_reason = AuditLineStatus.COUNTED, ""
            line.counted_quantity, line.counted_by_id, line.counted_at = counts[line.pk], actor.user_id, now


def _too_far_off(line: AuditLine, counted: Decimal, percent: Decimal) -> bool:
    """Whether the count is further from the books than so many percent of them. Where the books have nothing there is nothing to compare with: what was found
    stands, unless the line was on the list."""
    books = line.books_quantity or ZERO
    if not books:
        return bool(counted) and not line.found and percent < 100
    return abs(counted - books) * 100 > percent * books


def _send_back(line: AuditLine, reason: str) -> None:
    line.status, line.recount_reason = AuditLineStatus.RECOUNT, reason
    line.scanned_at = line.scanned_by_id = line.books_quantity = line.books_version = None
    line.counted_quantity = line.counted_by_id = line.counted_at = None


def _known_lot(product: Product, lot_number: str, label_expires_on: date | None) -> Batch | None:
    batch = find_lot(product.pk, lot_number)
    if batch is not None and label_expires_on is not None and batch.label_expires_on != label_expires_on:
        raise LotMismatch(
            f"{product.sku} lot {lot_number} is known with expiry {batch.label_expires_on}, not {label_expires_on}. Correct the lot, or the date.",
            errors=[{"sku": product.sku, "lot": lot_number, "known": str(batch.label_expires_on), "given": str(label_expires_on)}],
        )
    return batch


def _found_line(audit: Audit, location: Location, product: Product, lot_number: str, phase: str) -> AuditLine:
    number = lot_number or f"{audit.number}-F{AuditLine.objects.filter(audit=audit, found=True).count() + 1}"
    listed = AuditLine.objects.filter(audit=audit, location=location, product=product, lot_number__iexact=number, phase=phase).first()
    if listed is not None:
        raise Conflict(f"{product.sku} lot {number} is on the list of {location}: count it there.", line=listed.pk)
    return AuditLine(audit=audit, location=location, product=product, lot_number=number, phase=phase, found=True)
