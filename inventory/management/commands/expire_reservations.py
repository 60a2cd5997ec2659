"""Release the promises whose time is up."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from inventory.services.reservations import expire_reservations
from warehouse.core.actor import Actor


class Command(BaseCommand):
    help = "Release the promises whose time limit is over and whose picking has not started; the worker does it every 30 seconds by itself."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=1000, help="at most so many (default 1000)")

    def handle(self, *args: Any, limit: int, **options: Any) -> None:
        self.stdout.write(f"{expire_reservations(actor=Actor.system('expire_reservations'), limit=limit)} reservations expired.")
