"""What a marketplace is owed: an operation made, in the transaction that made it owed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from stocksync.enums import UNTOLD_OPERATIONS, LogAction, OperationStatus, OperationType
from stocksync.locks import lock_operations_of
from stocksync.models import ChannelOrder, PendingStockOperation
from stocksync.services.background import PROCESS_OPERATION
from stocksync.services.logbook import Step, note, note_all
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.documents import save_all


def owe(order: ChannelOrder, kind: OperationType, revision: str, *, wanted_there: bool, actor: Actor) -> PendingStockOperation:
    """Owe the marketplace of a locked order the news whether its stock is deducted. One per kind and revision: the same again is the one there is.

    What was owed for the order before and is with no worker is cancelled, or rolled back where that was asked: the newest news is the only true one. Who
    makes it has it told: at once, or by a worker (`background`). Locks the operations of the order.
    """
    before = lock_operations_of(order)
    known = next((row for row in before if row.operation_type == kind and row.revision == revision), None)
    if known is not None:
        return known
    made = PendingStockOperation(channel=order.channel, order=order, operation_type=kind, revision=revision, wanted_there=wanted_there)
    made.save(force_insert=True)
    let_go(before, "Newer news took its place.", actor=actor, superseded_by=str(made.pk))
    note(made, LogAction.CREATED, actor=actor, message="Operation created", wanted_there=wanted_there, revision=revision)
    return made


def let_go(rows: Sequence[PendingStockOperation], message: str, *, actor: Actor, **details: Any) -> None:
    """Let the marketplace not be told of these locked operations of an order, as far as they are with no worker; rolled back where that was asked.

    At most two statements for any number.
    """
    steps: list[Step] = []
    for row in rows:
        row.take_from_the_dead()
        if row.rollback_asked_at is not None and row.status != OperationStatus.ROLLED_BACK:
            row.roll_back()
            steps.append((row, LogAction.ROLLED_BACK, {"message": "What it stands for is undone."}, None))
        elif row.status in UNTOLD_OPERATIONS:
            row.cancel()
            steps.append((row, LogAction.CANCELLED, {"message": message, **details}, None))
    save_all([row for row, *_ in steps], "status", "claimed_until")
    note_all(steps, actor=actor)


def owe_again(operation: PendingStockOperation, reason: str, *, actor: Actor) -> None:
    """Have a marketplace told again what a locked operation says, from the beginning: by hand, or because it has forgotten it."""
    action = LogAction.MANUAL_RETRY if operation.status in UNTOLD_OPERATIONS else LogAction.REOPENED
    if action == LogAction.MANUAL_RETRY:
        operation.retry()
    else:
        operation.reopen()
    operation.retry_count, operation.attempts, operation.error_message = 0, 0, ""
    operation.next_retry_at, operation.failing_since, operation.completed_at = timezone.now(), None, None
    operation.save_changes("status", "retry_count", "attempts", "error_message", "next_retry_at", "failing_since", "completed_at", "claimed_until")
    note_all([(operation, action, {"message": reason}, None)], actor=actor)
    soon(PROCESS_OPERATION, str(operation.pk))
