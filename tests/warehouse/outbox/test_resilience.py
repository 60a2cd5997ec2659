"""What is an outage and what is a mistake."""

from __future__ import annotations

import psycopg
import pytest
import redis
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from redis.exceptions import ClusterDownError

from warehouse.core.errors import Unavailable
from warehouse.outbox.resilience import connect_redis, is_outage, redis_is_away


@pytest.mark.parametrize(
    ("answer", "away"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", True),
        ("MISCONF Redis is configured to save RDB snapshots", True),
        ("NOREPLICAS Not enough good replicas to write.", True),
        ("BUSY Redis is busy running a script", True),
        ("BUSYGROUP Consumer Group name already exists", False),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
        ("NOGROUP No such key", False),
    ],
)
def test_what_redis_says_about_itself(answer: str, away: bool) -> None:
    assert redis_is_away(answer) is away
    assert is_outage(redis.ResponseError(answer)) is away


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (redis.ConnectionError("refused"), True),
        (redis.TimeoutError("slow"), True),
        (redis.BusyLoadingError("loading"), True),
        (redis.ReadOnlyError("a replica"), True),
        (redis.OutOfMemoryError("full"), True),
        (ClusterDownError("down"), True),
        (psycopg.errors.AdminShutdown("terminating"), True),
        (psycopg.errors.CannotConnectNow("starting up"), True),
        (psycopg.errors.TooManyConnections("too many"), True),
        (psycopg.errors.DiskFull("no space left"), True),
        (psycopg.errors.ReadOnlySqlTransaction("a standby"), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.errors.LockNotAvailable("lock timeout"), False),
        (psycopg.errors.QueryCanceled("statement timeout"), False),
        (Unavailable("a partner is away"), False),
        (KeyError("order_id"), False),
    ],
)
def test_outages_of_the_drivers(error: Exception, outage: bool) -> None:
    assert is_outage(error) is outage


@pytest.mark.django_db
def test_what_django_made_of_a_mistake_is_no_outage() -> None:
    for statement, kind in (("SELECT 1/0", DataError), ("INSERT INTO outbox_subscription (name) VALUES (NULL)", IntegrityError)):
        with pytest.raises(kind) as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert not is_outage(caught.value)


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_an_outage() -> None:
    with pytest.raises(OperationalError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_outage(caught.value)
    connection.close()


def test_a_closed_port_is_an_outage_at_once() -> None:
    with pytest.raises(redis.ConnectionError) as caught:
        connect_redis("redis://127.0.0.1:1/0").ping()
    assert is_outage(caught.value)
