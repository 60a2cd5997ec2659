"""Prove that the books balance; mend them when told to."""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory.models import Product, Warehouse
from inventory.queries.reconciliation import CHECKS, Disagreement, disagreements
from inventory.services.audit_repair import repair_stock, told
from inventory.services.rebuild import AT_ONCE, LedgerImpossible
from warehouse.core.actor import Actor
from warehouse.core.whole_tables import snapshot

# What a repair mends. Whether the ledger of a product can be followed is judged behind its gate (`rebuild_stock`).
REPAIRED = {"limits", "stock_limits", "ledger", "stock", "status", "promises", "blocked"}


class Command(BaseCommand):
    help = (
        "Prove on the live database that places, totals, promises and ledger agree (it locks nothing and changes nothing). "
        "Prints every row that disagrees; exits 1 when there is one. With --repair the figures then follow the ledger, a completed audit per warehouse "
        "shows what was changed, and it is proved again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")
        parser.add_argument("--repair", action="store_true", help="mend what disagrees, with a document that shows it")

    def handle(self, *args: Any, repair: bool, **options: Any) -> None:
        self.as_json: bool = options["json"]
        self.broken: dict[str, set[str]] = defaultdict(set)
        if self.as_json:
            self.stdout.write('{"findings": [', ending="")
        found = self._prove()
        repairs: list[dict[str, Any]] = []
        left = found
        if repair and self.broken:
            if self.as_json:
                self.stdout.write('], "left": [', ending="")
            repairs = self._repair()
            left = self._prove()
        if self.as_json:
            told_repairs = f', "repairs": {json.dumps(repairs)}' if repair else ""
            self.stdout.write(f'], "count": {found}{told_repairs}, "ok": {json.dumps(not left)}}}')
        if left:
            raise CommandError(f"The books do not balance: {left} disagreements{' are left' if repairs else ''}.", returncode=1)
        if not self.as_json:
            self.stdout.write(
                "The books balance again. Count these products: the ledger says what was booked, not what lies there."
                if repairs
                else "The books balance."
            )

    def _prove(self) -> int:
        """Print every row that disagrees, and return how many there are."""
        self.found = 0
        with snapshot():
            for number, check in enumerate(CHECKS, start=1):
                began, before = time.monotonic(), self.found
                for finding in disagreements(check):
                    self._print(finding)
                verdict = "agrees" if self.found == before else f"{self.found - before} disagree"
                self.stderr.write(f"[{number}/{len(CHECKS)}] {check.title}: {verdict} ({time.monotonic() - began:.1f} s)")
        return self.found

    def _repair(self) -> list[dict[str, Any]]:
        """Mend product by product, a hundred of a warehouse in a transaction; where the ledger can't be followed nothing is changed."""
        repairs = []
        for warehouse in Warehouse.objects.filter(code__in=self.broken).order_by("pk"):
            products = list(Product.objects.filter(sku__in=self.broken[warehouse.code]).order_by("pk").values_list("pk", flat=True))
            for start in range(0, len(products), AT_ONCE):
                done = self._repair_some(warehouse.pk, products[start : start + AT_ONCE])
                if done is not None:
                    audit, changes = done
                    repairs.append({"document": audit.number, "warehouse": warehouse.code, "changes": [change.as_data() for change in changes]})
                    if not self.as_json:
                        for change in changes:
                            self.stdout.write(f"{audit.number}: {told(change)}")
        return repairs

    def _repair_some(self, warehouse_id: int, products: list[int]) -> Any:
        actor = Actor.system("reconcile_stock")
        try:
            return repair_stock(warehouse_id, products, actor=actor)
        except LedgerImpossible as error:
            self.stderr.write(f"Not repaired: {error.detail}")
            rest = [product for product in products if product not in {key.product_id for key in error.keys}]
            return repair_stock(warehouse_id, rest, actor=actor)

    def _print(self, finding: Disagreement) -> None:
        self.found += 1
        if finding.warehouse and finding.sku and finding.check in REPAIRED:
            self.broken[finding.warehouse].add(finding.sku)
        if self.as_json:
            self.stdout.write((", " if self.found > 1 else "") + json.dumps(finding.as_data()), ending="")
        else:
            where = f", {finding.sku} in {finding.warehouse}" if finding.sku else ""
            self.stdout.write(
                f"{finding.check}: {finding.table} {finding.id}{where}: {finding.field} is {finding.stored}, should be {finding.computed}"
            )
