"""Work in the background. A message says only where to look; whether there is something to do stands in the database.

The periodic jobs find what a lost message or a killed worker left behind, so nothing depends on the broker's memory. Messages about one channel are acknowledged
when they are taken: a channel may be slower than the broker's visibility timeout, and the next round finds what a killed one left.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from stocksync.enums import ChannelMode
from stocksync.flows import acknowledging, circuits, publishing, reading, reconciling
from stocksync.models import Channel
from stocksync.services import cleanup, health, reports
from stocksync.services.background import ACTOR, FOLLOW_LEVELS, PROCESS_OPERATION, PUSH_LEVELS, READ_CHANNEL, RECONCILE
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure

logger = logging.getLogger(__name__)

# With the calls of the last batch below the visibility timeout of the broker, or it would be begun twice.
SECONDS = 15.0
LIMIT = 2000
# What is longer makes room for others, and goes on in the next round.
READ_SECONDS, RECONCILE_SECONDS = 60.0, 900.0
# Somebody who died holds a channel no longer than this after its time.
GRACE_SECONDS = 120.0


@shared_task(name=PROCESS_OPERATION)
def process_operation(operation_id: str) -> None:
    """Tell a marketplace one operation."""
    acknowledging.attempt(UUID(operation_id), actor=ACTOR)


@shared_task(name="stocksync.process_pending_stock_operations")
def process_pending_stock_operations() -> None:
    """Tell the marketplaces all that is due (every five minutes). More than there is time for is gone on with at once, in a message of its own."""
    go_on = _for(SECONDS)
    result = acknowledging.process_pending_operations(LIMIT, actor=ACTOR, go_on=go_on)
    if result.processed:
        logger.info("pending operations told", extra=asdict(result))
    if result.succeeded and not go_on():
        process_pending_stock_operations.apply_async(expires=60)


@shared_task(name="stocksync.read_channels")
def read_channels() -> None:
    """Have every channel read that is not off (every half minute)."""
    _have_each(read_channel, expires=30)


@shared_task(name=READ_CHANNEL, acks_late=False)
def read_channel(channel_id: int) -> None:
    """Take in what is new in a channel, unless somebody reads it now."""
    with _alone("read", channel_id, READ_SECONDS) as mine:
        channel = Channel.objects.filter(pk=channel_id).exclude(mode=ChannelMode.OFF).first()
        if mine and channel is not None:
            _call(channel, lambda: reading.read_channel(channel, actor=ACTOR, go_on=_for(READ_SECONDS)))


@shared_task(name=RECONCILE, acks_late=False)
def reconcile_stock_states(channel_id: int | None = None) -> None:
    """Compare both sides of a channel, and make alike what is small and clear, unless somebody does now.

    Without a channel: have every one compared that is not off (every STOCK_SYNC_RECONCILIATION_INTERVAL_MINUTES).
    """
    if channel_id is None:
        _have_each(reconcile_stock_states, expires=settings.STOCK_SYNC_RECONCILIATION_INTERVAL_MINUTES * 60)
        return
    with _alone("reconcile", channel_id, RECONCILE_SECONDS) as mine:
        channel = Channel.objects.filter(pk=channel_id).exclude(mode=ChannelMode.OFF).first()
        if mine and channel is not None:
            _call(channel, lambda: reconciling.reconcile_stock_status(channel, actor=ACTOR, go_on=_for(RECONCILE_SECONDS)))


@shared_task(name=PUSH_LEVELS, acks_late=False)
def push_levels(channel_id: int) -> None:
    """Tell the listings of a channel what they are to show, if it is on."""
    channel = Channel.objects.filter(pk=channel_id).first()
    if channel is not None:
        _call(channel, lambda: publishing.push_levels(channel, go_on=_for(SECONDS)))


@shared_task(name="stocksync.sweep_levels")
def sweep_levels() -> None:
    """Have every channel go on with the quantities that are on their way."""
    _have_each(push_levels, expires=15)


@shared_task(name=FOLLOW_LEVELS)
def follow_levels(after: int = 0, channel_id: int | None = None, cause: str = "reckoned anew") -> None:
    """Reckon every level (of a channel that changed) anew, for what no event tells. More than there is time for is gone on with in a message of its own."""
    after_that = publishing.follow_levels(after, channel_id, cause, go_on=_for(SECONDS))
    if after_that is not None:
        follow_levels.apply_async((after_that, channel_id, cause))


@shared_task(name="stocksync.cleanup_old_sync_operations")
def cleanup_old_sync_operations() -> None:
    """Delete what is over for long (daily). What is left when the time is over is deleted the next day."""
    go_on = _for(SECONDS)
    while cleanup.cleanup_old_operations(actor=ACTOR).more and go_on():
        logger.info("cleaning up goes on")


@shared_task(name="stocksync.generate_sync_report")
def generate_sync_report() -> None:
    """Write the report of the last whole week, once (looked for every hour, so that a missed Monday is caught up with)."""
    if Channel.objects.exists():
        reports.generate_sync_report(actor=ACTOR)


@shared_task(name="stocksync.monitor_sync_health")
def monitor_sync_health() -> None:
    """Make the alerts about synchronisation those of what is wrong now (every half hour)."""
    health.monitor_sync_health(actor=ACTOR)


@shared_task(name="stocksync.check_stale_operations")
def check_stale_operations() -> None:
    """Make the alerts about what waits for too long those of now (every STOCK_SYNC_MONITORING_STALE_CHECK_MINUTES)."""
    health.check_stale_operations(actor=ACTOR)


@shared_task(name="stocksync.watch_channels")
def watch_channels() -> None:
    """Make the alerts about what people should know at once those of now (every minute)."""
    health.watch_channels(circuits.circuit_states(), actor=ACTOR)


def _have_each(task: Any, expires: float) -> None:
    """Send a message for each channel that is not off; one that waits too long is dropped, because the next round sends it again."""
    for pk in Channel.objects.exclude(mode=ChannelMode.OFF).order_by("pk").values_list("pk", flat=True):
        task.apply_async((pk,), expires=expires)


def _call(channel: Channel, work: Callable[[], object]) -> None:
    """Do work that asks a marketplace. One that can't be asked is tried in the next round; `watch_channels` tells of what lasts."""
    try:
        work()
    except (RetryableFailure, PermanentFailure) as error:
        logger.warning("%s could not be asked: %s", channel, error)


def _for(seconds: float) -> Callable[[], bool]:
    """Says for so many seconds that there is time."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


@contextmanager
def _alone(what: str, channel_id: int, seconds: float) -> Iterator[bool]:
    """Whether nobody else does this with the channel now. Only a courtesy to the marketplace: two at once would do nothing twice."""
    key, name = f"stocksync:{what}:{channel_id}", str(uuid4())
    mine = cache.add(key, name, timeout=seconds + GRACE_SECONDS)
    try:
        yield mine
    finally:
        # Whoever was slower than that finds somebody else's name.
        if mine and cache.get(key) == name:
            cache.delete(key)
