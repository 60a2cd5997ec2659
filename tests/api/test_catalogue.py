"""Products, barcodes, sites, places, suppliers, listings."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from inventory.models import Barcode, Location, Product, Stock, StorefrontProduct, Warehouse
from tests.api.conftest import Caller, codes
from tests.factories.inventory import (
    BarcodeFactory,
    LocationFactory,
    ProductFactory,
    SellerFactory,
    WarehouseFactory,
    site,
    stocked,
)
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def test_a_product_with_its_lives(integration):
    body = {
        "sku": "MILK-1L",
        "name": "Milk",
        "min_remaining_days": 2,
        "quantity_step": "1",
        "shelf_lives": [{"condition": "chilled", "days": "21"}, {"condition": "chilled", "phase": "opened", "days": "3.5"}],
    }
    made = integration.post("products", body)
    assert made.status_code == 201
    shown = made.json()
    assert shown | {"id": 0, "created_at": ""} == {
        "id": 0, "sku": "MILK-1L", "name": "Milk", "base_unit": "pcs", "quantity_step": "1.000", "weight_tolerance": "0.000", "rotation": "fefo",
        "tracks_expiry": True, "min_remaining_days": 2, "freezable": False, "default_low_stock_threshold": "5.000", "weight": None, "length": None,
        "width": None, "height": None, "is_active": True, "created_at": "",
        "shelf_lives": [{"condition": "chilled", "phase": "sealed", "days": "21.00"}, {"condition": "chilled", "phase": "opened", "days": "3.50"}],
        "barcodes": [],
    }  # fmt: skip
    path = f"products/{shown['id']}"
    read = integration.get(path)
    assert (read.json(), read["ETag"]) == (shown, made["ETag"])
    changed = integration.patch(path, {"name": "Whole milk", "shelf_lives": [{"condition": "frozen", "days": 90}]}, **{"If-Match": read["ETag"]})
    assert changed.json()["name"] == "Whole milk"
    assert changed.json()["shelf_lives"] == [{"condition": "frozen", "phase": "sealed", "days": "90.00"}]
    for wrong in ([{}], [{"condition": "chilled"}], [{"days": 3}], None):
        assert codes(integration.patch(path, {"shelf_lives": wrong}, **{"If-Match": "*"})) == (400, "validation_failed")
    assert integration.patch(path, {"is_active": False}, **{"If-Match": changed["ETag"]}).json()["shelf_lives"] != []
    assert integration.get("products", is_active="true").json()["results"] == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sku": ""}, "sku"),
        ({"quantity_step": "0"}, "quantity_step"),
        ({"weight_tolerance": "-1"}, "weight_tolerance"),
        ({"default_low_stock_threshold": "NaN"}, "default_low_stock_threshold"),
        ({"weight": "1e12"}, "weight"),
        ({"base_unit": "box"}, "base_unit"),
        ({"min_remaining_days": 2**40}, "min_remaining_days"),
        ({"shelf_lives": [{"condition": "hot", "days": 3}]}, "shelf_lives[0].condition"),
        ({"shelf_lives": [{"condition": "chilled", "days": 0}]}, "shelf_lives[0].days"),
        ({"shelf_lives": [{"condition": "chilled", "days": 40000}]}, "shelf_lives[0].days"),
        ({"shelf_lives": [{"condition": "chilled", "days": 1}, {"condition": "chilled", "days": 2}]}, "shelf_lives"),
        ({"shelf_lives": {"condition": "chilled"}}, "shelf_lives"),
        ({"id": 7}, "id"),
    ],
)
def test_a_product_that_makes_no_sense(manager, wrong, field):
    response = manager.post("products", {"sku": "A", "name": "B"} | wrong)
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert not Product.objects.exists()


def test_what_stock_is_counted_in_is_fixed_and_what_it_is_judged_by_counts_at_once(integration):
    here = site()
    product = ProductFactory(lives={"ambient": 30}, min_remaining_days=10)
    stocked(product, here.shelf, 5, expires_in_days=4)
    path = f"products/{product.pk}"
    for wrong in ({"quantity_step": "7"}, {"base_unit": "kg"}, {"shelf_lives": []}):
        assert codes(integration.patch(path, wrong, **{"If-Match": "*"})) == (409, "conflict")
    product.refresh_from_db()
    assert (product.quantity_step, product.base_unit, Stock.objects.get().available) == (1, "pcs", 0)
    assert integration.patch(path, {"min_remaining_days": 0}, **{"If-Match": "*"}).status_code == 200
    assert Stock.objects.get().available == 5


def test_a_sku_is_taken_once_whatever_the_case(manager):
    ProductFactory(sku="Milk")
    response = manager.post("products", {"sku": "MILK", "name": "x"})
    assert codes(response) == (409, "conflict")
    assert response.json()["detail"] == "Another product has this SKU (case does not count)."
    other = ProductFactory(sku="Bread")
    path = f"products/{other.pk}"
    assert codes(manager.patch(path, {"sku": "milk"}, **{"If-Match": manager.get(path)["ETag"]})) == (409, "conflict")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_the_same_code():
    caller = Caller(Role.MANAGER)
    found: list[int] = []

    def call() -> None:
        found.append(caller.post("products", {"sku": "A", "name": "A"}).status_code)
        connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [201, 409, 409, 409]


def test_barcodes(integration):
    product = ProductFactory(sku="MILK")
    made = integration.post("barcodes", {"code": "4006381333931", "sku": "milk", "pack_quantity": "12"})
    assert (made.status_code, made.json()["product"], made.json()["pack_quantity"]) == (201, product.pk, "12.000")
    assert integration.get("products", barcode="4006381333931").json()["results"][0]["barcodes"][0]["code"] == "4006381333931"
    unknown = integration.post("barcodes", {"code": "1", "sku": "nope"})
    assert [(error["field"], error["code"]) for error in unknown.json()["errors"]] == [("sku", "unknown")]
    assert [e["field"] for e in integration.post("barcodes", {"code": "4006381333931", "sku": "milk"}).json()["errors"]] == ["code"]
    assert codes(integration.post("barcodes", {"code": "2", "sku": "milk", "pack_quantity": 0})) == (400, "validation_failed")
    path = f"barcodes/{made.json()['id']}"
    assert integration.patch(path, {"kind": "internal"}, **{"If-Match": "*"}).json()["kind"] == "internal"
    assert integration.delete(path).status_code == 204
    assert codes(integration.delete(path)) == (404, "not_found")
    assert not Barcode.objects.exists()


def test_sites_and_places(manager):
    SellerFactory(code="FRESH")
    body = {"code": "WAW", "external_id": "7", "name": "Warsaw", "city": "Warsaw", "time_zone": "Europe/Warsaw", "seller": "FRESH"}
    made = manager.post("warehouses", body)
    assert (made.status_code, made.json()["seller"], made.json()["kind"]) == (201, "FRESH", "warehouse")
    for wrong in ({"time_zone": "Mars/Olympus"}, {"seller": "NOBODY"}, {"code": "WAW"}, {"priority": 2**40}):
        response = manager.post("warehouses", body | {"code": "X", "external_id": "8"} | wrong)
        assert [error["field"] for error in response.json()["errors"]] == list(wrong)
    shelf = manager.post("locations", {"warehouse": "WAW", "code": "A-1", "barcode": "WAW-A-1", "condition": "chilled"})
    assert (shelf.status_code, shelf.json()["is_pickable"], shelf["ETag"]) == (201, True, '"1"')
    dock = manager.post("locations", {"warehouse": "WAW", "code": "D", "barcode": "WAW-D", "kind": "receiving"})
    assert (dock.status_code, dock.json()["is_pickable"]) == (201, False)
    for wrong, field in (
        ({"code": "A-1"}, "code"),
        ({"barcode": "WAW-A-1"}, "barcode"),
        ({"kind": "packing", "is_pickable": True}, "is_pickable"),
        ({"warehouse": "X"}, "warehouse"),
        ({"x": "NaN"}, "x"),
    ):
        response = manager.post("locations", {"warehouse": "WAW", "code": "B", "barcode": "WAW-B"} | wrong)
        assert [error["field"] for error in response.json()["errors"]] == [field]
    assert (Warehouse.objects.count(), Location.objects.count()) == (1, 2)


def test_suppliers(manager):
    made = manager.post("suppliers", {"code": "DAIRY", "name": "Dairy", "email": "a@b.example"})
    assert (made.status_code, made.json() | {"id": 0}) == (
        201,
        {"id": 0, "code": "DAIRY", "name": "Dairy", "email": "a@b.example", "phone": "", "is_active": True},
    )
    assert [error["field"] for error in manager.post("suppliers", {"code": "X", "name": "X", "email": "no"}).json()["errors"]] == ["email"]


def test_listings(integration):
    product = ProductFactory(sku="MILK")
    assert integration.post("storefronts", {"external_id": "1", "name": "Shop"}).status_code == 201
    body = {"storefront_id": 1, "listing_id": 100, "sku": "MILK", "price": "1.99", "currency": "EUR"}
    made = integration.post("storefront-products", body)
    assert (made.status_code, made.json()["listing_id"], made.json()["price"], made.json()["stock_quantity"]) == (201, "100", "1.9900", "0.000")
    assert codes(integration.post("storefront-products", body)) == (409, "conflict")
    for wrong in ({"storefront_id": "2"}, {"sku": "NOPE"}, {"price": "-1"}, {"currency": "eur"}, {"stock_quantity": "5"}):
        response = integration.post("storefront-products", body | {"listing_id": "101"} | wrong)
        assert [error["field"] for error in response.json()["errors"]] == list(wrong)
    tag = made["ETag"]
    StorefrontProduct.objects.update(stock_quantity=9)  # what follows the stock is no change of the listing
    path = f"storefront-products/{made.json()['id']}"
    assert integration.patch(path, {"price": "2"}, **{"If-Match": tag}).json()["price"] == "2.0000"
    assert integration.get("storefront-products", listing_id="100", sku="milk").json()["results"][0]["product"] == product.pk
    assert integration.delete(path).status_code == 204


def test_what_a_code_is(manager):
    product = ProductFactory(sku="MILK")
    LocationFactory(code="A-7", barcode="SITE/A-7", warehouse=WarehouseFactory(code="WAW"))
    BarcodeFactory(code="04006381333931", product=product, pack_quantity=6)
    empty = {"product": None, "sku": "", "location": "", "warehouse": "", "batch": None, "lot_number": "", "expires_on": None, "produced_on": None}

    def scan(code: str, **query: str) -> dict[str, object]:
        response = manager.get(f"scan/{code}", **query)
        assert response.status_code == 200, response.content
        return {name: value for name, value in response.json().items() if value != empty.get(name, "-")}

    assert scan("milk") == {"code": "milk", "kind": "product", "product": product.pk, "sku": "MILK", "pack_quantity": "1"}
    assert scan("SITE/A-7") == {"code": "SITE/A-7", "kind": "location", "location": "A-7", "warehouse": "WAW", "pack_quantity": "1"}
    assert scan("A-7")["kind"] == "unknown"
    assert scan("A-7", warehouse="WAW")["location"] == "A-7"
    found = scan("(01)04006381333931(17)261231(10)L-7")
    assert (found["sku"], found["lot_number"], found["expires_on"], found["pack_quantity"]) == ("MILK", "L-7", "2026-12-31", "6.000")
    assert scan("%F0%9F%8D%95") == {"code": "🍕", "kind": "unknown", "pack_quantity": "1"}
    for wrong in ("%00", "a" * 201):
        assert codes(manager.get(f"scan/{wrong}")) == (400, "validation_failed")
    assert codes(manager.get("scan/A-7", warehouse="NOPE")) == (422, "unknown_warehouse")
