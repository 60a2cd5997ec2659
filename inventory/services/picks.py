"""Goods on their way out of a shelf for an order, and back to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.utils import timezone

from inventory.enums import DocumentType, LocationKind, MovementType
from inventory.errors import PlaceNotAllowed, TooLongOut, UnfitNow
from inventory.locks import lock_reservation_item
from inventory.models import BatchLocation, ReservationItem
from inventory.services.moving import BENCHES, ON_THE_WAY, places_within, shift
from inventory.services.overrides import less_promised
from inventory.services.promises import require_active
from inventory.stock import fefo
from inventory.stock.gate import LockedStock, StockKey, lock_stock
from inventory.stock.place import bring, clock_of, lives_of
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation

_WRITE = """
    WITH item AS (UPDATE inventory_reservationitem SET quantity = %(quantity)s, batch_location_id = %(place)s WHERE id = %(item)s)
    UPDATE inventory_reservation SET version = %(version)s, started_at = %(started_at)s WHERE id = %(reservation)s
"""


@dataclass(frozen=True, slots=True)
class PickedItem:
    """The part of a promise that lies on the bench now; `remaining_item_id` is what is left of the item on the shelf."""

    item_id: int
    batch_location_id: int
    remaining_item_id: int | None


@operation(Role.PICKER)
def pick_reserved(
    item_id: int,
    quantity: Decimal,
    *,
    warehouse_id: int,
    product_id: int,
    to_location_id: int,
    document_type: DocumentType,
    document_id: int,
    actor: Actor,
) -> PickedItem:
    """Move promised goods, and the promise with them, from the shelf to a bench: ledger `pick`, two lines.

    `warehouse_id` and `product_id` are those of the item; they name the gate, which is taken first. Picking one's own promise needs only that the goods
    are fit now. From the first pick the reservation never expires. Raises PromiseMoved when other goods are promised instead by now, Conflict when the item
    holds less, UnfitNow when the goods may not leave.
    """
    stock, item = _lock_promised(item_id, quantity, StockKey(warehouse_id, product_id))
    source = item.batch_location
    if item.held < quantity:
        raise less_promised(item, quantity)
    _require_fit(source, stock)
    target = _bring(source, to_location_id, actor)
    item.reservation.started_at = item.reservation.started_at or timezone.now()
    picked = _split_item(item, quantity, target)
    header = Header(
        actor=actor,
        document_type=document_type,
        document_id=document_id,
        order_ref=item.reservation.order_ref,
        reservation_id=item.reservation_id,
    )
    post([Entry(source.pk, MovementType.PICK, -quantity, -quantity), Entry(target, MovementType.PICK, quantity, quantity)], header)
    return PickedItem(picked.pk, target, None if picked is item else item.pk)


@dataclass(frozen=True, slots=True)
class UnpickedItem:
    """Where goods lie after their pick was undone, and what holds them there."""

    item_id: int
    batch_id: int
    batch_location_id: int


@operation(Role.PICKER)
def unpick_reserved(
    item_id: int,
    quantity: Decimal,
    *,
    warehouse_id: int,
    product_id: int,
    to_location_id: int,
    document_type: DocumentType,
    document_id: int,
    actor: Actor,
    shelf_item_id: int | None = None,
    out_since: datetime | None = None,
) -> UnpickedItem:
    """Move picked goods, and the promise with them, from the bench back to a shelf: ledger `put_back`, two lines. They stay promised.

    `item_id` holds them on the bench; `shelf_item_id` is what the promise still holds on the shelf: where both meet in one BatchLocation they become one.
    `out_since` as in `put_back`. (Goods that kept worse on the bench come back as a lot of their own, and are held apart.) Takes the gate, then the
    reservation. Raises Conflict when the item holds less or lies on no bench, TransitionRefused for a closed reservation, PlaceNotAllowed when the shelf
    was closed, TooLongOut.
    """
    stock, item = _lock_promised(item_id, quantity, StockKey(warehouse_id, product_id))
    source = item.batch_location
    if source.location.kind not in BENCHES or item.held < quantity:
        held = item.held if source.location.kind in BENCHES else ZERO
        raise Conflict(f"Only {plain(held)} of {stock.sku} still lie on the bench for it, not {plain(quantity)}.", held=str(held))
    _require_cold(source, out_since)
    target = _bring(source, to_location_id, actor, out_since)
    kept = _rejoin(item, quantity, target, shelf_item_id)
    header = Header(
        actor=actor,
        document_type=document_type,
        document_id=document_id,
        order_ref=item.reservation.order_ref,
        reservation_id=item.reservation_id,
    )
    post([Entry(source.pk, MovementType.PUT_BACK, -quantity, -quantity), Entry(target, MovementType.PUT_BACK, quantity, quantity)], header)
    batch_id = BatchLocation.objects.values_list("batch_id", flat=True).get(pk=target)
    return UnpickedItem(kept.pk, batch_id, target)


@operation(Role.PICKER)
def put_back(
    batch_location_id: int,
    quantity: Decimal,
    *,
    warehouse_id: int,
    product_id: int,
    to_location_id: int,
    document_id: int,
    actor: Actor,
    out_since: datetime | None = None,
    reason: str = "",
) -> int:
    """Move goods that nobody is promised any more from a bench to a shelf, or to quarantine: ledger `put_back`, two lines, event inventory.moved.

    `out_since`: when they left the shelf; the time on the bench is charged to them at what the bench is really like. Takes the gate. Returns the
    BatchLocation they lie in now. Raises PlaceNotAllowed for goods that lie on no bench (quarantine is none) and for a place where the product may not
    live, TooLongOut for a shelf when they may only go to quarantine, InsufficientStock when less is free on the bench.
    """
    key = StockKey(warehouse_id, product_id)
    gate = lock_stock([key])
    source = BatchLocation.objects.select_related("batch__product", "location").filter(pk=batch_location_id).first()
    if source is None or StockKey(source.warehouse_id, source.product_id) != key:
        raise NotFound(f"There is no place {batch_location_id} of this product in this warehouse.")
    if source.location.kind not in BENCHES:
        raise PlaceNotAllowed(
            f"{source.location} is no bench: goods there are not put back, but moved or written off.", location=source.location.code
        )
    (target,) = places_within([(source, to_location_id)])
    if target.kind in ON_THE_WAY:
        raise PlaceNotAllowed(f"{target} is a {target.get_kind_display()}: bring the goods to a shelf, or to quarantine.", location=target.code)
    if target.kind != LocationKind.QUARANTINE:
        _require_cold(source, out_since)
    header = Header(actor=actor, document_type=DocumentType.PUT_BACK, document_id=document_id, reason=reason)
    goods = [(source, quantity, target)]
    return shift(gate, goods, MovementType.PUT_BACK, MovementType.PUT_BACK, header, out_since=out_since)[0]


def _lock_promised(item_id: int, quantity: Decimal, key: StockKey) -> tuple[LockedStock, ReservationItem]:
    """The gate, then the item of an active promise that so much of may be moved. Raises ValidationFailed, TransitionRefused."""
    gate = lock_stock([key])
    item = lock_reservation_item(item_id)
    if StockKey(item.batch_location.warehouse_id, item.batch_location.product_id) != key:
        raise ValidationFailed(f"Reservation item {item_id} is not of this product in this warehouse.", item=item_id)
    require_active(item.reservation)
    require_step(quantity, gate[key].quantity_step, sku=gate[key].sku, zero_allowed=False)
    return gate[key], item


def _require_cold(source: BatchLocation, out_since: datetime | None) -> None:
    """Raise TooLongOut for goods that have lain for too long where they have no life."""
    place, limit = source.location, timedelta(minutes=settings.COLD_CHAIN_LIMIT_MINUTES)
    if out_since is None or place.condition or timezone.now() - out_since <= limit:
        return
    if lives_of([source.batch])[source.batch_id].endures(clock_of(source), place.exposure, source.phase):
        return
    minutes = int((timezone.now() - out_since).total_seconds() // 60)
    raise TooLongOut(
        f"{source.batch.product.sku} has been {minutes} minutes on {place} ({place.get_exposure_display()}), where it can't live; at most "
        f"{settings.COLD_CHAIN_LIMIT_MINUTES} are allowed. Bring it to quarantine.",
        minutes=minutes,
        limit=settings.COLD_CHAIN_LIMIT_MINUTES,
        location=place.code,
    )


def _require_fit(source: BatchLocation, stock: LockedStock) -> None:
    reason = fefo.unfit(fefo.Judged(source.effective_expires_at, source.blocked_reason), timezone.now(), stock.min_remaining_days)
    if reason is not None:
        raise UnfitNow(f"{stock.sku}, {source.batch} in {source.location}: {reason}. Report it short.", reason=reason, batch_location=source.pk)


def _bring(source: BatchLocation, to_location_id: int, actor: Actor, out_since: datetime | None = None) -> int:
    """Make the place for goods of `source` in another location of the same warehouse, with the clock they bring; returns its id."""
    (target,) = places_within([(source, to_location_id)])
    return bring([(source, target)], actor=actor, out_since=out_since)[0]


def _split_item(item: ReservationItem, quantity: Decimal, batch_location_id: int) -> ReservationItem:
    """Let the promise follow the goods: the whole item, or a new item for the part that moved."""
    if quantity == item.held and not item.consumed and not item.released:
        item.batch_location_id = batch_location_id
        _write(item)
        return item
    item.quantity -= quantity
    _write(item)
    return ReservationItem.objects.create(
        reservation_id=item.reservation_id, batch_location_id=batch_location_id, product_id=item.product_id, quantity=quantity
    )


def _rejoin(item: ReservationItem, quantity: Decimal, batch_location_id: int, shelf_item_id: int | None) -> ReservationItem:
    """Let the promise follow the goods back: into what it still holds there, else as `_split_item`."""
    there = ReservationItem.objects.filter(reservation=item.reservation_id, batch_location=batch_location_id)
    shelf = there.filter(pk=shelf_item_id).first() if shelf_item_id is not None else None
    if shelf is None:
        return _split_item(item, quantity, batch_location_id)
    if quantity == item.quantity:
        item.delete()
    else:
        item.quantity -= quantity
        item.save(update_fields=["quantity"])
    shelf.quantity += quantity
    shelf.reservation = item.reservation
    _write(shelf)
    return shelf


def _write(item: ReservationItem) -> None:
    """Write an item, and that its locked reservation has changed, in one statement: a pick has few to spend."""
    item.reservation.version += 1
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "item": item.pk,
                "quantity": item.quantity,
                "place": item.batch_location_id,
                "reservation": item.reservation_id,
                "version": item.reservation.version,
                "started_at": item.reservation.started_at,
            },
        )
