"""Promises of stock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from inventory.models import Stock
from tests.api.conftest import codes
from tests.factories.inventory import ProductFactory, StorefrontProductFactory, site, stocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def goods():
    product, here = ProductFactory(sku="MILK"), site(code="A", external_id="1")
    StorefrontProductFactory(product=product, external_listing_id="100")
    stocked(product, here.shelf, 4, lot="SOON", expires_in_days=5)
    stocked(product, here.shelf, 9, lot="LATE", expires_in_days=50)
    return {"order_ref": "shop:1", "warehouse_id": 1, "items": [{"listing_id": 100, "quantity": 5}, {"sku": "milk", "quantity": "1"}]}


def test_a_checkout(integration, goods):
    made = integration.post("reservations", goods)
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    shown = made.json()
    assert [(item["lot_number"], item["quantity"], item["held"]) for item in shown["items"]] == [
        ("SOON", "4.000", "4.000"),
        ("LATE", "2.000", "2.000"),
    ]
    limit = datetime.fromisoformat(shown["expires_at"])
    assert timedelta(minutes=29) < limit - timezone.now() <= timedelta(minutes=30)
    assert integration.post("reservations", goods).json()["id"] == shown["id"]
    assert codes(integration.post("reservations", goods | {"items": [{"sku": "MILK", "quantity": 1}]})) == (409, "conflict")
    path = f"reservations/{shown['id']}"
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    assert datetime.fromisoformat(integration.post(f"{path}/extend", {"until": until}).json()["expires_at"]) == datetime.fromisoformat(until)
    assert codes(integration.post(f"{path}/extend", {"until": "2001-01-01T00:00:00Z"})) == (400, "validation_failed")
    explained = integration.get(f"{path}/explain").json()
    assert [part["lot"] for part in explained["lines"][0]["taken"]] == ["SOON", "LATE"]
    assert integration.post(f"{path}/release", {"reason": "gone"}).json()["status"] == "released"
    assert integration.post(f"{path}/release", {"reason": "again"}).json()["reason"] == "gone"
    assert Stock.objects.get().reserved == 0


def test_it_is_kept(integration, goods):
    shown = integration.post("reservations", goods | {"ttl_minutes": None}).json()
    assert shown["expires_at"] is None
    path = f"reservations/{shown['id']}"
    items = [{"item": shown["items"][0]["id"], "quantity": "3"}]
    done = integration.post(f"{path}/consume", {"actual": items}, **{"Idempotency-Key": "c"})
    assert (done.status_code, done.json()["status"]) == (200, "fulfilled")
    assert [(item["consumed"], item["released"], item["actual"]) for item in done.json()["items"]] == [
        ("3.000", "1.000", "3.000"),
        ("2.000", "0.000", "2.000"),
    ]
    assert (Stock.objects.get().quantity, Stock.objects.get().reserved) == (8, 0)
    assert codes(integration.post(f"{path}/release", {"reason": "x"})) == (409, "transition_refused")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"warehouse_id": "9"}, (422, "unknown_warehouse")),
        ({"items": []}, (400, "validation_failed")),
        ({"items": [{"quantity": 1}]}, (422, "unknown_product")),
        ({"items": [{"sku": "MILK", "quantity": "0.5"}]}, (400, "validation_failed")),
        ({"items": [{"sku": "MILK", "quantity": "14"}]}, (409, "insufficient_stock")),
        ({"items": [{"sku": "MILK", "quantity": "7", "min_remaining_days": 40}]}, (201, "")),
        ({"items": [{"sku": "MILK", "quantity": "10", "min_remaining_days": 40}]}, (409, "insufficient_stock")),
        ({"ttl_minutes": 0}, (400, "validation_failed")),
        ({"order_ref": ""}, (400, "validation_failed")),
    ],
)
def test_what_can_not_be_promised(integration, goods, wrong, code):
    response = integration.post("reservations", goods | wrong)
    assert (response.status_code, response.json().get("code", "")) == code
