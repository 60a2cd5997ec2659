"""Orders from the stream to a picking task, by the consumer that runs in production, beside their floor."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from random import Random

import redis
from django.conf import settings
from django.db import connection

from bench.measure import Row, require_same_writes, row, run_floor, statements_of
from bench.reserve import product_range
from fulfillment.services.stream_orders import handle_entry
from warehouse.outbox.consumer import StreamConsumer

STREAM = "bench:orders"
LINES = 3
# More than a consumer takes in while it is measured.
ORDERS_PER_SECOND = 1000

FLOOR = """\\set a random(:first, :last)
\\set b random(:first, :last)
\\set c random(:first, :last)
SELECT bench.intake(ARRAY[:a, :b + (:b = :a)::int, :c + 2 * (:c = :a OR :c = :b)::int]::bigint[], ARRAY[1, 2, 3]::numeric[])
"""


def bench(seconds: int, products: int) -> list[Row]:
    """One consumer that drains a full stream of orders of three random lines for some seconds."""
    first, last = product_range()
    with connection.cursor() as cursor:
        for script in ("floor_reserve.sql", "floor_intake.sql"):
            cursor.execute((Path(__file__).parent / script).read_text())
    floor = run_floor(FLOOR.replace(":first", str(first)).replace(":last", str(last - 2)), 1, seconds)
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(STREAM)
    try:
        latencies, per_second = _consume(client, seconds, first, last)
    finally:
        client.delete(STREAM)
    require_same_writes("intake", lambda: _handle("writes", first), lambda: _floor_once(first))
    return [row("intake", 1, per_second, latencies, floor, statements_of(lambda: _handle("statements", first)))]


def _consume(client: redis.Redis, seconds: int, first: int, last: int) -> tuple[list[float], float]:
    random = Random(1)
    pipeline = client.pipeline(transaction=False)
    for number in range(seconds * ORDERS_PER_SECOND):
        pipeline.xadd(STREAM, _fields(f"bench-{number}", random.sample(range(first, last + 1), LINES)))  # type: ignore[arg-type]
    pipeline.execute()
    latencies: list[float] = []
    stop = threading.Event()

    def handle(entry_id: str, fields: dict[str, str]) -> None:
        if time.perf_counter() > end:
            stop.set()
            return
        started = time.perf_counter()
        handle_entry(STREAM, entry_id, fields)
        latencies.append((time.perf_counter() - started) * 1000)

    consumer = StreamConsumer(settings.REDIS_URL, STREAM, "bench", "bench-1", handle)
    for number in range(20):
        _handle(f"warm-{number}", first)
    end = time.perf_counter() + seconds
    consumer.drain(stop)
    return latencies, len(latencies) / seconds


def _fields(order_id: str, listings: list[int]) -> dict[str, str]:
    items = [{"listing_id": listing, "quantity": index, "warehouse_id": 1} for index, listing in enumerate(listings, start=1)]
    return {"type": "order.confirmed", "order_id": order_id, "storefront_id": "1", "items": json.dumps(items), "timestamp": "1700000000"}


def _handle(name: str, first: int) -> None:
    handle_entry(STREAM, name, _fields(name, [first, first + 1, first + 2]))


def _floor_once(first: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bench.intake(%s::bigint[], %s::numeric[])", [[first, first + 1, first + 2], [1, 2, 3]])
