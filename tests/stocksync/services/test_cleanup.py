"""What is over for long is deleted, and nothing that anybody still needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from stocksync.enums import CommandStatus, DiscrepancyKind, OperationStatus
from stocksync.models import Discrepancy, LevelCommand, PendingStockOperation, StockSynchronizationLog
from stocksync.services.cleanup import Cleaned, cleanup_old_operations
from stocksync.services.reports import generate_sync_report
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ACTOR, ListingLevelFactory, channel_at, given_up, many_operations, owed, site, told
from tests.fulfillment.parcels import Clock

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def aged(days: float, **more: object) -> None:
    """Every operation that was changed just now was so long ago."""
    at = timezone.now() - timedelta(days=days)
    PendingStockOperation.objects.filter(updated_at__gt=timezone.now() - timedelta(hours=1), **more).update(updated_at=at)


@pytest.mark.parametrize(
    ("status", "stays"),
    [("completed", 0), ("cancelled", 0), ("rolled_back", 0), ("pending", 1), ("processing", 1), ("failed", 1)],
)
def test_what_is_over_goes_with_its_log_and_what_is_not_stays(status: str, stays: int) -> None:
    many_operations(channel_at(site()), 1, product=ProductFactory(), status=status)
    aged(30.1)
    assert cleanup_old_operations(actor=ACTOR) == Cleaned(1 - stays, 1 - stays, 0, more=False)
    assert (PendingStockOperation.objects.count(), StockSynchronizationLog.objects.count()) == (stays, stays)


def test_what_is_younger_stays() -> None:
    told(owed(channel_at(site())))
    aged(29.9)
    assert cleanup_old_operations(actor=ACTOR).operations == 0


def test_so_many_at_a_time_and_the_same_statements_for_any_number() -> None:
    channel = channel_at(site())
    many_operations(channel, 12, product=ProductFactory(), status=OperationStatus.COMPLETED)
    aged(31)
    counts = []
    for limit, more in ((1, True), (10, True), (10, False)):
        with CaptureQueriesContext(connection) as queries:
            assert cleanup_old_operations(actor=ACTOR, limit=limit).more == more
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2]
    assert not PendingStockOperation.objects.exists()


def test_an_open_discrepancy_keeps_its_operation_and_a_resolved_one_lets_it_go() -> None:
    row = given_up(owed(channel_at(site())))
    discrepancy = Discrepancy.objects.get(kind=DiscrepancyKind.GIVEN_UP)
    PendingStockOperation.objects.update(status="cancelled")
    aged(31)
    assert cleanup_old_operations(actor=ACTOR).operations == 0
    Discrepancy.objects.update(resolved_at=timezone.now())
    assert cleanup_old_operations(actor=ACTOR).operations == 1
    discrepancy.refresh_from_db()
    assert (discrepancy.operation, discrepancy.order_id) == (None, row.order_id)


def test_commands_of_levels_go_but_not_the_newest_and_not_one_that_is_on_its_way() -> None:
    level = ListingLevelFactory(version=4)
    long_ago, now = timezone.now() - timedelta(days=31), timezone.now()
    for version, created, look in ((1, long_ago, None), (2, long_ago, now), (3, long_ago, None), (4, long_ago, None)):
        LevelCommand.objects.create(level=level, version=version, quantity=1, status=CommandStatus.SUCCEEDED, created_at=created, next_look_at=look)
    assert cleanup_old_operations(actor=ACTOR) == Cleaned(0, 0, 2, more=False)
    assert sorted(LevelCommand.objects.values_list("version", flat=True)) == [2, 4]


def test_what_the_report_is_made_of_stays_until_it_is_written(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept for a day only: last week's stays until its report is written, this week's stays for the next one."""
    settings.STOCK_SYNC_KEEP_DAYS = 1
    clock = Clock(monkeypatch)
    clock.now = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
    channel, product = channel_at(site()), ProductFactory()
    kept = {name: many_operations(channel, 1, product=product, status="completed")[0].pk for name in ("before", "last week", "this week")}
    days = {
        "before": datetime(2026, 11, 7, tzinfo=UTC),
        "last week": datetime(2026, 11, 11, tzinfo=UTC),
        "this week": datetime(2026, 11, 17, tzinfo=UTC),
    }
    for name, pk in kept.items():
        PendingStockOperation.objects.filter(pk=pk).update(updated_at=days[name])

    def left() -> set[str]:
        cleanup_old_operations(actor=ACTOR)
        rows = set(PendingStockOperation.objects.values_list("pk", flat=True))
        return {name for name, pk in kept.items() if pk in rows}

    assert left() == {"last week", "this week"}
    generate_sync_report(actor=ACTOR)
    assert left() == {"this week"}
