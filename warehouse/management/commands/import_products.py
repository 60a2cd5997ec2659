"""Products from a CSV file."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory.errors import FileRefused
from inventory.queries.product_file import COLUMNS, ProductRow, read_products
from inventory.services.product_import import import_products
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError
from warehouse.core.progress import Progress


class Command(BaseCommand):
    help = (
        "Make and change products by a CSV file (UTF-8, comma or semicolon, with a head), all of it or nothing: a file with one bad row changes nothing, "
        "and the row is named. Repeating it changes nothing more. Columns: " + ", ".join(COLUMNS) + "; sku is the only one that must be there."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", help="what to read; - for standard input")
        parser.add_argument("--check", action="store_true", help="read and judge the file only")
        parser.add_argument("--json", action="store_true", help="print one JSON object; progress goes to stderr")

    def handle(self, *args: Any, file: str, check: bool, **options: Any) -> None:
        self.as_json: bool = options["json"]
        try:
            rows = self._read(file)
            done = {"rows": len(rows)} if check else {"rows": len(rows), **asdict(import_products(rows, actor=Actor.system("import_products")))}
        except DomainError as error:
            self._refuse(error)
        if self.as_json:
            self.stdout.write(json.dumps({"ok": True, **done}))
        elif check:
            self.stdout.write(f"{len(rows)} rows are fine.")
        else:
            self.stdout.write(f"{done['rows']} rows: {done['created']} created, {done['changed']} changed, {done['unchanged']} as they were.")

    def _read(self, file: str) -> list[ProductRow]:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} can't be read: {error}.") from error
        with Progress("Reading", text.count("\n"), self.stderr) as progress:  # type: ignore[arg-type]
            return read_products(text, progress.update)

    def _refuse(self, error: DomainError) -> None:
        if self.as_json:
            self.stdout.write(json.dumps({"ok": False, "detail": error.detail, **error.facts()}))
        elif isinstance(error, FileRefused):
            for fault in error.errors:
                self.stderr.write(
                    f"Row {fault['row']}, {fault['field']}: {fault['detail']}" + (f" Expected: {fault['expected']}." if fault["expected"] else "")
                )
        raise CommandError(f"Nothing was imported. {error.detail}", returncode=1)
