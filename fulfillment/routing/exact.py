"""The shortest walk through all picks, leg after leg: one dynamic programme for one block and for two, see `states` for its papers.

A leg is a walk from one of several starts, each with what it costs to be there, through all places that it needs, to one of several ends. Columns (aisles,
and the depot, which is an aisle of no use but for standing in it) are swept from left to right, each in steps: one for every part of an aisle between two
cross aisles, one across to the next column. A start is chosen on the way like any other use of an aisle. An end is not: the sweep from the left and the one
from the right, both without any end, meet at the step in which the end lies, so that each end costs one step more, not one sweep more.
The walk from the depot and back is the leg that starts and ends there. With several legs, each ends at one of its own places; what it costs to be there is
exact for every one of them, and all are starts of the next leg. So a chain of any number of legs is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from fulfillment.routing.euler import Point, euler_walk
from fulfillment.routing.layout import Layout, Spot
from fulfillment.routing.states import (
    CHOICE,
    DONE,
    EMPTY,
    EVEN,
    NONE,
    ODD,
    PATTERNS,
    Moves,
    Pattern,
    Table,
    aisle_table,
    cross_table,
    touches,
    with_ends,
)

Place = tuple[int, int]  # the number of a column and y
Part = tuple[int, int]  # the number of a column and that of a part of its aisle, from below
Edge = tuple[Point, Point, int]  # from, to, how often
WALL = 1 << 60  # longer than any walk


class Used(NamedTuple):
    """One way to use a part of an aisle: what it costs, with what it costs to be at `start` where the walk starts inside; which segments, from below, are
    walked once or twice, which not."""

    cost: int
    start: int | None
    segments: tuple[tuple[int, int, int], ...]
    gaps: tuple[int, ...]


class Step(NamedTuple):
    """One step of a sweep: its moves, the price of each choice, and in an aisle how each choice uses it."""

    table: Table
    prices: Sequence[int]
    used: Mapping[int, Used]


def shortest_walk(layout: Layout, legs: Sequence[Collection[Spot]], start: Spot | None = None) -> list[list[Point]]:
    """A shortest walk from `start`, or the depot, through all spots of the first leg, then of the next, and so on, to the depot: the points of each leg,
    which begins where the one before ended. No leg may be empty but a single one."""
    columns = Columns(layout)
    starts = {columns.place(start): 0}
    chain = []
    for number, spots in enumerate(legs, start=1):
        needed = {columns.place(spot) for spot in spots}
        chain.append(Leg(columns, needed, starts, needed if number < len(legs) else {columns.depot}))
        starts = chain[-1].costs
    walks, end = [], columns.depot
    for leg in reversed(chain):
        start_of_leg, edges = leg.traced(end)
        walks.append(euler_walk(edges, columns.point(start_of_leg), columns.point(end)))
        end = start_of_leg
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

    def part(self, place: Place) -> Part:
        """The part of an aisle in which a place lies; where two meet, the upper one."""
        column, y = place
        return column, 1 if len(self.doors) == 3 and y >= self.doors[1] else 0

    def reach(self, part: Part) -> tuple[int, int]:
        """From where to where a part of an aisle goes; the depot beside the aisles stands in one that leads nowhere."""
        column, number = part
        low = self.doors[number]
        return low, self.doors[number + 1] if self.is_aisle[column] else low + WALL


class Leg:
    """One leg of a walk. `costs`: of each end the length of a shortest walk to it, with what it cost to be at the start of that."""

    def __init__(self, columns: Columns, needed: set[Place], starts: Mapping[Place, int], ends: set[Place]) -> None:
        self.columns = columns
        self.crosses = len(columns.doors)
        places = {*needed, *starts, *ends}
        self.first, self.last = min(places)[0], max(places)[0]
        self.needed: dict[Part, list[int]] = {}
        for place in sorted(needed):
            self.needed.setdefault(columns.part(place), []).append(place[1])
        elsewhere: dict[int | None, int] = {None: 0} if len(starts) > 1 else {}
        self.starts: dict[Part, dict[int | None, int]] = {}
        for place, cost in starts.items():
            self.starts.setdefault(columns.part(place), {**elsewhere})[place[1]] = cost
        self.steps = [step for column in range(self.first, self.last + 1) for step in self._steps(column)]
        self.steps_with = {end: self._step_with(end) for end in ends}
        meetings = [at for at, _ in self.steps_with.values()]
        count, first, last = len(touches(self.crosses)), min(meetings), max(meetings)
        # What each state costs before a step, and what it costs to finish from there, each up to the last step that holds an end. These steps hold no end but
        # the start, so the two ends of a walk are never both left of the cut, and never both right of it.
        onward = [(step.table.onward, step.prices) for step in self.steps[:last]]
        back = [(step.table.back, step.prices) for step in self.steps[:first:-1]]
        self.so_far = sweep(EMPTY, onward, count, never=with_ends(self.crosses, 2))
        self.to_come = [*([[]] * (first + 1)), *reversed(sweep(DONE, back, count, never=with_ends(self.crosses, 0)))]
        self.costs = {end: self._best(at, step)[0] for end, (at, step) in self.steps_with.items()}

    def _steps(self, column: int) -> list[Step]:
        """Through each part of its aisle, then across to the next column; across from the last one nothing can be walked."""
        width = self.columns.xs[column + 1] - self.columns.xs[column] if column < self.last else WALL
        parts = [self._through((column, part), None) for part in range(self.crosses - 1)]
        return [*parts, Step(cross_table(self.crosses), [width * edges for edges in range(2 * self.crosses + 1)], {})]

    def _through(self, part: Part, end: int | None) -> Step:
        low, high = self.columns.reach(part)
        used = ways(low, high, self.needed.get(part, ()), self.starts.get(part, {None: 0}), end)
        prices = [WALL] * len(PATTERNS)
        for choice, way in used.items():
            prices[choice] = way.cost
        return Step(aisle_table(self.crosses, part[1], tuple(sorted(used))), prices, used)

    def _step_with(self, end: Place) -> tuple[int, Step]:
        """The number of the step in which an end lies, and that step with it."""
        column, part = self.columns.part(end)
        return (column - self.first) * self.crosses + part, self._through((column, part), end[1])

    def _best(self, at: int, step: Step) -> tuple[int, int, int, int]:
        """The shortest walk whose end lies in this step: its cost, the state before, the choice and the state after."""
        after, prices = self.to_come[at + 1], step.prices
        return min(
            (cost + prices[choice] + after[then], state, choice, then)
            for state, (cost, choices) in enumerate(zip(self.so_far[at], step.table.onward, strict=True))
            if cost < WALL
            for choice, then in choices
        )

    def traced(self, end: Place) -> tuple[Place, list[Edge]]:
        """The start and the edges of a shortest walk to an end."""
        start, edges = None, []
        for number, step, choice, then in self._taken(end):
            column = self.first + number // self.crosses
            if not step.used:
                edges += self._crossed(column, then)
                continue
            way, x = step.used[choice], self.columns.xs[column]
            start = start if way.start is None else (column, way.start)
            edges += [((x, a), (x, b), count) for n, (a, b, count) in enumerate(way.segments) if a < b and n not in way.gaps]
        assert start is not None
        return start, edges

    def _taken(self, end: Place) -> Iterator[tuple[int, Step, int, int]]:
        """Number, step, choice and state afterwards of every step of a shortest walk to an end: the one with the end, back to the left, on to the right."""
        at, step = self.steps_with[end]
        _, before, choice, after = self._best(at, step)
        yield at, step, choice, after
        for number in reversed(range(at)):
            step, costs, then = self.steps[number], self.so_far[number], before
            cost = self.so_far[number + 1][then]
            choice, before = next((choice, state) for choice, state in step.table.back[then] if costs[state] + step.prices[choice] == cost)
            yield number, step, choice, then
        for number in range(at + 1, len(self.steps)):
            step, costs, cost = self.steps[number], self.to_come[number + 1], self.to_come[number][after]
            choice, after = next((choice, state) for choice, state in step.table.onward[after] if costs[state] + step.prices[choice] == cost)
            yield number, step, choice, after

    def _crossed(self, column: int, state: int) -> list[Edge]:
        counts = zip(self.columns.doors, touches(self.crosses)[state], strict=True)
        return [((self.columns.xs[column], y), (self.columns.xs[column + 1], y), count) for y, count in counts if count]


def sweep(begin: int, steps: Iterable[tuple[Moves, Sequence[int]]], count: int, never: Iterable[int]) -> list[list[int]]:
    """Of so many states, by number, the least cost of each before every step and after the last; WALL where it can't be, or is never to be."""
    costs = [WALL] * count
    costs[begin] = 0
    swept = [costs]
    for moves, prices in steps:
        reached = [WALL] * count
        for cost, choices in zip(costs, moves, strict=True):
            if cost < WALL:
                for choice, then in choices:
                    total = cost + prices[choice]
                    if total < reached[then]:
                        reached[then] = total
        for state in never:
            reached[state] = WALL
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
            segments = counted(low, high, needed, ends, odd)
            for pattern, length, gaps in uses(segments, len(ends)):
                choice = CHOICE[pattern]
                if length < WALL and (choice not in best or cost + length < best[choice].cost):
                    best[choice] = Used(cost + length, start, segments, gaps)
    return best


def counted(low: int, high: int, needed: Iterable[int], ends: Sequence[int], odd: bool) -> tuple[tuple[int, int, int], ...]:
    """The segments of a part of an aisle (from, to, how often walked when none is left out), from below: once or twice, by turns at every end of the walk,
    because every other place is left as often as it is reached."""
    count = ODD if odd else EVEN
    segments = []
    for a, b in pairwise([low, *sorted({*needed, *ends}), high]):
        segments.append((a, b, count))
        if ends.count(b) == 1:
            count = EVEN if count == ODD else ODD
    return tuple(segments)


def uses(segments: Sequence[tuple[int, int, int]], ends: int) -> Iterable[tuple[Pattern, int, tuple[int, ...]]]:
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
