"""Prove that the books balance."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory.queries.reconciliation import CHECKS, Disagreement, disagreements, snapshot


class Command(BaseCommand):
    help = (
        "Prove on the live database that places, totals, promises and ledger agree (it locks nothing and changes nothing). "
        "Prints every row that disagrees; exits 1 when there is one."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")

    def handle(self, *args: Any, **options: Any) -> None:
        self.as_json: bool = options["json"]
        self.found = 0
        if self.as_json:
            self.stdout.write('{"findings": [', ending="")
        with snapshot():
            for number, check in enumerate(CHECKS, start=1):
                began, before = time.monotonic(), self.found
                for finding in disagreements(check):
                    self._print(finding)
                verdict = "agrees" if self.found == before else f"{self.found - before} disagree"
                self.stderr.write(f"[{number}/{len(CHECKS)}] {check.title}: {verdict} ({time.monotonic() - began:.1f} s)")
        if self.as_json:
            self.stdout.write(f'], "count": {self.found}, "ok": {json.dumps(not self.found)}}}')
        if self.found:
            raise CommandError(f"The books do not balance: {self.found} disagreements.", returncode=1)
        if not self.as_json:
            self.stdout.write("The books balance.")

    def _print(self, finding: Disagreement) -> None:
        self.found += 1
        if self.as_json:
            self.stdout.write((", " if self.found > 1 else "") + json.dumps(finding.as_data()), ending="")
        else:
            where = f", {finding.sku} in {finding.warehouse}" if finding.sku else ""
            self.stdout.write(
                f"{finding.check}: {finding.table} {finding.id}{where}: {finding.field} is {finding.stored}, should be {finding.computed}"
            )
