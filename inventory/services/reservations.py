"""Promises of stock: made, changed, kept and taken back."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, MovementType, ReservationStatus
from inventory.errors import InsufficientStock, Shortage
from inventory.locks import lock_reservations
from inventory.models import BatchLocation, Product, Reservation, ReservationItem
from inventory.queries.order_lines import OrderedLine
from inventory.queries.promises import HeldItem, held_items
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate, LockedStock, StockKey, lock_stock
from inventory.stock.post import Entry, Header, NewReservation, post, post_reservation
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed
from warehouse.core.quantities import ZERO, require_step
from warehouse.core.transactions import StartAgain, lost_race_on, operation
from warehouse.outbox.events import Event

logger = logging.getLogger(__name__)

# Two that promise to the same order at once: the second one starts again and finds the first one's promise.
lost_race_on(["one_active_reservation_per_order"])


@dataclass(frozen=True, slots=True)
class ReservedItem:
    """A part of a promise and where it lies."""

    id: int
    product_id: int
    batch_id: int
    batch_location_id: int
    location_id: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is promised in one warehouse."""

    reservation_id: int
    warehouse_id: int
    items: tuple[ReservedItem, ...]


@operation(Role.INTEGRATION)
def reserve_for_order(
    order_ref: str,
    lines: Sequence[OrderedLine],
    *,
    warehouse_id: int,
    actor: Actor,
    ttl: timedelta | None = None,
    ship_at: datetime | None = None,
) -> Reserved:
    """Promise these lines to an order from one warehouse, by FEFO: all of them, or none.

    `ttl` limits the promise (a checkout: setting RESERVATION_TTL_MINUTES); without it the promise stands until it is kept or released. The same product
    twice is summed. An equal active promise is returned as it is; a different one is a Conflict. Takes the gates, then writes reservation, ledger and the
    events stock.reserved, inventory.reserved. Raises InsufficientStock with every short line.
    """
    wanted = _sum_lines(lines, warehouse_id)
    present = [item for item in held_items(order_refs=[order_ref]) if item.warehouse_id == warehouse_id]
    if present:
        return _equal_promise(order_ref, wanted, present)
    gate = lock_stock(wanted)
    try:
        plan = plan_lines(wanted, gate, read_candidates(wanted), ship_at or timezone.now())
    except InsufficientStock:
        start_again_if_promised([order_ref], warehouse_id)
        raise
    return promise(order_ref, warehouse_id, plan, gate, actor=actor, expires_at=timezone.now() + ttl if ttl else None, listings=listings_in(lines))


def start_again_if_promised(order_refs: Iterable[str], warehouse_id: int | None = None) -> None:
    """Called when there is not enough for an order that had no promise before the gates: what is missing may be what it was promised meanwhile."""
    if any(warehouse_id in (None, item.warehouse_id) for item in held_items(order_refs=order_refs)):
        raise StartAgain


def promise(
    order_ref: str, warehouse_id: int, plan: fefo.Plan, gate: Gate, *, actor: Actor, expires_at: datetime | None, listings: Mapping[int, str]
) -> Reserved:
    """Write a planned promise of one warehouse behind its gates: one statement. `listings` are the names that the order's own lines use."""
    entries = [Entry(a.candidate.batch_location_id, MovementType.RESERVATION, ZERO, a.quantity) for a in plan.allocations]
    header = Header(actor=actor, fact=events.STOCK_RESERVED, document_type=DocumentType.RESERVATION, order_ref=order_ref)
    reservation = NewReservation(order_ref, warehouse_id, expires_at, plan.explanation)
    posted = post_reservation(entries, header, reservation, reserved_events("", order_ref, plan.allocations, gate, listings))
    return Reserved(
        posted.id,
        warehouse_id,
        tuple(
            ReservedItem(posted.items[c.batch_location_id], c.product_id, c.batch_id, c.batch_location_id, c.location_id, quantity)
            for c, quantity in plan.allocations
        ),
    )


def reserved_events(
    reservation_id: int | str, order_ref: str, allocations: Iterable[fefo.Allocation], gate: Gate, listings: Mapping[int, str]
) -> list[Event]:
    """`inventory.reserved`, one per product and warehouse, under the names that the partners use. No id yet: `post_reservation` writes it in."""
    of = {"reservation_id": reservation_id} if reservation_id else {}
    quantities: dict[StockKey, Decimal] = defaultdict(Decimal)
    for candidate, quantity in allocations:
        quantities[StockKey(candidate.warehouse_id, candidate.product_id)] += quantity
    return [
        Event(
            events.INVENTORY_RESERVED, "reservation", reservation_id, {**of, **_named(gate[key], order_ref, quantity, listings.get(key.product_id))}
        )
        for key, quantity in quantities.items()
    ]


def _named(stock: LockedStock, order_ref: str, quantity: Decimal, listing_id: str | None = None) -> dict[str, object]:
    return {
        "listing_id": listing_id or stock.listing_id,
        "warehouse_id": stock.warehouse_external_id,
        "quantity": f"{quantity.normalize():f}",
        "order_id": order_ref.partition(":")[2],
        "order_ref": order_ref,
        "product_id": stock.product_id,
    }


@operation(Role.INTEGRATION)
def release_reservation(reservation_id: int, *, reason: str, actor: Actor) -> Reservation:
    """Take back what a reservation still holds. One that is released or expired stays as it is; a fulfilled one is refused.

    Takes the gates, then the reservation. Writes the ledger (`release`) and the events stock.released, inventory.released, inventory.reservation.released.
    """
    return _close(reservation_id, ReservationStatus.RELEASED, reason, actor)


@operation(Role.INTEGRATION)
def release_items(reservation_id: int, quantities: Mapping[int, Decimal], *, reason: str, actor: Actor) -> Reservation:
    """Take back a part of a promise, by item; the reservation goes on with the rest, or is released when nothing is left of it.

    Locks and events as `release_reservation`. Raises Conflict when an item does not hold so much.
    """
    gate, reservation, items = lock_with_items(reservation_id)
    if reservation.status != ReservationStatus.ACTIVE:
        raise TransitionRefused(f"{reservation} is {reservation.status}: nothing can be taken back from it.", status=reservation.status)
    by_id = {item.id: item for item in items}
    for item_id, quantity in quantities.items():
        held = by_id[item_id].held if item_id in by_id else ZERO
        if item_id in by_id:
            stock = gate[by_id[item_id].key]
            require_step(quantity, stock.quantity_step, sku=stock.sku)
        if held < quantity:
            raise Conflict(f"Reservation item {item_id} holds {held.normalize():f}, not {quantity.normalize():f}.", item=item_id, held=str(held))
    release_held(gate, reservation, [item._replace(held=quantities[item.id]) for item in items if quantities.get(item.id)], reason, actor)
    if sum((item.held for item in items), ZERO) == sum(quantities.values(), ZERO) and not _anything_consumed(reservation):
        set_status(reservation, ReservationStatus.RELEASED, reason)
    return reservation


@operation(Role.INTEGRATION)
def consume_reservation(
    reservation_id: int,
    *,
    actor: Actor,
    actual: Mapping[int, Decimal] | None = None,
    document_type: DocumentType = DocumentType.RESERVATION,
    document_id: int | None = None,
) -> Reservation:
    """Keep a promise: the goods leave the books (ledger `sale`, event stock.sold) and the reservation is fulfilled.

    `actual` says, by item, what weighed goods really were: less (the rest is released), or more within the product's `weight_tolerance` when the surplus
    is free where they lie. Takes the gates, then the reservation. A fulfilled one stays as it is; another that is not active is refused.
    """
    _, reservation, items = lock_with_items(reservation_id)
    if reservation.status == ReservationStatus.FULFILLED:
        return reservation
    if reservation.status != ReservationStatus.ACTIVE:
        raise TransitionRefused(f"{reservation} is {reservation.status}: nothing is promised by it any more.", status=reservation.status)
    weights = _actual_quantities(items, actual or {})
    entries = []
    for item in items:
        weight, kept = weights[item.id], min(weights[item.id], item.held)
        if weight:
            entries.append(Entry(item.batch_location_id, MovementType.SALE, -weight, -kept))
        if item.held > kept:
            entries.append(Entry(item.batch_location_id, MovementType.RELEASE, ZERO, kept - item.held))
    header = Header(
        actor=actor,
        fact=events.STOCK_SOLD,
        document_type=document_type,
        document_id=document_id or reservation.pk,
        order_ref=reservation.order_ref,
        reservation_id=reservation.pk,
    )
    post(entries, header)
    _update_items({item.id: (min(weights[item.id], item.held), item.held - min(weights[item.id], item.held), weights[item.id]) for item in items})
    set_status(reservation, ReservationStatus.FULFILLED, "")
    return reservation


@operation(Role.INTEGRATION)
def extend_reservation(reservation_id: int, *, until: datetime, actor: Actor) -> Reservation:
    """Move the limit of a checkout's promise further away. Locks the reservation only: no quantity changes."""
    reservation = lock_reservations([reservation_id])[reservation_id]
    if reservation.status != ReservationStatus.ACTIVE:
        raise TransitionRefused(f"{reservation} is {reservation.status}: it can't be extended.", status=reservation.status)
    if reservation.expires_at is None:
        raise Conflict(f"{reservation} has no time limit.")
    if until <= max(reservation.expires_at, timezone.now()):
        raise ValidationFailed("The new limit must be later than the present one and than now.", expires_at=reservation.expires_at.isoformat())
    reservation.expires_at = until
    reservation.version += 1
    reservation.save(update_fields=["expires_at", "version"])
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
    expired = 0
    for pk in ids:
        try:
            expired += expire_reservation(pk, actor=actor)
        except Conflict as error:
            logger.warning("reservation %s not expired now: %s", pk, error.detail)
    return expired


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


def plan_lines(wanted: Mapping[StockKey, fefo.Wanted], gate: Gate, candidates: Iterable[fefo.Candidate], ship_at: datetime) -> fefo.Plan:
    """Choose behind the gates what leaves for these lines. A product without a Stock row here is simply short of everything.

    Raises NotFound, ValidationFailed (off the step), InsufficientStock with every short line.
    """
    missing = _not_stocked([line for key, line in wanted.items() if key not in gate])
    for key, stock in gate.items():
        if key in wanted:
            require_step(wanted[key].quantity, stock.quantity_step, sku=stock.sku, zero_allowed=False)
    rules = {key.product_id: stock.rules for key, stock in gate.items()}
    plan = fefo.plan(candidates, [line for key, line in wanted.items() if key in gate], rules, ship_at)
    if plan.shortages or missing:
        places = list(wanted)
        raise InsufficientStock(
            sorted([*plan.shortages, *missing], key=lambda short: places.index(StockKey(short.warehouse_id or 0, short.product_id)))
        )
    return plan


def _not_stocked(lines: Sequence[fefo.Wanted]) -> list[Shortage]:
    if not lines:
        return []
    skus = dict(Product.objects.filter(pk__in=[line.product_id for line in lines]).values_list("pk", "sku"))
    for line in lines:
        if line.product_id not in skus:
            raise NotFound(f"There is no product {line.product_id}.", product=line.product_id)
    return [Shortage(line.product_id, skus[line.product_id], line.warehouse_id, line.quantity, ZERO) for line in lines]


def listings_in(lines: Iterable[OrderedLine]) -> dict[int, str]:
    """What the order's own lines call their products."""
    return {line.product_id: line.listing_id for line in lines if line.listing_id}


def _equal_promise(order_ref: str, wanted: Mapping[StockKey, fefo.Wanted], present: Sequence[HeldItem]) -> Reserved:
    held: dict[StockKey, Decimal] = defaultdict(Decimal)
    for item in present:
        held[item.key] += item.held
    if held != {key: line.quantity for key, line in wanted.items()}:
        raise Conflict(
            f"{order_ref} has another reservation here. Release it first, or confirm the order to adopt it.", reservation=present[0].reservation_id
        )
    return as_reserved(present)[0]


def as_reserved(items: Iterable[HeldItem]) -> list[Reserved]:
    """What reservations hold, one answer for each reservation."""
    grouped: dict[tuple[int, int], list[ReservedItem]] = defaultdict(list)
    for item in items:
        grouped[item.reservation_id, item.warehouse_id].append(
            ReservedItem(item.id, item.product_id, item.batch_id, item.batch_location_id, item.location_id, item.held)
        )
    return [Reserved(reservation, warehouse, tuple(parts)) for (reservation, warehouse), parts in sorted(grouped.items())]


def lock_with_items(reservation_id: int) -> tuple[Gate, Reservation, list[HeldItem]]:
    """The gates of all that a reservation holds, then the reservation, then its items read again.

    Raises StartAgain when it came to hold something else meanwhile, NotFound when there is no such reservation.
    """
    keys = {item.key for item in held_items(reservation_id=reservation_id)}
    gate = lock_stock(keys)
    reservation = lock_reservations([reservation_id])[reservation_id]
    items = held_items(reservation_id=reservation_id)
    if not {item.key for item in items} <= keys:
        raise StartAgain
    return gate, reservation, items


def _close(reservation_id: int, status: ReservationStatus, reason: str, actor: Actor) -> Reservation:
    gate, reservation, items = lock_with_items(reservation_id)
    if reservation.status == ReservationStatus.FULFILLED and status == ReservationStatus.RELEASED:
        raise TransitionRefused(f"{reservation} is fulfilled: the goods have left.", status=reservation.status)
    if reservation.status != ReservationStatus.ACTIVE:
        return reservation
    if status == ReservationStatus.EXPIRED and (
        reservation.expires_at is None or reservation.expires_at > timezone.now() or reservation.started_at is not None
    ):
        return reservation
    release_held(gate, reservation, items, reason, actor)
    set_status(reservation, status, reason)
    return reservation


def release_held(gate: Gate, reservation: Reservation, items: Sequence[HeldItem], reason: str, actor: Actor) -> None:
    """Take back so much of these items of a locked reservation, behind the gates: ledger, items, events."""
    if not items:
        return
    quantities: dict[StockKey, Decimal] = defaultdict(Decimal)
    for item in items:
        quantities[item.key] += item.held
    released = [
        Event(
            events.INVENTORY_RELEASED,
            "reservation",
            reservation.pk,
            {"reservation_id": reservation.pk, "reason": reason, **_named(gate[key], reservation.order_ref, quantity)},
        )
        for key, quantity in quantities.items()
    ]
    facts = {"reservation_id": reservation.pk, "order_ref": reservation.order_ref, "order_id": reservation.order_ref.partition(":")[2]}
    closed = Event(events.RESERVATION_RELEASED, "reservation", reservation.pk, {**facts, "reason": reason})
    header = Header(
        actor=actor,
        fact=events.STOCK_RELEASED,
        document_type=DocumentType.RESERVATION,
        document_id=reservation.pk,
        order_ref=reservation.order_ref,
        reservation_id=reservation.pk,
        reason=reason,
    )
    post([Entry(item.batch_location_id, MovementType.RELEASE, ZERO, -item.held) for item in items], header, [*released, closed])
    _update_items({item.id: (ZERO, item.held, None) for item in items})


def _update_items(changes: Mapping[int, tuple[Decimal, Decimal, Decimal | None]]) -> None:
    """Write what was consumed, released and actual, by item."""
    rows = list(ReservationItem.objects.filter(pk__in=changes))
    for row in rows:
        consumed, released, actual = changes[row.pk]
        row.consumed += consumed
        row.released += released
        row.actual = row.actual if actual is None else actual
    ReservationItem.objects.bulk_update(rows, ["consumed", "released", "actual"])


def set_status(reservation: Reservation, status: ReservationStatus, reason: str) -> None:
    """Close a locked reservation that holds nothing any more."""
    reservation.status = status
    reservation.reason = reason or reservation.reason
    reservation.closed_at = timezone.now()
    reservation.version += 1
    reservation.save(update_fields=["status", "reason", "closed_at", "version"])


def _anything_consumed(reservation: Reservation) -> bool:
    return reservation.items.filter(consumed__gt=0).exists()


def _actual_quantities(items: Sequence[HeldItem], actual: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """What really leaves, by item. Raises for items that are not of this reservation, off the step, too much, or not free."""
    unknown = set(actual) - {item.id for item in items}
    if unknown:
        raise ValidationFailed(f"These items are not held by the reservation: {sorted(unknown)}.", items=sorted(unknown))
    if not actual:
        return {item.id: item.held for item in items}
    products = Product.objects.in_bulk({item.product_id for item in items if item.id in actual})
    for item in items:
        if item.id in actual:
            product = products[item.product_id]
            require_step(actual[item.id], product.quantity_step, sku=product.sku, field="actual")
    surplus = {item.batch_location_id for item in items if actual.get(item.id, ZERO) > item.held}
    free = dict(BatchLocation.objects.filter(pk__in=surplus).values_list("pk", F("quantity") - F("reserved")))
    result = {}
    for item in items:
        weight = actual.get(item.id, item.held)
        if item.id in actual:
            product = products[item.product_id]
            more = weight - item.held
            if more > product.weight_tolerance:
                raise ValidationFailed(
                    f"{product.sku}: {weight.normalize():f} is {more.normalize():f} more than promised; the tolerance is {product.weight_tolerance.normalize():f}.",
                    item=item.id,
                )
            if more > 0:
                if free[item.batch_location_id] < more:
                    shortage = Shortage(product.pk, product.sku, item.warehouse_id, more, free[item.batch_location_id])
                    raise InsufficientStock([shortage])
                free[item.batch_location_id] -= more
        result[item.id] = weight
    return result
