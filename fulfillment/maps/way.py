"""Where a walk leads on the floor, and how its line is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from fulfillment.enums import RouteMethod
from fulfillment.maps.scale import Scale
from fulfillment.queries.site_layout import SiteLayout
from fulfillment.routing.layout import Layout, Pick, Spot
from fulfillment.routing.routes import Method, corners, find_route, way

Corner = tuple[int, int]
Drawn = tuple[float, float]

# Between two arrows of one straight line, and what is too short for one.
APART, SHORT = 110.0, 22.0


def way_through(site: SiteLayout, layout: Layout, picks: Sequence[Pick], start: Spot | None) -> tuple[Corner, ...]:
    """The corners of the walk through these picks in their order and to the depot: as its method walks it, else by the shortest way from each to the next."""
    once = list(dict.fromkeys(picks))
    if site.settings.method != RouteMethod.SEQUENCE:
        route = find_route(layout, once, Method(site.settings.method), start=start, by_leg=site.settings.cold_last)
        if route.stops == tuple(range(len(once))):
            return route.path
    return corners(point for a, b in pairwise([start, *once, None]) for point in way(layout, a, b))


def drawn(path: Sequence[Corner], scale: Scale) -> list[Drawn]:
    """The line of a walk: a little to the right of each way, so that going and coming back are two lines."""
    aside = min(scale.lane / 4, 4.0)
    points: list[Drawn] = []
    sides = [_right_of(a, b) for a, b in pairwise(path)]
    for number, (x, y) in enumerate(path):
        before, after = sides[max(number - 1, 0) : number] or sides[:1], sides[number : number + 1] or sides[-1:]
        for dx, dy in _joined(before[0], after[0]) if sides else [(0, 0)]:
            points.append((scale.x(x) + dx * aside, scale.y(y) + dy * aside))
    return points


def arrows(points: Sequence[Drawn], size: float) -> str:
    """The path data of small triangles that show which way a line is walked."""
    return "".join(_arrow(a, b, share, size) for a, b in pairwise(points) for share in _shares(abs(a[0] - b[0]) + abs(a[1] - b[1])))


def _right_of(a: Corner, b: Corner) -> tuple[int, int]:
    """Which way is right for somebody who walks from a to b, in a picture whose y runs down."""
    dx, dy = _sign(b[0] - a[0]), _sign(b[1] - a[1])
    return (dy, dx)


def _joined(before: tuple[int, int], after: tuple[int, int]) -> list[tuple[int, int]]:
    """How far aside a corner is drawn: at a turn once, where one turns round twice."""
    if before == after:
        return [before]
    if before == (-after[0], -after[1]):
        return [before, after]
    return [(before[0] + after[0], before[1] + after[1])]


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _shares(length: float) -> Iterable[float]:
    count = 0 if length < SHORT else 1 + int(length / APART)
    return [(number + 0.5) / count for number in range(count)]


def _arrow(a: Drawn, b: Drawn, share: float, size: float) -> str:
    x, y = a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
    length = abs(a[0] - b[0]) + abs(a[1] - b[1])
    dx, dy = (b[0] - a[0]) / length * size, (b[1] - a[1]) / length * size
    return f"M{x + dx:.1f} {y + dy:.1f}L{x - dx - dy:.1f} {y - dy + dx:.1f}L{x - dx + dy:.1f} {y - dy - dx:.1f}Z"
