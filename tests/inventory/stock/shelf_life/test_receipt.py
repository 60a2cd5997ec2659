"""The freshness clock of goods that arrive: the label, the day of production, the dock."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from inventory.stock.shelf_life import Lives, label_life, received, usual_condition
from tests.inventory.lives import APPLES, START, day, lives


def test_the_label_is_the_law_whatever_the_place() -> None:
    """A label of 20 days of ambient on goods that would keep 42 chilled: the fridge does not lift the date."""
    known = lives("ambient", label_life(APPLES, START, day(20), "ambient"), ambient=21, chilled=42)
    clock = received(known, START, condition="ambient", expires_at=day(20), produced_at=None)

    assert clock.effective(known) == day(20)
    assert clock.moved(known, day(5), "chilled").effective(known) == day(20)


def test_a_label_longer_than_the_life_is_the_life() -> None:
    """E − t is longer than L: the label promises more, so L₀ = E − t and nothing is used yet."""
    promised = label_life(APPLES, START, day(30), "ambient")
    known = lives("ambient", promised, ambient=21, chilled=42)
    clock = received(known, START, condition="ambient", expires_at=day(30), produced_at=None)

    assert promised == timedelta(days=30)
    assert (clock.fraction, clock.effective(known)) == (0, day(30))


def test_a_label_shorter_than_the_life_says_how_much_is_used() -> None:
    known = lives("ambient", label_life(APPLES, START, day(7), "ambient"), ambient=21, chilled=42)
    clock = received(known, START, condition="ambient", expires_at=day(7), produced_at=None)

    assert (known.label_life, clock.fraction) == (timedelta(days=21), Fraction(2, 3))
    # In a worse place it goes faster than the label says.
    warm = Lives({**known.by_condition, ("cool", "sealed"): timedelta(days=3)}, known.label_condition, known.label_life)
    assert clock.moved(warm, START, "cool").effective(warm) == day(1)


def test_expired_on_arrival_is_used_up() -> None:
    known = lives("ambient", label_life(APPLES, START, day(-1), "ambient"), ambient=21)
    clock = received(known, START, condition="ambient", expires_at=day(-1), produced_at=None)

    assert (clock.fraction, clock.effective(known)) == (1, day(-1))
    assert clock.expired(known, START)


def test_the_day_of_production_counts_where_there_is_no_label() -> None:
    clock = received(APPLES, START, condition="ambient", expires_at=None, produced_at=day(-7))

    assert (clock.fraction, clock.effective(APPLES)) == (Fraction(1, 3), day(14))


def test_production_in_the_future_uses_nothing() -> None:
    assert received(APPLES, START, condition="ambient", expires_at=None, produced_at=day(3)).fraction == 0


def test_a_dock_lets_the_clock_run_as_before() -> None:
    clock = received(APPLES, START, condition="ambient", expires_at=None, produced_at=None)

    assert clock.moved(APPLES, day(3), "") is clock


@pytest.mark.parametrize(
    ("days", "condition"),
    [
        ({("ambient", "sealed"): 21, ("chilled", "sealed"): 42}, "chilled"),
        ({("chilled", "sealed"): 2, ("frozen", "sealed"): 120}, "chilled"),
        ({("frozen", "sealed"): 90, ("chilled", "thawed"): 2}, "frozen"),
        ({}, ""),
    ],
)
def test_a_label_without_a_condition_means_where_the_product_keeps_longest(days: dict[tuple[str, str], int], condition: str) -> None:
    assert usual_condition({key: timedelta(days=number) for key, number in days.items()}) == condition
