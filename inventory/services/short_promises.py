"""Promised goods that a picker does not find: the promise goes to other goods, and the place is left to be counted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from inventory.locks import lock_reservation_item
from inventory.models import ReservationItem
from inventory.queries.promises import ReservedItem, held_items, holders_of
from inventory.services.moving import BENCHES
from inventory.services.overrides import less_promised
from inventory.services.promises import require_active
from inventory.services.reallocation import Seizure, free_elsewhere, keep_moved, plan_elsewhere, post_moved, release_missing
from inventory.stock import fefo
from inventory.stock.gate import Gate, StockKey, lock_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound
from warehouse.core.quantities import require_step
from warehouse.core.transactions import operation


@dataclass(frozen=True, slots=True)
class ShortPart:
    """What became of goods that were not found: where they are promised from now, and how much could not be promised anew.

    `unfit` says why what the books have there may not leave; empty when it could, and so is not where it should be.
    """

    moved: tuple[ReservedItem, ...]
    missing: Decimal
    unfit: str


@operation(Role.PICKER)
def reallocate_short(item_id: int, quantity: Decimal, *, reason: str, actor: Actor, avoid: Collection[int] = ()) -> ShortPart:
    """Take so much of a reservation item back from its place, where it was not found, and promise other goods instead, by the order of leaving.

    Neither that place nor those to `avoid` (BatchLocations where goods of it were missed before) are offered again. A promise whose picking has begun moves
    too: its own picker asks. What can't be promised anew is released. Takes the gate, then the reservation. Ledger `release` and `reservation`; event
    stock.reallocated for each part that moved, for the rest those of a release. Raises PromiseMoved or Conflict when the item holds less, TransitionRefused
    for a closed reservation.
    """
    row = ReservationItem.objects.filter(pk=item_id).values_list("reservation__warehouse", "product").first()
    if row is None:
        raise NotFound(f"There is no reservation item {item_id}.", item=item_id)
    key = StockKey(*row)
    gate = lock_stock([key])
    item = lock_reservation_item(item_id)
    _require_short(item, quantity, gate, key)
    (holder,) = [holder for holder in holders_of([item.batch_location_id]) if holder.item_id == item_id]
    seizure = Seizure(holder, quantity)
    reservations = {item.reservation_id: item.reservation}
    free = free_elsewhere(gate, {item.batch_location_id, *avoid}, (), {})
    item.reservation.explanation += plan_elsewhere([seizure], free, gate, reason)
    post_moved([seizure], item.reservation, reason, actor)
    keep_moved([seizure], reservations, reason, actor)
    release_missing([seizure], reservations, gate, reason, actor)
    fresh = {part.item_id for part in seizure.moved}
    now = [held for held in held_items(reservation_id=item.reservation_id) if held.id in fresh] if fresh else []
    parts = (ReservedItem(held.id, held.product_id, held.batch_id, held.batch_location_id, held.location_id, held.held) for held in now)
    return ShortPart(tuple(parts), seizure.missing, _unfit(item, gate, key))


def _require_short(item: ReservationItem, quantity: Decimal, gate: Gate, key: StockKey) -> None:
    require_active(item.reservation)
    if item.held < quantity or not item.held:
        raise less_promised(item, quantity)
    require_step(quantity, gate[key].quantity_step, sku=gate[key].sku, zero_allowed=False)
    if item.batch_location.location.kind in BENCHES:
        raise Conflict(f"These goods were picked already: they lie on {item.batch_location.location}.", item=item.pk)


def _unfit(item: ReservationItem, gate: Gate, key: StockKey) -> str:
    """Why the goods of its place may not leave now, as picking judges it."""
    goods = fefo.Judged(item.batch_location.effective_expires_at, item.batch_location.blocked_reason)
    return fefo.unfit(goods, timezone.now(), gate[key].min_remaining_days) or ""
