"""What every operation on promises is made of: planning, writing, reading again under the locks, taking back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, MovementType, ReservationStatus
from inventory.errors import InsufficientStock, Shortage
from inventory.locks import lock_reservations
from inventory.models import Product, Reservation, ReservationItem
from inventory.queries.order_lines import OrderedLine
from inventory.queries.promises import HeldItem, Reserved, ReservedItem, held_items
from inventory.stock import fefo
from inventory.stock.gate import Gate, LockedStock, StockKey, lock_stock
from inventory.stock.post import Entry, Header, NewReservation, post, post_reservation
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, TransitionRefused
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import StartAgain, lost_race_on
from warehouse.outbox.events import Event

# Two that promise to the same order at once: the second one starts again and finds the first one's promise.
lost_race_on(["one_active_reservation_per_order"])


def start_again_if_promised(order_refs: Iterable[str], warehouse_id: int | None = None) -> None:
    """Called when there is not enough for an order that had no promise before the gates: what is missing may be what it was promised meanwhile."""
    if any(warehouse_id in (None, item.warehouse_id) for item in held_items(order_refs=order_refs)):
        raise StartAgain


def promise(
    order_ref: str,
    warehouse_id: int,
    plan: fefo.Plan,
    gate: Gate,
    *,
    actor: Actor,
    listings: Mapping[int, str],
    expires_at: datetime | None = None,
    confirmed: bool = False,
) -> Reserved:
    """Write a planned promise of one warehouse behind its gates: one statement. `listings` are the names that the order's own lines use."""
    entries = [Entry(a.candidate.batch_location_id, MovementType.RESERVATION, ZERO, a.quantity) for a in plan.allocations]
    header = Header(actor=actor, fact=events.STOCK_RESERVED, document_type=DocumentType.RESERVATION, order_ref=order_ref)
    reservation = NewReservation(order_ref, warehouse_id, expires_at, plan.explanation, confirmed)
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
        "quantity": plain(quantity),
        "order_id": order_ref.partition(":")[2],
        "order_ref": order_ref,
        "product_id": stock.product_id,
    }


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


def require_active(reservation: Reservation) -> None:
    """Raise TransitionRefused when the locked reservation promises nothing any more."""
    if reservation.status != ReservationStatus.ACTIVE:
        raise TransitionRefused(f"{reservation} is {reservation.status}: nothing is promised by it any more.", status=reservation.status)


def require_owner(reservation: Reservation, *, for_order: bool) -> None:
    """Raise Conflict when the promise belongs to a confirmed order and the caller does not act for that order's fulfilment."""
    if reservation.confirmed_at is not None and not for_order:
        raise Conflict(
            f"{reservation} belongs to a confirmed order. Cancel the order, or its picking task, instead.", order_ref=reservation.order_ref
        )


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
    parts = [{"reservation_item": item.id, "product_id": item.product_id, "quantity": plain(item.held)} for item in items]
    closed = Event(events.RESERVATION_RELEASED, "reservation", reservation.pk, {**facts, "reason": reason, "items": parts})
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
    update_items({item.id: (ZERO, item.held, None) for item in items})


def update_items(changes: Mapping[int, tuple[Decimal, Decimal, Decimal | None]]) -> None:
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
    reservation.save_changes("status", "reason", "closed_at")
