"""Alerts about tasks that stand still and partners that do not answer: told once, gone by themselves; and what is logged on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis as redis_client
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from fulfillment.models import PackingTask, PickingTask
from fulfillment.partners.circuits import circuit_states
from fulfillment.partners.delivery import DeliveryClient
from fulfillment.services.packages import set_package_details
from fulfillment.services.packing_tasks import start_packing_task
from fulfillment.services.watch import watch_work
from fulfillment.tasks import watch_work as job
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.parcels import Clock, open_alerts
from tests.partners.server import PartnerServer
from warehouse.core.actor import Role
from warehouse.core.partners.errors import RetryableFailure

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESSES = "/api/v1/delivery/addresses/*"


def a_task(external_id: str = "4711") -> PickingTask:
    place, product = reachable_site(), ProductFactory()
    stocked(product, place.shelf, 20)
    return order_for([(product, 2, place)], external_id=external_id).picking_tasks.get()


def test_a_picking_task_that_nobody_ends() -> None:
    picker = person(Role.PICKER)
    task = begun(a_task(), picker)
    PickingTask.objects.update(started_at=timezone.now() - timedelta(hours=2, minutes=-1))
    assert watch_work([], actor=ACTOR) == 0
    PickingTask.objects.update(started_at=timezone.now() - timedelta(hours=2, minutes=1))
    with CaptureQueriesContext(connection) as queries:
        assert watch_work([], actor=ACTOR) == 1
    assert watch_work([], actor=ACTOR) == 0
    (alert,) = open_alerts("picking_stuck")
    assert (alert.subject, alert.severity, alert.count, alert.warehouse_id) == (f"picking_task:{task.pk}", "critical", 2, task.warehouse_id)
    assert picker.name in alert.message
    assert alert.data["order"] == "4711"
    statements = len(queries)
    begun(a_task("4712"), picker)
    PickingTask.objects.update(started_at=timezone.now() - timedelta(hours=3))
    with CaptureQueriesContext(connection) as queries:
        assert watch_work([], actor=ACTOR) == 1
    assert len(queries) == statements
    for row in PickingTask.objects.all():
        pick(row.items.get(), picker, 2)
    PickingTask.objects.update(status="completed")
    watch_work([], actor=ACTOR)
    assert open_alerts("picking_stuck") == []


def test_a_packing_task_that_nobody_measures() -> None:
    packer = person(Role.PACKER)
    task = picked(a_task(), person(Role.PICKER))
    PackingTask.objects.update(created_at=timezone.now() - timedelta(minutes=59))
    assert watch_work([], actor=ACTOR) == 0
    PackingTask.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert watch_work([], actor=ACTOR) == 1
    (alert,) = open_alerts("packing_unmeasured")
    assert (alert.subject, alert.severity) == (f"packing_task:{task.pk}", "critical")
    assert b"packing_tasks_unmeasured 1.0" in Client().get("/metrics").content
    start_packing_task(task.pk, actor=packer)
    set_package_details(task.pk, 1, 30, 20, 10, actor=packer)
    watch_work([], actor=ACTOR)
    assert open_alerts("packing_unmeasured") == []
    assert b"packing_tasks_unmeasured 0.0" in Client().get("/metrics").content


def ask(client: DeliveryClient) -> None:
    with pytest.raises(RetryableFailure):
        client.address_for_order("1")


def test_a_partner_that_does_not_answer(
    delivery: PartnerServer, redis: redis_client.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PARTNER_CIRCUIT_FAILURES, settings.PARTNER_CIRCUIT_SECONDS = 2, 30
    clock = Clock(monkeypatch)
    delivery.fail("status", status=503, times=None, path=ADDRESSES)
    with DeliveryClient.from_settings() as client:
        for _ in range(5):
            ask(client)
            clock.passes(minutes=1)
        job()
        # One outage after another, but for four minutes only.
        assert open_alerts("partner_down") == []
        clock.passes(minutes=1)
        ask(client)
        job()
        (alert,) = open_alerts("partner_down")
        assert (alert.subject, alert.severity) == ("partner:delivery service", "critical")
        text = Client().get("/metrics").content.decode()
        assert 'partner_circuit_state{partner="delivery service",state="open"} 1.0' in text
        assert 'partner_circuit_state{partner="order system",state="closed"} 1.0' in text
        assert 'partner_down_seconds{partner="delivery service"} 360.0' in text
        # Nobody knows while Redis is away: the alert stays.
        url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
        assert {state.state for state in circuit_states()} == {"unknown"}
        job()
        assert len(open_alerts("partner_down")) == 1
        settings.REDIS_URL = url
        delivery.faults.clear()
        clock.passes(minutes=1)
        assert client.address_for_order("1").city
    job()
    assert open_alerts("partner_down") == []


def test_orders_that_nobody_takes_in(redis: redis_client.Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, group = settings.ORDERS_STREAM, settings.ORDERS_GROUP
    job()
    redis.xgroup_create(stream, group, id="0", mkstream=True)
    job()
    entry = redis.xadd(stream, {"type": "order.confirmed"})
    redis.xadd(stream, {"type": "order.confirmed"}, id="18446744073709551615-1")
    job()
    assert open_alerts("intake_stuck") == []

    clock = Clock(monkeypatch)
    clock.passes(minutes=6)
    job()  # nobody has been given it
    redis.xreadgroup(group, "one", {stream: ">"})
    job()  # somebody has been given it and is not done with it
    (alert,) = open_alerts("intake_stuck")
    assert (alert.subject, alert.severity, alert.count) == (f"stream:{stream}", "critical", 2)
    assert f"an entry of {stream} waits since" in alert.message

    # Nobody knows while Redis is away: the alert stays.
    url, settings.LISTINGS_REDIS_URL = settings.LISTINGS_REDIS_URL, "redis://127.0.0.1:1/0"
    job()
    assert len(open_alerts("intake_stuck")) == 1
    settings.LISTINGS_REDIS_URL = url
    redis.xack(stream, group, entry)
    job()
    assert open_alerts("intake_stuck") == []
