"""The weekly report: what it counts, what is inside and outside of fault windows, and that it is written once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from stocksync.enums import DiscrepancyKind, LogAction
from stocksync.models import Channel, Discrepancy, PendingStockOperation, StockSynchronizationLog, SyncReport
from stocksync.queries.reports import mean_retry_seconds, sync_figures
from stocksync.services.cleanup import cleanup_old_operations
from stocksync.services.reports import generate_sync_report, last_week, week_of
from tests.factories.fulfillment import person
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ACTOR, channel_at, many_operations, site
from tests.fulfillment.parcels import Clock
from warehouse.core.actor import Role
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db

# A Monday.
BEGINS, ENDS = datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)
CREATED, SUCCESS, REFUSED, SILENT, COMPLETED = "created", "sync_success", "sync_failed", "sync_error", "completed"


@pytest.fixture
def channel(db: None) -> Channel:
    return channel_at(site())


def minutes(count: float) -> datetime:
    """So many minutes after Wednesday noon of the week."""
    return BEGINS + timedelta(days=2, hours=12, minutes=count)


def happened(channel: Channel, *steps: tuple[float | datetime, str]) -> PendingStockOperation:
    """An operation of an order of its own, with these steps in its log."""
    [row] = many_operations(channel, 1, product=ProductFactory(), status="completed")
    row.log.all().delete()
    StockSynchronizationLog.objects.bulk_create(
        StockSynchronizationLog(
            operation=row, action=action, status="pending", performed_by="tests", timestamp=at if isinstance(at, datetime) else minutes(at)
        )
        for at, action in steps
    )
    return row


def at_first_try(channel: Channel, at: float | datetime) -> PendingStockOperation:
    moment = at if isinstance(at, datetime) else minutes(at)
    return happened(channel, (moment, CREATED), (moment + timedelta(seconds=1), SUCCESS), (moment + timedelta(seconds=2), COMPLETED))


def test_first_tries_and_times_to_retry(channel: Channel) -> None:
    for number in range(7):
        at_first_try(channel, number)
    happened(channel, (10, CREATED), (10.1, REFUSED), (11.1, SUCCESS), (11.1, COMPLETED))
    happened(channel, (20, CREATED), (20.1, SILENT), (21.1, REFUSED), (23.1, SUCCESS), (23.1, COMPLETED))
    happened(channel, (30, CREATED), (30.1, REFUSED), (31, "max_retries"))

    figures = sync_figures(BEGINS, ENDS)["all"]

    assert (figures["operations"], figures["completed"], figures["failed"], figures["tries"]) == (10, 9, 1, 13)
    assert (figures["first_tries"], figures["first_try_successes"], figures["first_try_share"]) == (10, 7, 0.7)
    assert (figures["retried"], figures["retry_seconds_mean"], figures["retry_seconds_max"]) == (2, 120.0, 180.0)
    assert figures["retry_seconds_p95"] == pytest.approx(174.0)
    assert figures["fault_windows"] == 0
    assert figures["outside"] == {name: figures[name] for name in figures["outside"]}
    assert (figures["first_try_met"], figures["retry_time_met"]) == (False, True)


def test_a_stretch_without_answers_is_reported_apart(channel: Channel) -> None:
    """Three orders in a row get no answer for an hour: what met that is inside, what did not is outside."""
    at_first_try(channel, -5)
    hit = [happened(channel, (number, CREATED), (number, SILENT), (60 + number, SILENT), (90, SUCCESS), (90, COMPLETED)) for number in range(3)]
    at_first_try(channel, 100)

    figures = sync_figures(BEGINS, ENDS)

    [window] = figures["fault_windows"]
    assert window == {"channel": channel.code, "begins_at": minutes(0).isoformat(), "ends_at": minutes(62).isoformat(), "orders": 3, "tries": 6}
    of = figures["channels"][channel.code]
    assert (of["outside"]["first_tries"], of["outside"]["first_try_share"], of["outside"]["retried"]) == (2, 1.0, 0)
    assert (of["inside"]["first_tries"], of["inside"]["first_try_share"]) == (3, 0.0)
    assert (of["inside"]["retried"], of["inside"]["retry_seconds_mean"]) == (len(hit), 89 * 60.0)
    assert (of["first_try_met"], of["retry_time_met"]) == (True, None)


def test_single_losses_of_a_busy_channel_are_no_fault_window(channel: Channel) -> None:
    """However close together: an answer in between says that the marketplace was there."""
    for number in range(20):
        happened(channel, (number, CREATED), (number, SILENT), (number + 0.1, SUCCESS), (number + 0.1, COMPLETED))
    assert sync_figures(BEGINS, ENDS)["fault_windows"] == []


def test_one_order_that_is_never_answered_is_no_fault_window(channel: Channel) -> None:
    happened(channel, (0, CREATED), *[(number, SILENT) for number in range(10)])
    happened(channel, (20, CREATED), (20, SILENT), (21, SUCCESS), (21, COMPLETED))
    assert sync_figures(BEGINS, ENDS)["fault_windows"] == []


def test_an_outage_of_one_channel_is_none_of_another(channel: Channel) -> None:
    other = channel_at(site())
    for number in range(3):
        happened(channel, (number, CREATED), (number, SILENT))
    for number in range(3):
        happened(other, (number, CREATED), (number, REFUSED))
    figures = sync_figures(BEGINS, ENDS)
    assert [window["channel"] for window in figures["fault_windows"]] == [channel.code]
    assert figures["channels"][other.code]["inside"]["first_tries"] == 0
    assert figures["channels"][other.code]["outside"]["first_tries"] == 3
    assert figures["all"]["inside"]["first_tries"] == figures["all"]["outside"]["first_tries"] == 3


def test_an_outage_that_began_the_week_before_is_known_as_one(channel: Channel) -> None:
    for number in range(3):
        happened(channel, (BEGINS - timedelta(minutes=3 - number), CREATED), (BEGINS - timedelta(minutes=3 - number), SILENT))
    happened(channel, (BEGINS + timedelta(minutes=1), CREATED), (BEGINS + timedelta(minutes=1), SILENT))
    figures = sync_figures(BEGINS, ENDS)
    assert [window["orders"] for window in figures["fault_windows"]] == [4]
    assert figures["all"]["inside"]["first_tries"] == 1  # those of the week before were first tried then


def test_a_time_to_retry_belongs_to_the_round_and_the_week_it_ends_in(channel: Channel) -> None:
    """Completed this week after a failure of last week; and told again long after, which begins anew."""
    before = BEGINS - timedelta(minutes=1)
    happened(channel, (before, CREATED), (before, REFUSED), (BEGINS + timedelta(minutes=1), SUCCESS), (BEGINS + timedelta(minutes=1), COMPLETED))
    long_ago = BEGINS - timedelta(days=5)
    happened(channel, (long_ago, CREATED), (long_ago, REFUSED), (long_ago, "max_retries"), (5, "manual_retry"), (5.1, SUCCESS), (5.1, COMPLETED))
    of = sync_figures(BEGINS, ENDS)["all"]
    assert (of["first_tries"], of["retried"], of["retry_seconds_mean"]) == (0, 1, 120.0)
    assert of["retried_by_hand"] == 1


def test_discrepancies_and_what_people_did(channel: Channel) -> None:
    who = person(Role.MANAGER).user_id
    rows = [many_operations(channel, 1, product=ProductFactory())[0] for _ in range(4)]
    at = {"found_at": minutes(0), "channel": channel, "detail": "x"}
    Discrepancy.objects.create(order=rows[0].order, kind=DiscrepancyKind.NO_STOCK, resolved_at=minutes(5), resolved_by_id=who, **at)
    Discrepancy.objects.create(order=rows[1].order, kind=DiscrepancyKind.NO_STOCK, resolved_at=minutes(5), **at)
    Discrepancy.objects.create(order=rows[2].order, kind=DiscrepancyKind.NO_STOCK, **at)
    Discrepancy.objects.create(order=rows[3].order, kind=DiscrepancyKind.GIVEN_UP, **at | {"found_at": BEGINS - timedelta(days=1)})
    figures = sync_figures(BEGINS, ENDS)
    assert figures["all"]["discrepancies"] == {
        "no_stock": {"found": 3, "resolved": 2, "resolved_by_hand": 1, "open": 1},
        "given_up": {"found": 0, "resolved": 0, "resolved_by_hand": 0, "open": 1},
    }
    assert figures["all"]["manual_reviews"] == 3
    assert figures["all"]["still_owed"] == 4


def test_days_are_the_sites(channel: Channel, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Belgrade"
    begins, ends = week_of(2026, 46)
    assert (begins, ends) == (BEGINS - timedelta(hours=1), ENDS - timedelta(hours=1))
    at_first_try(channel, begins)
    at_first_try(channel, BEGINS + timedelta(days=1, hours=-1))  # 00:00 on Tuesday there
    days = sync_figures(begins, ends)["days"]
    assert [(day["day"], day["completed"], day["first_try_share"]) for day in days][:3] == [
        ("2026-11-09", 1, 1.0),
        ("2026-11-10", 1, 1.0),
        ("2026-11-11", 0, None),
    ]
    assert len(days) == 7


def test_a_week_in_which_the_clocks_change_has_seven_days(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Belgrade"
    begins, ends = week_of(2026, 43)
    assert ends.astimezone(UTC) - begins.astimezone(UTC) == timedelta(days=7, hours=1)
    assert len(sync_figures(begins, ends)["days"]) == 7


@pytest.mark.parametrize(("day", "hour"), [(16, 0), (18, 12), (22, 23)])
def test_the_last_whole_week(day: int, hour: int) -> None:
    assert last_week(datetime(2026, 11, day, hour, tzinfo=UTC)) == (BEGINS, ENDS)


def test_it_is_written_once_and_stays_when_the_log_is_gone(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.now = ENDS + timedelta(hours=1)
    row = at_first_try(channel, 0)
    made = generate_sync_report(actor=ACTOR)
    assert (made.begins_at, made.ends_at, made.figures["all"]["completed"]) == (BEGINS, ENDS, 1)
    clock.now += timedelta(days=3)
    PendingStockOperation.objects.filter(pk=row.pk).update(updated_at=minutes(1) - timedelta(days=40))
    assert cleanup_old_operations(actor=ACTOR).operations == 1
    again = generate_sync_report(actor=ACTOR)
    assert (again.pk, again.figures, again.made_at) == (made.pk, made.figures, made.made_at)
    assert SyncReport.objects.count() == 1


@pytest.mark.parametrize("stretch", [(timedelta(days=-1), timedelta(hours=1)), (timedelta(hours=-1), timedelta(hours=-2))])
def test_a_stretch_that_is_not_over_or_runs_backwards_has_no_report(stretch: tuple[timedelta, timedelta]) -> None:
    begins, ends = (timezone.now() + each for each in stretch)
    with pytest.raises(ValidationFailed):
        generate_sync_report(begins, ends, actor=ACTOR)
    assert not SyncReport.objects.exists()


def test_nothing_happened(channel: Channel) -> None:
    figures = sync_figures(BEGINS, ENDS)
    of = figures["channels"][channel.code]
    assert (of["operations"], of["first_try_share"], of["retry_seconds_mean"], of["first_try_met"]) == (0, None, None, None)
    assert mean_retry_seconds(BEGINS, ENDS) == {}


def test_a_defect_of_ours_is_a_failed_try_and_says_nothing_of_the_marketplace(channel: Channel) -> None:
    """It is in no fault window, and ends none that goes on around it."""
    for number in range(3):
        happened(channel, (number, CREATED), (number, SILENT))
        happened(channel, (number + 0.5, CREATED), (number + 0.5, "error"), (90, SUCCESS), (90, COMPLETED))
    figures = sync_figures(BEGINS, ENDS)
    assert [(window["orders"], window["tries"]) for window in figures["fault_windows"]] == [(3, 3)]
    of = figures["all"]["outside"]
    assert (of["first_tries"], of["first_try_successes"], of["retried"]) == (3, 0, 3)


def test_the_first_tries_of_a_day_are_counted_on_that_day(channel: Channel) -> None:
    """Not the operations made on it: one that was made the day before may be tried first on this one."""
    happened(channel, (BEGINS + timedelta(hours=23), CREATED), (BEGINS + timedelta(hours=25), REFUSED), (BEGINS + timedelta(hours=26), SUCCESS))
    days = sync_figures(BEGINS, ENDS)["days"]
    assert [(day["operations"], day["first_tries"], day["tries"]) for day in days][:3] == [(1, 0, 0), (0, 1, 2), (0, 0, 0)]


def test_the_same_statements_for_any_number(channel: Channel) -> None:
    counts = []
    for number in (1, 10):
        for _ in range(number):
            at_first_try(channel_at(site()), 1)
        with CaptureQueriesContext(connection) as queries:
            sync_figures(BEGINS, ENDS)
        counts.append(len(queries))
    assert counts == [6, 6]


def test_the_mean_of_a_channel(channel: Channel) -> None:
    happened(channel, (0, CREATED), (0, REFUSED), (1, SUCCESS), (1, COMPLETED))
    at_first_try(channel_at(site()), 0)
    assert mean_retry_seconds(BEGINS, ENDS) == {channel.pk: 60.0}
    assert LogAction.SYNC_FAILED == REFUSED
