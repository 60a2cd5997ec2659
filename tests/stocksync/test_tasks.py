"""What beat sends for stock synchronisation, and what each of it does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis as redis_client
from django.conf import settings as site_settings
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import Settings

from inventory.models import Alert
from stocksync import tasks
from stocksync.enums import ChannelMode
from stocksync.models import Channel, ChannelOrder, PendingStockOperation, SyncReport
from stocksync.services import background
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ChannelFactory, channel_at, given_up, many_operations, owed, site
from tests.partners.allegro_microservice import ACCOUNT
from tests.partners.base import Answer, Request
from tests.partners.fixtures import allegro_microservice
from tests.partners.server import PartnerServer
from warehouse.celery import app

__all__ = ["allegro_microservice"]  # fixture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(redis: redis_client.Redis) -> Iterator[None]:
    """Messages are worked on where they are sent."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_the_plan_is_kept() -> None:
    planned = {entry["task"]: entry["schedule"] for entry in site_settings.CELERY_BEAT_SCHEDULE.values() if entry["task"].startswith("stocksync.")}
    assert planned == {
        "stocksync.process_pending_stock_operations": 300,
        "stocksync.read_channels": 30,
        "stocksync.reconcile_stock_states": 1800,
        "stocksync.sweep_levels": 15,
        "stocksync.follow_levels": 600,
        "stocksync.watch_channels": 60,
        "stocksync.monitor_sync_health": 1800,
        "stocksync.check_stale_operations": 3600,
        "stocksync.cleanup_old_sync_operations": 86400,
        "stocksync.generate_sync_report": 3600,
    }
    app.loader.import_default_modules()
    soon = {value for name, value in vars(background).items() if name.isupper() and isinstance(value, str)}
    assert planned.keys() | soon <= set(app.tasks)


def test_what_may_take_longer_than_a_message_is_kept_is_not_begun_twice() -> None:
    """A message that is not acknowledged comes back after the visibility timeout: only what ends before may be acknowledged late."""
    assert site_settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] > tasks.SECONDS
    late = {name for name, task in app.tasks.items() if name.startswith("stocksync.") and task.acks_late}
    assert {"stocksync.read_channel", "stocksync.reconcile_stock_states", "stocksync.push_levels"}.isdisjoint(late)
    assert {"stocksync.process_operation", "stocksync.process_pending_stock_operations", "stocksync.cleanup_old_sync_operations"} <= late


def test_what_is_owed_is_told(allegro_microservice: PartnerServer) -> None:
    channel = channel_at(site())
    first, second = owed(channel), owed(channel)
    tasks.process_operation(str(first.pk))
    assert attempts() == {first.pk: 1, second.pk: 0}
    tasks.process_pending_stock_operations()
    assert attempts() == {first.pk: 1, second.pk: 1}


def attempts() -> dict[object, int]:
    return dict(PendingStockOperation.objects.values_list("pk", "attempts"))


def unreachable(**more: object) -> Channel:
    made: Channel = ChannelFactory(base_url="http://127.0.0.1:9", **more)
    return made


def test_every_channel_that_is_not_off_is_asked_and_one_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    channels = [unreachable(), unreachable(mode=ChannelMode.SHADOW), unreachable(mode=ChannelMode.OFF)]
    asked: list[tuple[str, int]] = []
    for name, module in (("read_channel", tasks.reading), ("reconcile_stock_status", tasks.reconciling)):
        real = getattr(module, name)

        def watched(channel: Channel, *args: object, real: object = real, name: str = name, **kwargs: object) -> object:
            asked.append((name, channel.pk))
            return real(channel, *args, **kwargs)  # type: ignore[operator]

        monkeypatch.setattr(module, name, watched)
    tasks.read_channels()
    tasks.reconcile_stock_states()
    assert list(dict.fromkeys(asked)) == [(name, channel.pk) for name in ("read_channel", "reconcile_stock_status") for channel in channels[:2]]
    assert not ChannelOrder.objects.exists()


def test_one_at_a_time_reads_a_channel(allegro_microservice: PartnerServer) -> None:
    channel = channel_at(site(), token_id=ACCOUNT)
    cache.add(f"stocksync:read:{channel.pk}", 1, timeout=60)
    tasks.read_channel(channel.pk)
    assert allegro_microservice.requests() == []
    cache.delete(f"stocksync:read:{channel.pk}")
    tasks.read_channel(channel.pk)
    asked = len(allegro_microservice.requests())
    tasks.read_channel(channel.pk)  # the first one has laid it down
    assert 0 < asked < len(allegro_microservice.requests())


def test_whoever_was_too_slow_lets_the_next_one_go_on_alone(allegro_microservice: PartnerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is over while the marketplace is still at its answer, and another one has begun."""
    channel = channel_at(site(), token_id=ACCOUNT)
    key, partner = f"stocksync:read:{channel.pk}", allegro_microservice.partner
    respond = partner.respond

    def slowly(request: Request) -> Answer:
        assert cache.get(key)
        cache.set(key, "another one", timeout=60)
        return respond(request)

    monkeypatch.setattr(partner, "respond", slowly)
    tasks.read_channel(channel.pk)
    assert {request["status"] for request in allegro_microservice.requests()} == {200}
    assert cache.get(key) == "another one"


def test_cleaning_up_goes_on_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = channel_at(site())
    many_operations(channel, 5, product=ProductFactory(), status="completed")
    PendingStockOperation.objects.update(updated_at=timezone.now() - timedelta(days=31))
    monkeypatch.setitem(tasks.cleanup.cleanup_old_operations.function.__kwdefaults__, "limit", 2)
    tasks.cleanup_old_sync_operations()
    assert not PendingStockOperation.objects.exists()


def test_a_report_a_week_where_there_is_a_channel() -> None:
    tasks.generate_sync_report()
    assert not SyncReport.objects.exists()
    channel_at(site())
    tasks.generate_sync_report()
    tasks.generate_sync_report()
    assert SyncReport.objects.count() == 1


def test_health_is_watched(settings: Settings) -> None:
    channel = channel_at(site())
    row = given_up(owed(channel))
    stale = owed(channel)
    Alert.objects.all().delete()
    for task in (tasks.monitor_sync_health, tasks.check_stale_operations, tasks.watch_channels):
        task()
    assert sorted(Alert.objects.values_list("kind", flat=True)) == ["channel_unread", "failed_operations"]
    at = timezone.now() - timedelta(hours=7)
    PendingStockOperation.objects.filter(pk=stale.pk).update(created_at=at)
    stale.log.update(timestamp=at)
    tasks.check_stale_operations()
    assert Alert.objects.filter(kind="stale_operations").count() == 1
    assert PendingStockOperation.objects.get(pk=row.pk).status == "failed"
