"""What returned goods are worth: the clock they bring, the place they may go to, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from inventory.enums import Condition, LocationKind, Phase, ReturnCondition, ReturnDecision
from inventory.errors import PlaceNotAllowed, ShortDated
from inventory.models import Batch, BatchLocation, Location, Return, ReturnItem
from inventory.queries.locations import default_location
from inventory.queries.returns import places_sold_from
from inventory.stock.place import Arrival, clock_of, lives_of, require_allowed
from inventory.stock.shelf_life import Clock, Lives, end_of_day, received
from warehouse.core.errors import ValidationFailed

NEVER = datetime.max.replace(tzinfo=UTC)


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

    The clock is that of the place they were sold from, as if they had stayed there until now (the earliest to expire where they left from several), and
    never a better one; what the inspector says of the freshness can only make it worse. Opened goods are in the phase `opened` from now on. What is to
    be written off goes to quarantine. Raises what `_refuse` refuses. The number of statements does not grow with the lines.
    """
    rows = places_sold_from(document.order_ref, {item.batch_id for item in items})
    lives = lives_of({row.batch_id: row.batch for row, _ in rows}.values())
    sold = _earliest(rows, lives)
    places = _places(document, items)
    goods = []
    for item in items:
        (row, own), limits = sold[item.batch_id], lives[item.batch_id]
        clock, phase = _clock(item, row, own, limits, places[item.pk], now)
        goods.append(GoodsBack(item, Arrival(row.batch, places[item.pk], phase, clock, row.received_at), clock.effective(limits)))
    _refuse(goods, lives, now)
    return goods, lives


def _earliest(rows: Iterable[tuple[BatchLocation, datetime]], lives: Mapping[int, Lives]) -> dict[int, tuple[BatchLocation, Clock]]:
    best: dict[int, tuple[datetime, BatchLocation, Clock]] = {}
    for row, sold_at in rows:
        clock = _as_sold(row, sold_at, lives[row.batch_id])
        expires_at = clock.effective(lives[row.batch_id]) or NEVER
        if row.batch_id not in best or expires_at < best[row.batch_id][0]:
            best[row.batch_id] = (expires_at, row, clock)
    return {batch: (row, clock) for batch, (_, row, clock) in best.items()}


def _as_sold(row: BatchLocation, sold_at: datetime, lives: Lives) -> Clock:
    """The clock of what left from here: the place's, unless other goods of the batch, frozen after the sale, lie there now; then the label's, from the
    first receipt on, for only freezing lifts the label.
    """
    if row.frozen_at is None or row.frozen_at <= sold_at:
        return clock_of(row)
    batch, zone = row.batch, row.warehouse.time_zone
    return received(
        lives,
        batch.received_at,
        condition=batch.label_condition,
        expires_at=end_of_day(batch.label_expires_on, zone) if batch.label_expires_on else None,
        produced_at=end_of_day(batch.produced_on, zone) if batch.produced_on else None,
    )


def _places(document: Return, items: Iterable[ReturnItem]) -> dict[int, Location]:
    """Where each line goes, by its id. Raises PlaceNotAllowed for a place that is no active one of the warehouse."""
    wanted = {item.pk: item.location_id or document.location_id if item.decision != ReturnDecision.WRITE_OFF else None for item in items}
    if None in wanted.values():
        quarantine = default_location(document.warehouse_id, LocationKind.QUARANTINE)
        wanted = {pk: place or quarantine for pk, place in wanted.items()}
    found = Location.objects.in_bulk({place for place in wanted.values() if place is not None})
    places = {pk: found[place] for pk, place in wanted.items() if place is not None}
    bad = {place.code: place for place in places.values() if place.warehouse_id != document.warehouse_id or not place.is_active}
    if bad:
        raise PlaceNotAllowed(f"{', '.join(sorted(bad))}: no active place of this warehouse.", errors=[{"location": code} for code in sorted(bad)])
    return places


def _clock(item: ReturnItem, row: BatchLocation, own: Clock, lives: Lives, place: Location, now: datetime) -> tuple[Clock, str]:
    clock, phase = own.charged(lives, now), row.phase
    if item.decision == ReturnDecision.WRITE_OFF:
        return clock.moved(lives, now, place.condition), phase
    if item.freshness_remaining is not None:
        clock = replace(clock, fraction=max(clock.fraction, 1 - Fraction(item.freshness_remaining)))
    clock = clock.moved(lives, now, place.condition)
    if item.condition == ReturnCondition.OPENED and phase != Phase.OPENED:
        if lives.tracked and (clock.condition, str(Phase.OPENED)) not in lives.by_condition:
            raise ValidationFailed(
                f"{row.batch.product.sku} has no opened life in {clock.condition or place}: opened goods of it can only be written off.",
                errors=[{"line": item.pk, "field": "decision", "sku": row.batch.product.sku}],
            )
        return clock.opened(lives, now) if lives.tracked else clock, Phase.OPENED
    return clock, phase


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
        if one.expires_at is not None and one.expires_at <= now + timedelta(days=one.batch.product.min_remaining_days)
    ]
    if short:
        text = "; ".join(f"{s['sku']} lot {s['lot']} expires {s['expires_at'][:16]}" for s in short)
        raise ShortDated(f"{text}: expired or too short dated, it can't be sold again. Write it off.", errors=short)
