"""Random warehouses, every order of a few picks, and what a route has to be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from fulfillment.routing.layout import Layout, Pick, Route, Spot


class Walk(NamedTuple):
    """What a route is asked for."""

    layout: Layout
    picks: list[Pick]
    start: Spot


def random_walk(random: Random, blocks: int, aisles: int, most: int, legs: int = 3) -> Walk:
    """Uneven aisles, cross aisles and depot (before, between, behind or at an aisle); picks often at a cross aisle, often several at one spot."""
    width, depth = 4 * aisles, 30
    layout = Layout(
        tuple(sorted(random.sample(range(width), random.randint(1, aisles)))),
        tuple(sorted(random.sample(range(depth), blocks + 1))),
        random.randint(-5, width + 5),
    )
    if random.random() < 0.3:
        layout = Layout(layout.aisles, layout.cross_aisles, random.choice(layout.aisles))

    def spot() -> tuple[int, int]:
        doors = layout.cross_aisles
        return random.randrange(len(layout.aisles)), random.choice((*doors, *(random.randint(doors[0], doors[-1]) for _ in range(6))))

    picks = [Pick(*spot(), random.randrange(legs)) for _ in range(random.randint(0, most))]
    if picks and random.random() < 0.2:
        picks.append(random.choice(picks))
    return Walk(layout, picks[:most], Spot(*spot()))


def every_order(layout: Layout, picks: Sequence[Pick], start: Spot | None, by_leg: bool) -> int:
    """The length of the shortest walk by trying every order, given up only where it is already longer than the best one."""
    best = 1 << 60

    def walk(here: Spot | None, left: list[Pick], length: int) -> None:
        nonlocal best
        if length >= best:
            return
        if not left:
            best = min(best, length + layout.distance(here, None))
        leg = min((pick.leg for pick in left), default=0)
        for n, pick in enumerate(left):
            if not by_leg or pick.leg == leg:
                walk(pick, left[:n] + left[n + 1 :], length + layout.distance(here, pick))

    walk(start, list(picks), 0)
    return best


def assert_is_route(route: Route, layout: Layout, picks: Sequence[Pick], start: Spot | None, by_leg: bool) -> None:
    """Every pick once, the lower legs first; drawn in aisles and cross aisles only, as long as it says, from the start to the depot by all stops in turn."""
    assert sorted(route.stops) == list(range(len(picks)))
    if by_leg:
        assert [picks[n].leg for n in route.stops] == sorted(pick.leg for pick in picks)
    assert (route.path[0], route.path[-1]) == (layout.point(start), layout.point(None))
    assert route.length == sum(abs(ax - bx) + abs(ay - by) for (ax, ay), (bx, by) in pairwise(route.path))
    points = [route.path[0]]
    for (ax, ay), (bx, by) in pairwise(route.path):
        assert ax in layout.aisles if ax == bx else ay == by and ay in layout.cross_aisles
        steps = abs(ax - bx) + abs(ay - by)
        points += [(ax + (bx - ax) * step // steps, ay + (by - ay) * step // steps) for step in range(1, steps + 1)]
    at = 0
    for stop in route.stops:
        at = points.index(layout.point(picks[stop]), at)
