"""Each rule on one sheet of paper."""

from __future__ import annotations

import pytest

from fulfillment.routing.layout import Layout, Pick, Spot
from fulfillment.routing.routes import Method, find_route

AISLES = (0, 10, 20, 30)
ONE = [Pick(0, 30), Pick(1, 20), Pick(1, 90), Pick(2, 40), Pick(2, 60), Pick(3, 80)]
TWO = [Pick(0, 20), Pick(1, 10), Pick(1, 60), Pick(2, 5), Pick(2, 40), Pick(2, 90)]


def walked(route_of: list[Pick], layout: Layout, method: Method) -> tuple[int, list[tuple[int, int]]]:
    route = find_route(layout, route_of, method)
    return route.length, [(route_of[stop].aisle, route_of[stop].y) for stop in route.stops]


@pytest.mark.parametrize(
    ("method", "length", "stops"),
    [
        # Four aisles walked through, 30 there and 30 back.
        (Method.S_SHAPE, 4 * 100 + 60, [(0, 30), (1, 90), (1, 20), (2, 40), (2, 60), (3, 80)]),
        (Method.RETURN, 2 * (30 + 90 + 60 + 80) + 60, [(0, 30), (1, 20), (1, 90), (2, 40), (2, 60), (3, 80)]),
        # Up 0; from the back 10 into 1 and 40 into 2; down 3; from the front 40 into 2 and 20 into 1.
        (Method.MIDPOINT, 200 + 2 * (10 + 40 + 40 + 20) + 60, [(0, 30), (1, 90), (2, 60), (3, 80), (2, 40), (1, 20)]),
        # The gaps of aisle 1 are 20, 70, 10: the middle one is left out; of aisle 2 they are 40, 20, 40: the first, both picks are taken from the back.
        (Method.LARGEST_GAP, 200 + 2 * (10 + 60 + 20) + 60, [(0, 30), (1, 90), (2, 60), (2, 40), (3, 80), (1, 20)]),
    ],
)
def test_one_block(method: Method, length: int, stops: list[tuple[int, int]]) -> None:
    assert walked(ONE, Layout(AISLES, (0, 100)), method) == (length, stops)


def test_s_shape_comes_back_from_the_last_of_an_odd_number_of_aisles() -> None:
    assert walked(ONE[:5], Layout(AISLES, (0, 100)), Method.S_SHAPE) == (200 + 2 * 60 + 40, [(0, 30), (1, 90), (1, 20), (2, 40), (2, 60)])


def test_what_lies_right_in_the_middle_is_picked_from_the_front() -> None:
    picks = [Pick(0, 10), Pick(1, 50), Pick(2, 51), Pick(3, 10)]
    assert walked(picks, Layout(AISLES, (0, 100)), Method.MIDPOINT) == (200 + 2 * (50 + 49) + 60, [(0, 10), (2, 51), (3, 10), (1, 50)])


def test_the_largest_gap_may_lie_between_any_two_picks() -> None:
    """The gaps of aisle 1 are 20, 10, 60, 10; those of aisle 2 are 70, 30; of aisle 3, where two are longest, 40, 20, 40: the first."""
    picks = [Pick(0, 1), Pick(1, 20), Pick(1, 30), Pick(1, 90), Pick(2, 70), Pick(3, 40), Pick(3, 60), Pick(4, 1)]
    stops = [(0, 1), (1, 90), (2, 70), (3, 60), (3, 40), (4, 1), (1, 20), (1, 30)]
    assert walked(picks, Layout((*AISLES, 40), (0, 100)), Method.LARGEST_GAP) == (200 + 2 * (10 + 30 + 60 + 30) + 80, stops)


def test_what_lies_on_the_middle_cross_aisle_belongs_to_the_far_block() -> None:
    """So S-shape walks up aisle 1 and down aisle 2 behind it, and through nothing but aisle 0 before it."""
    picks = [Pick(0, 20), Pick(1, 50), Pick(2, 60)]
    assert walked(picks, Layout((0, 10, 20), (0, 50, 100)), Method.S_SHAPE) == (50 + 10 + 50 + 10 + 50 + 70, [(0, 20), (1, 50), (2, 60)])


def test_the_front_is_picked_on_the_way_out_where_the_depot_lies_between() -> None:
    layout = Layout(AISLES, (0, 100), depot=15)
    assert walked(ONE, layout, Method.MIDPOINT) == (480, [(1, 20), (0, 30), (1, 90), (2, 60), (3, 80), (2, 40)])


def test_a_depot_on_the_right_turns_the_walk_round() -> None:
    layout = Layout(AISLES, (0, 100), depot=50)
    assert walked(ONE, layout, Method.MIDPOINT) == (420 + 2 * 50, [(3, 80), (2, 60), (1, 90), (0, 30), (1, 20), (2, 40)])
    assert walked(ONE, layout, Method.S_SHAPE) == (400 + 2 * 50, [(3, 80), (2, 60), (2, 40), (1, 20), (1, 90), (0, 30)])


@pytest.mark.parametrize("method", [Method.S_SHAPE, Method.RETURN, Method.MIDPOINT, Method.LARGEST_GAP])
def test_one_aisle_is_entered_and_left_at_the_front(method: Method) -> None:
    assert walked([Pick(2, 70), Pick(2, 30)], Layout(AISLES, (0, 100)), method) == (2 * 20 + 2 * 70, [(2, 30), (2, 70)])
    assert walked([Pick(2, 70), Pick(2, 30)], Layout(AISLES, (0, 50, 100)), method) == (2 * 20 + 2 * 70, [(2, 30), (2, 70)])


@pytest.mark.parametrize(
    ("method", "length", "stops"),
    [
        # Up 0 to the middle; up 1 and down 2 in the far block; down 2 in the near one and from the front 10 into 1.
        (Method.S_SHAPE, 50 + 10 + 50 + 10 + 50 + 50 + 10 + 20 + 10, [(0, 20), (1, 60), (2, 90), (2, 40), (2, 5), (1, 10)]),
        (Method.RETURN, 2 * (20 + 60 + 90) + 40, [(0, 20), (1, 10), (1, 60), (2, 5), (2, 40), (2, 90)]),
        # The far block the same; 10 into the near 2 from the middle, down 1, and 5 into 2 from the front.
        (Method.MIDPOINT, 50 + 10 + 50 + 10 + 50 + 20 + 10 + 50 + 10 + 10 + 20, [(0, 20), (1, 60), (2, 90), (2, 40), (1, 10), (2, 5)]),
        (Method.LARGEST_GAP, 50 + 10 + 50 + 10 + 50 + 20 + 10 + 50 + 10 + 10 + 20, [(0, 20), (1, 60), (2, 90), (2, 40), (1, 10), (2, 5)]),
    ],
)
def test_two_blocks(method: Method, length: int, stops: list[tuple[int, int]]) -> None:
    assert walked(TWO, Layout((0, 10, 20), (0, 50, 100)), method) == (length, stops)


@pytest.mark.parametrize("method", [Method.S_SHAPE, Method.RETURN, Method.MIDPOINT, Method.LARGEST_GAP])
def test_picks_of_the_near_block_only_are_walked_as_one_block(method: Method) -> None:
    picks = [Pick(0, 10), Pick(1, 5), Pick(1, 45), Pick(2, 30), Pick(3, 20)]
    near, whole = Layout(AISLES, (0, 50)), Layout(AISLES, (0, 50, 100))
    assert find_route(whole, picks, method).stops == find_route(near, picks, method).stops
    assert find_route(whole, picks, method).length == find_route(near, picks, method).length


def test_legs_follow_each_other_from_where_one_stands() -> None:
    """Down from 80 to the front, 10 across and up to 20 for the ambient pick; from there to the other end of aisle 3, which is nearer, and back."""
    layout = Layout(AISLES, (0, 100))
    picks = [Pick(3, 30, leg=1), Pick(1, 20, leg=0), Pick(2, 10, leg=1)]
    route = find_route(layout, picks, Method.RETURN, start=Spot(0, 80), by_leg=True)
    assert (route.stops, route.length) == ((1, 2, 0), 80 + 10 + 20 + 20 + 10 + 2 * 10 + 10 + 2 * 30 + 30)
