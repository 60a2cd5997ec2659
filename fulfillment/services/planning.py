"""In which order the stops of a walk are walked, by the settings of the warehouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from fulfillment.enums import RouteMethod
from fulfillment.queries.site_layout import SiteLayout, layout_of
from fulfillment.routing.layout import Layout, Pick, Spot
from fulfillment.routing.routes import Method, find_route

# Longer is no walk: coordinates have been mistyped.
LONGEST = 100_000_00


@dataclass(frozen=True, slots=True)
class WalkPlan:
    """`order`: the indices of what was asked for, in walking order. `length` of that walk and of the `shortest` through the same places, cold ones last in
    both where the warehouse wants that, in metres; None where one of them is not on the map: then the places go by their own sequence."""

    order: tuple[int, ...]
    method: str
    length: Decimal | None
    shortest: Decimal | None


def plan_walk(warehouse_id: int, location_ids: Sequence[int], *, standing_at: int | None = None) -> WalkPlan:
    """Plan a walk from the depot, or from the place where somebody stands, through all these places and to the depot.

    A place may be named more than once; places that are reached from one spot (its levels, both sides of an aisle) follow each other by their own sequence.
    Two statements. Never raises for a strange map.
    """
    site = layout_of(warehouse_id)
    order = _by_sequence(site, location_ids, standing_at)
    if site.layout is None or not location_ids or any(place not in site.spots for place in location_ids):
        return WalkPlan(tuple(order), RouteMethod.SEQUENCE, None, None)
    start = None if standing_at is None else site.spots.get(standing_at)
    picks = [site.spots[location_ids[index]] for index in order]
    by_leg, there = site.settings.cold_last, _once(picks)
    if site.settings.method == RouteMethod.SEQUENCE:
        shortest = find_route(site.layout, there, Method.EXACT, start=start, by_leg=by_leg)
        return _plan(order, RouteMethod.SEQUENCE, _length(site.layout, picks, start), shortest.length)
    route = exact = find_route(site.layout, there, Method(site.settings.method), start=start, by_leg=by_leg)
    if site.settings.method != RouteMethod.EXACT:
        exact = find_route(site.layout, there, Method.EXACT, start=start, by_leg=by_leg)
    at: dict[Pick, list[int]] = defaultdict(list)
    for index, pick in zip(order, picks, strict=True):
        at[pick].append(index)
    return _plan([index for stop in route.stops for index in at[there[stop]]], site.settings.method, route.length, exact.length)


def _plan(order: Sequence[int], method: str, length: int, shortest: int) -> WalkPlan:
    if length > LONGEST:
        return WalkPlan(tuple(order), method, None, None)
    return WalkPlan(tuple(order), method, Decimal(length) / 100, Decimal(shortest) / 100)


def _by_sequence(site: SiteLayout, location_ids: Sequence[int], standing_at: int | None) -> list[int]:
    """The indices by what the places say of themselves, cold ones last where the warehouse wants that; of those that are equally cold, what lies behind
    somebody who stands somewhere comes after what lies ahead."""
    here = site.places.get(standing_at or 0)

    def key(index: int) -> tuple[bool, int, bool, tuple[int, str], int]:
        place = site.places.get(location_ids[index])
        walk = place.walk if place is not None else (0, "")
        return place is None, site.leg(location_ids[index]), here is not None and walk < here.walk, walk, index

    return sorted(range(len(location_ids)), key=key)


def _once(picks: Iterable[Pick]) -> list[Pick]:
    return list(dict.fromkeys(picks))


def _length(layout: Layout, picks: Sequence[Pick], start: Spot | None) -> int:
    return sum(layout.distance(a, b) for a, b in pairwise([start, *picks, None]))
