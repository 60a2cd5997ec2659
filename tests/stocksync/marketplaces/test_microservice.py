"""The client of the Allegro microservice: every answer that is documented, and what can't be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from stocksync.enums import RemoteState
from stocksync.marketplaces.base import Position, RemoteLine, RemoteOrder
from stocksync.marketplaces.microservice import MicroserviceClient
from stocksync.marketplaces.microservice.orders import read_listed, read_order
from tests.partners.allegro_microservice import ACCOUNT, line_item
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure, is_answer

BOUGHT, CHANGED = datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, 5, 250_000, tzinfo=UTC)


def put(server: PartnerServer, order_id: str, **fields: Any) -> None:
    server.partner.put_order(order_id, **fields)


def changes(client: MicroserviceClient) -> dict[str, RemoteOrder]:
    """Everything that a sweep of the last hour brings."""
    position, found = Position(swept_until=datetime.now(UTC) - timedelta(hours=1)), {}
    for _ in range(100):
        read = client.read_changes(position)
        found |= {order.external_id: order for order in read.orders}
        position = read.position
        if read.at_end:
            return found
    raise AssertionError("the sweep has no end")


@pytest.mark.parametrize("shape", ["bare", "order", "orders"])
def test_an_order_is_read_in_every_shape(microservice: MicroserviceClient, allegro_microservice: PartnerServer, shape: str):
    lines = [line_item("MILK", 2, offer_id="77", name="Milk"), line_item("CHEESE", "0.125", number=2, offer_id="78", name="Cheese")]
    put(
        allegro_microservice,
        "a1",
        lineItems=lines,
        boughtAt=BOUGHT.isoformat(),
        updatedAt="2026-03-29T03:30:05.25+02:00",
        revision="5f",
        account=ACCOUNT,
    )
    allegro_microservice.partner.shape = shape
    assert microservice.get_order("a1") == RemoteOrder(
        external_id="a1",
        revision="5f",
        status="READY_FOR_PROCESSING",
        state=RemoteState.READY,
        known=False,
        ordered_at=BOUGHT,
        changed_at=CHANGED,
        lines=(RemoteLine("line-1", "77", "MILK", "Milk", Decimal(2)), RemoteLine("line-2", "78", "CHEESE", "Cheese", Decimal("0.125"))),
    )


def test_the_names_of_the_other_scheme_are_read_too():
    order = {
        "id": 5,
        "status": "BOUGHT",
        "lineItems": [{"id": 1, "quantity": 1}],
        "created_at": BOUGHT.isoformat(),
        "updated_at": "2026-03-29T01:30:05.25",
    }
    assert read_order(order, "5") == RemoteOrder(
        "5", CHANGED.isoformat(), "BOUGHT", RemoteState.WAITING, None, BOUGHT, CHANGED, (RemoteLine("1", "", "", "", Decimal(1)),)
    )


def test_an_order_is_as_old_as_its_oldest_line():
    lines = [line_item("A") | {"boughtAt": CHANGED.isoformat()}, line_item("B", number=2) | {"boughtAt": BOUGHT.isoformat()}]
    assert read_order({"status": "BOUGHT", "lineItems": lines}, "5").ordered_at == BOUGHT


@pytest.mark.parametrize(
    ("status", "fulfilment", "state"),
    [
        ("READY_FOR_PROCESSING", "NEW", RemoteState.READY),
        ("READY_FOR_PROCESSING", "SENT", RemoteState.READY),
        ("READY_FOR_PROCESSING", "RETURNED", RemoteState.READY),
        ("READY_FOR_PROCESSING", "CANCELLED", RemoteState.CANCELLED),
        ("CANCELLED", "NEW", RemoteState.CANCELLED),
        ("BOUGHT", "NEW", RemoteState.WAITING),
        ("FILLED_IN", "NEW", RemoteState.WAITING),
        ("FILLED_IN", "CANCELLED", RemoteState.CANCELLED),
        ("SOMETHING_NEW", "NEW", RemoteState.WAITING),
    ],
)
def test_what_a_status_means_for_stock(
    microservice: MicroserviceClient, allegro_microservice: PartnerServer, status: str, fulfilment: str, state: RemoteState
):
    put(allegro_microservice, "a1", status=status, fulfillment={"status": fulfilment})
    order = microservice.get_order("a1")
    assert order
    assert (order.status, order.state) == (status, state)


@pytest.mark.parametrize("offer", [{"external": None}, {"external": {"id": None}}, {"external": {}}, {}])
def test_an_offer_without_a_sku_is_a_line_without_one(microservice: MicroserviceClient, allegro_microservice: PartnerServer, offer: dict[str, Any]):
    put(allegro_microservice, "a1", lineItems=[{"id": "l1", "quantity": 3, "offer": {"id": "77", "name": "Milk\n\x00 fresh"} | offer}])
    order = microservice.get_order("a1")
    assert order
    assert order.lines == (RemoteLine("l1", "77", "", "Milk � fresh", Decimal(3)),)


def test_an_unknown_order_is_none(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    put(allegro_microservice, "theirs", account="another-account")
    assert [microservice.get_order("a1"), microservice.get_order("theirs")] == [None, None]
    for values in ({"orders": []}, {"order": None}):
        put(allegro_microservice, "a1")
        allegro_microservice.fail("replace", values=values)
        assert microservice.get_order("a1") is None


def test_the_flag_is_set_and_taken_back(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    put(allegro_microservice, "a 1/№?x")
    for deducted in (True, True, False, True):
        microservice.set_deducted("a 1/№?x", deducted)
    assert allegro_microservice.partner.told("a 1/№?x") == [True, True, False, True]
    assert allegro_microservice.partner.flagged() == {"a 1/№?x"}
    order = microservice.get_order("a 1/№?x")
    assert order
    assert order.known is True
    assert allegro_microservice.requests("PATCH")[0]["query"] == {"token_id": ACCOUNT}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"success": False, "message": f"Order is locked {TOKEN}\n by\x00 X"}, r"the flag was not set: Order is locked \*\*\* by� X"),
        ({"success": False, "message": None}, "the flag was not set: it does not say why"),
        ({"success": "true"}, "the flag was not set"),
        ({"order_id": "a2"}, "about order 'a2' instead of 'a1'"),
        ({"order_id": None}, "order_id is missing"),
        ({"is_stock_updated": False}, "the flag is not true after it was set: Stock status updated."),
        ({"is_stock_updated": None}, "the flag is not true"),
        ({"is_stock_updated": 1}, "the flag is not true"),
    ],
)
def test_only_the_answer_that_says_so_is_a_success(
    microservice: MicroserviceClient, allegro_microservice: PartnerServer, values: dict[str, Any], why: str
):
    put(allegro_microservice, "a1")
    allegro_microservice.fail("replace", values=values)
    with pytest.raises(RetryableFailure, match=why) as caught:
        microservice.set_deducted("a1", True)
    assert (is_answer(caught.value), caught.value.status, TOKEN in str(caught.value)) == (True, 200, False)


def test_a_refusal_with_200_sets_no_flag(microservice: MicroserviceClient, allegro_microservice: PartnerServer):
    put(allegro_microservice, "a1")
    allegro_microservice.partner.refuses = "The order is archived."
    with pytest.raises(RetryableFailure, match="The order is archived"):
        microservice.set_deducted("a1", True)
    assert (allegro_microservice.partner.told("a1"), allegro_microservice.partner.flagged()) == ([], set())


def test_an_unknown_order_refuses_its_flag(microservice: MicroserviceClient):
    with pytest.raises(PermanentFailure, match="There is no order a1") as caught:
        microservice.set_deducted("a1", True)
    assert (caught.value.status, is_answer(caught.value)) == (404, True)


@pytest.mark.parametrize("order_id", ["", ".", "..", "a\nb"])
def test_an_id_that_is_no_segment_is_never_sent(microservice: MicroserviceClient, allegro_microservice: PartnerServer, order_id: str):
    with pytest.raises(PermanentFailure):
        microservice.set_deducted(order_id, True)
    assert allegro_microservice.requests() == []


LINE = line_item("MILK")
UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"status": ""}, "status is missing"),
    ({"status": 5.5}, "status is not a text"),
    ({"fulfillment": "NEW"}, "fulfillment is not an object"),
    ({"lineItems": None}, "lineItems is not a list"),
    ({"lineItems": {"0": LINE}}, "lineItems is not a list"),
    ({"lineItems": []}, "lineItems is empty"),
    ({"lineItems": [5]}, "a line is not an object"),
    ({"lineItems": [LINE, LINE]}, "two lines have the same id"),
    ({"lineItems": [LINE | {"id": ""}]}, "id is missing"),
    ({"lineItems": [LINE | {"offer": [1]}]}, "offer is not an object"),
    ({"lineItems": [LINE | {"offer": {"external": "MILK"}}]}, "external is not an object"),
    ({"lineItems": [LINE | {"offer": {"external": {"id": "x" * 65}}}]}, "id is longer than 64 characters"),
    ({"updatedAt": "yesterday"}, "updatedAt is not a time"),
    ({"is_stock_updated": "true"}, "is_stock_updated is neither true nor false"),
    ({"revision": ["1"]}, "revision is not a text"),
]
QUANTITIES = [None, 0, -1, "0", "two", True, "1e30", 0.0001, [1], {"value": 1}]


@pytest.mark.parametrize(("values", "why"), UNREADABLE + [({"lineItems": [LINE | {"quantity": given}]}, "quantity: ") for given in QUANTITIES])
def test_an_unreadable_order_spoils_no_other(microservice: MicroserviceClient, allegro_microservice: PartnerServer, values: dict[str, Any], why: str):
    put(allegro_microservice, "good")
    put(allegro_microservice, "bad")
    good, bad = allegro_microservice.partner.order("good"), allegro_microservice.partner.order("bad")
    allegro_microservice.fail("replace", values={"orders": [good, bad | values], "pagination": {"total": 2}})
    found = changes(microservice)
    assert (found["good"].fault, found["good"].state) == ("", RemoteState.READY)
    assert why in found["bad"].fault
    assert found["bad"] == RemoteOrder("bad", fault=found["bad"].fault)
    allegro_microservice.fail("replace", values={"order": bad | values})
    assert microservice.get_order("bad") == found["bad"]


@pytest.mark.parametrize("row", [None, 5, [], {}, {"status": "BOUGHT"}, {"id": None}, {"id": "x" * 81}, {"id": 1.5}])
def test_an_order_without_an_id_can_be_shown(row: Any):
    order = read_listed(row)
    assert order.external_id.startswith("no-id-")
    assert order.fault
    assert read_listed(row) == order


def test_a_cancelled_order_may_have_lost_its_lines():
    order = read_order({"status": "CANCELLED", "lineItems": []}, "5")
    assert (order.fault, order.state) == ("", RemoteState.CANCELLED)


@pytest.mark.parametrize(
    "values",
    [
        {"orders": None},
        {"orders": {"a1": {}}},
        {"pagination": None},
        {"pagination": {}},
        {"pagination": {"total": -1}},
        {"pagination": {"total": "many"}},
        {"pagination": {"total": 1, "offset": 100}},
        {"orders": [], "pagination": {"total": 5}},
    ],
)
def test_a_list_that_breaks_the_contract_moves_nothing(microservice: MicroserviceClient, allegro_microservice: PartnerServer, values: dict[str, Any]):
    put(allegro_microservice, "a1")
    allegro_microservice.fail("replace", values=values)
    with pytest.raises(RetryableFailure) as caught:
        microservice.read_changes(Position())
    assert is_answer(caught.value)
    assert list(changes(microservice)) == ["a1"]


def test_the_settings_give_ten_seconds(settings: Any):
    assert settings.PARTNER_TIMEOUT_SECONDS[1] == 10
