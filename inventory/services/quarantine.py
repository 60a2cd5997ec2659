"""Picked goods that may not go to the customer: off the bench, out of the promise, into quarantine; and other goods promised instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from inventory.enums import DocumentType, LocationKind, MovementType
from inventory.errors import PlaceNotAllowed
from inventory.locks import share_batches
from inventory.models import BatchLocation, Location, Reservation
from inventory.queries.locations import default_location
from inventory.queries.lot_families import made_of
from inventory.queries.promises import HeldItem, Holder, held_items
from inventory.services.moving import BENCHES, shift
from inventory.services.promises import lock_with_items, require_active
from inventory.services.reallocation import Seizure, free_elsewhere, keep_moved, plan_elsewhere, post_moved, release_missing
from inventory.stock.gate import Gate
from inventory.stock.post import Header
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Where the goods lie now, free: by the BatchLocation that they came from. What could not be promised instead of them: by product."""

    places: Mapping[int, int]
    missing: Mapping[int, Decimal]


@operation(Role.PACKER)
def quarantine_picked(
    reservation_id: int,
    quantities: Mapping[int, Decimal],
    *,
    reason: str,
    document_type: DocumentType,
    document_id: int,
    actor: Actor,
    avoid_batches: Collection[int] = (),
) -> Quarantined:
    """Take so much of these items of a reservation, which were picked, off the bench into the quarantine of their warehouse, and promise other goods of the
    same products instead, by the order of leaving, as far as there are some.

    Nothing of `avoid_batches`, nor of what was made of them, is promised. A promise whose picking has begun changes too: its own inspector asks. Shares
    the batches, takes the gates of the reservation, then the reservation. Ledger `release` (and `reservation` for what is promised instead),
    `transfer_out`, `transfer_in`; events stock.reallocated for each part that moved, those of a release for the rest, inventory.moved. The number of
    statements does not grow with the items. Raises Conflict when an item holds less, PlaceNotAllowed for goods that lie on no bench, NotFound when there is
    no quarantine, TransitionRefused for a closed reservation.
    """
    share_batches({item.batch_id for item in held_items(reservation_id=reservation_id) if item.id in quantities})
    gate, reservation, items = lock_with_items(reservation_id)
    lost = _require_there(reservation, items, quantities, gate)
    seizures = _promise_others(gate, reservation, lost, quantities, made_of(avoid_batches) if avoid_batches else (), reason, actor)
    leaving: dict[int, Decimal] = defaultdict(Decimal)
    for item in lost:
        leaving[item.batch_location_id] += quantities[item.id]
    header = Header(
        actor=actor,
        document_type=document_type,
        document_id=document_id,
        order_ref=reservation.order_ref,
        reservation_id=reservation.pk,
        reason=reason,
    )
    places = _shut_away(gate, reservation, leaving, header)
    missing: dict[int, Decimal] = defaultdict(Decimal)
    for seizure in seizures:
        if seizure.missing:
            missing[seizure.holder.product_id] += seizure.missing
    return Quarantined(places, missing)


def _require_there(reservation: Reservation, items: Sequence[HeldItem], quantities: Mapping[int, Decimal], gate: Gate) -> list[HeldItem]:
    require_active(reservation)
    held = {item.id: item for item in items}
    for item_id, quantity in quantities.items():
        there = held[item_id].held if item_id in held else ZERO
        if item_id not in held or there < quantity:
            raise Conflict(f"Reservation item {item_id} holds {plain(there)}, not {plain(quantity)}.", item=item_id, held=str(there))
        stock = gate[held[item_id].key]
        require_step(quantity, stock.quantity_step, sku=stock.sku, zero_allowed=False)
    lost = [held[item_id] for item_id in sorted(quantities)]
    elsewhere = Location.objects.filter(pk__in={item.location_id for item in lost}).exclude(kind__in=BENCHES)
    if elsewhere:
        names = ", ".join(str(place) for place in elsewhere)
        raise PlaceNotAllowed(f"{names} is no bench: these goods were not picked.", errors=[{"location": place.code} for place in elsewhere])
    return lost


def _promise_others(
    gate: Gate,
    reservation: Reservation,
    lost: Sequence[HeldItem],
    quantities: Mapping[int, Decimal],
    avoid: Collection[int],
    reason: str,
    actor: Actor,
) -> list[Seizure]:
    seizures = [Seizure(_holder(reservation, item), quantities[item.id]) for item in lost]
    concerned = {item.key: gate[item.key] for item in lost}
    free = free_elsewhere(concerned, {item.batch_location_id for item in lost}, avoid, {})
    reservation.explanation += plan_elsewhere(seizures, free, gate, reason)
    post_moved(seizures, reservation, reason, actor)
    keep_moved(seizures, {reservation.pk: reservation}, reason, actor)
    release_missing(seizures, {reservation.pk: reservation}, gate, reason, actor)
    return seizures


def _holder(reservation: Reservation, item: HeldItem) -> Holder:
    return Holder(
        item.id,
        reservation.pk,
        reservation.order_ref,
        item.warehouse_id,
        item.product_id,
        item.batch_location_id,
        item.held,
        True,
        item.min_remaining_days,
        item.ship_at,
    )


def _shut_away(gate: Gate, reservation: Reservation, leaving: Mapping[int, Decimal], header: Header) -> dict[int, int]:
    """Move goods that are free by now to quarantine; returns where they lie, by where they came from."""
    quarantine = Location.objects.get(pk=default_location(reservation.warehouse_id, LocationKind.QUARANTINE))
    rows = list(BatchLocation.objects.select_related("batch__product", "location").filter(pk__in=leaving).order_by("pk"))
    goods = [(row, leaving[row.pk], quarantine) for row in rows]
    spots = shift(gate, goods, MovementType.TRANSFER_OUT, MovementType.TRANSFER_IN, header)
    return {row.pk: spot for row, spot in zip(rows, spots, strict=True)}
