"""Weekly reports of synchronisation."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.utils import timezone

from stocksync.models import SyncReport
from stocksync.queries.reports import sync_figures
from warehouse.core.actor import Actor
from warehouse.core.errors import ValidationFailed
from warehouse.core.transactions import lost_race_on, operation

# Two that write the same report at once: the second one starts again and finds it.
lost_race_on(["sync_report_once"])


@operation()
def generate_sync_report(begins_at: datetime | None = None, ends_at: datetime | None = None, *, actor: Actor) -> SyncReport:
    """Write the report of a stretch of time, default the last whole week (`last_week`). One that is written already is returned as it is.

    It is not computed again, because what it was made of is deleted after a while. Raises ValidationFailed for a stretch that is not over or ends before it
    begins. Locks nothing; two at once write one.
    """
    if begins_at is None or ends_at is None:
        begins_at, ends_at = last_week()
    if not begins_at < ends_at <= timezone.now():
        raise ValidationFailed("A report is of a stretch of time that is over, and begins before it ends.")
    known = SyncReport.objects.filter(begins_at=begins_at, ends_at=ends_at).first()
    if known is not None:
        return known
    return SyncReport.objects.create(begins_at=begins_at, ends_at=ends_at, figures=sync_figures(begins_at, ends_at))


def last_week(now: datetime | None = None) -> tuple[datetime, datetime]:
    """The last whole week: from Monday 00:00 to Monday 00:00 of the site."""
    today = timezone.localdate(now, timezone.get_default_timezone())
    return week_of(today.isocalendar().year, today.isocalendar().week, before=1)


def week_of(year: int, week: int, *, before: int = 0) -> tuple[datetime, datetime]:
    """An ISO week (`before` so many weeks earlier), from Monday 00:00 to Monday 00:00 of the site. Raises ValueError for a week that the year has not."""
    monday = datetime.fromisocalendar(year, week, 1).date() - timedelta(weeks=before)
    begins, ends = (datetime.combine(day, time(), timezone.get_default_timezone()) for day in (monday, monday + timedelta(weeks=1)))
    return begins, ends
