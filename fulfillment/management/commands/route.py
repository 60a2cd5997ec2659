"""Walks through one set of picks by every method, or the methods beside each other on many."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fulfillment.routing.comparison import AISLES, PICKS, SETTING, compare
from fulfillment.routing.files import EXAMPLE, UNITS, Problem, UnusableFile, read_problem
from fulfillment.routing.layout import Route
from fulfillment.routing.routes import Method, find_route

HELP = f"""The walk of a picker by every method, how long it is, and how much longer than the shortest.

FILE is a JSON document (- reads it from standard input), such as

{EXAMPLE}

unit          of all lengths: cm (default) or m
aisles        how many, and how far apart, the first at x = 0; or a list of the x of each: [0, 4, 9]
cross_aisles  the y of two of them (one block) or three (two blocks)
depot         its x on the first cross aisle (default 0)
picks         aisle (from 0), y and, where goods are warm, cold or frozen, the leg: 0 before 1 before 2, see --by-leg
start         aisle and y, when the walk begins there instead of at the depot

Negative lengths are refused: measure from a corner."""


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []

    def create_parser(self, *args: Any, **options: Any) -> Any:
        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE", help="the JSON document, or -")
        parser.add_argument("--by-leg", action="store_true", help="all picks of a lower leg before those of a higher one")
        parser.add_argument("--table", action="store_true", help="instead: the mean length by each method in random walks of 5 and 10 aisles")
        parser.add_argument("--instances", type=int, default=1_000, help="with --table: so many walks in each row (default 1000)")
        parser.add_argument("--seed", type=int, default=1, help="with --table: of the random numbers (default 1)")
        parser.add_argument("--json", action="store_true", help="print one JSON object, lengths in cm")

    def handle(self, *args: Any, file: str | None, table: bool, **options: Any) -> None:
        if table == (file is not None):
            raise CommandError("Name a file, or ask for --table. `manage.py route --help` shows what stands in a file.")
        if table:
            if options["instances"] < 1:
                raise CommandError("--instances: a mean needs at least one walk.")
            self._compare(options["instances"], options["seed"], as_json=options["json"])
            return
        try:
            problem = read_problem(_text(str(file)))
        except UnusableFile as error:
            raise CommandError(f"{file}: {error}")
        routes = [find_route(problem.layout, problem.picks, method, start=problem.start, by_leg=options["by_leg"]) for method in Method]
        self.stdout.write(_as_json(routes, options["by_leg"]) if options["json"] else _as_text(routes, problem))

    def _compare(self, instances: int, seed: int, *, as_json: bool) -> None:
        rows = (compare(blocks, aisles, picks, instances, seed) for blocks in (1, 2) for aisles in AISLES for picks in PICKS)
        if as_json:
            told = [{"blocks": row.blocks, "aisles": row.aisles, "picks": row.picks, "mean_m": row.metres} for row in rows]
            self.stdout.write(json.dumps({"setting": SETTING, "instances": instances, "seed": seed, "rows": told}, indent=2))
            return
        self.stdout.write(
            f"{SETTING}\nMean length in metres of {instances} walks a row, seed {seed}; in brackets how much longer than the shortest.\n\n"
        )
        self.stdout.write("blocks  aisles  picks" + "".join(f"{method:>18}" for method in Method))
        for row in rows:
            best = row.metres[Method.EXACT]
            cells = [f"{metres:.1f}" + ("" if method == Method.EXACT else f" ({metres / best - 1:+.1%})") for method, metres in row.metres.items()]
            self.stdout.write(f"{row.blocks:>6}{row.aisles:>8}{row.picks:>7}" + "".join(f"{cell:>18}" for cell in cells))


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not text in UTF-8: save it as such.")
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} can't be read: {getattr(error, 'strerror', None) or error}. Give the path of a JSON document.")


def _gap(route: Route, shortest: Route) -> float:
    """(length - shortest) / shortest."""
    return (route.length - shortest.length) / shortest.length if shortest.length else 0.0


def _as_json(routes: list[Route], by_leg: bool) -> str:
    rows = [
        {
            "method": route.method,
            "length": route.length,
            "gap": _gap(route, routes[0]),
            "stops": list(route.stops),
            "path": [list(point) for point in route.path],
        }
        for route in routes
    ]
    return json.dumps({"unit": "cm", "by_leg": by_leg, "routes": rows})


def _as_text(routes: list[Route], problem: Problem) -> str:
    lines = [f"{'method':<14}{'metres':>10}{'longer':>10}"]
    lines += [f"{route.method:<14}{route.length / 100:>10.2f}{_gap(route, routes[0]):>10.1%}" for route in routes]
    lines += ["", f"Stops as aisle:y ({problem.unit}), from {'the depot' if problem.start is None else 'the start'} to the depot:"]
    scale = UNITS[problem.unit]
    for route in routes:
        stops = (f"{problem.picks[stop].aisle}:{problem.picks[stop].y / scale:g}" for stop in route.stops)
        lines.append(f"{route.method:<14}{' '.join(stops)}")
    return "\n".join(lines)
