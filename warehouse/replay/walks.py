"""How far one walks for an order history: for every order alone and for batches of them, by every way to plan a walk. Without the database."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, TextIO

from fulfillment.routing.batching import Batching, Capacity, Load, make_batches
from fulfillment.routing.files import MOST_AISLES
from fulfillment.routing.layout import Layout, Pick
from fulfillment.routing.quick import quick_length
from fulfillment.routing.routes import Method, find_route
from warehouse.core.progress import Progress
from warehouse.replay.reader import History, Invoice

ALONE = "order by order"
MOST_PLACES = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A warehouse of equal aisles; lengths in centimetres. Before the first place of an aisle, between the two blocks and behind the last there is room for
    a place more, up to the cross aisle. The depot is in front of the first aisle. Raises ValueError for no warehouse."""

    aisles: int
    places: int
    aisle_distance: int
    place_length: int
    blocks: int

    def __post_init__(self) -> None:
        for name in ("aisles", "places", "aisle_distance", "place_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: give more than 0.")
        if self.aisles > MOST_AISLES:
            raise ValueError(f"aisles {self.aisles}: give at most {MOST_AISLES:,}.")
        if self.aisles * self.places > MOST_PLACES:
            raise ValueError(f"places {self.places}: give at most {MOST_PLACES:,} in all aisles together.")
        if self.blocks not in (1, 2) or self.blocks > self.places:
            raise ValueError(f"blocks {self.blocks}: give 1 or 2, of at least one place each.")

    @property
    def layout(self) -> Layout:
        """As the routes want it."""
        doors = [0, self.places + self.blocks]
        if self.blocks == 2:
            doors.insert(1, self._front + 1)
        return Layout(tuple(aisle * self.aisle_distance for aisle in range(self.aisles)), tuple(door * self.place_length for door in doors))

    @property
    def spots(self) -> list[Pick]:
        """All places, aisle after aisle."""
        ys = [place + (self.blocks == 2 and place > self._front) for place in range(1, self.places + 1)]
        return [Pick(aisle, y * self.place_length) for aisle in range(self.aisles) for y in ys]

    @property
    def _front(self) -> int:
        """How many places of an aisle lie before the middle cross aisle."""
        return self.places // 2

    def as_data(self) -> dict[str, Any]:
        """For programs; lengths in metres. The depot's x is counted from the first aisle."""
        metres = {"aisle_distance": self.aisle_distance / 100, "place_length": self.place_length / 100, "depot": 0.0}
        return {"aisles": self.aisles, "places": self.places, "blocks": self.blocks, **metres}

    def __str__(self) -> str:
        middle = " and in the middle" if self.blocks == 2 else ""
        return (
            f"{self.aisles} aisles {self.aisle_distance / 100:g} m apart, {self.places} places of {self.place_length / 100:g} m in each, "
            f"cross aisles at both ends{middle}; walks begin and end in front of the first aisle"
        )


@dataclass(frozen=True, slots=True)
class Picked:
    """All orders picked in one way. `seconds`: of a processor, to put them together; `lengths`: what is walked in all, in centimetres, by each method."""

    how: str
    walks: int
    seconds: float
    lengths: dict[Method, int]

    def as_data(self) -> dict[str, Any]:
        metres = {method.value: length / 100 for method, length in self.lengths.items()}
        return {"picked": self.how, "walks": self.walks, "cpu_seconds": round(self.seconds, 3), "metres": metres}


def spread(codes: Iterable[str], spots: Sequence[Pick], seed: int) -> dict[str, Pick]:
    """A place for every code, drawn by the seed; no place gets its second code before each has one. The order of the codes does not matter."""
    order = random.Random(seed).sample(spots, len(spots))
    return {code: order[number % len(order)] for number, code in enumerate(sorted(set(codes)))}


def loads(sales: Iterable[Invoice], places: Mapping[str, Pick]) -> list[Load]:
    """What each sale asks of a walk; its items are its lines."""
    return [Load(tuple(places[row.code] for row in sale.goods), len(sale.goods)) for sale in sales]


def compare(orders: Sequence[Load], layout: Layout, capacity: Capacity, stream: TextIO) -> Iterator[Picked]:
    """All orders one by one, then in batches of each kind; says on the stream how far it is. Batches are chosen by the quick length and walked by all methods,
    so what differs between the methods is the walk alone."""
    yield _picked(ALONE, [(number,) for number in range(len(orders))], 0.0, orders, layout, stream)
    for batching in Batching:
        begun = time.process_time()
        batches = make_batches(orders, capacity, batching, partial(quick_length, layout))
        yield _picked(batching.value, batches, time.process_time() - begun, orders, layout, stream)


def _picked(how: str, batches: Sequence[tuple[int, ...]], seconds: float, orders: Sequence[Load], layout: Layout, stream: TextIO) -> Picked:
    lengths = dict.fromkeys(Method, 0)
    with Progress(f"Routes, {how}", len(batches) * len(Method), stream) as progress:
        for batch in batches:
            picks = sorted({pick for number in batch for pick in orders[number].picks}, key=attrgetter("aisle", "y"))
            for method in Method:
                lengths[method] += find_route(layout, picks, method).length
            progress.update(len(Method))
    return Picked(how, len(batches), seconds, lengths)


@dataclass(frozen=True, slots=True)
class WalkReport:
    """All ways to pick the orders side by side, and everything they depend on."""

    lines: int
    invoices: int
    bad_rows: int
    orders: int
    order_lines: int
    codes: int
    plan: Plan
    seed: int
    capacity: Capacity
    exceeding: int
    picked: list[Picked]

    @property
    def shortest(self) -> tuple[Picked, Method, int]:
        """The shortest of all: how, by which method, and how long; of equal ones the first."""
        return min(((way, method, length) for way in self.picked for method, length in way.lengths.items()), key=lambda entry: entry[2])

    def as_data(self) -> dict[str, Any]:
        """For programs; lengths in metres."""
        how, method, _ = self.shortest
        return {
            "lines": self.lines,
            "invoices": self.invoices,
            "bad_rows": self.bad_rows,
            "orders": self.orders,
            "order_lines": self.order_lines,
            "codes": self.codes,
            "layout": self.plan.as_data(),
            "seed": self.seed,
            "capacity": {"totes": self.capacity.totes, "items": self.capacity.items},
            "exceeding": self.exceeding,
            "ways": [way.as_data() for way in self.picked],
            "shortest": {"picked": how.how, "method": method.value},
        }

    def as_text(self) -> Iterator[str]:
        """For people."""
        yield f"{self.lines:,} lines, {self.invoices:,} invoices; {self.orders:,} orders with {self.order_lines:,} lines of goods; rows not used: {self.bad_rows:,}"
        yield f"{self.plan}"
        yield f"{self.codes:,} stock codes spread over {self.plan.aisles * self.plan.places:,} places by seed {self.seed}"
        items = "" if self.capacity.items is None else f" and {self.capacity.items:,} lines"
        alone = f"; going alone, because they exceed that: {self.exceeding:,}" if self.exceeding else ""
        yield f"A cart takes {self.capacity.totes} orders{items}{alone}"
        yield from self._table("Metres", 100, 0)
        yield from self._table("Kilometres", 100_000, 2)
        way, method, length = self.shortest
        alone_exact = self.picked[0].lengths[Method.EXACT]
        share = f", {length / alone_exact:.1%} of the shortest walks {ALONE}" if alone_exact else ""
        yield ""
        yield f"Shortest: {way.how}, {method.value}: {length / 100:,.0f} m{share}"

    def _table(self, unit: str, centimetres: int, digits: int) -> Iterator[str]:
        yield ""
        yield f"{unit:<16}{'walks':>6}{'CPU time':>11}" + "".join(f"{method.value:>13}" for method in Method)
        for way in self.picked:
            figures = "".join(f"{way.lengths[method] / centimetres:>13,.{digits}f}" for method in Method)
            yield f"{way.how:<16}{way.walks:>6,}{way.seconds:>9.2f} s{figures}"


def make_report(history: History, sales: Sequence[Invoice], plan: Plan, capacity: Capacity, seed: int, stream: TextIO) -> WalkReport:
    """Spread the codes of these sales over the places and pick all of them in every way."""
    places = spread((row.code for sale in sales for row in sale.goods), plan.spots, seed)
    orders = loads(sales, places)
    return WalkReport(
        lines=history.lines,
        invoices=len(history.invoices),
        bad_rows=len(history.bad_rows),
        orders=len(orders),
        order_lines=sum(order.items for order in orders),
        codes=len(places),
        plan=plan,
        seed=seed,
        capacity=capacity,
        exceeding=sum(bool(capacity.exceeded_by([order])) for order in orders),
        picked=list(compare(orders, plan.layout, capacity, stream)),
    )
