"""The freshness clock of goods merged and mixed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.shelf_life import Clock, Lives, poured, received
from tests.inventory.lives import APPLES, START, day


def test_merging_keeps_the_earlier_date_charged_to_now() -> None:
    old = received(APPLES, START, condition="ambient", expires_at=None, produced_at=None)
    new = received(APPLES, day(0.5), condition="ambient", expires_at=None, produced_at=None)

    merged = new.merged(old, APPLES, day(2))

    assert merged == old.charged(APPLES, day(2))
    assert merged is not None
    assert merged.effective(APPLES) == day(21)


def test_merging_is_refused_when_the_better_part_would_lose_more_than_a_day() -> None:
    old = received(APPLES, START, condition="ambient", expires_at=None, produced_at=None)
    exactly = received(APPLES, day(1), condition="ambient", expires_at=None, produced_at=None)
    later = received(APPLES, day(1) + timedelta(microseconds=1), condition="ambient", expires_at=None, produced_at=None)

    assert old.merged(exactly, APPLES, day(2)) is not None
    assert old.merged(later, APPLES, day(2)) is None
    assert later.merged(old, APPLES, day(2)) is None


def test_merging_what_expires_with_what_does_not_is_refused() -> None:
    never, once = Clock(START, "ambient"), Clock(START, "ambient", not_after=day(3))

    assert never.merged(once, Lives({}), START) is None
    assert never.merged(Clock(START, "ambient"), Lives({}), day(1)) == Clock(day(1), "ambient")


def test_merging_keeps_the_worse_of_each_term_whatever_the_date() -> None:
    """Both expire with the label today, but one has used most of its life: frozen together, neither gets back what the other has left."""
    beef = Lives({("chilled", "sealed"): timedelta(days=20), ("frozen", "sealed"): timedelta(days=120)})
    tired = Clock(START, "chilled", Fraction(4, 5), not_after=day(4))
    fresh = Clock(START, "chilled", Fraction(1, 5), not_after=day(4), frozen_at=day(-1))
    for merged in (tired.merged(fresh, beef, START), fresh.merged(tired, beef, START)):
        assert merged == Clock(START, "chilled", Fraction(4, 5), day(4), day(-1))
    assert Clock(START, "chilled").merged(Clock(START, "chilled", not_after=day(19.5)), beef, START) == Clock(START, "chilled", not_after=day(19.5))


CONDITIONS = ["ambient", "cool", "chilled", "frozen"]
CLOCKS = st.builds(
    Clock,
    started_at=st.integers(-5 * 24, 0).map(lambda hours: START + timedelta(hours=hours)),
    condition=st.sampled_from(CONDITIONS),
    fraction=st.fractions(0, 1, max_denominator=1000),
    not_after=st.none() | st.integers(1, 60 * 24).map(lambda hours: START + timedelta(hours=hours)),
    frozen_at=st.none(),
)
DAYS = st.integers(1, 400).map(lambda days: timedelta(days=days))
WHOLES = st.dictionaries(st.sampled_from([(condition, "sealed") for condition in CONDITIONS]), DAYS, min_size=1)


def ends(clock: Clock, lives: Lives, at: datetime, condition: str) -> datetime:
    """When it expires if it is brought into the condition at a moment."""
    end = clock.moved(lives, at, condition).effective(lives)
    return datetime.max.replace(tzinfo=UTC) if end is None else end


@given(CLOCKS, CLOCKS, WHOLES, st.sampled_from(CONDITIONS), st.integers(0, 30 * 24))
def test_merged_goods_never_expire_later_than_either_part(one: Clock, other: Clock, wholes: Any, condition: str, later: int) -> None:
    known, at = Lives(wholes), START + timedelta(hours=later)
    other = replace(other, condition=one.condition)
    merged = one.merged(other, known, START)
    assert (merged is None) == (other.merged(one, known, START) is None)
    if merged is not None:
        parts = [clock.charged(known, START) for clock in (one, other)]
        assert ends(merged, known, START, one.condition) == min(ends(part, known, START, one.condition) for part in parts)
        assert ends(merged, known, at, condition) <= min(ends(part, known, at, condition) for part in parts) or merged.expired(known, at)


@given(st.lists(CLOCKS, min_size=2, max_size=4), WHOLES, st.integers(0, 40 * 24), st.data())
def test_a_mix_expires_with_the_first_and_never_later_than_any_part(clocks: list[Clock], wholes: Any, later: int, data: Any) -> None:
    """Whatever the labels promised, now and after more days, in every condition where the product may lie."""
    conditions = sorted(condition for condition, _ in wholes)
    parts = []
    for clock in clocks:
        labelled, days = data.draw(st.sampled_from(conditions)), data.draw(st.none() | DAYS)
        known = Lives(wholes, labelled, days and max(days, wholes[labelled, "sealed"]))
        parts.append((clock.charged(known, START), known))
    mix, of_mix = poured(parts)

    dated = [end for clock, known in parts if (end := clock.effective(known)) is not None]
    end = mix.effective(of_mix)
    assert (end is None) == (not dated)
    assert not dated or (end is not None and end <= min(dated))
    at, condition = START + timedelta(hours=later), data.draw(st.sampled_from(conditions))
    for clock, known in parts:
        assert ends(mix, of_mix, START, condition) <= ends(clock, known, START, condition)
        if clock.condition == mix.condition:
            assert ends(mix, of_mix, at, condition) <= ends(clock, known, at, condition) or mix.expired(of_mix, at)


def test_a_mix_does_not_lose_what_no_part_lacks() -> None:
    """One has four days by its label, the other five days and far less of its life: the mix keeps for four days, and elsewhere as short as the other."""
    ham = {("chilled", "sealed"): timedelta(days=14), ("ambient", "sealed"): timedelta(days=2)}
    fresh = Lives(ham, "chilled", timedelta(days=14)), Clock(START, "chilled", Fraction(10, 14), day(4))
    tired = Lives(ham, "chilled", timedelta(days=40)), Clock(START, "chilled", Fraction(35, 40), day(5))

    mix, of_mix = poured([(clock, known) for known, clock in (fresh, tired)])

    assert (mix.effective(of_mix), of_mix.label_life) == (day(4), timedelta(days=32))
    assert ends(mix, of_mix, START, "ambient") == day(0.25) == ends(tired[1], tired[0], START, "ambient")


def test_a_label_that_promised_less_than_the_product_keeps_by_now() -> None:
    known = {("chilled", "sealed"): timedelta(days=40), ("ambient", "sealed"): timedelta(days=20)}
    lots = [Lives(known, "ambient", timedelta(days=5)), Lives(known, "chilled", timedelta(days=10))]

    mix, of_mix = poured([(Clock(START, "ambient", Fraction(1, 5)), each) for each in lots])

    for condition in ("ambient", "chilled"):
        assert ends(mix, of_mix, START, condition) <= min(ends(Clock(START, "ambient", Fraction(1, 5)), each, START, condition) for each in lots)
