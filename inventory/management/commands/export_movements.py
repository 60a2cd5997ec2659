"""The ledger as CSV."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError

from inventory.queries.movement_export import COLUMNS, movement_rows, movements
from warehouse.core.exports import cell, whole_file
from warehouse.core.whole_tables import snapshot


def moment(text: str) -> datetime:
    """An ISO date or time; without a zone it is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date or time such as 2026-01-31 or 2026-01-31T12:00+01:00") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Write the ledger as CSV (UTF-8, comma, times in UTC). The file appears when it is whole, or not at all."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", help="where to write; - for standard output")
        parser.add_argument("--since", type=moment, help="from this date or time on")
        parser.add_argument("--before", type=moment, help="before this date or time")
        parser.add_argument("--sku", default="", help="only this product")
        parser.add_argument("--warehouse", default="", help="only this warehouse (code)")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            with snapshot():
                asked = movements(since=options["since"], before=options["before"], sku=options["sku"], warehouse=options["warehouse"])
                rows = movement_rows(asked)
                if file == "-":
                    count = self._write(rows, self.stdout)  # type: ignore[arg-type]
                    self.stdout.flush()
                else:
                    with whole_file(Path(file)) as target:
                        count = self._write(rows, target)
        except OSError as error:
            raise CommandError(f"{file} was not written: {error.strerror or error}. Free some space or choose another place, and repeat.") from error
        self.stderr.write(f"{count} movements written to {file}.")

    @staticmethod
    def _write(rows: Iterable[Sequence[Any]], target: TextIO) -> int:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(COLUMNS)
        count = 0
        for row in rows:
            writer.writerow([cell(value) for value in row])
            count += 1
        return count
