"""Compare our orders with the order system's, once."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fulfillment.models import OrderDisagreement
from fulfillment.order_sweep import sweep_orders


class Command(BaseCommand):
    help = (
        "Compare our orders with the order system's, as the workers do every few minutes: orders that the stream lost are taken in, cancellations that it "
        "lost are made, and what no rule settles is told. Exits 1 when something is open, 2 when the order system could not be asked."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = sweep_orders(now_or_never=True)
        open_rows = list(OrderDisagreement.objects.filter(resolved_at=None).order_by("first_seen_at", "pk"))
        if options["json"]:
            fields = ("external_id", "kind", "ours", "theirs", "detail", "count")
            told = [{name: getattr(row, name) for name in fields} for row in open_rows]
            self.stdout.write(json.dumps(report.as_data() | {"disagreements": told, "ok": not open_rows and not report.unreachable}))
        else:
            done = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(report.outcomes.items()))
            self.stdout.write(f"{report.listed} listed, {report.compared} asked for one by one: {done or 'nothing new'}.")
            for name in report.unlisted:
                self.stdout.write(f"The order system has no list of {name} orders; only those that we know are compared.")
            for name in report.busy:
                self.stdout.write(f"Somebody else compares the {name} orders now.")
            for row in open_rows:
                self.stdout.write(f"{row}: {row.theirs or 'unknown'} there, {row.ours or 'unknown'} here. {row.detail}")
        if report.unreachable:
            raise CommandError(f"Not compared to the end: {report.unreachable}.", returncode=2)
        if open_rows:
            raise CommandError(f"{len(open_rows)} orders on which the order system and we disagree.", returncode=1)
