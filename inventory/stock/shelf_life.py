"""The freshness clock: how long goods keep, given where they were. Pure.

Shelf life is additive in time (time-temperature-tolerance; Fu & Labuza, "Shelf-life testing: procedures and prediction methods for frozen foods"):
of a life of L(c) under condition c, a stay of Δt uses the fraction Δt / L(c). The fraction used so far is F.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import overload
from zoneinfo import ZoneInfo

from inventory.enums import Condition, Phase
from warehouse.core.errors import ValidationFailed
from warehouse.core.moments import can_be_meant

MERGE_TOLERANCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lives:
    """How long a product keeps, by (condition, phase); the label of the batch at hand overrides the sealed life of its own condition."""

    by_condition: Mapping[tuple[str, str], timedelta]
    label_condition: str = ""
    label_life: timedelta | None = None
    tracked: bool = True

    def sealed(self, condition: str) -> timedelta | None:
        """L(c): the whole life under this condition, if one is known."""
        if self.label_life is not None and condition == self.label_condition:
            return self.label_life
        return self.by_condition.get((condition, Phase.SEALED))

    def allows(self, condition: str, phase: str) -> bool:
        """Whether the goods may lie in a place of this condition. Places without one (docks, benches, transit) take everything."""
        if not condition or not self.tracked:
            return True
        return (condition, Phase.SEALED) in self.by_condition or (condition, phase) in self.by_condition

    def endures(self, clock: Clock, condition: str, phase: str) -> bool:
        """Whether goods with this clock may lie in such a place for as long as their life there lasts: sealed, never frozen, with a life of their own there.

        What keeps no time at all, and what nothing is known of, endures everything.
        """
        if not self.tracked or condition == clock.condition or self.shortest() is None:
            return True
        return phase == Phase.SEALED and clock.condition != Condition.FROZEN and clock.frozen_at is None and bool(self.sealed(condition))

    def shortest(self) -> timedelta | None:
        """The shortest life known of it, in any condition and phase."""
        known = [*self.by_condition.values(), *([] if self.label_life is None else [self.label_life])]
        return min((life for life in known if life > timedelta(0)), default=None)


@dataclass(frozen=True, slots=True)
class Clock:
    """The state of the clock of a BatchLocation; `fraction` is F at `started_at`."""

    started_at: datetime
    condition: str = ""
    fraction: Fraction = field(default_factory=Fraction)
    not_after: datetime | None = None
    frozen_at: datetime | None = None

    def effective(self, lives: Lives) -> datetime | None:
        """When the goods expire: min(started_at + (1 − F) · L(condition), not_after); a term that is absent is left out."""
        life = lives.sealed(self.condition) if lives.tracked else None
        terms = [] if life is None else [self.started_at + _times(life, max(Fraction(0), 1 - self.fraction))]
        if self.not_after is not None:
            terms.append(self.not_after)
        return min(terms, default=None)

    def charged(self, lives: Lives, at: datetime) -> Clock:
        """The same goods with the stay since `started_at` written into F."""
        life = lives.sealed(self.condition)
        if life is None:
            return replace(self, started_at=at)
        return replace(self, started_at=at, fraction=self.fraction + _share(max(at - self.started_at, timedelta(0)), life))

    def moved(self, lives: Lives, at: datetime, condition: str) -> Clock:
        """In a place of another condition. Where there is none, the clock runs on as before."""
        if not condition or condition == self.condition:
            return self
        return replace(self.charged(lives, at), condition=condition)

    def exposed(self, lives: Lives, since: datetime, at: datetime, condition: str) -> Clock:
        """Goods that lay since `since` where it is like `condition`, while the clock ran on as under its own: charged to `at`, and what the stay used up
        there beyond that on top, so `F += Δt / L(condition)` in all.

        Where it has no life of its own (and once it was frozen) the shortest life known of it stands for one. A stay never makes goods keep longer.
        """
        stay, here = at - since, lives.sealed(self.condition)
        there = lives.sealed(condition) if lives.endures(self, condition, Phase.SEALED) else lives.shortest()
        if stay <= timedelta(0) or not lives.tracked or there is None or condition == self.condition:
            return self
        more = _share(stay, there) - (Fraction(0) if here is None else _share(stay, here))
        charged = self.charged(lives, at)
        return replace(charged, started_at=at, fraction=charged.fraction + max(Fraction(0), more))

    def freshness(self, lives: Lives, at: datetime) -> Fraction | None:
        """The share of life that is left, from 1 (fresh) to 0 (expired); None for goods whose life is not known."""
        if not lives.tracked or lives.sealed(self.condition) is None:
            return None
        return Fraction(0) if self.expired(lives, at) else max(Fraction(0), 1 - self.charged(lives, at).fraction)

    def expired(self, lives: Lives, at: datetime) -> bool:
        """F ≥ 1 or past `not_after`: expired for good."""
        effective = self.effective(lives)
        return effective is not None and at >= effective

    def frozen(self, lives: Lives, at: datetime, *, freezable: bool) -> Clock:
        """Put into the freezer. Only freezing lifts the date on the label.

        Raises ValidationFailed when the product may not be frozen, was frozen before, or has expired.
        """
        if not freezable:
            raise ValidationFailed("This product may not be frozen.")
        if self.frozen_at is not None:
            raise ValidationFailed("These goods were frozen before; freezing them again is not allowed.")
        if self.expired(lives, at):
            raise ValidationFailed("These goods have expired; freezing does not bring them back.")
        return replace(self.charged(lives, at), condition="frozen", not_after=None, frozen_at=at)

    def thawed(self, lives: Lives, at: datetime, condition: str) -> Clock:
        """Taken out of the freezer into `condition`."""
        return self._in_phase(lives, at, condition, Phase.THAWED)

    def opened(self, lives: Lives, at: datetime) -> Clock:
        """Opened where it lies."""
        return self._in_phase(lives, at, self.condition, Phase.OPENED)

    def _in_phase(self, lives: Lives, at: datetime, condition: str, phase: str) -> Clock:
        life = lives.by_condition.get((condition, phase))
        if life is None:
            raise ValidationFailed(f"This product has no {phase} life in {condition or 'this place'}.")
        limit = at + life
        return replace(self.moved(lives, at, condition), not_after=limit if self.not_after is None else min(self.not_after, limit))

    def merged(self, other: Clock, lives: Lives, at: datetime) -> Clock | None:
        """The clock of both poured together: both charged to `at`, and the worse of each term kept.

        That is the one that expires earlier, but with the larger F, the earlier `not_after` and frozen if either was. Where both run in one condition it
        expires exactly with the earlier. Its date alone would not do: of two that expire together, by their label, one may have used far more of its life,
        and another place or the freezer would give that back. So the mixed goods expire with neither part later, wherever they go.

        None when the better part would lose more than a day: then it must stay a lot of its own.
        """
        mine, theirs = self.charged(lives, at), other.charged(lives, at)
        first, second = mine.effective(lives), theirs.effective(lives)
        if (first is None) != (second is None):
            return None
        both = replace(
            theirs if first is not None and second is not None and second < first else mine,
            fraction=max(mine.fraction, theirs.fraction),
            not_after=earliest(mine.not_after, theirs.not_after),
            frozen_at=earliest(mine.frozen_at, theirs.frozen_at),
        )
        end = both.effective(lives)
        if first is not None and second is not None and end is not None and max(first, second) - end > MERGE_TOLERANCE:
            return None
        return both


def poured(parts: Sequence[tuple[Clock, Lives]]) -> tuple[Clock, Lives]:
    """The clock and the lives of goods of several batches of one product poured together, all charged to one moment.

    The mix expires with the first of them, and no later than any of them in any condition, whatever becomes of it: it has the largest F, the earliest
    `not_after`, and under the label's condition the life that leaves it what the first to expire there has left.
    """
    dated = [(end, n) for n, (clock, lives) in enumerate(parts) if (end := clock.effective(lives)) is not None]
    first, lives = parts[min(dated)[1] if dated else 0]
    conditions = {condition for condition, phase in lives.by_condition if phase == Phase.SEALED} - {lives.label_condition}
    fraction = max(_worn(clock, own, lives, conditions) for clock, own in parts)
    clock = replace(
        first,
        fraction=fraction,
        not_after=earliest(*(clock.not_after for clock, _ in parts)),
        frozen_at=earliest(*(clock.frozen_at for clock, _ in parts)),
    )
    life = None if all(own.label_life is None for _, own in parts) else _labelled(parts, lives.label_condition, 1 - fraction)
    return clock, lives if life == lives.sealed(lives.label_condition) else replace(lives, label_life=life)


def _worn(clock: Clock, own: Lives, lives: Lives, conditions: Iterable[str]) -> Fraction:
    """F of a part: more where its label promised less than the product keeps by now, so that under none of these conditions it is given life."""
    shares = [
        _share(mine, whole) for each in conditions if (mine := own.sealed(each)) is not None and (whole := lives.by_condition[each, Phase.SEALED])
    ]
    return max(clock.fraction, 1 - (1 - clock.fraction) * min(shares, default=Fraction(1)))


def _labelled(parts: Iterable[tuple[Clock, Lives]], condition: str, left: Fraction) -> timedelta | None:
    """The whole life under this condition of which `left` is what the first of the parts to expire there has left."""
    wholes = [(whole, max(Fraction(0), 1 - clock.fraction)) for clock, own in parts if (whole := own.sealed(condition)) is not None]
    if not wholes:
        return None
    longest = max(whole for whole, _ in wholes)
    if left <= 0:
        return longest
    return min(longest, timedelta(microseconds=math.floor(min((whole // timedelta(microseconds=1)) * share for whole, share in wholes) / left)))


def _share(part: timedelta, whole: timedelta) -> Fraction:
    return Fraction(part // timedelta(microseconds=1), whole // timedelta(microseconds=1))


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of the moments that there are; a missing one is no limit."""
    return min((moment for moment in moments if moment is not None), default=None)


@overload
def end_of_day(day: date, time_zone: str) -> datetime: ...


@overload
def end_of_day(day: date | None, time_zone: str) -> datetime | None: ...


def end_of_day(day: date | None, time_zone: str) -> datetime | None:
    """When a date printed on a label, if there is one, ends: at the end of that day in the warehouse's time zone.

    Raises ValidationFailed for the far ends of the calendar, which people write for `never`.
    """
    if day is None:
        return None
    if not can_be_meant(day):
        raise ValidationFailed(f"{day} is no date on a label. Leave it empty for goods that do not expire.", date=str(day))
    return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(time_zone)).astimezone(ZoneInfo("UTC"))


def usual_condition(lives: Mapping[tuple[str, str], timedelta]) -> str:
    """What a label without a condition means, for goods received where there is none either: the condition in which the product keeps longest.

    The freezer only where there is no other: the label of fresh goods does not speak of it.
    """
    sealed = {condition: life for (condition, phase), life in lives.items() if phase == Phase.SEALED}
    usual = {condition: life for condition, life in sealed.items() if condition != Condition.FROZEN} or sealed
    return max(sorted(usual), key=usual.__getitem__, default="")


def label_life(lives: Lives, at: datetime, expires_at: datetime | None, label_condition: str) -> timedelta | None:
    """L₀ = max(L(label_condition), E − t), fixed at the first receipt; None without a date on the label."""
    if expires_at is None:
        return None
    return max(lives.by_condition.get((label_condition, Phase.SEALED), timedelta(0)), expires_at - at)


def received(lives: Lives, at: datetime, *, condition: str, expires_at: datetime | None, produced_at: datetime | None) -> Clock:
    """The clock of goods received at `at`: from the label's date, else from the day of production, else fresh.

    `lives` already carries the batch's label; `condition` is that of the place (the label's where the place has none).
    """
    running = condition or lives.label_condition
    if expires_at is not None:
        whole = lives.label_life or timedelta(0)
        left = Fraction((expires_at - at) // timedelta(microseconds=1), whole // timedelta(microseconds=1)) if whole else Fraction(0)
        return Clock(started_at=at, condition=running, fraction=1 - min(max(left, Fraction(0)), Fraction(1)), not_after=expires_at)
    life = lives.sealed(lives.label_condition or running)
    if produced_at is not None and life is not None:
        used = Fraction(max(at - produced_at, timedelta(0)) // timedelta(microseconds=1), life // timedelta(microseconds=1))
        return Clock(started_at=at, condition=running, fraction=min(used, Fraction(1)))
    return Clock(started_at=at, condition=running)


def as_decimal(fraction: Fraction) -> Decimal:
    """F as the database keeps it, to 18 places."""
    return Decimal(fraction.numerator * 10**18 // fraction.denominator).scaleb(-18)


def _times(life: timedelta, share: Fraction) -> timedelta:
    return timedelta(microseconds=round((life // timedelta(microseconds=1)) * share))
