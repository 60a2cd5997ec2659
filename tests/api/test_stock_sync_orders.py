"""`POST /stock-sync/orders/process` and `/reconcile`: orders of marketplaces over HTTP, against the real small server of the microservice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from django.conf import settings as site_settings
from django.db import connection

from inventory.models import Movement, Product
from stocksync.enums import ChannelMode
from stocksync.marketplaces.microservice import MicroserviceClient
from stocksync.models import Channel, ChannelOrder, PendingStockOperation
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, Site
from tests.factories.stocksync import channel_at, elsewhere, remote, site, steps, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.partners.allegro_microservice import ACCOUNT, line_item
from tests.partners.fixtures import allegro_microservice  # noqa: F401
from tests.partners.server import PartnerServer
from warehouse.core import background
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]
PROCESS = "stock-sync/orders/process"


@pytest.fixture
def program() -> Caller:
    return Caller(Role.INTEGRATION)


@pytest.fixture
def place() -> Site:
    return site(code="ONE")


@pytest.fixture
def apple(place: Site) -> Product:
    made: Product = ProductFactory(sku="APPLE", name="Apple")
    stocked(made, place.shelf, 10)
    return made


@pytest.fixture
def server(allegro_microservice: PartnerServer) -> PartnerServer:  # noqa: F811
    return allegro_microservice


@pytest.fixture
def channel(place: Site, server: PartnerServer) -> Channel:
    return elsewhere(place, code="shop", token_id=ACCOUNT)


def whole(order_id: str, quantity: Any = 2, sku: str | None = "APPLE", **more: Any) -> dict[str, Any]:
    """An order as the marketplace tells it."""
    return {"id": order_id, "status": "READY_FOR_PROCESSING", "lineItems": [line_item(sku, quantity)], **more}


def put(server: PartnerServer, order_id: str, quantity: Any = 2, **more: Any) -> None:
    fields = whole(order_id, quantity, **more)
    server.partner.put_order(fields.pop("id"), **fields)


@pytest.mark.parametrize("kind", [channel_at, elsewhere])
def test_an_order_is_fetched_deducted_and_told(program, place, apple, server, kind):
    kind(place, code="shop", token_id=ACCOUNT)
    put(server, "A1")
    answer = program.post(PROCESS, {"channel": "shop", "order_id": "A1"})
    body = answer.json()
    operation = PendingStockOperation.objects.get()
    assert (answer.status_code, body["success"], body["error"], body["operation_id"]) == (200, True, None, str(operation.pk))
    assert (body["order"]["order_id"], body["order"]["is_deducted"], body["order"]["known_there"]) == ("A1", True, True)
    assert [(line["sku"], line["quantity"]) for line in body["order"]["lines"]] == [("APPLE", "2.000")]
    assert (operation.status, steps(operation)) == ("completed", ["created", "sync_success", "completed"])
    assert server.partner.told("A1") == [True]
    assert totals(apple.pk, place.id)[3] == 8
    assert_books_balance()


def test_the_whole_order_may_be_sent_as_the_body_itself(program, channel, place, apple, server):
    put(server, "A1")
    order = {
        "id": "A1",
        "status": "READY_FOR_PROCESSING",
        "lineItems": [{"id": "item-1", "quantity": 1, "offer": {"id": "o", "external": {"id": "APPLE"}}}],
    }
    for body in (order, order | {"channel": "shop"}, {"channel": "shop", "order": order}):
        answer = program.post(PROCESS, body)
        assert (answer.status_code, answer.json()["success"]) == (200, True), answer.json()
    assert totals(apple.pk, place.id)[0] == 9
    assert server.partner.told("A1") == [True]
    assert program.get("stock-sync/status").json()["statistics"]["pending_operations"] == 0


def test_the_same_again_deducts_nothing_and_says_how_it_stands(program, channel, place, apple, server):
    put(server, "A1")
    server.fail("status", status=503, method="PATCH", times=None)
    first = program.post(PROCESS, {"channel": "shop", "order_id": "A1"}).json()
    operation = PendingStockOperation.objects.get()
    assert (first["success"], first["operation_id"], first["order"]["is_deducted"]) == (False, str(operation.pk), True)
    assert "503" in first["error"]
    for headers in ({}, {"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}):
        again = program.post(PROCESS, {"channel": "shop", "order_id": "A1"}, **headers).json()
        assert (again["success"], again["operation_id"], again["error"]) == (False, str(operation.pk), first["error"])
    assert (totals(apple.pk, place.id)[0], Movement.objects.filter(type="sale").count()) == (8, 1)
    operation = PendingStockOperation.objects.get()
    assert (operation.status, operation.retry_count, operation.attempts) == ("pending", 0, 1)
    assert_books_balance()


def test_the_key_belongs_to_its_body(program, channel, apple, server):
    put(server, "A1")
    put(server, "A2")
    key = {"Idempotency-Key": "k"}
    assert program.post(PROCESS, {"channel": "shop", "order_id": "A1"}, **key).json()["success"]
    assert codes(program.post(PROCESS, {"channel": "shop", "order_id": "A2"}, **key)) == (422, "unprocessable")
    assert ChannelOrder.objects.count() == 1


def test_the_connection_lost_after_the_work_is_told_again_and_deducted_once(program, channel, place, apple, server):
    put(server, "A1")
    server.fail("drop", when="after", method="PATCH")
    assert not program.post(PROCESS, {"channel": "shop", "order_id": "A1"}).json()["success"]
    assert server.partner.flagged() == {"A1"}
    assert totals(apple.pk, place.id)[0] == 8


@pytest.mark.parametrize(("line", "kind"), [((None, 1), "no_sku"), (("NOBODY", 1), "no_sku"), (("APPLE", 11), "no_stock")])
def test_what_can_not_be_deducted_says_why(program, channel, place, apple, server, line, kind):
    server.partner.put_order("A1", lineItems=[line_item(*line)])
    body = program.post(PROCESS, {"channel": "shop", "order_id": "A1"}).json()
    assert (body["success"], body["operation_id"], body["order"]["is_deducted"]) == (False, None, False)
    assert body["error"] == ChannelOrder.objects.get().discrepancies.get(kind=kind).detail
    assert (totals(apple.pk, place.id)[0], server.partner.told("A1")) == (10, [])


@pytest.mark.parametrize(
    ("fault", "code", "wish"),
    [
        ({"kind": "status", "status": 429, "retry_after": "17"}, (503, "unavailable"), "17"),
        ({"kind": "status", "status": 500}, (503, "unavailable"), None),
        ({"kind": "drop"}, (503, "unavailable"), None),
        ({"kind": "wrong_json"}, (503, "unavailable"), None),
        ({"kind": "status", "status": 403}, (502, "refused_by_partner"), None),
    ],
)
def test_a_marketplace_that_does_not_answer_is_a_problem_and_no_failure_of_ours(program, channel, apple, server, fault, code, wish):
    put(server, "A1")
    server.fail(fault.pop("kind"), method="GET", times=None, **fault)
    answer = program.post(PROCESS, {"channel": "shop", "order_id": "A1"})
    assert (codes(answer), answer.headers.get("Retry-After")) == (code, wish)
    assert answer.json()["data"] == {"partner": "Allegro microservice"}
    assert ChannelOrder.objects.count() == 0
    answer = program.post("stock-sync/reconcile", {"channel": "shop", "wait": True})
    assert codes(answer)[0] in (502, 503)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "order_id"),
        ({"channel": "shop"}, "order_id"),
        ({"channel": "shop", "order_id": "A1", "order": {"id": "A1"}}, "order_id"),
        ({"channel": "shop", "order_id": ""}, "order_id"),
        ({"channel": "nobody", "order_id": "A1"}, "channel"),
        ({"channel": "shop", "order_id": "A1", "sku": "APPLE"}, "sku"),
        ({"channel": "shop", "order": 17}, "order"),
        ({"channel": "shop", "order": {"status": "x"}}, "order.id"),
        ({"channel": "shop", "order": {"id": True}}, "order.id"),
        ({"channel": "shop", "order": {"id": "A1", "status": "READY_FOR_PROCESSING"}}, "order"),
        (whole("A1", 0), "order"),
        (whole("A1", "many"), "order"),
        ({"id": "A1", "lineItems": []}, "order"),
        ([], "non_field_errors"),
    ],
)
def test_a_body_that_is_wrong_is_said_to_be_with_its_field(program, channel, apple, body, field):
    answer = program.post(PROCESS, body)
    assert codes(answer) == (400, "validation_failed")
    assert field in {error["field"] or "non_field_errors" for error in answer.json()["errors"]}, answer.json()
    assert ChannelOrder.objects.count() == 0


def test_an_order_that_nobody_knows_and_a_channel_that_is_off(program, channel, apple, server):
    assert codes(program.post(PROCESS, {"channel": "shop", "order_id": "A1"})) == (404, "not_found")
    Channel.objects.update(mode=ChannelMode.OFF)
    put(server, "A1")
    assert codes(program.post(PROCESS, {"channel": "shop", "order_id": "A1"})) == (409, "conflict")
    assert codes(program.post(PROCESS, whole("A1"))) == (400, "validation_failed")
    assert codes(program.post("stock-sync/reconcile", {"channel": "shop"})) == (409, "conflict")
    assert codes(program.post("stock-sync/reconcile", {"channel": "shop", "wait": True})) == (409, "conflict")
    assert ChannelOrder.objects.count() == 0


def test_nobody_is_asked_within_a_transaction(program, channel, apple, server, monkeypatch):
    """A control of the rule: each request of ours leaves while no transaction is open."""
    seen = []
    send = requests.Session.send

    def watched(self: requests.Session, request: Any, **more: Any) -> Any:
        seen.append((request.method, connection.in_atomic_block))
        return send(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", watched)
    put(server, "A1")
    program.post(PROCESS, {"channel": "shop", "order_id": "A1"}, **{"Idempotency-Key": "k"})
    program.post("stock-sync/reconcile", {"channel": "shop", "wait": True}, **{"Idempotency-Key": "l"})
    assert [method for method, _ in seen][:3] == ["GET", "PATCH", "GET"]
    assert not any(inside for _, inside in seen)


# --- reconcile ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...], str]]:
    """What the broker would get."""
    messages: list[tuple[str, tuple[Any, ...], str]] = []
    monkeypatch.setattr(background, "_send", lambda task, args, task_id: messages.append((task, args, task_id)))
    return messages


def test_reconciled_by_a_worker(program, channel, place, sent):
    elsewhere(place, code="zoo", mode=ChannelMode.SHADOW)
    elsewhere(place, code="off", mode=ChannelMode.OFF)
    answer = program.post("stock-sync/reconcile", {}, **{"Idempotency-Key": "k"})
    body = answer.json()
    assert (answer.status_code, body["status"], body["channels"]) == (202, "queued", ["shop", "zoo"])
    assert sent == [("stocksync.reconcile_stock_states", (), body["task_id"])]
    assert UUID(body["task_id"])
    again = program.post("stock-sync/reconcile", {}, **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json(), len(sent)) == (202, body, 1)
    one = program.post("stock-sync/reconcile", {"channel": "shop"}).json()
    assert (one["channels"], sent[1]) == (["shop"], ("stocksync.reconcile_stock_states", (channel.pk,), one["task_id"]))


def test_reconciled_at_once(program, channel, place, apple, server):
    """New there, forgotten there, and the same on both sides."""
    put(server, "SAME")
    put(server, "LOST")
    for order_id in ("SAME", "LOST"):
        assert program.post(PROCESS, {"channel": "shop", "order_id": order_id}).json()["success"]
    put(server, "NEW", 3)
    server.partner.put_order("LOST", is_stock_updated=False, updatedAt=datetime.now(UTC).isoformat())
    answer = program.post("stock-sync/reconcile", {"channel": "shop", "wait": True})
    body = answer.json()
    assert (answer.status_code, body["status"], body["channels"], body["task_id"]) == (200, "done", ["shop"], None)
    assert (body["compared"], body["fixed"], body["discrepancies"]) == (3, 2, 0)
    assert server.partner.flagged() == {"SAME", "LOST", "NEW"}
    assert totals(apple.pk, place.id)[0] == 3
    again = program.post("stock-sync/reconcile", {"channel": "shop", "wait": True}).json()
    assert (again["compared"], again["same"], again["fixed"]) == (3, 3, 0)
    assert_books_balance()


def test_a_reconciliation_that_is_asked_for_wrongly(program, channel, sent):
    for body in ({"wait": True}, {"channel": "nobody"}, {"channel": "shop", "wait": "perhaps"}, {"token_id": "1"}):
        assert codes(program.post("stock-sync/reconcile", body)) == (400, "validation_failed"), body
    assert sent == []


def test_the_factories_tell_what_the_server_tells(server, channel):
    """The orders that other tests build are those that the client reads."""
    put(server, "A1", boughtAt=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
    with MicroserviceClient(server.url, site_settings.ALLEGRO_MICROSERVICE_JWT_TOKEN, ACCOUNT) as client:
        read = client.get_order("A1")
    built = remote([("APPLE", 2)])
    assert read is not None
    assert (read.status, read.state, read.known, read.lines[0].sku, read.lines[0].quantity) == (
        built.status,
        built.state,
        built.known,
        built.lines[0].sku,
        built.lines[0].quantity,
    )


@pytest.mark.parametrize("order_id", [".", ".."])
def test_an_id_that_is_a_step_in_a_path_is_refused(manager, order_id):
    assert codes(manager.post("stock-sync/orders/process", {"channel": "none", "order_id": order_id})) == (400, "validation_failed")
