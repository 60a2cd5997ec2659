"""Every fault of the microservice becomes the right typed failure, and the flag is right after it; nothing secret is told."""

from __future__ import annotations

import logging
import socket

import pytest
from redis import Redis

from stocksync.marketplaces.base import Position
from stocksync.marketplaces.microservice import MicroserviceClient
from stocksync.marketplaces.microservice.client import PARTNER
from tests.partners.allegro_microservice import ACCOUNT
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from warehouse.core.partners.breaker import Circuit
from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure, is_answer

FAULTS = [
    # what strikes, the status that is told, whether it is an answer, what the flag was set to already
    ({"kind": "latency", "seconds": 4}, None, False, []),
    ({"kind": "latency", "seconds": 4, "when": "after"}, None, False, [True]),
    ({"kind": "drop"}, None, False, []),
    ({"kind": "drop", "when": "after"}, None, False, [True]),
    ({"kind": "truncated"}, None, False, [True]),
    ({"kind": "status", "status": 500}, 500, False, []),
    ({"kind": "status", "status": 500, "when": "after"}, 500, False, [True]),
    ({"kind": "status", "status": 503}, 503, False, []),
    ({"kind": "status", "status": 408}, 408, False, []),
    ({"kind": "status", "status": 425}, 425, False, []),
    ({"kind": "status", "status": 429}, 429, False, []),
    ({"kind": "wrong_json"}, 200, True, [True]),
    ({"kind": "html"}, 200, True, [True]),
    ({"kind": "oversized"}, 200, True, [True]),
    ({"kind": "wrong_order"}, 200, True, [True]),
    ({"kind": "missing", "field": "success"}, 200, True, [True]),
    ({"kind": "missing", "field": "order_id"}, 200, True, [True]),
    ({"kind": "redirect"}, 307, True, []),
]


@pytest.mark.parametrize(
    ("fault", "status", "answered", "told"),
    FAULTS,
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_a_flag_after_a_fault_is_set(
    microservice: MicroserviceClient,
    allegro_microservice: PartnerServer,
    fault: dict[str, object],
    status: int | None,
    answered: bool,
    told: list[bool],
):
    partner = allegro_microservice.partner
    partner.put_order("a1")
    allegro_microservice.fail(**fault)
    with pytest.raises(RetryableFailure) as caught:
        microservice.set_deducted("a1", True)
    assert (caught.value.status, is_answer(caught.value), caught.value.retry_after) == (status, answered, None)
    assert partner.told("a1") == told
    microservice.set_deducted("a1", True)
    # The late first request of a timeout may still arrive: it says the same.
    assert set(partner.told("a1")) == {True}
    assert partner.flagged() == {"a1"}


@pytest.mark.parametrize("kind", ["drop", "truncated", "wrong_json", "html", "oversized", "redirect"])
def test_reading_goes_on_after_a_fault(microservice: MicroserviceClient, allegro_microservice: PartnerServer, kind: str):
    allegro_microservice.partner.put_order("a1")
    for ask in (
        lambda: microservice.read_changes(Position()).orders[0].external_id,
        lambda: (microservice.get_order("a1") or pytest.fail("it is known")).external_id,
    ):
        allegro_microservice.fail(kind)
        with pytest.raises(RetryableFailure) as caught:
            ask()
        assert caught.value.ambiguous is False
        assert ask() == "a1"


@pytest.mark.parametrize("values", [{"id": "a2"}, {"order_id": "a2"}, {"order": {"id": "a2"}}, {"orders": [{"id": "a2"}]}, {"orders": "a1"}])
def test_an_answer_about_another_order_is_none(microservice: MicroserviceClient, allegro_microservice: PartnerServer, values: dict[str, object]):
    allegro_microservice.partner.put_order("a1")
    allegro_microservice.fail("replace", values=values)
    with pytest.raises(RetryableFailure) as caught:
        microservice.get_order("a1")
    assert is_answer(caught.value)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("999999999999", 3600), ("soon", None)])
def test_retry_after_is_passed_on(microservice: MicroserviceClient, allegro_microservice: PartnerServer, header: str, seconds: float | None):
    allegro_microservice.fail("status", status=429, retry_after=header)
    with pytest.raises(RetryableFailure) as caught:
        microservice.read_changes(Position())
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422])
def test_other_refusals_are_permanent(microservice: MicroserviceClient, allegro_microservice: PartnerServer, status: int):
    for ask in (lambda: microservice.set_deducted("a1", True), lambda: microservice.get_order("a1"), lambda: microservice.read_changes(Position())):
        allegro_microservice.fail("status", status=status)
        with pytest.raises(PermanentFailure) as caught:
            ask()
        assert (caught.value.status, is_answer(caught.value)) == (status, True)


def test_nothing_is_repeated_by_itself(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    allegro_microservice.fail("status", status=503, times=None, retry_after="0")
    for ask in (lambda: microservice.set_deducted("a1", True), lambda: microservice.get_order("a1"), lambda: microservice.read_changes(Position())):
        with pytest.raises(RetryableFailure):
            ask()
    assert len(allegro_microservice.requests()) == 3


def test_an_outage_opens_the_circuit_for_all_accounts(redis: Redis, allegro_microservice: PartnerServer, microservice: MicroserviceClient):
    allegro_microservice.fail("status", times=None)
    for _ in range(5):
        with pytest.raises(RetryableFailure):
            microservice.set_deducted("a1", True)
    with MicroserviceClient(allegro_microservice.url, TOKEN, "another-account", timeout=(1, 1)) as other, pytest.raises(CircuitOpen) as caught:
        other.read_changes(Position())
    assert (is_answer(caught.value), len(allegro_microservice.requests())) == (False, 5)
    assert Circuit(PARTNER, allegro_microservice.url).state().state == "open"


def test_a_microservice_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with MicroserviceClient(f"http://127.0.0.1:{port}", TOKEN, ACCOUNT, timeout=(1, 1)) as client, pytest.raises(RetryableFailure) as caught:
        client.set_deducted("a1", True)
    assert ("can't be reached" in str(caught.value), caught.value.ambiguous, is_answer(caught.value)) == (True, False, False)


def test_a_wrong_token_is_a_permanent_failure(allegro_microservice: PartnerServer):
    allegro_microservice.partner.put_order("a1")
    with MicroserviceClient(allegro_microservice.url, "wrong", ACCOUNT, timeout=(1, 1)) as client, pytest.raises(PermanentFailure) as caught:
        client.set_deducted("a1", True)
    assert (caught.value.status, allegro_microservice.partner.told("a1")) == (401, [])


def test_neither_logs_nor_errors_show_the_token(
    caplog: pytest.LogCaptureFixture, microservice: MicroserviceClient, allegro_microservice: PartnerServer
):
    caplog.set_level(logging.DEBUG)
    allegro_microservice.partner.put_order("a1")
    told = {"success": False, "message": f"JWT {TOKEN} has no rights"}
    for fault in ({"kind": "drop"}, {"kind": "status", "status": 500}, {"kind": "status", "status": 403}, {"kind": "replace", "values": told}):
        allegro_microservice.fail(**fault)
        with pytest.raises((RetryableFailure, PermanentFailure)) as caught:
            microservice.set_deducted("a1", True)
        assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.args}"
    microservice.read_changes(Position())
    assert len([record for record in caplog.records if record.name == "warehouse.core.partners.http"]) == 5
    assert TOKEN not in caplog.text


def test_an_echoed_token_is_blotted_out(microservice: MicroserviceClient):
    with pytest.raises(PermanentFailure) as caught:
        microservice.set_deducted(f"echo {TOKEN}", True)
    assert ("echo ***" in caught.value.body, TOKEN in f"{caught.value.body} {caught.value}") == (True, False)


@pytest.mark.parametrize(("url", "token"), [("ftp://allegro", ""), ("http://user:secret@allegro", ""), ("http://allegro", "secret\r\nX: 1")])
def test_an_address_or_token_that_can_not_be_used_is_refused_without_showing_it(url: str, token: str):
    with pytest.raises(ValueError) as caught:
        MicroserviceClient(url, token, ACCOUNT)
    assert "secret" not in str(caught.value)
