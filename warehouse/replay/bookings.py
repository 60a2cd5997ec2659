"""What the history took back and corrected: returns to the orders they belong to, adjustments as write-offs.

How much of a line is booked is asked of the database, so that a replay that was killed, at any point, goes on and books nothing twice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Upper

from inventory.enums import ReturnCondition, ReturnDecision, ReturnStatus, WriteOffReason, WriteOffStatus
from inventory.models import Product, Return, ReturnItem, Warehouse, WriteOffItem
from inventory.orchestrator import Finding, ReturnLine, complete_return, create_return, inspect_return, shipped_under, write_off_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, DomainError
from warehouse.core.quantities import ZERO, plain
from warehouse.core.transactions import operation
from warehouse.replay.reader import Invoice, InvoiceKind, Row
from warehouse.replay.stock import SITE, SOURCE, in_parts, shelf_of, shelves_of

Line = tuple[str, str]
"""An invoice and a code on it: what is booked as one."""

CHARGE = "a charge, not goods"
NOBODY = "no customer is named, so nobody knows which sale it belongs to"
NEVER_SOLD = "this customer bought none of it before, as far as the file goes"
SOLD_LESS = "this customer bought, and was sent, less of it before than comes back"
NOTES = "Adjustment {} of the replayed history."

# What descriptions of adjustments say, in the words of those who wrote them.
REASONS = (
    (re.compile(r"damag|broke|crush|smash|crack|wet|rust|mould|dirt", re.IGNORECASE), WriteOffReason.DAMAGED),
    (re.compile(r"stolen|theft", re.IGNORECASE), WriteOffReason.THEFT),
    (re.compile(r"lost|missing|not found|can'?t find|cannot find", re.IGNORECASE), WriteOffReason.LOST),
    (re.compile(r"sample|display", re.IGNORECASE), WriteOffReason.SAMPLE),
    (re.compile(r"expired|out of date", re.IGNORECASE), WriteOffReason.EXPIRED),
    (re.compile(r"faulty|unsale?able|wrong|quality", re.IGNORECASE), WriteOffReason.QUALITY_ISSUE),
)


@dataclass(slots=True)
class Outcome:
    """Why lines could not be booked, for good; which codes could not be received, and why; and what went wrong, by invoice."""

    not_booked: dict[Line, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def fail(self, invoice: str, rows: Iterable[Row], reason: str) -> None:
        """The goods of these rows of an invoice are not booked: because they could not be received, row by row, or else for this reason."""
        refused = [f"row {row.number}: {row.code}: {self.refused[row.code]}" for row in rows if row.code in self.refused]
        self.problems[invoice] = "; ".join(refused) or reason


def returned_rows(invoices: Iterable[Invoice]) -> list[Row]:
    """The lines of cancellations."""
    return [row for invoice in invoices if invoice.kind is InvoiceKind.CANCELLATION for row in invoice.rows]


def adjusted_rows(invoices: Iterable[Invoice]) -> list[Row]:
    """The lines that take goods away without being a cancellation."""
    return [row for invoice in invoices if invoice.kind is not InvoiceKind.CANCELLATION for row in invoice.rows if row.quantity < 0]


def by_line(rows: Iterable[Row]) -> dict[Line, Decimal]:
    """How many pieces of goods each invoice takes, by code."""
    totals: dict[Line, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.is_goods:
            totals[row.invoice, row.code] -= row.quantity
    return totals


# --- what is booked ----------------------------------------------------------------------------------------------------------------------


def booked_returns(invoices: Iterable[str]) -> dict[Line, Decimal]:
    """How much came back by completed returns, by the cancellation's number and code."""
    rows = ReturnItem.objects.filter(return_document__order_ref__startswith=f"{SOURCE}:", return_document__status=ReturnStatus.COMPLETED)
    return {
        (invoice, code): quantity
        for part in in_parts(invoices)
        for invoice, code, quantity in rows.filter(return_document__reference__in=part)
        .values_list("return_document__reference", Upper("product__sku"))
        .annotate(pieces=Sum("quantity"))
    }


def booked_adjustments(invoices: Iterable[str]) -> dict[Line, Decimal]:
    """How much was written off by confirmed write-offs, by the adjustment's number and code."""
    rows = WriteOffItem.objects.filter(write_off__warehouse__code=SITE, write_off__status=WriteOffStatus.CONFIRMED)
    found: dict[Line, Decimal] = {}
    for part in in_parts(invoices):
        numbers = {NOTES.format(invoice): invoice for invoice in part}
        pieces = (
            rows.filter(write_off__notes__in=list(numbers)).values_list("write_off__notes", Upper("product__sku")).annotate(pieces=Sum("quantity"))
        )
        found |= {(numbers[notes], code): quantity for notes, code, quantity in pieces}
    return found


def adjustments_to_come(invoices: Sequence[Invoice]) -> dict[Line, Decimal]:
    """What the history still takes away: its goods must have been there."""
    wanted = by_line(adjusted_rows(invoices))
    booked = booked_adjustments({invoice for invoice, _ in wanted})
    return {line: quantity - booked.get(line, ZERO) for line, quantity in wanted.items() if quantity > booked.get(line, ZERO)}


# --- returns -----------------------------------------------------------------------------------------------------------------------------


class _Sales:
    """Which orders sent how much of a code to a customer, the newest first."""

    def __init__(self, invoices: Iterable[Invoice]) -> None:
        self.orders: dict[tuple[str, str], list[tuple[datetime, int, str]]] = defaultdict(list)
        for index, invoice in enumerate(invoices):
            for row in invoice.goods:
                entry = (row.invoiced_at, index, invoice.number)
                if row.customer and entry not in self.orders[row.customer, row.code]:
                    self.orders[row.customer, row.code].append(entry)
        for sales in self.orders.values():
            sales.sort(reverse=True)

    def before(self, row: Row) -> list[str]:
        """The order references of the sales that this line of a cancellation may belong to."""
        return [f"{SOURCE}:{number}" for at, _, number in self.orders[row.customer, row.code] if at <= row.invoiced_at]


def book_returns(
    site: Warehouse, invoices: Sequence[Invoice], products: Mapping[str, Product], outcome: Outcome, done: Callable[[int], None], *, actor: Actor
) -> int:
    """Book what the cancellations bring back, each line to earlier sales of the same customer and code with quantity left, the newest first.

    What belongs to none is left out, with its reason in `outcome`; a part that belongs is booked. `done` hears of each line. Returns how many returns
    were completed.
    """
    sales = _Sales(invoices)
    cancellations = [invoice for invoice in invoices if invoice.kind is InvoiceKind.CANCELLATION]
    booked = booked_returns(invoice.number for invoice in cancellations)
    shelves = shelves_of(site)
    made = 0
    for invoice in cancellations:
        plan = _plan(invoice, sales, booked, products, outcome)
        for order_ref, quantities in plan.items():
            lines = [ReturnLine(products[code].pk, quantity, location_id=shelf_of(code, shelves)) for code, quantity in quantities.items()]
            try:
                book_return(site.pk, order_ref, invoice.number, lines, actor=actor)
                made += 1
            except DomainError as error:
                outcome.problems[invoice.number] = error.detail
        done(len(invoice.rows))
    return made


def _plan(
    invoice: Invoice, sales: _Sales, booked: Mapping[Line, Decimal], products: Mapping[str, Product], outcome: Outcome
) -> dict[str, dict[str, Decimal]]:
    """What of a cancellation comes back under which order, by code; the reasons of the rest go to `outcome`."""
    plan: dict[str, dict[str, Decimal]] = {}
    taken = {line: quantity for line, quantity in booked.items() if line[0] == invoice.number}
    for row in invoice.rows:
        line = (row.invoice, row.code)
        missing = -row.quantity
        before = min(missing, taken.get(line, ZERO))
        taken[line] = taken.get(line, ZERO) - before
        missing -= before
        reason = _hopeless(row, sales)
        if reason:
            outcome.not_booked[line] = reason
            continue
        for order_ref in sales.before(row):
            part = min(missing, _left(order_ref, products[row.code].pk) - plan.get(order_ref, {}).get(row.code, ZERO))
            if part > 0:
                lines = plan.setdefault(order_ref, {})
                lines[row.code] = lines.get(row.code, ZERO) + part
                missing -= part
        if missing > 0:
            outcome.not_booked[line] = SOLD_LESS
    return plan


def _hopeless(row: Row, sales: _Sales) -> str:
    """Why a line of a cancellation can belong to no sale, or an empty string."""
    if not row.is_goods:
        return CHARGE
    if not row.customer:
        return NOBODY
    return "" if sales.before(row) else NEVER_SOLD


def _left(order_ref: str, product_id: int) -> Decimal:
    return sum((row.free for row in shipped_under(order_ref) if row.product_id == product_id), ZERO)


@operation(Role.RECEIVER)
def book_return(site_id: int, order_ref: str, reference: str, lines: Sequence[ReturnLine], *, actor: Actor) -> Return:
    """A return written, inspected (intact, back to the shelf) and completed in one transaction: one that dies leaves nothing behind.

    The reference comes once per order: whoever books the same cancellation at the same moment gets Conflict.
    """
    document = create_return.inside(
        warehouse_id=site_id, order_ref=order_ref, reference=reference, lines=lines, customer_reason="cancelled invoice", actor=actor
    )
    findings = [Finding(item.pk, ReturnCondition.INTACT, ReturnDecision.RETURN_TO_SHELF) for item in document.items.order_by("pk")]
    inspect_return.inside(document.pk, findings=findings, actor=actor)
    return complete_return.inside(document.pk, actor=actor)


# --- adjustments -------------------------------------------------------------------------------------------------------------------------


def book_adjustments(
    site: Warehouse, invoices: Sequence[Invoice], products: Mapping[str, Product], outcome: Outcome, done: Callable[[int], None], *, actor: Actor
) -> int:
    """Write off what the history takes away without selling it, a write-off per invoice and code. Returns how many were confirmed."""
    rows = adjusted_rows(invoices)
    wanted = by_line(rows)
    described = {(row.invoice, row.code): row.description for row in rows}
    outcome.not_booked |= {(row.invoice, row.code): CHARGE for row in rows if not row.is_goods}
    made = 0
    for (invoice, code), quantity in wanted.items():
        try:
            made += book_adjustment(site.pk, invoice, products[code], quantity, described[invoice, code], actor=actor)
        except DomainError as error:
            outcome.fail(invoice, (row for row in rows if (row.invoice, row.code) == (invoice, code)), error.detail)
        done(1)
    return made


@operation(Role.RECEIVER)
def book_adjustment(site_id: int, invoice: str, product: Product, quantity: Decimal, description: str, *, actor: Actor) -> bool:
    """Write off what is not written off yet of this quantity. False when nothing was left to do.

    A lock on the invoice's name makes a second replay at the same moment wait, and see what the first one did.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"replayed adjustment {invoice}"])
    missing = quantity - booked_adjustments([invoice]).get((invoice, product.sku.upper()), ZERO)
    if missing <= 0:
        return False
    reason = reason_of(description)
    note = description[:200] if description.strip("? ") else f"{plain(missing)} taken off by {invoice}, no word why"
    done = write_off_stock.inside(
        warehouse_id=site_id, product_id=product.pk, quantity=missing, reason=reason, note=note, notes=NOTES.format(invoice), actor=actor
    )
    if done.status != WriteOffStatus.CONFIRMED:
        raise Conflict(
            f"{product.sku}: writing off {plain(missing)} needs a manager's approval. Write it off by hand, or raise WRITE_OFF_APPROVAL_LIMIT."
        )
    return True


def reason_of(description: str) -> WriteOffReason:
    """What the description says of the cause; `other` where it says nothing that is known."""
    return next((reason for words, reason in REASONS if words.search(description)), WriteOffReason.OTHER)


def spread(rows: Sequence[Row], booked: Mapping[Line, Decimal]) -> Iterator[tuple[Row, Decimal]]:
    """Each line with how much of it is booked, the first lines of an invoice first."""
    left = dict(booked)
    for row in rows:
        line = (row.invoice, row.code)
        part = min(-row.quantity, left.get(line, ZERO))
        left[line] = left.get(line, ZERO) - part
        yield row, part
