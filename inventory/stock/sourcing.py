"""From which warehouses an order comes: the fewest that cover it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations

MOST_WAREHOUSES = 4

Sellable = Mapping[tuple[int, int], Decimal]
"""How much of a product may be promised from a warehouse, by (warehouse, product)."""


def choose(
    asked: Mapping[int, Decimal], sellable: Sellable, warehouses: Sequence[int], preferred: frozenset[int] = frozenset()
) -> dict[tuple[int, int], Decimal]:
    """Split what is asked, by product, over the fewest of the warehouses, which come in order of priority.

    Warehouses that the order uses anyway (`preferred`) come first and cost nothing. Where even all together do not cover it, everything that is short is
    asked of the first warehouse that has most of it, so that the shortage names a place. Returns quantities by (warehouse, product).
    """
    ranked = sorted(warehouses, key=lambda warehouse: warehouse not in preferred)
    free = [warehouse for warehouse in ranked if warehouse in preferred]
    others = [warehouse for warehouse in ranked if warehouse not in preferred]
    for size in range(min(MOST_WAREHOUSES, len(others)) + 1):
        for chosen in combinations(others, size):
            team = [*free, *chosen]
            if team and all(sum((_of(sellable, w, product) for w in team), Decimal(0)) >= quantity for product, quantity in asked.items()):
                return _split(asked, sellable, team)
    return _split(asked, sellable, ranked)


def _split(asked: Mapping[int, Decimal], sellable: Sellable, team: Sequence[int]) -> dict[tuple[int, int], Decimal]:
    result: dict[tuple[int, int], Decimal] = {}
    for product, quantity in asked.items():
        whole = next((warehouse for warehouse in team if _of(sellable, warehouse, product) >= quantity), None)
        if whole is not None:
            result[whole, product] = quantity
            continue
        missing = quantity
        for warehouse in team:
            part = min(missing, _of(sellable, warehouse, product))
            if part > 0:
                result[warehouse, product] = part
                missing -= part
        if missing > 0 and team:
            most = max(team, key=lambda warehouse: _of(sellable, warehouse, product))
            result[most, product] = result.get((most, product), Decimal(0)) + missing
    return result


def _of(sellable: Sellable, warehouse: int, product: int) -> Decimal:
    return sellable.get((warehouse, product), Decimal(0))
