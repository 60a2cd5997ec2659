"""What returned goods are worth: the clock they bring, the place they may go to, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from inventory.enums import Condition, LocationKind, Phase, ReturnCondition, ReturnDecision
from inventory.errors import PlaceNotAllowed, ShortDated
from inventory.models import Batch, BatchLocation, Location, PastClock, Return, ReturnItem
from inventory.queries.locations import default_location, places_at
from inventory.queries.returns import places_sold_from
from inventory.stock.fefo import too_short
from inventory.stock.place import Arrival, clock_of, lives_of, require_allowed
from inventory.stock.shelf_life import Clock, Lives, earliest
from warehouse.core.errors import ValidationFailed

NEVER = datetime.max.replace(tzinfo=UTC)
_Held = BatchLocation | PastClock


@dataclass(frozen=True, slots=True)
class GoodsBack:
    """A line of a return as goods: what they are, where they go, with which clock."""

    item: ReturnItem
    arrival: Arrival
    expires_at: datetime | None

    @property
    def batch(self) -> Batch:
        return self.arrival.batch

    @property
    def for_sale(self) -> bool:
        return self.item.decision != ReturnDecision.WRITE_OFF


def goods_of(document: Return, items: Sequence[ReturnItem], now: datetime) -> tuple[list[GoodsBack], dict[int, Lives]]:
    """The lines (inspected, with their `location` at hand) as goods, and how long their batches keep, by the batch's id.

    The clock is the one they were sold with, as if they had stayed in that place until now (the earliest to expire where they left from several), and
    never a better one; what the inspector says of the freshness can only make it worse. Opened goods are in the phase `opened` from now on. What is to
    be written off goes to quarantine. Raises what `_refuse` refuses. The number of statements does not grow with the lines.
    """
    rows = places_sold_from(document.order_ref, {item.batch_id for item in items})
    lives = lives_of({row.batch_id: row.batch for row, _ in rows}.values())
    sold = _earliest(rows, lives)
    places = _places(document, items)
    goods = []
    for item in items:
        (row, held), limits = sold[item.batch_id], lives[item.batch_id]
        clock, phase = _clock(item, row, clock_of(held), limits, places[item.pk], now)
        goods.append(GoodsBack(item, Arrival(row.batch, places[item.pk], phase, clock, held.received_at), clock.effective(limits)))
    _refuse(goods, lives, now)
    return goods, lives


def _earliest(rows: Iterable[tuple[BatchLocation, _Held]], lives: Mapping[int, Lives]) -> dict[int, tuple[BatchLocation, _Held]]:
    """The place of each batch that expires first, and what keeps its clock."""
    best: dict[int, tuple[datetime, BatchLocation, _Held]] = {}
    for row, held in rows:
        expires_at = clock_of(held).effective(lives[row.batch_id]) or NEVER
        if row.batch_id not in best or expires_at < best[row.batch_id][0]:
            best[row.batch_id] = (expires_at, row, held)
    return {batch: (row, held) for batch, (_, row, held) in best.items()}


def _places(document: Return, items: Iterable[ReturnItem]) -> dict[int, Location]:
    """Where each line goes, by its id. Raises PlaceNotAllowed for a place that is no active one of the warehouse."""
    wanted = {item.pk: item.location_id or document.location_id if item.decision != ReturnDecision.WRITE_OFF else None for item in items}
    if None in wanted.values():
        quarantine = default_location(document.warehouse_id, LocationKind.QUARANTINE)
        wanted = {pk: place or quarantine for pk, place in wanted.items()}
    names = {pk: f"items[{pk}].location" for pk in wanted}
    found = places_at(document.warehouse_id, {names[pk]: place for pk, place in wanted.items() if place is not None})
    return {pk: found[name] for pk, name in names.items()}


def _clock(item: ReturnItem, row: BatchLocation, own: Clock, lives: Lives, place: Location, now: datetime) -> tuple[Clock, str]:
    clock, phase = own.charged(lives, now), row.phase
    if item.decision == ReturnDecision.WRITE_OFF:
        return clock.moved(lives, now, place.condition), phase
    share = None if item.freshness_remaining is None else Fraction(item.freshness_remaining)
    if share is not None:
        clock = replace(clock, fraction=max(clock.fraction, 1 - share))
    clock = clock.moved(lives, now, place.condition)
    if item.condition == ReturnCondition.OPENED and phase != Phase.OPENED:
        if lives.tracked and (clock.condition, str(Phase.OPENED)) not in lives.by_condition:
            raise ValidationFailed(
                f"{row.batch.product.sku} has no opened life in {clock.condition or place}: opened goods of it can only be written off.",
                errors=[{"line": item.pk, "field": "decision", "sku": row.batch.product.sku}],
            )
        clock, phase = clock.opened(lives, now) if lives.tracked else clock, Phase.OPENED
    return clock if share is None else _as_judged(clock, phase, share, lives, now), phase


def _as_judged(clock: Clock, phase: str, share: Fraction, lives: Lives, now: datetime) -> Clock:
    """What the inspector's share of life means where F does not count: thawed or opened goods, with no sealed life in that condition, have that share of
    the life of their phase left. Of goods whose life there is not known it can only be said that nothing is left.
    """
    life = lives.by_condition.get((clock.condition, phase))
    if not lives.tracked or lives.sealed(clock.condition) is not None or (life is None and share):
        return clock
    left = timedelta(0) if life is None else life * share.numerator / share.denominator
    return replace(clock, not_after=earliest(clock.not_after, now + left))


def _refuse(goods: Iterable[GoodsBack], lives: Mapping[int, Lives], now: datetime) -> None:
    """Of what is to be sold again: frozen goods that would leave the cold, places where the product may not live, and what has expired or is too short
    dated to be sold, each naming every line.
    """
    back = [one for one in goods if one.for_sale]
    thawing = [
        one
        for one in back
        if one.arrival.clock.frozen_at and one.arrival.phase == Phase.SEALED and one.arrival.location.condition not in ("", Condition.FROZEN)
    ]
    if thawing:
        raise PlaceNotAllowed(
            "; ".join(
                f"{one.batch.product.sku} left frozen: it goes back to the freezer, not to {one.arrival.location}, or is written off"
                for one in thawing
            )
            + ".",
            errors=[{"line": one.item.pk, "sku": one.batch.product.sku, "location": one.arrival.location.code} for one in thawing],
        )
    require_allowed(
        (
            one.batch.product.sku,
            one.arrival.location,
            one.arrival.phase,
            lives[one.batch.pk].allows(one.arrival.location.condition, one.arrival.phase),
        )
        for one in back
    )
    short: list[dict[str, Any]] = [
        {"line": one.item.pk, "sku": one.batch.product.sku, "lot": one.batch.lot_number, "expires_at": one.expires_at.isoformat()}
        for one in back
        if one.expires_at is not None and too_short(one.expires_at, now, one.batch.product.min_remaining_days)
    ]
    if short:
        text = "; ".join(f"{s['sku']} lot {s['lot']} expires {s['expires_at'][:16]}" for s in short)
        raise ShortDated(f"{text}: expired or too short dated, it can't be sold again. Write it off.", errors=short)
