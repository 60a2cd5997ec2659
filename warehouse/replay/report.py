"""What the file says, what the books say, and where they differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Upper

from fulfillment.enums import OrderStatus
from fulfillment.models import OrderLine
from inventory.enums import DocumentType, MovementType
from inventory.models import Movement, Return, WriteOff
from warehouse.core.quantities import ZERO, plain
from warehouse.replay.bookings import NOTES, Line, Outcome, adjusted_rows, booked_adjustments, booked_returns, by_line, returned_rows, spread
from warehouse.replay.reader import BadRow, Invoice, InvoiceKind, Row
from warehouse.replay.stock import SITE, SOURCE, in_parts, order_statuses

SHOWN = 20  # of a list on the terminal; --json has all
LATER = "returns and adjustments are booked with --fulfil, when the sales are shipped"
UNBOOKED = "not booked, and nobody knows why"


@dataclass(slots=True)
class Totals:
    """What the file says. The same for every run on the same file."""

    lines: int
    invoices: int
    sales: int
    sales_with_goods: int
    cancellations: int
    adjustments: int
    goods_lines: int
    units: Decimal
    codes: int
    charge_lines: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A line that brings goods back, or takes them off the books; how much of it is booked, and why not all of it."""

    row: Row
    booked: Decimal
    reason: str

    def as_data(self) -> dict[str, Any]:
        row = self.row
        facts = {"row": row.number, "invoice": row.invoice, "code": row.code, "quantity": int(row.quantity), "description": row.description}
        return facts | {"booked": int(self.booked), "reason": self.reason}

    def as_text(self) -> str:
        part = f", {plain(self.booked)} of it booked" if self.booked else ""
        return f"row {self.row.number}: invoice {self.row.invoice}, {self.row.code} × {self.row.quantity:f}{part}: {self.reason}"


@dataclass(slots=True)
class Report:
    """One run: the file, the orders as they stand now, what came back, what was corrected, and what went wrong.

    A difference names an invoice, a code, and how many units of it each side has: file, orders and ledger, or file, documents and ledger.
    """

    totals: Totals
    orders: dict[str, int]
    units_ordered: Decimal
    units_shipped: Decimal
    differences: list[dict[str, str]]
    bad_rows: list[BadRow]
    returns: list[Taken]
    adjusted: list[Taken]
    units_returned: Decimal
    units_adjusted: Decimal
    problems: dict[str, str]
    new: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def adds_up(self) -> bool:
        """Whether some row could be used, every sale is an order, every unit is where the file says, and the ledger has what the documents book."""
        return not (self.is_useless or self.differences or self.problems or sum(self.orders.values()) != self.totals.sales_with_goods)

    @property
    def is_useless(self) -> bool:
        """Whether the file has rows, and none of them can be used."""
        return bool(self.totals.lines and not self.totals.invoices)

    def as_data(self) -> dict[str, Any]:
        """For `--json`; quantities as whole numbers, for that is what they are."""
        totals = {name: int(getattr(self.totals, name)) for name in Totals.__slots__}
        return {
            **totals,
            "orders": self.orders,
            "units_ordered": int(self.units_ordered),
            "units_shipped": int(self.units_shipped),
            "differences": self.differences,
            "rows_not_used": [{"row": bad.number, "invoice": bad.invoice, "code": bad.code, "reason": bad.reason} for bad in self.bad_rows],
            "units_returned": int(self.units_returned),
            "units_adjusted": int(self.units_adjusted),
            "returns": [taken.as_data() for taken in self.returns],
            "stock_adjustments": [taken.as_data() for taken in self.adjusted],
            "problems": [{"invoice": invoice, "reason": reason} for invoice, reason in self.problems.items()],
            "new": self.new,
            "seconds": round(self.seconds, 1),
            "adds_up": self.adds_up,
        }

    def as_text(self) -> Iterator[str]:
        """For people."""
        t = self.totals
        kinds = f"{t.sales} sales ({t.sales_with_goods} with goods), {t.cancellations} cancellations, {t.adjustments} adjustments"
        yield f"{t.lines} lines. {t.invoices} invoices: {kinds}."
        yield f"Sold: {t.goods_lines} lines of goods, {t.units:f} units of {t.codes} codes; {t.charge_lines} lines are charges."
        yield "Orders: " + (", ".join(f"{number} {status.replace('_', ' ')}" for status, number in sorted(self.orders.items())) or "none") + "."
        yield f"Units ordered: {plain(self.units_ordered)}, shipped: {plain(self.units_shipped)}."
        yield "New in this run: " + ", ".join(f"{number} {what}" for what, number in self.new.items()) + f"; {self.seconds:.1f} s."
        for what, lines, units in (("Returns", self.returns, self.units_returned), ("Adjustments", self.adjusted, self.units_adjusted)):
            booked = sum(1 for taken in lines if taken.booked)
            yield f"{what}: {booked} of {len(lines)} lines booked, {plain(units)} units in the ledger."
            yield from _listed(f"{what} not booked, or not wholly", [taken.as_text() for taken in lines if taken.reason])
        yield from _listed("Rows not used", [f"row {bad.number}: {bad.reason}" for bad in self.bad_rows])
        yield from _listed("Differences", [_difference_text(**difference) for difference in self.differences])
        yield from _listed("Problems", [f"invoice {invoice}: {reason}" for invoice, reason in self.problems.items()])
        if self.is_useless:
            yield "No row can be used."
        yield "It adds up." if self.adds_up else "IT DOES NOT ADD UP."


def make_report(invoices: Sequence[Invoice], bad_rows: Sequence[BadRow], lines: int, outcome: Outcome, *, fulfilled: bool) -> Report:
    """Compare the file with the books. Shipped is what the ledger calls a sale; it counts only when the orders should have been fulfilled."""
    sales = [invoice for invoice in invoices if invoice.goods]
    sold = _sold(sales)
    ordered, shipped = _ordered(sales), _shipped(sales)
    differences = [
        _difference(line, file=sold[line], ordered=ordered[line], shipped=shipped[line])
        for line in sorted({*sold, *ordered, *shipped})
        if ordered[line] != sold[line] or (fulfilled and shipped[line] != sold[line])
    ]
    returned, adjusted = returned_rows(invoices), adjusted_rows(invoices)
    came_back, taken_off = booked_returns({row.invoice for row in returned}), booked_adjustments({row.invoice for row in adjusted})
    in_stock, out_of_stock = _returned({row.invoice for row in returned}), _adjusted({row.invoice for row in adjusted})
    differences += _wrongly_booked(returned, came_back, in_stock)
    differences += _wrongly_booked(adjusted, taken_off, out_of_stock)
    return Report(
        totals=_totals(invoices, sold, lines),
        orders=dict(Counter(order_statuses(sales).values())),
        units_ordered=sum(ordered.values(), ZERO),
        units_shipped=sum(shipped.values(), ZERO),
        differences=differences,
        bad_rows=list(bad_rows),
        returns=_taken(returned, came_back, outcome, fulfilled),
        adjusted=_taken(adjusted, taken_off, outcome, fulfilled),
        units_returned=sum(in_stock.values(), ZERO),
        units_adjusted=sum(out_of_stock.values(), ZERO),
        problems=dict(outcome.problems),
    )


def _taken(rows: Sequence[Row], booked: Mapping[Line, Decimal], outcome: Outcome, fulfilled: bool) -> list[Taken]:
    result = []
    for row, part in spread(rows, booked):
        why = outcome.not_booked.get((row.invoice, row.code)) or outcome.problems.get(row.invoice) or UNBOOKED
        result.append(Taken(row, part, "" if part == -row.quantity else why if fulfilled else LATER))
    return result


def _wrongly_booked(rows: Iterable[Row], documents: Mapping[Line, Decimal], ledger: Mapping[Line, Decimal]) -> list[dict[str, str]]:
    """Where documents take more than the file, which has changed since, and where the ledger has something else than they. Less has its reason."""
    file = by_line(rows)
    sides = {line: (file.get(line, ZERO), documents.get(line, ZERO), ledger.get(line, ZERO)) for line in sorted({*file, *documents, *ledger})}
    return [
        _difference(line, file=wanted, documents=booked, ledger=moved)
        for line, (wanted, booked, moved) in sides.items()
        if booked > wanted or moved != booked
    ]


def _difference(line: Line, **sides: Decimal) -> dict[str, str]:
    invoice, code = line
    return {"invoice": invoice, "code": code} | {side: f"{plain(units)}" for side, units in sides.items()}


def _difference_text(*, invoice: str, code: str, **sides: str) -> str:
    return f"invoice {invoice}, {code}: " + ", ".join(f"{side} {units}" for side, units in sides.items())


def _returned(invoices: Iterable[str]) -> dict[Line, Decimal]:
    """What the ledger says came back by the returns of these cancellations."""
    papers = Return.objects.filter(order_ref__startswith=f"{SOURCE}:")
    numbers = {pk: number for part in in_parts(invoices) for pk, number in papers.filter(reference__in=part).values_list("pk", "reference")}
    return _moved(DocumentType.RETURN, MovementType.RETURN_TO_STOCK, numbers, F("quantity_change"))


def _adjusted(invoices: Iterable[str]) -> dict[Line, Decimal]:
    """What the ledger says was written off for these adjustments."""
    papers = WriteOff.objects.filter(warehouse__code=SITE)
    notes = {NOTES.format(invoice): invoice for invoice in invoices}
    numbers = {pk: notes[note] for part in in_parts(notes) for pk, note in papers.filter(notes__in=part).values_list("pk", "notes")}
    return _moved(DocumentType.WRITE_OFF, MovementType.WRITE_OFF, numbers, -F("quantity_change"))


def _moved(document: DocumentType, kind: MovementType, invoices: Mapping[int, str], units: Any) -> dict[Line, Decimal]:
    """What the movements of these documents come to, by the invoice of each and code."""
    lines = Movement.objects.filter(document_type=document, type=kind)
    rows = _summed((lines.filter(document_id__in=part) for part in in_parts(invoices)), "document_id", units)
    totals: dict[Line, Decimal] = defaultdict(Decimal)
    for paper, code, number in rows:
        totals[invoices[paper], code] += number
    return totals


def _totals(invoices: Sequence[Invoice], sold: Mapping[Line, Decimal], lines: int) -> Totals:
    kinds = Counter(invoice.kind for invoice in invoices)
    goods = [row for invoice in invoices for row in invoice.goods]
    return Totals(
        lines=lines,
        invoices=len(invoices),
        sales=kinds[InvoiceKind.SALE],
        sales_with_goods=sum(1 for invoice in invoices if invoice.goods),
        cancellations=kinds[InvoiceKind.CANCELLATION],
        adjustments=kinds[InvoiceKind.ADJUSTMENT],
        goods_lines=len(goods),
        units=sum(sold.values(), ZERO),
        codes=len({code for _, code in sold}),
        charge_lines=sum(1 for invoice in invoices for row in invoice.rows if not row.is_goods),
    )


def _sold(sales: Iterable[Invoice]) -> dict[Line, Decimal]:
    totals: dict[Line, Decimal] = defaultdict(Decimal)
    for invoice in sales:
        for row in invoice.goods:
            totals[row.invoice, row.code] += row.quantity
    return totals


def _ordered(sales: Iterable[Invoice]) -> dict[Line, Decimal]:
    live = OrderLine.objects.filter(order__source=SOURCE).exclude(order__status__in=(OrderStatus.REJECTED, OrderStatus.CANCELLED))
    parts = in_parts(invoice.number for invoice in sales)
    rows = _summed((live.filter(order__external_id__in=part) for part in parts), "order__external_id", F("quantity"))
    return defaultdict(Decimal, {(invoice, code): units for invoice, code, units in rows})


def _shipped(sales: Iterable[Invoice]) -> dict[Line, Decimal]:
    sold = Movement.objects.filter(type=MovementType.SALE)
    numbers = {f"{SOURCE}:{invoice.number}": invoice.number for invoice in sales}
    rows = _summed((sold.filter(order_ref__in=part) for part in in_parts(numbers)), "order_ref", -F("quantity_change"))
    return defaultdict(Decimal, {(numbers[order_ref], code): units for order_ref, code, units in rows})


def _summed(parts: Iterable[QuerySet[Any]], whose: str, units: Any) -> Iterator[tuple[Any, str, Decimal]]:
    for rows in parts:
        yield from rows.values_list(whose, Upper("product__sku")).annotate(units=Sum(units))


def _listed(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield f"{title}: {len(entries)}"
        yield from (f"  {entry}" for entry in entries[:SHOWN])
        if len(entries) > SHOWN:
            yield f"  … and {len(entries) - SHOWN} more: see --json"
