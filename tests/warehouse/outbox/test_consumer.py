"""Entries of a stream: each with its effect once, whatever dies, disappears or is poison."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_client
from django.conf import settings
from django.db import OperationalError, connection

from tests.warehouse.outbox.conftest import ACTOR, running, wait_for
from tests.warehouse.outbox.proxy import Wire
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, Unavailable, ValidationFailed
from warehouse.core.transactions import operation, run_once
from warehouse.outbox.claims import InboxClaim
from warehouse.outbox.consumer import Counters, Handler, StreamConsumer
from warehouse.outbox.models import InboxEntry, OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)

STREAM, GROUP, DLQ = "partner:events", "wms-consumers", "partner:events:dlq"
Hook = Callable[[dict[str, str]], object]


@operation()
def note(fields: dict[str, str], hook: Hook | None, *, actor: Actor) -> None:
    """The effect: a row that counts how often it happened."""
    OutboxEvent.objects.create(type="stock.changed", aggregate_type="note", aggregate_id=fields["n"], payload=fields, actor=actor.name)
    if hook:
        hook(fields)


def handler(hook: Hook | None = None) -> Handler:
    def handle(entry_id: str, fields: dict[str, str]) -> object:
        return run_once(InboxClaim(STREAM, entry_id), note, fields, hook, actor=ACTOR, render=lambda _: {"done": True})

    return handle


def consumer(handle: Handler | None = None, name: str = "one", url: str = "", **options: Any) -> StreamConsumer:
    quick = {"retry_base_seconds": 0.01, "retry_cap_seconds": 0.05, "block_seconds": 0.1}
    return StreamConsumer(url or settings.LISTINGS_REDIS_URL, STREAM, GROUP, name, handle or handler(), **(quick | options))


def add(redis: redis_client.Redis, *numbers: int) -> list[str]:
    return [redis.xadd(STREAM, {"type": "noted", "n": str(n)}) for n in numbers]


def effects() -> list[int]:
    return [int(n) for n in OutboxEvent.objects.order_by("sequence").values_list("aggregate_id", flat=True)]


def pending(redis: redis_client.Redis) -> int:
    return int(redis.xpending(STREAM, GROUP)["pending"])


def letters(redis: redis_client.Redis) -> list[dict[str, str]]:
    return [fields for _, fields in redis.xrange(DLQ)]


def no_letter_no_pending(redis: redis_client.Redis) -> None:
    assert letters(redis) == []
    assert pending(redis) == 0
    assert redis.hgetall(f"{STREAM}:deliveries:{GROUP}") == {}


@pytest.fixture
def settled(redis: redis_client.Redis) -> Iterator[None]:
    """At the end nothing is pending, nothing is dead and nothing is counted."""
    yield
    no_letter_no_pending(redis)


@pytest.mark.usefixtures("settled")
def test_entries_from_before_the_group_and_after(redis: redis_client.Redis) -> None:
    add(redis, 1, 2)
    one = consumer()
    assert one.drain() == Counters(handled=2)
    add(redis, 3)
    assert one.drain() == Counters(handled=3)
    assert effects() == [1, 2, 3]
    assert InboxEntry.objects.count() == 3


def test_a_stream_that_does_not_exist_yet(redis: redis_client.Redis) -> None:
    with running(consumer().run):
        wait_for(lambda: redis.exists(STREAM))
        add(redis, 1)
        wait_for(lambda: effects() == [1])
    no_letter_no_pending(redis)


@pytest.mark.usefixtures("settled")
def test_killed_between_commit_and_acknowledgement(redis: redis_client.Redis) -> None:
    """The entry is delivered again: the effect is there, the inbox says so, the handler's work is not repeated."""
    [entry_id] = add(redis, 1)
    redis.xgroup_create(STREAM, GROUP, id="0")
    redis.xreadgroup(GROUP, "one", {STREAM: ">"})
    handler()(entry_id, {"type": "noted", "n": "1"})
    assert consumer().drain() == Counters(repeated=1)
    assert effects() == [1]


@pytest.mark.usefixtures("settled")
def test_killed_before_the_commit(redis: redis_client.Redis) -> None:
    add(redis, 1, 2)
    redis.xgroup_create(STREAM, GROUP, id="0")
    redis.xreadgroup(GROUP, "one", {STREAM: ">"})
    add(redis, 3)
    assert consumer().drain() == Counters(handled=3)
    assert effects() == [1, 2, 3]


class Killed(BaseException):
    """No error that anybody handles: the process ends here."""


@pytest.mark.usefixtures("settled")
def test_killed_within_the_handler(redis: redis_client.Redis) -> None:
    """Nothing is acknowledged before its effects are committed: the entry stays the dead member's, until another one takes it over."""

    def die(fields: dict[str, str]) -> None:
        raise Killed

    add(redis, 1)
    with pytest.raises(Killed):
        consumer(handler(die)).drain()
    assert (pending(redis), effects()) == (1, [])
    assert consumer(name="two", min_idle_seconds=0).drain() == Counters(handled=1)
    assert effects() == [1]


@pytest.mark.usefixtures("settled")
def test_entries_of_a_dead_consumer_are_taken_over_to_the_last(redis: redis_client.Redis) -> None:
    add(redis, *range(25))
    redis.xgroup_create(STREAM, GROUP, id="0")
    redis.xreadgroup(GROUP, "dead", {STREAM: ">"}, count=25)
    assert consumer(count=10).drain() == Counters()  # not idle for long enough
    assert consumer(count=10, min_idle_seconds=0).drain() == Counters(handled=25)
    assert effects() == list(range(25))


@pytest.mark.usefixtures("settled")
def test_the_same_entry_by_two_consumers_at_once(redis: redis_client.Redis) -> None:
    [entry_id] = add(redis, 1)
    inside, go_on = threading.Event(), threading.Event()

    def slow(fields: dict[str, str]) -> None:
        inside.set()
        assert go_on.wait(10)

    # By name: the second may be told its answer before the first one, which has committed, comes to write its own down.
    answers: dict[str, object] = {}

    def take(name: str, hook: Hook | None) -> None:
        answers[name] = handler(hook)(entry_id, {"n": "1"})
        connection.close()

    first = threading.Thread(target=take, args=("first", slow))
    first.start()
    assert inside.wait(10)
    second = threading.Thread(target=take, args=("second", None))
    second.start()
    time.sleep(0.2)
    assert answers == {}  # the second waits for the first
    go_on.set()
    first.join(10)
    second.join(10)
    assert answers == {"first": {"done": True}, "second": {"repeated": True}}
    assert effects() == [1]
    assert consumer().drain() == Counters(repeated=1)


def test_a_permanent_error_goes_to_the_dead_letters_at_once(redis: redis_client.Redis) -> None:
    calls: list[str] = []

    def refuse(fields: dict[str, str]) -> None:
        calls.append(fields["n"])
        if fields["n"] == "2":
            raise NotFound("There is no listing 999.", listing=999)
        if fields["n"] == "3":
            raise ValidationFailed("quantity: 'NaN' is not a finite number.")

    _, poison, _, _ = add(redis, 1, 2, 3, 4)
    assert consumer(handler(refuse)).drain() == Counters(handled=2, dead=2)
    assert calls == ["1", "2", "3", "4"]
    assert effects() == [1, 4]
    first, second = letters(redis)
    assert first.pop("failed_at").endswith("+00:00")
    assert first.pop("error_data") == '{"listing": 999}'
    assert first == {"type": "noted", "n": "2", "error_code": "not_found", "error_detail": "There is no listing 999.", "entry_id": poison}
    assert (second["n"], second["error_code"]) == ("3", "validation_failed")
    assert pending(redis) == 0


def test_an_unexpected_error_after_n_deliveries(redis: redis_client.Redis) -> None:
    calls: list[str] = []

    def crash(fields: dict[str, str]) -> None:
        calls.append(fields["n"])
        if fields["n"] == "1":
            raise KeyError("order_id")

    add(redis, 1, 2)
    assert consumer(handler(crash), max_deliveries=3).drain() == Counters(handled=1, failed=3, dead=1)
    assert calls == ["1", "2", "1", "1"]  # the others do not wait behind it
    [letter] = letters(redis)
    assert (letter["n"], letter["error_code"], letter["error_detail"]) == ("1", "unexpected_error", "KeyError: 'order_id'")
    assert (effects(), pending(redis), InboxEntry.objects.count()) == ([2], 0, 1)
    assert redis.exists(f"{STREAM}:deliveries:{GROUP}") == 0


@pytest.mark.usefixtures("settled")
def test_an_error_that_passes_is_tried_again(redis: redis_client.Redis) -> None:
    left = 2

    def flaky(fields: dict[str, str]) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Conflict("Stock updated concurrently, please retry.")

    add(redis, 1)
    assert consumer(handler(flaky), max_deliveries=3).drain() == Counters(handled=1, failed=2)
    assert effects() == [1]


def test_tries_are_counted_over_restarts(redis: redis_client.Redis) -> None:
    """Poison that kills the process: each start tries it once more, then it is dead and the rest goes on."""

    class Killed(BaseException):
        pass

    def die(fields: dict[str, str]) -> None:
        if fields["n"] == "1":
            raise Killed

    add(redis, 1, 2)
    for _ in range(3):
        with pytest.raises(Killed):
            consumer(handler(die), max_deliveries=3).drain()
    assert consumer(handler(die), max_deliveries=3).drain() == Counters(handled=1, dead=1)
    [letter] = letters(redis)
    assert (letter["n"], letter["error_code"]) == ("1", "delivered_too_often")
    assert (effects(), pending(redis)) == ([2], 0)


@pytest.mark.usefixtures("settled")
def test_a_partners_outage_is_never_dead(redis: redis_client.Redis) -> None:
    down = True

    def partner(fields: dict[str, str]) -> None:
        if down and fields["n"] == "1":
            raise Unavailable("The delivery service does not answer.")

    add(redis, 1, 2)
    one = consumer(handler(partner), max_deliveries=2, retry_cap_seconds=0.02)
    with running(one.run):
        wait_for(lambda: effects() == [2])
        time.sleep(0.5)  # far more than two tries
        assert letters(redis) == []
        down = False
        wait_for(lambda: effects() == [2, 1])
    assert (one.counters.handled, one.counters.failed, one.counters.dead) == (2, 0, 0)


@pytest.mark.usefixtures("settled")
def test_a_database_outage_is_waited_for(redis: redis_client.Redis, database_wire: Wire) -> None:
    add(redis, 1)
    one = consumer(max_deliveries=2)
    with running(one.run):
        wait_for(lambda: effects() == [1])
        database_wire.cut()
        add(redis, 2, 3)
        wait_for(lambda: one.counters.outages >= 3)  # more often than it would be delivered
        assert letters(redis) == []
        database_wire.mend()
        wait_for(lambda: effects() == [1, 2, 3])
    assert (one.counters.handled, one.counters.failed, one.counters.dead) == (3, 0, 0)


def test_stopped_during_an_outage_the_entry_stays_pending(redis: redis_client.Redis) -> None:
    """Even after many restarts within one outage nothing is counted against the entry."""

    def away(entry_id: str, fields: dict[str, str]) -> object:
        stop.set()
        raise OperationalError("the server is down") from redis_client.ConnectionError("refused")

    add(redis, 1)
    for _ in range(4):
        stop = threading.Event()
        consumer(away, max_deliveries=2).run(stop)
        assert pending(redis) == 1
    assert consumer(max_deliveries=2).drain() == Counters(handled=1)
    no_letter_no_pending(redis)


@pytest.mark.usefixtures("settled")
def test_redis_away_for_a_while(redis: redis_client.Redis, redis_wire: tuple[Wire, str]) -> None:
    wire, url = redis_wire
    add(redis, 1)
    one = consumer(url=url, max_deliveries=2)
    with running(one.run):
        wait_for(lambda: effects() == [1])
        wire.cut()
        add(redis, 2, 3)
        wait_for(lambda: one.counters.outages >= 2)
        assert effects() == [1]
        wire.mend()
        wait_for(lambda: effects() == [1, 2, 3])
        wait_for(lambda: pending(redis) == 0)


@pytest.mark.usefixtures("settled")
def test_redis_gone_between_commit_and_acknowledgement(redis: redis_client.Redis, redis_wire: tuple[Wire, str]) -> None:
    wire, url = redis_wire
    cut = False

    def cut_once(fields: dict[str, str]) -> None:
        nonlocal cut
        if not cut:
            cut = True
            wire.cut()

    add(redis, 1, 2, 3)
    one = consumer(handler(cut_once), url=url)
    with running(one.run):
        wait_for(lambda: effects() == [1, 2, 3])
        assert pending(redis) == 3
        wire.mend()
        wait_for(lambda: pending(redis) == 0)
    assert effects() == [1, 2, 3]
    assert one.counters.handled == 3
    # Each of them at least once; once more where the first acknowledgement after the line was mended is lost as well.
    assert one.counters.repeated >= 3


def test_entries_trimmed_while_pending_are_counted(redis: redis_client.Redis) -> None:
    add(redis, 1, 2, 3)
    redis.xgroup_create(STREAM, GROUP, id="0")
    redis.xreadgroup(GROUP, "one", {STREAM: ">"}, count=2)
    redis.xreadgroup(GROUP, "dead", {STREAM: ">"}, count=1)
    add(redis, 4)
    redis.xtrim(STREAM, maxlen=1, approximate=False)
    assert pending(redis) == 3
    assert consumer(min_idle_seconds=0).drain() == Counters(handled=1, trimmed=3)
    assert effects() == [4]
    no_letter_no_pending(redis)


@pytest.mark.parametrize("lose", [lambda redis: redis.xgroup_destroy(STREAM, GROUP), lambda redis: redis.delete(STREAM)])
def test_a_lost_group_or_stream_is_made_anew(lose: Callable[[redis_client.Redis], object], redis: redis_client.Redis) -> None:
    add(redis, 1, 2)
    one = consumer(block_seconds=0.3)
    with running(one.run):
        wait_for(lambda: effects() == [1, 2])
        lose(redis)
        add(redis, 3)
        wait_for(lambda: effects() == [1, 2, 3])
    assert one.counters.handled == 3
    assert effects() == [1, 2, 3]
    no_letter_no_pending(redis)


def test_bytes_that_are_no_text_go_to_the_dead_letters_unchanged(redis: redis_client.Redis) -> None:
    with redis_client.Redis.from_url(settings.REDIS_URL) as raw:
        raw.xadd(STREAM, {b"n": b"\xff\xfe"})
        add(redis, 2)
        assert consumer().drain() == Counters(handled=1, dead=1)
        [(_, letter)] = raw.xrange(DLQ)
    assert letter[b"n"] == b"\xff\xfe"
    assert letter[b"error_code"] == b"validation_failed"
    assert effects() == [2]


def test_no_entry_is_acknowledged_whose_letter_cant_be_written(redis: redis_client.Redis) -> None:
    def refuse(fields: dict[str, str]) -> None:
        raise ValidationFailed("never")

    redis.set(DLQ, "not a stream")
    add(redis, 1)
    assert consumer(handler(refuse)).drain() == Counters(refused=1)
    assert pending(redis) == 1
    redis.delete(DLQ)
    assert consumer(handler(refuse)).drain() == Counters(dead=1)


@pytest.mark.usefixtures("settled")
def test_stopping_finishes_the_entry_at_hand_and_leaves_the_rest(redis: redis_client.Redis) -> None:
    stop = threading.Event()
    add(redis, 1, 2, 3)
    one = consumer(handler(lambda fields: stop.set()))
    one.run(stop)
    assert (effects(), pending(redis), one.counters) == ([1], 2, Counters(handled=1))
    assert consumer().drain() == Counters(handled=2)
    assert effects() == [1, 2, 3]


@pytest.mark.usefixtures("settled")
def test_two_consumers_share_the_work(redis: redis_client.Redis) -> None:
    one, two = consumer(name="one", count=3), consumer(name="two", count=3)
    with running(one.run), running(two.run):
        add(redis, *range(120))
        wait_for(lambda: len(effects()) == 120)
        wait_for(lambda: pending(redis) == 0)
    assert sorted(effects()) == list(range(120))
    assert one.counters.handled + two.counters.handled == 120
