"""Discrepancies opened and closed by operations, within their transactions. What a person does about one: `discrepancies`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from stocksync.enums import DiscrepancyKind
from stocksync.models import ChannelOrder, Discrepancy, ListingLevel, PendingStockOperation

DETAIL_LENGTH = 500


def open_discrepancy(
    order: ChannelOrder,
    kind: DiscrepancyKind,
    detail: str,
    *,
    here: dict[str, Any],
    there: dict[str, Any],
    operation: PendingStockOperation | None = None,
) -> Discrepancy:
    """Say that a locked order waits for a person: a new discrepancy, or one more sighting of the open one."""
    seen = {"detail": detail[:DETAIL_LENGTH], "here": here, "there": there, "seen_at": timezone.now(), "operation": operation}
    row, _ = Discrepancy.objects.update_or_create(
        order=order, kind=kind, resolved_at=None, defaults=seen, create_defaults={**seen, "channel_id": order.channel_id}
    )
    return row


def open_given_up(operations: Sequence[PendingStockOperation]) -> None:
    """Say that the marketplace was not told of these locked operations and a person has to look. One statement; one open one for an order."""
    Discrepancy.objects.bulk_create(
        [
            Discrepancy(
                channel_id=row.channel_id,
                order=row.order,
                operation=row,
                kind=DiscrepancyKind.GIVEN_UP,
                detail=f"The marketplace was not told: {row.error_message}"[:DETAIL_LENGTH],
                here={"deducted": row.order.is_deducted, "wanted_there": row.wanted_there},
                there={"known": row.order.known_there},
            )
            for row in operations
        ],
        ignore_conflicts=True,
    )


def open_of_level(level: ListingLevel, kind: DiscrepancyKind, detail: str, *, here: dict[str, Any], there: dict[str, Any]) -> Discrepancy:
    """Say that a locked level waits for a person, as `open_discrepancy` does."""
    seen = {"detail": detail[:DETAIL_LENGTH], "here": here, "there": there, "seen_at": timezone.now()}
    row, _ = Discrepancy.objects.update_or_create(
        level=level, kind=kind, resolved_at=None, defaults=seen, create_defaults={**seen, "channel_id": level.channel_id}
    )
    return row


def is_over(subject: ChannelOrder | ListingLevel, *kinds: DiscrepancyKind) -> int:
    """Resolve what is open of these kinds about a locked order or level, because its cause is gone. How many there were; one statement."""
    rows = Discrepancy.objects.filter(kind__in=kinds, resolved_at=None)
    rows = rows.filter(order=subject) if isinstance(subject, ChannelOrder) else rows.filter(level=subject)
    return rows.update(resolved_at=timezone.now(), resolution="The cause is gone.")
