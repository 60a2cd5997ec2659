"""An order history from CSV, through the real intake."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from inventory.models import Product, Warehouse
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError
from warehouse.core.progress import Progress
from warehouse.logs import only_warnings
from warehouse.replay import bookings, stock, work
from warehouse.replay.alone import alone
from warehouse.replay.arguments import at_least_one
from warehouse.replay.carrier import carrier
from warehouse.replay.reader import Invoice, UnreadableFile, read_history
from warehouse.replay.report import make_report

GOES_ON = "The same command goes on from here."
# A line per task that is sent to a worker, per call to the carrier and per step of a task would bury everything else.
CHATTY = ("django_structlog.celery", "fulfillment", "inventory", "warehouse")


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM interrupts the block as Ctrl-C does. Main thread only."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Command(BaseCommand):
    help = (
        "Replay an order history: a CSV file with the columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country. "
        "Makes what is missing, receives stock, takes every sale in as an order; with --fulfil ships them, and books cancellations as returns and "
        "adjustments as write-offs. May be interrupted and run again: it goes on, and books nothing twice. "
        "Exits 1 when something does not add up."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--fulfil",
            action="store_true",
            help="ship the orders too, with the operations that people use; then book returns and adjustments",
        )
        parser.add_argument("--limit", type=at_least_one, metavar="N", help="only the first N invoices of the file")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")

    def handle(self, *args: Any, file: Path, fulfil: bool, limit: int | None, **options: Any) -> None:
        begun = time.monotonic()
        sys.stderr.write(f"Reading {file}\n")
        try:
            history = read_history(file.read_bytes())
        except (OSError, UnreadableFile) as error:
            raise CommandError(f"{file}: {error}") from error
        invoices = history.invoices[:limit]
        try:
            with only_warnings(*CHATTY), interrupted_by_sigterm(), alone():
                outcome, new = self._replay(invoices, fulfil)
                report = make_report(invoices, history.bad_rows, history.lines, outcome, fulfilled=fulfil)
        except KeyboardInterrupt:
            self.stderr.write(f"Interrupted. {GOES_ON}")
            sys.exit(130)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database does not serve: {str(error).strip()}\n{GOES_ON}") from error
        except DomainError as error:
            raise CommandError(error.detail) from error
        report.new, report.seconds = new, time.monotonic() - begun
        if options["json"]:
            self.stdout.write(json.dumps({"file": file.name, **report.as_data()}, ensure_ascii=False, indent=1))
        else:
            self.stdout.write("\n".join(report.as_text()))
        if not report.adds_up:
            sys.exit(1)

    def _replay(self, invoices: list[Invoice], fulfil: bool) -> tuple[bookings.Outcome, dict[str, int]]:
        outcome = bookings.Outcome()
        site, actor = stock.make_site(), stock.make_worker()
        to_come = bookings.adjustments_to_come(invoices) if fulfil else {}
        adjusted = {code for _, code in bookings.by_line(bookings.adjusted_rows(invoices))} if fulfil else set()
        products = stock.make_products(invoices, sorted(adjusted))
        new = self._take_in(site, invoices, products, to_come, outcome, actor)
        if fulfil:
            with carrier(self.stderr.write):
                new["orders shipped"] = self._fulfil(invoices, outcome.problems, actor)
            new |= self._take_back(site, invoices, products, outcome, actor)
        return outcome, new

    def _take_in(
        self,
        site: Warehouse,
        invoices: list[Invoice],
        products: Mapping[str, Product],
        to_come: Mapping[bookings.Line, Decimal],
        outcome: bookings.Outcome,
        actor: Actor,
    ) -> dict[str, int]:
        waiting = stock.waiting_invoices(invoices)
        missing = stock.missing_goods(site, waiting, products, [(code, quantity) for (_, code), quantity in to_come.items()])
        with Progress("Receiving", len(missing), sys.stderr) as progress:
            for lines, refused in stock.receive(site, missing, products, actor=actor):
                outcome.refused |= refused
                progress.update(lines)
        taken = 0
        with Progress("Taking in", len(waiting), sys.stderr) as progress:
            for invoice in waiting:
                try:
                    order = work.take_in(invoice, actor=actor)
                    taken += order.status != "rejected"
                    if order.status == "rejected":
                        shortages = ", ".join(f"{s['sku']} asked {s['asked']}, available {s['available']}" for s in order.shortages)
                        outcome.fail(invoice.number, invoice.goods, f"rejected: {shortages}")
                except DomainError as error:
                    outcome.fail(invoice.number, invoice.goods, error.detail)
                progress.update()
        return {"lines received": len(missing) - len(outcome.refused), "orders taken in": taken}

    def _fulfil(self, invoices: list[Invoice], problems: work.Problems, actor: Actor) -> int:
        orders = work.open_orders(invoices)
        with Progress("Picking and packing", work.lines_to_pick_and_pack(orders), sys.stderr) as progress:
            for order_id, invoice in orders.items():
                try:
                    work.pick_and_pack(order_id, progress.update, actor=actor)
                except DomainError as error:
                    problems[invoice] = error.detail
        sound = {order_id: invoice for order_id, invoice in orders.items() if invoice not in problems}
        with Progress("Shipping", len(sound), sys.stderr) as progress:
            problems.update(work.ship(sound, progress.update, actor=actor))
        return len(orders) - len(work.open_orders(invoices))

    def _take_back(
        self, site: Warehouse, invoices: list[Invoice], products: Mapping[str, Product], outcome: bookings.Outcome, actor: Actor
    ) -> dict[str, int]:
        with Progress("Taking back", len(bookings.returned_rows(invoices)), sys.stderr) as progress:
            returns = bookings.book_returns(site, invoices, products, outcome, progress.update, actor=actor)
        with Progress("Adjusting", len(bookings.by_line(bookings.adjusted_rows(invoices))), sys.stderr) as progress:
            adjustments = bookings.book_adjustments(site, invoices, products, outcome, progress.update, actor=actor)
        return {"returns completed": returns, "adjustments written off": adjustments}
