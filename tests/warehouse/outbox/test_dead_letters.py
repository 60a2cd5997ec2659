"""Dead letters are listed, go back into the stream without loss, or are forgotten."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import redis as redis_client
from django.conf import settings
from django.core.management import CommandError, call_command

from warehouse.core.errors import NotFound
from warehouse.outbox.consumer import StreamConsumer
from warehouse.outbox.letters import DeadLetters
from warehouse.outbox.resilience import connect_redis

STREAM, GROUP, DLQ = "partner:letters", "wms-consumers", "partner:letters:dlq"


def command(*options: str) -> Any:
    out = io.StringIO()
    call_command("dead_letters", STREAM, "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def text(*options: str) -> str:
    out = io.StringIO()
    call_command("dead_letters", STREAM, *options, stdout=out)
    return out.getvalue()


class Orders:
    """A handler that knows some products, and learns."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.taken: list[dict[str, str]] = []

    def __call__(self, entry_id: str, fields: dict[str, str]) -> object:
        if fields["sku"] not in self.known:
            raise NotFound(f"There is no product {fields['sku']}.")
        self.taken.append(fields)
        return None

    def consume(self) -> None:
        StreamConsumer(settings.LISTINGS_REDIS_URL, STREAM, GROUP, "one", self, block_seconds=0.1).drain()


@pytest.fixture
def orders(redis: redis_client.Redis) -> Orders:
    orders = Orders()
    for n, sku in enumerate(("MILK", "ŁOSOŚ", "HAM")):
        redis.xadd(STREAM, {"sku": sku, "n": str(n)})
    orders.consume()
    return orders


def skus(answer: Any) -> list[str]:
    return [letter["fields"]["sku"] for letter in answer["letters"]]


def test_the_list_says_what_and_why(redis: redis_client.Redis, orders: Orders) -> None:
    first = command()["letters"][0]
    entries = [entry for entry, _ in redis.xrange(STREAM)]
    assert (first["code"], first["detail"], first["entry_id"]) == ("not_found", "There is no product MILK.", entries[0])
    assert first["fields"] == {"sku": "MILK", "n": "0"}
    assert skus(command()) == ["MILK", "ŁOSOŚ", "HAM"]
    assert "not_found: There is no product ŁOSOŚ." in text()
    assert "sku=ŁOSOŚ n=1" in text()


def test_a_terminal_is_not_filled_by_one_letter(redis: redis_client.Redis) -> None:
    redis.xadd(STREAM, {"sku": "M" * 100_000} | {f"f{n}": str(n) for n in range(2000)})
    Orders().consume()
    shown = text()
    assert len(shown) < 2000
    assert f"sku={'M' * 200}…(100000 characters, --json shows all) f0=0 " in shown
    assert "f48=48 … and 1951 more fields (--json shows all)" in shown
    (letter,) = command()["letters"]
    assert (len(letter["fields"]["sku"]), len(letter["fields"])) == (100_000, 2001)
    assert len(text("--drop", letter["id"])) < 2000


def test_one_goes_back_as_it_was_and_is_taken_in(redis: redis_client.Redis, orders: Orders) -> None:
    orders.known.add("ŁOSOŚ")
    wanted = command()["letters"][1]["id"]
    (moved,) = command("--requeue", wanted)["requeued"]
    assert redis.xrange(STREAM)[-1] == (moved["entry_id"], {"sku": "ŁOSOŚ", "n": "1"})
    assert skus(command()) == ["MILK", "HAM"]
    orders.consume()
    assert orders.taken == [{"sku": "ŁOSOŚ", "n": "1"}]
    assert skus(command()) == ["MILK", "HAM"]


def test_all_go_back_in_their_order_once(redis: redis_client.Redis, orders: Orders) -> None:
    orders.known |= {"MILK", "HAM"}
    assert len(command("--requeue", "all")["requeued"]) == 3
    assert redis.xlen(DLQ) == 0
    orders.consume()
    assert [fields["sku"] for fields in orders.taken] == ["MILK", "HAM"]
    assert skus(command()) == ["ŁOSOŚ"]  # it failed again, and is a letter again


def test_what_is_no_text_goes_back_byte_for_byte(redis: redis_client.Redis) -> None:
    raw = connect_redis(settings.LISTINGS_REDIS_URL, decode=False)
    raw.xadd(STREAM, {b"sku": b"\xff\xfe", b"empty": b""})
    Orders().consume()
    (letter,) = DeadLetters(raw, STREAM)
    assert letter.fields == {"sku": "\\xff\\xfe", "empty": ""}
    command("--requeue", letter.id)
    assert raw.xrange(STREAM)[-1][1] == {b"sku": b"\xff\xfe", b"empty": b""}


def test_a_letter_stays_when_the_stream_takes_nothing(redis: redis_client.Redis, orders: Orders) -> None:
    wanted = command()["letters"][0]["id"]
    redis.delete(STREAM)
    redis.set(STREAM, "not a stream")
    with pytest.raises(CommandError, match="WRONGTYPE"):
        command("--requeue", wanted)
    assert skus(command()) == ["MILK", "ŁOSOŚ", "HAM"]


def test_one_is_forgotten(redis: redis_client.Redis, orders: Orders) -> None:
    wanted = command()["letters"][2]["id"]
    assert command("--drop", wanted)["dropped"][0]["fields"]["sku"] == "HAM"
    assert skus(command()) == ["MILK", "ŁOSOŚ"]
    assert redis.xlen(STREAM) == 3


def test_more_than_a_page(redis: redis_client.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.outbox.letters.PAGE", 2)
    for n in range(5):
        redis.xadd(DLQ, {"sku": str(n), "error_code": "not_found"})
    assert skus(command()) == ["0", "1", "2", "3", "4"]


def test_what_is_refused(redis: redis_client.Redis) -> None:
    assert text() == f"{STREAM} has no dead letters.\n"
    assert text("--requeue", "all") == "Nothing to put back.\n"
    for options in (("--requeue", "1-1"), ("--drop", "1-1"), ("--requeue", "x"), ("--drop", "all"), ("--drop", "1-1", "--requeue", "1-1")):
        with pytest.raises(CommandError):
            command(*options)
