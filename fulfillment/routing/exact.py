"""The shortest walk through all picks, leg after leg: one dynamic programme for one block and for two, see `states` for its papers.

A leg is a walk from one of several starts, each with what it costs to be there, to an end, through what is needed. Columns (aisles, and the depot, which is
an aisle of no use but for standing in it) are swept from left to right, each in steps: one for every part of an aisle, one across to the next column.
The walk from the depot and back is the leg that starts and ends there. Several legs are a chain: for every stop at which a leg may end, the shortest chain
that ends there is exact, and the next leg starts from any of them. All of these ends cost two sweeps and one step each, not one sweep each: the sweep from
the left and the sweep from the right meet at the step that holds the end. So the chain is exact for any number of legs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from fulfillment.routing.euler import Point, euler_walk
from fulfillment.routing.layout import Layout, Spot
from fulfillment.routing.states import CHOICE, DONE, EMPTY, EVEN, NONE, ODD, PATTERNS, Moves, Pattern, Table, aisle_table, cross_table, touches

Place = tuple[int, int]  # the number of a column and y
WALL = 1 << 60  # longer than any walk


class Used(NamedTuple):
    """One way to use a part of an aisle: what it costs, with what it costs to start at `start` where the walk starts inside; whether the walk leaves the
    lower cross aisle by one edge; and which gaps, counted from below, are not walked."""

    cost: int
    start: int | None
    odd: bool
    gaps: tuple[int, ...]


class Step(NamedTuple):
    """One step of a sweep: its moves, and the price of each choice."""

    table: Table
    prices: Sequence[int]


def shortest_walk(layout: Layout, legs: Sequence[Iterable[Spot]], start: Spot | None = None) -> list[list[Point]]:
    """A shortest walk from `start`, or the depot, through all spots of the first leg, then of the next, and so on, to the depot: the points of each leg,
    which begins where the one before ended."""
    columns = Columns(layout)
    chain = [Leg(columns, {columns.place(spot) for spot in leg}) for leg in legs]
    starts = {columns.place(start): 0}
    for leg in chain[:-1]:
        leg.starts = starts
        starts = leg.costs_of_ends()
    chain[-1].starts = starts
    walks, end = [], columns.depot
    for leg in reversed(chain):
        walk, end = leg.walk_to(end)
        walks.append(walk)
    return walks[::-1]


class Columns:
    """The aisles of a layout, and its depot where that stands beside them, as columns from left to right."""

    def __init__(self, layout: Layout) -> None:
        self.doors = layout.cross_aisles
        self.xs = sorted({*layout.aisles, layout.depot})
        self._number = {x: number for number, x in enumerate(self.xs)}
        self._aisles = layout.aisles
        self.is_aisle = [x in set(layout.aisles) for x in self.xs]
        self.depot = (self._number[layout.depot], layout.cross_aisles[0])

    def place(self, spot: Spot | None) -> Place:
        """Where a spot is; None is the depot."""
        return self.depot if spot is None else (self._number[self._aisles[spot.aisle]], spot.y)

    def point(self, place: Place) -> Point:
        """x and y."""
        return self.xs[place[0]], place[1]

    def part(self, place: Place) -> tuple[int, int]:
        """The column, and which part of its aisle, from below; where two parts meet, the upper one."""
        column, y = place
        return column, 1 if len(self.doors) == 3 and y >= self.doors[1] else 0

    def reach(self, column: int, part: int) -> tuple[int, int]:
        """From where to where a part of an aisle goes; the depot beside the aisles stands in one that leads nowhere."""
        low = self.doors[part]
        return low, self.doors[part + 1] if self.is_aisle[column] else low + WALL


class Leg:
    """One leg of a walk: what it needs, and from where it can start at which cost."""

    def __init__(self, columns: Columns, needed: set[Place]) -> None:
        self.columns, self.needed = columns, needed
        self.starts: dict[Place, int] = {}

    def costs_of_ends(self) -> dict[Place, int]:
        """For every place that the leg needs what the shortest walk that ends there costs. A leg that needs nothing ends where it starts."""
        if not self.needed:
            return self.starts
        sweeps = Sweeps(self, sorted({*self.needed, *self.starts}))
        rightward, leftward = sweeps.rightward(), sweeps.leftward()
        costs = {}
        for end in self.needed:
            at, (table, prices) = sweeps.step_with(end)
            after = leftward[at + 1]
            costs[end] = min(
                cost + prices[choice] + after[then]
                for cost, choices in zip(rightward[at], table.onward, strict=True)
                if cost < WALL
                for choice, then in choices
            )
        return costs

    def walk_to(self, end: Place) -> tuple[list[Point], Place]:
        """A shortest walk that ends there, and where it starts."""
        sweeps = Sweeps(self, sorted({*self.needed, *self.starts, end}), end)
        start, edges = sweeps.traced()
        return euler_walk(edges, self.columns.point(start), self.columns.point(end)), start


class Sweeps:
    """The steps over the columns that a leg can use, those between its outermost places, and the sweeps over them."""

    def __init__(self, leg: Leg, places: Sequence[Place], end: Place | None = None) -> None:
        self.columns = columns = leg.columns
        self.crosses = len(columns.doors)
        self.first, self.last = places[0][0], places[-1][0]
        self.needed: dict[tuple[int, int], list[int]] = {}
        self.starts: dict[tuple[int, int], dict[int | None, int]] = {}
        for place in sorted(leg.needed):
            self.needed.setdefault(columns.part(place), []).append(place[1])
        elsewhere: dict[int | None, int] = {None: 0} if len(leg.starts) > 1 else {}
        for place, cost in leg.starts.items():
            self.starts.setdefault(columns.part(place), {**elsewhere})[place[1]] = cost
        self.end = end
        self.used: dict[tuple[int, int], dict[int, Used]] = {}
        self.steps = [step for column in range(self.first, self.last + 1) for step in self._column(column)]

    def _column(self, column: int) -> list[Step]:
        steps = []
        for part in range(self.crosses - 1):
            used = self.used[column, part] = self._ways(column, part, self._end_in(column, part))
            steps.append(self._step(part, used))
        width = self.columns.xs[column + 1] - self.columns.xs[column] if column < self.last else WALL
        return [*steps, Step(cross_table(self.crosses), [width * edges for edges in range(2 * self.crosses + 1)])]

    def _end_in(self, column: int, part: int) -> int | None:
        return self.end[1] if self.end and self.columns.part(self.end) == (column, part) else None

    def _ways(self, column: int, part: int, end: int | None) -> dict[int, Used]:
        low, high = self.columns.reach(column, part)
        return ways(low, high, self.needed.get((column, part), ()), self.starts.get((column, part), {None: 0}), end)

    def _step(self, part: int, used: dict[int, Used]) -> Step:
        prices = [WALL] * len(PATTERNS)
        for choice, way in used.items():
            prices[choice] = way.cost
        return Step(aisle_table(self.crosses, part, tuple(sorted(used))), prices)

    def step_with(self, end: Place) -> tuple[int, Step]:
        """The number of the step at which that end lies, and the step with it."""
        column, part = self.columns.part(end)
        return (column - self.first) * self.crosses + part, self._step(part, self._ways(column, part, end[1]))

    def rightward(self) -> list[list[int]]:
        """Before each step, and after the last, the states that can be there and the least that each costs."""
        return sweep(EMPTY, ((step.table.onward, step.prices) for step in self.steps))

    def leftward(self) -> list[list[int]]:
        """The same from the other side: what it costs to finish."""
        return sweep(DONE, ((step.table.back, step.prices) for step in reversed(self.steps)))[::-1]

    def traced(self) -> tuple[Place, list[tuple[Point, Point, int]]]:
        """The start and the edges (from, to, how often) of a shortest walk."""
        swept = self.rightward()
        start, edges, state = None, [], DONE
        for at in reversed(range(len(self.steps))):
            table, prices = self.steps[at]
            choice, before = next(
                (choice, before) for choice, before in table.back[state] if swept[at][before] + prices[choice] == swept[at + 1][state]
            )
            column, part = self.first + at // self.crosses, at % self.crosses
            if part == self.crosses - 1:
                edges += self._crossed(column, state)
            else:
                way = self.used[column, part][choice]
                start = start if way.start is None else (column, way.start)
                edges += self._walked(column, part, way)
            state = before
        assert start is not None
        return start, edges

    def _crossed(self, column: int, state: int) -> list[tuple[Point, Point, int]]:
        counts = zip(self.columns.doors, touches(self.crosses)[state], strict=True)
        return [((self.columns.xs[column], y), (self.columns.xs[column + 1], y), count) for y, count in counts if count]

    def _walked(self, column: int, part: int, way: Used) -> list[tuple[Point, Point, int]]:
        low, high = self.columns.reach(column, part)
        ends = [y for y in (way.start, self._end_in(column, part)) if y is not None]
        x = self.columns.xs[column]
        segments = enumerate(counted(low, high, self.needed.get((column, part), ()), ends, way.odd))
        return [((x, a), (x, b), count) for number, (a, b, count) in segments if b > a and number not in way.gaps]


def sweep(begin: int, steps: Iterable[tuple[Moves, Sequence[int]]]) -> list[list[int]]:
    """The least cost of every state, by its number, before each step and after the last; WALL where it can't be."""
    costs: list[int] = []
    swept = []
    for moves, prices in steps:
        if not costs:
            costs = [WALL] * len(moves)
            costs[begin] = 0
            swept.append(costs)
        reached = [WALL] * len(moves)
        for cost, choices in zip(costs, moves, strict=True):
            if cost < WALL:
                for choice, then in choices:
                    total = cost + prices[choice]
                    if total < reached[then]:
                        reached[then] = total
        costs = reached
        swept.append(costs)
    return swept


def ways(low: int, high: int, needed: Sequence[int], starts: Mapping[int | None, int], end: int | None) -> dict[int, Used]:
    """The cheapest use of a part of an aisle for each pattern, by number, that serves all that is needed there, the end, and one of the starts (None: no
    start lies here)."""
    best: dict[int, Used] = {}
    for start, cost in starts.items():
        ends = [y for y in (start, end) if y is not None]
        for odd in (False, True):
            for pattern, length, gaps in uses(list(counted(low, high, needed, ends, odd)), len(ends)):
                choice = CHOICE[pattern]
                if length < WALL and (choice not in best or cost + length < best[choice].cost):
                    best[choice] = Used(cost + length, start, odd, gaps)
    return best


def counted(low: int, high: int, needed: Iterable[int], ends: Sequence[int], odd: bool) -> Iterable[tuple[int, int, int]]:
    """The segments of a part of an aisle, from below, with how often each is walked when none is left out: once or twice, by turns at every end of the
    walk, because every other place is left as often as it is reached."""
    count = ODD if odd else EVEN
    for a, b in pairwise([low, *sorted({*needed, *ends}), high]):
        yield a, b, count
        if sum(end == b for end in ends) == 1:
            count = EVEN if count == ODD else ODD


def uses(segments: list[tuple[int, int, int]], ends: int) -> Iterable[tuple[Pattern, int, tuple[int, ...]]]:
    """The patterns with so many ends inside, their lengths, and which segments each leaves out: none, the lowest, the highest, or the longest between.
    Only what is walked twice can be left out, and only once: what lies between two gaps hangs together with nothing, unless it is the whole walk."""
    total = sum(count * (b - a) for a, b, count in segments)
    last = len(segments) - 1
    lower, upper = segments[0][2], segments[last][2]
    yield Pattern(ends, lower, upper, joined=True), total, ()
    if not last:
        if lower == EVEN:
            yield Pattern(0, NONE, NONE, joined=False), 0, (0,)
        return
    saved = [2 * (b - a) if count == EVEN else -1 for a, b, count in segments]
    if lower == EVEN:
        yield Pattern(ends, NONE, upper, joined=False), total - saved[0], (0,)
    if upper == EVEN:
        yield Pattern(ends, lower, NONE, joined=False), total - saved[last], (last,)
    if ends == 2 and lower == upper == EVEN:
        yield Pattern(2, NONE, NONE, joined=False), total - saved[0] - saved[last], (0, last)
    between = max(range(1, last), key=saved.__getitem__, default=0)
    if between and saved[between] >= 0:
        yield Pattern(ends, lower, upper, joined=False), total - saved[between], (between,)
