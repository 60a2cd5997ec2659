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
from inventory.errors import GoodsPromised, InsufficientStock, PromiseMoved, Shortage, UnfitNow
from inventory.locks import lock_reservation_item, lock_reservations
from inventory.models import BatchLocation, Reservation, ReservationItem
from inventory.queries.promises import Holder, holders_of, items_of_reservations
from inventory.queries.stock import stock_facts
from inventory.services.moving import BENCHES
from inventory.services.promises import release_held, set_status, update_items
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate, StockKey, lock_stock
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import StartAgain, operation
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


@operation(Role.PICKER)
def reallocate_item(item_id: int, to_batch_location_id: int, *, reason: str, actor: Actor, quantity: Decimal | None = None) -> ReservationItem:
    """Promise goods of another batch or place instead, against the order of leaving, and keep why. Returns the new item of the reservation.

    Takes the gate, then the reservation. Ledger `release` and `reservation`, event stock.reallocated. Raises UnfitNow when the other goods are not fit,
    InsufficientStock, naming who is promised them, when less of them is free, Conflict when the item does not hold so much or was picked already.
    """
    if not reason.strip():
        raise ValidationFailed("Say why other goods are promised.", errors=[{"field": "reason", "code": "required"}])
    there = BatchLocation.objects.filter(pk=to_batch_location_id).values_list("warehouse_id", "product_id").first()
    if there is None:
        raise NotFound(f"There are no goods {to_batch_location_id}.", batch_location=to_batch_location_id)
    key = StockKey(*there)
    gate = lock_stock([key])
    item = lock_reservation_item(item_id)
    amount = item.held if quantity is None else quantity
    _require_movable(item, amount, to_batch_location_id, gate, key)
    holder = next(holder for holder in holders_of([item.batch_location_id]) if holder.item_id == item_id)
    found = next((c for c in read_candidates([key]) if c.batch_location_id == to_batch_location_id), None)
    if found is None or found.free < amount:
        promised = tuple({"order_ref": other.order_ref, "reserved": plain(other.held)} for other in holders_of([to_batch_location_id]))
        raise InsufficientStock([Shortage(key.product_id, gate[key].sku, key.warehouse_id, amount, found.free if found else ZERO, promised)])
    unfit = fefo.unfit(found, _ship_at(holder), max(holder.min_remaining_days, gate[key].min_remaining_days))
    if unfit is not None:
        raise UnfitNow(f"{gate[key].sku}: {unfit}. Choose other goods.", reason=unfit, batch_location=to_batch_location_id)
    seizure = Seizure(holder, amount, [Moved(0, to_batch_location_id, amount)])
    item.reservation.explanation.append(
        {
            "product": key.product_id,
            "warehouse": key.warehouse_id,
            "override": reason,
            "by": actor.name,
            "instead_of": item.batch_location_id,
            "taken": [{"batch_location": found.batch_location_id, "batch": found.batch_id, "quantity": str(amount)}],
            "skipped": [],
        }
    )
    post_moved([seizure], item.reservation, reason, actor)
    keep_moved([seizure], {item.reservation_id: item.reservation}, reason, actor)
    return ReservationItem.objects.get(pk=seizure.moved[0].item_id)


def less_promised(item: ReservationItem, asked: Decimal) -> Conflict:
    """Why so much can't be picked of an item: its promise lies elsewhere now (PromiseMoved names the places), or was taken."""
    parts = ReservationItem.objects.filter(reservation=item.reservation_id, product=item.product_id).exclude(pk=item.pk)
    now = [
        {"location": row.batch_location.location.code, "lot": row.batch_location.batch.lot_number, "quantity": plain(row.held)}
        for row in parts.select_related("batch_location__batch", "batch_location__location").order_by("pk")
        if row.held and row.batch_location.location.kind not in BENCHES
    ]
    if not now:
        return Conflict(f"Only {plain(item.held)} is promised here, not {plain(asked)}.", held=str(item.held), asked=str(asked))
    places = ", ".join(f"{part['quantity']} in {part['location']} (lot {part['lot']})" for part in now)
    return PromiseMoved(
        f"Only {plain(item.held)} is promised here now, not {plain(asked)}: other goods are promised instead, {places}.",
        errors=now,
        held=str(item.held),
        asked=str(asked),
    )


def _require_movable(item: ReservationItem, amount: Decimal, to_batch_location_id: int, gate: Gate, key: StockKey) -> None:
    if StockKey(item.batch_location.warehouse_id, item.product_id) != key:
        raise Conflict("The other goods are not of this product in this warehouse.", item=item.pk, batch_location=to_batch_location_id)
    if item.reservation.status != ReservationStatus.ACTIVE:
        raise TransitionRefused(f"{item.reservation} is {item.reservation.status}: it can't be moved.", status=item.reservation.status)
    require_step(amount, gate[key].quantity_step, sku=gate[key].sku, zero_allowed=not item.held)
    if not item.held or item.held < amount:
        raise Conflict(f"Reservation item {item.pk} holds {plain(item.held)}, not {plain(amount)}.", item=item.pk, held=str(item.held))
    if item.batch_location.location.kind in BENCHES:
        raise Conflict(f"These goods were picked already: they lie on {item.batch_location.location}.", item=item.pk)
    if item.batch_location_id == to_batch_location_id:
        raise Conflict("That is where they are promised from now. Name other goods.", item=item.pk, batch_location=to_batch_location_id)


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


def _ship_at(holder: Holder) -> datetime:
    """When the promise is to leave: as it was made for, or now."""
    return max(timezone.now(), holder.ship_at or timezone.now())


def plan_elsewhere(seizures: Sequence[Seizure], free: dict[int, fefo.Candidate], gate: Gate, reason: str) -> list[dict[str, Any]]:
    """Find other goods for these promises of one reservation, by FEFO; what is taken leaves `free`. Returns the explanations."""
    told: list[dict[str, Any]] = []
    for seizure in seizures:
        key = seizure.holder.key
        wanted = fefo.Wanted(key.warehouse_id, key.product_id, seizure.quantity, seizure.holder.min_remaining_days)
        candidates = [candidate for candidate in free.values() if (candidate.warehouse_id, candidate.product_id) == key]
        plan = fefo.plan(candidates, [wanted], {key.product_id: gate[key].rules}, _ship_at(seizure.holder))
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
        reason=reason[:200],
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
