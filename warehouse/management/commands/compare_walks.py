"""What routes and batches save: an order history walked in every way, side by side."""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fulfillment.routing.batching import Capacity
from warehouse.replay.arguments import at_least_one
from warehouse.replay.reader import UnreadableFile, read_history
from warehouse.replay.walks import Plan, make_report

CENTIMETRE, LONGEST_METRES = Decimal("0.01"), 10_000


def centimetres(text: str) -> int:
    """Metres, in whole centimetres."""
    try:
        length = Decimal(text)
    except InvalidOperation:
        length = Decimal("NaN")
    if not length.is_finite() or not CENTIMETRE <= length <= LONGEST_METRES or length % CENTIMETRE:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no length from {CENTIMETRE} to {LONGEST_METRES:,} m, to the centimetre.")
    return int(length * 100)


class Command(BaseCommand):
    help = (
        "How far one walks to pick an order history (a CSV file as replay_orders takes it) in a warehouse of equal aisles: every order alone, and in batches "
        "put together in each way; each by every route. Its stock codes are spread over the places at random. Nothing is booked."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--limit", type=at_least_one, metavar="N", help="only the first N invoices of the file")
        parser.add_argument("--aisles", type=int, default=10, metavar="N", help="how many aisles (10)")
        parser.add_argument("--places", type=int, default=45, metavar="N", help="how many places in each (45)")
        parser.add_argument("--aisle-distance", type=centimetres, default=500, metavar="METRES", help="from aisle to aisle (5)")
        parser.add_argument("--place-length", type=centimetres, default=100, metavar="METRES", help="from place to place (1)")
        parser.add_argument("--blocks", type=int, default=1, metavar="N", help="2: with a cross aisle in the middle (1)")
        parser.add_argument("--totes", type=int, default=8, metavar="N", help="how many orders a cart takes (8)")
        parser.add_argument("--items", type=int, metavar="N", help="how many lines a cart takes (no limit)")
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the spread of the codes (1)")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, file: Path, limit: int | None, seed: int, **options: Any) -> None:
        try:
            history = read_history(file.read_bytes())
            plan = Plan(options["aisles"], options["places"], options["aisle_distance"], options["place_length"], options["blocks"])
            capacity = Capacity(options["totes"], options["items"])
        except (OSError, UnreadableFile) as error:
            raise CommandError(f"{file}: {error}") from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        sales = [invoice for invoice in history.invoices[:limit] if invoice.goods]
        if not sales:
            raise CommandError(f"{file}: there is no order with goods in it.")
        try:
            report = make_report(history, sales, plan, capacity, seed, sys.stderr)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted.")
            sys.exit(130)
        if options["json"]:
            self.stdout.write(json.dumps({"file": file.name, **report.as_data()}, ensure_ascii=False, indent=1))
        else:
            self.stdout.write("\n".join(report.as_text()))
