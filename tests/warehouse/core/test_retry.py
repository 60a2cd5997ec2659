"""How long to wait: bounds of the jitter."""

from __future__ import annotations

import random

import pytest

from warehouse.core.retry import full_jitter


def lowest(low: float, high: float) -> float:
    return low


def highest(low: float, high: float) -> float:
    return high


@pytest.mark.parametrize(("attempt", "upper"), [(0, 60), (1, 120), (2, 240), (5, 1920), (6, 3600), (7, 3600), (1000, 3600), (10**9, 3600)])
def test_the_jitter_reaches_from_zero_to_the_doubled_base_or_the_cap(attempt: int, upper: float):
    assert full_jitter(attempt, base=60, cap=3600, uniform=lowest) == 0
    assert full_jitter(attempt, base=60, cap=3600, uniform=highest) == upper


def test_the_jitter_stays_in_its_bounds_and_fills_them():
    uniform = random.Random(7).uniform
    for attempt in range(12):
        upper = min(3600, 60 * 2**attempt)
        drawn = [full_jitter(attempt, base=60, cap=3600, uniform=uniform) for _ in range(400)]
        assert 0 <= min(drawn) < upper * 0.05
        assert upper * 0.95 < max(drawn) <= upper


def test_a_negative_attempt_is_a_mistake():
    with pytest.raises(ValueError, match="counted from 0"):
        full_jitter(-1, base=60, cap=3600)


@pytest.mark.parametrize(
    ("attempt", "bounds"),
    [(0, (0.0, 0.5)), (1, (0.0, 1.0)), (3, (0.0, 4.0)), (6, (0.0, 30.0)), (10_000, (0.0, 30.0))],
)
def test_full_jitter_grows_to_its_cap(attempt: int, bounds: tuple[float, float]) -> None:
    asked: list[tuple[float, float]] = []

    def middle(low: float, high: float) -> float:
        asked.append((low, high))
        return (low + high) / 2

    assert full_jitter(attempt, base=0.5, cap=30.0, uniform=middle) == bounds[1] / 2
    assert asked == [bounds]
