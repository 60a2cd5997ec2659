"""What was said of the work."""

from __future__ import annotations

from warehouse.outbox.models import OutboxEvent


def told(*types: str) -> list[str]:
    return [row.type for row in OutboxEvent.objects.order_by("sequence") if row.type in types]
