"""How each channel stands now: what it is owed, what failed, what waits for a person, how its last tries ended. Constant statements on indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from stocksync.enums import OPEN_OPERATIONS, ChannelMode, DiscrepancyKind, LogAction, OperationStatus
from stocksync.models import Channel, Discrepancy, PendingStockOperation, StockSynchronizationLog

# How a try ended. An open circuit ends it without an answer, too; a defect of ours (error) says nothing of the marketplace.
TRIES = (LogAction.SYNC_SUCCESS, LogAction.SYNC_FAILED, LogAction.SYNC_ERROR, LogAction.ERROR)
# What is owed begins to be owed.
BEGINNINGS = (LogAction.CREATED, LogAction.MANUAL_RETRY, LogAction.REOPENED)
# The two sides say different things; every open discrepancy, of whatever kind, is a manual review.
DIFFERENCES = (DiscrepancyKind.NOT_ACKNOWLEDGED, DiscrepancyKind.NOT_DEDUCTED, DiscrepancyKind.UNKNOWN_THERE, DiscrepancyKind.LEVEL)
# A channel is read every half minute.
UNREAD = timedelta(minutes=15)


@dataclass(slots=True)
class ChannelFigures:
    """A channel as it stands. `tries` and `failed_tries` are of the window that was asked for; `discrepancies` the open ones by kind."""

    channel: Channel
    pending: int = 0
    processing: int = 0
    failed: int = 0
    completed_today: int = 0
    stale: int = 0
    tries: int = 0
    failed_tries: int = 0
    unread_since: datetime | None = None
    discrepancies: Counter[str] = field(default_factory=Counter)

    @property
    def differences(self) -> int:
        """How many open discrepancies say that the two sides differ."""
        return sum(self.discrepancies[kind] for kind in DIFFERENCES)

    @property
    def manual_reviews(self) -> int:
        """How many cases wait for a person."""
        return sum(self.discrepancies.values())

    @property
    def failure_rate(self) -> float | None:
        """The part of the tries that failed; None without any."""
        return self.failed_tries / self.tries if self.tries else None


def channel_figures(channel_ids: Iterable[int] | None = None, *, window: timedelta | None = None) -> list[ChannelFigures]:
    """How channels (default: all) stand, by code. Six statements for any number of them.

    `window`: how far back tries are counted, default STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES. Today begins at midnight of the site.
    """
    channels = Channel.objects.order_by("code")
    if channel_ids is not None:
        channels = channels.filter(pk__in=list(channel_ids))
    found = {channel.pk: ChannelFigures(channel) for channel in channels}
    now = timezone.now()
    # Not in one statement: each has an index of its own.
    for pk, status, count in _counted(PendingStockOperation.objects.filter(status__in=[*OPEN_OPERATIONS, OperationStatus.FAILED]), found, "status"):
        setattr(found[pk], status, count)
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    done = PendingStockOperation.objects.filter(status=OperationStatus.COMPLETED, updated_at__gte=midnight, completed_at__gte=midnight)
    for pk, _, count in _counted(done, found, "status"):
        found[pk].completed_today = count
    for pk, _, count in _counted(stale_operations(now).order_by(), found, "channel__code"):
        found[pk].stale = count
    for pk, kind, count in _counted(Discrepancy.objects.filter(resolved_at=None), found, "kind"):
        found[pk].discrepancies[kind] = count
    since = now - (window or timedelta(minutes=settings.STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES))
    tries = StockSynchronizationLog.objects.filter(timestamp__gte=since, action__in=TRIES, operation__channel__in=found)
    for pk, action, count in tries.values_list("operation__channel", "action").annotate(Count("pk")):
        found[pk].tries += count
        found[pk].failed_tries += count if action != LogAction.SYNC_SUCCESS else 0
    for each in found.values():
        each.unread_since = _unread_since(each.channel, now)
    return list(found.values())


def stale_operations(now: datetime) -> Any:
    """Operations that have been owed for more than STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS, counted from the last time that they began to be."""
    before = now - timedelta(hours=settings.STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS)
    begun = StockSynchronizationLog.objects.filter(operation=OuterRef("pk"), timestamp__gte=before, action__in=BEGINNINGS)
    rows = PendingStockOperation.objects.filter(status__in=OPEN_OPERATIONS, created_at__lt=before)
    return rows.exclude(Exists(begun)).order_by("created_at")


def _counted(rows: Any, found: dict[int, ChannelFigures], by: str) -> Iterable[tuple[int, str, int]]:
    counted: Iterable[tuple[int, str, int]] = rows.filter(channel__in=found).values_list("channel", by).annotate(Count("pk"))
    return counted


def _unread_since(channel: Channel, now: datetime) -> datetime | None:
    """Since when a channel that is to be read was not read to its end; None when that is no matter yet."""
    if channel.mode == ChannelMode.OFF:
        return None
    since = max(channel.read_to_end_at or channel.mode_since, channel.mode_since)
    return since if now - since > UNREAD else None
