"""Reading the outbox: the published events by their position, which has no gaps, and what waits to be published."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, Min, Q

from warehouse.outbox.models import OutboxEvent

# Events that one answer looks through for those of the asked type.
WINDOW = 10_000


class Backlog(NamedTuple):
    """The events that are not published yet: how many, how many of them were refused, and since when the oldest waits."""

    waiting: int
    parked: int
    oldest: datetime | None


def backlog() -> Backlog:
    """What waits to be published. One statement."""
    waiting = OutboxEvent.objects.filter(published_at=None)
    return Backlog(**waiting.aggregate(waiting=Count("pk"), parked=Count("pk", filter=Q(retry_at__isnull=False)), oldest=Min("occurred_at")))


# What is kept of it, and what the events say: a relay of the release before keeps nothing. An event may have been archived, its position is not given again.
NEWEST = """
    SELECT greatest(0, (SELECT position FROM outbox_feedend WHERE id = 1), (SELECT max(position) FROM outbox_outboxevent WHERE position IS NOT NULL)) AS position
"""


def newest_position() -> int:
    """The position of the event that was published last, whether it is still kept or archived; 0 when there was none."""
    with connection.cursor() as cursor:
        cursor.execute(NEWEST)
        ((position,),) = cursor.fetchall()
    return int(position)


def events_after(after: int, newest: int, limit: int, kind: str = "") -> tuple[list[OutboxEvent], int]:
    """The next published events behind a position, of a type or an area if one is given, and how far that is. Looks through at most `WINDOW` of them."""
    looked_at = max(after, min(after + WINDOW, newest))
    rows = OutboxEvent.objects.filter(position__gt=after, position__lte=looked_at).order_by("position")
    if kind:
        rows = rows.filter(type=kind) if "." in kind else rows.filter(type__startswith=f"{kind}.")
    events = list(rows[:limit])
    last = events[-1].position if len(events) == limit else None
    return events, looked_at if last is None else last
