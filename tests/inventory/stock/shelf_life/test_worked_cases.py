"""The freshness clock: the worked cases of the domain, exactly."""

from __future__ import annotations

import pytest

from inventory.stock.shelf_life import label_life, received
from tests.inventory.lives import APPLES, BEEF, HOT_DOGS, NUGGETS, START, day, lives
from warehouse.core.errors import ValidationFailed


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
