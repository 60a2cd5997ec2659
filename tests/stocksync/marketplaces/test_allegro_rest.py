"""Allegro's REST API: what the client asks, and how it reads the answers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from stocksync.enums import CommandStatus, RemoteState
from stocksync.marketplaces.allegro_rest import AllegroRestClient
from stocksync.marketplaces.base import RemoteLine, Shown
from tests.partners.allegro_account import MEDIA_TYPE
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer
from tests.stocksync.marketplaces.allegro import ClientFor
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure, is_answer


def test_an_order_is_read_in_our_words(client: AllegroRestClient, allegro: AllegroRest):
    allegro.clock = lambda: datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)
    allegro.put_offer("77", 5, sku="MILK-1", name="Milk")
    form = allegro.sell("77", 2, order_id="order-1")
    order = client.get_order("order-1")
    assert order is not None
    assert (order.external_id, order.revision, order.status, order.state) == ("order-1", form["revision"], "READY_FOR_PROCESSING", RemoteState.READY)
    assert (order.known, order.fault) == (False, "")
    assert order.ordered_at == order.changed_at == datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)
    assert order.lines == (RemoteLine(form["lineItems"][0]["id"], "77", "MILK-1", "Milk", Decimal(2)),)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("BOUGHT", RemoteState.WAITING),
        ("FILLED_IN", RemoteState.WAITING),
        ("READY_FOR_PROCESSING", RemoteState.READY),
        ("CANCELLED", RemoteState.CANCELLED),
        ("SOMETHING_NEW", RemoteState.WAITING),
    ],
)
def test_each_status_means_something_for_stock(client: AllegroRestClient, allegro: AllegroRest, status: str, state: RemoteState):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro.change_order("order-1", status=status)
    order = client.get_order("order-1")
    assert order is not None
    assert (order.status, order.state) == (status, state)


@pytest.mark.parametrize("status", ["READY_FOR_PROCESSING", "FILLED_IN"])
def test_cancelled_by_the_seller_is_cancelled_and_nothing_is_known_of_it(client: AllegroRestClient, allegro: AllegroRest, status: str):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1", status=status)
    allegro.set_fulfilment("order-1", "CANCELLED")
    order = client.get_order("order-1")
    assert order is not None
    assert (order.status, order.state, order.known) == (status, RemoteState.CANCELLED, None)


@pytest.mark.parametrize(("name", "read"), [("x" * 300, "x" * 200), ("Milk\n\x07 fresh", "Milk � fresh"), (None, ""), (7, "")])
def test_no_name_makes_an_order_unreadable(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, name: object, read: str):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro_rest.fail("replace", values={"lineItems": [{"id": "1", "offer": {"id": "77", "name": name}, "quantity": 1}]})
    order = client.get_order("order-1")
    assert order is not None
    assert (order.fault, [line.name for line in order.lines]) == ("", [read])


def test_an_offer_without_a_sku_has_an_empty_one(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    order = client.get_order("order-1")
    assert order is not None
    assert [line.sku for line in order.lines] == [""]


def test_an_order_that_nobody_knows_is_none(client: AllegroRestClient):
    assert client.get_order("order-1") is None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"lineItems": None}, "lineItems is not a list of objects"),
        ({"lineItems": [{"id": "1", "offer": {"id": "77"}, "quantity": "1.5"}]}, "lineItems.quantity is not a whole number above nothing"),
        (
            {"lineItems": [{"id": "1", "offer": {"id": "77"}, "quantity": 10**11}]},
            "quantity: '100000000000' is larger than the 1000000 that one line may have.",
        ),
        ({"lineItems": [{"id": "1", "offer": {}, "quantity": 1}]}, "id is missing"),
        ({"updatedAt": "9999-12-31T23:59:59-14:00"}, "updatedAt is in the year 9999"),
        ({"lineItems": 2 * [{"id": "1", "offer": {"id": "77"}, "quantity": 1}]}, "two lines have the same id"),
        ({"updatedAt": "yesterday"}, "updatedAt is not a time"),
        ({"status": None}, "status is missing"),
    ],
)
def test_an_order_that_cannot_be_read_says_why(
    client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, fields: dict, fault: str
):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro_rest.fail("replace", values=fields)
    order = client.get_order("order-1")
    assert order is not None
    assert (order.external_id, order.fault, order.lines) == ("order-1", fault, ())


def test_an_answer_about_another_order_is_not_taken(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro_rest.fail("replace", values={"id": "order-2"})
    with pytest.raises(RetryableFailure, match="about order 'order-2' instead of 'order-1'"):
        client.get_order("order-1")


def test_deducted_makes_processing_of_new_once(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    client.set_deducted("order-1", True)
    client.set_deducted("order-1", True)
    assert allegro.fulfilment("order-1") == "PROCESSING"
    assert [row["method"] for row in allegro_rest.requests()] == ["GET", "PUT", "GET"]
    order = client.get_order("order-1")
    assert order is not None
    assert order.known is True
    client.set_deducted("order-1", False)
    assert allegro.fulfilment("order-1") == "NEW"


@pytest.mark.parametrize("status", ["PROCESSING", "READY_FOR_SHIPMENT", "SENT", "PICKED_UP", "SUSPENDED"])
def test_what_the_seller_is_further_with_is_known(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, status: str):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro.set_fulfilment("order-1", status)
    client.set_deducted("order-1", True)
    assert allegro_rest.requests("PUT") == []
    assert allegro.fulfilment("order-1") == status


def test_nothing_is_told_of_a_cancelled_order(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro.set_fulfilment("order-1", "PROCESSING")
    allegro.change_order("order-1", status="CANCELLED")
    client.set_deducted("order-1", False)
    client.set_deducted("order-1", True)
    assert allegro_rest.requests("PUT") == []
    order = client.get_order("order-1")
    assert order is not None
    assert (order.state, order.known) == (RemoteState.CANCELLED, None)


def test_a_parcel_that_is_gone_is_not_made_new(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro.set_fulfilment("order-1", "SENT")
    with pytest.raises(PermanentFailure, match="is SENT there") as caught:
        client.set_deducted("order-1", False)
    assert is_answer(caught.value)
    assert allegro.fulfilment("order-1") == "SENT"


@pytest.mark.parametrize("changes", [1, 2])
def test_an_outdated_revision_is_read_again_once(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, changes: int):
    allegro.put_offer("77", 5)
    allegro.sell("77", order_id="order-1")
    allegro_rest.fail("replace", method="GET", values={"revision": "outdated"}, times=changes)
    if changes == 1:
        client.set_deducted("order-1", True)
        assert allegro.fulfilment("order-1") == "PROCESSING"
    else:
        with pytest.raises(PermanentFailure, match="has changed since that revision") as caught:
            client.set_deducted("order-1", True)
        assert (caught.value.status, is_answer(caught.value)) == (409, True)
        assert allegro.fulfilment("order-1") == "NEW"
    assert [row["method"] for row in allegro_rest.requests()] == ["GET", "PUT", "GET", "PUT"]


def test_telling_of_an_unknown_order_is_an_answered_failure(client: AllegroRestClient):
    with pytest.raises(PermanentFailure) as caught:
        client.set_deducted("order-1", True)
    assert is_answer(caught.value)


def test_the_list_is_read_page_by_page(client: AllegroRestClient, allegro: AllegroRest):
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    allegro.put_offer("77", 500)
    for number in range(7):
        allegro.clock = lambda number=number: begin + timedelta(minutes=number)
        allegro.sell("77", order_id=f"order-{number}")
    seen: list[str] = []
    page: str | None = None
    while True:
        part = client.list_orders(begin + timedelta(minutes=1), begin + timedelta(minutes=5), page=page, limit=2)
        seen += [order.external_id for order in part.orders]
        page = part.next
        if page is None:
            break
    assert sorted(seen) == ["order-1", "order-2", "order-3", "order-4", "order-5"]


def test_a_listing_shows_its_quantity_and_whether_it_is_on_sale(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    assert client.read_listing("77") == Shown(5, True)
    allegro.sell("77", 5)
    assert client.read_listing("77") == Shown(0, False)
    with pytest.raises(PermanentFailure, match="There is no offer 78"):
        client.read_listing("78")


def test_requests_are_of_allegros_media_type(client: AllegroRestClient, allegro: AllegroRest, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[str | None, str | None]] = []
    respond = allegro.respond

    def note(request):
        seen.append((request.headers.get("accept"), request.headers.get("content-type")))
        return respond(request)

    monkeypatch.setattr(allegro, "respond", note)
    allegro.put_offer("77", 5)
    client.push_quantity(uuid.uuid4(), "77", 4)
    client.read_listing("77")
    assert seen == [(MEDIA_TYPE, MEDIA_TYPE), (MEDIA_TYPE, None)]


def test_a_refused_token_is_renewed_once(client_for: ClientFor, allegro_rest: PartnerServer, allegro: AllegroRest):
    old, fresh = (allegro.give_tokens()["access_token"] for _ in range(2))
    allegro.revoke(old)
    allegro.put_offer("77", 5)
    renewed: list[str] = []

    def renew(refused: str) -> str:
        renewed.append(refused)
        return str(fresh)

    client = client_for(lambda: old, renew)
    assert client.read_listing("77") == Shown(5, True)
    assert client.read_listing("77") == Shown(5, True)
    assert renewed == [old]
    assert [row["status"] for row in allegro_rest.requests()] == [401, 200, 200]
    allegro.revoke(fresh)
    with pytest.raises(PermanentFailure) as caught:
        client.read_listing("77")
    assert caught.value.status == 401
    assert renewed == [old, fresh]


def test_commands_may_be_answered_with_202(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro_rest.fail("status", status=202, when="after", retry_after="5")
    command = uuid.uuid4()
    assert client.push_quantity(command, "77", 4).status == CommandStatus.ACCEPTED
    assert client.command_state(command).status == CommandStatus.SUCCEEDED
    assert allegro.shown("77") == (4, "ACTIVE")
