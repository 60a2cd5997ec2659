"""The partner servers themselves: control endpoints, memory, and the program that starts them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.fulfillment.partners.test_delivery import REQUEST
from tests.partners.__main__ import PARTNERS
from tests.partners.delivery import Delivery
from tests.partners.order_system import OrderSystem
from tests.partners.server import PartnerServer, running

ROOT = Path(__file__).resolve().parents[3]
ANY_PORTS = [part for kind, *_ in PARTNERS for part in (f"--{kind.name.replace('_', '-')}-port", "0")]


def post_shipment(server: PartnerServer, key: str) -> requests.Response:
    return requests.post(f"{server.url}/api/v1/shipments", json=REQUEST.as_json(), headers={"Idempotency-Key": key}, timeout=2)


def test_faults_are_asked_for_over_http():
    with running(OrderSystem) as server:
        faults = f"{server.url}/_control/faults"
        wanted = [{"kind": "status", "status": 429, "retry_after": "30", "times": 2, "path": "/api/v1/orders/*"}, {"kind": "html", "times": None}]
        assert requests.post(faults, json=wanted, timeout=2).status_code == 201
        answers = [requests.get(f"{server.url}/api/v1/orders/5", timeout=2) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [429, 429, 200, 200]
        assert answers[0].headers["Retry-After"] == "30"
        assert answers[3].headers["Content-Type"].startswith("text/html")
        assert [rule["kind"] for rule in requests.get(faults, timeout=2).json()] == ["html"]
        assert requests.delete(faults, timeout=2).status_code == 204
        assert requests.get(f"{server.url}/api/v1/orders/5", timeout=2).json()["id"] == "5"
        ledger = requests.get(f"{server.url}/_control/ledger", timeout=2).json()
        assert [row["fault"] for row in ledger["requests"]] == ["status", "status", "html", "html", None]
        assert requests.post(f"{server.url}/_control/reset", timeout=2).status_code == 204
        assert requests.get(f"{server.url}/_control/ledger", timeout=2).json() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "earthquake"},
        {"kind": "status", "colour": 1},
        {"kind": "latency"},
        {"kind": "drop", "times": 0},
        {"kind": "html", "when": "during"},
        5,
    ],
)
def test_a_wrong_fault_is_refused(wrong: object):
    with running(OrderSystem) as server:
        assert requests.post(f"{server.url}/_control/faults", json=wrong, timeout=2).status_code == 400
        assert server.faults.as_json() == []


def test_orders_and_addresses_are_given_over_http():
    with running(OrderSystem) as orders, running(Delivery) as delivery:
        requests.post(f"{orders.url}/_control/orders", json={"id": 5, "status": "cancelled"}, timeout=2).raise_for_status()
        assert requests.get(f"{orders.url}/api/v1/orders/5", timeout=2).json()["status"] == "cancelled"
        requests.post(f"{delivery.url}/_control/addresses", json={"order_id": 5, "address": None}, timeout=2).raise_for_status()
        assert requests.get(f"{delivery.url}/api/v1/delivery/addresses/order/5", timeout=2).status_code == 404


def test_what_is_not_there_and_what_is_malformed():
    with running(OrderSystem, token="secret") as server:
        assert requests.get(f"{server.url}/api/v1/orders/5", timeout=2).status_code == 401
        headers = {"Authorization": "Bearer secret"}
        assert requests.get(f"{server.url}/nowhere", timeout=2).status_code == 404
        assert requests.delete(f"{server.url}/api/v1/orders/5", headers=headers, timeout=2).status_code == 405
        status = f"{server.url}/api/v1/orders/5/status"
        for body in (b"", b"[]", b"{", b"\xff"):
            assert requests.post(status, data=body, headers=headers, timeout=2).status_code == 400
        for wrong in ({}, {"status": 5}, {"status": "<b>"}, {"status": "shipped", "message": 1}):
            assert requests.post(status, json=wrong, headers=headers, timeout=2).status_code == 422
        assert server.ledger.table("statuses") == []


def test_a_shipment_needs_a_key():
    with running(Delivery) as server:
        assert post_shipment(server, "").status_code == 400
        assert post_shipment(server, '"17"').json() == post_shipment(server, "17").json()


def test_a_partner_remembers_after_a_kill(tmp_path: Path):
    state = tmp_path / "delivery.jsonl"
    with running(Delivery, state=state) as server:
        first = post_shipment(server, "17").json()
    with state.open("ab") as file:
        file.write(b'{"table": "shipments", "record": {"key": "18", "req')
    with running(Delivery, state=state) as server:
        assert post_shipment(server, "17").json() == first
        second = post_shipment(server, "18").json()
    with running(Delivery, state=state) as server:
        assert [row["answer"] for row in server.partner.shipments()] == [first, second]
        server.ledger.reset()
        assert state.read_bytes() == b""
        assert post_shipment(server, "17").json()["tracking_number"] not in {first["tracking_number"], second["tracking_number"]}


def start_program(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "tests.partners", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_program_serves_until_it_is_told_to_stop(tmp_path: Path):
    arguments = (*ANY_PORTS, "--state", str(tmp_path / "partners"))
    with start_program(*arguments) as program:
        ready = program.stdout.readline()
        assert ready.startswith("Partners are ready: order_system at http://127.0.0.1:")
        url = ready.split(" at ")[1].split(",")[0]
        requests.post(f"{url}/api/v1/orders/5/status", json={"status": "shipped"}, timeout=2).raise_for_status()
        program.send_signal(signal.SIGTERM)
        output, errors = program.communicate(timeout=5)
    assert (program.returncode, output, errors) == (0, "Partners have stopped.\n", "")
    assert '"status": "shipped"' in (tmp_path / "partners" / "order_system.jsonl").read_text()


def test_a_port_in_use_is_said():
    with running(OrderSystem) as server:
        port = str(server.server_address[1])
        with start_program(*ANY_PORTS, "--order-system-port", port) as program:
            _, errors = program.communicate(timeout=5)
    assert (program.returncode, errors) == (1, f"order_system can't listen on 127.0.0.1:{port}: Address already in use\n")
