"""How often Allegro is asked: counted for all workers together, and not at all while it blocks us."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from stocksync.marketplaces.allegro_rest.limits import OFFER_CHANGES, REQUESTS, Limit, SharedLimits
from stocksync.marketplaces.base import Shown
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer
from tests.stocksync.marketplaces.allegro import ClientFor
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure, is_answer


class Watch:
    """Seconds that pass only by being slept."""

    def __init__(self) -> None:
        self.now = 1_000.25
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def limits(watch: Watch, *, patience: float = 2.0, requests: Limit = REQUESTS, offer_changes: Limit = OFFER_CHANGES) -> SharedLimits:
    return SharedLimits(
        "allegro_rest", "account", requests=requests, offer_changes=offer_changes, patience=patience, clock=watch.time, sleep=watch.sleep
    )


def test_no_minute_and_no_hour_holds_more_than_is_allowed():
    assert (60 // REQUESTS.seconds + 1) * REQUESTS.most < 9_000
    assert (3600 // OFFER_CHANGES.seconds + 1) * OFFER_CHANGES.most < 250_000


def test_a_request_waits_for_the_next_window(redis: Redis):
    watch = Watch()
    workers = [limits(watch, requests=Limit("requests", 3, 1)) for _ in range(2)]
    for turn in range(4):
        workers[turn % 2].request()
    assert (watch.slept, watch.now) == ([0.75], 1_001.0)


def test_a_turn_that_is_far_away_is_told_as_later(redis: Redis):
    watch = Watch()
    worker = limits(watch, offer_changes=Limit("offer-changes", 1, 60))
    worker.offer_change()
    with pytest.raises(RetryableFailure, match="as often as it allows") as caught:
        worker.offer_change()
    assert (caught.value.retry_after, caught.value.ambiguous, is_answer(caught.value), watch.slept) == (19.75, False, False, [])
    watch.now += 20
    worker.offer_change()


def test_accounts_are_counted_apart(redis: Redis):
    watch = Watch()
    for account in ("first", "second"):
        SharedLimits("allegro_rest", account, requests=Limit("requests", 1, 1), patience=0, clock=watch.time, sleep=watch.sleep).request()


def test_workers_together_get_no_more_turns_than_there_are(redis: Redis):
    watch = Watch()

    def turn(number: int) -> bool:
        try:
            limits(watch, patience=0, requests=Limit("requests", 10, 60)).request()
        except RetryableFailure:
            return False
        return True

    with ThreadPoolExecutor(16) as workers:
        assert sum(workers.map(turn, range(16))) == 10


def test_counters_do_not_stay(redis: Redis):
    limits(Watch()).request()
    assert [0 < redis.ttl(key) <= 2 for key in redis.keys("wms:limit:*")] == [True]


def test_without_redis_calls_go_on(settings: Settings, caplog: pytest.LogCaptureFixture):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    watch = Watch()
    worker = limits(watch, requests=Limit("requests", 1, 60))
    for _ in range(3):
        worker.request()
    worker.blocked(60)
    worker.request()
    assert "Redis is away" in caplog.text


def test_a_blocked_account_is_left_alone_by_all(client_for: ClientFor, allegro_rest: PartnerServer, allegro: AllegroRest, redis: Redis):
    allegro.put_offer("77", 5)
    allegro.block(60)
    with pytest.raises(RetryableFailure, match="answered 429") as caught:
        client_for().read_listing("77")
    assert 55 <= (caught.value.retry_after or 0) <= 60
    with pytest.raises(RetryableFailure, match="is left alone") as caught:
        client_for().push_quantity(uuid.uuid4(), "77", 4)
    assert 50 <= (caught.value.retry_after or 0) <= 60
    assert len(allegro_rest.requests()) == 1
    redis.delete(*redis.keys("wms:limit:*:blocked"))
    allegro.block(0)
    assert client_for().read_listing("77") == Shown(5, True)


def test_allegro_blocks_who_asks_too_often(client_for: ClientFor, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.allow(3, seconds=60)
    client = client_for()
    for _ in range(3):
        assert client.read_listing("77") == Shown(5, True)
    with pytest.raises(RetryableFailure) as caught:
        client.read_listing("77")
    assert (caught.value.status, is_answer(caught.value)) == (429, False)


@pytest.mark.parametrize(
    ("fault", "kind", "answered"),
    [
        ({"kind": "latency", "seconds": 4}, RetryableFailure, False),
        ({"kind": "drop"}, RetryableFailure, False),
        ({"kind": "truncated"}, RetryableFailure, False),
        ({"kind": "status", "status": 500}, RetryableFailure, False),
        ({"kind": "status", "status": 503, "retry_after": "7"}, RetryableFailure, False),
        ({"kind": "status", "status": 408}, RetryableFailure, False),
        ({"kind": "status", "status": 403}, PermanentFailure, True),
        ({"kind": "status", "status": 422}, PermanentFailure, True),
        ({"kind": "html"}, RetryableFailure, True),
        ({"kind": "wrong_json"}, RetryableFailure, True),
        ({"kind": "oversized", "size": 9_000_000}, RetryableFailure, True),
        ({"kind": "missing", "field": "stock"}, RetryableFailure, True),
        ({"kind": "replace", "values": {"stock": {"available": -1}}}, RetryableFailure, True),
        ({"kind": "redirect"}, RetryableFailure, True),
    ],
)
def test_every_failure_is_of_a_known_kind(
    client_for: ClientFor, allegro_rest: PartnerServer, allegro: AllegroRest, fault: dict, kind: type, answered: bool
):
    allegro.put_offer("77", 5)
    allegro_rest.fail(**fault)
    client = client_for()
    with pytest.raises(kind) as caught:
        client.read_listing("77")
    assert is_answer(caught.value) is answered
    assert client.read_listing("77") == Shown(5, True)
