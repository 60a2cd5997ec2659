"""What a person does about a discrepancy."""

from __future__ import annotations

from django.utils import timezone

from stocksync.enums import DiscrepancyKind, OperationStatus, Resolution
from stocksync.locks import lock_discrepancy, lock_level, lock_operations_of, lock_order
from stocksync.models import ChannelOrder, Discrepancy
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.deductions import sync_stock_deduction
from stocksync.services.levels import push_again
from stocksync.services.owed import let_go, owe_again
from stocksync.services.reversals import refund
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation

# The marketplace does not know what it is to know; everything else about a deducted order is for a person to settle elsewhere.
UNTOLD = {DiscrepancyKind.GIVEN_UP, DiscrepancyKind.NOT_ACKNOWLEDGED}


def possible(row: Discrepancy) -> set[Resolution]:
    """What a person can do about a discrepancy, whose order is loaded; nothing once it is resolved."""
    if row.resolved_at is not None:
        return set()
    if row.order is None:
        return {Resolution.PUSH, Resolution.ACCEPT}
    found = {Resolution.ACCEPT}
    if row.kind in UNTOLD:
        found.add(Resolution.RETRY)
    elif not row.order.is_deducted:
        found.add(Resolution.DEDUCT)
    return found | {Resolution.ROLL_BACK} if row.order.stands else found


@operation()
def resolve_discrepancy(discrepancy_id: int, resolution: str, *, note: str, actor: Actor) -> Discrepancy:
    """Do what a person decided about a discrepancy (see `possible`), and close it; `note` says why.

    Deducting may fail again: then the discrepancy stays open, with the newest reason. Leaving as it is what the marketplace was not told cancels what is owed,
    and later news of the order is followed; any other order is left alone until `follow_again`. Locks its order or level, then the discrepancy, its operations,
    and what inventory locks. Raises NotFound; Conflict when it is resolved already; ValidationFailed.
    """
    note = require_reason(note)
    order_id, level_id = Discrepancy.objects.filter(pk=discrepancy_id).values_list("order", "level").first() or (None, None)
    order = lock_order(order_id) if order_id else None
    if level_id:
        lock_level(level_id)
    row = lock_discrepancy(discrepancy_id)
    if row.resolved_at is not None:
        raise Conflict(f"This is resolved since {row.resolved_at:%Y-%m-%d %H:%M} UTC: {row.resolution}", discrepancy=discrepancy_id)
    row.order = order
    require_one_of(resolution, sorted(possible(row)), field="resolution")
    if order is not None:
        _settle_order(order, row.kind, Resolution(resolution), note, actor)
    elif resolution == Resolution.PUSH and row.level_id:
        push_again.inside(row.level_id, actor=actor)
    row.refresh_from_db()
    if row.resolved_at is None and resolution == Resolution.DEDUCT and row.order is not None and not row.order.is_deducted:
        return row
    row.resolved_at = row.resolved_at or timezone.now()
    row.resolved_by_id, row.resolution = actor.user_id, f"{Resolution(resolution).label}: {note}"[:200]
    row.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    return row


@operation()
def follow_again(order_id: int, *, actor: Actor, expected_version: int | None = None) -> ChannelOrder:
    """Follow an order that is left alone: what the marketplace says of it next is done again. Following one that is followed changes nothing.

    The comparison looks at it within half an hour. Locks the order. Raises NotFound, StaleVersion.
    """
    order = lock_order(order_id, expected_version)
    if order.left_alone:
        order.left_alone = False
        order.save_changes("left_alone")
    return order


def _settle_order(order: ChannelOrder, kind: str, resolution: Resolution, note: str, actor: Actor) -> None:
    match resolution:
        case Resolution.DEDUCT:
            made = sync_stock_deduction.inside(order.pk, actor=actor)
            if made is not None:
                soon(PROCESS_OPERATION, str(made.pk))
        case Resolution.RETRY:
            _tell_again(order, note, actor)
        case Resolution.ROLL_BACK:
            refund.inside(order.pk, reason=note, actor=actor)
        case Resolution.ACCEPT:
            _leave_alone(order, note, actor, for_good=kind not in UNTOLD)


def _tell_again(order: ChannelOrder, note: str, actor: Actor) -> None:
    """Have the newest news of a locked order told again."""
    rows = [row for row in lock_operations_of(order) if row.wanted_there == order.is_deducted and row.status != OperationStatus.ROLLED_BACK]
    if not rows:
        raise Conflict(f"Nothing is owed for order {order}.", order=order.external_id)
    if rows[-1].status == OperationStatus.PROCESSING:
        raise Conflict("A worker tells it to the marketplace right now: wait a moment.", order=order.external_id)
    owe_again(rows[-1], note, actor=actor)


def _leave_alone(order: ChannelOrder, note: str, actor: Actor, *, for_good: bool) -> None:
    if for_good:
        order.left_alone = True
        order.save_changes("left_alone")
    let_go(lock_operations_of(order), f"Left as it is: {note}", actor=actor)
