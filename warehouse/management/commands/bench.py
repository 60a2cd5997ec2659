"""Figures beside a floor: what the same writes cost as one function inside the server, on the same tables, measured in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

CASES = ("reserve", "intake", "route", "streams", "pick", "receive", "relay", "reconcile", "pages")
DATABASE = "wms_bench"


class Command(BaseCommand):
    """Measures in a database of its own beside the real one, made and dropped by the command, so that the real one is never touched."""

    help = (
        f"Measure the hot ways beside the floor: manage.py bench {' '.join(f'[{case}]' for case in CASES)}. "
        "From pick on each is measured on a tenth of the ledger and on the whole."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("cases", nargs="*", metavar="CASE", help=f"which: {', '.join(CASES)} (default: all)")
        parser.add_argument("--seconds", type=int, default=10, help="how long each measurement takes")
        parser.add_argument("--products", type=int, default=10_000, help="how many products, of three batches each")
        parser.add_argument(
            "--movements", type=int, default=1_000_000, help="how long the ledger is, ten lines for each total of stock (10000000: GBs and minutes)"
        )
        parser.add_argument("--json", action="store_true", help="print a list of rows instead of a table")

    def handle(self, *args: Any, cases: list[str], seconds: int, products: int, movements: int, **options: Any) -> None:
        unknown = set(cases) - set(CASES)
        if unknown:
            raise CommandError(f"There is no case {', '.join(sorted(unknown))}. There are: {', '.join(CASES)}.")
        parts = urlsplit(settings.DATABASE_URL)
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as maintenance:
            self._drop(maintenance)
            maintenance.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            try:
                environment = {
                    **os.environ,
                    "DATABASE_URL": urlunsplit(parts._replace(path=f"/{DATABASE}")),
                    "REDIS_URL": settings.REDIS_URL,
                    "BENCH_DATABASE": DATABASE,
                }
                command = [sys.executable, "-m", "bench", *(cases or CASES)]
                command += ["--seconds", str(seconds), "--products", str(products), "--movements", str(movements)]
                done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True, check=False)
            finally:
                self._drop(maintenance)
        if done.stdout:
            rows = json.loads(done.stdout)
            self.stdout.write(json.dumps(rows, indent=2) if options["json"] else table(rows))
        if done.returncode:
            raise CommandError(f"The bench failed with exit code {done.returncode}; its own words stand above.")

    @staticmethod
    def _drop(maintenance: psycopg.Connection) -> None:
        maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as aligned text."""
    names = list(rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
