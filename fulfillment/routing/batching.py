"""Orders put together into walks: which of them are picked at once, a tote on the cart for each. Pure; how long a walk is says a function of its picks.

Sources: M.B.M. de Koster, E.S. van der Poort, M. Wolters, "Efficient orderbatching methods in warehouses", IJPR 37 (1999) 1479-1504; S. Henn, S. Koch,
G. Wäscher, "Order batching in order picking warehouses: a survey of solution approaches" (2012), whose names of the variants are used here; G. Clarke,
J. Wright, "Scheduling of vehicles from a central depot to a number of delivery points", Operations Research 12 (1964) 568-581.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter

from fulfillment.routing.layout import Pick

# With how many of its neighbours an order or a walk is tried. Trying all gave totals at most two percent less on a history of 438 orders, and took five times
# as long; half as many gave one percent more.
NEAREST = 40
REMEMBERED = 1024  # lengths, each with its picks
ZERO = Decimal(0)

Length = Callable[[Sequence[Pick]], int]


class Batching(StrEnum):
    """How orders are put together."""

    FCFS = "fcfs"
    SEED = "seed"
    SAVINGS = "savings"


@dataclass(frozen=True, slots=True)
class Load:
    """What an order asks of a walk. `items`: its lines or its pieces, whichever `Capacity.items` counts; volume in litres, weight in kilograms.

    None is unknown, and takes up nothing. Without picks it lies nowhere on the map, and may go with any walk. Raises ValueError for less than nothing.
    """

    picks: tuple[Pick, ...]
    items: int
    volume: Decimal | None = None
    weight: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("items", "volume", "weight"):
            value = getattr(self, name)
            if value is not None and not (Decimal(value).is_finite() and value >= 0):
                raise ValueError(f"{name} {value}: give 0 or more.")


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one walk can take: so many totes, one for each order, and what the cart holds; None is no limit. Raises ValueError for a cart that takes nothing."""

    totes: int
    items: int | None = None
    volume: Decimal | None = None
    weight: Decimal | None = None

    def __post_init__(self) -> None:
        if self.totes < 1:
            raise ValueError(f"totes {self.totes}: a walk takes at least one order.")
        for name in ("items", "volume", "weight"):
            value = getattr(self, name)
            if value is not None and not (Decimal(value).is_finite() and value > 0):
                raise ValueError(f"{name} {value}: give more than 0, or None for no limit.")

    def exceeded_by(self, loads: Collection[Load]) -> dict[str, tuple[Decimal, Decimal]]:
        """The limits that these orders in one walk exceed: some of totes, items, volume, weight, each with what is asked and what is taken.

        Of an order that has to go alone it says why.
        """
        items, volume, weight = sum(load.items for load in loads), _known(load.volume for load in loads), _known(load.weight for load in loads)
        limits = (("totes", self.totes, len(loads)), ("items", self.items, items), ("volume", self.volume, volume), ("weight", self.weight, weight))
        return {name: (Decimal(asked), Decimal(limit)) for name, limit, asked in limits if limit is not None and asked > limit}

    def takes(self, a: _Walk, b: _Walk) -> bool:
        """Whether both fit into one walk."""
        return (
            len(a.orders) + len(b.orders) <= self.totes
            and (self.items is None or a.items + b.items <= self.items)
            and (self.volume is None or a.volume + b.volume <= self.volume)
            and (self.weight is None or a.weight + b.weight <= self.weight)
        )


def _known(values: Iterable[Decimal | None]) -> Decimal:
    """The sum of those that are known."""
    return sum((value for value in values if value is not None), ZERO)


def make_batches(orders: Sequence[Load], capacity: Capacity, method: Batching, length: Length, *, nearest: int = NEAREST) -> list[tuple[int, ...]]:
    """Which orders are picked in one walk: their numbers in `orders`, ascending; walks by their first order. Every order is in exactly one.

    `length`: how long the walk through some picks is; it gets them without repetition, in the order of aisle and y. It is asked up to `nearest` times for each
    order and each walk that is put together, so it should be `quick.quick_length`; what is finally walked may be planned otherwise. FCFS never asks it.

    - FCFS: orders in their sequence, until the next does not fit; that one begins the next walk.
    - SEED: the order with the longest walk of its own is the seed; to it comes, as long as one fits, the order that saves most together with all that are
      already there (seed rule "longest travel time", addition rule "time saving", cumulative mode).
    - SAVINGS: Clarke & Wright, variant C&W(ii): all orders alone at first; the two walks that save most together become one, whose savings with the others
      are computed anew; until nothing fits or nothing is saved.

    What joining a and b saves is length(a) + length(b) - length(a and b); walks that save nothing are joined too, as long as they lose nothing: it is one walk
    less. Only the `nearest` neighbours that fit are tried (those which share the longest stretches of the same aisles): by exact
    routes 200 orders would take minutes otherwise.

    An order that alone exceeds the capacity gets a walk of its own; `capacity.exceeded_by` says by what. Raises ValueError for an unknown method.
    """
    if nearest < 1:
        raise ValueError(f"nearest {nearest}: try at least one neighbour.")
    method = Batching(method)
    if method is Batching.FCFS:
        made = _in_sequence(orders, capacity)
    else:
        planner = _Planner(capacity, length, nearest)
        alone = planner.alone(orders)
        walks = _from_seeds(alone, planner) if method is Batching.SEED else _by_savings(alone, planner)
        made = [tuple(sorted(walk.orders)) for walk in walks]
    return sorted(made)


def _in_sequence(orders: Sequence[Load], capacity: Capacity) -> list[tuple[int, ...]]:
    made: list[tuple[int, ...]] = []
    for number in range(len(orders)):
        longer = (*made[-1], number) if made else (number,)
        if made and not capacity.exceeded_by([orders[order] for order in longer]):
            made[-1] = longer
        else:
            made.append((number,))
    return made


def _from_seeds(alone: list[_Walk], planner: _Planner) -> list[_Walk]:
    rest = dict(sorted(enumerate(alone), key=lambda entry: -entry[1].length))
    made = []
    while rest:
        walk = rest.pop(next(iter(rest)))
        while (companion := planner.best_for(walk, rest)) is not None:
            walk = planner.join(walk, rest.pop(companion))
        made.append(walk)
    return made


def _by_savings(alone: list[_Walk], planner: _Planner) -> list[_Walk]:
    """Walks are numbered as they are made; of equal savings those of the earliest walks go first.

    A walk whose neighbours have all gone elsewhere is offered to others when no offer is left: hence the rounds.
    """
    walks, made = dict(enumerate(alone)), len(alone)
    while True:
        before, offers = made, planner.offers({pair for number in walks for pair in planner.pairs(number, walks)}, walks)
        while offers:
            _, a, b = heapq.heappop(offers)
            if a not in walks or b not in walks:
                continue
            walks[made] = planner.join(walks.pop(a), walks.pop(b))
            for offer in planner.offers(planner.pairs(made, walks), walks):
                heapq.heappush(offers, offer)
            made += 1
        if made == before:
            return list(walks.values())


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Some orders together. `reach`: of each aisle, how far along it the farthest pick lies; `centre`: twice the middle of its aisles."""

    orders: tuple[int, ...]
    picks: frozenset[Pick]
    items: int
    volume: Decimal
    weight: Decimal
    reach: tuple[int, ...]
    centre: int
    length: int


class _Planner:
    def __init__(self, capacity: Capacity, length: Length, nearest: int) -> None:
        self._capacity = capacity
        self._nearest = nearest

        @lru_cache(maxsize=REMEMBERED)
        def length_of(picks: frozenset[Pick]) -> int:
            return length(sorted(picks, key=attrgetter("aisle", "y", "leg"))) if picks else 0

        self._length = length_of

    def alone(self, orders: Sequence[Load]) -> list[_Walk]:
        """A walk for each order."""
        every = [pick for order in orders for pick in order.picks]
        lowest, aisles = min((pick.y for pick in every), default=0), max((pick.aisle for pick in every), default=-1) + 1
        return [self._alone(number, order, lowest, aisles) for number, order in enumerate(orders)]

    def _alone(self, number: int, order: Load, lowest: int, aisles: int) -> _Walk:
        picks = frozenset(order.picks)
        reach = [0] * aisles
        for pick in picks:
            reach[pick.aisle] = max(reach[pick.aisle], pick.y - lowest + 1)
        return _Walk((number,), picks, order.items, order.volume or ZERO, order.weight or ZERO, tuple(reach), _centre(reach), self._length(picks))

    def join(self, a: _Walk, b: _Walk) -> _Walk:
        """Both as one walk."""
        picks, reach = a.picks | b.picks, tuple(map(max, a.reach, b.reach))
        return _Walk(
            a.orders + b.orders, picks, a.items + b.items, a.volume + b.volume, a.weight + b.weight, reach, _centre(reach), self._length(picks)
        )

    def best_for(self, walk: _Walk, others: Mapping[int, _Walk]) -> int | None:
        """Which of the others saves most with this walk, the earliest of equals; None when none fits without loss."""
        offers = [(self._saving(walk, others[number]), -number) for number in self._neighbours(walk, others)]
        saving, number = max(offers, default=(-1, 0))
        return -number if saving >= 0 else None

    def pairs(self, number: int, walks: Mapping[int, _Walk]) -> list[tuple[int, int]]:
        """With whom a walk could be joined: both numbers, the lower first."""
        return [(min(number, other), max(number, other)) for other in self._neighbours(walks[number], walks)]

    def offers(self, pairs: Iterable[tuple[int, int]], walks: Mapping[int, _Walk]) -> list[tuple[int, int, int]]:
        """Of these pairs those that lose nothing, the best first: minus what they save, and their numbers."""
        found = ((-self._saving(walks[a], walks[b]), a, b) for a, b in pairs)
        return sorted(offer for offer in found if offer[0] <= 0)

    def _saving(self, a: _Walk, b: _Walk) -> int:
        return a.length + b.length - self._length(a.picks | b.picks)

    def _neighbours(self, walk: _Walk, others: Mapping[int, _Walk]) -> list[int]:
        """Of those that fit, the ones that share the longest stretches of aisles with it, then those closest across the aisles, then the earliest."""
        fitting = (
            (sum(map(min, walk.reach, other.reach)), -abs(walk.centre - other.centre), -number)
            for number, other in others.items()
            if other is not walk and self._capacity.takes(walk, other)
        )
        return [-number for _, _, number in heapq.nlargest(self._nearest, fitting)]


def _centre(reach: Sequence[int]) -> int:
    visited = [aisle for aisle, far in enumerate(reach) if far]
    return visited[0] + visited[-1] if visited else 0
