"""The walk of a picker, by any method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from fulfillment.routing import heuristics
from fulfillment.routing.euler import Point
from fulfillment.routing.exact import shortest_walk
from fulfillment.routing.layout import Layout, Pick, Route, Spot


class Method(StrEnum):
    """How a walk is found: the shortest one, or by a rule of thumb."""

    EXACT = "exact"
    S_SHAPE = "s_shape"
    RETURN = "return"
    MIDPOINT = "midpoint"
    LARGEST_GAP = "largest_gap"


Rule = Callable[[Layout, Iterable[Spot], int], list[Spot]]
RULES: dict[Method, Rule] = {
    Method.S_SHAPE: heuristics.s_shape,
    Method.RETURN: heuristics.return_,
    Method.MIDPOINT: heuristics.midpoint,
    Method.LARGEST_GAP: heuristics.largest_gap,
}


def find_route(layout: Layout, picks: Sequence[Pick], method: Method = Method.EXACT, *, start: Spot | None = None, by_leg: bool = False) -> Route:
    """The walk from the depot, or from `start` for somebody who stands in an aisle, through all picks to the depot; lengths in centimetres.

    `by_leg`: all picks of a lower leg come before those of a higher one. `exact` is a shortest of all such walks, with `start` and `by_leg` too; the others
    walk by their rule, leg after leg, each from where the one before ended. A pick is taken when its leg first comes by, several at one spot in the order
    given. A round that can be walked either way begins with the stop nearer to the depot.
    Raises ValueError for a spot that lies in no aisle of the layout.
    """
    for spot in picks if start is None else [*picks, start]:
        layout.check(spot)
    legs = sorted({pick.leg for pick in picks}) if by_leg else []
    numbers = [[n for n, pick in enumerate(picks) if pick.leg == leg] for leg in legs] or [list(range(len(picks)))]
    if method == Method.EXACT:
        walks = shortest_walk(layout, [[picks[n] for n in leg] for leg in numbers], start)
    else:
        walks = _by_rule(layout, [[picks[n] for n in leg] for leg in numbers], RULES[method], start)
    taken = [_taken(layout, picks, leg, walk) for leg, walk in zip(numbers, walks, strict=True)]
    if method == Method.EXACT and len(walks) == 1 and walks[0][0] == walks[0][-1]:
        backward = _taken(layout, picks, numbers[0], walks[0][::-1])
        if backward and layout.distance(None, picks[backward[0]]) < layout.distance(None, picks[taken[0][0]]):
            walks, taken = [walks[0][::-1]], [backward]
    path = corners([point for walk in walks for point in walk])
    length = sum(abs(ax - bx) + abs(ay - by) for (ax, ay), (bx, by) in pairwise(path))
    return Route(str(method), tuple(n for leg in taken for n in leg), length, path)


def way(layout: Layout, a: Spot | None, b: Spot | None) -> list[Point]:
    """The corners of a shortest way between two spots; None is the depot. Of equally short ones by the cross aisle nearest to the front."""
    (ax, ay), (bx, by) = layout.point(a), layout.point(b)
    if ax == bx:
        return [(ax, ay), (bx, by)]
    door = min(layout.cross_aisles, key=lambda y: abs(ay - y) + abs(by - y))
    return [(ax, ay), (ax, door), (bx, door), (bx, by)]


def corners(points: Iterable[Point]) -> tuple[Point, ...]:
    """The same walk without the points at which it neither begins, ends nor turns."""
    kept: list[Point] = []
    for x, y in points:
        if kept and kept[-1] == (x, y):
            continue
        if len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2:]
            straight = (ax == bx == x and (by > ay) == (y > by)) or (ay == by == y and (bx > ax) == (x > bx))
            if straight:
                kept.pop()
        kept.append((x, y))
    return tuple(kept)


def _by_rule(layout: Layout, legs: Sequence[Sequence[Pick]], rule: Rule, start: Spot | None) -> list[list[Point]]:
    """The walk of each leg by a rule: up to its last pick, that of the last leg on to the depot."""
    walks = []
    here = start
    for leg in legs:
        spots = [Spot(pick.aisle, pick.y) for pick in leg]
        turns: list[Spot | None] = list(rule(layout, spots, layout.point(here)[0])) if spots else []
        while turns and turns[-1] not in spots:
            turns.pop()
        if leg is legs[-1]:
            turns.append(None)
        walk = [layout.point(here)]
        for turn in turns:
            walk += way(layout, here, turn)
            here = turn
        walks.append(walk)
    return walks


def _taken(layout: Layout, picks: Sequence[Pick], numbers: Iterable[int], walk: Sequence[Point]) -> list[int]:
    """The numbers of a leg's picks in the order in which its walk first comes by."""
    first: dict[Point, int] = {}
    for when, point in enumerate(walk):
        first.setdefault(point, when)
    return sorted(numbers, key=lambda n: (first[layout.point(picks[n])], n))
