"""From which warehouses an order comes. Pure."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.sourcing import choose

A, B, C, D = 1, 2, 3, 4
MILK, BREAD, JAM = 11, 12, 13


def dec(**amounts: int) -> dict[int, Decimal]:
    return {{"milk": MILK, "bread": BREAD, "jam": JAM}[name]: Decimal(value) for name, value in amounts.items()}


def free(**amounts: int) -> dict[tuple[int, int], Decimal]:
    """`a_milk=5`."""
    result = {}
    for name, value in amounts.items():
        warehouse, _, product = name.partition("_")
        result[{"a": A, "b": B, "c": C, "d": D}[warehouse], next(iter(dec(**{product: 1})))] = Decimal(value)
    return result


def test_one_warehouse_that_has_all_even_when_it_comes_later() -> None:
    chosen = choose(dec(milk=1, bread=1), free(a_milk=5, b_bread=5, c_milk=1, c_bread=1), [A, B, C])

    assert chosen == {(C, MILK): 1, (C, BREAD): 1}


def test_the_first_of_those_that_have_all() -> None:
    assert choose(dec(milk=2), free(a_milk=1, b_milk=2, c_milk=9), [A, B, C]) == {(B, MILK): 2}
    assert choose(dec(milk=2), free(a_milk=1, b_milk=2, c_milk=9), [C, A, B]) == {(C, MILK): 2}


def test_two_when_none_has_all_a_product_whole_where_one_has_it_whole() -> None:
    chosen = choose(dec(milk=4, bread=2), free(a_milk=3, a_bread=2, b_milk=9, c_bread=9), [A, B, C])

    assert chosen == {(B, MILK): 4, (A, BREAD): 2}


def test_a_product_split_in_order_of_priority() -> None:
    assert choose(dec(milk=7), free(a_milk=3, b_milk=9, c_milk=1), [A, C, B]) == {(B, MILK): 7}
    assert choose(dec(milk=12), free(a_milk=3, b_milk=9, c_milk=1), [A, B, C]) == {(A, MILK): 3, (B, MILK): 9}


def test_a_warehouse_that_is_used_anyway_costs_nothing() -> None:
    chosen = choose(dec(milk=2), free(a_milk=5, b_milk=2), [A, B], frozenset({B}))

    assert chosen == {(B, MILK): 2}


def test_used_ones_first_and_the_rest_from_the_fewest_others() -> None:
    chosen = choose(dec(milk=5), free(a_milk=5, b_milk=2, c_milk=3), [A, B, C], frozenset({B}))

    assert chosen == {(A, MILK): 5}


def test_what_is_short_is_asked_where_there_is_most_of_it() -> None:
    assert choose(dec(milk=10), free(a_milk=1, b_milk=4), [A, B]) == {(A, MILK): 1, (B, MILK): 9}


def test_what_nobody_has_is_asked_of_the_first() -> None:
    assert choose(dec(jam=3), free(a_milk=1), [A, B]) == {(A, JAM): 3}


def test_no_warehouse_at_all() -> None:
    assert choose(dec(jam=3), {}, []) == {}


AMOUNTS = st.dictionaries(st.tuples(st.sampled_from([A, B, C, D]), st.sampled_from([MILK, BREAD, JAM])), st.integers(0, 6).map(Decimal), max_size=12)
ASKED = st.dictionaries(st.sampled_from([MILK, BREAD, JAM]), st.integers(1, 8).map(Decimal), min_size=1)


@given(ASKED, AMOUNTS, st.permutations([A, B, C, D]), st.frozensets(st.sampled_from([A, B, C, D]), max_size=2))
def test_all_that_is_asked_is_asked_somewhere_and_no_more_than_there_is_when_there_is_enough(
    asked: dict[int, Decimal], sellable: dict[tuple[int, int], Decimal], warehouses: list[int], preferred: frozenset[int]
) -> None:
    chosen = choose(asked, sellable, warehouses, preferred)

    for product, quantity in asked.items():
        assert sum((amount for (_, p), amount in chosen.items() if p == product), Decimal(0)) == quantity
    enough = all(sum((sellable.get((w, product), Decimal(0)) for w in warehouses), Decimal(0)) >= quantity for product, quantity in asked.items())
    if enough:
        assert all(amount <= sellable.get(key, Decimal(0)) for key, amount in chosen.items())
    assert all(amount > 0 for amount in chosen.values())


@given(ASKED, AMOUNTS)
def test_never_more_warehouses_than_needed(asked: dict[int, Decimal], sellable: dict[tuple[int, int], Decimal]) -> None:
    chosen = choose(asked, sellable, [A, B, C, D])
    used = {warehouse for warehouse, _ in chosen}

    def covers(team: tuple[int, ...]) -> bool:
        return all(sum((sellable.get((w, p), Decimal(0)) for w in team), Decimal(0)) >= q for p, q in asked.items())

    from itertools import combinations

    sizes = [n for n in range(1, 5) if any(covers(team) for team in combinations([A, B, C, D], n))]
    if sizes:
        assert len(used) <= sizes[0]


@pytest.mark.timeout(10)
def test_many_warehouses_are_no_trouble() -> None:
    warehouses = list(range(1, 41))
    sellable = {(w, MILK): Decimal(1) for w in warehouses}

    assert sum(choose(dec(milk=30), sellable, warehouses).values()) == 30
    assert len(choose(dec(milk=4), sellable, warehouses)) == 4


@pytest.mark.timeout(10)
def test_very_many_warehouses_are_not_all_tried() -> None:
    products = range(100, 106)
    sellable = {(w, p): Decimal(1) for w in range(1, 81) for p in products if (w + p) % 3}
    asked = {product: Decimal(9) for product in products}

    chosen = choose(asked, sellable, list(range(1, 81)))

    assert {product: sum(q for (_, p), q in chosen.items() if p == product) for product in products} == asked
    assert len({warehouse for warehouse, _ in chosen}) <= 18
