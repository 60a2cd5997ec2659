"""Promises of stock: made, changed, kept and taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.utils import timezone

from inventory.enums import ReservationStatus
from inventory.errors import InsufficientStock
from inventory.locks import lock_reservations
from inventory.models import Reservation
from inventory.queries.order_lines import OrderedLine
from inventory.queries.promises import HeldItem, Reserved, as_reserved, held_items
from inventory.services.promises import (
    listings_in,
    lock_with_items,
    plan_lines,
    promise,
    release_held,
    require_active,
    require_owner,
    set_status,
    start_again_if_promised,
)
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate, StockKey, lock_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, TransitionRefused, ValidationFailed
from warehouse.core.jobs import one_by_one
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import StartAgain, operation


@operation(Role.INTEGRATION)
def reserve_for_order(
    order_ref: str,
    lines: Sequence[OrderedLine],
    *,
    warehouse_id: int,
    actor: Actor,
    ttl: timedelta | None = None,
    ship_at: datetime | None = None,
    confirmed: bool = False,
) -> Reserved:
    """Promise these lines to an order from one warehouse, by FEFO: all of them, or none.

    `ttl` limits the promise (a checkout: setting RESERVATION_TTL_MINUTES); without it the promise stands until it is kept or released. The same product
    twice is summed. An equal active promise is returned, for as long as this call asks if that is longer; a different one is a Conflict. `confirmed` makes
    it, also an equal one of before, a promise of the order's fulfilment, which nobody else releases. Takes the gates, then writes reservation, ledger and
    the events stock.reserved, inventory.reserved. Raises InsufficientStock with every short line.
    """
    wanted = _sum_lines(lines, warehouse_id)
    present = [item for item in held_items(order_refs=[order_ref]) if item.warehouse_id == warehouse_id]
    if present:
        until = timezone.now() + ttl if ttl else None
        return _equal_promise(order_ref, wanted, present[0].reservation_id, until, ship_at, confirmed)
    gate = lock_stock(wanted)
    try:
        plan = plan_lines(wanted, gate, read_candidates(wanted), ship_at or timezone.now())
    except InsufficientStock:
        start_again_if_promised([order_ref], warehouse_id)
        raise
    until = timezone.now() + ttl if ttl else None
    return promise(order_ref, warehouse_id, plan, gate, actor=actor, listings=listings_in(lines), expires_at=until, confirmed=confirmed)


@operation(Role.INTEGRATION)
def release_reservation(reservation_id: int, *, reason: str, actor: Actor, for_order: bool = False) -> Reservation:
    """Take back what a reservation still holds. One that is released or expired stays as it is; a fulfilled one is refused, and one of a confirmed order
    unless the caller acts `for_order`.

    Takes the gates, then the reservation. Writes the ledger (`release`) and the events stock.released, inventory.released, inventory.reservation.released.
    """
    return _close(reservation_id, ReservationStatus.RELEASED, reason, actor, for_order=for_order)


@operation(Role.INTEGRATION)
def release_order(order_ref: str, *, reason: str, actor: Actor) -> None:
    """Take back all that an order is still promised, in every warehouse, confirmed or not; repeating it changes nothing.

    Takes the gates of everything in one statement, then the reservations in order of id. Ledger and events as `release_reservation`.
    """
    keys = {item.key for item in held_items(order_refs=[order_ref])}
    gate = lock_stock(keys)
    active = Reservation.objects.filter(order_ref=order_ref, status=ReservationStatus.ACTIVE)
    reservations = lock_reservations(active.values_list("pk", flat=True))
    items = held_items(order_refs=[order_ref])
    if not {item.key for item in items} <= keys:
        raise StartAgain
    for reservation in reservations.values():
        if reservation.status == ReservationStatus.ACTIVE:
            release_held(gate, reservation, [item for item in items if item.reservation_id == reservation.pk], reason, actor)
            set_status(reservation, ReservationStatus.RELEASED, reason)


@operation(Role.INTEGRATION)
def release_items(reservation_id: int, quantities: Mapping[int, Decimal], *, reason: str, actor: Actor, for_order: bool = False) -> Reservation:
    """Take back a part of a promise, by item; the reservation goes on with the rest, or is released when nothing is left of it.

    Locks and events as `release_reservation`. Raises Conflict when an item does not hold so much.
    """
    gate, reservation, items = lock_with_items(reservation_id)
    require_active(reservation)
    require_owner(reservation, for_order=for_order)
    by_id = {item.id: item for item in items}
    for item_id, quantity in quantities.items():
        held = by_id[item_id].held if item_id in by_id else ZERO
        if item_id in by_id:
            stock = gate[by_id[item_id].key]
            require_step(quantity, stock.quantity_step, sku=stock.sku)
        if held < quantity:
            raise Conflict(f"Reservation item {item_id} holds {plain(held)}, not {plain(quantity)}.", item=item_id, held=str(held))
    release_held(gate, reservation, [item._replace(held=quantities[item.id]) for item in items if quantities.get(item.id)], reason, actor)
    if sum((item.held for item in items), ZERO) == sum(quantities.values(), ZERO):
        set_status(reservation, ReservationStatus.RELEASED, reason)
    else:
        reservation.save_changes()
    return reservation


@operation(Role.INTEGRATION)
def extend_reservation(reservation_id: int, *, until: datetime, actor: Actor) -> Reservation:
    """Move the limit of a checkout's promise further away. Locks the reservation only: no quantity changes."""
    reservation = lock_reservations([reservation_id])[reservation_id]
    require_active(reservation)
    if reservation.expires_at is None:
        raise Conflict(f"{reservation} has no time limit.")
    if reservation.started_at is not None:
        raise Conflict(f"{reservation} is being picked: it does not expire any more.")
    if until <= max(reservation.expires_at, timezone.now()):
        raise ValidationFailed("The new limit must be later than the present one and than now.", expires_at=reservation.expires_at.isoformat())
    reservation.expires_at = until
    reservation.save_changes("expires_at")
    return reservation


@operation()
def expire_reservation(reservation_id: int, *, actor: Actor) -> bool:
    """Release one reservation whose time is up, judged again under the locks: true when it expired, false when it was extended, adopted or started."""
    return _close(reservation_id, ReservationStatus.EXPIRED, "TIME_LIMIT", actor).status == ReservationStatus.EXPIRED


def expire_reservations(*, actor: Actor, limit: int = 1000) -> int:
    """The job behind the time limit: reads the ids that are due without locks and expires each in its own transaction. Returns how many expired.

    One that can't be expired now (its stock is busy) stays for the next run and does not keep the others waiting.
    """
    due = Reservation.objects.filter(status=ReservationStatus.ACTIVE, expires_at__lte=timezone.now(), started_at=None)
    ids = list(due.order_by("expires_at").values_list("pk", flat=True)[:limit])
    return one_by_one(partial(expire_reservation, actor=actor), ids, told="expire a reservation")


def default_ttl() -> timedelta:
    """How long a checkout's promise stands (setting RESERVATION_TTL_MINUTES)."""
    return timedelta(minutes=settings.RESERVATION_TTL_MINUTES)


def _sum_lines(lines: Sequence[OrderedLine], warehouse_id: int) -> dict[StockKey, fefo.Wanted]:
    if not lines:
        raise ValidationFailed("There is no line to reserve.")
    wanted: dict[StockKey, fefo.Wanted] = {}
    for line in lines:
        key = StockKey(warehouse_id, line.product_id)
        before = wanted.get(key)
        quantity, days = line.quantity, line.min_remaining_days
        if before is not None:
            quantity, days = quantity + before.quantity, max(days, before.min_remaining_days)
        wanted[key] = fefo.Wanted(warehouse_id, line.product_id, quantity, days)
    return wanted


def _equal_promise(
    order_ref: str,
    wanted: Mapping[StockKey, fefo.Wanted],
    reservation_id: int,
    until: datetime | None,
    ship_at: datetime | None,
    confirmed: bool,
) -> Reserved:
    """The promise that was made before, judged under its locks; its limit moves to `until` when that is later, or goes when there is none now.
    `confirmed`: it is the order's own from now on.

    It is equal when it holds as much, promised with at least as many remaining days, and its goods keep for the ship time that is asked for now.
    """
    gate, reservation, items = lock_with_items(reservation_id)
    if reservation.status != ReservationStatus.ACTIVE:
        raise StartAgain
    held: dict[StockKey, Decimal] = defaultdict(Decimal)
    for item in items:
        held[item.key] += item.held
    laxer = any(item.key in wanted and item.min_remaining_days < wanted[item.key].min_remaining_days for item in items)
    if laxer or held != {key: line.quantity for key, line in wanted.items()}:
        raise Conflict(f"{order_ref} has another reservation here. Release it first, or confirm the order to adopt it.", reservation=reservation.pk)
    if ship_at is not None and any(item.expires_at and item.expires_at <= ship_at + _days_left(item, gate) for item in items):
        raise Conflict(
            f"{order_ref} has a reservation here whose goods do not keep until {ship_at:%Y-%m-%d %H:%M} UTC. Release it, and reserve anew.",
            reservation=reservation.pk,
        )
    changed = []
    if reservation.expires_at is not None and (until is None or until > reservation.expires_at):
        reservation.expires_at = until
        changed.append("expires_at")
    if confirmed and reservation.confirmed_at is None:
        reservation.confirmed_at = timezone.now()
        changed.append("confirmed_at")
    if changed:
        reservation.save_changes(*changed)
    return as_reserved(items)[0]


def _days_left(item: HeldItem, gate: Gate) -> timedelta:
    """What must be left of the goods when they ship."""
    return timedelta(days=max(item.min_remaining_days, gate[item.key].min_remaining_days))


def _close(reservation_id: int, status: ReservationStatus, reason: str, actor: Actor, *, for_order: bool = False) -> Reservation:
    gate, reservation, items = lock_with_items(reservation_id)
    if reservation.status == ReservationStatus.FULFILLED and status == ReservationStatus.RELEASED:
        raise TransitionRefused(f"{reservation} is fulfilled: the goods have left.", status=reservation.status)
    if reservation.status != ReservationStatus.ACTIVE:
        return reservation
    if status == ReservationStatus.EXPIRED and (
        reservation.expires_at is None or reservation.expires_at > timezone.now() or reservation.started_at is not None
    ):
        return reservation
    require_owner(reservation, for_order=for_order)
    release_held(gate, reservation, items, reason, actor)
    set_status(reservation, status, reason)
    return reservation
