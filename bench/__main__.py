"""Runs in the bench's own database (`manage.py bench` makes it): migrate, fill, measure; prints the rows as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys

import django


def main() -> None:
    """Arguments: the cases, --seconds, --products."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--products", type=int, required=True)
    options = parser.parse_args()
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from bench import data, intake, reserve, route, streams

    if connection.settings_dict["NAME"] != os.environ.get("BENCH_DATABASE"):
        sys.exit("This fills the database with bench data: start it by `manage.py bench`, which makes one of its own.")
    call_command("migrate", verbosity=0)
    data.fill(options.products)
    suites = {"reserve": reserve.bench, "intake": intake.bench, "route": route.bench, "streams": streams.bench}
    rows = [row for case in options.cases for row in suites[case](options.seconds, options.products)]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
