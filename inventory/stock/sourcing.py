"""From which warehouses an order comes: the fewest that cover it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from math import comb

# Teams of one size that are tried before a good team is taken for the best: the gates are held meanwhile.
MOST_TEAMS = 2000

Sellable = Mapping[tuple[int, int], Decimal]
"""How much of a product may be promised from a warehouse, by (warehouse, product)."""


def choose(
    asked: Mapping[int, Decimal], sellable: Sellable, warehouses: Sequence[int], preferred: frozenset[int] = frozenset()
) -> dict[tuple[int, int], Decimal]:
    """Split what is asked, by product, over the fewest of the warehouses, which come in order of priority (over few of them, where there are very many).

    Warehouses that the order uses anyway (`preferred`) come first and cost nothing. Where even all together do not cover it, everything that is short is
    asked of the first warehouse that has most of it, so that the shortage names a place. Returns quantities by (warehouse, product).
    """
    ranked = sorted(warehouses, key=lambda warehouse: warehouse not in preferred)
    free = [warehouse for warehouse in ranked if warehouse in preferred]
    if not _covers(ranked, asked, sellable):
        return _split(asked, sellable, ranked)
    others = [w for w in ranked if w not in preferred and any(_of(sellable, w, product) for product in asked)]
    for size in range(len(others) + 1):
        if comb(len(others), size) > MOST_TEAMS:
            break
        for chosen in combinations(others, size):
            team = [*free, *chosen]
            if team and _covers(team, asked, sellable):
                return _split(asked, sellable, team)
    return _split(asked, sellable, _greedy(free, others, asked, sellable))


def _covers(team: Sequence[int], asked: Mapping[int, Decimal], sellable: Sellable) -> bool:
    return all(sum((_of(sellable, warehouse, product) for warehouse in team), Decimal(0)) >= quantity for product, quantity in asked.items())


def _greedy(free: Sequence[int], others: Sequence[int], asked: Mapping[int, Decimal], sellable: Sellable) -> list[int]:
    """A small team where there are too many to try: always the one that adds most of what is still missing, as a share of each product."""
    team, left = list(free), list(others)
    missing = {product: quantity - sum((_of(sellable, w, product) for w in team), Decimal(0)) for product, quantity in asked.items()}
    while any(quantity > 0 for quantity in missing.values()):
        best = max(left, key=lambda w: sum(min(_of(sellable, w, p), quantity) / quantity for p, quantity in missing.items() if quantity > 0))
        left.remove(best)
        team.append(best)
        missing = {product: quantity - _of(sellable, best, product) for product, quantity in missing.items()}
    return team


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
