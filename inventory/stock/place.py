"""Goods that come to a place: the BatchLocation they join, and the clock they bring.

Writes BatchLocations without quantities (those are `post`'s) and their clocks, under the gates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import reduce
from itertools import count
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from inventory.enums import BatchStatus, BlockedReason, Condition, Phase
from inventory.errors import PlaceNotAllowed
from inventory.models import Batch, BatchLocation, Location, PastClock, Product, ShelfLife
from inventory.models.batches import lot_key
from inventory.stock import post
from inventory.stock.fefo import too_short
from inventory.stock.shelf_life import Clock, Lives, as_decimal
from warehouse.core.actor import Actor
from warehouse.core.transactions import StartAgain, lost_race_on

# Two that give the same lot its number at once: the second starts again and finds the first one's.
lost_race_on(["lot_once_per_product"])


def _prefixed(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{name}" for name in columns.split(", "))


_INHERITED = [
    "product",
    "supplier_id",
    "produced_on",
    "label_expires_on",
    "label_condition",
    "label_life",
    "received_at",
    "purchase_price",
    "currency",
    "status",
    "status_reason",
]
_CLOCK_COLUMNS = "consumed_fraction, clock_started_at, clock_condition, not_after, frozen_at, effective_expires_at, received_at, blocked_reason"
_CLOCK_ARRAYS = "%s::numeric[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[]"

_PAST_COLUMNS = "consumed_fraction, clock_started_at, clock_condition, not_after, frozen_at"

# A place that is new, or empty of the batch, takes the clock of what comes; one that holds some is not returned. The locations are held as they were
# judged (`change_location` waits for us, or we for it); one that is another by now comes back without an id.
# A clock that is overwritten is kept, for what left with it may come back. It was in force for every line of the ledger that the place has so far: the
# gate is ours, so these are all below what the sequence has given out, and later ones above.
_TAKE = f"""
    WITH held AS MATERIALIZED (
        SELECT l.id, l.condition, l.is_pickable, l.is_active FROM inventory_location l WHERE l.id = ANY(%s::bigint[]) ORDER BY l.id FOR SHARE
    ),
    arriving AS (
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], {_CLOCK_ARRAYS})
            AS a (batch_id, location_id, phase, product_id, warehouse_id, {_CLOCK_COLUMNS})
    ),
    past AS (
        INSERT INTO inventory_pastclock (batch_location_id, {_PAST_COLUMNS}, received_at, last_movement_id)
        SELECT b.id, {_prefixed("b", _PAST_COLUMNS)}, b.received_at, (SELECT last_value FROM inventory_movement_id_seq)
        FROM arriving a JOIN inventory_batchlocation b ON (b.batch_id, b.location_id, b.phase) = (a.batch_id, a.location_id, a.phase)
        WHERE b.quantity = 0 AND ({_prefixed("b", _PAST_COLUMNS)}) IS DISTINCT FROM ({_prefixed("a", _PAST_COLUMNS)})
    ),
    taken AS (
        INSERT INTO inventory_batchlocation AS b (batch_id, location_id, phase, product_id, warehouse_id, {_CLOCK_COLUMNS}, quantity, reserved, version)
        SELECT a.*, 0, 0, 1 FROM arriving a
        ON CONFLICT (batch_id, location_id, phase) DO UPDATE
        SET ({_CLOCK_COLUMNS}) = (SELECT {_prefixed("excluded", _CLOCK_COLUMNS)}) WHERE b.quantity = 0
        RETURNING b.id, b.batch_id, b.location_id, b.phase
    )
    SELECT id, batch_id, location_id, phase FROM taken
    UNION ALL
    SELECT NULL, NULL, s.id, NULL FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::boolean[]) AS s (id, condition, is_pickable, is_active)
    JOIN held h ON h.id = s.id WHERE (h.condition, h.is_pickable, h.is_active) <> (s.condition, s.is_pickable, s.is_active)
"""

_MERGE = f"""
    UPDATE inventory_batchlocation b
    SET ({_CLOCK_COLUMNS}) = (SELECT a.f, a.started, a.condition, a.not_after, a.frozen, a.effective, a.received, b.blocked_reason)
    FROM unnest(%s::bigint[], {_CLOCK_ARRAYS}) AS a (id, f, started, condition, not_after, frozen, effective, received, reason)
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


def lives_of_products(products: Iterable[Product]) -> dict[int, dict[tuple[str, str], timedelta]]:
    """How long each product that tracks expiry keeps, by (condition, phase). One statement, none when nothing is tracked."""
    lives: dict[int, dict[tuple[str, str], timedelta]] = defaultdict(dict)
    tracked = {product.pk for product in products if product.tracks_expiry}
    if tracked:
        for product_id, condition, phase, days in ShelfLife.objects.filter(product__in=tracked).values_list(
            "product_id", "condition", "phase", "days"
        ):
            lives[product_id][condition, phase] = timedelta(days=float(days))
    return lives


def lives_of(batches: Iterable[Batch]) -> dict[int, Lives]:
    """The lives that hold for each batch (with its product at hand), by its id: those of the product, with the label of its own. One statement."""
    batches = list(batches)
    lives = lives_of_products(batch.product for batch in batches)
    return {b.pk: Lives(lives[b.product_id], b.label_condition, b.label_life, b.product.tracks_expiry) for b in batches}


def clock_of(row: BatchLocation | PastClock) -> Clock:
    """The clock as the row keeps it."""
    return Clock(row.clock_started_at, row.clock_condition, Fraction(row.consumed_fraction), row.not_after, row.frozen_at)


def blocked_reason(batch: Batch, location: Location, expires_at: datetime | None, now: datetime) -> BlockedReason:
    """Why free goods of this batch in this place are not for sale now; the first reason that applies."""
    if batch.status == BatchStatus.RECALLED:
        return BlockedReason.RECALLED
    if batch.status == BatchStatus.ON_HOLD:
        return BlockedReason.HELD
    if not (location.is_pickable and location.is_active):
        return BlockedReason.PLACE
    if too_short(expires_at, now, batch.product.min_remaining_days):
        return BlockedReason.EXPIRED
    return BlockedReason.NONE


def require_allowed(places: Iterable[tuple[str, Location, str, bool]]) -> None:
    """Raise PlaceNotAllowed naming every product that may not live where it is put: (SKU, place, phase, allowed)."""
    bad = [(sku, location, phase) for sku, location, phase, allowed in places if not allowed]
    if bad:
        raise PlaceNotAllowed(
            "; ".join(f"{sku} has no shelf life for {location.condition} ({location}, {phase})" for sku, location, phase in bad) + ".",
            errors=[{"sku": sku, "location": location.code, "condition": location.condition, "phase": str(phase)} for sku, location, phase in bad],
        )


def require_welcome(moves: Sequence[tuple[BatchLocation, Location]], lives: Mapping[int, Lives]) -> None:
    """Raise PlaceNotAllowed where a product may not live, and for frozen goods that would leave the cold without being thawed."""
    thawing = [
        (source, target)
        for source, target in moves
        if source.frozen_at and target.condition not in ("", Condition.FROZEN) and source.phase == Phase.SEALED
    ]
    if thawing:
        raise PlaceNotAllowed(
            "; ".join(f"{source.batch.product.sku} was frozen: thaw it into {target}" for source, target in thawing) + ".",
            errors=[{"sku": source.batch.product.sku, "location": target.code, "condition": target.condition} for source, target in thawing],
        )
    require_allowed(
        (source.batch.product.sku, target, source.phase, lives[source.batch_id].allows(target.condition, source.phase)) for source, target in moves
    )


def exposed_clock(source: BatchLocation, lives: Lives, since: datetime | None, now: datetime) -> Clock:
    """The clock of goods that have lain where they lie since then, charged with what that place is really like. Where it has a condition, and without a
    time, the clock is right as it is."""
    clock = clock_of(source)
    return clock if since is None or source.location.condition else clock.exposed(lives, since, now, source.location.exposure)


def bring(moves: Sequence[tuple[BatchLocation, Location]], *, actor: Actor, out_since: datetime | None = None) -> list[int]:
    """Make the places for goods of these sources in other locations, each with the clock it brings; returns their ids in the same order.

    `out_since`: they have lain on a bench since then, and pay for it. The sources have their batch with its product and their location at hand. Requires the
    gates; quantities are posted after. The number of statements does not grow with the moves. Raises PlaceNotAllowed where a product may not live, and for
    frozen goods that leave the cold without being thawed.
    """
    lives = lives_of({source.batch_id: source.batch for source, _ in moves}.values())
    require_welcome(moves, lives)
    now = timezone.now()
    arrivals = []
    for source, target in moves:
        of_batch = lives[source.batch_id]
        clock = exposed_clock(source, of_batch, out_since, now).moved(of_batch, now, target.condition)
        arrivals.append(Arrival(source.batch, target, source.phase, clock, source.received_at))
    return place(arrivals, lives, actor=actor)


def place(arrivals: Sequence[Arrival], lives: Mapping[int, Lives], *, actor: Actor) -> list[int]:
    """Find or make the BatchLocation that each arrival joins, with the clock of both, and return their ids in the same order.

    A place that is empty of the batch takes the arrival's clock; the one it had is kept (`PastClock`). Where some of it lies already, both are charged
    to now and the worse of both is kept (`Clock.merged`);
    if the better part would lose more than a day, the arrival becomes a child lot. One statement when every place is empty of its batch, and a constant
    number else. Requires the gates of all products concerned; quantities are posted after. Raises StartAgain when a location was changed since it was read.
    """
    now = timezone.now()
    first: dict[tuple[int, int, str], Arrival] = {}
    for arrival in arrivals:
        first.setdefault(_key(arrival), arrival)
    taken = _take(list(first.values()), lives, now)
    rest = [arrival for arrival in arrivals if first[_key(arrival)] is not arrival or _key(arrival) not in taken]
    joined = _join(rest, lives, now, actor) if rest else {}
    return [joined.get(id(arrival)) or taken[_key(arrival)] for arrival in arrivals]


def _take(arrivals: Sequence[Arrival], lives: Mapping[int, Lives], now: datetime) -> dict[tuple[int, int, str], int]:
    rows: list[list[Any]] = []
    for arrival in arrivals:
        values = _clock_values(arrival, arrival.clock, arrival.received_at, lives, now)
        rows.append([*_key(arrival), arrival.batch.product_id, arrival.location.warehouse_id, *values])
    judged = {arrival.location.pk: arrival.location for arrival in arrivals}
    believed = _columns([[place.pk, place.condition, place.is_pickable, place.is_active] for place in judged.values()])
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [list(judged), *_columns(rows), *believed])
        found = cursor.fetchall()
    if any(pk is None for pk, *_ in found):
        raise StartAgain  # a place was changed since it was read
    return {(batch, location, phase): pk for pk, batch, location, phase in found}


def _join(arrivals: Sequence[Arrival], lives: Mapping[int, Lives], now: datetime, actor: Actor) -> dict[int, int]:
    """Pour each arrival to the goods that lie there already; returns BatchLocation ids by the arrival's identity."""
    found = BatchLocation.objects.filter(batch__in={a.batch.pk for a in arrivals}, location__in={a.location.pk for a in arrivals})
    rows = {(row.batch_id, row.location_id, row.phase): row for row in found}
    clocks: dict[int, tuple[Arrival, Clock, datetime]] = {}
    apart: list[Arrival] = []
    places: dict[int, int] = {}
    for arrival in arrivals:
        row = rows[_key(arrival)]
        _, present, since = clocks.get(row.pk, (arrival, clock_of(row), row.received_at))
        merged = present.merged(arrival.clock, lives[arrival.batch.pk], now)
        if merged is None:
            apart.append(arrival)
        else:
            clocks[row.pk] = (arrival, merged, min(since, arrival.received_at))
            places[id(arrival)] = row.pk
    values = {pk: _clock_values(arrival, clock, since, lives, now) for pk, (arrival, clock, since) in clocks.items()}
    if values:
        with connection.cursor() as cursor:
            cursor.execute(_MERGE, _columns([[pk, *columns] for pk, columns in values.items()]))
    # Goods that lay there may become too short dated by what joins them: then the totals change too.
    reasons = {row.pk: values[row.pk][-1] for row in rows.values() if row.pk in values and values[row.pk][-1] != row.blocked_reason}
    post.block(reasons, post.Header(actor=actor))
    if apart:
        for arrival, place_id in zip(apart, _place_apart(apart, lives, actor), strict=True):
            places[id(arrival)] = place_id
    return places


def _place_apart(arrivals: Sequence[Arrival], lives: Mapping[int, Lives], actor: Actor) -> list[int]:
    """Place these as child lots of their batches, each with its own clock: one that suits and is known there, else a new one."""
    now = timezone.now()
    known = _child_lots_at(arrivals)
    taken = lots_beside({arrival.batch.pk: arrival.batch for arrival in arrivals}.values())
    children: list[Batch] = []
    fresh: list[Batch] = []
    for arrival in arrivals:
        parent = arrival.batch
        suiting = (
            row.batch
            for row in known[_key(arrival)]
            if row.batch.status == parent.status and (row.quantity == 0 or clock_of(row).merged(arrival.clock, lives[parent.pk], now) is not None)
        )
        child = next(suiting, None)
        if child is None:
            child = child_lot(parent, next_lot_number(parent, taken))
            taken.add(lot_key(parent.product_id, child.lot_number))
            fresh.append(child)
        children.append(child)
    Batch.objects.bulk_create(fresh)
    of_children = {child.pk: lives[arrival.batch.pk] for child, arrival in zip(children, arrivals, strict=True)}
    return place([replace(arrival, batch=child) for child, arrival in zip(children, arrivals, strict=True)], of_children, actor=actor)


def _child_lots_at(arrivals: Sequence[Arrival]) -> dict[tuple[int, int, str], list[BatchLocation]]:
    """Where child lots of these batches lie, or lay, in the same places, by the parent's key."""
    rows = BatchLocation.objects.filter(batch__parent__in={a.batch.pk for a in arrivals}, location__in={a.location.pk for a in arrivals})
    result: dict[tuple[int, int, str], list[BatchLocation]] = defaultdict(list)
    for row in rows.select_related("batch__product").order_by("pk"):
        result[row.batch.parent_id or 0, row.location_id, row.phase].append(row)
    return result


def child_lot(parent: Batch, lot_number: str) -> Batch:
    """A lot made of goods of another, not saved yet: the same goods under a number of their own."""
    return Batch(**{name: getattr(parent, name) for name in _INHERITED}, parent=parent, lot_number=lot_number)


def next_lot_number(parent: Batch, taken: Collection[tuple[int, str]]) -> str:
    """The first number for a child lot that is not among the taken (`lots_beside`)."""
    return next(f"{_stem(parent)}{n}" for n in count(1) if lot_key(parent.product_id, f"{_stem(parent)}{n}") not in taken)


def _stem(parent: Batch) -> str:
    """What the numbers of its child lots begin with; a column's width is kept for the rest."""
    return f"{parent.lot_number[:54]}/"


def lots_beside(parents: Iterable[Batch]) -> set[tuple[int, str]]:
    """The lots, by `lot_key`, that are numbered like child lots of these: children, and what a supplier happened to call so."""
    named = reduce(or_, (Q(product=parent.product_id, lot_number__istartswith=_stem(parent)) for parent in parents))
    return {lot_key(*lot) for lot in Batch.objects.filter(named).values_list("product_id", "lot_number")}


def _key(arrival: Arrival) -> tuple[int, int, str]:
    return arrival.batch.pk, arrival.location.pk, str(arrival.phase)


def _clock_values(arrival: Arrival, clock: Clock, received_at: datetime, lives: Mapping[int, Lives], now: datetime) -> list[Any]:
    expires_at = clock.effective(lives[arrival.batch.pk])
    reason = str(blocked_reason(arrival.batch, arrival.location, expires_at, now))
    fraction = as_decimal(clock.fraction)
    return [fraction, clock.started_at, clock.condition, clock.not_after, clock.frozen_at, expires_at, received_at, reason]


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
