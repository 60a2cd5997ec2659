"""The relay as a process: killed in the worst moment, stopped politely, run once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis as redis_client
from django.db import transaction
from django.utils import timezone

from tests.warehouse.outbox.conftest import emit, fact, wait_for
from warehouse.outbox.models import OutboxEvent

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = "wms:events:inventory"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """`manage.py relay_outbox` with these options, to its end."""

    def call(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", "relay_outbox", *options]
        return subprocess.run(command, cwd=ROOT, env=environment | env, capture_output=True, text=True, timeout=60, check=False)

    return call


@contextmanager
def started(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "relay_outbox"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def event_ids(redis: redis_client.Redis) -> list[str]:
    return [fields["event_id"] for _, fields in redis.xrange(INVENTORY)]


def test_killed_between_sending_and_marking(redis: redis_client.Redis, environment: dict[str, str], run: Run) -> None:
    """kill -9 while the mark waits for a row lock: the next relay sends the same events with the same ids, in order, and marks them once."""
    rows = emit(fact(1), fact(2))
    ids = [str(row.id) for row in rows]
    with started(environment) as process, transaction.atomic():
        list(OutboxEvent.objects.select_for_update().filter(pk=rows[1].pk))
        wait_for(lambda: event_ids(redis) == ids, 30)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    assert list(OutboxEvent.objects.values_list("published_at", "position")) == [(None, None)] * 2
    # The server ends the dead relay's transaction, and with it the relay's lock, when it notices: run() waits for that.
    done = run("--once")
    assert (done.returncode, done.stdout) == (0, "2 events published, 0 parked\n")
    assert event_ids(redis) == ids + ids
    assert list(OutboxEvent.objects.order_by("sequence").values_list("position", flat=True)) == [1, 2]


def test_sigterm_ends_it_and_what_it_did_is_marked(redis: redis_client.Redis, environment: dict[str, str]) -> None:
    with started(environment) as process:
        [row] = emit(fact(1))
        wait_for(lambda: OutboxEvent.objects.exclude(published_at=None).exists(), 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert event_ids(redis) == [str(row.id)]


def test_once_says_how_many(redis: redis_client.Redis, run: Run) -> None:
    emit(fact(1), fact(2), fact(3, "weather.changed", n=3))
    done = run("--once", "--batch", "2")
    published, parked = done.stdout.removesuffix(" parked\n").split(" events published, ")
    assert (done.returncode, published) == (0, "2")
    assert int(parked) >= 1
    assert OutboxEvent.objects.filter(published_at=None).count() == 1


def test_once_fails_loudly_without_redis(run: Run) -> None:
    emit(fact(1))
    done = run("--once", REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "CommandError: The outbox can't be published now" in done.stderr
    assert OutboxEvent.objects.filter(attempts=0, published_at=None).count() == 1


def test_replay(redis: redis_client.Redis, run: Run) -> None:
    rows = emit(fact(1), fact(2), fact(3))
    OutboxEvent.objects.filter(payload__n=3).update(attempts=30, retry_at=timezone.now() + timedelta(hours=1))
    assert run("--once").stdout == "2 events published, 0 parked\n"
    redis.flushdb()
    done = run("--replay-after", "0")
    assert (done.returncode, done.stdout) == (0, "2 events sent again\n")
    assert event_ids(redis) == [str(row.id) for row in rows[:2]]
