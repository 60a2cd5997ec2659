"""Lots that must not leave: held until somebody has looked, or recalled for good. One action tells the channels, moves the promises and lists who has some."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import BatchStatus
from inventory.locks import lock_batches
from inventory.models import Batch, BatchLocation
from inventory.queries.lot_families import made_of, makers_by_lot, makers_of
from inventory.queries.promises import holders_of
from inventory.queries.tracing import LotPromise, ShippedOrder, as_facts, keys_of_lots, promised_lots, shipped_orders
from inventory.services.reallocation import Seizure, free_up
from inventory.stock.gate import Gate, lock_stock
from inventory.stock.place import blocked_reason
from inventory.stock.post import Header, block
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import NotFound, TransitionRefused
from warehouse.core.quantities import ZERO, plain
from warehouse.core.transactions import StartAgain, operation
from warehouse.outbox.events import Event, publish

ON_HOLD, RECALLED = "BATCH_ON_HOLD", "BATCH_RECALLED"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a hold or recall did: the lots it reached, the promises that found other goods or none, the parcels to stop, the customers to write to."""

    batch: Batch
    lots: tuple[Batch, ...]
    seizures: tuple[Seizure, ...]
    stop: tuple[LotPromise, ...]
    shipped: tuple[ShippedOrder, ...]

    @property
    def reallocated(self) -> list[dict[str, Any]]:
        """Promises that lie on other goods now, by order."""
        return _by_order((s, s.quantity - s.missing) for s in self.seizures)

    @property
    def released(self) -> list[dict[str, Any]]:
        """Promises for which there are no other goods, by order."""
        return _by_order((s, s.missing) for s in self.seizures)


@operation(Role.AUDITOR, Role.RECEIVER)
def hold_batch(batch_id: int, *, reason: str, actor: Actor) -> Withdrawal:
    """Keep a lot, and everything made of it, from leaving until it is released: nothing of it is promised, picked, sold or shipped any more.

    Locks the lots, then the gates of all places where they lie, then reservations. In this order: the places are blocked and the channels told
    (stock.changed, stock.low, stock.out), the promises on them are promised other goods (stock.reallocated) or released, inventory.batch.held. Promises
    whose picking has started stay and are listed (`stop`). Repeating it changes nothing. Raises TransitionRefused for a recalled lot.
    """
    return _withdraw(batch_id, "hold", reason, actor)


@operation()
def recall_batch(batch_id: int, *, reason: str, actor: Actor) -> Withdrawal:
    """Take a lot, and everything made of it, from sale for good. As `hold_batch`, with the event inventory.batch.recalled, which lists the orders whose
    parcels are to be stopped and those that were shipped: their customers are to be written to. There is no way back. Repeating it changes nothing
    and lists them again.
    """
    return _withdraw(batch_id, "recall", reason, actor)


@operation()
def release_hold(batch_id: int, *, actor: Actor, reason: str = "") -> Batch:
    """The lot is good: it is for sale again, with everything made of it that no other lot on hold, and no hold of its own, keeps back.

    What is expired or lies where nothing is picked stays blocked for that. Locks as `hold_batch`; events stock.changed, inventory.batch.released. Raises
    TransitionRefused for a lot that is not on hold, and for one that was made of a lot which is on hold or recalled: release that one.
    """
    reason = require_reason(reason, needed=False)
    lots, _ = _lock_family(batch_id)
    batch = lots[batch_id]
    take(batch, "release")
    above = Batch.objects.filter(pk__in=makers_of([batch_id]) - {batch_id}).exclude(status=BatchStatus.AVAILABLE)
    if above:
        names = ", ".join(f"lot {lot.lot_number} ({lot.get_status_display()})" for lot in above)
        raise TransitionRefused(f"{batch} was made of {names}. Release that first.", status=BatchStatus.ON_HOLD, made_of=[lot.pk for lot in above])
    freed = _freed_with(batch, lots)
    for lot in freed:
        if lot is not batch:
            take(lot, "release")
        lot.status_reason, lot.held_itself = "", False
    _save(freed)
    _judge_places(freed, Header(actor=actor, reason=reason))
    publish([Event(events.BATCH_RELEASED, "batch", batch.pk, {**_facts(batch, freed), "reason": reason})], actor=actor)
    return batch


def _withdraw(batch_id: int, transition: str, reason: str, actor: Actor) -> Withdrawal:
    reason = require_reason(reason)
    lots, gate = _lock_family(batch_id)
    batch = lots[batch_id]
    target = BatchStatus.RECALLED if transition == "recall" else BatchStatus.ON_HOLD
    if batch.status == target and (batch.held_itself or target == BatchStatus.RECALLED):
        return _as_it_stands(batch, lots.values(), ())
    reached = [lot for lot in lots.values() if _reaches(lot, transition)]
    if batch.status != target:
        for lot in dict.fromkeys([batch, *reached]):
            take(lot, transition)
    for lot in dict.fromkeys([batch, *reached]):
        lot.status_reason = reason
    batch.held_itself = True
    _save(dict.fromkeys([batch, *reached]))
    seizures: list[Seizure] = []
    if reached:
        code = RECALLED if transition == "recall" else ON_HOLD
        places = _judge_places(reached, Header(actor=actor, reason=reason))
        needs: dict[int, Decimal] = defaultdict(Decimal)
        for holder in holders_of(places):
            needs[holder.batch_location_id] += ZERO if holder.started else holder.held
        seizures = free_up(gate, needs, reason=code, actor=actor, avoid_batches=lots)
    done = _as_it_stands(batch, lots.values(), seizures)
    kind = events.BATCH_RECALLED if transition == "recall" else events.BATCH_HELD
    publish([Event(kind, "batch", batch.pk, {**_facts(batch, reached), "reason": reason, **_told(done)})], actor=actor)
    return done


def _lock_family(batch_id: int) -> tuple[dict[int, Batch], Gate]:
    """The lot and everything made of it, locked in order of id, then the gates of all places where they lie.

    Who moves goods of them needs one of these gates, who receives more of them waits for the lots. Raises NotFound; StartAgain when more was made of
    them, or they came to lie elsewhere, before we had the gates.
    """
    family = made_of([batch_id])
    if not Batch.objects.filter(pk=batch_id).exists():
        raise NotFound(f"There is no batch {batch_id}.", kind="batch", id=batch_id)
    lots = lock_batches(family)
    keys = keys_of_lots(family)
    gate = lock_stock(keys)
    if made_of([batch_id]) != family or not keys_of_lots(family) <= keys:
        raise StartAgain
    return lots, gate


def _reaches(lot: Batch, transition: str) -> bool:
    """Whether the lot's own state changes by it: what is recalled stays so, what is on hold is not held again."""
    return lot.status == BatchStatus.AVAILABLE or (transition == "recall" and lot.status == BatchStatus.ON_HOLD)


def _freed_with(batch: Batch, lots: Mapping[int, Batch]) -> list[Batch]:
    """The released lot and those that only followed it: made of nothing else that is kept back, and not held themselves."""
    makers = makers_by_lot(lots)
    outside = {maker for made in makers.values() for maker in made} - set(lots)
    good = set(Batch.objects.filter(pk__in=outside, status=BatchStatus.AVAILABLE).values_list("pk", flat=True))
    good |= {batch.pk} | {pk for pk, lot in lots.items() if lot.status == BatchStatus.AVAILABLE}
    freed = [batch]
    waiting = [lot for lot in lots.values() if lot.status == BatchStatus.ON_HOLD and not lot.held_itself and lot is not batch]
    while ready := [lot for lot in waiting if set(makers[lot.pk]) <= good]:
        freed += ready
        good |= {lot.pk for lot in ready}
        waiting = [lot for lot in waiting if lot.pk not in good]
    return freed


def _judge_places(lots: Iterable[Batch], header: Header) -> list[int]:
    """Block, or open, every place of these lots as it is right now; one statement with the totals and the stock events. Returns the places."""
    rows = list(BatchLocation.objects.filter(batch__in=[lot.pk for lot in lots], has_stock=True).select_related("batch__product", "location"))
    now = timezone.now()
    reasons = {row.pk: blocked_reason(row.batch, row.location, row.effective_expires_at, now).value for row in rows}
    block({row.pk: reasons[row.pk] for row in rows if reasons[row.pk] != row.blocked_reason}, header)
    return [row.pk for row in rows]


def _save(lots: Iterable[Batch]) -> None:
    Batch.objects.bulk_update(lots, ["status", "status_reason", "held_itself"])


def _as_it_stands(batch: Batch, lots: Iterable[Batch], seizures: Collection[Seizure]) -> Withdrawal:
    family = tuple(lots)
    ids = [lot.pk for lot in family]
    shipped = [order for order in shipped_orders(ids) if order.kept > 0]
    return Withdrawal(batch, family, tuple(seizures), tuple(promised_lots(ids)), tuple(shipped))


def _facts(batch: Batch, lots: Iterable[Batch]) -> dict[str, Any]:
    return {
        "batch_id": batch.pk,
        "lot_number": batch.lot_number,
        "product_id": batch.product_id,
        "lots": [{"batch_id": lot.pk, "lot_number": lot.lot_number} for lot in lots],
    }


def _told(done: Withdrawal) -> dict[str, Any]:
    return {
        "stop": [
            {"order_ref": p.order_ref, "reservation_id": p.reservation_id, "lot": p.lot_number, "location": p.location, "quantity": plain(p.quantity)}
            for p in done.stop
        ],
        "shipped": as_facts(done.shipped),
        "reallocated": done.reallocated,
        "released": done.released,
    }


def _by_order(parts: Iterable[tuple[Seizure, Decimal]]) -> list[dict[str, Any]]:
    totals: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for seizure, quantity in parts:
        totals[seizure.holder.reservation_id, seizure.holder.order_ref] += quantity
    return [{"reservation_id": pk, "order_ref": ref, "quantity": plain(quantity)} for (pk, ref), quantity in totals.items() if quantity]
