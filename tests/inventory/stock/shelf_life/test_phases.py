"""The freshness clock of goods frozen, thawed and opened; where goods may lie."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inventory.stock.shelf_life import Lives, received
from tests.inventory.lives import APPLES, BEEF, HOT_DOGS, NUGGETS, START, day
from warehouse.core.errors import ValidationFailed

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


# --- where goods may lie -----------------------------------------------------------------------------------------------------------------


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
