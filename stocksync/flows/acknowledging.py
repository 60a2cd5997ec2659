"""Orders deducted, and the marketplace told: at once, and again until it knows."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from stocksync.enums import OperationStatus
from stocksync.flows.clients import client_for
from stocksync.flows.tokens import NotConnected
from stocksync.marketplaces.base import ChannelClient, RemoteOrder
from stocksync.models import Channel
from stocksync.services.background import ACTOR
from stocksync.services.intake import take_in_order
from stocksync.services.operations import BATCH, Claimed, Failure, claim_operations, give_up_unanswered, record_failure, record_success
from warehouse.core.actor import Actor
from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure, is_answer
from warehouse.outbox.resilience import is_outage

logger = logging.getLogger(__name__)

# The marketplace was found away by others, or nobody has connected the channel: that says nothing of the operation.
NOT_ASKED = (CircuitOpen, NotConnected)


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of one order: whether nothing more is owed by it now, the operation that came of it, and why it still waits."""

    success: bool
    operation_id: UUID | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessingResult:
    """How many operations were told; `failed` wait for their next try, `max_retries_reached` for a person."""

    processed: int
    succeeded: int
    failed: int
    max_retries_reached: int


@dataclass(frozen=True, slots=True)
class Told:
    """How telling one operation ended; `away`: nobody was asked, because others had found the marketplace away."""

    status: OperationStatus
    error: str | None = None
    away: bool = False


def sync_order(channel: Channel, remote: RemoteOrder, client: ChannelClient | None = None, *, actor: Actor = ACTOR) -> SyncResult:
    """Take an order of a marketplace in, deduct it, and tell the marketplace at once; what fails is told again by `process_pending_operations`.

    Raises Conflict for a channel that is off. An order that can't be deducted is a Discrepancy and a result without success.
    """
    taken = take_in_order(channel.pk, remote, actor=actor)
    if taken.operation_id is None:
        waiting = taken.order.discrepancies.filter(resolved_at=None).values_list("detail", flat=True).first()
        return SyncResult(waiting is None, None, waiting)
    return attempt(taken.operation_id, client, actor=actor)


def attempt(operation_id: UUID, client: ChannelClient | None = None, *, actor: Actor = ACTOR) -> SyncResult:
    """Tell the marketplace one operation if it is due and nobody else does."""
    claimed = claim_operations(ids=[operation_id], actor=actor)
    if not claimed:
        return SyncResult(False, operation_id, "It is not its time, or somebody else tells it.")
    with ExitStack() as stack:
        told = _tell(claimed[0], client or _open(Channel.objects.get(pk=claimed[0].channel_id), stack), actor)
    return SyncResult(told.error is None, operation_id, told.error)


def process_pending_operations(
    limit: int = 50, *, actor: Actor = ACTOR, go_on: Callable[[], bool] = lambda: True, progress: Callable[[int], object] = lambda done: None
) -> ProcessingResult:
    """Tell the marketplaces what is due, at most `limit` operations, while `go_on` says so. `progress` hears of each batch how many it had.

    They are claimed in small batches under a lease, so any number of workers may do this at once. One that fails does not stop the others; a marketplace that
    is away is left alone until the next time. What has waited too long for an answer is laid before a person.
    """
    counts: Counter[str] = Counter()
    counts["max_retries_reached"] = give_up_unanswered(actor=actor)
    away: set[int] = set()
    with ExitStack() as stack:
        clients: dict[int, ChannelClient | NotConnected] = {}
        while counts["processed"] < limit and go_on():
            claimed = claim_operations(limit=min(BATCH, limit - counts["processed"]), without=away, actor=actor)
            if not claimed:
                break
            for channel in Channel.objects.filter(pk__in={each.channel_id for each in claimed} - clients.keys()):
                clients[channel.pk] = _open(channel, stack)
            for each in claimed:
                told = _tell(each, clients[each.channel_id], actor)
                counts[_name(told.status)] += 1
                if told.away:
                    away.add(each.channel_id)
            counts["processed"] += len(claimed)
            progress(len(claimed))
    return ProcessingResult(**{name: counts[name] for name in ("processed", "succeeded", "failed", "max_retries_reached")})


def failure_of(error: RetryableFailure | PermanentFailure) -> Failure:
    """How a call failed, in the words of the operations."""
    asked = not isinstance(error, NOT_ASKED)
    if isinstance(error, PermanentFailure):
        return Failure(str(error), answered=asked, asked=asked)
    return Failure(str(error), is_answer(error), error.retry_after, asked)


def _open(channel: Channel, stack: ExitStack) -> ChannelClient | NotConnected:
    """A client that is closed with the stack, or why there is none."""
    try:
        return stack.enter_context(client_for(channel))
    except NotConnected as error:
        return error


def _tell(claimed: Claimed, client: ChannelClient | NotConnected, actor: Actor) -> Told:
    """Make the call of a claimed operation and lay it down."""
    began = time.monotonic()
    try:
        if isinstance(client, NotConnected):
            raise client
        client.set_deducted(claimed.order_external_id, claimed.wanted_there)
    except (RetryableFailure, PermanentFailure) as error:
        status = record_failure(claimed, failure_of(error), timedelta(seconds=time.monotonic() - began), actor=actor)
        return Told(status, str(error), away=isinstance(error, NOT_ASKED))
    except Exception as error:
        if is_outage(error):
            raise
        # A defect of ours about one operation must not stop the others, and a person has to see it.
        logger.exception("the marketplace could not be told of order %s", claimed.order_external_id)
        failure = Failure(f"{type(error).__name__}, see the log", answered=True, ours=True)
        status = record_failure(claimed, failure, timedelta(seconds=time.monotonic() - began), actor=actor)
        return Told(status, failure.error)
    record_success(claimed, timedelta(seconds=time.monotonic() - began), actor=actor)
    return Told(OperationStatus.COMPLETED)


def _name(status: OperationStatus) -> str:
    if status == OperationStatus.COMPLETED:
        return "succeeded"
    return "max_retries_reached" if status == OperationStatus.FAILED else "failed"
