"""Entries that a script can't write down field by field, and letters that Redis refuses: the stream goes on, and nothing of them is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis as redis_client
from django.conf import settings

from tests.warehouse.outbox.conftest import running, wait_for
from tests.warehouse.outbox.test_consumer import DLQ, GROUP, STREAM, add, consumer, effects, handler, letters, no_letter_no_pending, pending
from warehouse.core.errors import ValidationFailed
from warehouse.outbox.consumer import Counters
from warehouse.outbox.letters import MOST_PLAIN_FIELDS, DeadLetters
from warehouse.outbox.resilience import connect_redis

pytestmark = pytest.mark.django_db(transaction=True)


def refuse(fields: dict[str, str]) -> None:
    if fields.get("n") == "2":
        raise ValidationFailed("It can't be read.")


def with_fields(redis: redis_client.Redis, count: int) -> dict[str, str]:
    fields = {"type": "noted", "n": "2"} | {f"f{n}": str(n) for n in range(count - 2)}
    redis.xadd(STREAM, fields)  # type: ignore[arg-type]
    return fields


@pytest.fixture
def letterbox() -> DeadLetters:
    return DeadLetters(connect_redis(settings.LISTINGS_REDIS_URL, decode=False), STREAM)


@pytest.mark.parametrize("count", [MOST_PLAIN_FIELDS, MOST_PLAIN_FIELDS + 1, 4000, 9000])
def test_an_entry_of_many_fields_is_a_letter_that_goes_back_whole(redis: redis_client.Redis, letterbox: DeadLetters, count: int) -> None:
    add(redis, 1)
    fields = with_fields(redis, count)
    add(redis, 3)
    one = consumer(handler(refuse))
    with running(one.run):
        wait_for(lambda: effects() == [1, 3], 15)
        wait_for(lambda: pending(redis) == 0)
    assert one.counters == Counters(handled=2, dead=1)
    (letter,) = letterbox
    assert (letter.code, letter.detail, letter.fields) == ("validation_failed", "It can't be read.", fields)

    assert letterbox.requeue(letter.id) == redis.xrevrange(STREAM, count=1)[0][0]

    assert redis.xrevrange(STREAM, count=1)[0][1] == fields
    assert letters(redis) == []
    assert consumer(handler(refuse)).drain() == Counters(dead=1)  # and is a letter again
    (letter,) = letterbox
    assert letterbox.drop(letter.id)
    no_letter_no_pending(redis)


def test_what_is_no_text_is_packed_byte_for_byte(letterbox: DeadLetters) -> None:
    raw = connect_redis(settings.LISTINGS_REDIS_URL, decode=False)
    fields: dict[Any, Any] = {b"f%d" % n: b"" for n in range(4000)} | {b"\xff\xfe": b"\xed\xa0\x80\x00", "Łosoś".encode(): b"\\udcff"}
    raw.xadd(STREAM, fields)
    assert consumer().drain().dead == 1
    (letter,) = letterbox
    letterbox.requeue(letter.id)
    assert raw.xrevrange(STREAM, count=1)[0][1] == fields


@pytest.mark.parametrize("name", ["error_code", "entry_id", "entry_fields"])
def test_fields_that_are_called_like_those_of_a_letter_are_kept(redis: redis_client.Redis, letterbox: DeadLetters, name: str) -> None:
    fields = {"type": "noted", "n": "2", name: '[["n", "1"]]'}
    redis.xadd(STREAM, fields)  # type: ignore[arg-type]
    assert consumer(handler(refuse)).drain() == Counters(dead=1)
    (letter,) = letterbox
    assert (letter.code, letter.fields) == ("validation_failed", fields)
    letterbox.requeue(letter.id)
    assert redis.xrevrange(STREAM, count=1)[0][1] == fields


def test_a_letter_stays_when_the_stream_takes_nothing(redis: redis_client.Redis, letterbox: DeadLetters) -> None:
    with_fields(redis, 4000)
    consumer(handler(refuse)).drain()
    redis.delete(STREAM)
    redis.set(STREAM, "not a stream")
    (letter,) = letterbox
    with pytest.raises(redis_client.ResponseError, match="WRONGTYPE"):
        letterbox.requeue(letter.id)
    assert [each.id for each in letterbox] == [letter.id]


def test_a_letter_that_redis_refuses_stops_nothing_and_the_entry_keeps_its_reason(redis: redis_client.Redis) -> None:
    redis.set(DLQ, "not a stream")
    add(redis, 1, 2, 3)
    one = consumer(handler(refuse), max_deliveries=2)
    with running(one.run):
        wait_for(lambda: effects() == [1, 3])
        wait_for(lambda: one.counters.refused >= 4)  # more often than it would be delivered
        assert pending(redis) == 1
        redis.delete(DLQ)
        wait_for(lambda: pending(redis) == 0)
    assert (one.counters.handled, one.counters.dead, one.counters.outages) == (2, 1, 0)
    assert [(letter["n"], letter["error_code"]) for letter in letters(redis)] == [("2", "validation_failed")]


@pytest.fixture
def guest(redis: redis_client.Redis) -> Iterator[tuple[str, str]]:
    """The name of a user of Valkey who may do everything, and the URL that signs him in."""
    name = f"test-{uuid4().hex}"
    redis.acl_setuser(name, enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all"])
    url = urlsplit(settings.LISTINGS_REDIS_URL)
    yield name, url._replace(netloc=f"{name}:secret@{url.hostname}:{url.port}").geturl()
    redis.acl_deluser(name)


def test_what_is_done_before_redis_refuses_something_is_acknowledged(redis: redis_client.Redis, guest: tuple[str, str]) -> None:
    """It would be delivered again, and counted, each time that the loop begins anew."""
    name, url = guest
    entries = add(redis, 1, 2, 3, 4)
    redis.xgroup_create(STREAM, GROUP, id="0")
    redis.xreadgroup(GROUP, "one", {STREAM: ">"})

    def forbid(fields: dict[str, str]) -> None:
        if fields["n"] == "2":
            redis.acl_setuser(name, commands=["-hincrby"])

    with pytest.raises(redis_client.ResponseError, match="hincrby"):
        consumer(handler(forbid), url=url).drain()
    assert [each["message_id"] for each in redis.xpending_range(STREAM, GROUP, "-", "+", 10)] == entries[2:]
    assert consumer().drain() == Counters(handled=2)
    no_letter_no_pending(redis)
