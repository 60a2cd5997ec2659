"""The length of the shortest walk without the walk, against the walk itself."""

from __future__ import annotations

import random

import pytest

from fulfillment.routing.layout import Layout, Pick
from fulfillment.routing.quick import quick_length
from fulfillment.routing.routes import Method, find_route

THREE = Layout((0, 300, 600), (0, 1000), depot=0)


def random_layout(chance: random.Random, blocks: int) -> Layout:
    aisles = tuple(sorted(chance.sample(range(0, 3000, 50), chance.randint(1, 8))))
    depot = chance.choice([*aisles, chance.randrange(3000)])
    return Layout(aisles, tuple(sorted(chance.sample(range(0, 4000, 100), blocks + 1))), depot)


def random_picks(chance: random.Random, layout: Layout, most: int) -> list[Pick]:
    low, high = layout.cross_aisles[0], layout.cross_aisles[-1]
    return [Pick(chance.randrange(len(layout.aisles)), chance.randint(low, high), chance.randrange(3)) for _ in range(chance.randint(0, most))]


def test_no_picks_no_walk():
    assert quick_length(THREE, []) == 0
    assert quick_length(Layout((0, 300), (0, 1000), depot=150), []) == 0


@pytest.mark.parametrize(
    ("picks", "length"),
    [
        ([Pick(0, 400)], 800),
        ([Pick(1, 400), Pick(1, 100)], 600 + 800),
        ([Pick(0, 900), Pick(1, 900)], 2 * 1000 + 600),  # round by the upper cross aisle
        ([Pick(0, 900), Pick(1, 100), Pick(2, 900)], 2 * 1000 + 1200 + 200),
        ([Pick(0, 900), Pick(1, 100), Pick(1, 900), Pick(2, 500)], 2 * 1000 + 1200 + 400),  # around the gap
    ],
)
def test_by_hand(picks: list[Pick], length: int):
    assert quick_length(THREE, picks) == length


@pytest.mark.parametrize("most", [4, 12, 60])
def test_in_one_block_it_is_the_exact_length(most: int):
    for seed in range(200):
        chance = random.Random(seed)
        layout = random_layout(chance, 1)
        picks = random_picks(chance, layout, most)
        assert quick_length(layout, picks) == find_route(layout, picks, Method.EXACT).length, (seed, layout, picks)


def test_in_two_blocks_and_by_legs_it_is_never_less():
    for seed in range(200):
        chance = random.Random(seed)
        layout = random_layout(chance, 2)
        picks = random_picks(chance, layout, 15)
        assert quick_length(layout, picks) >= find_route(layout, picks, Method.EXACT).length
        assert quick_length(layout, picks, by_leg=True) >= find_route(layout, picks, Method.EXACT, by_leg=True).length


def test_legs_are_rounds_of_their_own():
    assert quick_length(THREE, [Pick(0, 400, 0), Pick(0, 300, 2), Pick(2, 100, 1)], by_leg=True) == 800 + 600 + 1400
