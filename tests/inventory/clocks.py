"""Time that passes in a test: instead of waiting, everything that has happened to the goods is put further back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from inventory.models import BatchLocation, PastClock
from inventory.stock.place import clock_of, lives_of

SECOND = timedelta(seconds=20)


def days_pass(days: float) -> None:
    """Let so many days pass for all goods."""
    earlier = timedelta(days=days)
    names = ("clock_started_at", "not_after", "frozen_at", "effective_expires_at", "received_at")
    BatchLocation.objects.update(**{name: F(name) - earlier for name in names})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('wms.archiving', 'on', true)")
        PastClock.objects.update(**{name: F(name) - earlier for name in names if name != "effective_expires_at"})
        cursor.execute("SELECT set_config('wms.archiving', '', true)")


def label_says(rows: QuerySet[BatchLocation], at: datetime) -> None:
    """As if a label said that these goods keep until then, and no longer: date and clock agree, as the books want it."""
    rows.update(effective_expires_at=at, not_after=at, clock_started_at=timezone.now(), consumed_fraction=0)


def date_by_clock(row: BatchLocation) -> None:
    """After its clock was set: the goods expire when it says."""
    row.refresh_from_db()
    BatchLocation.objects.filter(pk=row.pk).update(effective_expires_at=clock_of(row).effective(lives_of([row.batch])[row.batch_id]))


def keeps_for(row: BatchLocation | int) -> float:
    """How many days the goods still keep, to a thousandth of a day (a test takes some seconds of it)."""
    found = BatchLocation.objects.get(pk=getattr(row, "pk", row))
    assert found.effective_expires_at is not None
    return round((found.effective_expires_at - timezone.now()) / timedelta(days=1), 3)


def about(moment: datetime | None, days: float) -> bool:
    """Whether the moment is so many days from now, give or take the length of a test."""
    assert moment is not None
    return abs(moment - timezone.now() - timedelta(days=days)) < SECOND
