"""Runs in the bench's own database (`manage.py bench` makes it): migrate, fill, measure; prints the rows as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import django


def main() -> None:
    """Arguments: the cases, --seconds, --products, --movements. Exit code 1 when a page takes too many statements."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--products", type=int, required=True)
    parser.add_argument("--movements", type=int, required=True)
    options = parser.parse_args()
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from bench import data, intake, pages, reserve, route, streams

    if connection.settings_dict["NAME"] != os.environ.get("BENCH_DATABASE"):
        sys.exit("This fills the database with bench data: start it by `manage.py bench`, which makes one of its own.")
    call_command("migrate", verbosity=0)
    data.fill(options.products)
    suites = {"reserve": reserve.bench, "intake": intake.bench, "route": route.bench, "streams": streams.bench}
    rows = [row for case in options.cases if case in suites for row in suites[case](options.seconds, options.products)]
    rows += with_ledger([case for case in options.cases if case not in suites], options)
    print(json.dumps(rows))
    if over := pages.too_long(rows):
        sys.exit(f"More than {pages.MOST_STATEMENTS} statements: {'; '.join(over)}")


def with_ledger(cases: list[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """These cases on a tenth of the ledger that was asked for, then on the whole; the rows of a case stand together."""
    from bench import ledger, pages, pick, receive, reconcile, relay

    suites = {"pick": pick.bench, "receive": receive.bench, "relay": relay.bench, "reconcile": reconcile.bench, "pages": pages.bench}
    found: dict[str, list[dict[str, Any]]] = {case: [] for case in cases}
    for movements in (options.movements // 10, options.movements) if cases else ():
        print(f"A ledger of {movements:,} movements…", file=sys.stderr)
        ledger.grow_to(movements)
        for case in cases:
            rows = suites[case](options.seconds, options.products)
            found[case] += [{**row, "case": f"{row['case']}, {movements:,} movements"} for row in rows]
    return [row for rows in found.values() for row in rows]


if __name__ == "__main__":
    main()
