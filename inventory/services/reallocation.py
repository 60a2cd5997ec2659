"""Promises that must move to other goods: those they lie on are taken, held back, or not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, MovementType, ReservationStatus
from inventory.errors import GoodsPromised
from inventory.locks import lock_reservations
from inventory.models import BatchLocation, Reservation, ReservationItem
from inventory.queries.promises import Holder, holders_of, items_of_reservations
from inventory.queries.stock import stock_facts
from inventory.services.promises import release_held, set_status, update_items
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor
from warehouse.core.quantities import ZERO, plain
from warehouse.core.transactions import StartAgain
from warehouse.outbox.events import Event, publish


@dataclass(frozen=True, slots=True)
class Moved:
    """A part of a promise that lies on other goods now."""

    item_id: int
    batch_location_id: int
    quantity: Decimal


@dataclass(slots=True)
class Seizure:
    """What was taken from a promise, where it went, and what could not be promised anew."""

    holder: Holder
    quantity: Decimal
    moved: list[Moved] = field(default_factory=list)

    @property
    def missing(self) -> Decimal:
        return self.quantity - sum((part.quantity for part in self.moved), ZERO)


def free_up(
    gate: Gate,
    needs: Mapping[int, Decimal],
    *,
    reason: str,
    actor: Actor,
    release: bool = True,
    avoid_batches: Collection[int] = (),
    leaving: Mapping[int, Decimal] | None = None,
) -> list[Seizure]:
    """Make so much of these BatchLocations free, by id, behind their gates: the newest promises give way first and are promised other goods, by FEFO,
    where there are some. `avoid_batches` are not promised anew, nor what is `leaving` the other places, by id, in the same operation.

    A promise whose picking has started is never taken, nor any without `release`: raises GoodsPromised with the reservations in the way. Locks the
    reservations. Writes the ledger (`release`, `reservation`) and stock.reallocated per promise moved; for what is missing the events of a release.
    """
    needed = {place: quantity for place, quantity in needs.items() if quantity > 0}
    if not needed:
        return []
    seizures = _choose(needed, release)
    reservations = lock_reservations({seizure.holder.reservation_id for seizure in seizures})
    if any(reservation.started_at is not None for reservation in reservations.values()):
        raise StartAgain  # picked of another product while we waited for it
    free = free_elsewhere(gate, needed, avoid_batches, leaving or {})
    for reservation in reservations.values():
        mine = [seizure for seizure in seizures if seizure.holder.reservation_id == reservation.pk]
        reservation.explanation += plan_elsewhere(mine, free, gate, reason)
        post_moved(mine, reservation, reason, actor)
    keep_moved(seizures, reservations, reason, actor)
    release_missing(seizures, reservations, gate, reason, actor)
    return seizures


def _choose(needed: Mapping[int, Decimal], release: bool) -> list[Seizure]:
    """Whose promises give way: the newest first, none that is being picked."""
    missing = dict(needed)
    chosen: list[Seizure] = []
    in_the_way: list[dict[str, Any]] = []
    for holder in holders_of(needed):
        quantity = min(holder.held, missing[holder.batch_location_id])
        if quantity <= 0:
            continue
        if holder.started or not release:
            in_the_way.append(
                {
                    "reservation": holder.reservation_id,
                    "order_ref": holder.order_ref,
                    "quantity": plain(holder.held),
                    "picking_started": holder.started,
                }
            )
        else:
            missing[holder.batch_location_id] -= quantity
            chosen.append(Seizure(holder, quantity))
    if any(quantity > 0 for quantity in missing.values()):
        orders = ", ".join(sorted({entry["order_ref"] for entry in in_the_way})) or "nobody we know"
        hint = "Their picking has begun: cancel or short those tasks first." if release else "Release them, or say that reservations may be released."
        raise GoodsPromised(f"These goods are promised to {orders}. {hint}", errors=in_the_way)
    return chosen


def free_elsewhere(gate: Gate, needed: Collection[int], avoid_batches: Collection[int], leaving: Mapping[int, Decimal]) -> dict[int, fefo.Candidate]:
    """What may be promised instead, by place."""
    rest = (c._replace(free=c.free - leaving.get(c.batch_location_id, ZERO)) for c in read_candidates(gate))
    return {c.batch_location_id: c for c in rest if c.free > 0 and c.batch_location_id not in needed and c.batch_id not in avoid_batches}


def ship_at_of(holder: Holder) -> datetime:
    """When the promise is to leave: as it was made for, or now."""
    return max(timezone.now(), holder.ship_at or timezone.now())


def plan_elsewhere(seizures: Sequence[Seizure], free: dict[int, fefo.Candidate], gate: Gate, reason: str) -> list[dict[str, Any]]:
    """Find other goods for these promises of one reservation, by FEFO; what is taken leaves `free`. Returns the explanations."""
    told: list[dict[str, Any]] = []
    for seizure in seizures:
        key = seizure.holder.key
        wanted = fefo.Wanted(key.warehouse_id, key.product_id, seizure.quantity, seizure.holder.min_remaining_days)
        candidates = [candidate for candidate in free.values() if (candidate.warehouse_id, candidate.product_id) == key]
        plan = fefo.plan(candidates, [wanted], {key.product_id: gate[key].rules}, ship_at_of(seizure.holder))
        told += [{**line, "reallocated": reason, "instead_of": seizure.holder.batch_location_id} for line in plan.explanation]
        for candidate, quantity in plan.allocations:
            seizure.moved.append(Moved(0, candidate.batch_location_id, quantity))
            if candidate.free == quantity:
                del free[candidate.batch_location_id]
            else:
                free[candidate.batch_location_id] = candidate._replace(free=candidate.free - quantity)
    return told


def post_moved(seizures: Sequence[Seizure], reservation: Reservation, reason: str, actor: Actor) -> None:
    """The ledger lines of one reservation's promises that move: they name it, so each reservation has a posting of its own."""
    entries = []
    for seizure in seizures:
        if seizure.moved:
            entries.append(Entry(seizure.holder.batch_location_id, MovementType.RELEASE, ZERO, seizure.missing - seizure.quantity))
            entries += [Entry(part.batch_location_id, MovementType.RESERVATION, ZERO, part.quantity) for part in seizure.moved]
    header = Header(
        actor=actor,
        document_type=DocumentType.RESERVATION,
        document_id=reservation.pk,
        order_ref=reservation.order_ref,
        reservation_id=reservation.pk,
        reason=reason,
    )
    post(entries, header)


def keep_moved(seizures: Sequence[Seizure], reservations: Mapping[int, Reservation], reason: str, actor: Actor) -> None:
    """Write the items that moved, why, and the events."""
    for reservation in reservations.values():
        reservation.version += 1
    Reservation.objects.bulk_update(reservations.values(), ["explanation", "version"])
    moved = [seizure for seizure in seizures if seizure.moved]
    if not moved:
        return
    released: dict[int, Decimal] = defaultdict(Decimal)
    for seizure in moved:
        released[seizure.holder.item_id] += seizure.quantity - seizure.missing
    update_items({item: (ZERO, quantity, None) for item, quantity in released.items()})
    fresh = [
        ReservationItem(
            reservation_id=seizure.holder.reservation_id,
            batch_location_id=part.batch_location_id,
            product_id=seizure.holder.product_id,
            quantity=part.quantity,
        )
        for seizure in moved
        for part in seizure.moved
    ]
    new = iter(ReservationItem.objects.bulk_create(fresh))
    for seizure in moved:
        seizure.moved = [Moved(next(new).pk, part.batch_location_id, part.quantity) for part in seizure.moved]
    publish(_moved_events(moved, reason), actor=actor)


def release_missing(seizures: Sequence[Seizure], reservations: Mapping[int, Reservation], gate: Gate, reason: str, actor: Actor) -> None:
    """Take back what could not be promised anew; a reservation that holds nothing any more is released."""
    missing = {seizure.holder.item_id: seizure.missing for seizure in seizures if seizure.missing}
    if not missing:
        return
    held = items_of_reservations(reservations)
    for reservation in reservations.values():
        mine = [item for item in held if item.reservation_id == reservation.pk]
        taken = [item._replace(held=missing[item.id]) for item in mine if item.id in missing]
        release_held(gate, reservation, taken, reason, actor)
        if sum((item.held for item in mine), ZERO) == sum((item.held for item in taken), ZERO):
            set_status(reservation, ReservationStatus.RELEASED, reason)


def _moved_events(seizures: Sequence[Seizure], reason: str) -> list[Event]:
    facts = stock_facts({seizure.holder.key for seizure in seizures})
    ids = {seizure.holder.batch_location_id for seizure in seizures} | {part.batch_location_id for s in seizures for part in s.moved}
    places = {row.pk: row for row in BatchLocation.objects.filter(pk__in=ids).select_related("batch", "location")}

    def told(item_id: int, place_id: int) -> dict[str, Any]:
        row = places[place_id]
        return {
            "reservation_item": item_id,
            "batch_location": place_id,
            "batch": row.batch_id,
            "lot": row.batch.lot_number,
            "location": row.location_id,
            "location_code": row.location.code,
        }

    return [
        Event(
            events.STOCK_REALLOCATED,
            "stock",
            facts[seizure.holder.key]["stock_id"],
            {
                **facts[seizure.holder.key],
                "reservation_id": seizure.holder.reservation_id,
                "reservation_item": seizure.holder.item_id,
                "order_ref": seizure.holder.order_ref,
                "quantity": plain(part.quantity),
                "from": told(seizure.holder.item_id, seizure.holder.batch_location_id),
                "to": told(part.item_id, part.batch_location_id),
                "reason": reason,
            },
        )
        for seizure in seizures
        for part in seizure.moved
    ]
