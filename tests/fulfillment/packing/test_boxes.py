"""Which boxes goods fit into: worked cases, and what holds for every plan."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment.packing.boxes import MAX_PIECES, Block, Box, Filled, Goods, Plan, Size, fill, suggest

SMALL = Box(1, Size(Decimal(20), Decimal(15), Decimal(10)), Decimal(5))
MEDIUM = Box(2, Size(Decimal(30), Decimal(20), Decimal(20)), Decimal(15))
LARGE = Box(3, Size(Decimal(60), Decimal(40), Decimal(40)), Decimal(25))
BOXES = (LARGE, SMALL, MEDIUM)


def goods(key: int, sides: str, count: int, weight: str = "0") -> Goods:
    length, width, height = (Decimal(side) for side in sides.split("x"))
    return Goods(key, Size(length, width, height), count, Decimal(weight))


def taken(plan: Plan) -> list[tuple[int, dict[int, int]]]:
    return [(filled.box.key, filled.counts) for filled in plan.boxes]


def test_the_smallest_box_that_holds_all_of_it() -> None:
    assert taken(suggest([goods(7, "10x10x10", 2)], BOXES)) == [(1, {7: 2})]
    assert taken(suggest([goods(7, "10x10x10", 12)], BOXES)) == [(2, {7: 12})]
    assert taken(suggest([goods(7, "10x10x10", 13)], BOXES)) == [(3, {7: 13})]


def test_pieces_are_turned() -> None:
    assert taken(suggest([goods(7, "2x19x14", 5)], BOXES)) == [(1, {7: 5})]
    assert taken(suggest([goods(7, "5x5x29", 1), goods(8, "15x19x29", 1)], BOXES)) == [(2, {7: 1, 8: 1})]


def test_a_box_bears_only_so_much() -> None:
    assert taken(suggest([goods(7, "5x5x5", 2, "2.5")], BOXES)) == [(1, {7: 2})]
    assert taken(suggest([goods(7, "5x5x5", 3, "2.5")], BOXES)) == [(2, {7: 3})]
    # Eleven of 2.5 kg are more than any box bears: the fewest boxes, then the smallest.
    assert taken(suggest([goods(7, "5x5x5", 11, "2.5")], BOXES)) == [(2, {7: 6}), (2, {7: 5})]


def test_several_boxes_when_one_does_not_do() -> None:
    plan = suggest([goods(7, "20x20x20", 13)], BOXES)
    assert sum((Counter(counts) for _, counts in taken(plan)), Counter()) == {7: 13}
    assert taken(plan) == [(3, {7: 12}), (2, {7: 1})]


def test_what_fits_into_no_box_is_named_and_the_rest_goes_on() -> None:
    plan = suggest([goods(7, "100x5x5", 1), goods(8, "5x5x5", 1), goods(9, "1x1x1", 1, "30")], BOXES)
    assert plan.too_big == [7, 9]
    assert taken(plan) == [(1, {8: 1})]


def test_nothing_to_pack_and_nothing_to_pack_into() -> None:
    assert suggest([], BOXES) == Plan([], [])
    assert suggest([goods(7, "1x1x1", 0)], BOXES) == Plan([], [])
    assert suggest([goods(7, "1x1x1", 1)], []) == Plan([], [7])


def test_a_plan_for_a_pallet_is_refused() -> None:
    with pytest.raises(ValueError, match="pieces"):
        suggest([goods(7, "1x1x1", MAX_PIECES + 1)], BOXES)


def test_mixed_goods_fill_a_box_well() -> None:
    # Eight cubes and a plate fill the box exactly: the heuristic must not waste it.
    box = Box(1, Size(Decimal(20), Decimal(20), Decimal(22)))
    filled, left = fill(box, [goods(7, "10x10x10", 8), goods(8, "20x20x2", 1)])
    assert (filled.counts, left) == ({7: 8, 8: 1}, [])


SIDES = st.integers(1, 60).map(lambda number: Decimal(number) / 2)
SIZES = st.builds(Size, SIDES, SIDES, SIDES)
WEIGHTS = st.integers(0, 40).map(lambda number: Decimal(number) / 8)


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Goods], list[Box]]:
    wanted = [Goods(key, draw(SIZES), draw(st.integers(0, 12)), draw(WEIGHTS)) for key in range(draw(st.integers(0, 5)))]
    boxes = [Box(key, draw(SIZES), draw(st.none() | WEIGHTS)) for key in range(draw(st.integers(0, 5)))]
    return wanted, boxes


def pieces_of(block: Block) -> list[tuple[Size, Size]]:
    """Each piece of a block by itself: where it lies, and how large it is there."""
    numbers = product(*(range(number) for number in block.pieces))
    return [(Size(*(at + side * number for at, side, number in zip(block.at, block.piece, place, strict=True))), block.piece) for place in numbers]


def overlap(one: tuple[Size, Size], other: tuple[Size, Size]) -> bool:
    return all(a < b + other_side and b < a + side for a, side, b, other_side in zip(*one, *other, strict=True))


def check(filled: Filled, wanted: dict[int, Goods]) -> None:
    pieces = [piece for block in filled.blocks for piece in pieces_of(block)]
    for at, size in pieces:
        assert all(start >= 0 and start + side <= room for start, side, room in zip(at, size, filled.box.size, strict=True)), "sticks out"
    assert not any(overlap(one, other) for one, other in combinations(pieces, 2))
    assert all(sorted(block.piece) == sorted(wanted[block.key].size) for block in filled.blocks)
    if filled.box.bears is not None:
        assert sum(block.total * wanted[block.key].weight for block in filled.blocks) <= filled.box.bears


@given(orders())
@settings(max_examples=400, deadline=None)
def test_every_plan_can_be_packed(order: tuple[list[Goods], list[Box]]) -> None:
    """Nothing overlaps or sticks out, no box bears too much, every piece is in exactly one box or fits into none."""
    wanted, boxes = order
    by_key = {each.key: each for each in wanted}
    plan = suggest(wanted, boxes)
    for filled in plan.boxes:
        assert filled.box in boxes
        assert filled.blocks
        check(filled, by_key)
    packed = sum((Counter(filled.counts) for filled in plan.boxes), Counter())
    expected = {each.key: each.count for each in wanted if each.count and each.key not in plan.too_big}
    assert dict(packed) == expected
    for key in plan.too_big:
        for box in boxes:
            alone, left = fill(box, [Goods(key, by_key[key].size, 1, by_key[key].weight)])
            assert (alone.blocks, len(left)) == ([], 1)


@given(orders())
@settings(max_examples=150, deadline=None)
def test_a_plan_depends_on_nothing_but_what_it_is_given(order: tuple[list[Goods], list[Box]]) -> None:
    wanted, boxes = order
    assert suggest(wanted, boxes) == suggest(wanted, list(reversed(boxes)))


@given(
    st.lists(st.builds(Goods, st.integers(0, 3), SIZES, st.integers(1, 6), WEIGHTS), min_size=1, max_size=4, unique_by=lambda each: each.key), SIZES
)
@settings(max_examples=200, deadline=None)
def test_one_box_that_holds_the_goods_is_never_passed_over_for_a_larger_one(wanted: list[Goods], size: Size) -> None:
    """Beside a box that this heuristic fills completely with the goods, a larger one is not suggested."""
    box, larger = Box(1, size), Box(2, Size(size.length * 2, size.width * 2, size.height * 2))
    filled, left = fill(box, wanted)
    if not left:
        assert taken(suggest(wanted, [larger, box])) == [(1, filled.counts)]
