"""Facts are written with what happened, and never changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
import redis as redis_client
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from tests.warehouse.outbox.conftest import ACTOR, emit, fact
from warehouse.outbox.events import Event, publish
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.relay import Batch, Relay


class Mistake(Exception):
    pass


@pytest.mark.django_db
def test_an_event_is_a_row_with_exact_values() -> None:
    moment = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    [row] = emit(Event("stock.changed", "stock", 7, {"available": Decimal("2.850"), "at": moment, "lines": [{"sku": "A", "quantity": 2}]}))
    assert (row.type, row.aggregate_type, row.aggregate_id, row.actor) == ("stock.changed", "stock", "7", "tests")
    assert row.payload == {"available": "2.850", "at": "2026-11-20T12:00:00Z", "lines": [{"sku": "A", "quantity": 2}]}
    assert isinstance(row.id, UUID)
    assert (row.published_at, row.position, row.attempts, row.last_error) == (None, None, 0, "")


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 3])
def test_many_events_are_one_statement(count: int, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]) -> None:
    with transaction.atomic(), django_assert_num_queries(1):
        publish([fact(n) for n in range(count)], actor=ACTOR)


@pytest.mark.django_db(transaction=True)
def test_publishing_needs_an_open_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        publish([fact()], actor=ACTOR)


@pytest.mark.parametrize("name", ["type", "timestamp", "event_id", "specversion", "source", "time"])
def test_the_names_of_the_envelope_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Event("stock.changed", "stock", 1, {name: 1})


@pytest.mark.django_db(transaction=True)
def test_a_rollback_emits_nothing(redis: redis_client.Redis) -> None:
    with pytest.raises(Mistake), transaction.atomic():
        publish([fact()], actor=ACTOR)
        raise Mistake
    assert Relay(redis).publish_batch() == Batch()
    assert redis.keys() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE outbox_outboxevent SET payload = '{"n": 2}'""",
        "UPDATE outbox_outboxevent SET type = 'stock.low'",
        "UPDATE outbox_outboxevent SET aggregate_id = '2'",
        "UPDATE outbox_outboxevent SET occurred_at = now()",
        "UPDATE outbox_outboxevent SET id = gen_random_uuid()",
        "UPDATE outbox_outboxevent SET actor = 'somebody else'",
        "DELETE FROM outbox_outboxevent",
        "TRUNCATE outbox_outboxevent",
    ],
)
def test_a_fact_is_never_changed(statement: str) -> None:
    [row] = emit(fact())
    with pytest.raises(IntegrityError, match="outbox_outboxevent is append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(OutboxEvent.objects.values_list("pk", "id", "payload")) == [(row.pk, row.id, {"n": 1})]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("UPDATE outbox_outboxevent SET payload = '{}'", [{}]),
        ("DELETE FROM outbox_outboxevent", []),
        ("TRUNCATE outbox_outboxevent", []),
    ],
)
def test_archiving_is_the_one_way_round(statement: str, left: list[object]) -> None:
    emit(fact())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL wms.archiving = 'on'")
        cursor.execute(statement)
    assert list(OutboxEvent.objects.values_list("payload", flat=True)) == left


@pytest.mark.django_db(transaction=True)
def test_archiving_ends_with_its_transaction() -> None:
    emit(fact())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL wms.archiving = 'on'")
    with pytest.raises(IntegrityError, match="append-only"):
        OutboxEvent.objects.all().delete()
