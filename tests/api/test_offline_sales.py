"""Tills over HTTP."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.models import OfflineSale, Stock
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, StorefrontProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db):
    here, product = site(code="SHOP", external_id="3", seller=SellerFactory()), ProductFactory(sku="MILK")
    StorefrontProductFactory(product=product, external_listing_id="100")
    stocked(product, here.shelf, 4, lot="SOON", expires_in_days=5)
    stocked(product, here.shelf, 6, lot="LATE", expires_in_days=50)
    return here


@pytest.fixture
def basket(shop):
    milk = Stock.objects.get().product_id
    made = reserve_for_order("web:1", [OrderedLine(milk, Decimal(7))], warehouse_id=shop.id, ttl=timedelta(minutes=30), actor=ACTOR)
    return made.reservation_id


def sale(**more):
    return {"warehouse": "SHOP", "receipt_number": 1001, "items": [{"sku": "milk", "quantity": "2"}, {"listing_id": 100, "quantity": 1}]} | more


def test_a_sale(integration, shop):
    made = integration.post("offline-sales", sale())
    assert made.status_code == 201
    shown = made.json()
    assert (shown["warehouse"], shown["receipt_number"], shown["order_ref"], shown["sold_by"]) == (
        "SHOP",
        "1001",
        "till:SHOP:1001",
        integration.user.username,
    )
    assert [(line["sku"], line["quantity"]) for line in shown["lines"]] == [("MILK", "3")]
    assert [(part["lot_number"], part["location"], part["quantity"]) for part in shown["parts"]] == [("SOON", "A-01", "3.000")]
    assert integration.post("offline-sales", sale(), **{"Idempotency-Key": "x"}).json() == shown
    assert integration.get(f"offline-sales/{shown['id']}").json() == shown
    listed = integration.get("offline-sales", warehouse="SHOP", receipt_number="1001").json()["results"]
    assert listed == [{name: value for name, value in shown.items() if name != "parts"}]
    assert codes(integration.post("offline-sales", sale(items=[{"sku": "MILK", "quantity": 1}]))) == (409, "conflict")
    assert (OfflineSale.objects.count(), Stock.objects.get().quantity) == (1, 7)


def test_asking_first_and_taking_from_a_basket(integration, shop, basket):
    asked = {"warehouse_id": 3, "items": [{"sku": "MILK", "quantity": 5}]}
    answer = integration.post("offline-sales/check", asked)
    assert answer.status_code == 200
    body = answer.json()
    assert body["has_conflict"] is True
    (line,) = body["lines"]
    assert (line["sku"], line["asked"], line["available"], line["shortage"]) == ("MILK", "5.000", "3.000", "2.000")
    (affected,) = line["affected_reservations"]
    assert (affected["reservation"], affected["order_ref"], affected["quantity"], affected["picking_started"], affected["confirmed"]) == (
        basket,
        "web:1",
        "7.000",
        False,
        False,
    )
    five = sale(items=[{"sku": "MILK", "quantity": 5}])
    short = integration.post("offline-sales", five)
    assert codes(short) == (409, "insufficient_stock")
    assert short.json()["errors"][0]["available"] == "3.000"
    assert integration.post("offline-sales", five | {"reservation_ids_to_release": [basket]}).status_code == 201
    assert (Stock.objects.get().quantity, Stock.objects.get().reserved) == (5, 0)
    assert integration.post("offline-sales/check", asked).json()["has_conflict"] is False


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"warehouse": "NOPE"}, (422, "unknown_warehouse")),
        ({"warehouse": ""}, (400, "validation_failed")),
        ({"receipt_number": ""}, (400, "validation_failed")),
        ({"receipt_number": "x" * 71}, (400, "validation_failed")),
        ({"items": []}, (400, "validation_failed")),
        ({"items": [{"sku": "NOPE", "quantity": 1}]}, (422, "unknown_product")),
        ({"items": [{"sku": "MILK", "quantity": "NaN"}]}, (400, "validation_failed")),
        ({"items": [{"sku": "MILK", "quantity": "1e30"}]}, (400, "validation_failed")),
        ({"items": [{"sku": "MILK", "quantity": -1}]}, (400, "validation_failed")),
        ({"items": [{"sku": "MILK", "quantity": "0.5"}]}, (400, "validation_failed")),
        ({"reservation_ids_to_release": [0]}, (400, "validation_failed")),
        ({"reservation_ids_to_release": [99999]}, (404, "not_found")),
        ({"seize": True}, (400, "validation_failed")),
    ],
)
def test_what_a_till_may_not_say(integration, shop, wrong, code):
    assert codes(integration.post("offline-sales", sale() | wrong)) == code
    assert not OfflineSale.objects.exists()


def test_a_seller_sells_and_sees_in_its_own_shop(shop):
    seller, elsewhere = Caller(Role.SELLER), site(code="OTHER")
    shop.warehouse.seller.members.add(seller.user)
    stocked(Stock.objects.get().product, elsewhere.shelf, 5)
    assert seller.post("offline-sales", sale()).status_code == 201
    assert codes(seller.post("offline-sales", sale(warehouse="OTHER"))) == (404, "not_found")
    assert codes(seller.post("offline-sales/check", {"warehouse": "OTHER", "items": sale()["items"]})) == (404, "not_found")
    stranger = Caller(Role.SELLER)
    made = OfflineSale.objects.get()
    assert [row["id"] for row in seller.get("offline-sales").json()["results"]] == [made.pk]
    assert stranger.get("offline-sales").json()["results"] == []
    assert stranger.get(f"offline-sales/{made.pk}").status_code == 404
