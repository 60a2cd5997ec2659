"""A warehouse in plain Python: what every operation should do to goods, dates and promises, written from the rules and not from the code.

Nothing here imports the application. Quantities are decimals, times exact; the share of life used is a fraction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import NamedTuple

DAY = timedelta(days=1)
ZERO = Decimal(0)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Kind:
    """A product: its lives by (condition, phase), the days that must be left when it ships, whether it may be frozen."""

    id: int
    lives: dict[tuple[str, str], timedelta]
    keep: timedelta = timedelta(0)
    freezable: bool = False

    def allowed(self, condition: str, phase: str) -> bool:
        return not condition or (condition, "sealed") in self.lives or (condition, phase) in self.lives


@dataclass(frozen=True)
class Spot:
    """A place in a house."""

    id: int
    house: int
    condition: str
    pickable: bool


@dataclass
class Lot:
    """`ends` is the end of the date on the label, `life` the whole life that the label promised at the first receipt."""

    kind: Kind
    number: str
    ends: datetime | None
    label_condition: str
    life: timedelta | None
    received_at: datetime
    parent: str = ""
    made_of: tuple[str, ...] = ()
    status: str = "available"
    held_itself: bool = False

    def lasts(self, condition: str) -> timedelta | None:
        if self.life is not None and condition == self.label_condition:
            return self.life
        return self.kind.lives.get((condition, "sealed"))


@dataclass(frozen=True)
class Clock:
    started: datetime
    condition: str
    used: Fraction
    not_after: datetime | None
    frozen_at: datetime | None = None

    def expires(self, lot: Lot) -> datetime | None:
        life = lot.lasts(self.condition)
        terms = [self.not_after] if self.not_after else []
        if life is not None:
            terms.append(self.started + TICK * round((life // TICK) * max(Fraction(0), 1 - self.used)))
        return min(terms, default=None)

    def charged(self, lot: Lot, now: datetime) -> Clock:
        life = lot.lasts(self.condition)
        used = self.used if life is None else self.used + Fraction((now - self.started) // TICK, life // TICK)
        return replace(self, started=now, used=used)

    def brought(self, lot: Lot, now: datetime, condition: str) -> Clock:
        if not condition or condition == self.condition:
            return self
        return replace(self.charged(lot, now), condition=condition)


def poured(mine: Clock, theirs: Clock, lot: Lot, now: datetime) -> Clock | None:
    """The clock of both together: the one that expires earlier, with the worst of each term; none when the better part would lose more than a day."""
    first, second = mine.charged(lot, now), theirs.charged(lot, now)
    a, b = first.expires(lot), second.expires(lot)
    if (a is None) is not (b is None):
        return None
    both = worst(first if a is None or b is None or a <= b else second, first, second)
    end = both.expires(lot)
    return None if a and b and end and max(a, b) - end > DAY else both


def worst(base: Clock, *clocks: Clock) -> Clock:
    limits = [clock.not_after for clock in clocks if clock.not_after]
    frozen = [clock.frozen_at for clock in clocks if clock.frozen_at]
    used = max(clock.used for clock in clocks)
    return replace(base, used=used, not_after=min(limits, default=None), frozen_at=min(frozen, default=None))


def mixed(parts: list[tuple[Clock, Lot]]) -> tuple[Clock, str, timedelta | None]:
    """The clock of goods of several lots together (charged to now), and the condition and life of the mix's label: no part would expire earlier, anywhere.

    So much of the life is left that each part has at least that, and the label's life is what makes it end with the first in that condition.
    """
    ends = [(end, n) for n, (clock, lot) in enumerate(parts) if (end := clock.expires(lot))]
    n = min(ends)[1] if ends else 0
    condition = parts[n][1].label_condition
    both = worst(parts[n][0], *(clock for clock, _ in parts))
    known = [(lot.lasts(condition), clock) for clock, lot in parts]
    lives = [(life, max(Fraction(0), 1 - clock.used)) for life, clock in known if life]
    if not lives or not any(lot.life for _, lot in parts):
        return both, condition, None
    life = max(life for life, _ in lives)
    if both.used < 1:
        rest = min((life // TICK) * left for life, left in lives)
        life = min(life, TICK * (rest // (1 - both.used)))
    return both, condition, parts[n][1].life if life == parts[n][1].lasts(condition) else life


class Key(NamedTuple):
    product: int
    lot: str
    spot: int
    phase: str


@dataclass
class Goods:
    """What lies in one place of one lot in one phase. `reason` is why its free part is not for sale, as of the last operation or job."""

    lot: Lot
    spot: Spot
    phase: str
    clock: Clock
    received_at: datetime
    serial: int
    filling: int = 0
    quantity: Decimal = ZERO
    reserved: Decimal = ZERO
    reason: str = ""

    @property
    def free(self) -> Decimal:
        return self.quantity - self.reserved

    @property
    def expires_at(self) -> datetime | None:
        return self.clock.expires(self.lot)

    @property
    def product(self) -> int:
        return self.lot.kind.id

    def keeps(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now + self.lot.kind.keep

    def reason_now(self, now: datetime) -> str:
        if self.lot.status != "available":
            return {"recalled": "recalled", "on_hold": "held"}[self.lot.status]
        if not self.spot.pickable:
            return "place"
        return "" if self.keeps(now) else "expired"

    def fit(self, now: datetime) -> bool:
        return self.reason_now(now) == ""


@dataclass
class Promise:
    """What a reservation holds, by goods. `serial` says which of two is newer."""

    serial: int
    held: dict[Key, Decimal]
    limit: datetime | None = None
    started: bool = False
    confirmed: bool = False

    def of(self, product: int) -> Decimal:
        return sum((quantity for key, quantity in self.held.items() if key.product == product), ZERO)


@dataclass
class Shadow:
    """The state, and what may be asked of it."""

    kinds: dict[int, Kind]
    spots: dict[int, Spot]
    lots: dict[tuple[int, str], Lot] = field(default_factory=dict)
    goods: dict[Key, Goods] = field(default_factory=dict)
    promises: dict[tuple[str, int], Promise] = field(default_factory=dict)
    shipped: dict[tuple[str, int, str], Decimal] = field(default_factory=dict)
    sold_from: dict[tuple[str, int, str], set[tuple[Key, int]]] = field(default_factory=dict)
    past: dict[tuple[Key, int], Goods] = field(default_factory=dict)
    serial: count[int] = field(default_factory=lambda: count(1))

    # --- reading ---------------------------------------------------------------------------------------------------------------------------

    def sellable(self, product: int, house: int, now: datetime) -> list[tuple[Key, Goods]]:
        """What is for sale there, in the order of leaving."""
        found = [
            (key, lying)
            for key, lying in self.goods.items()
            if lying.product == product and lying.spot.house == house and lying.free > 0 and lying.fit(now)
        ]
        return sorted(found, key=lambda pair: (pair[1].expires_at is None, pair[1].expires_at or pair[1].received_at, pair[1].received_at))

    def available(self, product: int, house: int, now: datetime) -> Decimal:
        return sum((lying.free for _, lying in self.sellable(product, house, now)), ZERO)

    def first_out(
        self, product: int, house: int, quantity: Decimal, now: datetime, *, but: Iterable[Key] = (), lots: Iterable[str] = ()
    ) -> dict[Key, Decimal]:
        """So much of what is for sale, or as much as there is, by the order of leaving; nothing of the places `but`, nor of these lots."""
        chosen: dict[Key, Decimal] = {}
        left = quantity
        for key, lying in self.sellable(product, house, now):
            if key not in but and key.lot not in lots and left > 0:
                chosen[key] = min(left, lying.free)
                left -= chosen[key]
        return chosen

    def by_date(self, held: dict[Key, Decimal]) -> dict[datetime | None, Decimal]:
        """How much of which date: goods that expire together are equal."""
        result: dict[datetime | None, Decimal] = {}
        for key, quantity in held.items():
            end = self.goods[key].expires_at
            known = next((other for other in result if other and end and abs(other - end) < timedelta(milliseconds=1)), end)
            result[known] = result.get(known, ZERO) + quantity
        return result

    def lying_in(self, *spots: int) -> list[Key]:
        return sorted(key for key, lying in self.goods.items() if lying.spot.id in spots and lying.quantity > 0)

    # --- goods -----------------------------------------------------------------------------------------------------------------------------

    def lot(self, product: int, number: str, ends: datetime | None, spot: Spot, now: datetime) -> Lot:
        """The known lot, or a new one as its first receipt makes it."""
        known = self.lots.get((product, number))
        if known is None:
            kind = self.kinds[product]
            condition = spot.condition or self._usual(kind)
            life = None if ends is None else max(kind.lives.get((condition, "sealed"), timedelta(0)), ends - now)
            known = self.lots[product, number] = Lot(kind, number, ends, condition, life, now)
        return known

    @staticmethod
    def _usual(kind: Kind) -> str:
        sealed = {condition: life for (condition, phase), life in kind.lives.items() if phase == "sealed"}
        fresh = {condition: life for condition, life in sealed.items() if condition != "frozen"} or sealed
        return max(sorted(fresh), key=lambda condition: fresh[condition])

    def new_clock(self, lot: Lot, spot: Spot, now: datetime) -> Clock:
        condition = spot.condition or lot.label_condition
        if lot.ends is None:
            return Clock(now, condition, Fraction(0), None)
        assert lot.life is not None
        left = Fraction((lot.ends - now) // TICK, lot.life // TICK) if lot.life else Fraction(0)
        return Clock(now, condition, 1 - min(max(left, Fraction(0)), Fraction(1)), lot.ends)

    def arrive(self, lot: Lot, spot: Spot, phase: str, clock: Clock, received_at: datetime, quantity: Decimal, now: datetime) -> Key:
        """Goods come to a place: alone they keep their clock, among others of the lot the earlier date holds, or they become a child lot."""
        key = Key(lot.kind.id, lot.number, spot.id, phase)
        lying = self.goods.get(key)
        if lying is None:
            lying = self.goods[key] = Goods(lot, spot, phase, clock, received_at, next(self.serial))
        elif lying.quantity == 0:
            if lying.clock != clock:
                self.past[key, lying.filling] = replace(lying)
                lying.filling += 1
            lying.clock, lying.received_at = clock, received_at
        else:
            merged = poured(lying.clock, clock, lot, now)
            if merged is None:
                return self.arrive(self._child(lot, spot, phase, clock, now), spot, phase, clock, received_at, quantity, now)
            lying.clock, lying.received_at = merged, min(lying.received_at, received_at)
        lying.quantity += quantity
        lying.reason = lying.reason_now(now)
        return key

    def _child(self, parent: Lot, spot: Spot, phase: str, clock: Clock, now: datetime) -> Lot:
        """A child lot that lies, or lay, there and suits; else a new one."""
        there = [
            g for g in self.goods.values() if g.lot.parent == parent.number and g.lot.kind is parent.kind and g.spot is spot and g.phase == phase
        ]
        for lying in sorted(there, key=lambda g: g.serial):
            if lying.quantity == 0 or poured(lying.clock, clock, parent, now) is not None:
                return lying.lot
        return self.new_child(parent)

    def new_child(self, parent: Lot, number: str = "") -> Lot:
        stem = f"{parent.number[:54]}/"
        chosen = number or next(f"{stem}{n}" for n in count(1) if (parent.kind.id, f"{stem}{n}") not in self.lots)
        child = self.lots[parent.kind.id, chosen] = replace(parent, number=chosen, parent=parent.number, made_of=(), held_itself=False)
        return child

    def welcome(self, key: Key, spot: Spot) -> bool:
        """Whether these goods may live in the place: a life is known there, and nothing frozen is warmed unthawed."""
        lying = self.goods[key]
        warmed = lying.clock.frozen_at is not None and lying.phase == "sealed" and spot.condition not in ("", "frozen")
        return lying.lot.kind.allowed(spot.condition, lying.phase) and not warmed

    def may_be_brought(self, key: Key, spot: Spot) -> bool:
        """Whether goods may move to a place: another one, where they may live."""
        return spot.id != key.spot and self.welcome(key, spot)

    def bring(self, key: Key, spot: Spot, quantity: Decimal, now: datetime) -> Key:
        """Move free goods; the clock goes on in the new condition. Returns where they lie."""
        lying = self.goods[key]
        lying.quantity -= quantity
        return self.arrive(lying.lot, spot, lying.phase, lying.clock.brought(lying.lot, now, spot.condition), lying.received_at, quantity, now)

    def change(self, key: Key, how: str, spot: Spot, now: datetime) -> tuple[Clock, str] | None:
        """The clock and the phase after freezing, thawing or opening into a place; none when that is refused."""
        lying = self.goods[key]
        lot, kind, clock = lying.lot, lying.lot.kind, lying.clock
        frozen = lying.phase == "sealed" and clock.condition == "frozen"
        if how == "freeze":
            ends = clock.expires(lot)
            spent = ends is not None and now >= ends
            if lying.phase != "sealed" or not kind.freezable or clock.frozen_at or spent or spot.condition != "frozen" or spot.id == key.spot:
                return None
            return replace(clock.charged(lot, now), condition="frozen", not_after=None, frozen_at=now), "sealed"
        if how == "thaw":
            if not frozen or spot.condition in ("", "frozen") or spot.id == key.spot:
                return None
            phase, moved = "thawed", clock.brought(lot, now, spot.condition)
        else:
            if lying.phase == "opened" or (frozen and spot.condition not in ("", "frozen")):
                return None
            phase, moved = "opened", clock.brought(lot, now, spot.condition)
        life = kind.lives.get((moved.condition, phase))
        if life is None or not kind.allowed(spot.condition, phase):
            return None
        limit = now + life
        return replace(moved, not_after=min(moved.not_after or limit, limit)), phase

    def family(self, product: int, number: str) -> list[Lot]:
        """The lot and everything made of it: child lots and mixes, theirs too."""
        found = {number}
        while True:
            more = {lot.number for lot in self.lots.values() if lot.kind.id == product and (lot.parent in found or found & set(lot.made_of))} - found
            if not more:
                return [self.lots[product, name] for name in sorted(found)]
            found |= more

    def makers(self, lot: Lot) -> list[Lot]:
        """What the lot was made of directly."""
        return [self.lots[lot.kind.id, name] for name in (*lot.made_of, *([lot.parent] if lot.parent else []))]

    def as_sold(self, ref: str, lot: Lot) -> list[Goods]:
        """What the goods of a lot that left under an order were, place by place: other goods of the lot may lie there by now."""
        sold = sorted(self.sold_from[ref, lot.kind.id, lot.number])
        return [self.goods[key] if self.goods[key].filling == filling else self.past[key, filling] for key, filling in sold]

    def leave(self, key: Key, quantity: Decimal) -> None:
        self.goods[key].quantity -= quantity

    # --- promises --------------------------------------------------------------------------------------------------------------------------

    def take(self, held: dict[Key, Decimal]) -> None:
        for key, quantity in held.items():
            self.goods[key].reserved += quantity

    def give_back(self, ref: str, house: int) -> None:
        for key, quantity in self.promises.pop((ref, house)).held.items():
            self.goods[key].reserved -= quantity

    def give_way(self, needs: dict[Key, Decimal]) -> list[tuple[tuple[str, int], Key, Decimal]] | None:
        """Whose promises give so much of these goods free: the newest first, none that is being picked. None when that is not enough."""
        taken = []
        for key, quantity in needs.items():
            for pair, promise in sorted(self.promises.items(), key=lambda each: -each[1].serial):
                part = min(quantity, promise.held.get(key, ZERO))
                if part > 0 and not promise.started:
                    taken.append((pair, key, part))
                    quantity -= part
            if quantity > 0:
                return None
        return taken

    def ship(self, ref: str, key: Key, quantity: Decimal) -> None:
        """Goods leave under an order."""
        self.leave(key, quantity)
        self.sold_from.setdefault((ref, key.product, key.lot), set()).add((key, self.goods[key].filling))
        self.shipped[ref, key.product, key.lot] = self.shipped.get((ref, key.product, key.lot), ZERO) + quantity
