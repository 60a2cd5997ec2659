"""Compute the figures of stock anew from the ledger."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory.services.rebuild import Change, LedgerImpossible, rebuild_everything
from warehouse.core.actor import Actor


class Command(BaseCommand):
    help = (
        "Compute quantity and reserved of every place from the ledger, and the totals from those; prints every figure that was wrong. "
        "A product whose ledger is not whole is left as it is and named; then it exits 1."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would change and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        changes: list[Change] = []
        refused: list[LedgerImpossible] = []
        for lot in rebuild_everything(actor=Actor.system("rebuild_stock"), dry_run=dry_run, refused=refused.append):
            changes += lot
            if not options["json"]:
                for change in lot:
                    self.stdout.write(
                        f"{change.table} {change.id} (warehouse {change.warehouse_id}, product {change.product_id}): "
                        f"{change.field} {change.was} → {change.now}"
                    )
        if options["json"]:
            places = [place for error in refused for place in error.errors]
            self.stdout.write(json.dumps({"dry_run": dry_run, "changes": [change.as_data() for change in changes], "refused": places}))
        else:
            self.stdout.write(f"{len(changes)} figures {'would be' if dry_run else 'were'} changed.")
        if refused:
            raise CommandError("Refused: " + " ".join(error.detail for error in refused), returncode=1)
