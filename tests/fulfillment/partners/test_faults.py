"""Every fault of a partner becomes the right typed failure, and the work is done once after it."""

from __future__ import annotations

import logging
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fulfillment.partners.delivery import DeliveryClient
from fulfillment.partners.order_system import OrderSystemClient
from tests.fulfillment.partners.test_delivery import REQUEST
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure
from warehouse.core.partners.http import PartnerHttp


def numbers(delivery: PartnerServer) -> list[str]:
    return [row["answer"]["tracking_number"] for row in delivery.partner.shipments()]


@pytest.mark.parametrize(
    ("fault", "status", "ambiguous", "done"),
    [
        ({"kind": "latency", "seconds": 1}, None, True, 0),
        ({"kind": "latency", "seconds": 1, "when": "after"}, None, True, 1),
        ({"kind": "drop"}, None, True, 0),
        ({"kind": "drop", "when": "after"}, None, True, 1),
        ({"kind": "truncated"}, None, True, 1),
        ({"kind": "status", "status": 500}, 500, True, 0),
        ({"kind": "status", "status": 500, "when": "after"}, 500, True, 1),
        ({"kind": "status", "status": 502}, 502, True, 0),
        ({"kind": "status", "status": 503}, 503, True, 0),
        ({"kind": "status", "status": 504, "when": "after"}, 504, True, 1),
        ({"kind": "status", "status": 408}, 408, True, 0),
        ({"kind": "status", "status": 425}, 425, False, 0),
        ({"kind": "status", "status": 429}, 429, False, 0),
        ({"kind": "wrong_json"}, 201, True, 1),
        ({"kind": "html"}, 200, True, 1),
        ({"kind": "oversized"}, 201, True, 1),
        ({"kind": "wrong_order"}, 201, True, 1),
        ({"kind": "missing", "field": "tracking_number"}, 201, True, 1),
        ({"kind": "redirect"}, 307, True, 0),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_a_shipment_after_a_fault_is_one_shipment(
    deliveries: DeliveryClient, delivery: PartnerServer, fault: dict[str, object], status: int | None, ambiguous: bool, done: int
):
    delivery.fail(**fault)
    with pytest.raises(RetryableFailure) as caught:
        deliveries.create_shipment(REQUEST, "17")
    assert (caught.value.status, caught.value.ambiguous, caught.value.retry_after) == (status, ambiguous, None)
    assert len(numbers(delivery)) == done
    made = deliveries.create_shipment(REQUEST, "17")
    # The late first request of a timeout may still arrive, and finds the same waybill.
    assert numbers(delivery) == [made.tracking_number]


@pytest.mark.parametrize("kind", ["drop", "truncated", "wrong_json", "html", "oversized", "wrong_order", "redirect"])
def test_reading_is_never_ambiguous(
    deliveries: DeliveryClient, orders: OrderSystemClient, delivery: PartnerServer, order_system: PartnerServer, kind: str
):
    for server, ask in ((delivery, deliveries.address_for_order), (order_system, orders.get_order)):
        server.fail(kind)
        with pytest.raises(RetryableFailure) as caught:
            ask("55")
        assert caught.value.ambiguous is False
        assert ask("55")


@pytest.mark.parametrize("kind", ["html", "wrong_json", "wrong_order", "drop"])
def test_a_status_that_was_not_confirmed_is_told_again(orders: OrderSystemClient, order_system: PartnerServer, kind: str):
    order_system.fail(kind, when="after")
    with pytest.raises(RetryableFailure) as caught:
        orders.update_status("55", "ready_for_shipment")
    assert caught.value.ambiguous is True
    orders.update_status("55", "ready_for_shipment")
    assert order_system.partner.statuses("55") == ["ready_for_shipment", "ready_for_shipment"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_other_refusals_are_permanent(deliveries: DeliveryClient, delivery: PartnerServer, status: int):
    delivery.fail("status", status=status)
    with pytest.raises(PermanentFailure) as caught:
        deliveries.create_shipment(REQUEST, "17")
    assert caught.value.status == status
    assert "fault on demand" in caught.value.body


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("0", 0), ("999999999999", 3600), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600), ("soon", None)])
def test_retry_after_is_passed_on(deliveries: DeliveryClient, delivery: PartnerServer, status: int, header: str, seconds: float | None):
    delivery.fail("status", status=status, retry_after=header)
    with pytest.raises(RetryableFailure) as caught:
        deliveries.create_shipment(REQUEST, "17")
    assert caught.value.retry_after == seconds


def test_retry_after_as_a_date(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.fail("status", status=429, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    with pytest.raises(RetryableFailure) as caught:
        deliveries.create_shipment(REQUEST, "17")
    assert caught.value.retry_after == pytest.approx(90, abs=3)


def test_nothing_is_repeated_by_itself(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.fail("status", status=503, times=None, retry_after="0")
    with pytest.raises(RetryableFailure):
        deliveries.create_shipment(REQUEST, "17")
    assert len(delivery.requests()) == 1


def test_500_for_an_hour_then_the_work_is_done_once(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.fail("status", times=60, method="POST", path="/api/v1/shipments")
    for _ in range(60):
        with pytest.raises(RetryableFailure):
            deliveries.create_shipment(REQUEST, "17")
    assert deliveries.address_for_order("55").street
    made = deliveries.create_shipment(REQUEST, "17")
    assert numbers(delivery) == [made.tracking_number]


def test_a_redirect_takes_neither_body_nor_token_elsewhere(deliveries: DeliveryClient, delivery: PartnerServer, order_system: PartnerServer):
    delivery.fail("redirect", location=f"{order_system.url}/api/v1/orders/55")
    with pytest.raises(RetryableFailure, match="redirect"):
        deliveries.create_shipment(REQUEST, "17")
    assert order_system.requests() == []


def test_a_partner_that_is_not_there_did_nothing(delivery: PartnerServer):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = DeliveryClient(PartnerHttp("delivery service", f"http://127.0.0.1:{port}", TOKEN, timeout=(1, 1)))
    with client, pytest.raises(RetryableFailure, match="can't be reached") as caught:
        client.create_shipment(REQUEST, "17")
    assert caught.value.ambiguous is False


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that answers one byte every 50 ms without end."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    stop.set()
    thread.join(2)
    listener.close()


def test_a_dripping_answer_ends_at_the_deadline(dripping: str):
    began = time.monotonic()
    with (
        OrderSystemClient(PartnerHttp("order system", dripping, timeout=(1, 0.4))) as client,
        pytest.raises(RetryableFailure, match="did not end in time"),
    ):
        client.get_order("55")
    assert time.monotonic() - began < 2


def test_neither_logs_nor_errors_show_the_token(caplog: pytest.LogCaptureFixture, deliveries: DeliveryClient, delivery: PartnerServer):
    caplog.set_level(logging.DEBUG)
    for fault in ({"kind": "drop"}, {"kind": "status", "status": 500}, {"kind": "status", "status": 403}, {"kind": "html"}):
        delivery.fail(**fault)
        with pytest.raises((RetryableFailure, PermanentFailure)) as caught:
            deliveries.create_shipment(REQUEST, "17")
        assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.args}"
    deliveries.create_shipment(REQUEST, "17")
    assert len([record for record in caplog.records if record.name == "warehouse.core.partners.http"]) == 5
    assert TOKEN not in caplog.text
    assert "Михаилова" not in caplog.text


def test_an_echoed_token_is_blotted_out(orders: OrderSystemClient, order_system: PartnerServer):
    order_system.partner.strict = True
    with pytest.raises(PermanentFailure) as caught:
        orders.get_order(f"echo {TOKEN}")
    assert "echo ***" in caught.value.body
    assert TOKEN not in caught.value.body


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("ftp://partner", ""),
        ("partner:8091", ""),
        ("http://user:secret@partner", ""),
        ("http://partner?x=1", ""),
        ("http://partner", "secret\r\nX: 1"),
        ("http://partner", "sécret"),
        ("http://partner", "secret secret"),
    ],
)
def test_a_base_url_or_token_that_can_not_be_used_is_refused_without_showing_it(url: str, token: str):
    with pytest.raises(ValueError) as caught:
        PartnerHttp("order system", url, token, timeout=(1, 1))
    assert "secret" not in str(caught.value)


def test_failures_travel_between_processes():
    retryable = pickle.loads(pickle.dumps(RetryableFailure("delivery service", "answered 503", 7.0, True, 503)))
    assert (str(retryable), retryable.retry_after, retryable.ambiguous, retryable.status) == ("delivery service: answered 503", 7.0, True, 503)
    permanent = pickle.loads(pickle.dumps(PermanentFailure("delivery service", "refused", 422, "{}")))
    assert (permanent.detail, permanent.status, permanent.body) == ("refused", 422, "{}")
