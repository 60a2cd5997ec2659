"""From the outbox to the streams: at least once, in order per aggregate, positions without gaps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import redis as redis_client
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from tests.warehouse.outbox.conftest import emit, fact, running, wait_for
from tests.warehouse.outbox.proxy import Wire
from warehouse.outbox.events import Event
from warehouse.outbox.feed import newest_position
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.relay import RELAY_LOCK, Batch, Relay
from warehouse.outbox.resilience import connect_redis

INVENTORY = "wms:events:inventory"


def entries(redis: redis_client.Redis, stream: str = INVENTORY) -> list[dict[str, str]]:
    return [fields for _, fields in redis.xrange(stream)]


def numbers(redis: redis_client.Redis) -> list[int]:
    return [int(fields["n"]) for fields in entries(redis)]


def positions() -> list[tuple[int, int | None]]:
    """(n, position) of every event by sequence."""
    return [(row.payload["n"], row.position) for row in OutboxEvent.objects.order_by("sequence")]


def make_due() -> None:
    """The time of the next try of everything parked has come."""
    OutboxEvent.objects.filter(retry_at__isnull=False).update(retry_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
def test_every_field_of_an_entry(redis: redis_client.Redis) -> None:
    payload = {
        "task_id": 123,
        "weight": Decimal("2.850"),
        "late": True,
        "worker_id": None,
        "items": [{"listing_id": 100, "quantity": 2}],
        "name": "Сыр «Гауда»",
    }
    [row] = emit(Event("picking.created", "picking_task", 123, payload))
    assert Relay(redis).publish_batch() == Batch(1, 0)
    row.refresh_from_db()
    [fields] = entries(redis, "wms:events:picking")
    assert fields == {
        "type": "picking.created",
        "task_id": "123",
        "weight": "2.850",
        "late": "true",
        "worker_id": "",
        "items": '[{"quantity": 2, "listing_id": 100}]',
        "name": "Сыр «Гауда»",
        "timestamp": str(int(row.occurred_at.timestamp())),
        "event_id": str(row.id),
        "specversion": "1.0",
        "source": "wms",
        "time": row.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    assert abs(row.occurred_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert row.position == 1
    assert row.published_at >= row.occurred_at


@pytest.mark.django_db(transaction=True)
def test_numbers_keep_their_digits(redis: redis_client.Redis) -> None:
    """The engine writes payloads in SQL, where numbers are exact."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)"
            " VALUES (gen_random_uuid(), 'stock.changed', 'stock', '1', '{\"available\": 12345678901.230, \"big\": 123456789012345678}', 'sql')"
        )
    Relay(redis).publish_batch()
    [fields] = entries(redis)
    assert (fields["available"], fields["big"]) == ("12345678901.230", "123456789012345678")


@pytest.mark.django_db(transaction=True)
def test_types_go_to_their_streams(redis: redis_client.Redis) -> None:
    kinds = ["picking.created", "packing.started", "shipment.created", "inventory.writeOff.confirmed", "stock.low", "order.confirmed"]
    emit(*(Event(kind, "thing", n, {}) for n, kind in enumerate(kinds)))
    Relay(redis).publish_batch()
    assert {stream: [fields["type"] for fields in entries(redis, stream)] for stream in sorted(redis.keys())} == {
        "wms:events:inventory": ["inventory.writeOff.confirmed", "stock.low"],
        "wms:events:orders": ["order.confirmed"],
        "wms:events:packing": ["packing.started"],
        "wms:events:picking": ["picking.created"],
        "wms:events:shipment": ["shipment.created"],
    }


@pytest.mark.django_db(transaction=True)
def test_batches_are_in_order_and_positions_without_gaps(redis: redis_client.Redis) -> None:
    emit(*(fact(n % 3, n=n) for n in range(25)))
    relay = Relay(redis, batch=10)
    assert [relay.publish_batch() for _ in range(4)] == [Batch(10, 0, more=True), Batch(10, 0, more=True), Batch(5, 0), Batch()]
    assert numbers(redis) == list(range(25))
    assert positions() == [(n, n + 1) for n in range(25)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["DELETE FROM outbox_outboxevent", "TRUNCATE outbox_outboxevent"])
def test_positions_go_on_where_they_were_when_events_are_archived(statement: str, redis: redis_client.Redis) -> None:
    emit(*(fact(n, n=n) for n in range(3)))
    relay = Relay(redis)
    relay.publish_batch()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL wms.archiving = 'on'; {statement}")

    assert newest_position() == 3
    emit(fact(n=7))
    relay.publish_batch()
    assert positions() == [(7, 4)]
    assert newest_position() == 4


@pytest.mark.django_db(transaction=True)
def test_positions_go_on_behind_those_of_a_relay_that_kept_nothing(redis: redis_client.Redis) -> None:
    """While a release is rolled out, the relay of the one before may still publish."""
    emit(fact(n=1), fact(n=2))
    Relay(redis, batch=1).publish_batch()
    OutboxEvent.objects.filter(payload__n=2).update(position=2, published_at=timezone.now())
    assert newest_position() == 2
    emit(fact(n=3))
    Relay(redis).publish_batch()
    assert positions() == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 30])
def test_a_batch_has_a_constant_number_of_statements(
    count: int, redis: redis_client.Redis, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    emit(*(fact(n) for n in range(count)))
    relay = Relay(redis)
    with django_assert_num_queries(6):  # BEGIN, lock, parked, unpublished, mark, COMMIT
        relay.publish_batch()


@pytest.mark.django_db(transaction=True)
def test_positions_follow_publication_not_sequence(redis: redis_client.Redis) -> None:
    """An event with a lower sequence that commits later gets the higher position: no reader by position misses it."""
    relay = Relay(redis)
    begun, commit = threading.Event(), threading.Event()

    def slow(_: threading.Event) -> None:
        with transaction.atomic():
            OutboxEvent.objects.create(type="stock.changed", aggregate_type="stock", aggregate_id="1", payload={"n": 1}, actor="slow")
            begun.set()
            assert commit.wait(10)

    with running(slow):
        assert begun.wait(10)
        emit(fact(2))
        assert relay.publish_batch() == Batch(1, 0)
        commit.set()
    assert relay.publish_batch() == Batch(1, 0)
    assert positions() == [(1, 2), (2, 1)]


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_in_the_order_of_sequence_not_of_the_table(redis: redis_client.Redis) -> None:
    for sequence in (900_003, 900_001, 900_002):
        OutboxEvent.objects.create(
            sequence=sequence, type="stock.changed", aggregate_type="stock", aggregate_id="1", payload={"n": sequence}, actor="x"
        )
    with connection.cursor() as cursor:
        cursor.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")  # an index would give the order by chance
        try:
            assert Relay(redis, batch=2).publish_batch() == Batch(2, 0, more=True)
        finally:
            cursor.execute("RESET enable_indexscan; RESET enable_bitmapscan")
    assert numbers(redis) == [900_001, 900_002]
    assert Relay(redis, batch=2).publish_batch() == Batch(1, 0)
    assert numbers(redis) == [900_001, 900_002, 900_003]


@pytest.mark.django_db(transaction=True)
def test_one_relay_works_the_other_waits(redis: redis_client.Redis) -> None:
    emit(fact())
    locked, release = threading.Event(), threading.Event()

    def other(_: threading.Event) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RELAY_LOCK])
            locked.set()
            assert release.wait(10)

    with running(other):
        assert locked.wait(10)
        assert Relay(redis).publish_batch() == Batch()
        assert numbers(redis) == []
        release.set()
    assert Relay(redis).publish_batch() == Batch(1, 0)


@pytest.mark.django_db(transaction=True)
def test_two_relays_at_once_leave_no_gap_and_no_duplicate(redis: redis_client.Redis) -> None:
    total = 600
    with running(Relay(connect_redis(settings.REDIS_URL), batch=7).run), running(Relay(connect_redis(settings.REDIS_URL), batch=11).run):
        for n in range(0, total, 20):
            emit(*(fact(n % 5, n=n + k) for k in range(20)))
        wait_for(lambda: OutboxEvent.objects.filter(published_at=None).count() == 0)
    assert sorted(OutboxEvent.objects.values_list("position", flat=True)) == list(range(1, total + 1))
    assert numbers(redis) == list(range(total))


@pytest.mark.django_db(transaction=True)
def test_ended_between_sending_and_marking_it_sends_again_with_the_same_id(redis: redis_client.Redis) -> None:
    [row] = emit(fact())
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse_mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'pulled the plug'; END $$;"
            "CREATE TRIGGER refuse_mark BEFORE UPDATE ON outbox_outboxevent FOR EACH ROW EXECUTE FUNCTION refuse_mark()"
        )
    try:
        with pytest.raises(DatabaseError, match="pulled the plug"):
            Relay(redis).publish_batch()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refuse_mark ON outbox_outboxevent; DROP FUNCTION refuse_mark()")
    assert positions() == [(1, None)]
    assert Relay(redis).publish_batch() == Batch(1, 0)
    assert [fields["event_id"] for fields in entries(redis)] == [str(row.id)] * 2
    assert positions() == [(1, 1)]


@pytest.mark.django_db(transaction=True)
def test_an_unknown_stream_parks_only_its_aggregate(redis: redis_client.Redis) -> None:
    emit(fact(1, "weather.changed", n=1), fact(1, n=2), fact(2, n=3), fact(1, n=4))
    relay = Relay(redis)
    assert relay.publish_batch() == Batch(1, 1)
    assert numbers(redis) == [3]
    parked = OutboxEvent.objects.get(payload__n=1)
    assert parked.attempts == 1
    assert parked.last_error == "No stream is configured for events of type weather.changed: add 'weather' to OUTBOX_STREAMS."
    assert timezone.now() - timedelta(seconds=10) < parked.retry_at < timezone.now() + timedelta(seconds=1)
    assert list(OutboxEvent.objects.filter(payload__n__in=[2, 4]).values_list("attempts", flat=True)) == [0, 0]

    OutboxEvent.objects.filter(pk=parked.pk).update(retry_at=timezone.now() + timedelta(minutes=1))
    emit(fact(1, n=5), fact(2, n=6))
    assert relay.publish_batch() == Batch(1, 0)
    assert numbers(redis) == [3, 6]

    make_due()
    assert relay.publish_batch() == Batch(0, 1)
    parked.refresh_from_db()
    assert parked.attempts == 2


@pytest.mark.django_db(transaction=True)
def test_parking_is_one_statement_however_many_are_refused(redis: redis_client.Redis) -> None:
    emit(*(fact(n, "weather.changed", n=n) for n in range(1, 6)))
    with CaptureQueriesContext(connection) as asked:
        assert Relay(redis).publish_batch() == Batch(0, 5)
    assert len([query for query in asked.captured_queries if "UPDATE outbox_outboxevent" in query["sql"]]) == 1
    assert set(OutboxEvent.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_a_parked_aggregate_goes_on_in_order_when_the_cause_is_gone(redis: redis_client.Redis, settings: Settings) -> None:
    emit(fact(1, "weather.changed", n=1), fact(1, n=2), fact(2, n=3))
    relay = Relay(redis)
    relay.publish_batch()
    settings.OUTBOX_STREAMS = settings.OUTBOX_STREAMS | {"weather": INVENTORY}
    make_due()
    assert relay.publish_batch() == Batch(2, 0)
    assert numbers(redis) == [3, 1, 2]
    assert positions() == [(1, 2), (2, 3), (3, 1)]
    row = OutboxEvent.objects.get(payload__n=1)
    assert (row.retry_at, row.attempts) == (None, 1)


@pytest.mark.django_db(transaction=True)
def test_redis_refusing_one_stream_parks_its_aggregates_in_order(redis: redis_client.Redis) -> None:
    """The later event of aggregate 1 has another, healthy stream: it must not overtake the refused one in the same batch."""
    redis.set("wms:events:picking", "not a stream")
    emit(Event("picking.created", "order", 1, {"n": 1}), Event("stock.changed", "order", 1, {"n": 2}), Event("stock.changed", "order", 2, {"n": 3}))
    relay = Relay(redis)
    assert relay.publish_batch() == Batch(1, 1)
    assert numbers(redis) == [3]
    refused = OutboxEvent.objects.get(payload__n=1)
    assert (refused.attempts, refused.last_error.split()[0]) == (1, "WRONGTYPE")
    redis.delete("wms:events:picking")
    make_due()
    assert relay.publish_batch() == Batch(2, 0)
    assert numbers(redis) == [3, 2]
    assert positions() == [(1, 2), (2, 3), (3, 1)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("payload", "error"),
    [("[1, 2]", "The payload is not an object."), ('{"type": "x", "time": 1}', "The payload uses the reserved names time, type.")],
)
def test_a_payload_that_cant_be_an_entry_is_parked(payload: str, error: str, redis: redis_client.Redis) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)"
            " VALUES (gen_random_uuid(), 'stock.changed', 'stock', '1', %s::text::jsonb, 'sql')",
            [payload],
        )
    assert Relay(redis).publish_batch() == Batch(0, 1)
    assert OutboxEvent.objects.get().last_error == error


@pytest.mark.django_db(transaction=True)
def test_redis_away_marks_nothing_and_counts_nothing() -> None:
    emit(fact(), fact(2))
    with pytest.raises(redis_client.ConnectionError):
        Relay(connect_redis("redis://127.0.0.1:1/0")).publish_batch()
    assert list(OutboxEvent.objects.values_list("attempts", "retry_at", "position", "last_error").distinct()) == [(0, None, None, "")]


@pytest.mark.django_db(transaction=True)
def test_the_loop_goes_on_when_redis_comes_back(redis: redis_client.Redis, redis_wire: tuple[Wire, str]) -> None:
    wire, url = redis_wire
    with running(Relay(connect_redis(url)).run):
        emit(fact(1))
        # Marked too: cut off between sending and its answer, it would rightly be sent a second time.
        wait_for(lambda: positions()[0][1] is not None)
        wire.cut()
        emit(fact(2), fact(3))
        threading.Event().wait(0.5)
        assert numbers(redis) == [1]
        wire.mend()
        wait_for(lambda: numbers(redis) == [1, 2, 3])
        wait_for(lambda: positions() == [(1, 1), (2, 2), (3, 3)])
    assert set(OutboxEvent.objects.values_list("attempts", flat=True)) == {0}


@pytest.mark.django_db(transaction=True)
def test_the_loop_goes_on_when_the_database_comes_back(redis: redis_client.Redis, database_wire: Wire) -> None:
    with running(Relay(connect_redis(settings.REDIS_URL)).run):
        emit(fact(1))
        # Marked too: cut off between sending and marking, it would rightly be sent a second time.
        wait_for(lambda: positions()[0][1] is not None)
        database_wire.cut()
        emit(fact(2))
        threading.Event().wait(0.5)
        assert numbers(redis) == [1]
        database_wire.mend()
        wait_for(lambda: numbers(redis) == [1, 2])


@pytest.mark.django_db(transaction=True)
def test_drain_publishes_all_and_leaves_the_parked(redis: redis_client.Redis) -> None:
    emit(*(fact(n) for n in range(1, 24)), fact(99, "weather.changed", n=99), fact(99, n=100))
    OutboxEvent.objects.filter(payload__n=99).update(attempts=20)  # its next pause is long
    batch = Relay(redis, batch=10).drain(threading.Event())
    assert batch.published == 23
    assert batch.parked >= 1
    assert numbers(redis) == list(range(1, 24))


@pytest.mark.django_db(transaction=True)
def test_a_stream_that_lost_entries_is_filled_again(redis: redis_client.Redis) -> None:
    rows = emit(*(fact(n) for n in range(1, 8)))
    relay = Relay(redis, batch=3)
    relay.drain(threading.Event())
    redis.delete(INVENTORY)
    assert relay.replay(2, threading.Event()) == 5
    assert [fields["event_id"] for fields in entries(redis)] == [str(row.id) for row in rows[2:]]
    assert positions() == [(n, n) for n in range(1, 8)]


@pytest.mark.django_db(transaction=True)
def test_streams_are_trimmed_to_their_length(redis: redis_client.Redis, settings: Settings) -> None:
    settings.OUTBOX_STREAM_MAXLEN = 100
    emit(*(fact(n) for n in range(1000)))
    Relay(redis).drain(threading.Event())
    length = redis.xlen(INVENTORY)
    assert 100 <= length < 300  # Redis trims whole nodes of 100
    assert numbers(redis)[-1] == 999
