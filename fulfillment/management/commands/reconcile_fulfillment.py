"""Prove that orders, promises, tasks, packages and shipments agree."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fulfillment.queries.reconciliation import CHECKS, Contradiction, contradictions
from warehouse.core.whole_tables import snapshot


class Command(BaseCommand):
    help = (
        "Prove on the live database that orders, promises, tasks, packages, shipments and put-backs agree (it locks nothing and changes nothing). "
        "Prints everything that contradicts, and what to do about it; exits 1 when there is something. What follows events of the house (goods that "
        "were promised anew) takes a moment: what is found is looked at again after --wait seconds, and told only if it is still so."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")
        parser.add_argument(
            "--wait", type=float, default=3.0, help="seconds after which what was found is looked at again (default 3; 0: not at all)"
        )

    def handle(self, *args: Any, wait: float, **options: Any) -> None:
        found = self._prove()
        if found and wait > 0:
            self.stderr.write(f"{len(found)} found; looking again in {wait:g} s.")
            time.sleep(wait)
            still = set(self._prove())
            found = [each for each in found if each in still]
        if options["json"]:
            self.stdout.write(json.dumps({"findings": [each.as_data() for each in found], "count": len(found), "ok": not found}))
        else:
            for each in found:
                self.stdout.write(str(each))
        if found:
            raise CommandError(f"Fulfilment contradicts itself: {len(found)} findings.", returncode=1)
        if not options["json"]:
            self.stdout.write("Fulfilment agrees with itself.")

    def _prove(self) -> list[Contradiction]:
        found: list[Contradiction] = []
        with snapshot():
            for number, check in enumerate(CHECKS, start=1):
                began, before = time.monotonic(), len(found)
                found += contradictions(check)
                verdict = "agrees" if len(found) == before else f"{len(found) - before} contradict"
                self.stderr.write(f"[{number}/{len(CHECKS)}] {check.title}: {verdict} ({time.monotonic() - began:.1f} s)")
        return found
