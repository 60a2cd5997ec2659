"""Rules of thumb for walks, as pickers know them. Each gives where one turns on a walk through some spots, at least one, in order, when it is begun at an x;
between two turns one goes the shortest way.

S-shape, return, midpoint and largest gap in one block are those of Hall (IIE Transactions 25, 1993, 76-87) and Petersen (International Journal of Operations
& Production Management 17, 1997, 1098-1111). With a middle cross aisle the walk is built as by Roodbergen & De Koster (International Journal of Production
Research 39, 2001, 1865-1883): up the outermost aisle with picks, then the far block from its front, then what is left of the near block from its back. Return
has no such form: its aisles are entered from the front cross aisle and left to it, as if there were no middle one.
A block begins with its outermost aisle with picks that is nearer to where one stands, the left one of two equally near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from fulfillment.routing.layout import Layout, Spot

Aisles = dict[int, list[int]]  # of each aisle with picks its number and their y, ascending
Split = Callable[[int, int, Sequence[int]], int]  # how many picks of an aisle between two cross aisles are picked from the lower one
Block = Callable[[Layout, int, Aisles, int, bool], list[Spot]]  # of a block, by number: its picks, the x where one stands, and whether at its back


def s_shape(layout: Layout, spots: Iterable[Spot], x: int) -> list[Spot]:
    """Every aisle with picks is walked through, up and down by turns; only from the last one, when it is entered from the front, one comes back to it."""
    return _by_blocks(layout, spots, x, _snake)


def return_(layout: Layout, spots: Iterable[Spot], x: int) -> list[Spot]:
    """Every aisle with picks is entered from the front, up to its last pick, and left the same way."""
    front = layout.cross_aisles[0]
    aisles = _by_aisle(spots)
    return [turn for aisle in _from(layout, aisles, x) for turn in _dip(aisle, front, aisles[aisle])]


def midpoint(layout: Layout, spots: Iterable[Spot], x: int) -> list[Spot]:
    """The outermost aisles with picks are walked through; the others are entered from both sides, from each up to the middle. What lies right in the
    middle is picked from the front."""
    return _by_blocks(layout, spots, x, _around(lambda low, high, ys: sum(2 * y <= low + high for y in ys)))


def largest_gap(layout: Layout, spots: Iterable[Spot], x: int) -> list[Spot]:
    """As midpoint, but what is not walked in an aisle is its longest piece without a pick, of equally long ones the one nearest to the front."""

    def split(low: int, high: int, ys: Sequence[int]) -> int:
        gaps = [b - a for a, b in pairwise([low, *ys, high])]
        return gaps.index(max(gaps))

    return _by_blocks(layout, spots, x, _around(split))


def _by_blocks(layout: Layout, spots: Iterable[Spot], x: int, block: Block) -> list[Spot]:
    """The whole block in one, or up to the far block, through it, and back through what is left of the near one. What lies on the middle cross aisle
    belongs to the far block."""
    spots = set(spots)
    middle = layout.cross_aisles[1]
    near = _by_aisle(spot for spot in spots if len(layout.cross_aisles) == 2 or spot.y < middle)
    far = _by_aisle(spot for spot in spots if len(layout.cross_aisles) == 3 and spot.y >= middle)
    if not far:
        return block(layout, 0, near, x, False) if near else []
    first = _from(layout, {**near, **far}, x)[0]
    turns = _through(first, layout.cross_aisles[0], near.pop(first, []), middle)
    turns += block(layout, 1, far, layout.aisles[first], False)
    if near:
        turns += block(layout, 0, near, layout.aisles[turns[-1].aisle], True)
    return turns


def _snake(layout: Layout, block: int, aisles: Aisles, x: int, back: bool) -> list[Spot]:
    """Through every aisle; ends at the front of the block."""
    low, high = layout.cross_aisles[block : block + 2]
    *others, last = _from(layout, aisles, x)
    turns = []
    for aisle in others:
        turns += _through(aisle, high, aisles[aisle], low) if back else _through(aisle, low, aisles[aisle], high)
        back = not back
    return turns + (_through(last, high, aisles[last], low) if back else _dip(last, low, aisles[last]))


def _around(split: Split) -> Block:
    """Around the block: along its back for what is picked from there, along its front for the rest; ends at the front of the block."""

    def block(layout: Layout, number: int, aisles: Aisles, x: int, back: bool) -> list[Spot]:
        low, high = layout.cross_aisles[number : number + 2]
        first, *between = order = _from(layout, aisles, x)
        if not between:
            return _through(first, high, aisles[first], low) if back else _dip(first, low, aisles[first])
        last = between.pop()
        onward = layout.aisles[last] > layout.aisles[first]
        front, behind = {}, {}
        for aisle in order if back else between:
            cut = split(low, high, aisles[aisle])
            front[aisle], behind[aisle] = aisles[aisle][:cut], aisles[aisle][cut:]
        # What one passes on the way to the first aisle is picked on this way; the rest of the front on the way back from the last one.
        passed = [aisle for aisle in reversed(between) if not back and (layout.aisles[aisle] < x) == onward and layout.aisles[aisle] != x]
        turns = [turn for aisle in passed for turn in _dip(aisle, low, front.pop(aisle))]
        if not back:
            turns += _through(first, low, aisles[first], high)
        turns += [turn for aisle in order if aisle in behind and aisle != last for turn in _dip(aisle, high, behind[aisle])]
        turns += _through(last, high, aisles[last], low)
        return turns + [turn for aisle in reversed(order) if aisle in front and aisle != last for turn in _dip(aisle, low, front[aisle])]

    return block


def _through(aisle: int, begin: int, ys: Sequence[int], end: int) -> list[Spot]:
    """Through an aisle from one cross aisle to another."""
    return [Spot(aisle, y) for y in (begin, *sorted(ys, reverse=begin > end), end)]


def _dip(aisle: int, door: int, ys: Sequence[int]) -> list[Spot]:
    """Into an aisle, up to the pick farthest from the cross aisle, and back to it."""
    return [Spot(aisle, y) for y in (door, *sorted(ys, key=lambda y: abs(y - door)), door)] if ys else []


def _from(layout: Layout, aisles: Aisles, x: int) -> list[int]:
    """The numbers of the aisles with picks, from the outermost one nearer to x."""
    order = sorted(aisles)
    left, right = layout.aisles[order[0]], layout.aisles[order[-1]]
    return order if abs(left - x) <= abs(right - x) else order[::-1]


def _by_aisle(spots: Iterable[Spot]) -> Aisles:
    found: Aisles = {}
    for spot in sorted(set(spots), key=lambda spot: (spot.aisle, spot.y)):
        found.setdefault(spot.aisle, []).append(spot.y)
    return found
