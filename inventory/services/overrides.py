"""Promises moved by hand to other goods than the order of leaving says."""

from __future__ import annotations

from decimal import Decimal

from inventory.errors import InsufficientStock, PromiseMoved, Shortage, UnfitNow
from inventory.locks import lock_reservation_item
from inventory.models import BatchLocation, ReservationItem
from inventory.queries.promises import holders_of
from inventory.services.moving import BENCHES
from inventory.services.promises import require_active
from inventory.services.reallocation import Moved, Seizure, keep_moved, post_moved, ship_at_of
from inventory.stock import fefo
from inventory.stock.candidates import read_candidates
from inventory.stock.gate import Gate, StockKey, lock_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict, NotFound
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation


@operation(Role.PICKER)
def reallocate_item(item_id: int, to_batch_location_id: int, *, reason: str, actor: Actor, quantity: Decimal | None = None) -> ReservationItem:
    """Promise goods of another batch or place instead, against the order of leaving, and keep why. Returns the new item of the reservation.

    Takes the gate, then the reservation. Ledger `release` and `reservation`, event stock.reallocated. Raises UnfitNow when the other goods are not fit,
    InsufficientStock when less of them is free, Conflict when the item does not hold so much or was picked already.
    """
    reason = require_reason(reason)
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
    unfit = fefo.unfit(found, ship_at_of(holder), max(holder.min_remaining_days, gate[key].min_remaining_days))
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
    require_active(item.reservation)
    require_step(amount, gate[key].quantity_step, sku=gate[key].sku, zero_allowed=not item.held)
    if not item.held or item.held < amount:
        raise Conflict(f"Reservation item {item.pk} holds {plain(item.held)}, not {plain(amount)}.", item=item.pk, held=str(item.held))
    if item.batch_location.location.kind in BENCHES:
        raise Conflict(f"These goods were picked already: they lie on {item.batch_location.location}.", item=item.pk)
    if item.batch_location_id == to_batch_location_id:
        raise Conflict("They are promised from there already. Name other goods.", item=item.pk, batch_location=to_batch_location_id)
