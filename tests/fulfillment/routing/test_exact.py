"""The shortest walk is what trying every order finds, and never longer than a rule of thumb."""

from __future__ import annotations

from random import Random

import pytest

from fulfillment.routing.layout import Layout, Pick, Spot
from fulfillment.routing.routes import Method, find_route
from fulfillment.routing.states import DONE, State, states
from tests.fulfillment.routing.walks import assert_is_route, every_order, random_walk


def same_as_every_order(seed: int, count: int, blocks: int, most: int) -> None:
    random = Random(seed)
    for _ in range(count):
        layout, picks, somewhere = random_walk(random, blocks, 6, most)
        for start in (None, somewhere):
            for by_leg in (False, True):
                route = find_route(layout, picks, Method.EXACT, start=start, by_leg=by_leg)
                assert route.length == every_order(layout, picks, start, by_leg), (layout, picks, start, by_leg)
                assert_is_route(route, layout, picks, start, by_leg)


def no_rule_is_shorter(seed: int, count: int) -> None:
    random = Random(seed)
    for number in range(count):
        layout, picks, somewhere = random_walk(random, 1 + number % 2, 15, 40)
        start, by_leg = (None, somewhere)[number // 2 % 2], bool(number // 4 % 2)
        exact = find_route(layout, picks, Method.EXACT, start=start, by_leg=by_leg)
        assert_is_route(exact, layout, picks, start, by_leg)
        for method in Method:
            route = find_route(layout, picks, method, start=start, by_leg=by_leg)
            assert exact.length <= route.length, (layout, picks, start, by_leg, method)
            assert_is_route(route, layout, picks, start, by_leg)


@pytest.mark.parametrize("blocks", [1, 2])
def test_as_short_as_every_order(blocks: int) -> None:
    same_as_every_order(1, 60, blocks, 6)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [1, 2])
def test_as_short_as_every_order_of_eight(blocks: int) -> None:
    same_as_every_order(2, 250, blocks, 8)


def test_no_rule_finds_a_shorter_walk() -> None:
    no_rule_is_shorter(3, 80)


@pytest.mark.slow
def test_no_rule_finds_a_shorter_walk_in_many_warehouses() -> None:
    no_rule_is_shorter(4, 2_000)


@pytest.mark.parametrize(("crosses", "classes"), [(2, 7), (3, 25)])
def test_states_of_a_round_are_those_of_the_papers(crosses: int, classes: int) -> None:
    """Ratliff & Rosenthal have 7 equivalence classes with two cross aisles, Roodbergen & De Koster 25 with three."""
    assert sum(state.ends == 0 or number == DONE for state, number in states(crosses).items()) == classes
    assert State((0,) * crosses, (0,) * crosses, 2) in states(crosses)


def test_a_round_worked_out_by_hand() -> None:
    """Up aisle 0, along the back to aisle 2 and 3 into it, down aisle 1, home."""
    layout = Layout((0, 4, 8), (0, 10), depot=0)
    picks = [Pick(0, 4), Pick(1, 1), Pick(1, 5), Pick(1, 9), Pick(2, 7)]
    route = find_route(layout, picks, Method.EXACT)
    assert route.length == 10 + 8 + 2 * 3 + 4 + 10 + 4
    assert route.stops == (0, 4, 3, 2, 1)
    assert route.path == ((0, 0), (0, 10), (8, 10), (8, 7), (8, 10), (4, 10), (4, 0), (0, 0))


def test_the_middle_cross_aisle_is_used_where_it_helps() -> None:
    one, two = Layout((0, 10), (0, 100)), Layout((0, 10), (0, 50, 100))
    picks = [Pick(0, 55), Pick(1, 55)]
    assert find_route(one, picks, Method.EXACT).length == 2 * 100 + 2 * 10
    assert find_route(two, picks, Method.EXACT).length == 4 * 5 + 2 * 50 + 2 * 10


def test_the_cold_comes_last_even_where_that_is_longer() -> None:
    layout = Layout((0, 10), (0, 100))
    picks = [Pick(0, 10, leg=1), Pick(0, 90, leg=0), Pick(1, 50, leg=0)]
    together, by_leg = find_route(layout, picks, Method.EXACT), find_route(layout, picks, Method.EXACT, by_leg=True)
    assert (together.length, by_leg.length) == (220, 220)
    assert by_leg.stops == (2, 1, 0)
    chilled_between = [Pick(0, 10, leg=1), Pick(0, 20, leg=0), Pick(0, 5, leg=2)]
    assert find_route(layout, chilled_between, Method.EXACT, by_leg=True).stops == (1, 0, 2)
    assert find_route(layout, [Pick(0, 10, leg=0), Pick(0, 20, leg=1), Pick(0, 5, leg=2), Pick(0, 15, leg=3)], Method.EXACT, by_leg=True).length == 60


def test_somebody_in_an_aisle_walks_on_from_there() -> None:
    layout = Layout((0, 10), (0, 100), depot=0)
    route = find_route(layout, [Pick(1, 90), Pick(1, 20)], Method.EXACT, start=Spot(0, 70))
    assert (route.length, route.stops) == (30 + 10 + 100 + 10, (0, 1))
    assert route.path == ((0, 70), (0, 100), (10, 100), (10, 0), (0, 0))
    home = find_route(layout, [], Method.EXACT, start=Spot(1, 40))
    assert (home.length, home.stops, home.path) == (50, (), ((10, 40), (10, 0), (0, 0)))
