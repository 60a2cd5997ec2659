"""Acknowledgements owed to marketplaces: taken by a worker, laid down with how the call ended; retried or cancelled by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from stocksync.enums import UNTOLD_OPERATIONS, DiscrepancyKind, LogAction, OperationStatus
from stocksync.locks import lock_due_operations, lock_operation, lock_unanswered_operations
from stocksync.marketplaces.base import PATIENCE_SECONDS
from stocksync.models import PendingStockOperation
from stocksync.services import logbook
from stocksync.services.discrepancies import close_discrepancies, open_given_up
from stocksync.services.owed import owe_again
from warehouse.core.actor import Actor
from warehouse.core.documents import save_all
from warehouse.core.errors import TransitionRefused
from warehouse.core.partners.http import longest_call
from warehouse.core.partners.retry import next_retry
from warehouse.core.retry import no_jitter
from warehouse.core.transactions import operation

BATCH = 5
# Each of a batch is at the most read and told, and both again after it changed meanwhile; and a token may have to be renewed.
REQUESTS = 4
# Longer than the calls of one batch may take together; a worker that died is followed by another after it.
LEASE = longest_call((BATCH + 1) * REQUESTS, PATIENCE_SECONDS)
ERROR_LENGTH = 500

_NOT_CANCELLED = {
    OperationStatus.PROCESSING: "Wait for the worker.",
    OperationStatus.COMPLETED: "Roll it back instead.",
    OperationStatus.ROLLED_BACK: "What it stood for is undone already.",
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker needs to tell a marketplace. `version` proves, when the result is laid down, that nobody else took it since."""

    id: UUID
    channel_id: int
    order_external_id: str
    wanted_there: bool
    version: int


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call ended that brought nothing. `answered`: it was refused, so that the try counts; otherwise there was no usable answer at all.

    `retry_after` is the marketplace's wish in seconds. `asked` is false when nothing was sent, because others had found it away: that is no try at all.
    `ours`: it never came to an answer because of a defect of ours; such a try counts, or it would go on for ever.
    """

    error: str
    answered: bool
    retry_after: float | None = None
    asked: bool = True
    ours: bool = False


@operation()
def claim_operations(*, actor: Actor, limit: int = BATCH, ids: Iterable[UUID] | None = None, without: Iterable[int] = ()) -> list[Claimed]:
    """Take operations that are due (of `ids`, if they are given; none of the channels `without`) for a while, so that no other worker tells them too.

    Locks the operations, passing over those that others hold. Four statements for any number. A retry is a row of the log.
    """
    now = timezone.now()
    rows = lock_due_operations(now, limit, ids, without)
    steps: list[logbook.Step] = []
    for row in rows:
        if row.status == OperationStatus.PENDING:
            row.claim()
        row.attempts += 1
        row.claimed_until = now + LEASE
        if row.attempts > 1:
            steps.append((row, LogAction.RETRY, {"message": f"Retry attempt {row.attempts - 1}"}, None))
    save_all(rows, "status", "attempts", "claimed_until")
    logbook.note_all(steps, actor=actor)
    return [Claimed(row.pk, row.channel_id, row.order.external_id, row.wanted_there, row.version) for row in rows]


@operation()
def record_success(claimed: Claimed, took: timedelta, *, actor: Actor) -> bool:
    """The marketplace knows. Whether the operation is completed: one that another worker took since is left to that one.

    Locks the order and the operation. What disagreed about it is resolved.
    """
    row = lock_operation(claimed.id)
    if not _is_mine(row, claimed):
        return False
    row.complete()
    row.completed_at, row.claimed_until, row.failing_since, row.error_message = timezone.now(), None, None, ""
    row.save_changes("status", "completed_at", "claimed_until", "failing_since", "error_message")
    row.order.known_there, row.order.compared_at = row.wanted_there, row.completed_at
    row.order.save_changes("known_there", "compared_at")
    said = "Immediate sync successful" if row.attempts == 1 else f"Retry {row.attempts - 1} successful"
    logbook.note_all(
        [(row, LogAction.SYNC_SUCCESS, {"message": "The marketplace took it."}, took), (row, LogAction.COMPLETED, {"message": said}, None)],
        actor=actor,
    )
    close_discrepancies(row.order, DiscrepancyKind.GIVEN_UP, DiscrepancyKind.NOT_ACKNOWLEDGED)
    return True


@operation()
def record_failure(claimed: Claimed, failure: Failure, took: timedelta, *, actor: Actor) -> OperationStatus:
    """The marketplace could not be told: the operation waits for its next try, or for a person; its status afterwards.

    An answered try counts, and after `max_retries` of them a person has to look; what got no answer does not (`give_up_unanswered`).
    Something newer owed for the order takes its place. Locks the order and the operation, then opens a Discrepancy when it is given up.
    """
    row = lock_operation(claimed.id)
    if not _is_mine(row, claimed):
        return OperationStatus(row.status)
    now = timezone.now()
    row.claimed_until, row.error_message = None, failure.error[:ERROR_LENGTH]
    row.retry_count += failure.answered
    row.attempts -= not failure.asked
    row.failing_since = None if failure.answered else row.failing_since or now
    action = LogAction.ERROR if failure.ours else LogAction.SYNC_FAILED if failure.answered else LogAction.SYNC_ERROR
    steps: list[logbook.Step] = [(row, action, {"message": failure.error}, took)] if failure.asked else []
    if _has_newer(row):
        row.wait()
        row.cancel()
        steps.append((row, LogAction.CANCELLED, {"message": "Newer news took its place."}, None))
    elif row.retry_count >= row.max_retries:
        row.fail()
        steps.append((row, LogAction.MAX_RETRIES, {"message": f"Max retries reached: {row.max_retries}"}, None))
    else:
        row.wait()
        row.next_retry_at = _next_try(row, failure, now)
        waits = "Waits for the next try" if failure.asked else f"Not asked: {failure.error}"
        steps.append((row, LogAction.RETRY_FAILED, {"message": waits, "next_retry_at": row.next_retry_at.isoformat()}, None))
    row.save_changes("status", "claimed_until", "error_message", "retry_count", "failing_since", "next_retry_at", "attempts")
    logbook.note_all(steps, actor=actor)
    if row.status == OperationStatus.FAILED:
        open_given_up([row])
    return OperationStatus(row.status)


@operation()
def give_up_unanswered(*, actor: Actor, limit: int = 500) -> int:
    """Lay before a person what has got no answer for STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS; how many operations that were.

    Locks their orders, then the operations. The same number of statements for any number of them.
    """
    since = timezone.now() - timedelta(hours=settings.STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS)
    rows = lock_unanswered_operations(since, limit)
    for row in rows:
        row.fail()
    save_all(rows, "status")
    logbook.note_all(
        [(row, LogAction.FAILED, {"message": f"No answer since {row.failing_since:%Y-%m-%d %H:%M} UTC"}, None) for row in rows], actor=actor
    )
    open_given_up(rows)
    return len(rows)


@operation()
def retry_operation(operation_id: UUID, *, actor: Actor, expected_version: int | None = None) -> PendingStockOperation:
    """Have an operation that waits or failed tried again at once, from the beginning.

    Locks the order and the operation. A worker is asked to do it soon. Raises NotFound, StaleVersion; TransitionRefused in any other state.
    """
    row = lock_operation(operation_id, expected_version)
    row.take_from_the_dead()
    if row.status not in UNTOLD_OPERATIONS:
        raise _refused(row, "retried", "Only one that waits or failed can be.")
    if _has_newer(row):
        raise _refused(row, "retried", "Something newer is owed for its order.")
    owe_again(row, "Manual retry triggered", actor=actor)
    return row


@operation()
def cancel_operation(operation_id: UUID, *, actor: Actor, reason: str = "", expected_version: int | None = None) -> PendingStockOperation:
    """Let the marketplace not be told. What was deducted stays deducted.

    Locks the order and the operation. Cancelling again changes nothing. Raises NotFound, StaleVersion; TransitionRefused for one that is done, or
    with a worker.
    """
    row = lock_operation(operation_id, expected_version)
    if row.status == OperationStatus.CANCELLED:
        return row
    row.take_from_the_dead()
    if row.status not in UNTOLD_OPERATIONS:
        raise _refused(row, "cancelled", _NOT_CANCELLED[OperationStatus(row.status)])
    row.cancel()
    row.save_changes("status", "claimed_until")
    logbook.note(row, LogAction.CANCELLED, actor=actor, message=reason or "Operation cancelled manually")
    close_discrepancies(row.order, DiscrepancyKind.GIVEN_UP)
    return row


def _refused(row: PendingStockOperation, what: str, hint: str) -> TransitionRefused:
    return TransitionRefused(f"The {row.operation_type} of order {row.order} is {row.status}: it can't be {what}. {hint}", status=row.status)


def _is_mine(row: PendingStockOperation, claimed: Claimed) -> bool:
    return row.status == OperationStatus.PROCESSING and row.version == claimed.version


def _has_newer(row: PendingStockOperation) -> bool:
    newer = PendingStockOperation.objects.filter(order=row.order_id, created_at__gt=row.created_at)
    return newer.exclude(status__in=(OperationStatus.CANCELLED, OperationStatus.ROLLED_BACK)).exists()


def _next_try(row: PendingStockOperation, failure: Failure, now: datetime) -> datetime:
    """After anything up to initial delay · base^n seconds (exactly that without jitter), at most the largest delay, and not before the marketplace's wish."""
    base, cap = settings.STOCK_SYNC_RETRY_INITIAL_DELAY, settings.STOCK_SYNC_RETRY_MAX_DELAY
    drawn = random.uniform if settings.STOCK_SYNC_RETRY_JITTER else no_jitter
    growth = settings.STOCK_SYNC_RETRY_EXPONENTIAL_BASE
    return next_retry(now, max(row.attempts - 1, 0), failure.retry_after, base=base, cap=cap, growth=growth, uniform=drawn)
