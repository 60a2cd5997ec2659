"""How synchronisation stands, and the alerts about it: each told once, each gone by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from inventory.flows import send_alerts
from inventory.models import Alert
from stocksync.enums import ChannelMode, DiscrepancyKind, LogAction
from stocksync.models import Channel, Discrepancy, PendingStockOperation, StockSynchronizationLog
from stocksync.queries.status import sync_status
from stocksync.services.discrepancies import open_discrepancy
from stocksync.services.health import check_stale_operations, monitor_sync_health, watch_channels
from stocksync.services.operations import cancel_operation, retry_operation
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ACTOR, ChannelFactory, ListingLevelFactory, channel_at, given_up, many_operations, owed, site, told
from tests.fulfillment.parcels import open_alerts
from tests.partners.fixtures import alert_channel
from tests.partners.server import PartnerServer
from warehouse.core.errors import NotFound
from warehouse.core.partners.breaker import UNKNOWN, CircuitState

__all__ = ["alert_channel"]  # fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(db: None) -> Channel:
    return channel_at(site(), read_to_end_at=timezone.now())


def tries(channel: Channel, succeeded: int, failed: int, *, minutes_ago: float = 1) -> None:
    """So many tries of one operation of the channel, as they stand in the log."""
    [row] = many_operations(channel, 1, product=ProductFactory(), status="completed")
    at = timezone.now() - timedelta(minutes=minutes_ago)
    actions = [LogAction.SYNC_SUCCESS] * succeeded + [LogAction.SYNC_ERROR] * failed
    StockSynchronizationLog.objects.bulk_create(
        StockSynchronizationLog(operation=row, action=action, status="pending", performed_by="tests", timestamp=at) for action in actions
    )


def kinds() -> list[str]:
    return sorted(Alert.objects.filter(resolved_at=None).values_list("kind", flat=True))


# --- the status ------------------------------------------------------------------------------------------------------------------------


def test_nothing_to_do_is_healthy(channel: Channel) -> None:
    told(owed(channel))

    now = sync_status()

    assert now.status == "healthy"
    assert now.problems == ()
    assert now.as_data()["statistics"] == {
        "pending_operations": 0,
        "processing_operations": 0,
        "failed_operations": 0,
        "completed_today": 1,
        "stale_operations": 0,
        "open_discrepancies": 0,
        "manual_reviews": 0,
        "unread_channels": 0,
        "success_rate": 1.0,
    }
    assert now.as_data()["last_updated"] == now.last_updated.isoformat()


def test_what_was_completed_yesterday_is_not_of_today(channel: Channel) -> None:
    row = told(owed(channel))
    yesterday = timezone.now() - timedelta(days=1)
    PendingStockOperation.objects.filter(pk=row.pk).update(completed_at=yesterday, updated_at=yesterday)
    assert sync_status().statistics.completed_today == 0


@pytest.mark.parametrize(("pending", "status"), [(99, "healthy"), (100, "warning"), (999, "warning"), (1000, "critical")])
def test_the_limits_of_what_waits(channel: Channel, pending: int, status: str) -> None:
    many_operations(channel, pending, product=ProductFactory())
    now = sync_status()
    assert (now.status, now.statistics.pending_operations) == (status, pending)


def test_one_channel_by_itself(channel: Channel) -> None:
    other = ChannelFactory(read_to_end_at=timezone.now())
    given_up(owed(channel))

    assert sync_status(channel.pk).status == "warning"
    assert sync_status(channel.pk).statistics.failed_operations == 1
    assert (sync_status(channel.pk).statistics.open_discrepancies, sync_status(channel.pk).statistics.manual_reviews) == (0, 1)
    assert sync_status(other.pk).status == "healthy"
    with pytest.raises(NotFound):
        sync_status(other.pk + 1000)


def test_the_same_statements_for_one_channel_and_for_many(channel: Channel) -> None:
    given_up(owed(channel))
    with CaptureQueriesContext(connection) as one:
        sync_status()
    for _ in range(5):
        other = ChannelFactory(read_to_end_at=timezone.now())
        many_operations(other, 20, product=ProductFactory())
    with CaptureQueriesContext(connection) as many:
        sync_status()
    assert len(one) == len(many) == 6


# --- the alerts ------------------------------------------------------------------------------------------------------------------------


def test_too_much_waits_is_told_once_for_each_limit_and_is_over_by_itself(channel: Channel, settings: Settings) -> None:
    settings.STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS, settings.STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS = 2, 4
    many_operations(channel, 2, product=ProductFactory())
    assert [monitor_sync_health(actor=ACTOR) for _ in range(3)] == [1, 0, 0]
    assert [(row.severity, row.count) for row in open_alerts("high_pending_operations")] == [("warning", 3)]
    many_operations(channel, 2, product=ProductFactory())
    assert monitor_sync_health(actor=ACTOR) == 1
    assert [row.severity for row in open_alerts("high_pending_operations")] == ["critical"]

    PendingStockOperation.objects.update(status="cancelled")
    assert monitor_sync_health(actor=ACTOR) == 0
    assert kinds() == []


def test_too_many_tries_fail(channel: Channel) -> None:
    tries(channel, 9, 1)
    monitor_sync_health(actor=ACTOR)
    assert kinds() == []  # a tenth is not more than a tenth
    tries(channel, 0, 1)
    assert monitor_sync_health(actor=ACTOR) == 1
    [alert] = open_alerts("sync_failure_rate")
    assert (alert.subject, alert.data["failed"], alert.data["tries"]) == (f"channel:{channel.code}", 2, 11)
    tries(channel, 20, 0)
    monitor_sync_health(actor=ACTOR)
    assert kinds() == []


def test_tries_before_the_window_and_too_few_of_them_say_nothing(channel: Channel) -> None:
    tries(channel, 0, 50, minutes_ago=31)
    tries(channel, 0, 9)
    monitor_sync_health(actor=ACTOR)
    assert kinds() == []


def test_what_waits_for_more_than_six_hours(channel: Channel) -> None:
    row = owed(channel)
    at = timezone.now() - timedelta(hours=6, minutes=1)
    PendingStockOperation.objects.update(created_at=at)
    StockSynchronizationLog.objects.update(timestamp=at)
    assert monitor_sync_health(actor=ACTOR) == 0  # it has a clock of its own
    assert check_stale_operations(actor=ACTOR) == 1
    assert check_stale_operations(actor=ACTOR) == 0
    assert sync_status().statistics.stale_operations == 1
    retry_operation(row.pk, actor=ACTOR)  # its time begins anew
    check_stale_operations(actor=ACTOR)
    assert kinds() == []


def test_failed_operations_are_one_alert_and_over_when_they_are_dealt_with(channel: Channel) -> None:
    first, second = given_up(owed(channel)), given_up(owed(channel))
    watch_channels([], actor=ACTOR)
    watch_channels([], actor=ACTOR)
    [alert] = open_alerts("failed_operations")
    assert (alert.count, alert.subject) == (2, f"channel:{channel.code}")
    assert "2 operations" in alert.message

    cancel_operation(first.pk, actor=ACTOR)
    cancel_operation(second.pk, actor=ACTOR)
    watch_channels([], actor=ACTOR)
    assert kinds() == []


def test_failed_operations_are_not_told_when_nobody_wants_to_know(channel: Channel, settings: Settings) -> None:
    settings.STOCK_SYNC_MONITORING_ALERT_ON_FAILED_RETRIES = False
    given_up(owed(channel))
    watch_channels([], actor=ACTOR)
    assert kinds() == []


def test_discrepancies_of_orders_and_of_levels(channel: Channel) -> None:
    level = ListingLevelFactory(channel=channel)
    open_discrepancy(level, DiscrepancyKind.LEVEL, "7 instead of 5", here={"wanted": 5}, there={"shown": 7})
    Discrepancy.objects.create(channel=channel, order=owed(channel).order, kind=DiscrepancyKind.UNKNOWN_THERE, detail="gone")
    assert watch_channels([], actor=ACTOR) == 2
    assert kinds() == ["level_differs", "sync_manual_review"]
    assert sync_status().statistics.open_discrepancies == 2
    Discrepancy.objects.update(resolved_at=timezone.now())
    watch_channels([], actor=ACTOR)
    assert kinds() == []


@pytest.mark.parametrize(
    ("mode", "minutes", "told"), [("on", 14, []), ("on", 16, ["channel_unread"]), ("shadow", 16, ["channel_unread"]), ("off", 600, [])]
)
def test_a_channel_that_is_not_read(mode: str, minutes: int, told: list[str]) -> None:
    channel = ChannelFactory(mode=mode, read_to_end_at=timezone.now() - timedelta(minutes=minutes))
    watch_channels([], actor=ACTOR)
    assert kinds() == told
    Channel.objects.filter(pk=channel.pk).update(mode=ChannelMode.OFF)
    watch_channels([], actor=ACTOR)
    assert kinds() == []


def test_a_channel_that_was_switched_on_a_moment_ago_is_not_late() -> None:
    ChannelFactory(mode_since=timezone.now(), read_to_end_at=timezone.now() - timedelta(days=3))
    watch_channels([], actor=ACTOR)
    assert kinds() == []


def test_a_marketplace_that_does_not_answer() -> None:
    now = timezone.now()
    down = CircuitState("allegro", "open", 5, None, now - timedelta(minutes=6), now)
    assert watch_channels([CircuitState("allegro", "open", 5, None, now - timedelta(minutes=5), now)], actor=ACTOR) == 0
    assert watch_channels([down], actor=ACTOR) == 1
    # Of others nothing is known here, and while Redis is away nothing of this one either.
    Alert.objects.create(kind="partner_down", subject="partner:delivery service", message="down")
    watch_channels([CircuitState("allegro", UNKNOWN, 0, None)], actor=ACTOR)
    assert [row.subject for row in open_alerts("partner_down")] == ["partner:allegro", "partner:delivery service"]
    watch_channels([CircuitState("allegro", "closed", 0, None)], actor=ACTOR)
    assert [row.subject for row in open_alerts("partner_down")] == ["partner:delivery service"]


def test_the_same_statements_for_any_number_of_causes(channel: Channel) -> None:
    counts = []
    for number in (1, 5):
        for _ in range(number):
            given_up(owed(channel_at(site(), read_to_end_at=None)))
        with CaptureQueriesContext(connection) as queries:
            monitor_sync_health(actor=ACTOR)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_one_message_reaches_people_however_often_it_is_looked_at(alert_channel: PartnerServer) -> None:
    channel = channel_at(site(), read_to_end_at=timezone.now())
    given_up(owed(channel))
    for _ in range(3):
        watch_channels([], actor=ACTOR)
        monitor_sync_health(actor=ACTOR)
        send_alerts()
    [message] = alert_channel.partner.ledger.table("told")
    assert message["title"].startswith("WARNING: failed operations")
    assert "retry or cancel" in message["message"]
