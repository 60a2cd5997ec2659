"""Beside a bench of streams: `PORT COUNT TOKEN…` reads so many streams until it is told to stop and prints what each was given, and the lag of the events in ms;
`publish` makes events and relays them, into a stream of its own in Redis."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import sys
import threading
import time
from datetime import datetime

import django

EVENTS_PER_SECOND = 50
REDIS_STREAM = "bench:events"
_EVENT = re.compile(rb'id: (\d+)\nevent: .*\ndata: .*"time":"([^"]+)".*\n\n')


class Listener:
    """A stream: what it was given, whether a position was missing in it, and how old each event was."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire, self.rest, self.last, self.count, self.gaps = wire, b"", 0, 0, 0
        self.lags: list[float] = []

    def read(self, *, timed: bool) -> None:
        self.rest += self.wire.recv(1 << 20)
        now, end = time.time(), 0
        for found in _EVENT.finditer(self.rest):
            position, end = int(found[1]), found.end()
            self.gaps += bool(self.last and position != self.last + 1)
            self.last, self.count = position, self.count + 1
            if timed:
                self.lags.append((now - datetime.fromisoformat(found[2].decode()).timestamp()) * 1000)
        self.rest = self.rest[end:]


def listen(port: int, count: int, tokens: list[str]) -> None:
    """Open the streams, say so, read them all in one loop. Every tenth one is timed: that is enough, and it is to take little of the machine that is measured."""
    chosen = selectors.DefaultSelector()
    listeners = []
    for number in range(count):
        wire = socket.create_connection(("127.0.0.1", port), timeout=60)
        token = tokens[number % len(tokens)]
        wire.sendall(f"GET /api/v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = wire.recv(4096)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            sys.exit(f"A stream was refused: {head.decode()}")
        listeners.append(Listener(wire))
        chosen.register(wire, selectors.EVENT_READ, number)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("open", flush=True)
    begun = time.monotonic()
    while not stop.is_set():
        for key, _ in chosen.select(0.2):
            listeners[key.data].read(timed=key.data % 10 == 0)
    told = {"events": sum(each.count for each in listeners), "gaps": sum(each.gaps for each in listeners), "seconds": time.monotonic() - begun}
    print(json.dumps(told | {"lags": [lag for each in listeners for lag in each.lags]}))


def publish_events() -> None:
    """Stock changes, five in a transaction, and a relay for them and for what the picks write; until told to stop."""
    django.setup()
    from django.conf import settings
    from django.db import connection, transaction

    from warehouse.core.actor import Actor
    from warehouse.outbox.events import Event, publish
    from warehouse.outbox.relay import Relay
    from warehouse.outbox.resilience import connect_redis, stop_on_signals

    stop = stop_on_signals()
    settings.OUTBOX_STREAMS = dict.fromkeys(settings.OUTBOX_STREAMS, REDIS_STREAM)
    client = connect_redis(settings.REDIS_URL)
    relay = threading.Thread(target=Relay(client).run, args=(stop,))
    relay.start()
    number = 0
    while not stop.wait(5 / EVENTS_PER_SECOND):
        number += 5
        with transaction.atomic():
            publish(
                (Event("stock.changed", "stock", number + n, {"available": "1", "status": "in_stock"}) for n in range(5)), actor=Actor.system("bench")
            )
    connection.close()
    relay.join()
    client.delete(REDIS_STREAM)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
    if sys.argv[1] == "publish":
        publish_events()
    else:
        listen(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
