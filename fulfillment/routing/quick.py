"""How long the shortest walk is, without the walk: quick enough to be asked ten thousand times while orders are put together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from fulfillment.routing.layout import Layout, Pick

NEVER = 1 << 60  # longer than any walk


def quick_length(layout: Layout, picks: Sequence[Pick], *, by_leg: bool = False) -> int:
    """The length in centimetres of the shortest round from the depot through all picks that leaves aisles at their ends only: in one block the exact length.

    In two blocks it is an upper bound. `by_leg`: the sum of a round for each leg, which is more than one walk through all of them, but moves as that does.
    Picks have to lie in the layout; it is not checked here.
    """
    if not by_leg:
        return _round(layout, picks)
    return sum(_round(layout, [pick for pick in picks if pick.leg == leg]) for leg in {pick.leg for pick in picks})


class _Left(NamedTuple):
    """The least that is walked left of a cut, by what it looks like there (Ratliff & Rosenthal, Operations Research 31, 1983, 507-521): nothing yet; each
    cross aisle once; the lower twice; the upper twice; both twice, as one part; both twice, as two parts that are still to be joined."""

    nothing: int
    once: int
    lower: int
    upper: int
    joined: int
    parted: int

    def through_aisle(self, along: int, from_below: int, from_above: int, round_gap: int) -> _Left:
        """After an aisle with something in it: walked once or twice along, or to the last pick from below, from above, or from both up to the longest gap."""
        nothing, once, lower, upper, joined, parted = self
        not_along = min(from_below, from_above, round_gap)
        return _Left(
            NEVER,
            min(min(nothing, lower, upper, joined, parted) + along, once + not_along),
            min(nothing, lower) + from_below,
            min(nothing, upper) + from_above,
            min(once + along, min(nothing, lower, upper, parted) + 2 * along, joined + not_along),
            min(nothing + round_gap, lower + min(from_above, round_gap), upper + min(from_below, round_gap), parted + not_along),
        )

    def across(self, width: int) -> _Left:
        """After the way to the next column."""
        nothing, once, lower, upper, joined, parted = self
        return _Left(
            nothing,
            once + 2 * width,
            min(lower, joined) + 2 * width,
            min(upper, joined) + 2 * width,
            joined + 4 * width,
            parted + 4 * width,
        )


def _round(layout: Layout, picks: Sequence[Pick]) -> int:
    low, high = layout.cross_aisles[0], layout.cross_aisles[-1]
    needed = {layout.depot: [low]}
    for pick in picks:
        needed.setdefault(layout.aisles[pick.aisle], []).append(pick.y)
    # Empty aisles are left out: a way through one never beats the way through its neighbour, which serves what lies there.
    columns = sorted(needed)
    left, before = _Left(0, NEVER, NEVER, NEVER, NEVER, NEVER), columns[0]
    for x in columns:
        left, before = left.across(x - before), x
        if x in layout.aisles:
            ys = sorted(needed[x])
            gap = max(b - a for a, b in pairwise([low, *ys, high]))
            left = left.through_aisle(high - low, 2 * (ys[-1] - low), 2 * (high - ys[0]), 2 * (high - low - gap))
        else:
            left = left.through_aisle(NEVER, 0, NEVER, NEVER)  # the depot beside the aisles
    return min(left.lower, left.upper, left.joined)
