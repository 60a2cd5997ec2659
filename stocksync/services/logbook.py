"""The log of an operation: every step a row, in the transaction that makes the step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from stocksync.enums import LogAction
from stocksync.models import PendingStockOperation, StockSynchronizationLog
from warehouse.core.actor import Actor

# A step: what it was of, what it was, more about it, and how long it took.
Step = tuple[PendingStockOperation, LogAction, dict[str, Any], timedelta | None]


def note(operation: PendingStockOperation, action: LogAction, *, actor: Actor, took: timedelta | None = None, **details: Any) -> None:
    """Write one step of an operation whose lock is held and whose status is the one after the step."""
    note_all([(operation, action, details, took)], actor=actor)


def note_all(steps: Iterable[Step], *, actor: Actor) -> None:
    """Write steps in their order, in one statement."""
    now = timezone.now()
    StockSynchronizationLog.objects.bulk_create(
        StockSynchronizationLog(
            operation=operation,
            action=action,
            status=operation.status,
            details=details,
            performed_by=actor.name,
            # Steps of one transaction keep their order.
            timestamp=now + timedelta(microseconds=number),
            execution_time_ms=None if took is None else round(took.total_seconds() * 1000),
        )
        for number, (operation, action, details, took) in enumerate(steps)
    )
