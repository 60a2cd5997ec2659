"""The client of the order system."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fulfillment.partners.order_system import OrderSystemClient, PartnerOrder, PartnerOrderItem
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure
from warehouse.core.partners.http import PartnerHttp


def test_an_order_is_read_with_exact_numbers(orders: OrderSystemClient, order_system: PartnerServer):
    order_system.partner.put_order(
        55, order_number="A-55", storefront_id=3, items=[{"listing_id": 100, "quantity": 2, "price": 2.85}, {"listing_id": "7", "quantity": "0.125"}]
    )
    assert orders.get_order("55") == PartnerOrder(
        id="55",
        order_number="A-55",
        storefront_id=3,
        status="confirmed",
        items=(PartnerOrderItem(100, Decimal(2), Decimal("2.85")), PartnerOrderItem(7, Decimal("0.125"), None)),
    )


def test_every_status_is_kept_in_order(orders: OrderSystemClient, order_system: PartnerServer):
    for status in ("processing", "ready_for_shipment", "ready_for_shipment", "shipped"):
        orders.update_status("55", status, "Пакет 1 из 2")
    assert order_system.partner.statuses("55") == ["processing", "ready_for_shipment", "ready_for_shipment", "shipped"]
    assert order_system.ledger.table("statuses")[0]["message"] == "Пакет 1 из 2"
    assert orders.get_order("55").status == "shipped"


def test_an_order_id_with_signs_stays_one_segment(orders: OrderSystemClient, order_system: PartnerServer):
    orders.update_status("shop 1/№7?x#y%2F", "processing")
    assert order_system.partner.statuses("shop 1/№7?x#y%2F") == ["processing"]


@pytest.mark.parametrize("order_id", ["", ".", "..", "a\nb"])
def test_an_order_id_that_is_no_segment_is_never_sent(orders: OrderSystemClient, order_system: PartnerServer, order_id: str):
    with pytest.raises(PermanentFailure) as caught:
        orders.get_order(order_id)
    assert caught.value.status is None
    assert order_system.requests() == []


def test_an_unknown_order_is_a_permanent_failure(orders: OrderSystemClient, order_system: PartnerServer):
    order_system.partner.strict = True
    with pytest.raises(PermanentFailure, match="refused with 404") as caught:
        orders.get_order("77")
    assert (caught.value.status, "There is no order 77." in caught.value.body) == (404, True)


def test_a_cancelled_order_refuses_a_status(orders: OrderSystemClient, order_system: PartnerServer):
    order_system.partner.put_order(55, status="cancelled")
    with pytest.raises(PermanentFailure) as caught:
        orders.update_status("55", "ready_for_shipment")
    assert caught.value.status == 409
    assert order_system.partner.statuses("55") == []


def test_a_wrong_token_is_a_permanent_failure(order_system: PartnerServer):
    with (
        OrderSystemClient(PartnerHttp("order system", order_system.url, "wrong", timeout=(1, 1))) as client,
        pytest.raises(PermanentFailure) as caught,
    ):
        client.update_status("55", "processing")
    assert caught.value.status == 401
    assert order_system.partner.statuses("55") == []


def test_the_settings_make_the_client(order_system: PartnerServer):
    with OrderSystemClient.from_settings() as client:
        client.update_status("55", "ready_for_shipment")
    assert order_system.requests()[0]["authorized"] is True


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"id": 56}, "about order '56' instead of '55'"),
        ({"id": None}, "id is missing"),
        ({"id": True}, "id is not a text"),
        ({"status": 5.5}, "status is not a text"),
        ({"status": "x" * 51}, "status is longer"),
        ({"status": "a\u0000b"}, "status has characters"),
        ({"order_number": "\ud800"}, "order_number has characters"),
        ({"storefront_id": "one"}, "storefront_id is not a whole number"),
        ({"items": {"listing_id": 1}}, "items is not a list"),
        ({"items": [1]}, "items is not a list"),
        ({"items": [{"listing_id": 1}]}, "no listing_id or no quantity"),
        ({"items": [{"listing_id": 1, "quantity": -1}]}, "quantity is not a number"),
        ({"items": [{"listing_id": 1, "quantity": "1e30"}]}, "quantity is not a number"),
        ({"items": [{"listing_id": 1, "quantity": True}]}, "quantity is not a number"),
        ({"items": [{"listing_id": 1, "quantity": float("nan")}]}, "not JSON"),
        ({"items": [{"listing_id": 2**70, "quantity": 1}]}, "listing_id is not a whole number"),
    ],
)
def test_an_order_that_breaks_the_contract_is_refused_and_can_be_asked_again(
    orders: OrderSystemClient, order_system: PartnerServer, values: dict[str, object], why: str
):
    order_system.fail("replace", values=values)
    with pytest.raises(RetryableFailure, match=why) as caught:
        orders.get_order("55")
    assert (caught.value.ambiguous, caught.value.status) == (False, 200)
    assert orders.get_order("55").id == "55"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1e-999999999", "quantity is finer"),
        ("1e999999999", "quantity is not a number"),
        ("1e99999999999999999999", "not JSON"),
        ("9" * 5000, "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("Infinity", "not JSON"),
    ],
)
def test_a_number_made_to_choke_on_is_refused(orders: OrderSystemClient, order_system: PartnerServer, text: str, why: str):
    item = f'{{"listing_id": 1, "quantity": {text}}}'
    order_system.fail("wrong_json", text=f'{{"id": 55, "status": "confirmed", "items": [{item}]}}')
    with pytest.raises(RetryableFailure, match=why):
        orders.get_order("55")
