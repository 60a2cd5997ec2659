"""Picked goods on their way back to the shelves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Min, QuerySet, Sum
from django.utils import timezone

from fulfillment.enums import PutBackStatus
from fulfillment.errors import Surplus, WrongScan
from fulfillment.locks import lock_free_put_backs, lock_put_back, lock_put_backs, lock_worker
from fulfillment.models import Pick, PickingTask, PutBack
from fulfillment.services.workers import is_theirs
from inventory import orchestrator
from inventory.orchestrator import LocationKind
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import Conflict, TransitionRefused, ValidationFailed
from warehouse.core.quantities import ZERO, parse_quantity, plain
from warehouse.core.transactions import operation

# One walk: as many as a cart takes, for as long as a walk may last.
AT_ONCE = 20
CLAIM = timedelta(minutes=30)


def make_put_backs(task: PickingTask) -> list[PutBack]:
    """One put-back for each BatchLocation on the bench that holds goods of this locked task. Their promise has been released."""
    rows = (
        Pick.objects.filter(item__task=task, undone_at=None)
        .values("batch_location", "item__product", "item__batch")
        .annotate(quantity=Sum("quantity"), shelf=Min("item__location"), since=Min("picked_at"))
        .order_by("batch_location")
    )
    return PutBack.objects.bulk_create(
        PutBack(
            order_id=task.order_id,
            picking_task=task,
            warehouse_id=task.warehouse_id,
            product_id=row["item__product"],
            batch_id=row["item__batch"],
            batch_location_id=row["batch_location"],
            from_location_id=row["shelf"],
            quantity=row["quantity"],
            picked_at=row["since"],
        )
        for row in rows
    )


@operation(Role.PICKER, Role.RECEIVER)
def claim_put_backs(warehouse_id: int, *, actor: Actor, bench: str = "", limit: int = AT_ONCE) -> list[PutBack]:
    """Take goods in hand for one walk: what the actor has already, then the oldest that nobody has, of one bench if it is named. In walking order.

    They are the actor's for half an hour, or until laid down. Locks the worker, so that two scanners of one person take one walk; then these put-backs
    only, passing over those that somebody else is claiming. A constant number of statements.
    """
    if actor.user_id is None:
        raise ValidationFailed("Only a person can take goods in hand.")
    if not 1 <= limit <= AT_ONCE:
        raise ValidationFailed(f"limit: from 1 to {AT_ONCE}.", errors=[{"field": "limit", "code": "invalid"}])
    lock_worker(actor.user_id)
    mine = lock_put_backs(in_hand(actor.user_id).filter(warehouse=warehouse_id).values_list("pk", flat=True))
    # Somebody may have finished them while we waited for the lock.
    mine = [row for row in mine if row.status == PutBackStatus.PENDING and row.worker_id == actor.user_id]
    rows = [*mine, *lock_free_put_backs(warehouse_id, bench=bench, limit=max(limit - len(mine), 0))]
    _hand(rows, actor.user_id, timezone.now() + CLAIM)
    places = orchestrator.places_of(row.from_location_id for row in rows)
    return sorted(rows, key=lambda row: (*places[row.from_location_id].walk, row.pk))


@operation(Role.PICKER, Role.RECEIVER)
def lay_down_put_backs(warehouse_id: int, *, actor: Actor) -> int:
    """Give back what the actor has in hand and has not brought away: others may take it. Locks these put-backs. Returns how many there were."""
    if actor.user_id is None:
        raise ValidationFailed("Only a person has goods in hand.")
    rows = lock_put_backs(in_hand(actor.user_id).filter(warehouse=warehouse_id).values_list("pk", flat=True))
    mine = [row for row in rows if row.status == PutBackStatus.PENDING and row.worker_id == actor.user_id]
    _hand(mine, None, None)
    return len(mine)


@operation(Role.PICKER, Role.RECEIVER)
def complete_put_back(put_back_id: int, quantity: Any, *, actor: Actor, location_scan: str, expected_version: int | None = None) -> PutBack:
    """Bring goods from the bench to a shelf by scan, all of them or a part (ledger `put_back`): then they are for sale again.

    Any shelf where they may live will do; the time since they were picked is charged to them. Locks the put-back, then what inventory locks. Raises
    WrongScan for a code that is no location of this warehouse, Surplus, PlaceNotAllowed for a shelf where the product may not live, TooLongOut for goods
    that may only go to quarantine, Conflict when somebody else has them in hand.
    """
    row, amount = _open(put_back_id, quantity, actor, expected_version)
    place = _scanned_place(row, location_scan, row.from_location.code)
    if place.kind == LocationKind.QUARANTINE:
        raise ValidationFailed(
            f"{place.code} is quarantine. Say why the goods are not fit to be sold.", errors=[{"field": "reason", "code": "required"}]
        )
    _bring(row, amount, place.location_id, "", actor)
    return _count(row, amount)


@operation(Role.PICKER, Role.RECEIVER)
def quarantine_put_back(
    put_back_id: int, quantity: Any, reason: str, *, actor: Actor, location_scan: str = "", expected_version: int | None = None
) -> PutBack:
    """Bring goods that are not fit any more from the bench to quarantine, all of them or a part (ledger `put_back`), for a reason that is kept.

    Without a scan to the warehouse's own quarantine. There they are moved or written off like any others. Locks the put-back, then what inventory locks.
    Raises WrongScan for a place that is no quarantine, Surplus, NotFound when the warehouse has none, Conflict when somebody else has them in hand.
    """
    reason = require_reason(reason)
    row, amount = _open(put_back_id, quantity, actor, expected_version)
    if location_scan.strip():
        place = _scanned_place(row, location_scan, "quarantine")
        if place.kind != LocationKind.QUARANTINE:
            raise WrongScan(f"{place.code} is no quarantine.", expected={"location": "quarantine"}, scanned=location_scan.strip()[:80])
        target = place.location_id
    else:
        target = orchestrator.default_location(row.warehouse_id, LocationKind.QUARANTINE)
    _bring(row, amount, target, reason, actor)
    row.quarantined_quantity += amount
    row.note = reason
    return _count(row, amount)


@operation()
def close_lost_put_backs(*, actor: Actor) -> int:
    """Close put-backs whose goods are not on the bench any more, because they were written off or not found; the newest first where several share a place.

    A put-back that loses a part asks for the rest. Compares states, so repeating it changes nothing. Locks the put-backs concerned. Returns how many
    changed.
    """
    pending = PutBack.objects.filter(status=PutBackStatus.PENDING)
    short = _short_places(dict(_remaining(pending)))
    if not short:
        return 0
    rows = lock_put_backs(pending.filter(batch_location__in=short).values_list("pk", flat=True))
    open_rows = [row for row in rows if row.status == PutBackStatus.PENDING]
    totals: dict[int, Decimal] = defaultdict(Decimal)
    for row in open_rows:
        totals[row.batch_location_id] += row.remaining
    short = _short_places(totals)
    changed = 0
    for row in reversed(open_rows):
        lost = min(row.remaining, short.get(row.batch_location_id, ZERO))
        if lost <= 0:
            continue
        short[row.batch_location_id] -= lost
        if lost == row.remaining:
            take(row, "finish")
            row.done_at = timezone.now()
        else:
            row.quantity -= lost
        row.save_changes("status", "quantity", "done_at")
        changed += 1
    return changed


def in_hand(user_id: int) -> QuerySet[PutBack]:
    """What somebody has on the way now."""
    return PutBack.objects.filter(worker=user_id, status=PutBackStatus.PENDING, claimed_until__gt=timezone.now())


def _hand(rows: Sequence[PutBack], worker_id: int | None, until: datetime | None) -> None:
    """Locked put-backs change hands. One statement."""
    for row in rows:
        row.worker_id, row.claimed_until, row.version = worker_id, until, row.version + 1
    changed = PutBack.objects.filter(pk__in=[row.pk for row in rows])
    changed.update(worker=worker_id, claimed_until=until, version=F("version") + 1, updated_at=timezone.now())


def _open(put_back_id: int, quantity: Any, actor: Actor, expected_version: int | None) -> tuple[PutBack, Decimal]:
    """The put-back under its lock and the quantity, when the actor may bring so much of it away."""
    amount = parse_quantity(quantity)
    row = lock_put_back(put_back_id, expected_version)
    if row.status != PutBackStatus.PENDING:
        raise TransitionRefused(f"{row} is {row.get_status_display()} already.", status=row.status, asked="complete")
    held = row.worker_id is not None and row.claimed_until is not None and row.claimed_until > timezone.now()
    if held and not is_theirs(row, actor):
        raise Conflict(f"{row.worker} has {row.product.sku} in hand. Take other goods, or wait until it is laid down.", worker=row.worker_id)
    if amount > row.remaining:
        raise Surplus(
            f"Only {plain(row.remaining)} of {row.product.sku} are to be put back, not {plain(amount)}.",
            missing=str(row.remaining),
            given=str(amount),
        )
    return row, amount


def _scanned_place(row: PutBack, scan: str, expected: str) -> orchestrator.Place:
    scanned = orchestrator.find_by_scan(scan, warehouse_id=row.warehouse_id)
    if scanned.location_id is None:
        raise WrongScan(
            f"Scanned {scan.strip()[:80]!r}: scan the location where the goods go, such as {expected}.",
            expected={"location": expected},
            scanned=scan.strip()[:80],
        )
    return orchestrator.places_of([scanned.location_id])[scanned.location_id]


def _bring(row: PutBack, amount: Decimal, location_id: int, reason: str, actor: Actor) -> None:
    orchestrator.put_back.inside(
        row.batch_location_id,
        amount,
        warehouse_id=row.warehouse_id,
        product_id=row.product_id,
        to_location_id=location_id,
        document_id=row.pk,
        actor=actor,
        out_since=row.picked_at,
        reason=reason,
    )


def _count(row: PutBack, amount: Decimal) -> PutBack:
    row.done_quantity += amount
    if not row.remaining:
        take(row, "finish")
        row.done_at, row.claimed_until = timezone.now(), None
    row.save_changes("status", "done_quantity", "quarantined_quantity", "note", "done_at", "claimed_until")
    return row


def _remaining(rows: QuerySet[PutBack]) -> Iterable[tuple[int, Decimal]]:
    return rows.values_list("batch_location").annotate(left=Sum(F("quantity") - F("done_quantity"))).order_by("batch_location")


def _short_places(wanted: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """How much less is free on the bench than is to be put back, by place."""
    free = orchestrator.free_in(wanted)
    return {place: quantity - free.get(place, ZERO) for place, quantity in wanted.items() if quantity > free.get(place, ZERO)}
