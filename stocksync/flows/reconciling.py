"""Both sides of a channel compared, order by order, and made alike where that is small and clear."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from stocksync.flows.acknowledging import attempt, sync_order
from stocksync.flows.clients import client_for
from stocksync.marketplaces.base import ChannelClient
from stocksync.models import Channel, Discrepancy
from stocksync.queries.comparison import Compared, Finding, compare, deducted_between
from stocksync.services.background import ACTOR
from stocksync.services.reconciliation import acknowledge_again, deduct_late, note_same, note_told, note_unknown_there
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReconciliationResult:
    """How many orders were compared, how many of them were alike or on their way, made alike now, and how many discrepancies of the channel are open after it.
    Not `at_end`: it was stopped before.
    """

    compared: int
    same: int
    fixed: int
    discrepancies: int
    at_end: bool = True


def reconcile_stock_status(
    channel: Channel,
    limit: int | None = None,
    *,
    window: timedelta | None = None,
    client: ChannelClient | None = None,
    actor: Actor = ACTOR,
    go_on: Callable[[], bool] = lambda: True,
    progress: Callable[[int], object] = lambda done: None,
) -> ReconciliationResult:
    """Compare every order that changed within the window (default: STOCK_SYNC_RECONCILIATION_WINDOW_HOURS), `limit` in a page, and mend what is small and clear.

    Deducted here and not known there: told again. Known there and not deducted here: deducted, if stock allows. New or changed: taken in. What is older than
    the threshold, or contradicts itself, is a Discrepancy. Stops after the page in hand when `go_on` says so; `progress` hears of each page how
    many orders it had. Two at once do nothing twice. Raises RetryableFailure or PermanentFailure.
    """
    if client is None:
        with client_for(channel) as opened:
            return reconcile_stock_status(channel, limit, window=window, client=opened, actor=actor, go_on=go_on, progress=progress)
    until = timezone.now()
    since = until - (window or timedelta(hours=settings.STOCK_SYNC_RECONCILIATION_WINDOW_HOURS))
    size = limit or settings.STOCK_SYNC_RECONCILIATION_BATCH_SIZE
    counts: Counter[str] = Counter()
    listed: set[str] = set()
    page: str | None = None
    while True:
        told = client.list_orders(since, until, page=page, limit=size)
        compared = compare(channel, told.orders)
        listed.update(remote.external_id for remote in told.orders)
        note_same(
            {each.order.pk: each.order.flag_after(each.remote.known) for each in compared if each.order and each.finding == Finding.SAME}, actor=actor
        )
        for each in compared:
            counts["compared"] += 1
            counts["same"] += each.finding in (Finding.SAME, Finding.UNDER_WAY)
            counts["fixed"] += _mend(channel, each, client, actor)
        progress(len(compared))
        page = told.next
        if page is None or not go_on():
            break
    at_end = page is None and _look_for_missing(channel, (since, until), listed, size, client, actor, go_on)
    still = Discrepancy.objects.filter(channel=channel, resolved_at=None).count()
    return ReconciliationResult(counts["compared"], counts["same"], counts["fixed"], still, at_end)


def _mend(channel: Channel, each: Compared, client: ChannelClient, actor: Actor) -> bool:
    """Do about one order what its finding asks. Whether both sides are alike now that were not."""
    try:
        if each.finding == Finding.NEWS:
            result = sync_order(channel, each.remote, client, actor=actor)
            if result.operation_id is not None:
                return result.success
            # Taken in, it can be judged.
            [each] = compare(channel, [each.remote])
        operation_id = None
        match each.finding:
            case Finding.TOLD if each.order:
                return note_told(each.order.pk, each.remote, actor=actor)
            case Finding.FORGOTTEN | Finding.STILL_KNOWN if each.order:
                operation_id = acknowledge_again(each.order.pk, each.remote, seen_version=each.order.version, actor=actor)
            case Finding.NOT_DEDUCTED if each.order:
                operation_id = deduct_late(each.order.pk, each.remote, actor=actor)
    except DomainError as error:
        logger.warning("%s: order %s could not be mended: %s", channel, each.remote.external_id, error.detail)
        return False
    return operation_id is not None and attempt(operation_id, client, actor=actor).success


def _look_for_missing(
    channel: Channel,
    window: tuple[datetime, datetime],
    listed: set[str],
    size: int,
    client: ChannelClient,
    actor: Actor,
    go_on: Callable[[], bool],
) -> bool:
    """Orders that the list did not name may have changed while it was read: each is asked for by itself before it is called unknown. Whether there was time
    for all of them."""
    after = 0
    while orders := deducted_between(channel, *window, after, size):
        for order in orders:
            if order.external_id in listed:
                continue
            if not go_on():
                return False
            if client.get_order(order.external_id) is None:
                note_unknown_there(order.pk, actor=actor)
        after = orders[-1].pk
    return True
