"""What Prometheus is told of stock synchronisation."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis as redis_client
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from stocksync.enums import ChannelKind, ChannelMode, DiscrepancyKind, LogAction
from stocksync.flows.circuits import circuit_states
from stocksync.models import Channel, Discrepancy, StockSynchronizationLog
from stocksync.tasks import watch_channels
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ChannelFactory, channel_at, many_operations, owed, refused, site, told
from tests.fulfillment.parcels import Clock, open_alerts
from warehouse.core.partners.breaker import Circuit
from warehouse.core.partners.errors import RetryableFailure

pytestmark = pytest.mark.django_db


def figures() -> dict[str, float]:
    """Every figure of stock synchronisation, and those about circuits, by name and labels."""
    lines = Client().get("/metrics").content.decode().splitlines()
    return {
        name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith(("stock_sync_", "partner_circuit_state")))
    }


def of_sync() -> dict[str, float]:
    return {name: value for name, value in figures().items() if name.startswith("stock_sync_")}


def test_a_quiet_channel_has_no_rates() -> None:
    ChannelFactory(code="shop")
    assert of_sync() == {
        'stock_sync_pending_operations{channel="shop"}': 0,
        'stock_sync_discrepancies{channel="shop"}': 0,
        'stock_sync_manual_reviews{channel="shop"}': 0,
    }


def test_a_busy_one(redis: redis_client.Redis) -> None:
    channel = channel_at(site(), code="shop")
    many_operations(channel, 3, product=ProductFactory())
    told(owed(channel))
    row = told(refused(owed(channel)))
    StockSynchronizationLog.objects.filter(operation=row, action__in=[LogAction.CREATED, LogAction.SYNC_FAILED]).update(
        timestamp=timezone.now() - timedelta(seconds=90)
    )
    for kind in (DiscrepancyKind.UNKNOWN_THERE, DiscrepancyKind.NO_STOCK):
        Discrepancy.objects.create(channel=channel, order=row.order, kind=kind, detail="x")
    found = of_sync()
    assert found.pop('stock_sync_retry_seconds{channel="shop"}') == pytest.approx(90, abs=5)
    assert found == {
        'stock_sync_pending_operations{channel="shop"}': 3,
        'stock_sync_success_ratio{channel="shop"}': pytest.approx(2 / 3),
        'stock_sync_discrepancies{channel="shop"}': 1,
        'stock_sync_manual_reviews{channel="shop"}': 2,
    }


def test_the_circuits_of_all_partners_are_told(settings: Settings, redis: redis_client.Redis) -> None:
    ChannelFactory(base_url="http://127.0.0.1:9")
    ChannelFactory(base_url="http://127.0.0.1:10", kind=ChannelKind.ALLEGRO_REST, mode=ChannelMode.OFF)
    ChannelFactory(base_url=settings.ALLEGRO_MICROSERVICE_BASE_URL)
    closed = {name.split('"')[1] for name, value in figures().items() if 'state="closed"' in name and value}
    assert closed == {"delivery service", "order system", "Allegro microservice", "Allegro REST", "Allegro microservice at 127.0.0.1:9"}


def test_a_marketplace_that_is_away_is_told_after_five_minutes(
    settings: Settings, redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PARTNER_CIRCUIT_FAILURES, settings.PARTNER_CIRCUIT_SECONDS = 2, 30
    clock = Clock(monkeypatch)
    circuit = Circuit("Allegro microservice", settings.ALLEGRO_MICROSERVICE_BASE_URL)

    def outage() -> None:
        raise RetryableFailure("Allegro microservice", "no answer")

    for _ in range(7):
        with pytest.raises(RetryableFailure):
            circuit.call(outage)
        clock.now += timedelta(minutes=1)
    Channel.objects.all().delete()
    assert {state.partner: state.state for state in circuit_states()} == {"Allegro microservice": "open", "Allegro REST": "closed"}
    watch_channels()
    assert [(alert.subject, alert.severity) for alert in open_alerts("partner_down")] == [("partner:Allegro microservice", "critical")]


def test_the_same_statements_for_any_number_of_channels(redis: redis_client.Redis) -> None:
    counts = []
    for number in (1, 5):
        for _ in range(number):
            told(owed(channel_at(site())))
        with CaptureQueriesContext(connection) as queries:
            of_sync()
        counts.append(len(queries))
    assert counts[0] == counts[1]
