from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection, transaction

from tests.warehouse.outbox.proxy import Wire
from warehouse.core.actor import Actor
from warehouse.outbox.events import Event, publish
from warehouse.outbox.models import OutboxEvent

ACTOR = Actor.system("tests")


def emit(*events: Event) -> list[OutboxEvent]:
    """Commit the events (within a test's transaction: write them) and return their rows by sequence."""
    last = OutboxEvent.objects.order_by("sequence").values_list("sequence", flat=True).last() or 0
    with transaction.atomic():
        publish(events, actor=ACTOR)
    return list(OutboxEvent.objects.filter(sequence__gt=last).order_by("sequence"))


def fact(aggregate: int = 1, kind: str = "stock.changed", **payload: object) -> Event:
    return Event(kind, "stock", aggregate, payload or {"n": aggregate})


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def running(work: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Run a loop in a thread of its own until the block ends, and let its exception out."""
    stop, errors = threading.Event(), []

    def body() -> None:
        try:
            work(stop)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.fixture
def redis_wire() -> Iterator[tuple[Wire, str]]:
    """A wire to Redis and the URL that leads through it."""
    url = urlsplit(settings.REDIS_URL)
    wire = Wire(url.hostname or "127.0.0.1", url.port or 6379)
    yield wire, url._replace(netloc=url.netloc.rpartition("@")[0] + f"127.0.0.1:{wire.port}").geturl()
    wire.close()


@pytest.fixture
def database_wire(transactional_db: None) -> Iterator[Wire]:
    """A wire to PostgreSQL that every new connection of this test's threads goes through; the main thread keeps the direct one."""
    connection.ensure_connection()
    direct = dict(connection.settings_dict)
    wire = Wire(str(direct["HOST"]) or "127.0.0.1", int(str(direct["PORT"]) or 5432))
    connection.settings_dict["PORT"] = str(wire.port)
    yield wire
    connection.settings_dict["PORT"] = direct["PORT"]
    wire.close()
