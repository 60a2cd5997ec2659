"""The small server of the Allegro microservice itself: what it answers, what it keeps, and faults by lot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.partners.allegro_microservice import ACCOUNT, AllegroMicroservice, line_item
from tests.partners.faults import Fault, FaultBoard
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer, running


def ask(server: PartnerServer, path: str = "", *, method: str = "GET", json: Any = None, **query: Any) -> requests.Response:
    """A request to `/api/v1/orders/<path>` for the account."""
    url, headers = f"{server.url}/api/v1/orders/{path}", {"Authorization": f"Bearer {TOKEN}"}
    return requests.request(method, url, params={"token_id": ACCOUNT} | query, json=json, headers=headers, timeout=2)


def listed(server: PartnerServer, **query: Any) -> tuple[list[str], dict[str, int]]:
    answer = ask(server, **query).json()
    return [order["id"] for order in answer["orders"]], answer["pagination"]


def at(minute: int) -> str:
    return f"2026-03-29T01:{minute:02d}:00+00:00"


@pytest.fixture
def server(allegro_microservice: PartnerServer) -> PartnerServer:
    """With six orders, one a minute; two are flagged, one of them is cancelled too."""
    for number in range(6):
        allegro_microservice.partner.put_order(
            f"a{number}", updatedAt=at(number), is_stock_updated=number > 3, status="CANCELLED" if number == 5 else "READY_FOR_PROCESSING"
        )
    return allegro_microservice


def test_orders_are_listed_by_pages_filters_and_accounts(server: PartnerServer):
    assert listed(server) == (["a5", "a4", "a3", "a2", "a1", "a0"], {"total": 6, "offset": 0, "limit": 100})
    assert listed(server, limit=2, offset=4) == (["a1", "a0"], {"total": 6, "offset": 4, "limit": 2})
    assert listed(server, limit=2, offset=6) == ([], {"total": 6, "offset": 6, "limit": 2})
    assert listed(server, from_date=at(1), to_date=at(3))[0] == ["a3", "a2", "a1"]
    assert listed(server, from_date=at(4), to_date=at(3))[0] == []
    assert listed(server, status="READY_FOR_PROCESSING", stock_updated="true")[0] == ["a4"]
    assert listed(server, stock_updated="false", limit=1, offset=1) == (["a2"], {"total": 4, "offset": 1, "limit": 1})
    assert listed(server, token_id="another-account")[0] == []
    server.partner.newest_first = False
    assert listed(server, limit=2)[0] == ["a0", "a1"]


def test_setting_a_flag_changes_the_order_once(server: PartnerServer):
    before = server.partner.order("a0")
    first = ask(server, "a0/stock-status", method="PATCH", json={"is_stock_updated": True}).json()
    assert first == {
        "success": True,
        "order_id": "a0",
        "is_stock_updated": True,
        "updated_at": server.partner.order("a0")["updatedAt"],
        "message": "Stock status updated.",
    }
    assert ask(server, "a0/stock-status", method="PATCH", json={"is_stock_updated": True}).json() == first
    assert (server.partner.told("a0"), server.partner.times_told()) == ([True, True], {("a0", True): 2})
    assert server.partner.flagged() == {"a0", "a4", "a5"}
    assert listed(server)[0] == ["a0", "a5", "a4", "a3", "a2", "a1"]
    after = server.partner.order("a0")
    assert after == before | {"is_stock_updated": True, "updatedAt": first["updated_at"]}
    assert ask(server, "a0/technical-flags").json() == {"order_id": "a0", "is_stock_updated": True, "updated_at": first["updated_at"]}


def test_an_order_that_changes_has_a_new_revision(server: PartnerServer):
    first = server.partner.order("a0")["revision"]
    assert server.partner.put_order("a0", lineItems=[line_item(None, 3)])["revision"] != first
    assert ask(server, "a0").json()["lineItems"] == [
        {"id": "line-1", "quantity": 3, "offer": {"id": "offer-None", "name": "Offer of None", "external": None}}
    ]


def test_what_is_malformed_is_refused(server: PartnerServer):
    assert requests.get(f"{server.url}/api/v1/orders/", params={"token_id": ACCOUNT}, timeout=2).status_code == 401
    for query in ({"token_id": ""}, {"limit": 0}, {"limit": "many"}, {"offset": -1}, {"from_date": "today"}, {"stock_updated": "yes"}):
        assert ask(server, **query).status_code == 422
    for body in ({}, {"is_stock_updated": None}, {"is_stock_updated": "true"}):
        assert ask(server, "a0/stock-status", method="PATCH", json=body).status_code == 422
    assert ask(server, "a0/stock-status", method="PATCH", json=[]).status_code == 400
    for path in ("a9", "a9/technical-flags"):
        assert ask(server, path).status_code == 404
    assert ask(server, "a0", token_id="another-account").status_code == 404
    assert ask(server, "a0", method="DELETE").status_code == 405
    assert server.partner.times_told() == {}


def test_orders_are_put_over_http(server: PartnerServer):
    control = f"{server.url}/_control/orders"
    assert requests.post(control, json={"orders": [{"id": "b1"}, {"id": "b2", "status": "BOUGHT"}]}, timeout=2).status_code == 201
    assert requests.post(control, json={"id": "b3", "account": "another-account"}, timeout=2).json()["orders"][0]["id"] == "b3"
    assert ask(server, "b2").json()["status"] == "BOUGHT"
    assert ask(server, "b3", token_id="another-account").status_code == 200
    for wrong in ({}, {"orders": [5]}, {"orders": {}}, {"orders": [{"id": "b4"}, {}]}):
        assert requests.post(control, json=wrong, timeout=2).status_code == 400
    assert ask(server, "b4").status_code == 404


def test_it_remembers_after_a_kill_and_forgets_when_told_to(tmp_path: Path):
    state = tmp_path / "allegro_microservice.jsonl"
    with running(AllegroMicroservice, token=TOKEN, state=state) as server:
        server.partner.put_order("a1")
        server.partner.put_order("a2")
        ask(server, "a1/stock-status", method="PATCH", json={"is_stock_updated": True})
        known = server.partner.order("a1")
    with running(AllegroMicroservice, token=TOKEN, state=state) as server:
        assert (server.partner.order("a1"), server.partner.told("a1"), listed(server)[0]) == (known, [True], ["a1", "a2"])
        requests.post(f"{server.url}/_control/reset", timeout=2)
        assert (listed(server)[0], server.partner.flagged(), server.partner.times_told()) == ([], set(), {})
        server.partner.put_order("a1")
        server.partner.put_order("a2")
        assert (listed(server)[0], server.partner.told("a1")) == (["a2", "a1"], [])


def test_a_fault_by_lot_strikes_its_share_and_the_same_ones_in_every_run():
    runs = []
    for _ in range(2):
        board = FaultBoard()
        board.add(Fault("status", times=None, share=0.3))
        runs.append([board.take("PATCH", "/api/v1/orders/1/stock-status") is not None for _ in range(10_000)])
    assert runs[0] == runs[1]
    assert 2_900 < sum(runs[0]) < 3_100


def test_a_fault_by_lot_leaves_the_others_to_the_next_rule_and_counts_only_its_strikes():
    board = FaultBoard()
    board.add(Fault("status", times=3, share=0.5), Fault("drop", times=None))
    struck = [fault.kind for _ in range(100) if (fault := board.take("GET", "/"))]
    assert (struck.count("status"), struck.count("drop")) == (3, 97)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_share_that_is_none_is_refused(share: float):
    with pytest.raises(ValueError, match="share"):
        Fault("status", share=share)
