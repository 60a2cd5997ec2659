"""What orchestrators and Prometheus read."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis as redis_client
from django.conf import LazySettings, settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from inventory.models import Reservation
from inventory.services.alerts import open_alert, resolve_alert
from tests.factories.inventory import ACTOR, site
from warehouse import health


def samples(client: Client, **headers: str) -> dict[str, float]:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_a_living_process_says_so_without_asking_anybody(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert client.post("/healthz").status_code == 405


def test_ready_when_everything_answers(client: Client, db: None) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "database": "ok", "redis": "ok", "orders": "ok", "migrations": "ok"},
    )
    assert "no-store" in response["Cache-Control"]


def test_not_ready_without_redis(client: Client, db: None, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz")
    assert (response.status_code, response.json()["redis"], response.json()["database"]) == (503, "ConnectionError", "ok")


def test_not_ready_before_the_migrations(client: Client, db: None) -> None:
    health._migrated = False
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'outbox'")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["migrations"].endswith("not applied")


def test_probes_are_answered_over_plain_http(client: Client, db: None, settings: LazySettings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics", "/admin/")] == [200, 200, 200, 301]


def test_metrics_count_what_waits(client: Client, db: None, redis: redis_client.Redis) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor, occurred_at, retry_at)"
            " VALUES (gen_random_uuid(), 'stock.changed', 'stock', '1', '{}', 'system', now() - interval '90 s', NULL),"
            "        (gen_random_uuid(), 'stock.changed', 'stock', '2', '{}', 'system', now(), now())"
        )
    for number in range(3):
        redis.xadd(settings.ORDERS_STREAM, {"number": number})
    redis.xgroup_create(settings.ORDERS_STREAM, settings.ORDERS_GROUP, id="0")
    redis.xreadgroup(settings.ORDERS_GROUP, "one", {settings.ORDERS_STREAM: ">"}, count=1)
    redis.xadd(f"{settings.ORDERS_STREAM}:dlq", {"error": "unreadable"})
    found = samples(client)
    assert 89 < found.pop("outbox_oldest_seconds") < 120
    assert found["outbox_backlog_events"] == 2
    assert found["outbox_parked_events"] == 1
    assert found["orders_stream_lag_entries"] == 2
    assert found["orders_stream_pending_entries"] == 1
    assert found["orders_stream_dead_letters"] == 1
    assert found["orders_stream_up"] == 1


def test_metrics_say_when_the_stream_is_away(client: Client, db: None, settings: LazySettings) -> None:
    settings.LISTINGS_REDIS_URL = "redis://127.0.0.1:1/0"
    assert samples(client)["orders_stream_up"] == 0


def test_metrics_are_for_this_machine_or_the_bearer_of_the_token(client: Client, db: None, settings: LazySettings) -> None:
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.7"}).status_code == 403
    settings.METRICS_TOKEN = "a-token"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 403
    assert samples(client, Authorization="Bearer a-token")["outbox_backlog_events"] == 0


@pytest.mark.parametrize(("minutes", "count"), [(5, 1), (60, 0)])
def test_a_reservation_is_overdue_when_the_alert_says_so(client: Client, db: None, settings: LazySettings, minutes: int, count: int) -> None:
    settings.ALERT_OVERDUE_MINUTES = minutes
    house = site()
    Reservation.objects.create(order_ref="shop:1", warehouse=house.warehouse, expires_at=timezone.now() - timedelta(minutes=6))
    assert samples(client)["reservations_overdue"] == count


def test_open_alerts_by_kind(client: Client, db: None) -> None:
    for subject in ("a", "b"):
        open_alert("out_of_stock", subject, message="out", actor=ACTOR)
    open_alert("picking_stuck", "picking_task:7", message="stuck", actor=ACTOR)
    open_alert("expired", "batch:7", message="expired", actor=ACTOR)
    resolve_alert("expired", "batch:7", actor=ACTOR)
    found = {name: value for name, value in samples(client).items() if name.startswith("alerts_open")}
    assert found == {
        f'alerts_open{{kind="{kind}"}}': count
        for kind, count in {"expiring": 0, "expired": 0, "low_stock": 0, "out_of_stock": 2, "reservation_overdue": 0, "picking_stuck": 1}.items()
    }
