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
    assert codes(receiver.post(f"{path}/items", {"sku": "BREAD"})) == (409, "transition_refused")
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


def test_the_paper_is_rewritten_while_it_is_open(receiver, here):
    made = receiver.post("receivings", {"warehouse": "A", "supplier": "DAIRY", "items": [{"sku": "BREAD", "expected_quantity": 5}]})
    path = f"receivings/{made.json()['id']}"
    assert codes(receiver.patch(path, {"notes": "x"})) == (428, "version_required")
    changed = receiver.patch(path, {"notes": "late", "location": "A-01", "supplier": None, "supplier_reference": "I-1"}, **{"If-Match": made["ETag"]})
    assert (changed.status_code, changed["ETag"]) == (200, '"2"')
    assert {name: changed.json()[name] for name in ("notes", "location", "supplier", "supplier_reference")} == {
        "notes": "late", "location": "A-01", "supplier": None, "supplier_reference": "I-1",
    }  # fmt: skip
    assert codes(receiver.patch(path, {"notes": "y"}, **{"If-Match": made["ETag"]})) == (412, "stale_version")
    wrong = receiver.patch(path, {"location": "NOPE"}, **{"If-Match": '"2"'})
    assert (codes(wrong), wrong.json()["errors"][0]["field"]) == ((400, "validation_failed"), "location")
    assert codes(receiver.patch(path, {"warehouse": "A"}, **{"If-Match": '"2"'})) == (400, "validation_failed")
    receiver.post(f"{path}/confirm")
    assert codes(receiver.patch(path, {"notes": "y"}, **{"If-Match": "*"})) == (409, "transition_refused")
    assert here.id


def test_a_line_is_corrected_and_struck_off(receiver, here):
    made = receiver.post(
        "receivings", {"warehouse": "A", "items": [{"sku": "BREAD", "expected_quantity": 5}, {"sku": "MILK", "expected_quantity": 1}]}
    )
    path = f"receivings/{made.json()['id']}"
    bread, milk = (f"{path}/items/{item['id']}" for item in made.json()["items"])
    assert codes(receiver.patch(bread, {"actual_quantity": 4})) == (428, "version_required")
    corrected = receiver.patch(bread, {"actual_quantity": "4", "location": "A-01", "label_expires_on": "2199-01-01"}, **{"If-Match": made["ETag"]})
    assert (corrected.status_code, corrected["ETag"], corrected.json()["version"]) == (200, '"2"', 2)
    shown = corrected.json()["item"]
    assert (shown["expected_quantity"], shown["actual_quantity"], shown["difference"], shown["location"]) == ("5.000", "4.000", "-1.000", "A-01")
    for wrong in ({"actual_quantity": "0.5"}, {"actual_quantity": 1, "damaged_quantity": 2}, {"produced_on": "2199-01-02"}, {"sku": "MILK"}):
        assert codes(receiver.patch(bread, wrong, **{"If-Match": '"2"'})) == (400, "validation_failed"), wrong
    assert codes(receiver.patch(f"{path}/items/999999", {"actual_quantity": 1}, **{"If-Match": '"2"'})) == (404, "not_found")
    assert codes(receiver.client.delete(f"/api/v1/{milk}", headers={"If-Match": '"1"'})) == (412, "stale_version")
    gone = receiver.delete(milk)
    assert (gone.status_code, gone["ETag"]) == (204, '"3"')
    assert codes(receiver.delete(milk)) == (404, "not_found")
    assert [item["sku"] for item in receiver.get(f"{path}/items").json()] == ["BREAD"]
    receiver.post(f"{path}/confirm")
    assert codes(receiver.delete(bread)) == (409, "transition_refused")
    assert here.id


def test_goods_are_not_made_after_they_expire(receiver, here):
    dates = {"produced_on": "2030-01-02", "label_expires_on": "2030-01-01"}
    refused = receiver.post("receivings", {"warehouse": "A", "items": [{"sku": "BREAD"} | dates]})
    assert codes(refused) == (400, "validation_failed")
    assert refused.json()["errors"] == [
        {
            "field": "lines[0].produced_on", "code": "after_expiry", "sku": "BREAD", "produced_on": "2030-01-02", "label_expires_on": "2030-01-01",
        }
    ]  # fmt: skip
    assert codes(receiver.post("stock/place", {"warehouse": "A", "sku": "BREAD", "quantity": 1} | dates)) == (400, "validation_failed")
    assert receiver.post("receivings", {"warehouse": "A", "items": [{"sku": "BREAD"} | dates | {"produced_on": "2030-01-01"}]}).status_code == 201
    assert here.id


def test_what_the_code_does_not_say_is_given_beside_it(receiver, here):
    paper = {"warehouse": "A", "items": [{"sku": "MILK", "expected_quantity": "12"}]}
    path = f"receivings/{receiver.post('receivings', paper).json()['id']}"
    assert receiver.post(f"{path}/start", {"from_zero": True}).json()["items"][0]["actual_quantity"] == "0.000"
    beside = {"lot_number": "L7", "label_expires_on": "2060-12-31", "damaged_quantity": "1", "short_dated_reason": "agreed"}
    item = receiver.post(f"{path}/receive-item", {"scan": "MILK", "quantity": "12", **beside}).json()["item"]
    assert (item["actual_quantity"], item["damaged_quantity"], item["lot_number"], item["label_expires_on"], item["short_dated_reason"]) == (
        "12.000", "1.000", "L7", "2060-12-31", "agreed",
    )  # fmt: skip
    against = receiver.post(f"{path}/receive-item", {"scan": "(01)04006381333931(17)601231(10)L7", "lot_number": "L8"})
    assert codes(against) == (400, "validation_failed")
    assert against.json()["errors"][0]["field"] == "lot_number"
