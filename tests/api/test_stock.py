"""What lies where, what may be promised, and goods put on the books in one call."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Movement, Receiving, Stock
from tests.api.conftest import codes
from tests.factories.inventory import ProductFactory, StorefrontFactory, StorefrontProductFactory, site, stocked

pytestmark = pytest.mark.django_db


def test_what_may_be_promised(integration):
    product, first, second = ProductFactory(sku="MILK", min_remaining_days=1), site(code="A", external_id="1"), site(code="B", external_id="2")
    stocked(product, first.shelf, 5, expires_in_days=3)
    stocked(product, first.shelf, 7, expires_in_days=30)
    stocked(product, second.shelf, 2)
    path = "stock/availability"
    answers = integration.get(path, sku="milk", quantity="6").json()
    assert [(row["warehouse"], row["warehouse_id"], row["available"], row["can_reserve"]) for row in answers] == [
        ("A", "1", "12.000", True),
        ("B", "2", "2.000", False),
    ]
    later = (timezone.now() + timedelta(days=10)).isoformat()
    assert [row["available"] for row in integration.get(path, sku="MILK", warehouse="A", ship_at=later).json()] == ["7.000"]
    assert [row["available"] for row in integration.get(path, sku="MILK", warehouse_id="1", min_remaining_days=10).json()] == ["7.000"]
    front = StorefrontFactory(external_id="shop")
    StorefrontProductFactory(storefront=front, product=product, external_listing_id="100")
    StorefrontProductFactory(external_listing_id="100")
    assert codes(integration.get(path, listing="100")) == (422, "unknown_product")
    assert len(integration.get(path, listing="100", storefront_id="shop").json()) == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"sku": "NOPE"}, 400),
        ({"sku": "A\0B"}, 400),
        ({"warehouse": "A\0B", "sku": "MILK"}, 400),
        ({"listing": "A\0B"}, 400),
        ({"sku": "MILK", "warehouse": "NOPE"}, 422),
        ({"sku": "MILK", "quantity": "-1"}, 400),
        ({"sku": "MILK", "ship_at": "soon"}, 400),
        ({"sku": "MILK", "ship_at": "9999-12-31T00:00:00Z"}, 400),
        ({"sku": "MILK", "min_remaining_days": "1e9"}, 400),
        ({"sku": "MILK", "colour": "white"}, 400),
        ({"listing": "nope", "warehouse": "A"}, 422),
    ],
)
def test_a_question_that_makes_no_sense(integration, query, status):
    ProductFactory(sku="MILK"), site(code="A")
    for path in ("stock/availability", "stock/picking-locations"):
        response = integration.get(path, **query)
        assert codes(response)[0] == status
        assert response.json()["errors"]


def test_from_where_it_would_be_picked(integration):
    product, here = ProductFactory(sku="MILK", lives={"ambient": 60, "chilled": 60}), site(code="A")
    late = stocked(product, here.shelf, 5, lot="LATE", expires_in_days=30)
    soon = stocked(product, here.cool, 4, lot="SOON", expires_in_days=5)
    old = stocked(product, here.shelf, 3, lot="OLD", expires_in_days=-1)
    path = "stock/picking-locations"
    assert [(row["id"], row["location"], row["free"]) for row in integration.get(path, sku="MILK", warehouse="A").json()] == [
        (soon.pk, "C-01", "4.000"),
        (late.pk, "A-01", "5.000"),
    ]
    everything = integration.get(path, sku="MILK", warehouse="A", all="true").json()
    assert [(row["id"], bool(row["reason"])) for row in everything] == [(old.pk, True), (soon.pk, False), (late.pk, False)]
    assert [row["id"] for row in integration.get(path, sku="MILK", warehouse="A", min_remaining_days=10).json()] == [late.pk]
    assert codes(integration.get(path, sku="MILK")) == (400, "validation_failed")


def test_what_lies_in_a_place_and_where_a_product_lies(manager):
    product, other, here, there = ProductFactory(sku="B"), ProductFactory(sku="A"), site(code="X", priority=2), site(code="Y", priority=1)
    endless = stocked(product, here.shelf, 1, lot="L0")
    BatchLocation.objects.filter(pk=endless.pk).update(effective_expires_at=None)
    late, soon = stocked(product, here.shelf, 2, lot="L1", expires_in_days=9), stocked(product, here.shelf, 3, lot="L2", expires_in_days=2)
    far, first = stocked(product, there.shelf, 4), stocked(other, here.shelf, 5)
    found = manager.get(f"locations/{here.shelf.pk}/stock").json()["results"]
    assert [row["id"] for row in found] == [first.pk, soon.pk, late.pk, endless.pk]
    assert found[1] | {"effective_expires_at": "", "received_at": ""} == {
        "id": soon.pk, "warehouse": "X", "location": "A-01", "product": product.pk, "sku": "B", "batch": soon.batch_id, "lot_number": "L2",
        "phase": "sealed", "quantity": "3.000", "reserved": "0.000", "free": "3.000", "blocked_reason": "", "effective_expires_at": "", "received_at": "",
    }  # fmt: skip
    assert [row["id"] for row in manager.get(f"products/{product.pk}/stock").json()["results"]] == [far.pk, soon.pk, late.pk, endless.pk]
    page = manager.get(f"products/{product.pk}/stock", page_size=3).json()
    assert [row["id"] for row in manager.get(page["next"]).json()["results"]] == [endless.pk]


def test_goods_in_one_call(manager):
    ProductFactory(sku="MILK")
    here = site(code="A")
    body = {
        "sku": "milk",
        "warehouse": "A",
        "quantity": "4",
        "lot_number": "L7",
        "label_expires_on": "2099-01-31",
        "location": "A-01",
        "reason": "count",
    }
    made = manager.post("stock/place", body, **{"Idempotency-Key": "p1"})
    assert made.status_code == 201, made.content
    assert (made.json()["status"], made.json()["items"][0]["actual_quantity"], made.json()["items"][0]["location"]) == ("confirmed", "4.000", "A-01")
    assert manager.post("stock/place", body, **{"Idempotency-Key": "p1"}).content == made.content
    assert (Stock.objects.get().quantity, Batch.objects.get().lot_number, Receiving.objects.count()) == (4, "L7", 1)
    assert Movement.objects.get().performed_by == manager.user.username
    for wrong, code in (
        ({"location": "NOPE"}, (400, "validation_failed")),
        ({"sku": "NOPE"}, (422, "unknown_product")),
        ({"warehouse": "NOPE"}, (422, "unknown_warehouse")),
        ({"quantity": "0.5"}, (400, "validation_failed")),
        ({"quantity": "0"}, (400, "validation_failed")),
        ({"label_expires_on": "2001-01-31", "lot_number": "L8"}, (422, "short_dated")),
        ({"label_expires_on": "2098-01-31"}, (409, "lot_mismatch")),
        ({"location": "F-01", "lot_number": "L9"}, (422, "place_not_allowed")),
    ):
        assert codes(manager.post("stock/place", body | wrong)) == code, wrong
    assert Stock.objects.get().quantity == 4
    assert here.shelf.code == "A-01"
