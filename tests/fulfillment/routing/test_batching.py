"""Orders put together into walks: each method by hand, the limits of a cart, and what holds for all orders."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment.routing.batching import Batching, Capacity, Load, make_batches
from fulfillment.routing.layout import Pick

ASKING = [Batching.SEED, Batching.SAVINGS]


def costs(picks: Sequence[Pick]) -> int:
    """A length by hand: every place costs its y, once. What two orders save together is the sum of the places that both want."""
    return sum(pick.y for pick in picks)


def returning(picks: Sequence[Pick]) -> int:
    """The walk from x = 0 into each aisle as far as its farthest pick, and back; aisles are 100 apart."""
    farthest: dict[int, int] = {}
    for pick in picks:
        farthest[pick.aisle] = max(farthest.get(pick.aisle, 0), pick.y)
    return 2 * sum(farthest.values()) + 2 * 100 * max(farthest)


def never(picks: Sequence[Pick]) -> int:
    raise AssertionError(f"asked for {picks}")


def order(*places: tuple[int, int], items: int = 1, volume: Decimal | None = None, weight: Decimal | None = None) -> Load:
    return Load(tuple(Pick(aisle, y) for aisle, y in places), items, volume, weight)


def total(orders: Sequence[Load], batches: Sequence[tuple[int, ...]]) -> int:
    return sum(
        returning(sorted({pick for number in batch for pick in orders[number].picks}, key=lambda pick: (pick.aisle, pick.y))) for batch in batches
    )


NEAR_AND_FAR = [order((0, 100)), order((3, 100)), order((0, 90)), order((3, 90))]


@pytest.mark.parametrize(
    ("method", "batches", "walked"),
    [
        (Batching.FCFS, [(0, 1), (2, 3)], 1000 + 960),
        (Batching.SEED, [(0, 2), (1, 3)], 200 + 800),
        (Batching.SAVINGS, [(0, 2), (1, 3)], 200 + 800),
    ],
)
def test_orders_of_the_same_aisle_go_together(method: Batching, batches: list[tuple[int, ...]], walked: int):
    assert make_batches(NEAR_AND_FAR, Capacity(2), method, returning) == batches
    assert total(NEAR_AND_FAR, batches) == walked


def test_first_come_first_served_never_looks_back():
    orders = [order((0, 1), items=6), order((0, 1), items=5), order((0, 1), items=1), order((0, 1), items=4)]
    assert make_batches(orders, Capacity(8, items=10), Batching.FCFS, never) == [(0,), (1, 2, 3)]
    assert make_batches(orders, Capacity(2), Batching.FCFS, never) == [(0, 1), (2, 3)]


A, B, C, D = order((0, 10), (1, 9), (2, 100)), order((0, 10), (3, 30)), order((1, 9)), order((3, 30))


def test_a_seed_takes_what_suits_it_best_though_it_would_suit_another_better():
    # A is the longest (119) and saves 10 with B, 9 with C; what is left is D (30) and C.
    assert make_batches([A, B, C, D], Capacity(2), Batching.SEED, costs) == [(0, 1), (2, 3)]


def test_savings_join_those_first_that_save_most():
    # B and D save 30; then A and C 9.
    assert make_batches([A, B, C, D], Capacity(2), Batching.SAVINGS, costs) == [(0, 2), (1, 3)]


P, Q, R, S = order((0, 50), (1, 15)), order((0, 50), (2, 15)), order((1, 15), (2, 15), (3, 20)), order((3, 20))


def test_savings_are_computed_anew_for_what_has_been_joined():
    # P and Q save 50. R saves 15 with either of them and 20 with S, but 30 with both: variant (i) would send it with S.
    assert make_batches([P, Q, R, S], Capacity(3), Batching.SAVINGS, costs) == [(0, 1, 2), (3,)]


def test_a_seed_looks_for_what_saves_most_with_all_that_it_has():
    # R would save 15 with the seed P alone, T 18; with P and Q together R saves 30.
    t = order((4, 18))
    p = order((0, 50), (1, 15), (4, 18), (5, 40))
    assert make_batches([p, Q, R, t], Capacity(3), Batching.SEED, costs) == [(0, 1, 2), (3,)]


@pytest.mark.parametrize("method", Batching)
@pytest.mark.parametrize(
    ("capacity", "load"),
    [
        (Capacity(2), {}),
        (Capacity(8, items=11), {"items": 5}),
        (Capacity(8, volume=Decimal("3.0")), {"volume": Decimal("1.5")}),
        (Capacity(8, weight=Decimal("2.999")), {"weight": Decimal(1)}),
    ],
    ids=["totes", "items", "volume", "weight"],
)
def test_each_limit(method: Batching, capacity: Capacity, load: dict[str, Decimal]):
    orders = [order((0, 50), **load) for _ in range(5)]
    assert make_batches(orders, capacity, method, costs) == [(0, 1), (2, 3), (4,)]


@pytest.mark.parametrize("method", Batching)
def test_an_order_that_exceeds_the_cart_goes_alone_and_is_known(method: Batching):
    big = order((0, 50), items=12, volume=Decimal(3), weight=Decimal(40))
    orders = [order((0, 50)), big, order((0, 50), items=0), order((0, 50))]
    capacity = Capacity(8, items=10, volume=Decimal(3), weight=Decimal(39))
    batches = make_batches(orders, capacity, method, costs)
    assert (1,) in batches
    assert {number for batch in batches for number in batch} == {0, 1, 2, 3}
    assert capacity.exceeded_by([big]) == {"items": (12, 10), "weight": (40, 39)}
    assert capacity.exceeded_by([orders[0], orders[2], orders[3]]) == {}
    assert Capacity(1).exceeded_by(orders[:2]) == {"totes": (2, 1)}


@pytest.mark.parametrize("method", Batching)
def test_what_is_not_known_takes_up_nothing(method: Batching):
    orders = [order((0, 5), volume=Decimal(9)), order((0, 5)), order((0, 5), volume=Decimal(1))]
    assert make_batches(orders, Capacity(8, volume=Decimal(10), weight=Decimal(1)), method, costs) == [(0, 1, 2)]


@pytest.mark.parametrize("method", Batching)
def test_orders_that_lie_nowhere_go_along(method: Batching):
    assert make_batches([order((0, 5)), order(), order((0, 5)), order()], Capacity(4), method, costs) == [(0, 1, 2, 3)]
    assert make_batches([order(), order()], Capacity(4), method, never) == [(0, 1)]
    assert make_batches([], Capacity(4), method, never) == []


@pytest.mark.parametrize("method", ASKING)
def test_what_would_be_a_longer_walk_is_not_joined(method: Batching):
    assert make_batches([order((0, 5)), order((0, 6))], Capacity(4), method, lambda picks: len(picks) ** 2) == [(0,), (1,)]


@pytest.mark.parametrize("method", ASKING)
def test_a_length_is_asked_once_for_the_same_picks_without_repetition_in_their_order(method: Batching):
    asked: list[tuple[Pick, ...]] = []

    def length(picks: Sequence[Pick]) -> int:
        asked.append(tuple(picks))
        return costs(picks)

    make_batches([order((1, 5), (0, 9), (1, 5)), order((0, 9), (1, 5)), order((0, 2))], Capacity(3), method, length)
    both = (Pick(0, 9), Pick(1, 5))
    assert sorted(asked, key=len) == [(Pick(0, 2),), both, (Pick(0, 2), *both)]


def test_the_longest_common_stretch_then_the_nearest_aisle_makes_a_neighbour():
    orders = [order((4, 50)), order((4, 10)), order((4, 45)), order((9, 50)), order((5, 50))]
    # With one neighbour each the first is tried with the third only.
    assert make_batches(orders[:3], Capacity(2), Batching.SAVINGS, returning, nearest=1) == [(0, 2), (1,)]
    # Nobody shares its aisle: the fifth is nearest across.
    assert make_batches([orders[0], *orders[3:]], Capacity(2), Batching.SEED, returning, nearest=1) == [(0,), (1, 2)]


def random_orders(number: int, chance: random.Random) -> list[Load]:
    return [
        Load(tuple(Pick(chance.randrange(10), 10 * chance.randint(1, 45)) for _ in range(chance.randint(1, 6))), chance.randint(1, 6))
        for _ in range(number)
    ]


def test_savings_walk_less_than_seeds_and_both_less_than_the_sequence_on_average():
    """On average: for a single set of orders no method promises to be better than another."""
    totals = dict.fromkeys(Batching, 0)
    for seed in range(30):
        orders = random_orders(60, random.Random(seed))
        for method in Batching:
            totals[method] += total(orders, make_batches(orders, Capacity(8), method, returning))
    assert totals[Batching.SAVINGS] < totals[Batching.SEED] < totals[Batching.FCFS]


loads = st.builds(
    Load,
    st.lists(st.builds(Pick, st.integers(0, 4), st.integers(1, 20)), max_size=5).map(tuple),
    st.integers(0, 6),
    st.none() | st.integers(0, 6).map(Decimal),
    st.none() | st.integers(0, 6).map(Decimal),
)
limits = st.none() | st.integers(1, 12)
capacities = st.builds(
    Capacity, st.integers(1, 6), limits, limits.map(lambda value: value and Decimal(value)), limits.map(lambda value: value and Decimal(value))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(loads, max_size=25), capacities, st.sampled_from(Batching), st.integers(1, 30))
def test_every_order_once_and_no_walk_over_its_limits(orders: list[Load], capacity: Capacity, method: Batching, nearest: int):
    batches = make_batches(orders, capacity, method, returning, nearest=nearest)
    assert sorted(number for batch in batches for number in batch) == list(range(len(orders)))
    assert batches == sorted(tuple(sorted(batch)) for batch in batches)
    for batch in batches:
        assert len(batch) == 1 or capacity.exceeded_by([orders[number] for number in batch]) == {}
    assert make_batches(orders, capacity, method, returning, nearest=nearest) == batches


@settings(max_examples=100, deadline=None)
@given(st.lists(loads, max_size=20), capacities)
def test_no_two_walks_are_left_that_fit_together(orders: list[Load], capacity: Capacity):
    """Returning is never longer for two together: savings go on, with however few neighbours, until nothing fits."""
    batches = make_batches(orders, capacity, Batching.SAVINGS, returning, nearest=1)
    for place, batch in enumerate(batches):
        for other in batches[:place]:
            assert capacity.exceeded_by([orders[number] for number in batch + other])


def test_refusals():
    with pytest.raises(ValueError, match="totes 0: a walk takes at least one order"):
        Capacity(0)
    for limit in ({"items": 0}, {"volume": Decimal(0)}, {"weight": Decimal(-1)}, {"weight": Decimal("NaN")}):
        with pytest.raises(ValueError, match="give more than 0, or None for no limit"):
            Capacity(8, **limit)
    for load in ({"items": -1}, {"items": 1, "volume": Decimal(-1)}, {"items": 1, "weight": Decimal("Infinity")}):
        with pytest.raises(ValueError, match="give 0 or more"):
            Load((), **load)
    with pytest.raises(ValueError, match="'best' is not a valid Batching"):
        make_batches([A], Capacity(8), "best", costs)
    with pytest.raises(ValueError, match="nearest 0: try at least one neighbour"):
        make_batches([A], Capacity(8), Batching.SEED, costs, nearest=0)
