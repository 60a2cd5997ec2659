"""Picked goods on their way back to the shelves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import F, Min, QuerySet, Sum
from django.utils import timezone

from fulfillment.enums import PutBackStatus
from fulfillment.errors import Surplus, WrongScan
from fulfillment.locks import lock_put_back, lock_put_backs
from fulfillment.models import Pick, PickingTask, PutBack
from inventory import orchestrator
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import TransitionRefused
from warehouse.core.quantities import ZERO, parse_quantity, plain
from warehouse.core.transactions import operation


def make_put_backs(task: PickingTask) -> list[PutBack]:
    """One put-back for each BatchLocation on the bench that holds goods of this locked task. Their promise has been released."""
    rows = (
        Pick.objects.filter(item__task=task, undone_at=None)
        .values("batch_location", "item__product", "item__batch")
        .annotate(quantity=Sum("quantity"), shelf=Min("item__location"))
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
        )
        for row in rows
    )


@operation(Role.PICKER, Role.RECEIVER)
def complete_put_back(put_back_id: int, quantity: Any, *, actor: Actor, location_scan: str, expected_version: int | None = None) -> PutBack:
    """Bring goods from the bench to a shelf by scan, all of them or a part (ledger `put_back`): then they are for sale again.

    Locks the put-back, then what inventory locks. Raises WrongScan for a code that is no location of this warehouse, Surplus, PlaceNotAllowed for a
    shelf where the product may not live.
    """
    amount = parse_quantity(quantity)
    row = lock_put_back(put_back_id, expected_version)
    if row.status != PutBackStatus.PENDING:
        raise TransitionRefused(f"{row} is {row.get_status_display()} already.", status=row.status, asked="complete")
    if amount > row.remaining:
        raise Surplus(
            f"Only {plain(row.remaining)} of {row.product.sku} are to be put back, not {plain(amount)}.",
            missing=str(row.remaining),
            given=str(amount),
        )
    scanned = orchestrator.find_by_scan(location_scan, warehouse_id=row.warehouse_id)
    if scanned.location_id is None:
        raise WrongScan(
            f"Scanned {location_scan.strip()[:80]!r}: scan the location where the goods go, such as {row.from_location.code}.",
            expected={"location": row.from_location.code},
            scanned=location_scan.strip()[:80],
        )
    orchestrator.put_back.inside(
        row.batch_location_id,
        amount,
        warehouse_id=row.warehouse_id,
        product_id=row.product_id,
        to_location_id=scanned.location_id,
        document_id=row.pk,
        actor=actor,
    )
    row.done_quantity += amount
    if not row.remaining:
        take(row, "finish")
        row.done_at = timezone.now()
    row.save_changes("status", "done_quantity", "done_at")
    return row


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


def _remaining(rows: QuerySet[PutBack]) -> Iterable[tuple[int, Decimal]]:
    return rows.values_list("batch_location").annotate(left=Sum(F("quantity") - F("done_quantity"))).order_by("batch_location")


def _short_places(wanted: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """How much less is free on the bench than is to be put back, by place."""
    free = orchestrator.free_in(wanted)
    return {place: quantity - free.get(place, ZERO) for place, quantity in wanted.items() if quantity > free.get(place, ZERO)}
