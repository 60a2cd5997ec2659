"""The freshness clock: what never changes, whatever the goods go through."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.shelf_life import Clock, Lives, as_decimal, label_life, received
from tests.inventory.lives import START, lives

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
