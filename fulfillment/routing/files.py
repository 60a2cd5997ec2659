"""A layout and picks from a small JSON document, for `manage.py route`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from fulfillment.routing.layout import Layout, Pick, Spot

UNITS = {"cm": 1, "m": 100}  # centimetres
MOST_DIGITS = 1_000
LONGEST = 1_000_000  # centimetres: what is farther away has been mistyped
MOST_AISLES = 1_000
MOST_PICKS = 1_000
EXAMPLE = """{
  "unit": "m",
  "aisles": {"count": 10, "spacing": 4},
  "cross_aisles": [0, 15.5, 31],
  "depot": 0,
  "picks": [[0, 3], [0, 17], [4, 12.5, 1], [9, 30, 2]]
}"""
KEYS = ("unit", "aisles", "cross_aisles", "depot", "start", "picks")


class UnusableFile(ValueError):
    """The document is not what it should be; the message says where, and what to write there."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a file asks: lengths in centimetres; `start` None is the depot."""

    layout: Layout
    picks: tuple[Pick, ...]
    start: Spot | None
    unit: str


def read_problem(text: str) -> Problem:
    """The problem that a JSON document describes, see EXAMPLE. Raises UnusableFile."""
    try:
        document = json.loads(
            text.removeprefix("\ufeff"), parse_float=Decimal, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_once_each
        )
    except UnusableFile:
        raise
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"It is not JSON: {error}.")
    if not isinstance(document, dict):
        raise UnusableFile(f"Write one JSON object, such as\n{EXAMPLE}")
    unknown = sorted(set(document) - set(KEYS))
    missing = [key for key in ("aisles", "cross_aisles", "picks") if key not in document]
    if unknown or missing:
        raise UnusableFile(
            "; ".join([*(f"there is no key {key!r}" for key in unknown), *(f"{key!r} is missing" for key in missing)]) + f". Keys: {', '.join(KEYS)}."
        )
    unit = document.get("unit", "cm")
    if not isinstance(unit, str) or unit not in UNITS:
        raise UnusableFile(f"unit: write one of {', '.join(UNITS)}.")
    return _problem(document, unit)


def _problem(document: dict[str, Any], unit: str) -> Problem:
    aisles = _aisles(document["aisles"], unit)
    doors = tuple(_length(y, unit, f"cross_aisles[{n}]") for n, y in enumerate(_list(document["cross_aisles"], "cross_aisles", 3)))
    try:
        layout = Layout(aisles, doors, _length(document.get("depot", 0), unit, "depot"))
    except ValueError as error:
        raise UnusableFile(str(error))
    picks = [_pick(row, unit, f"picks[{n}]") for n, row in enumerate(_list(document["picks"], "picks", MOST_PICKS))]
    start = document.get("start")
    spot = None if start is None else _spot(_list(start, "start", 2), unit, "start")
    for n, pick in enumerate(picks):
        _check(layout, pick, unit, f"picks[{n}]")
    if spot is not None:
        _check(layout, spot, unit, "start")
    return Problem(layout, tuple(picks), spot, unit)


def _check(layout: Layout, spot: Spot, unit: str, name: str) -> None:
    front, *_, back = (y / UNITS[unit] for y in layout.cross_aisles)
    if spot.aisle >= len(layout.aisles):
        raise UnusableFile(f"{name}: there is no aisle {spot.aisle}; they are numbered from 0 to {len(layout.aisles) - 1}.")
    if not layout.cross_aisles[0] <= spot.y <= layout.cross_aisles[-1]:
        raise UnusableFile(f"{name}: y lies off the aisles; they reach from {front:g} to {back:g} {unit}.")


def _aisles(value: Any, unit: str) -> tuple[int, ...]:
    if isinstance(value, dict):
        if set(value) != {"count", "spacing"}:
            raise UnusableFile('aisles: write either a list of the x of each aisle, or {"count": 10, "spacing": 4}.')
        count = _whole(value["count"], "aisles.count", MOST_AISLES)
        spacing = _length(value["spacing"], unit, "aisles.spacing")
        return tuple(number * spacing for number in range(count))
    return tuple(_length(x, unit, f"aisles[{n}]") for n, x in enumerate(_list(value, "aisles", MOST_AISLES)))


def _pick(row: Any, unit: str, name: str) -> Pick:
    values = _list(row, name, 3)
    spot = _spot(values[:2], unit, name)
    return Pick(spot.aisle, spot.y, _whole(values[2], f"{name}, the leg", 99) if len(values) == 3 else 0)


def _spot(values: list[Any], unit: str, name: str) -> Spot:
    if len(values) != 2:
        raise UnusableFile(f"{name}: write the number of the aisle, from 0, and y; a pick may have its leg as third.")
    return Spot(_whole(values[0], f"{name}, the aisle", MOST_AISLES), _length(values[1], unit, f"{name}, y"))


def _list(value: Any, name: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise UnusableFile(f"{name}: write a list of at most {most:,}.")
    return value


def _whole(value: Any, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise UnusableFile(f"{name}: write a whole number from 0 to {most:,}.")
    return value


def _length(value: Any, unit: str, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= Decimal(LONGEST) / UNITS[unit]:
        raise UnusableFile(f"{name}: write a number from 0 to {LONGEST // UNITS[unit]:,} ({unit}); measure from a corner of the warehouse.")
    centimetres = value * UNITS[unit]
    if centimetres != int(centimetres):
        raise UnusableFile(f"{name}: {value} {unit} is not a whole number of centimetres; round it.")
    return int(centimetres)


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number has more than {MOST_DIGITS:,} digits")
    return int(text)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise UnusableFile(f"{', '.join(sorted({name for name in names if names.count(name) > 1}))}: write each key once.")
    return document


def _no_constant(name: str) -> NoReturn:
    raise UnusableFile(f"{name} is no length; write a number.")
