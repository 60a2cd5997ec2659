"""How synchronisation stands, in one word and in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from inventory.orchestrator import Severity
from stocksync.queries.figures import ChannelFigures, channel_figures
from stocksync.queries.problems import all_problems
from warehouse.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of some channels together. `open_discrepancies` are those in which the two sides say different things; `manual_reviews` all that are open,
    of whatever kind: each waits for a person.
    `success_rate` is of the tries within STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES, None without any.
    """

    pending_operations: int
    processing_operations: int
    failed_operations: int
    completed_today: int
    stale_operations: int
    open_discrepancies: int
    manual_reviews: int
    unread_channels: int
    success_rate: float | None


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """`status` is healthy, warning or critical: the worst of `problems`, the texts of what is wrong now."""

    status: str
    statistics: Statistics
    problems: tuple[str, ...]
    last_updated: datetime

    def as_data(self) -> dict[str, Any]:
        """As the API and the commands tell it."""
        return asdict(self) | {"problems": list(self.problems), "last_updated": self.last_updated.isoformat()}


def sync_status(channel_id: int | None = None) -> SyncStatus:
    """How synchronisation stands, of one channel or of all. What is wrong is judged as for the alerts (`queries.problems`). Raises NotFound. Six statements."""
    figures = channel_figures(None if channel_id is None else [channel_id])
    if channel_id is not None and not figures:
        raise NotFound(f"There is no channel {channel_id}.", kind="channel", id=channel_id)
    found = all_problems(figures)
    worst = {draft.severity for draft in found}
    status = "critical" if Severity.CRITICAL in worst else "warning" if worst else "healthy"
    return SyncStatus(status, _together(figures), tuple(draft.message for draft in found), timezone.now())


def _together(figures: Sequence[ChannelFigures]) -> Statistics:
    tries, failed = sum(each.tries for each in figures), sum(each.failed_tries for each in figures)
    return Statistics(
        pending_operations=sum(each.pending for each in figures),
        processing_operations=sum(each.processing for each in figures),
        failed_operations=sum(each.failed for each in figures),
        completed_today=sum(each.completed_today for each in figures),
        stale_operations=sum(each.stale for each in figures),
        open_discrepancies=sum(each.differences for each in figures),
        manual_reviews=sum(each.manual_reviews for each in figures),
        unread_channels=sum(each.unread_since is not None for each in figures),
        success_rate=1 - failed / tries if tries else None,
    )
