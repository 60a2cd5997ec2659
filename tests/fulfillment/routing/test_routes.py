"""What holds for routes of every method."""

from __future__ import annotations

import heapq
from itertools import pairwise
from random import Random

import pytest

from fulfillment.routing.layout import Layout, Pick, Spot
from fulfillment.routing.routes import Method, corners, find_route, way
from tests.fulfillment.routing.walks import assert_is_route, random_walk

every_method = pytest.mark.parametrize("method", list(Method))
ONE, TWO = Layout((0, 10, 20), (0, 100), depot=5), Layout((0, 10, 20), (0, 40, 100), depot=25)


@every_method
@pytest.mark.parametrize("layout", [ONE, TWO, Layout((7,), (0, 10)), Layout((7,), (0, 5, 10), depot=7), Layout((7,), (0, 10), depot=20)])
def test_nothing_to_pick_is_no_walk(method: Method, layout: Layout) -> None:
    for by_leg in (False, True):
        route = find_route(layout, [], method, by_leg=by_leg)
        assert (route.method, route.stops, route.length, route.path) == (method, (), 0, ((layout.depot, 0),))


@every_method
@pytest.mark.parametrize("layout", [ONE, TWO])
def test_several_picks_at_one_spot_stay_in_their_order(method: Method, layout: Layout) -> None:
    picks = [Pick(1, 30), Pick(2, 0), Pick(1, 30), Pick(0, 100), Pick(1, 30), Pick(2, 0)]
    route = find_route(layout, picks, method)
    assert_is_route(route, layout, picks, None, by_leg=False)
    assert [stop for stop in route.stops if picks[stop] == Pick(1, 30)] == [0, 2, 4]
    assert [stop for stop in route.stops if picks[stop] == Pick(2, 0)] == [1, 5]


@every_method
def test_picks_where_aisles_meet_cross_aisles(method: Method) -> None:
    picks = [Pick(aisle, y) for aisle in range(3) for y in TWO.cross_aisles]
    assert_is_route(find_route(TWO, picks, method), TWO, picks, None, by_leg=False)


@every_method
def test_a_pick_at_the_depot_needs_no_walk(method: Method) -> None:
    layout = Layout((0, 10), (0, 40, 100), depot=10)
    route = find_route(layout, [Pick(1, 0)], method)
    assert (route.length, route.stops, route.path) == (0, (0,), ((10, 0),))
    assert find_route(layout, [Pick(1, 0)], method, start=Spot(1, 0)).length == 0


@every_method
@pytest.mark.parametrize("depot", [-8, 0, 4, 16, 20, 33])
def test_a_single_pick_is_reached_and_left_the_shortest_way(method: Method, depot: int) -> None:
    layout = Layout((0, 10, 20), (0, 40, 100), depot=depot)
    assert find_route(layout, [Pick(1, 30)], method).length == 2 * (30 + abs(10 - depot))


@every_method
def test_a_route_says_the_same_each_time(method: Method) -> None:
    layout, picks, start = random_walk(Random(5), 2, 8, 20)
    assert find_route(layout, picks, method, start=start, by_leg=True) == find_route(layout, picks, method, start=start, by_leg=True)


@every_method
@pytest.mark.parametrize(
    ("spot", "message"), [((3, 10), "aisle 3: this layout has the aisles 0 to 2"), ((-1, 10), "aisle -1"), ((1, 101), "y 101"), ((1, -1), "y -1")]
)
def test_what_lies_in_no_aisle_is_refused(method: Method, spot: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_route(ONE, [Pick(*spot)], method)
    with pytest.raises(ValueError, match=message):
        find_route(ONE, [Pick(1, 10)], method, start=Spot(*spot))


def test_a_round_begins_with_the_nearer_stop() -> None:
    for depot, stops in ((0, (0, 1, 2)), (20, (2, 1, 0))):
        assert find_route(Layout((0, 10, 20), (0, 100), depot=depot), [Pick(0, 10), Pick(1, 90), Pick(2, 10)], Method.EXACT).stops == stops


def test_distances_are_those_of_the_graph() -> None:
    random = Random(6)
    for number in range(100):
        layout, picks, _ = random_walk(random, 1 + number % 2, 5, 8)
        far = _distances(layout, layout.point(None))
        assert [layout.distance(None, pick) for pick in picks] == [far[layout.point(pick)] for pick in picks]
        for a in picks:
            far = _distances(layout, layout.point(a))
            assert [layout.distance(a, b) for b in picks] == [far[layout.point(b)] for b in picks]
            assert [_length(way(layout, a, b)) for b in picks] == [far[layout.point(b)] for b in picks]


def test_corners_are_where_the_walk_turns() -> None:
    assert corners([(0, 0), (0, 3), (0, 3), (0, 9), (4, 9), (7, 9), (5, 9), (5, 0), (5, 2), (5, 5)]) == (
        (0, 0),
        (0, 9),
        (7, 9),
        (5, 9),
        (5, 0),
        (5, 5),
    )


def _distances(layout: Layout, begin: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Step by step over every centimetre that can be walked."""
    front = layout.cross_aisles[0]
    far, queue = {begin: 0}, [(0, begin)]
    while queue:
        length, (x, y) = heapq.heappop(queue)
        between = min(*layout.aisles, layout.depot) <= x <= max(*layout.aisles, layout.depot)
        steps = [(x, y - 1), (x, y + 1)] if x in layout.aisles else []
        steps += [(x - 1, y), (x + 1, y)] if y in layout.cross_aisles and between else []
        for point in steps:
            if front <= point[1] <= layout.cross_aisles[-1] and point not in far:
                far[point] = length + 1
                heapq.heappush(queue, (length + 1, point))
    return far


def _length(points: list[tuple[int, int]]) -> int:
    return sum(abs(ax - bx) + abs(ay - by) for (ax, ay), (bx, by) in pairwise(points))
