"""How synchronisation went in a week."""

from __future__ import annotations

import argparse
import json
import re
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stocksync.enums import OperationStatus
from stocksync.models import Discrepancy, PendingStockOperation
from stocksync.queries.reports import sync_figures
from stocksync.services.reports import generate_sync_report, last_week, week_of
from warehouse.core.actor import Actor
from warehouse.core.texts import counted

ACTOR = Actor.system("sync_report")


class Command(BaseCommand):
    help = (
        "Show how synchronisation went in a week, and keep that as its report if the week is over. The report stays as it was made; the exit code is of now, of"
        " whatever week: 1 when operations have failed or discrepancies are open. Whether the week met its aims is in the report."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--week", metavar="2026-W46", help="an ISO week (default: the last whole one)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, week: str | None, **options: Any) -> None:
        begins_at, ends_at = self._stretch(week)
        over = ends_at <= timezone.now()
        figures, made_at = self._figures(begins_at, ends_at, over)
        failed = PendingStockOperation.objects.filter(status=OperationStatus.FAILED).count()
        waiting = Discrepancy.objects.filter(resolved_at=None).count()
        if options["json"]:
            stretch = {"begins_at": begins_at.isoformat(), "ends_at": ends_at.isoformat(), "over": over}
            now = {"failed_operations": failed, "open_discrepancies": waiting, "ok": not failed and not waiting}
            self.stdout.write(json.dumps(stretch | figures | {"made_at": made_at.isoformat(), "now": now}))
        else:
            self._show(begins_at, ends_at, over, made_at, figures)
        if failed or waiting:
            raise CommandError(
                f"Now: {counted(failed, 'failed operation')}, {counted(waiting, 'open discrepancy', 'open discrepancies')}.", returncode=1
            )

    @staticmethod
    def _figures(begins_at: datetime, ends_at: datetime, over: bool) -> tuple[dict[str, Any], datetime]:
        """The report of a week that is over, which is made once; of another one as it is now. And when that was."""
        if over:
            report = generate_sync_report(begins_at, ends_at, actor=ACTOR)
            return report.figures, report.made_at
        now = timezone.now()
        return sync_figures(begins_at, now), now

    @staticmethod
    def _stretch(week: str | None) -> tuple[datetime, datetime]:
        if week is None:
            return last_week()
        named = re.fullmatch(r"(\d{4})-W(\d{2})", week)
        try:
            begins_at, ends_at = week_of(int(named[1]), int(named[2])) if named else (None, None)
        except ValueError:
            begins_at = None
        if begins_at is None or ends_at is None:
            raise CommandError(f"--week {week!r} is no ISO week: give one such as 2026-W46.", returncode=2)
        if begins_at > timezone.now():
            raise CommandError(f"--week {week} has not begun.", returncode=2)
        return begins_at, ends_at

    def _show(self, begins_at: datetime, ends_at: datetime, over: bool, made_at: datetime, figures: dict[str, Any]) -> None:
        as_of = f"as of {made_at:%Y-%m-%d %H:%M} UTC, when this was made"
        self.stdout.write(f"{begins_at:%Y-%m-%d} – {ends_at:%Y-%m-%d}{'' if over else ' (so far)'}, {as_of}")
        for name, of in {**figures["channels"], "all": figures["all"]}.items():
            self.stdout.write(
                f"{name}: {of['operations']} operations, {of['completed']} completed, {of['failed']} failed, {of['rolled_back']} rolled back,"
                f" {of['still_owed']} owed then, {of['manual_reviews']} manual reviews"
            )
            for where in ("outside", "inside"):
                tries = of[where]
                if tries["first_tries"] or tries["retried"]:
                    self.stdout.write(f"  {where} of fault windows: {_share(tries)} of {tries['first_tries']} at first try; {_times(tries)}")
        for window in figures["fault_windows"]:
            self.stdout.write(f"no answer at {window['channel']} from {window['begins_at']} to {window['ends_at']}: {window['orders']} orders")


def _share(tries: dict[str, Any]) -> str:
    return "none" if tries["first_try_share"] is None else f"{tries['first_try_share']:.2%}"


def _times(tries: dict[str, Any]) -> str:
    if tries["retry_seconds_mean"] is None:
        return "nothing was retried"
    return f"{tries['retried']} retried, mean {tries['retry_seconds_mean']:.0f} s, 95 % within {tries['retry_seconds_p95']:.0f} s"
