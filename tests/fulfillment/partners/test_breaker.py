"""The circuit breaker: opened by outages, shared by all who use the same Redis, out of the way without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_client
from pytest_django.fixtures import Settings

from fulfillment.partners.delivery import DeliveryClient
from tests.fulfillment.parcels import Clock
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from warehouse.core.partners.breaker import Circuit
from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure
from warehouse.core.partners.http import PartnerHttp

ADDRESSES = "/api/v1/delivery/addresses/*"


@pytest.fixture
def client(delivery: PartnerServer, redis: redis_client.Redis, settings: Settings) -> Iterator[DeliveryClient]:
    settings.PARTNER_CIRCUIT_FAILURES, settings.PARTNER_CIRCUIT_SECONDS = 3, 30
    with DeliveryClient.from_settings() as client:
        yield client


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def fail(client: DeliveryClient, times: int) -> None:
    for _ in range(times):
        with pytest.raises(RetryableFailure) as failure:
            client.address_for_order("1")
        assert not isinstance(failure.value, CircuitOpen)


def test_after_some_outages_in_a_row_nobody_calls(client: DeliveryClient, delivery: PartnerServer, clock: Clock) -> None:
    delivery.fail("status", status=503, times=None, path=ADDRESSES)
    fail(client, 3)
    with pytest.raises(CircuitOpen) as refused:
        client.address_for_order("1")
    assert 0 < refused.value.retry_after <= 30
    assert not refused.value.ambiguous
    # Another worker with its own connection sees the same.
    with DeliveryClient.from_settings() as other, pytest.raises(CircuitOpen):
        other.address_for_order("2")
    assert len(delivery.requests()) == 3
    state = DeliveryClient.circuit_state()
    assert (state.state, state.failures, state.partner) == ("open", 3, "delivery service")
    assert state.half_opens_at is not None


def test_one_call_tries_and_its_end_decides(client: DeliveryClient, delivery: PartnerServer, clock: Clock) -> None:
    delivery.fail("status", status=500, times=4, path=ADDRESSES)
    fail(client, 3)
    clock.passes(seconds=31)
    fail(client, 1)
    with pytest.raises(CircuitOpen):
        client.address_for_order("1")
    clock.passes(seconds=31)
    assert client.address_for_order("1").city
    assert DeliveryClient.circuit_state().state == "closed"
    delivery.fail("status", status=500, times=2, path=ADDRESSES)
    fail(client, 2)
    assert client.address_for_order("1").city


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 422}, PermanentFailure),
        ({"kind": "status", "status": 404}, PermanentFailure),
        ({"kind": "status", "status": 429, "retry_after": "1"}, RetryableFailure),
        ({"kind": "wrong_json"}, RetryableFailure),
        ({"kind": "wrong_order"}, RetryableFailure),
    ],
    ids=lambda value: str(value.get("status", value["kind"])) if isinstance(value, dict) else "",
)
def test_a_partner_that_answers_is_not_down(client: DeliveryClient, delivery: PartnerServer, fault: dict, error: type[Exception]) -> None:
    kind = fault.pop("kind")
    delivery.fail(kind, times=6, path=ADDRESSES, **fault)
    for _ in range(6):
        with pytest.raises(error) as failure:
            client.address_for_order("1")
        assert not isinstance(failure.value, CircuitOpen)
    assert client.address_for_order("1").city
    assert DeliveryClient.circuit_state().state == "closed"


def test_each_partner_has_its_own(client: DeliveryClient, delivery: PartnerServer) -> None:
    delivery.fail("drop", times=3, path=ADDRESSES)
    fail(client, 3)
    assert Circuit("order system", "http://127.0.0.1:1").state().state == "closed"
    assert Circuit("delivery service", "http://127.0.0.1:1").state().state == "closed"
    assert DeliveryClient.circuit_state().state == "open"


def test_without_redis_calls_go_on(client: DeliveryClient, delivery: PartnerServer, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    delivery.fail("status", status=500, times=6, path=ADDRESSES)
    fail(client, 6)
    assert client.address_for_order("1").city
    assert "called without a circuit breaker, because Redis is away" in caplog.text
    assert DeliveryClient.circuit_state().state == "unknown"


def test_redis_that_goes_away_in_between(client: DeliveryClient, delivery: PartnerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = Circuit("delivery service", delivery.url)
    breaker = circuit._breaker()
    assert breaker is not None

    def away(*args: object, **kwargs: object) -> None:
        raise redis_client.ConnectionError("gone")

    monkeypatch.setattr(breaker._state_storage._redis, "execute_command", away)
    with DeliveryClient(PartnerHttp("delivery service", delivery.url, TOKEN, timeout=(1, 1), circuit=circuit)) as asked:
        assert asked.address_for_order("1").city
        delivery.fail("status", status=500, times=1, path=ADDRESSES)
        fail(asked, 1)
