"""Compare our orders with a marketplace's, now."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stocksync.enums import ChannelMode
from stocksync.flows.reconciling import reconcile_stock_status
from stocksync.models import Channel, ChannelOrder
from warehouse.core.actor import Actor
from warehouse.core.interrupts import stopped_by_signals
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure
from warehouse.core.progress import Progress
from warehouse.core.texts import counted

ACTOR = Actor.system("reconcile_channel")
MOST_HOURS = 8760


class Command(BaseCommand):
    help = (
        "Compare both sides of a channel's orders, as the workers do every half hour, and make alike what is small and clear. A channel that is off is not"
        " compared. Ctrl-C stops after the orders in hand; nothing is lost by that. Exits 1 when discrepancies are open or a marketplace can't be asked."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("code", nargs="?", help="the channel's code")
        parser.add_argument("--all", action="store_true", help="every channel that is not off")
        parser.add_argument("--hours", type=float, metavar="H", help="orders that changed within H hours (default: as the workers)")
        parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")

    def handle(self, *args: Any, hours: float | None, **options: Any) -> None:
        channels = self._channels(options["code"], options["all"])
        if hours is not None and not 0 < hours <= MOST_HOURS:
            raise CommandError(f"--hours {hours:g}: give more than 0 and no more than {MOST_HOURS}.", returncode=2)
        told: dict[str, dict[str, Any]] = {}
        with stopped_by_signals() as stop:
            for channel in channels:
                if not stop.is_set():
                    told[channel.code] = self._compare(channel, hours, stop)
        wrong = sum(each.get("discrepancies", 0) for each in told.values())
        unasked = [code for code, each in told.items() if "error" in each]
        if options["json"]:
            self.stdout.write(json.dumps({"channels": told, "interrupted": stop.is_set(), "ok": not wrong and not unasked}))
        elif stop.is_set():
            self.stdout.write("Stopped before the end.")
        if wrong or unasked:
            problems = [f"open: {counted(wrong, 'discrepancy', 'discrepancies')}"] * bool(wrong) + [f"not asked: {', '.join(unasked)}"] * bool(
                unasked
            )
            raise CommandError(f"{'; '.join(problems)}.", returncode=1)

    def _channels(self, code: str | None, every: bool) -> list[Channel]:
        if bool(code) == every:
            raise CommandError("Give the code of a channel, or --all.", returncode=2)
        if every:
            return list(Channel.objects.exclude(mode=ChannelMode.OFF).order_by("code"))
        channel = Channel.objects.filter(code=code).first()
        if channel is None:
            known = ", ".join(Channel.objects.order_by("code").values_list("code", flat=True)) or "none"
            raise CommandError(f"There is no channel {code!r}. Known: {known}.", returncode=2)
        if channel.mode == ChannelMode.OFF:
            raise CommandError(f"{channel} is off: switch it on, or to shadow, to have it compared.", returncode=2)
        return [channel]

    def _compare(self, channel: Channel, hours: float | None, stop: threading.Event) -> dict[str, Any]:
        """What came of one channel, which is said on stderr at once."""
        known = ChannelOrder.objects.filter(channel=channel).count()
        with Progress(f"Comparing {channel.code}", known, sys.stderr) as progress:
            try:
                result = reconcile_stock_status(
                    channel, window=timedelta(hours=hours) if hours else None, actor=ACTOR, go_on=lambda: not stop.is_set(), progress=progress.update
                )
            except (RetryableFailure, PermanentFailure) as error:
                self.stderr.write(f"{channel.code} can't be asked: {error}")
                return {"error": str(error)}
        self.stderr.write(
            f"{channel.code}: {result.compared} compared, {result.same} alike or on their way, {result.fixed} made alike,"
            f" {result.discrepancies} discrepancies open."
        )
        return asdict(result)
