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
from inventory.enums import MovementType
from inventory.models import Movement
from warehouse.core.quantities import ZERO, plain
from warehouse.replay.reader import BadRow, Invoice, InvoiceKind, Row
from warehouse.replay.stock import SOURCE, in_parts, order_statuses

SHOWN = 20  # of a list on the terminal; --json has all


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


@dataclass(slots=True)
class Report:
    """One run: the file, the orders as they stand now, the units by code, and what went wrong."""

    totals: Totals
    orders: dict[str, int]
    units_ordered: Decimal
    units_shipped: Decimal
    differences: list[dict[str, str]]
    bad_rows: list[BadRow]
    returns: list[Row]
    adjusted: list[Row]
    problems: dict[str, str]
    new: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def adds_up(self) -> bool:
        """Whether every sale is an order and every unit is where the file says."""
        return not self.differences and not self.problems and sum(self.orders.values()) == self.totals.sales_with_goods

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
            "returns": [_row_data(row) for row in self.returns],
            "stock_adjustments": [_row_data(row) for row in self.adjusted],
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
        yield from _listed("Returns (kept here until returns are documents)", [_row_text(row) for row in self.returns])
        yield from _listed("Adjustments (kept here until adjustments are documents)", [_row_text(row) for row in self.adjusted])
        yield from _listed("Rows not used", [f"row {bad.number}: {bad.reason}" for bad in self.bad_rows])
        yield from _listed(
            "Differences", [f"{d['code']}: file {d['file']}, ordered {d['ordered']}, shipped {d['shipped']}" for d in self.differences]
        )
        yield from _listed("Problems", [f"invoice {invoice}: {reason}" for invoice, reason in self.problems.items()])
        yield "It adds up." if self.adds_up else "IT DOES NOT ADD UP."


def make_report(invoices: Sequence[Invoice], bad_rows: Sequence[BadRow], lines: int, problems: Mapping[str, str], *, fulfilled: bool) -> Report:
    """Compare the file with the books. Shipped is what the ledger calls a sale; it counts only when the orders should have been fulfilled."""
    sales = [invoice for invoice in invoices if invoice.goods]
    in_file = _by_code(invoices)
    ordered, shipped = _ordered(sales), _shipped(sales)
    differences = [
        {"code": code, "file": f"{in_file[code]:f}", "ordered": f"{plain(ordered[code])}", "shipped": f"{plain(shipped[code])}"}
        for code in sorted({*in_file, *ordered, *shipped})
        if ordered[code] != in_file[code] or (fulfilled and shipped[code] != in_file[code])
    ]
    rows = [row for invoice in invoices for row in invoice.rows]
    cancelled = {invoice.number for invoice in invoices if invoice.kind is InvoiceKind.CANCELLATION}
    return Report(
        totals=_totals(invoices, in_file, lines),
        orders=dict(Counter(order_statuses(sales).values())),
        units_ordered=sum(ordered.values(), ZERO),
        units_shipped=sum(shipped.values(), ZERO),
        differences=differences,
        bad_rows=list(bad_rows),
        returns=[row for row in rows if row.invoice in cancelled],
        adjusted=[row for row in rows if row.quantity < 0 and row.invoice not in cancelled],
        problems=dict(problems),
    )


def _totals(invoices: Sequence[Invoice], in_file: Mapping[str, Decimal], lines: int) -> Totals:
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
        units=sum(in_file.values(), ZERO),
        codes=len(in_file),
        charge_lines=sum(1 for invoice in invoices for row in invoice.rows if not row.is_goods),
    )


def _by_code(invoices: Iterable[Invoice]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        for row in invoice.goods:
            totals[row.code] += row.quantity
    return totals


def _ordered(sales: Iterable[Invoice]) -> dict[str, Decimal]:
    live = OrderLine.objects.filter(order__source=SOURCE).exclude(order__status__in=(OrderStatus.REJECTED, OrderStatus.CANCELLED))
    parts = in_parts(invoice.number for invoice in sales)
    return _summed((live.filter(order__external_id__in=part) for part in parts), F("quantity"))


def _shipped(sales: Iterable[Invoice]) -> dict[str, Decimal]:
    sold = Movement.objects.filter(type=MovementType.SALE)
    parts = in_parts(f"{SOURCE}:{invoice.number}" for invoice in sales)
    return _summed((sold.filter(order_ref__in=part) for part in parts), -F("quantity_change"))


def _summed(parts: Iterable[QuerySet[Any]], units: Any) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for rows in parts:
        for code, number in rows.values_list(Upper("product__sku")).annotate(units=Sum(units)):
            totals[code] += number
    return totals


def _row_data(row: Row) -> dict[str, Any]:
    return {"row": row.number, "invoice": row.invoice, "code": row.code, "quantity": int(row.quantity), "description": row.description}


def _row_text(row: Row) -> str:
    return f"row {row.number}: invoice {row.invoice}, {row.code} × {row.quantity:f} {row.description}".rstrip()


def _listed(title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield f"{title}: {len(entries)}"
        yield from (f"  {entry}" for entry in entries[:SHOWN])
        if len(entries) > SHOWN:
            yield f"  … and {len(entries) - SHOWN} more: see --json"
