"""The shortest walk of 30 picks through 10 aisles. The server does nothing of this, so there is no floor to put beside it: by the clock, as a picker waits, and
by processor time, which says what it costs where others use the machine too."""

from __future__ import annotations

import sys
import time
from random import Random

from bench.measure import Row, row
from fulfillment.routing.comparison import random_picks, warehouse
from fulfillment.routing.routes import Method, find_route

AISLES, PICKS = 10, 30


def bench(seconds: int, products: int) -> list[Row]:
    """One and two blocks, in one leg, in two (ambient, chilled) and in three."""
    print("route: no floor, for there is no such work in the server; to reach: less than 10 ms a route.", file=sys.stderr)
    rows = []
    for blocks in (1, 2):
        for legs in (1, 2, 3):
            clock, processor = _latencies(blocks, legs, seconds)
            case = f"route-{blocks}-block{'s' * (blocks > 1)}-{legs}-leg{'s' * (legs > 1)}"
            rows += [row(name, 1, 1000 * len(ms) / sum(ms), ms, None, 0) for name, ms in ((case, clock), (f"{case}, processor", processor))]
    return rows


def _latencies(blocks: int, legs: int, seconds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each route, by the clock and of the processor, each through other picks."""
    layout, random = warehouse(AISLES, blocks), Random(1)
    clock: list[float] = []
    processor: list[float] = []
    until = time.monotonic() + seconds
    while not clock or time.monotonic() < until:
        picks = random_picks(AISLES, PICKS, random, legs)
        began, used = time.perf_counter(), time.process_time()
        find_route(layout, picks, Method.EXACT, by_leg=legs > 1)
        clock.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - used))
    return clock, processor
