"""What is over for long is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from stocksync.enums import CLOSED_OPERATIONS
from stocksync.locks import lock_to_delete
from stocksync.models import Discrepancy, LevelCommand, PendingStockOperation, SyncReport
from stocksync.queries.reports import LOOK_BACK
from stocksync.services.reports import last_week
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation

# So many in one transaction.
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many rows were deleted; `more` when there may be others."""

    operations: int
    log_rows: int
    commands: int
    more: bool


@operation()
def cleanup_old_operations(*, actor: Actor, limit: int = BATCH) -> Cleaned:
    """Delete operations that were completed, cancelled or rolled back more than STOCK_SYNC_KEEP_DAYS ago, each with its log, and commands of levels so old.

    At most `limit` of each kind; repeat while there is `more`. What stays: an operation of an open discrepancy; the newest command of a level; one that a
    worker still has to look at; and what the report of the last whole week, or of this one, is still to be made of. Locks the rows it deletes, passing over
    those that others hold. The same number of statements for any number of rows.
    """
    now = timezone.now()
    before = min(now - timedelta(days=settings.STOCK_SYNC_KEEP_DAYS), _first_needed(now))
    disputed = Discrepancy.objects.filter(operation=OuterRef("pk"), resolved_at=None)
    rows = PendingStockOperation.objects.filter(status__in=CLOSED_OPERATIONS, updated_at__lt=before).exclude(Exists(disputed))
    ids = lock_to_delete(rows.order_by("updated_at"), limit)
    deleted = PendingStockOperation.objects.filter(pk__in=ids).delete()[1]
    newer = LevelCommand.objects.filter(level=OuterRef("level"), version__gt=OuterRef("version"))
    old = LevelCommand.objects.filter(Exists(newer), created_at__lt=before, next_look_at=None)
    names = lock_to_delete(old.order_by("created_at"), limit)
    LevelCommand.objects.filter(pk__in=names).delete()
    return Cleaned(len(ids), deleted.get("stocksync.StockSynchronizationLog", 0), len(names), more=limit in (len(ids), len(names)))


def _first_needed(now: datetime) -> datetime:
    """Since when the log is needed for reports: from the last whole week on, or from this one once that has its report."""
    begins, ends = last_week(now)
    told = SyncReport.objects.filter(begins_at=begins, ends_at=ends).exists()
    return (ends if told else begins) - LOOK_BACK
