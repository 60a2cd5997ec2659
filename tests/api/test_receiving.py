"""Goods that arrive."""

from __future__ import annotations

import pytest

from inventory.models import BatchLocation, Stock
from tests.api.conftest import Caller, codes
from tests.factories.inventory import BarcodeFactory, ProductFactory, SupplierFactory, site
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(db):
    return Caller(Role.RECEIVER)


@pytest.fixture
def here():
    SupplierFactory(code="DAIRY")
    BarcodeFactory(code="04006381333931", product=ProductFactory(sku="MILK"), pack_quantity=6)
    ProductFactory(sku="BREAD")
    return site(code="A", external_id="1")


def test_from_the_paper_to_the_books(receiver, here):
    body = {
        "warehouse": "A",
        "supplier": "DAIRY",
        "supplier_reference": "INV-7",
        "items": [{"sku": "milk", "expected_quantity": "12", "actual_quantity": "0"}, {"sku": "BREAD", "expected_quantity": "5", "location": "A-01"}],
    }
    made = receiver.post("receivings", body, **{"Idempotency-Key": "r1"})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["number"].startswith("RCV-")
    assert (shown["status"], shown["warehouse"], shown["location"], shown["supplier"], shown["created_by"], made["ETag"]) == (
        "draft", "A", "DOCK", "DAIRY", receiver.user.username, '"1"',
    )  # fmt: skip
    assert [(item["sku"], item["expected_quantity"], item["actual_quantity"], item["difference"]) for item in shown["items"]] == [
        ("MILK", "12.000", "0.000", "-12.000"),
        ("BREAD", "5.000", "5.000", "0.000"),
    ]
    path = f"receivings/{shown['id']}"
    assert receiver.post(f"{path}/start", {}, **{"If-Match": made["ETag"]}).json()["status"] == "in_progress"
    counted = receiver.post(f"{path}/receive-item", {"scan": "(01)04006381333931(17)601231(10)L7", "location": "C-01"})
    assert counted.status_code == 200, counted.content
    assert (counted.json()["item"]["actual_quantity"], counted.json()["item"]["lot_number"], counted.json()["version"]) == ("6.000", "L7", 3)
    assert counted["ETag"] == '"3"'
    assert codes(receiver.post(f"{path}/receive-item", {"scan": "what?"})) == (400, "validation_failed")
    extra = receiver.post(f"{path}/items", {"sku": "bread", "expected_quantity": 1, "lot_number": "B2", "purchase_price": "0.9"})
    assert (extra.status_code, extra.json()["item"]["purchase_price"]) == (201, "0.9000")
    assert [item["lot_number"] for item in receiver.get(f"{path}/items").json()] == ["L7", "", "B2"]
    assert codes(receiver.post(f"{path}/confirm", {}, **{"If-Match": '"1"'})) == (412, "stale_version")
    assert codes(receiver.post(f"{path}/confirm")) == (422, "place_not_allowed")  # milk keeps ambient only
    moved = receiver.post(f"{path}/receive-item", {"scan": "(01)04006381333931(17)601231(10)L7", "location": "A-01", "quantity": "4"})
    assert moved.json()["item"]["actual_quantity"] == "10.000"
    done = receiver.post(f"{path}/confirm")
    assert (done.status_code, done.json()["status"]) == (200, "confirmed")
    assert all(item["batch"] for item in done.json()["items"])
    assert {stock.product.sku: stock.quantity for stock in Stock.objects.select_related("product")} == {"MILK": 10, "BREAD": 6}
    assert set(BatchLocation.objects.values_list("location__code", flat=True)) == {"A-01", "DOCK"}
    again = receiver.post(f"{path}/confirm")
    assert codes(again) == (409, "transition_refused")
    assert again.json()["data"]["status"] == "confirmed"
    assert codes(receiver.post(f"{path}/items", {"sku": "BREAD"})) == (409, "conflict")
    assert receiver.get("receivings", status="confirmed", warehouse="A", supplier="DAIRY").json()["results"][0]["number"] == shown["number"]
    assert here.dock.code == "DOCK"


def test_it_may_be_given_up(receiver, here):
    path = f"receivings/{receiver.post('receivings', {'warehouse_id': '1'}).json()['id']}"
    assert codes(receiver.post(f"{path}/cancel")) == (400, "validation_failed")
    cancelled = receiver.post(f"{path}/cancel", {"reason": "never came"}).json()
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("cancelled", "never came")
    assert here.warehouse.external_id == "1"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"warehouse": ""}, "warehouse"),
        ({"supplier": "NOBODY"}, "supplier"),
        ({"location": "NOPE"}, "location"),
        ({"items": [{"sku": "MILK", "location": "NOPE"}]}, "items[0].location"),
        ({"items": [{"sku": "MILK", "expected_quantity": "1.5"}]}, "lines[0].expected_quantity"),
        ({"items": [{"sku": "MILK", "label_expires_on": "31.12.2026"}]}, "items[0].label_expires_on"),
        ({"items": [{"sku": "MILK", "label_expires_on": "0001-01-01"}]}, "items[0].label_expires_on"),
        ({"items": [{"sku": "MILK", "purchase_price": "-1"}]}, "items[0].purchase_price"),
        ({"items": [{"sku": "MILK", "currency": "Euro"}]}, "items[0].currency"),
        ({"items": [{"sku": "MILK", "actual_quantity": "1", "damaged_quantity": "2"}]}, "lines[0].damaged_quantity"),
        ({"items": [{"sku": "MILK", "accept_short_dated": True}]}, "lines[0].short_dated_reason"),
        ({"status": "confirmed"}, "status"),
    ],
)
def test_a_paper_that_makes_no_sense(receiver, here, wrong, field):
    response = receiver.post("receivings", {"warehouse": "A"} | wrong)
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert receiver.get("receivings").json()["results"] == []
    assert here.id


def test_all_unknown_skus_are_named(receiver, here):
    response = receiver.post("receivings", {"warehouse": "A", "items": [{"sku": "X"}, {"sku": "MILK"}, {"sku": "Y"}]})
    assert codes(response) == (422, "unknown_product")
    assert [error["field"] for error in response.json()["errors"]] == ["items[0].sku", "items[2].sku"]
    assert here.id
