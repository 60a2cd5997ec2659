"""Nothing is missed and nothing comes twice: the process is killed, the wire is cut, Redis and PostgreSQL go away, a reader is slow."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil
import pytest
from django.db import connection

from tests.warehouse.live.conftest import STREAM, LiveProcess, Reader, publish_all, relay, token_of
from tests.warehouse.outbox.conftest import emit, fact, redis_wire, running, wait_for
from tests.warehouse.outbox.proxy import Wire
from warehouse.core.actor import Role
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.relay import Relay
from warehouse.outbox.resilience import connect_redis

__all__ = ["redis_wire"]

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@dataclass
class Follower:
    """A client that comes back whenever it was cut, with the last id that it was given."""

    live: LiveProcess
    token: str
    ids: list[int] = field(default_factory=list)
    last_id: int = 0
    cuts: int = 0
    reader: Reader | None = None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            reader = Reader(self.live.port, STREAM, {"Authorization": f"Bearer {self.token}", "Last-Event-ID": str(self.last_id)})
            try:
                reader.open()
            except (OSError, http.client.HTTPException):
                stop.wait(0.1)
                continue
            if reader.response.status != 200:
                stop.wait(0.1)
                continue
            self.reader = reader
            while not reader.ended and not stop.is_set():
                stop.wait(0.05)
            if stop.is_set():
                reader.cut()
            self.reader = None
            self.ids += reader.ids
            self.last_id = reader.last_id or self.last_id
            self.cuts += 1

    def seen(self) -> int:
        reader = self.reader
        return max(self.last_id, (reader.last_id or 0) if reader else 0)


def tell(stop: threading.Event, told: list[int]) -> None:
    """Events of a busy warehouse: a transaction with three of them every twentieth of a second."""
    while not stop.wait(0.05):
        told += [row.sequence for row in emit(fact(1), fact(2, "picking.completed"), fact(3))]


@contextmanager
def business(relay: Relay) -> Iterator[list[int]]:
    """Work goes on, and the relay publishes it; in the end all of it is published."""
    told: list[int] = []
    with running(relay.run):
        with running(lambda stop: tell(stop, told)):
            yield told
        wait_for(lambda: not OutboxEvent.objects.filter(position=None).exists(), 60)


def all_positions() -> list[int]:
    return list(OutboxEvent.objects.order_by("position").values_list("position", flat=True))


def heard_everything(follower: Follower) -> None:
    """When it has caught up: every event once, in order, and the last one too."""
    last = all_positions()[-1]
    wait_for(lambda: follower.seen() >= last, 60)


def test_killed_and_started_again(live: LiveProcess) -> None:
    follower = Follower(live, token_of(Role.VIEWER))
    with running(follower.run):
        with business(relay()):
            for _ in range(2):
                before = follower.seen()
                wait_for(lambda before=before: follower.seen() > before + 20, 60)
                live.kill()
                time.sleep(1)
                live.start()
        heard_everything(follower)
    assert follower.cuts >= 3
    assert follower.ids == all_positions() == list(range(1, len(follower.ids) + 1))


def test_cut_again_and_again(live: LiveProcess) -> None:
    follower = Follower(live, token_of(Role.VIEWER))
    with running(follower.run):
        with business(relay()):
            for cut in range(10):
                wait_for(lambda cut=cut: follower.cuts == cut and follower.reader and len(follower.reader.events) > 3, 30)
                follower.reader.cut()
        heard_everything(follower)
    assert follower.cuts == 11
    assert follower.ids == all_positions()


def test_redis_is_away_for_20_seconds(environment: dict[str, str], redis_wire: tuple[Wire, str]) -> None:
    wire, url = redis_wire
    live = LiveProcess(environment | {"REDIS_URL": url, "LISTINGS_REDIS_URL": url})
    try:
        follower = Follower(live, token_of(Role.VIEWER))
        with running(follower.run):
            with business(Relay(connect_redis(url))) as told:
                wait_for(lambda: follower.seen() > 20, 30)
                wire.cut()
                time.sleep(20)
                assert len(told) > follower.seen() + 100  # work went on, nothing could be published
                late = live.read("?after=0", token=follower.token)
                wait_for(lambda: late.last_id == follower.seen())  # a new stream opens all the same
                wire.mend()
            heard_everything(follower)
        assert follower.cuts == 1  # by the end of the test: no stream noticed
        assert follower.ids == all_positions()
        wait_for(lambda: late.ids == all_positions())
    finally:
        live.kill()


def test_the_database_is_away(environment: dict[str, str]) -> None:
    direct = connection.settings_dict
    wire = Wire(str(direct["HOST"]), int(str(direct["PORT"])))
    away = urlsplit(environment["DATABASE_URL"])
    url = away._replace(netloc=away.netloc.rpartition(":")[0] + f":{wire.port}").geturl()
    live = LiveProcess(environment | {"DATABASE_URL": url})
    try:
        follower = Follower(live, token_of(Role.VIEWER))
        with running(follower.run):
            with business(relay()):
                wait_for(lambda: follower.seen() > 20, 30)
                wire.cut()
                time.sleep(8)
                refused = live.read(token=follower.token)
                assert (refused.response.status, refused.problem()["code"]) == (503, "unavailable")
                wire.mend()
            heard_everything(follower)
        assert follower.cuts == 1
        assert follower.ids == all_positions()
    finally:
        live.kill()
        wire.close()


def test_a_slow_reader_is_not_buffered_and_misses_nothing(live: LiveProcess) -> None:
    token = token_of(Role.VIEWER)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", live.port))
    slow.sendall(f"GET {STREAM}?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    quick = live.read("?after=0", token=token)
    memory = psutil.Process(live.process.pid).memory_info().rss
    for _ in range(10):
        emit(*(fact(number, words="x" * 3000) for number in range(1000)))
        publish_all()
    wait_for(lambda: len(quick.events) == 10_000, 120)
    assert live.figure("live_furthest_behind_events") > 8000
    assert psutil.Process(live.process.pid).memory_info().rss - memory < 40 * 1024**2  # of 30 MB of events, and what reading them takes
    assert ids_of_events(slow, 10_000) == quick.ids == list(range(1, 10_001))
    slow.close()


def ids_of_events(wire: socket.socket, count: int) -> list[int]:
    """Read a stream as it comes over the wire until so many events have come; their ids."""
    wire.settimeout(60)
    ids: list[int] = []
    rest = b""
    while len(ids) < count:
        part = wire.recv(1 << 20)
        assert part
        *lines, rest = (rest + part).split(b"\n\n")
        ids += [int(found[1]) for line in lines if (found := re.search(rb"id: (\d+)\nevent: ", line))]
    return ids


def test_told_to_stop_it_lets_every_stream_end_whole(live: LiveProcess) -> None:
    token = token_of(Role.VIEWER)
    readers = [live.read(token=token) for _ in range(5)]
    emit(fact(1))
    publish_all()
    wait_for(lambda: all(reader.ids == [1] for reader in readers))
    begun = time.monotonic()
    live.stop()
    assert time.monotonic() - begun < 5
    wait_for(lambda: all(reader.ended for reader in readers))
    # A chunked answer that ends without its last chunk would have raised.
    assert not [reader for reader in readers if not reader.response.isclosed()]
    live.start()
    assert live.read(token=token, **{"Last-Event-ID": "0"}).response.status == 200
