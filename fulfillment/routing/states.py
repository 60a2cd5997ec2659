"""What a shortest walk can look like where it is cut in two: the states of the dynamic programme in `exact`, and the moves between them.

Ratliff & Rosenthal (Operations Research 31, 1983, 507-521) build the walk as a set of edges from the leftmost column to the right. Of what lies left of the
cut only this matters: for each cross aisle whether the walk touches it and with an odd or even number of edges, which of those touches hang together, and,
for a walk from one place to another, how many of its two ends are already there. Their one block has two cross aisles; Roodbergen & De Koster
(European Journal of Operational Research 133, 2001, 32-43) do the same with three. Here the number of cross aisles is a parameter, and the moves are
worked out once from what they mean instead of being copied from the papers' tables. States are numbered: a move is a pair of a choice and a state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

NONE, ODD, EVEN = 0, 1, 2  # how a node of a cross aisle is touched; as a number of edges on a piece of cross aisle: 0, 1, 2


class Pattern(NamedTuple):
    """How a walk uses the part of an aisle between two cross aisles: how it touches the lower and the upper of them, whether it joins the two, and how
    many of the walk's ends lie inside."""

    ends: int
    lower: int
    upper: int
    joined: bool


NOTHING = Pattern(0, NONE, NONE, joined=False)
ALONE = Pattern(2, NONE, NONE, joined=False)  # the whole walk lies inside
PATTERNS = (
    NOTHING,
    ALONE,
    *(Pattern(ends, lower, upper, joined=False) for ends in (0, 2) for lower, upper in ((EVEN, NONE), (NONE, EVEN), (EVEN, EVEN))),
    *(Pattern(ends, touch, touch, joined=True) for ends in (0, 2) for touch in (ODD, EVEN)),
    Pattern(2, ODD, ODD, joined=False),
    *(Pattern(1, lower, upper, joined=False) for lower, upper in ((ODD, NONE), (NONE, ODD), (ODD, EVEN), (EVEN, ODD))),
    *(Pattern(1, lower, upper, joined=True) for lower, upper in ((ODD, EVEN), (EVEN, ODD))),
)
CHOICE = {pattern: number for number, pattern in enumerate(PATTERNS)}


class State(NamedTuple):
    """The walk left of a cut: how each cross aisle is touched, which part each touch belongs to (0 for none, then 1, 2, 3 from below), ends so far."""

    touches: tuple[int, ...]
    parts: tuple[int, ...]
    ends: int


Moves = tuple[tuple[tuple[int, int], ...], ...]


class Table(NamedTuple):
    """Of each state the moves that lead on (choice, next state), and those that led to it (choice, state before)."""

    onward: Moves
    back: Moves


EMPTY = 0  # the number of the state with nothing of the walk yet
DONE = 1  # and of the one with nothing of it left to come


@cache
def states(crosses: int) -> dict[State, int]:
    """Every state that a walk over so many cross aisles can be in, with its number."""
    nowhere = (NONE,) * crosses
    found = {State(nowhere, nowhere, 0): EMPTY, State(nowhere, nowhere, 2): DONE}
    queue = list(found)
    for state in queue:
        after = [through(state, node, pattern) for node in range(crosses - 1) for pattern in PATTERNS]
        for then in [*after, *(then for _, then in across(state))]:
            if then is not None and then not in found:
                found[then] = len(found)
                queue.append(then)
    return found


@cache
def touches(crosses: int) -> tuple[tuple[int, ...], ...]:
    """How each state, by its number, touches the cross aisles: after a move across, that is how many edges were laid on each."""
    return tuple(state.touches for state in states(crosses))


@cache
def with_ends(crosses: int, ends: int) -> tuple[int, ...]:
    """The numbers of the states with so many ends of the walk."""
    return tuple(number for state, number in states(crosses).items() if state.ends == ends)


@cache
def aisle_table(crosses: int, node: int, choices: tuple[int, ...]) -> Table:
    """The moves through the part of an aisle above a node (from 0) when these patterns, by number, can be chosen."""

    def moves(state: State) -> Iterator[tuple[int, State]]:
        for choice in choices:
            then = through(state, node, PATTERNS[choice])
            if then is not None:
                yield choice, then

    return _table(crosses, moves)


@cache
def cross_table(crosses: int) -> Table:
    """The moves from a column to the next one; the choice is the number of edges laid on the pieces of cross aisle between them."""
    return _table(crosses, across)


def through(state: State, node: int, pattern: Pattern) -> State | None:
    """The state after a part of an aisle is used by a pattern; None when that can't become one walk between two ends."""
    if pattern == NOTHING:
        return state
    nowhere = not any(state.touches)
    ends = state.ends + pattern.ends
    if ends > 2 or (nowhere and state.ends == 2):
        return None
    if pattern == ALONE:
        return State(state.touches, state.parts, 2) if nowhere else None
    touched, parts = list(state.touches), list(state.parts)
    for at, touch, new in ((node, pattern.lower, 8), (node + 1, pattern.upper, 9)):
        if touch != NONE:
            parts[at] = parts[at] or new
            touched[at] = ODD if (touched[at] == ODD) != (touch == ODD) else EVEN
    if pattern.joined:
        parts = [parts[node] if part == parts[node + 1] else part for part in parts]
    return State(tuple(touched), _renumbered(parts), ends)


def across(state: State) -> Iterator[tuple[int, State]]:
    """The states a column further right, each with the number of edges that lead there. Every node left behind must end up with an even number of
    edges, and no part may be left behind, unless it is the finished walk."""
    for edges in product(*({NONE: (0,), ODD: (1,), EVEN: (0, 2)}[touch] for touch in state.touches)):
        kept = [part if count else 0 for part, count in zip(state.parts, edges, strict=True)]
        finished = not any(edges) and (state.ends == 2 and len(set(state.parts) - {0}) <= 1)
        if finished or set(state.parts) - {0} == set(kept) - {0}:
            yield sum(edges), State(edges, _renumbered(kept), state.ends)


def _renumbered(parts: Iterable[int]) -> tuple[int, ...]:
    """The same parts, numbered from below, so that equal states look equal."""
    names = {0: 0}
    return tuple(names.setdefault(part, len(names)) for part in parts)


def _table(crosses: int, moves: Callable[[State], Iterator[tuple[int, State]]]) -> Table:
    number = states(crosses)
    onward = tuple(tuple((choice, number[then]) for choice, then in moves(state)) for state in number)
    back: list[list[tuple[int, int]]] = [[] for _ in number]
    for before, row in enumerate(onward):
        for choice, then in row:
            back[then].append((choice, before))
    return Table(onward, tuple(tuple(row) for row in back))
