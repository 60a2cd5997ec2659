"""The freshness clock of goods out of the cold on a bench."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.shelf_life import Clock, Lives, received
from tests.inventory.lives import APPLES, BEEF, NUGGETS, START, day, fresh, lives

MILK = lives(chilled=7, ambient=1)
HOUR = 1 / 24


def test_two_hours_of_milk_in_the_warmth_cost_fourteen_of_the_cold() -> None:
    back = fresh(MILK, "chilled").exposed(MILK, day(1), day(1 + 2 * HOUR), "ambient")

    # F = 1/7 until it was picked, 2 h of the one day that it lives in the warmth after that: 2/24.
    assert back == Clock(day(1 + 2 * HOUR), "chilled", Fraction(1, 7) + Fraction(2, 24))
    assert back.effective(MILK) == day(7 - 12 * HOUR)


def test_apples_lose_half_of_what_they_lay_out() -> None:
    back = fresh(APPLES, "chilled").exposed(APPLES, day(10), day(12), "ambient")

    assert back.effective(APPLES) == day(40)


def test_a_bench_that_is_colder_gives_nothing_back() -> None:
    assert fresh(APPLES, "ambient").exposed(APPLES, day(10), day(12), "chilled").effective(APPLES) == day(21)


def test_what_has_no_life_there_is_charged_by_its_shortest_one() -> None:
    beef, nuggets = fresh(BEEF, "chilled"), fresh(NUGGETS, "frozen")

    # Ground beef thawed keeps one day, chilled two: half an hour counts double.
    assert beef.exposed(BEEF, day(1), day(1 + HOUR / 2), "ambient").fraction == Fraction(1, 2) + Fraction(1, 48)
    assert nuggets.exposed(NUGGETS, day(45), day(45 + HOUR), "ambient").effective(NUGGETS) == day(90 - (90 / 48 - HOUR))


def test_the_warmth_never_lifts_the_label_and_may_come_before_it() -> None:
    milk = lives("chilled", timedelta(days=7), chilled=7, ambient=1)
    labelled = received(milk, START, condition="chilled", expires_at=day(7), produced_at=None)

    back = labelled.exposed(milk, day(6), day(6 + 12 * HOUR), "ambient")

    assert (back.not_after, back.effective(milk)) == (day(7), day(6 + 12 * HOUR))
    assert back.expired(milk, day(6 + 12 * HOUR))


def test_nothing_is_charged_for_no_time_for_the_same_condition_and_for_what_does_not_expire() -> None:
    clock = fresh(MILK, "chilled")

    assert clock.exposed(MILK, day(2), day(2), "ambient") is clock
    assert clock.exposed(MILK, day(2), day(1), "ambient") is clock
    assert clock.exposed(MILK, day(1), day(2), "chilled") is clock
    for unknown in (lives(), Lives(MILK.by_condition, tracked=False)):
        assert clock.exposed(unknown, day(1), day(2), "ambient") is clock


@pytest.mark.parametrize(
    ("known", "condition", "bench", "phase", "endures"),
    [
        (MILK, "chilled", "ambient", "sealed", True),  # it has a life there
        (BEEF, "chilled", "ambient", "sealed", False),  # it has none
        (BEEF, "chilled", "chilled", "sealed", True),  # the bench is as cold
        (lives(frozen=90, ambient=2), "frozen", "ambient", "sealed", False),  # frozen goods do not thaw on benches
        (MILK, "chilled", "ambient", "opened", False),
        (lives(), "", "ambient", "sealed", True),  # nothing is known of it
    ],
)
def test_what_may_stay_out_for_long(known: Lives, condition: str, bench: str, phase: str, endures: bool) -> None:
    assert known.endures(Clock(START, condition), bench, phase) is endures


@given(st.sampled_from(["ambient", "cool", "chilled"]), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_being_out_never_makes_goods_keep_longer_and_adds_up(bench: str, first: int, second: int, before: int) -> None:
    known = lives(ambient=3, cool=9, chilled=14)
    picked = START + timedelta(minutes=before)
    middle, end = picked + timedelta(minutes=first), picked + timedelta(minutes=first + second)
    clock = fresh(known, "cool")

    once = clock.exposed(known, picked, end, bench).charged(known, end)
    twice = clock.exposed(known, picked, middle, bench).exposed(known, middle, end, bench).charged(known, end)

    assert once == twice
    assert once.fraction >= clock.charged(known, end).fraction
