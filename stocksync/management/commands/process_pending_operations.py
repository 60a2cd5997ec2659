"""Tell the marketplaces what they are owed, now."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stocksync.enums import OperationStatus
from stocksync.flows.acknowledging import process_pending_operations
from stocksync.models import PendingStockOperation
from warehouse.core.actor import Actor
from warehouse.core.interrupts import stopped_by_signals
from warehouse.core.progress import Progress
from warehouse.core.texts import counted

ACTOR = Actor.system("process_pending_operations")


class Command(BaseCommand):
    help = (
        "Tell the marketplaces all that is due, as the workers do every five minutes. Ctrl-C stops after the operations in hand; what is left waits for the"
        " next time. Exits 1 when there are failed operations, whenever they failed: a person has to look at them."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, metavar="N", help="tell N at most (default: all that are due)")
        parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")

    def handle(self, *args: Any, limit: int | None, **options: Any) -> None:
        if limit is not None and limit < 1:
            raise CommandError(f"--limit {limit}: give a number of operations, 1 or more.", returncode=2)
        due = PendingStockOperation.objects.filter(status=OperationStatus.PENDING, next_retry_at__lte=timezone.now()).count()
        with stopped_by_signals() as stop, Progress("Telling", min(due, limit or due), sys.stderr) as progress:
            result = process_pending_operations(limit or sys.maxsize, actor=ACTOR, go_on=lambda: not stop.is_set(), progress=progress.update)
        failed = PendingStockOperation.objects.filter(status=OperationStatus.FAILED).count()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result) | {"failed_operations": failed, "interrupted": stop.is_set(), "ok": not failed}))
        else:
            waits = f"{result.failed} wait for their next try, {result.max_retries_reached} for a person"
            self.stdout.write(f"{result.processed} told: {result.succeeded} succeeded, {waits}.{' Stopped before the end.' * stop.is_set()}")
        if failed:
            raise CommandError(f"Failed: {counted(failed, 'operation')}. Find out why, then retry or cancel.", returncode=1)
