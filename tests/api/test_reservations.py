"""Promises of stock."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from inventory.models import BatchLocation, Movement, Stock
from inventory.orchestrator import reallocate_item
from tests.api.conftest import codes
from tests.factories.inventory import ACTOR, ProductFactory, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance

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


# --- weighed goods -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ham():
    """2 kg in one lot, and what a checkout asks of it: 0.1 + 0.2 kg."""
    product = ProductFactory(sku="HAM", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.05"))
    stocked(product, site(code="A", external_id="1").shelf, 2, lot="H1", expires_in_days=9)
    return {"order_ref": "shop:1", "warehouse": "A", "items": [{"sku": "HAM", "quantity": 0.1}, {"sku": "HAM", "quantity": "0.2"}]}


def figures() -> tuple[Decimal, Decimal, Decimal]:
    stock = Stock.objects.get()
    return stock.quantity, stock.reserved, stock.available


def test_a_tenth_and_two_tenths_of_a_kilogram(integration, ham):
    shown = integration.post("reservations", ham).json()
    assert [(item["quantity"], item["held"]) for item in shown["items"]] == [("0.300", "0.300")]
    assert figures() == (Decimal(2), Decimal("0.3"), Decimal("1.7"))
    integration.post(f"reservations/{shown['id']}/consume")
    assert figures() == (Decimal("1.7"), 0, Decimal("1.7"))


@pytest.mark.parametrize(
    ("weighed", "quantity", "consumed", "released"),
    [
        ("0.3", "1.7", "0.300", "0.000"),
        ("0.287", "1.713", "0.287", "0.013"),  # less: the rest is free again
        ("0.35", "1.65", "0.300", "0.000"),  # more, up to the tolerance
        (0.287, "1.713", "0.287", "0.013"),
        ("0", "2", "0.000", "0.300"),
    ],
)
def test_what_was_weighed_leaves(integration, ham, weighed, quantity, consumed, released):
    shown = integration.post("reservations", ham).json()
    done = integration.post(f"reservations/{shown['id']}/consume", {"actual": [{"item": shown["items"][0]["id"], "quantity": weighed}]})
    assert (done.status_code, done.json()["status"]) == (200, "fulfilled"), done.content
    (item,) = done.json()["items"]
    assert (item["consumed"], item["released"], item["held"], Decimal(item["actual"])) == (consumed, released, "0.000", Decimal(str(weighed)))
    assert figures() == (Decimal(quantity), 0, Decimal(quantity))
    assert_books_balance()


def test_what_was_weighed_and_can_not_be(integration, ham):
    shown = integration.post("reservations", ham).json()
    path, item = f"reservations/{shown['id']}/consume", shown["items"][0]["id"]

    def weighed(quantity, item=item):
        return integration.post(path, {"actual": [{"item": item, "quantity": quantity}]})

    heavy = weighed("0.351")
    assert codes(heavy) == (400, "validation_failed")
    assert heavy.json()["detail"] == "HAM: 0.351 is 0.051 more than promised; the tolerance is 0.05."
    for wrong in ("-0.1", "0.3001", "NaN", "1e30", "", None, [0.3], True):
        assert codes(weighed(wrong)) == (400, "validation_failed"), wrong
    assert codes(weighed("0.3", item=999_999)) == (400, "validation_failed")
    twice = integration.post(path, {"actual": [{"item": item, "quantity": "0.1"}, {"item": item, "quantity": "0.2"}]})
    assert codes(twice) == (400, "validation_failed")
    assert figures() == (Decimal(2), Decimal("0.3"), Decimal("1.7"))
    assert not Movement.objects.filter(type="sale").exists()


def test_a_surplus_that_others_were_promised(integration, ham):
    shown = integration.post("reservations", ham).json()
    integration.post("reservations", ham | {"order_ref": "shop:2", "items": [{"sku": "HAM", "quantity": "1.68"}]})
    short = integration.post(f"reservations/{shown['id']}/consume", {"actual": [{"item": shown["items"][0]["id"], "quantity": "0.34"}]})
    assert codes(short) == (409, "insufficient_stock")
    assert [(error["sku"], error["asked"], error["available"]) for error in short.json()["errors"]] == [("HAM", "0.040", "0.020")]
    assert figures() == (Decimal(2), Decimal("1.98"), Decimal("0.02"))


# --- freshness ---------------------------------------------------------------------------------------------------------------------------


def test_days_that_must_be_left_when_it_ships(integration, goods):
    ship_at = (timezone.now() + timedelta(days=20)).isoformat()
    strict = goods | {"ship_at": ship_at, "items": [{"sku": "MILK", "quantity": "9", "min_remaining_days": 25}]}
    shown = integration.post("reservations", strict).json()
    assert [item["lot_number"] for item in shown["items"]] == ["LATE"]
    (line,) = integration.get(f"reservations/{shown['id']}/explain").json()["lines"]
    assert (line["sku"], line["min_remaining_days"], datetime.fromisoformat(line["ship_at"])) == ("MILK", 25, datetime.fromisoformat(ship_at))
    assert [(part["lot"], part["reason"].endswith("too early")) for part in line["skipped"]] == [("SOON", True)]
    for days in (-1, 3651, "many", 1.5):
        assert codes(integration.post("reservations", goods | {"items": [{"sku": "MILK", "quantity": 1, "min_remaining_days": days}]})) == (
            400, "validation_failed",
        )  # fmt: skip


def test_goods_that_spoiled_do_not_leave(integration, goods):
    shown = integration.post("reservations", goods).json()
    BatchLocation.objects.filter(batch__lot_number="SOON").update(effective_expires_at=timezone.now())
    refused = integration.post(f"reservations/{shown['id']}/consume")
    assert codes(refused) == (409, "unfit_now")
    assert [(error["sku"], error["quantity"]) for error in refused.json()["errors"]] == [("MILK", "4")]


def test_an_override_is_explained(integration, goods):
    shown = integration.post("reservations", goods).json()
    late = BatchLocation.objects.get(batch__lot_number="LATE")
    reallocate_item(shown["items"][0]["id"], late.pk, reason="The carton is open", quantity=Decimal(1), actor=ACTOR)
    chosen, override = integration.get(f"reservations/{shown['id']}/explain").json()["lines"]
    assert (chosen["rule"], chosen["considered"]) == ("fefo", 2)
    assert (override["override"], override["by"], override["sku"]) == ("The carton is open", "tests", "MILK")
    assert (override["instead_of"]["lot"], override["instead_of"]["location"]) == ("SOON", "A-01")
    assert [(part["lot"], Decimal(part["quantity"])) for part in override["taken"]] == [("LATE", 1)]
