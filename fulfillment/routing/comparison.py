"""How long the walks of each method are on average, in one stated warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fulfillment.routing.layout import Layout, Pick
from fulfillment.routing.routes import Method, find_route

CELLS = 30
CELL = 100  # centimetres along the aisle
SPACING = 400  # from aisle to aisle
AISLES = (5, 10)
PICKS = (3, 7, 15, 30)
SETTING = f"""\
Aisles {SPACING / 100:g} m apart; {CELLS} cells of {CELL / 100:g} m along each, picked from the middle of the aisle. Cross aisles {CELL / 100:g} m before the
middle of the first cell and behind that of the last; with two blocks one more halfway. The depot stands before the leftmost
aisle. Picks lie in different cells, all equally likely."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row: metres by method, averaged over the same picks for each."""

    blocks: int
    aisles: int
    picks: int
    metres: dict[Method, float]


def warehouse(aisles: int, blocks: int) -> Layout:
    """The warehouse of SETTING."""
    depth = (CELLS + 1) * CELL
    return Layout(tuple(number * SPACING for number in range(aisles)), (0, depth) if blocks == 1 else (0, depth // 2, depth))


def random_picks(aisles: int, count: int, random: Random, legs: int = 1) -> list[Pick]:
    """Picks in so many different cells of it, in an order that says nothing."""
    cells = random.sample(range(aisles * CELLS), count)
    return [Pick(cell // CELLS, (cell % CELLS + 1) * CELL, random.randrange(legs)) for cell in cells]


def compare(blocks: int, aisles: int, picks: int, instances: int, seed: int) -> Comparison:
    """One row from so many random walks; the same seed gives the same picks to one block and to two."""
    random = Random(f"{seed} {aisles} {picks}")
    layout = warehouse(aisles, blocks)
    total = dict.fromkeys(Method, 0)
    for _ in range(instances):
        asked = random_picks(aisles, picks, random)
        for method in Method:
            total[method] += find_route(layout, asked, method).length
    return Comparison(blocks, aisles, picks, {method: centimetres / instances / 100 for method, centimetres in total.items()})
