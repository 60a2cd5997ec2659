"""What the site itself does on its own events: each event once per subscriber, in the order of publication.

    @subscriber("replan-tasks", "stock.reallocated")
    def replan_tasks(events: Sequence[OutboxEvent]) -> None: ...

stands in an app's `subscribers.py`, which is found at start-up. The function runs inside the transaction that moves the subscription on, so it
calls `op.inside(...)`, never `op(...)`, and no remote system. A new subscriber begins with the oldest event there is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import redis
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone

from warehouse.core.retry import full_jitter
from warehouse.outbox.feed import newest_position
from warehouse.outbox.models import OutboxEvent, Subscription
from warehouse.outbox.resilience import is_outage

logger = logging.getLogger(__name__)

BATCH = 100
# How far one transaction looks for events of its types.
WINDOW = 5000
POLL_SECONDS = 0.1
RETRY_BASE_SECONDS = 1.0
RETRY_CAP_SECONDS = 300.0

Handler = Callable[[Sequence[OutboxEvent]], None]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A function and the types of events it wants."""

    name: str
    types: frozenset[str]
    handle: Handler
    batch: int = BATCH


REGISTERED: dict[str, Subscriber] = {}


def subscriber(name: str, *types: str, batch: int = BATCH) -> Callable[[Handler], Handler]:
    """Register the function for these types of events. The name is the subscription's key in the database: never reuse it for something else.

    It is given at most `batch` events at once: 1 for one that locks an order and then its stock, so that no other order is locked after that stock.
    """
    if not types:
        raise ValueError(f"The subscriber {name} names no type of event.")

    def register(handle: Handler) -> Handler:
        if name in REGISTERED:
            raise ValueError(f"There are two subscribers named {name}.")
        REGISTERED[name] = Subscriber(name, frozenset(types), handle, batch)
        return handle

    return register


def run_pass() -> int:
    """Give every registered subscriber its next batch; returns how far all of them together moved on. One that fails does not stop the others."""
    moved = 0
    for each in list(REGISTERED.values()):
        try:
            moved += advance(each)
        except Exception as error:
            # Failures of handlers are kept with the subscription; this one came after the commit, from what the handler had left to do then.
            if is_outage(error):
                raise
            logger.exception("The subscriber %s failed outside its transaction", each.name)
    return moved


def advance(each: Subscriber) -> int:
    """Give one subscriber its next batch and move its position on, in one transaction. Returns by how many positions.

    Locks the subscription; while another runner holds it, nothing is done. A handler that fails has no effect, its error is kept in the
    subscription and logged, and it is tried again after a growing pause. An outage of the database is raised and nobody's failure.
    """
    moved = _advance(each)
    if moved is None:
        # Made in a transaction of its own: an uncommitted row would make the other runners wait.
        _, made = Subscription.objects.get_or_create(pk=each.name)
        moved = _advance(each) if made else None
    return moved or 0


def _advance(each: Subscriber) -> int | None:
    """None when there is no subscription or another runner holds it."""
    with transaction.atomic(durable=True):
        subscription = lock_subscription(each.name)
        if subscription is None:
            return None
        if subscription.retry_at and subscription.retry_at > timezone.now():
            return 0
        events, position = _unseen(subscription.position, each.types, each.batch)
        if position == subscription.position:
            return 0
        if events and (error := _failure_of(each, events)):
            _keep_failure(subscription, error)
            return 0
        Subscription.objects.filter(pk=each.name).update(position=position, attempts=0, retry_at=None, failed_at=None, last_error="")
    return position - subscription.position


def _failure_of(each: Subscriber, events: Sequence[OutboxEvent]) -> Exception | None:
    """Call the handler in a savepoint; what it raised, with its effects undone, or None. Constraints that wait for the commit are judged here too."""
    try:
        with transaction.atomic():
            each.handle(events)
            connection.check_constraints()
    except Exception as error:
        if is_outage(error):
            raise
        logger.exception("The subscriber %s failed at position %s", each.name, events[0].position)
        return error
    return None


def _keep_failure(subscription: Subscription, error: Exception) -> None:
    now = timezone.now()
    pause = timedelta(seconds=full_jitter(subscription.attempts, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS))
    Subscription.objects.filter(pk=subscription.pk).update(
        attempts=F("attempts") + 1, failed_at=now, retry_at=now + pause, last_error=f"{type(error).__name__}: {error}"[:2000]
    )


def lock_subscription(name: str) -> Subscription | None:
    """Lock the subscription; None when there is none or another runner holds it."""
    return Subscription.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=name).first()


def _unseen(position: int, types: frozenset[str], batch: int) -> tuple[list[OutboxEvent], int]:
    """The next events of these types, and how far that is. The end is read first: what is published meanwhile waits for the next time."""
    end = min(newest_position(), position + WINDOW)
    if end <= position:
        return [], position
    events = list(OutboxEvent.objects.filter(position__gt=position, position__lte=end, type__in=sorted(types)).order_by("position")[:batch])
    last = events[-1].position if len(events) == batch else None
    return events, end if last is None else last


def run(stop: threading.Event) -> None:
    """Run all subscribers until told to stop; back off while the database is away."""
    failures = 0
    while not stop.is_set():
        try:
            moved = run_pass()
            failures = 0
        except (DatabaseError, redis.RedisError) as error:
            failures += 1
            pause = full_jitter(failures, base=0.1, cap=5.0)
            logger.warning("The subscribers wait %.1f s: %s: %s", pause, type(error).__name__, error)
            connection.close_if_unusable_or_obsolete()
            stop.wait(pause)
            continue
        if not moved:
            connection.close_if_unusable_or_obsolete()
            stop.wait(POLL_SECONDS)
