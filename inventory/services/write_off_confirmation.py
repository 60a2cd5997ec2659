"""The moment when written-off goods leave the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.conf import settings
from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, LocationKind, MovementType, WriteOffOrigin
from inventory.errors import InsufficientStock, Shortage
from inventory.locks import lock_write_off, share_batches
from inventory.models import BatchLocation, WriteOff, WriteOffItem
from inventory.queries.stock import require_own_site
from inventory.queries.transfers import claimed_in_transit
from inventory.services.reallocation import free_up
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event


@operation(Role.RECEIVER, Role.SELLER)
def confirm_write_off(write_off_id: int, *, actor: Actor, expected_version: int | None = None) -> WriteOff:
    """Take the goods off the books, or, when their value in a currency is above WRITE_OFF_APPROVAL_LIMIT and the actor is no manager, ask for approval:
    then nothing is booked and the document is `awaiting_approval`. What a return writes off needs no approval.

    Locks the document, the batches FOR SHARE, then the gates, then the reservations that give way. Ledger `write_off`; events
    inventory.writeOff.confirmed, stock.changed, and stock.reallocated for promises that moved. Raises InsufficientStock naming every place where less
    lies, GoodsPromised with the reservations in the way, StaleVersion, TransitionRefused. The number of statements does not grow with the lines, only
    with the reservations that give way.
    """
    write_off = lock_write_off(write_off_id, expected_version)
    require_own_site(write_off.warehouse_id, actor)
    items = lines_of(write_off)
    if needs_approval(write_off, items):
        if not actor.may(frozenset()):
            take(write_off, "submit")
            write_off.save_changes("status")
            return write_off
        write_off.approved_by_id = actor.user_id
    take(write_off, "confirm")
    return _book(write_off, items, actor)


@operation()
def approve_write_off(write_off_id: int, *, actor: Actor, expected_version: int | None = None) -> WriteOff:
    """A manager agrees to a write-off above the limit, and the goods leave: locks, events and refusals as `confirm_write_off`. Keeps who agreed."""
    write_off = lock_write_off(write_off_id, expected_version)
    take(write_off, "approve")
    write_off.approved_by_id = actor.user_id
    return _book(write_off, lines_of(write_off), actor)


def lines_of(write_off: WriteOff) -> list[WriteOffItem]:
    """The lines with what they name, in their order. Raises ValidationFailed when there is none."""
    items = list(write_off.items.select_related("product", "batch", "batch_location__location").order_by("pk"))
    if not items:
        raise ValidationFailed(f"{write_off} has no lines. Add what is to be written off, or cancel it.")
    return items


def value_of(items: Iterable[WriteOffItem]) -> dict[str, Decimal]:
    """What the goods cost, by currency."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for item in items:
        totals[item.currency] += item.value
    return dict(sorted(totals.items()))


def needs_approval(write_off: WriteOff, items: Iterable[WriteOffItem]) -> bool:
    """Whether a manager must agree. A return's own write-off is exempt: whoever completed the return has decided it."""
    return write_off.origin != WriteOffOrigin.RETURN and any(value > settings.WRITE_OFF_APPROVAL_LIMIT for value in value_of(items).values())


def _book(write_off: WriteOff, items: Sequence[WriteOffItem], actor: Actor) -> WriteOff:
    share_batches(item.batch_id for item in items)
    gate = lock_stock({StockKey(write_off.warehouse_id, item.product_id) for item in items})
    leaving: dict[int, Decimal] = defaultdict(Decimal)
    for item in items:
        require_step(item.quantity, item.product.quantity_step, sku=item.product.sku, zero_allowed=False)
        leaving[item.batch_location_id] += item.quantity
    places = BatchLocation.objects.in_bulk(list(leaving))
    _require_there(write_off, items, leaving, places)
    reasons = ", ".join(sorted({item.get_reason_display() for item in items}))
    needs = {pk: leaving[pk] - (place.quantity - place.reserved) for pk, place in places.items()}
    free_up(gate, needs, reason="WRITE_OFF", actor=actor, release=write_off.release_reservations, leaving=leaving)
    header = Header(actor=actor, document_type=DocumentType.WRITE_OFF, document_id=write_off.pk, reason=reasons)
    entries = [Entry(item.batch_location_id, MovementType.WRITE_OFF, -item.quantity, ZERO) for item in items]
    post(entries, header, [_confirmed(write_off, items, gate)])
    write_off.confirmed_at = timezone.now()
    write_off.save_changes("status", "confirmed_at", "approved_by")
    return write_off


def _require_there(write_off: WriteOff, items: Sequence[WriteOffItem], leaving: Mapping[int, Decimal], places: Mapping[int, BatchLocation]) -> None:
    """Raise InsufficientStock naming every place where less lies than is to leave. What a transfer carries is written off by receiving less of it."""
    named = {item.batch_location_id: item for item in items}
    carried = [pk for pk, item in named.items() if item.batch_location.location.kind == LocationKind.TRANSIT]
    claimed = claimed_in_transit(carried)
    short = []
    for pk, quantity in leaving.items():
        there = places[pk].quantity - claimed.get(pk, ZERO)
        if there < quantity:
            item = named[pk]
            where = {"batch_location": pk, "location": item.batch_location.location.code, "lot": item.batch.lot_number, "there": plain(there)}
            if pk in claimed:
                where["reason"] = "a transfer carries the rest: receive less of it"
            short.append(Shortage(item.product_id, item.product.sku, write_off.warehouse_id, quantity, there, (where,)))
    if short:
        raise InsufficientStock(short)


def _confirmed(write_off: WriteOff, items: Sequence[WriteOffItem], gate: Gate) -> Event:
    told = [
        {
            "sku": item.product.sku,
            "listing_id": gate[StockKey(write_off.warehouse_id, item.product_id)].listing_id,
            "lot": item.batch.lot_number,
            "location": item.batch_location.location.code,
            "quantity": plain(item.quantity),
            "reason": item.reason,
            "value": plain(item.value),
            "currency": item.currency,
        }
        for item in items
    ]
    facts = {
        "write_off_id": write_off.pk,
        "number": write_off.number,
        "warehouse_id": write_off.warehouse.external_id,
        "origin": write_off.origin,
        "items": told,
        "value": {currency: plain(value) for currency, value in value_of(items).items()},
    }
    return Event(events.WRITE_OFF_CONFIRMED, "write_off", write_off.pk, facts)
