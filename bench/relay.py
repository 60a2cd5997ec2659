"""The relay beside its floor, a pipelined XADD of the same fields by the same client; and how long an event takes from its commit to its stream."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import redis
from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings

from bench.measure import Row, row, statements_of, timed
from warehouse.core.actor import Actor
from warehouse.outbox.events import Event, publish
from warehouse.outbox.fields import COLUMNS, fields_of
from warehouse.outbox.fields import Row as EventRow
from warehouse.outbox.relay import BATCH, Relay
from warehouse.outbox.resilience import connect_redis

STREAM = "bench:relay"
# More than a relay sends while it is measured.
EVENTS_PER_SECOND = 20_000
EVENTS_AT_ONCE = 5
STEADY_PER_SECOND = 500

_PUBLISH_ALL = """
    UPDATE outbox_outboxevent e SET published_at = now(), retry_at = NULL, position = last.position + new.place
    FROM (SELECT sequence, row_number() OVER (ORDER BY sequence) AS place FROM outbox_outboxevent WHERE published_at IS NULL) new,
         (SELECT coalesce(max(position), 0) AS position FROM outbox_outboxevent) last
    WHERE e.sequence = new.sequence
"""
_WRITE = """
    INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
    SELECT gen_random_uuid(), 'stock.changed', 'stock', (n % 10000)::text, jsonb_build_object('stock_id', n, 'shop_product_id', n, 'listing_id', n::text,
           'product_id', n, 'warehouse_id', '1', 'available', '12', 'status', 'in_stock'), 'bench'
    FROM generate_series(1, {events}) n
"""


def bench(seconds: int, products: int) -> list[Row]:
    """A full outbox that is drained, its latencies those of a batch; then a steady load. To reach: 3,000 events/s, and p99 below 250 ms at 500 events/s."""
    client = connect_redis(settings.REDIS_URL)
    client.delete(STREAM)
    try:
        with override_settings(OUTBOX_STREAMS=dict.fromkeys(settings.OUTBOX_STREAMS, STREAM)):
            return [_drain(client, seconds), _steady(client, seconds)]
    finally:
        client.delete(STREAM)
        client.close()


def _drain(client: redis.Redis, seconds: int) -> Row:
    _sql(_PUBLISH_ALL)  # what other cases have written is none of ours
    _sql(_WRITE.format(events=EVENTS_PER_SECOND * seconds))
    _sql("VACUUM ANALYZE outbox_outboxevent")
    relay = Relay(client)
    relay.publish_batch()
    floor = _floor(client, seconds)
    statements = statements_of(relay.publish_batch)
    latencies: list[float] = []
    sent = 0
    began = time.perf_counter()
    while time.perf_counter() < began + seconds:
        start = time.perf_counter()
        batch = relay.publish_batch()
        latencies.append((time.perf_counter() - start) * 1000)
        sent += batch.published
        if not batch.more:
            print("relay: all events are sent; the figure is of a shorter time.", file=sys.stderr)
            break
    return row(f"relay, {BATCH} events at once", 1, sent / (time.perf_counter() - began), latencies, floor, statements)


def _floor(client: redis.Redis, seconds: int) -> float:
    """Events per second when nothing is read, decided or marked: one pipeline of XADD after the other."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM outbox_outboxevent WHERE published_at IS NULL ORDER BY sequence LIMIT {BATCH}")
        fields = [fields_of(EventRow(*values)) for values in cursor.fetchall()]

    def send() -> None:
        pipeline = client.pipeline(transaction=False)
        for entry in fields:
            pipeline.xadd(STREAM, entry, maxlen=settings.OUTBOX_STREAM_MAXLEN, approximate=True)  # type: ignore[arg-type]
        pipeline.execute()

    send()
    rounds: list[float] = []
    end = time.perf_counter() + min(seconds, 3)
    while not rounds or time.perf_counter() < end:
        rounds.append(timed(send))
    return 1000 * len(rounds) * len(fields) / sum(rounds)


def _steady(client: redis.Redis, seconds: int) -> Row:
    """The relay as it runs in production, polling, while events come. The moment of arrival is Redis' own, part of the entry's id; both clocks are one
    where both servers run on this machine."""
    _sql(_PUBLISH_ALL)
    client.delete(STREAM)
    stop = threading.Event()
    running = threading.Thread(target=_run, args=(client, stop))
    running.start()
    committed: dict[str, float] = {}
    try:
        began = time.perf_counter()
        for turn in range(seconds * STEADY_PER_SECOND // EVENTS_AT_ONCE):
            time.sleep(max(0.0, began + turn * EVENTS_AT_ONCE / STEADY_PER_SECOND - time.perf_counter()))
            ids = [f"steady-{turn}-{n}" for n in range(EVENTS_AT_ONCE)]
            with transaction.atomic():
                publish((Event("stock.changed", "stock", each, {"stock_id": each}) for each in ids), actor=Actor.system("bench"))
            committed |= dict.fromkeys(ids, time.time() * 1000)
        per_second = len(committed) / (time.perf_counter() - began)
        if per_second < 0.9 * STEADY_PER_SECOND:
            print(f"relay: the writer came to {per_second:.0f} events/s only, not {STEADY_PER_SECOND}: too much else runs here.", file=sys.stderr)
        deadline = time.monotonic() + 30
        while client.xlen(STREAM) < len(committed) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        running.join()
    entries: Any = client.xrange(STREAM)
    arrived = {fields["stock_id"]: int(entry.partition("-")[0]) for entry, fields in entries}
    if lost := committed.keys() - arrived.keys():
        raise RuntimeError(f"{len(lost)} events have not come to the stream.")
    return row("relay, commit to stream", 1, per_second, [max(0.0, arrived[each] - at) for each, at in committed.items()], None, 0)


def _run(client: redis.Redis, stop: threading.Event) -> None:
    try:
        Relay(client).run(stop)
    finally:
        connection.close()


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
