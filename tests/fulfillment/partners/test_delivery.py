"""The client of the delivery service."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from fulfillment.partners.delivery import Address, DeliveryClient, PackageDetails, ShipmentRequest
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure
from warehouse.core.partners.http import PartnerHttp

WAREHOUSE = Address("ul. Składowa 3", "Łódź", "90-127", "PL", "Magazyn Główny", "+48600111222")
CUSTOMER = Address("Кнез Михаилова 12", "Београд", "11000", "RS", "Ђорђе Петровић", "+381601112223")
REQUEST = ShipmentRequest(
    order_id="55",
    warehouse_id="1",
    provider="D Express",
    from_address=WAREHOUSE,
    to_address=CUSTOMER,
    package=PackageDetails(Decimal("2.850"), Decimal(40), Decimal("30.5"), Decimal(20), "Сыр, 3 шт."),
    user_id=9,
)


def test_the_address_of_an_order(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.partner.put_address(
        55,
        {
            "street": " Кнез  Михаилова\n12 ",
            "city": "Београд",
            "postal_code": 11000,
            "country": "RS",
            "contact_name": "Ђорђе Петровић",
            "phone": "+381601112223",
        },
    )
    assert deliveries.address_for_order("55") == CUSTOMER


def test_an_order_without_an_address_is_a_permanent_failure(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.partner.put_address("55", None)
    with pytest.raises(PermanentFailure) as caught:
        deliveries.address_for_order("55")
    assert caught.value.status == 404


def test_demo_addresses_are_the_same_every_time_and_not_all_latin(deliveries: DeliveryClient):
    first = [deliveries.address_for_order(str(number)) for number in range(30)]
    assert first == [deliveries.address_for_order(str(number)) for number in range(30)]
    assert len({address.city for address in first}) > 6
    assert any("Ђ" in address.contact_name for address in first)


def test_a_shipment_is_made_as_asked(deliveries: DeliveryClient, delivery: PartnerServer):
    made = deliveries.create_shipment(REQUEST, "17")
    (kept,) = delivery.partner.shipments()
    assert (kept["key"], kept["answer"]["tracking_number"]) == ("17", made.tracking_number)
    assert kept["request"] == {
        "order_id": 55,
        "warehouse_id": 1,
        "provider": "D Express",
        "from_address": {
            "street": "ul. Składowa 3",
            "city": "Łódź",
            "postal_code": "90-127",
            "country": "PL",
            "contact_name": "Magazyn Główny",
            "phone": "+48600111222",
        },
        "to_address": {
            "street": "Кнез Михаилова 12",
            "city": "Београд",
            "postal_code": "11000",
            "country": "RS",
            "contact_name": "Ђорђе Петровић",
            "phone": "+381601112223",
        },
        "package": {"weight": 2.85, "length": 40.0, "width": 30.5, "height": 20.0, "description": "Сыр, 3 шт."},
        "user_id": 9,
    }
    assert made.tracking_number.startswith("DX")
    assert (made.provider, made.status) == ("D Express", "created")
    assert made.estimated_delivery == datetime.now(UTC).date() + timedelta(days=6)
    label = requests.get(made.label_url, timeout=2).text
    assert label.startswith("^XA^CI28")
    assert f"^FD{made.tracking_number}^FS" in label
    assert "^FDЂорђе Петровић^FS" in label


def test_the_same_key_is_the_same_shipment_and_another_key_another(deliveries: DeliveryClient, delivery: PartnerServer):
    first = deliveries.create_shipment(REQUEST, "17")
    assert deliveries.create_shipment(REQUEST, "17") == first
    second = deliveries.create_shipment(REQUEST, "18")
    assert len({first.tracking_number, second.tracking_number}) == len({first.id, second.id}) == 2
    assert [row["key"] for row in delivery.partner.shipments()] == ["17", "18"]


def test_the_same_key_for_another_request_is_a_permanent_failure(deliveries: DeliveryClient, delivery: PartnerServer):
    deliveries.create_shipment(REQUEST, "17")
    with pytest.raises(PermanentFailure) as caught:
        deliveries.create_shipment(replace(REQUEST, provider="Bex"), "17")
    assert caught.value.status == 422
    assert len(delivery.partner.shipments()) == 1


def test_a_key_that_is_still_being_worked_on_may_be_repeated(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.fail("latency", when="during", seconds=0.8)
    with pytest.raises(RetryableFailure) as first:
        deliveries.create_shipment(REQUEST, "17")
    with pytest.raises(RetryableFailure) as second:
        deliveries.create_shipment(REQUEST, "17")
    assert (first.value.status, first.value.ambiguous) == (None, True)
    assert (second.value.status, second.value.ambiguous) == (409, True)
    threading.Event().wait(0.7)
    made = deliveries.create_shipment(REQUEST, "17")
    assert [row["answer"]["tracking_number"] for row in delivery.partner.shipments()] == [made.tracking_number]


def test_many_workers_with_one_key_get_one_waybill(delivery: PartnerServer):
    found: list[str] = []
    refused: list[int | None] = []

    def ask() -> None:
        with DeliveryClient(PartnerHttp("delivery service", delivery.url, TOKEN, timeout=(2, 5))) as client:
            for _ in range(20):
                try:
                    found.append(client.create_shipment(REQUEST, "17").tracking_number)
                except RetryableFailure as failure:
                    refused.append(failure.status)
                    threading.Event().wait(0.02)
                else:
                    return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(refused) <= {409}
    assert set(found) == {delivery.partner.shipments()[0]["answer"]["tracking_number"]}


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (replace(REQUEST, provider="Pigeon"), "provider must be one of"),
        (replace(REQUEST, package=replace(REQUEST.package, weight=Decimal(0))), "package.weight must be a positive number"),
        (replace(REQUEST, to_address=replace(CUSTOMER, street="")), "to_address.street is empty"),
    ],
)
def test_a_shipment_the_partner_refuses_is_a_permanent_failure(
    deliveries: DeliveryClient, delivery: PartnerServer, request_: ShipmentRequest, why: str
):
    with pytest.raises(PermanentFailure) as caught:
        deliveries.create_shipment(request_, "17")
    assert (caught.value.status, why in caught.value.body) == (422, True)
    assert delivery.partner.shipments() == []


@pytest.mark.parametrize("key", ["", "a\r\nX-Evil: 1", "ключ", "x" * 256])
def test_a_key_that_no_header_may_have_is_never_sent(deliveries: DeliveryClient, delivery: PartnerServer, key: str):
    with pytest.raises(PermanentFailure, match="can't be an idempotency key"):
        deliveries.create_shipment(REQUEST, key)
    assert delivery.requests() == []


@pytest.mark.parametrize(
    ("order_id", "sent"), [("55", 55), ("007", "007"), ("C536379", "C536379"), ("9" * 30, "9" * 30), ("٣", "٣"), ("9223372036854775807", 2**63 - 1)]
)
def test_an_order_id_is_sent_as_the_number_it_is(order_id: str, sent: int | str):
    assert replace(REQUEST, order_id=order_id).as_json()["order_id"] == sent


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"tracking_number": None}, "tracking_number is missing"),
        ({"tracking_number": "  "}, "tracking_number is missing"),
        ({"tracking_number": ["DX1"]}, "tracking_number is not a text"),
        ({"tracking_number": "x" * 101}, "tracking_number is longer"),
        ({"id": None}, "id is missing"),
        ({"order_id": 56}, "about order '56' instead of '55'"),
    ],
)
def test_an_answer_without_what_matters_is_asked_for_again(deliveries: DeliveryClient, delivery: PartnerServer, values: dict[str, object], why: str):
    delivery.fail("replace", values=values)
    with pytest.raises(RetryableFailure, match=why) as caught:
        deliveries.create_shipment(REQUEST, "17")
    assert caught.value.ambiguous is True
    made = deliveries.create_shipment(REQUEST, "17")
    assert [row["answer"]["tracking_number"] for row in delivery.partner.shipments()] == [made.tracking_number]


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"label_url": "javascript:alert(1)"}, "label_url", ""),
        ({"label_url": None}, "label_url", ""),
        ({"label_url": 5.5}, "label_url", ""),
        ({"label_url": "http://[bad"}, "label_url", ""),
        ({"provider": None}, "provider", "D Express"),
        ({"provider": "BEX"}, "provider", "BEX"),
        ({"status": None}, "status", ""),
        ({"estimated_delivery": None}, "estimated_delivery", None),
        ({"estimated_delivery": "soon"}, "estimated_delivery", None),
        ({"estimated_delivery": 1700000000}, "estimated_delivery", None),
        ({"estimated_delivery": "2026-12-01T23:30:00+01:00"}, "estimated_delivery", date(2026, 12, 1)),
        ({"estimated_delivery": None, "estimated_delivery_date": "2026-12-02"}, "estimated_delivery", date(2026, 12, 2)),
    ],
)
def test_what_a_waybill_can_do_without_is_left_out(
    deliveries: DeliveryClient, delivery: PartnerServer, values: dict[str, object], field: str, expected: object
):
    delivery.fail("replace", values=values)
    assert getattr(deliveries.create_shipment(REQUEST, "17"), field) == expected


def test_a_label_link_without_a_host_is_the_partners_own(deliveries: DeliveryClient, delivery: PartnerServer):
    delivery.fail("replace", values={"label_url": "/label/DX1"})
    assert deliveries.create_shipment(REQUEST, "17").label_url == f"{delivery.url}/label/DX1"


def test_the_settings_make_the_client(delivery: PartnerServer):
    with DeliveryClient.from_settings() as client:
        assert client.create_shipment(REQUEST, "17").tracking_number
