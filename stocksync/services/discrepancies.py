"""Discrepancies opened and closed by operations, within their transactions. What a person does about one: `resolutions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from stocksync.enums import DiscrepancyKind
from stocksync.models import ChannelOrder, Discrepancy, ListingLevel, PendingStockOperation

DETAIL_LENGTH = 500


Side = dict[str, Any]


def open_discrepancy(subject: ChannelOrder | ListingLevel, kind: DiscrepancyKind, detail: str, *, here: Side, there: Side) -> Discrepancy:
    """Say that a locked order or level waits for a person: a new discrepancy, or one more sighting of the open one. `here` and `there` are both sides."""
    about = {"order": subject} if isinstance(subject, ChannelOrder) else {"level": subject}
    seen = {"detail": detail[:DETAIL_LENGTH], "here": here, "there": there, "seen_at": timezone.now()}
    row, _ = Discrepancy.objects.update_or_create(
        **about, kind=kind, resolved_at=None, defaults=seen, create_defaults={**seen, "channel_id": subject.channel_id}
    )
    return row


def open_given_up(operations: Sequence[PendingStockOperation]) -> None:
    """Say that the marketplace was not told of these operations, whose orders are locked, and a person has to look. Three statements; one open one for an order."""
    rows = Discrepancy.objects.filter(kind=DiscrepancyKind.GIVEN_UP, resolved_at=None, order__in=[row.order_id for row in operations])
    known = {row.order_id: row for row in rows}
    made = []
    for operation in operations:
        row = known.get(operation.order_id)
        if row is None:
            row = Discrepancy(channel_id=operation.channel_id, order=operation.order, kind=DiscrepancyKind.GIVEN_UP)
            made.append(row)
        row.operation, row.seen_at = operation, timezone.now()
        row.detail = f"The marketplace was not told: {operation.error_message}"[:DETAIL_LENGTH]
        row.here = {"deducted": operation.order.is_deducted, "wanted_there": operation.wanted_there}
        row.there = {"known": operation.order.known_there}
    Discrepancy.objects.bulk_create(made)
    Discrepancy.objects.bulk_update(known.values(), ["operation", "seen_at", "detail", "here", "there"])


def close_discrepancies(subject: ChannelOrder | ListingLevel, *kinds: DiscrepancyKind) -> int:
    """Close what is open of these kinds about a locked order or level, because its cause is gone. How many there were; one statement."""
    rows = Discrepancy.objects.filter(kind__in=kinds, resolved_at=None)
    rows = rows.filter(order=subject) if isinstance(subject, ChannelOrder) else rows.filter(level=subject)
    return rows.update(resolved_at=timezone.now(), resolution="The cause is gone.")
