"""A deduction undone: cancelled or refunded at the marketplace, or rolled back by hand."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from inventory import orchestrator
from inventory.orchestrator import ReturnLine
from stocksync import events
from stocksync.enums import DiscrepancyKind, Fulfilment, LogAction, OperationStatus, OperationType
from stocksync.locks import lock_operation, lock_operations_of, lock_order
from stocksync.models import ChannelOrder, PendingStockOperation
from stocksync.services import logbook
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.discrepancies import close_discrepancies, open_discrepancy
from stocksync.services.owed import owe
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.documents import REASON_LENGTH, require_reason
from warehouse.core.errors import Conflict, DomainError, TransitionRefused
from warehouse.core.order_events import ORDER_CANCELLATION_ASKED
from warehouse.core.quantities import ZERO
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish


@operation(Role.INTEGRATION)
def refund(order_id: int, *, reason: str, actor: Actor, expected_version: int | None = None) -> ChannelOrder:
    """Undo the deduction of an order: its goods come back, or a return awaits them, and the marketplace is owed the news that it is not deducted.

    Sent by somebody else: the goods are back at once, in the very batches. Sent by this warehouse: asked for by order.cancellation_asked and done when the
    order is cancelled there (what was picked is put back); once all of it was handed over, a draft of a Return awaits it. Refunding again changes nothing.
    Locks the order, then what inventory locks. Raises Conflict for an order that is not deducted or has been handed over in part.
    """
    order = lock_order(order_id, expected_version)
    reason = require_reason(reason)
    if order.deducted_at is None:
        raise Conflict(f"Order {order} is not deducted: there is nothing to give back.", order=order.external_id)
    if order.reversed_at is None:
        made = give_back(order, reason, actor=actor)
        if made is not None:
            soon(PROCESS_OPERATION, str(made.pk))
        elif order.reversal_asked_at is None:
            raise Conflict(f"A part of order {order} was handed over: cancel the rest and take that part back as a return.", order=order.external_id)
    return order


@operation()
def rollback_operation(operation_id: UUID, *, reason: str, actor: Actor, expected_version: int | None = None) -> PendingStockOperation:
    """Undo a deduction because something went badly wrong: as `refund`, and the operation is rolled_back as soon as that is done. Twice is once.

    Locks the order and the operation, then what inventory locks. Raises NotFound, StaleVersion; TransitionRefused for a refund or an adjustment, and
    while a worker has it; Conflict as `refund` does.
    """
    reason = require_reason(reason)
    row = lock_operation(operation_id, expected_version)
    if row.status == OperationStatus.ROLLED_BACK or row.rollback_asked_at is not None:
        return row
    row.take_from_the_dead()
    if row.operation_type != OperationType.DEDUCTION:
        raise TransitionRefused(f"This is a {row.operation_type}: only a deduction can be rolled back.", status=row.status)
    if row.status == OperationStatus.PROCESSING:
        raise TransitionRefused("A worker tells it to the marketplace right now: wait a moment and repeat.", status=row.status)
    if row.order.reversed_at is None:
        row.rollback_asked_at = timezone.now()
        row.save_changes("status", "claimed_until", "rollback_asked_at")
        logbook.note(row, LogAction.ROLLBACK_ASKED, actor=actor, message=reason)
        refund.inside(row.order_id, reason=f"Rolled back: {reason}"[:REASON_LENGTH], actor=actor)
        return PendingStockOperation.objects.select_related("order", "channel").get(pk=row.pk)
    row.roll_back()
    row.save_changes("status")
    logbook.note(row, LogAction.ROLLED_BACK, actor=actor, message=reason)
    return row


def follow_cancellation(order: ChannelOrder, reason: str, *, actor: Actor) -> PendingStockOperation | None:
    """Undo the deduction of a locked order because the marketplace says so (see `give_back`); what can't be given back opens a Discrepancy."""
    try:
        with transaction.atomic():
            return give_back(order, reason, actor=actor)
    except DomainError as error:
        detail = f"{reason} Its goods can't be given back: {error.detail}"
        open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"deducted": True}, there={"status": order.status})
        return None


def give_back(order: ChannelOrder, reason: str, *, actor: Actor) -> PendingStockOperation | None:
    """Undo the deduction of a locked order (see `refund`). The operation that is owed; None when that comes with fulfilment's answer.

    Fulfilment is asked once: while its answer is out nothing is done. Neither is it for a part that was handed over already; that opens a Discrepancy.
    """
    if not order.stands:
        return None
    if order.fulfilment == Fulfilment.ELSEWHERE:
        orchestrator.return_sold.inside(order.order_ref, None, reason=reason, actor=actor)
        return note_reversed(order, actor=actor)
    held = orchestrator.what_order_holds(order.order_ref)
    if not held.sold:
        order.reversal_asked_at = timezone.now()
        order.save_changes("reversal_asked_at")
        publish([events.of_order(ORDER_CANCELLATION_ASKED, order, reason=reason)], actor=actor)
        return None
    if held.promised:
        detail = f"{reason} A part of it was handed over already: cancel the rest and take that part back as a return."
        open_discrepancy(order, DiscrepancyKind.AFTER_SHIPPING, detail, here={"deducted": True}, there={"status": order.status})
        return None
    _await_return(order, reason, actor)
    return note_reversed(order, actor=actor)


def note_reversed(order: ChannelOrder, *, actor: Actor) -> PendingStockOperation:
    """Note that the deduction of a locked order is undone, and owe the marketplace that news."""
    order.reversed_at = timezone.now()
    order.save_changes("reversed_at")
    owed = owe(order, OperationType.REFUND, order.revision, wanted_there=False, actor=actor)
    close_discrepancies(order, *DiscrepancyKind)
    return owed


def note_not_reversed(order: ChannelOrder, detail: str, *, actor: Actor) -> None:
    """Note that the deduction of a locked order stands, because it can't be undone: it may be asked for again."""
    order.reversal_asked_at = None
    order.save_changes("reversal_asked_at")
    for row in lock_operations_of(order):
        if row.rollback_asked_at is not None:
            row.rollback_asked_at = None
            row.save_changes("rollback_asked_at")
            logbook.note(row, LogAction.ROLLBACK_REFUSED, actor=actor, message=detail)


def _await_return(order: ChannelOrder, reason: str, actor: Actor) -> None:
    """Write the draft of a return for all that was shipped and is neither back nor in another return."""
    lines = [ReturnLine(row.product_id, row.free, row.batch_id) for row in orchestrator.shipped_under(order.order_ref) if row.free > ZERO]
    if lines:
        orchestrator.create_return.inside(
            warehouse_id=order.channel.warehouse_id, order_ref=order.order_ref, lines=lines, customer_reason=reason[:REASON_LENGTH], actor=actor
        )
