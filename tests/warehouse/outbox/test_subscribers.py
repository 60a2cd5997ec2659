"""What the site does on its own events: each once, in order, and one failure does not stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import redis as redis_client
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.utils import timezone

from tests.warehouse.outbox.conftest import emit, fact, running, wait_for
from tests.warehouse.outbox.proxy import Wire
from warehouse.outbox import subscribers
from warehouse.outbox.models import InboxEntry, OutboxEvent, Subscription
from warehouse.outbox.relay import Relay
from warehouse.outbox.subscribers import Subscriber, advance, subscriber

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Only this module's subscribers; the site's own come back afterwards."""
    own = dict(subscribers.REGISTERED)
    subscribers.REGISTERED.clear()
    yield
    subscribers.REGISTERED.clear()
    subscribers.REGISTERED.update(own)


def record(name: str) -> Callable[[Sequence[OutboxEvent]], None]:
    """An effect in the database: one row per event; the same event twice is a unique violation."""

    def handle(events: Sequence[OutboxEvent]) -> None:
        for event in events:
            InboxEntry.objects.create(stream=name, entry_id=str(event.payload["n"]))

    return handle


def effects(name: str) -> list[int]:
    return [int(entry.entry_id) for entry in InboxEntry.objects.filter(stream=name).order_by("pk")]


def published(redis: redis_client.Redis, *numbers: int, kind: str = "stock.changed") -> None:
    emit(*(fact(n, kind, n=n) for n in numbers))
    Relay(redis).drain(threading.Event())


def make_due() -> None:
    Subscription.objects.filter(retry_at__isnull=False).update(retry_at=timezone.now() - timedelta(seconds=1))


def test_one_event_in_a_transaction_for_who_asks_for_that(redis: redis_client.Redis) -> None:
    subscriber("alone", "stock.changed", batch=1)(record("alone"))
    published(redis, 1, 2, 3)
    seen = []
    while advance(subscribers.REGISTERED["alone"]):
        seen.append(effects("alone"))
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_each_event_of_its_types_once_and_in_order(redis: redis_client.Redis) -> None:
    subscriber("changes", "stock.changed", "stock.out")(record("changes"))
    published(redis, 1, 2)
    published(redis, 3, kind="stock.low")
    published(redis, 4, kind="stock.out")
    emit(fact(5))  # not published yet
    assert subscribers.run_pass() == 4
    assert subscribers.run_pass() == 0
    assert effects("changes") == [1, 2, 4]
    assert Subscription.objects.get().position == 4


def test_positions_without_wanted_events_are_passed(redis: redis_client.Redis) -> None:
    subscriber("orders", "order.confirmed")(record("orders"))
    published(redis, *range(1, 8))
    assert subscribers.run_pass() == 7
    assert effects("orders") == []


def test_nothing_is_skipped_after_what_was_read_is_archived(redis: redis_client.Redis) -> None:
    subscriber("changes", "stock.changed")(record("changes"))
    published(redis, 1, 2)
    assert subscribers.run_pass() == 2
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL wms.archiving = 'on'; DELETE FROM outbox_outboxevent")

    published(redis, 3)

    assert subscribers.run_pass() == 1
    assert effects("changes") == [1, 2, 3]


def test_batches_are_limited_and_nothing_is_left_out(redis: redis_client.Redis) -> None:
    sizes: list[int] = []

    @subscriber("changes", "stock.changed")
    def handle(events: Sequence[OutboxEvent]) -> None:
        sizes.append(len(events))
        record("changes")(events)

    published(redis, *range(1, 251))
    while subscribers.run_pass():
        continue
    assert sizes == [100, 100, 50]
    assert effects("changes") == list(range(1, 251))


def test_a_long_way_without_wanted_events_is_gone_in_windows(redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "WINDOW", 10)
    subscriber("outs", "stock.out")(record("outs"))
    published(redis, *range(1, 26))
    published(redis, 26, kind="stock.out")
    assert [subscribers.run_pass() for _ in range(4)] == [10, 10, 6, 0]
    assert effects("outs") == [26]


def test_a_failure_keeps_the_position_and_leaves_no_effect(redis: redis_client.Redis) -> None:
    broken = True

    @subscriber("changes", "stock.changed")
    def handle(events: Sequence[OutboxEvent]) -> None:
        record("changes")(events)
        if broken:
            raise KeyError("listing_id")

    subscriber("others", "stock.changed")(record("others"))
    published(redis, 1, 2)
    assert subscribers.run_pass() == 2
    assert (effects("changes"), effects("others")) == ([], [1, 2])
    kept = Subscription.objects.get(name="changes")
    assert (kept.position, kept.attempts, kept.last_error) == (0, 1, "KeyError: 'listing_id'")
    assert kept.failed_at is not None
    assert kept.retry_at is not None

    Subscription.objects.filter(name="changes").update(retry_at=timezone.now() + timedelta(minutes=1))
    broken = False
    assert subscribers.run_pass() == 0  # it backs off
    make_due()
    published(redis, 3)
    assert subscribers.run_pass() == 4
    assert (effects("changes"), effects("others")) == ([1, 2, 3], [1, 2, 3])
    kept.refresh_from_db()
    assert (kept.position, kept.attempts, kept.retry_at, kept.failed_at, kept.last_error) == (3, 0, None, None, "")


def test_a_failure_in_the_database_is_kept_too(redis: redis_client.Redis) -> None:
    subscriber("changes", "stock.changed")(record("changes"))
    InboxEntry.objects.create(stream="changes", entry_id="2")
    published(redis, 1, 2)
    assert subscribers.run_pass() == 0
    assert effects("changes") == [2]
    assert Subscription.objects.get().last_error.startswith("IntegrityError: duplicate key value")


def test_a_constraint_that_waits_for_the_commit_is_a_failure_too(redis: redis_client.Redis) -> None:
    @subscriber("changes", "stock.changed")
    def handle(events: Sequence[OutboxEvent]) -> None:
        record("changes")(events)
        LogEntry.objects.create(user_id=987_654_321, action_flag=1, object_repr="x")

    subscriber("others", "stock.changed")(record("others"))
    published(redis, 1)
    assert subscribers.run_pass() == 1
    assert (effects("changes"), effects("others")) == ([], [1])
    assert Subscription.objects.get(name="changes").last_error.startswith("IntegrityError: insert or update on table")


def test_two_runners_at_once_give_each_effect_once(redis: redis_client.Redis) -> None:
    subscriber("changes", "stock.changed")(record("changes"))
    with running(subscribers.run), running(subscribers.run):
        for start in range(1, 301, 30):
            published(redis, *range(start, start + 30))
        wait_for(lambda: len(effects("changes")) == 300)
    assert effects("changes") == list(range(1, 301))
    assert Subscription.objects.get().attempts == 0


def test_a_locked_subscription_is_not_waited_for(redis: redis_client.Redis) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(events: Sequence[OutboxEvent]) -> None:
        entered.set()
        assert leave.wait(10)
        record("changes")(events)

    each = Subscriber("changes", frozenset({"stock.changed"}), slow)
    published(redis, 1)
    with running(lambda _: advance(each) and None):
        assert entered.wait(10)
        assert advance(Subscriber("changes", each.types, record("changes"))) == 0
        leave.set()
    assert effects("changes") == [1]


def test_a_database_outage_is_nobodys_failure(redis: redis_client.Redis, database_wire: Wire) -> None:
    cut = False

    @subscriber("changes", "stock.changed")
    def handle(events: Sequence[OutboxEvent]) -> None:
        nonlocal cut
        record("changes")(events)
        if not cut:
            cut = True
            database_wire.cut()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")

    published(redis, 1, 2)
    with running(subscribers.run):
        wait_for(lambda: cut)
        threading.Event().wait(0.3)
        assert effects("changes") == []
        database_wire.mend()
        wait_for(lambda: effects("changes") == [1, 2])
    kept = Subscription.objects.get()
    assert (kept.position, kept.attempts, kept.last_error) == (2, 0, "")


def test_statements_of_a_batch_are_constant(
    redis: redis_client.Redis, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    subscriber("changes", "stock.changed")(lambda events: None)
    subscribers.run_pass()
    for numbers in ([1], [2, 3, 4]):
        published(redis, *numbers)
        # BEGIN, lock, end, events, SAVEPOINT, constraints (2), RELEASE, move on, COMMIT
        with django_assert_num_queries(10):
            subscribers.run_pass()


def test_names_are_unique_and_types_are_named() -> None:
    subscriber("changes", "stock.changed")(record("changes"))
    with pytest.raises(ValueError, match="two subscribers named changes"):
        subscriber("changes", "stock.out")(record("changes"))
    with pytest.raises(ValueError, match="names no type"):
        subscriber("nothing")
