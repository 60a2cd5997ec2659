"""Goods that come to a place: the BatchLocation they join, and the clock they bring.

Writes BatchLocations without quantities (those are `post`'s) and their clocks, under the gates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.db import connection
from django.utils import timezone

from inventory.enums import BatchStatus, BlockedReason
from inventory.errors import BooksDisagree
from inventory.models import Batch, BatchLocation, Location, Product, ShelfLife
from inventory.stock import post
from inventory.stock.shelf_life import Clock, Lives, as_decimal
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict

_CLOCK_COLUMNS = "consumed_fraction, clock_started_at, clock_condition, not_after, frozen_at, effective_expires_at"
_CLOCK_ARRAYS = "%s::numeric[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[]"

_INSERT = f"""
    INSERT INTO inventory_batchlocation (batch_id, location_id, phase, product_id, warehouse_id, received_at, blocked_reason, {_CLOCK_COLUMNS},
                                         quantity, reserved, version)
    SELECT a.*, 0, 0, 1
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], {_CLOCK_ARRAYS}) AS a
    ON CONFLICT (batch_id, location_id, phase) DO NOTHING
"""

_SET_CLOCKS = f"""
    UPDATE inventory_batchlocation b
    SET consumed_fraction = a.f, clock_started_at = a.started, clock_condition = a.condition, not_after = a.not_after, frozen_at = a.frozen,
        effective_expires_at = a.effective, received_at = a.received
    FROM unnest(%s::bigint[], %s::timestamptz[], {_CLOCK_ARRAYS}) AS a (id, received, f, started, condition, not_after, frozen, effective)
    WHERE b.id = a.id
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Goods of a batch that come to a location with their clock, charged and set for that place."""

    batch: Batch
    location: Location
    phase: str
    clock: Clock
    received_at: datetime


def lives_of(batches: Iterable[Batch]) -> dict[int, Lives]:
    """The lives that hold for each batch, by its id: those of its product, with the label of its own. Two statements for any number."""
    batches = list(batches)
    products = {batch.product_id for batch in batches}
    tracked = dict(Product.objects.filter(pk__in=products).values_list("pk", "tracks_expiry"))
    lives: dict[int, dict[tuple[str, str], timedelta]] = defaultdict(dict)
    for product_id, condition, phase, days in ShelfLife.objects.filter(product_id__in=products).values_list("product_id", "condition", "phase", "days"):
        lives[product_id][condition, phase] = timedelta(days=float(days))
    return {batch.pk: Lives(lives[batch.product_id], batch.label_condition, batch.label_life, tracked[batch.product_id]) for batch in batches}


def clock_of(row: BatchLocation) -> Clock:
    """The clock as the row keeps it."""
    return Clock(row.clock_started_at, row.clock_condition, Fraction(row.consumed_fraction), row.not_after, row.frozen_at)


def blocked_reason(batch: Batch, location: Location, expires_at: datetime | None, min_remaining_days: int, now: datetime) -> BlockedReason:
    """Why free goods of this batch in this place are not for sale now; the first reason that applies."""
    if batch.status == BatchStatus.RECALLED:
        return BlockedReason.RECALLED
    if batch.status == BatchStatus.ON_HOLD:
        return BlockedReason.HELD
    if not (location.is_pickable and location.is_active):
        return BlockedReason.PLACE
    if expires_at is not None and expires_at <= now + timedelta(days=min_remaining_days):
        return BlockedReason.EXPIRED
    return BlockedReason.NONE


def place(arrivals: Sequence[Arrival], lives: Mapping[int, Lives], *, actor: Actor) -> list[int]:
    """Find or make the BatchLocation that each arrival joins, with the clock of both, and return their ids in the same order.

    A place that is empty of the batch takes the arrival's clock. Where some of it lies already, both are charged to now and the earlier date is kept;
    if the better part would lose more than a day, Conflict says so: it must go to another place. The statements are constant in the number of arrivals.
    Requires the gates of all products concerned; quantities are posted after.
    """
    now = timezone.now()
    arrivals = list(arrivals)
    days = dict(Product.objects.filter(pk__in={a.batch.product_id for a in arrivals}).values_list("pk", "min_remaining_days"))
    _insert(arrivals, lives, days, now)
    keys = [(a.batch.pk, a.location.pk, a.phase) for a in arrivals]
    rows = {(row.batch_id, row.location_id, row.phase): row for row in _rows(arrivals)}
    clocks: dict[int, tuple[Clock, datetime]] = {}
    reasons: dict[int, str] = {}
    for key, arrival in zip(keys, arrivals, strict=True):
        if key not in rows:
            raise BooksDisagree(f"No place was made for {arrival.batch} in {arrival.location}.")
        row = rows[key]
        present, received_at = clocks.get(row.pk, (clock_of(row), row.received_at))
        holds_goods = row.quantity > 0 or row.pk in clocks
        clock: Clock | None = arrival.clock
        if holds_goods:
            clock = present.merged(arrival.clock, lives[arrival.batch.pk], now)
            received_at = min(received_at, arrival.received_at)
        else:
            received_at = arrival.received_at
        if clock is None:
            raise Conflict(
                f"{arrival.batch} already lies in {arrival.location} with another expiry; together the better part would lose more than a day. "
                "Choose another place.",
                batch=arrival.batch.pk,
                location=arrival.location.code,
            )
        clocks[row.pk] = (clock, received_at)
        expires_at = clock.effective(lives[arrival.batch.pk])
        reasons[row.pk] = blocked_reason(arrival.batch, arrival.location, expires_at, days[arrival.batch.product_id], now)
    _set_clocks(clocks, {rows[key].pk: lives[key[0]] for key in keys})
    current = {row.pk: row.blocked_reason for row in rows.values()}
    post.block({pk: reason for pk, reason in reasons.items() if reason != current[pk]}, post.Header(actor=actor))
    return [rows[key].pk for key in keys]


def _rows(arrivals: Sequence[Arrival]) -> Iterable[BatchLocation]:
    return BatchLocation.objects.filter(batch__in={a.batch.pk for a in arrivals}, location__in={a.location.pk for a in arrivals})


def _insert(arrivals: Sequence[Arrival], lives: Mapping[int, Lives], days: Mapping[int, int], now: datetime) -> None:
    unique = {(a.batch.pk, a.location.pk, a.phase): a for a in reversed(arrivals)}
    rows: list[list[Any]] = []
    for arrival in unique.values():
        clock = _clock_values(arrival.clock, lives[arrival.batch.pk])
        reason = blocked_reason(arrival.batch, arrival.location, clock[-1], days[arrival.batch.product_id], now)
        owner = [arrival.batch.product_id, arrival.location.warehouse_id, arrival.received_at, str(reason)]
        rows.append([arrival.batch.pk, arrival.location.pk, arrival.phase, *owner, *clock])
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])


def _set_clocks(clocks: Mapping[int, tuple[Clock, datetime]], lives: Mapping[int, Lives]) -> None:
    rows = [[pk, received_at, *_clock_values(clock, lives[pk])] for pk, (clock, received_at) in clocks.items()]
    with connection.cursor() as cursor:
        cursor.execute(_SET_CLOCKS, [list(column) for column in zip(*rows, strict=True)])


def _clock_values(clock: Clock, lives: Lives) -> list[Any]:
    return [as_decimal(clock.fraction), clock.started_at, clock.condition, clock.not_after, clock.frozen_at, clock.effective(lives)]
