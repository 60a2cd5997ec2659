"""Products whose lives are known, and the clock of fresh goods: what tests of shelf life share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inventory.stock.shelf_life import Clock, Lives, received

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


def fresh(known: Lives, condition: str) -> Clock:
    return received(known, START, condition=condition, expires_at=None, produced_at=None)
