"""The freshness clock: the worked cases of the domain, exactly, and what never changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.shelf_life import Clock, Lives, as_decimal, end_of_day, label_life, poured, received, usual_condition
from warehouse.core.errors import ValidationFailed

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def lives(label_condition: str = "", label: timedelta | None = None, **days: float) -> Lives:
    """`chilled=14` is sealed, `chilled_opened=7` a phase."""
    known = {}
    for name, value in days.items():
        condition, _, phase = name.partition("_")
        known[condition, phase or "sealed"] = timedelta(days=value)
    return Lives(known, label_condition, label)


BEEF = lives(chilled=2, frozen=120, chilled_thawed=1)
APPLES = lives(ambient=21, chilled=42)
HOT_DOGS = lives(chilled=14, chilled_opened=7)
NUGGETS = lives(frozen=90, chilled_thawed=2)


# --- the worked cases --------------------------------------------------------------------------------------------------------------------


def test_ground_beef_chilled_one_day_then_frozen_keeps_until_day_61() -> None:
    clock = received(BEEF, START, condition="chilled", expires_at=None, produced_at=None)

    frozen = clock.frozen(BEEF, day(1), freezable=True)

    assert clock.effective(BEEF) == day(2)
    assert frozen.effective(BEEF) == day(61)


def test_ground_beef_thawed_on_day_31_keeps_until_31_and_a_half() -> None:
    clock = received(BEEF, START, condition="chilled", expires_at=None, produced_at=None).frozen(BEEF, day(1), freezable=True)

    assert clock.thawed(BEEF, day(31), "chilled").effective(BEEF) == day(31.5)


def test_ground_beef_with_a_label_date_is_the_same_for_freezing_lifts_it() -> None:
    beef = lives("chilled", label_life(BEEF, START, day(2), "chilled"), chilled=2, frozen=120, chilled_thawed=1)
    clock = received(beef, START, condition="chilled", expires_at=day(2), produced_at=None)

    frozen = clock.frozen(beef, day(1), freezable=True)

    assert (frozen.not_after, frozen.frozen_at) == (None, day(1))
    assert frozen.effective(beef) == day(61)
    assert frozen.thawed(beef, day(31), "chilled").effective(beef) == day(31.5)


def test_apples_without_a_label_ambient_seven_days_then_chilled_keep_until_day_35() -> None:
    clock = received(APPLES, START, condition="ambient", expires_at=None, produced_at=None)

    assert clock.effective(APPLES) == day(21)
    assert clock.moved(APPLES, day(7), "chilled").effective(APPLES) == day(35)


@pytest.mark.parametrize(("opened_on", "expires_on"), [(10, 14), (3, 10)])
def test_hot_dogs_opened(opened_on: int, expires_on: int) -> None:
    clock = received(HOT_DOGS, START, condition="chilled", expires_at=None, produced_at=None)

    assert clock.opened(HOT_DOGS, day(opened_on)).effective(HOT_DOGS) == day(expires_on)


def test_nuggets_thawed_on_day_45_keep_until_day_47() -> None:
    clock = received(NUGGETS, START, condition="frozen", expires_at=None, produced_at=None)

    assert clock.thawed(NUGGETS, day(45), "chilled").effective(NUGGETS) == day(47)


def test_eggs_in_shell_are_not_frozen() -> None:
    eggs = lives(chilled=28)
    clock = received(eggs, START, condition="chilled", expires_at=None, produced_at=None)

    with pytest.raises(ValidationFailed, match="may not be frozen"):
        clock.frozen(eggs, day(1), freezable=False)


# --- freezing, thawing, opening ----------------------------------------------------------------------------------------------------------


def test_freezing_twice_is_refused() -> None:
    clock = received(BEEF, START, condition="chilled", expires_at=None, produced_at=None).frozen(BEEF, day(1), freezable=True)

    with pytest.raises(ValidationFailed, match="frozen before"):
        clock.thawed(BEEF, day(2), "chilled").frozen(BEEF, day(2), freezable=True)


def test_freezing_brings_nothing_back() -> None:
    clock = received(BEEF, START, condition="chilled", expires_at=None, produced_at=None)

    assert not clock.expired(BEEF, day(2) - timedelta(microseconds=1))
    assert clock.expired(BEEF, day(2))
    with pytest.raises(ValidationFailed, match="have expired"):
        clock.frozen(BEEF, day(2), freezable=True)


def test_a_phase_without_a_life_is_refused() -> None:
    clock = received(APPLES, START, condition="ambient", expires_at=None, produced_at=None)

    with pytest.raises(ValidationFailed, match="no opened life in ambient"):
        clock.opened(APPLES, day(1))


def test_thawing_never_makes_it_later_than_it_was() -> None:
    clock = received(NUGGETS, START, condition="frozen", expires_at=day(46), produced_at=None)

    assert clock.thawed(NUGGETS, day(45), "chilled").effective(NUGGETS) == day(46)


# --- receipt -----------------------------------------------------------------------------------------------------------------------------


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


# --- out of the cold on a bench ----------------------------------------------------------------------------------------------------------

MILK = lives(chilled=7, ambient=1)
HOUR = 1 / 24


def fresh(known: Lives, condition: str) -> Clock:
    return received(known, START, condition=condition, expires_at=None, produced_at=None)


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


def test_goods_that_do_not_expire() -> None:
    lamp = Lives({}, tracked=False)
    clock = received(lamp, START, condition="ambient", expires_at=None, produced_at=None)

    assert clock.effective(lamp) is None
    assert not clock.expired(lamp, day(10_000))
    assert lamp.allows("frozen", "sealed")


def test_where_it_may_lie() -> None:
    assert HOT_DOGS.allows("chilled", "opened")
    assert not HOT_DOGS.allows("ambient", "sealed")
    assert NUGGETS.allows("chilled", "thawed")
    assert not NUGGETS.allows("chilled", "sealed")
    assert NUGGETS.allows("", "sealed")


# --- merging -----------------------------------------------------------------------------------------------------------------------------


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


# --- the label's date --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "ends"),
    [
        ("Pacific/Honolulu", datetime(2026, 2, 1, 10, tzinfo=UTC)),  # UTC−10
        ("UTC", datetime(2026, 2, 1, 0, tzinfo=UTC)),
        ("Europe/Belgrade", datetime(2026, 1, 31, 23, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 1, 31, 10, tzinfo=UTC)),  # UTC+14
    ],
)
def test_a_date_ends_with_the_day_of_the_warehouse(zone: str, ends: datetime) -> None:
    assert end_of_day(date(2026, 1, 31), zone) == ends


@pytest.mark.parametrize(
    ("on", "ends", "hours"),
    [
        (date(2026, 3, 28), datetime(2026, 3, 28, 23, tzinfo=UTC), 24),
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC), 23),  # the clocks go forward
        (date(2026, 10, 24), datetime(2026, 10, 24, 22, tzinfo=UTC), 24),
        (date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC), 25),  # and back
    ],
)
def test_a_day_on_which_the_clocks_change(on: date, ends: datetime, hours: int) -> None:
    assert end_of_day(on, "Europe/Warsaw") == ends
    assert ends - end_of_day(on - timedelta(days=1), "Europe/Warsaw") == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "ends"), [("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)), ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC))]
)
def test_a_midnight_that_does_not_exist(zone: str, ends: datetime) -> None:
    """Where the clocks go forward at midnight, the day ends when they do."""
    on = date(2026, 9, 5) if zone == "America/Santiago" else date(2026, 4, 23)

    assert end_of_day(on, zone) == ends


@pytest.mark.parametrize("never", [date.max, date(9999, 1, 1), date.min])
def test_the_ends_of_the_calendar_are_no_dates_on_a_label(never: date) -> None:
    with pytest.raises(ValidationFailed, match="Leave it empty"):
        end_of_day(never, "UTC")


# --- what never changes ------------------------------------------------------------------------------------------------------------------

LIFE = {"ambient": 21, "cool": 30, "chilled": 42, "frozen": 365}
STAYS = st.lists(st.tuples(st.sampled_from(sorted(LIFE)), st.integers(0, 10 * 24 * 60)), min_size=1, max_size=8)


def after(stays: list[tuple[str, int]]) -> Clock:
    known = lives(**LIFE)
    now = START
    clock = received(known, now, condition=stays[0][0], expires_at=None, produced_at=None)
    for condition, minutes in stays:
        clock = clock.moved(known, now, condition)
        now += timedelta(minutes=minutes)
    return clock.charged(known, now)


@given(STAYS, st.randoms(use_true_random=False))
def test_the_order_of_the_stays_never_changes_the_fraction(stays: list[tuple[str, int]], random: object) -> None:
    shuffled = stays.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert after(stays).fraction == after(shuffled).fraction
    assert after(stays).fraction == sum(Fraction(minutes, LIFE[condition] * 24 * 60) for condition, minutes in stays)


@given(st.sampled_from(sorted(LIFE)), st.integers(0, 50 * 86400), st.integers(0, 50 * 86400))
def test_charging_in_two_steps_is_charging_once(condition: str, first: int, second: int) -> None:
    known = lives(**LIFE)
    clock = received(known, START, condition=condition, expires_at=None, produced_at=None)
    middle, end = START + timedelta(seconds=first), START + timedelta(seconds=first + second)

    assert clock.charged(known, middle).charged(known, end) == clock.charged(known, end)


@given(st.sampled_from(sorted(LIFE)), st.integers(0, 20 * 86400), st.integers(1, 100 * 86400))
def test_moving_never_lifts_the_label(condition: str, moved_after: int, label_after: int) -> None:
    expires = START + timedelta(seconds=label_after)
    bare = lives(**LIFE)
    known = Lives(bare.by_condition, "ambient", label_life(bare, START, expires, "ambient"))
    clock = received(known, START, condition="ambient", expires_at=expires, produced_at=None)

    moved = clock.moved(known, START + timedelta(seconds=moved_after), condition)

    assert moved.effective(known) <= expires


@given(st.fractions(0, 3))
def test_kept_to_eighteen_places_and_never_more(fraction: Fraction) -> None:
    kept = as_decimal(fraction)

    assert 0 <= fraction - Fraction(kept) < Fraction(1, 10**18)
    assert -kept.as_tuple().exponent == 18 or kept == Decimal(0)


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
