"""What a person does about a discrepancy."""

from __future__ import annotations

from django.utils import timezone

from stocksync.enums import DiscrepancyKind, LogAction, OperationStatus, Resolution
from stocksync.locks import lock_discrepancy, lock_level, lock_operations_of, lock_order
from stocksync.models import ChannelOrder, Discrepancy
from stocksync.services import logbook
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.deductions import sync_stock_deduction
from stocksync.services.levels import push_again
from stocksync.services.owed import owe_again
from stocksync.services.reversals import refund
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation

_NOT_DEDUCTED = {Resolution.DEDUCT, Resolution.ACCEPT}
_DEDUCTED = {Resolution.RETRY, Resolution.ROLL_BACK, Resolution.ACCEPT}
POSSIBLE: dict[str, set[Resolution]] = {
    DiscrepancyKind.NO_SKU: _NOT_DEDUCTED,
    DiscrepancyKind.NO_STOCK: _NOT_DEDUCTED,
    DiscrepancyKind.NOT_DEDUCTED: _NOT_DEDUCTED,
    DiscrepancyKind.UNREADABLE: _NOT_DEDUCTED,
    DiscrepancyKind.REFUSED: {Resolution.ROLL_BACK, Resolution.ACCEPT},
    DiscrepancyKind.NOT_ACKNOWLEDGED: _DEDUCTED,
    DiscrepancyKind.UNKNOWN_THERE: {Resolution.ROLL_BACK, Resolution.ACCEPT},
    DiscrepancyKind.GIVEN_UP: _DEDUCTED,
    DiscrepancyKind.AFTER_SHIPPING: {Resolution.ROLL_BACK, Resolution.ACCEPT},
    DiscrepancyKind.LEVEL: {Resolution.PUSH, Resolution.ACCEPT},
}


@operation()
def resolve_discrepancy(discrepancy_id: int, resolution: str, *, note: str, actor: Actor) -> Discrepancy:
    """Do what a person decided about a discrepancy (`POSSIBLE` says what there is for its kind), and close it; `note` says why.

    Deducting may fail again: then the discrepancy stays open, with the newest reason. Leaving it as it is leaves its order alone for good. Locks its order or
    level, then the discrepancy, its operations, then what inventory locks. Raises NotFound; Conflict when it is resolved already; ValidationFailed.
    """
    note = require_reason(note)
    order_id, level_id = Discrepancy.objects.filter(pk=discrepancy_id).values_list("order", "level").first() or (None, None)
    order = lock_order(order_id) if order_id else None
    if level_id:
        lock_level(level_id)
    row = lock_discrepancy(discrepancy_id)
    if row.resolved_at is not None:
        raise Conflict(f"This is resolved since {row.resolved_at:%Y-%m-%d %H:%M} UTC: {row.resolution}", discrepancy=discrepancy_id)
    require_one_of(resolution, sorted(POSSIBLE[row.kind]), field="resolution")
    if order is not None:
        _settle_order(order, Resolution(resolution), note, actor)
    elif resolution == Resolution.PUSH and row.level_id:
        push_again.inside(row.level_id, actor=actor)
    row.refresh_from_db()
    if row.resolved_at is None and not (resolution == Resolution.DEDUCT and order is not None and not _is_deducted(order.pk)):
        _close(row, Resolution(resolution), note, actor)
    elif row.resolved_at is not None:
        _sign(row, Resolution(resolution), note, actor)
    return row


def _settle_order(order: ChannelOrder, resolution: Resolution, note: str, actor: Actor) -> None:
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
            _leave_alone(order, note, actor)


def _tell_again(order: ChannelOrder, note: str, actor: Actor) -> None:
    """Have the newest news of a locked order told again."""
    rows = [row for row in lock_operations_of(order) if row.wanted_there == order.is_deducted and row.status != OperationStatus.ROLLED_BACK]
    if not rows:
        raise Conflict(f"Nothing is owed for order {order}.", order=order.external_id)
    if rows[-1].status == OperationStatus.PROCESSING:
        raise Conflict("A worker tells it to the marketplace right now: wait a moment.", order=order.external_id)
    owe_again(rows[-1], note, actor=actor)


def _leave_alone(order: ChannelOrder, note: str, actor: Actor) -> None:
    order.left_alone = True
    order.save_changes("left_alone")
    for row in lock_operations_of(order):
        if row.status in (OperationStatus.PENDING, OperationStatus.FAILED):
            row.cancel()
            row.save_changes("status")
            logbook.note(row, LogAction.CANCELLED, actor=actor, message=f"Left as it is: {note}")


def _is_deducted(order_id: int) -> bool:
    return ChannelOrder.objects.filter(pk=order_id, deducted_at__isnull=False).exists()


def _close(row: Discrepancy, resolution: Resolution, note: str, actor: Actor) -> None:
    row.resolved_at = timezone.now()
    _sign(row, resolution, note, actor)


def _sign(row: Discrepancy, resolution: Resolution, note: str, actor: Actor) -> None:
    row.resolved_by_id, row.resolution = actor.user_id, f"{resolution.label}: {note}"[:200]
    row.save(update_fields=["resolved_at", "resolved_by", "resolution"])
