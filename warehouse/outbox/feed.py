"""Reading the published events by their position, which has no gaps."""

from __future__ import annotations

from django.db.models import Max

from warehouse.outbox.models import OutboxEvent

# Events that one answer looks through for those of the asked type.
WINDOW = 10_000


def newest_position() -> int:
    """The position of the event that was published last; 0 when there is none."""
    return OutboxEvent.objects.filter(position__isnull=False).aggregate(newest=Max("position"))["newest"] or 0


def events_after(after: int, newest: int, limit: int, kind: str = "") -> tuple[list[OutboxEvent], int]:
    """The next published events behind a position, of a type or an area if one is given, and how far that is. Looks through at most `WINDOW` of them."""
    looked_at = max(after, min(after + WINDOW, newest))
    rows = OutboxEvent.objects.filter(position__gt=after, position__lte=looked_at).order_by("position")
    if kind:
        rows = rows.filter(type=kind) if "." in kind else rows.filter(type__startswith=f"{kind}.")
    events = list(rows[:limit])
    last = events[-1].position if len(events) == limit else None
    return events, looked_at if last is None else last
