"""Discounts, markdown steps and the history of prices over HTTP."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from inventory.models import Discount, MarkdownStep, PriceChange
from tests.api.conftest import codes
from tests.factories.inventory import ProductFactory, StorefrontFactory, StorefrontProductFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def offer():
    return StorefrontProductFactory(
        product=ProductFactory(sku="MILK"), price=Decimal(10), external_listing_id="100", storefront__external_id="7", currency="EUR"
    )


def test_the_life_of_a_discount(integration, offer):
    path = f"storefront-products/{offer.pk}"
    assert integration.get(path).json()["effective_price"] == "10.0000"
    made = integration.post("discounts", {"storefront_products": [offer.pk], "kind": "percent", "value": "20", "note": "Tuesday"})
    assert made.status_code == 201, made.content
    (shown,) = made.json()
    assert {name: shown[name] for name in ("storefront_id", "listing_id", "sku", "kind", "value", "reason", "running", "automatic", "valid_to")} == {
        "storefront_id": "7", "listing_id": "100", "sku": "MILK", "kind": "percent", "value": "20.0000", "reason": "manual", "running": True,
        "automatic": False, "valid_to": None,
    }  # fmt: skip
    assert integration.get(path).json()["effective_price"] == "8.0000"
    assert integration.get(path).json()["price"] == "10.0000"
    ended = integration.post(f"discounts/{shown['id']}/end")
    assert (ended.status_code, ended.json()["running"]) == (200, False)
    assert codes(integration.post(f"discounts/{shown['id']}/end")) == (409, "conflict")
    assert integration.get(path).json()["effective_price"] == "10.0000"
    history = integration.get("price-changes", storefront_product=offer.pk).json()["results"]
    assert [(row["field"], row["before"], row["after"], row["currency"]) for row in history] == [
        ("effective_price", "8.0000", "10.0000", "EUR"),
        ("effective_price", "10.0000", "8.0000", "EUR"),
    ]
    assert history[1]["reason"] == "discount: manual, Tuesday"


def test_every_listing_of_a_product_once(integration, offer):
    StorefrontProductFactory(product=offer.product, price=Decimal(3))
    body = {"sku": "milk", "kind": "fixed", "value": "1.50", "reason": "returned_item"}
    first = integration.post("discounts", body, **{"Idempotency-Key": "k"})
    again = integration.post("discounts", body, **{"Idempotency-Key": "k"})
    assert (first.status_code, again.json(), Discount.objects.count()) == (201, first.json(), 2)
    assert [row["effective_price"] for row in integration.get("storefront-products", sku="MILK").json()["results"]] == ["1.5000", "8.5000"]


def test_lists(integration, offer):
    now = timezone.now()
    for start, end in ((-2, 2), (1, 2), (-2, -1)):
        Discount.objects.create(storefront_product=offer, value=10, valid_from=now + timedelta(days=start), valid_to=now + timedelta(days=end))
    assert [row["running"] for row in integration.get("discounts").json()["results"]] == [False, False, True]
    assert len(integration.get("discounts", running="true", listing_id="100", storefront_id="7", sku="MILK").json()["results"]) == 1
    assert len(integration.get("discounts", running="false", storefront_product=offer.pk).json()["results"]) == 2
    assert integration.get("discounts", automatic="true").json()["results"] == []
    assert integration.get("price-changes", field="price", changed_from=now.isoformat()).json()["results"] == []
    assert codes(integration.get("price-changes", listing="100")) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"value": "0"}, (400, "validation_failed")),
        ({"value": "-1"}, (400, "validation_failed")),
        ({"value": "100"}, (400, "validation_failed")),
        ({"value": "NaN"}, (400, "validation_failed")),
        ({"value": "1e30"}, (400, "validation_failed")),
        ({"kind": "fixed", "value": "10"}, (400, "validation_failed")),
        ({"kind": "gift"}, (400, "validation_failed")),
        ({"automatic": True}, (400, "validation_failed")),
        ({"storefront_products": [10**12]}, (404, "not_found")),
        ({"storefront_products": []}, (400, "validation_failed")),
        ({"sku": "MILK"}, (400, "validation_failed")),
        ({"valid_to": "2001-01-01T00:00:00Z"}, (400, "validation_failed")),
        ({"valid_from": "2101-01-01T00:00:00Z", "valid_to": "2100-01-01T00:00:00Z"}, (400, "validation_failed")),
    ],
    ids=str,
)
def test_what_is_no_discount(integration, offer, wrong, code):
    body = {"storefront_products": [offer.pk], "kind": "percent", "value": "10"} | wrong
    assert codes(integration.post("discounts", body)) == code
    assert codes(integration.post("discounts", {"kind": "percent", "value": "10"})) == (400, "validation_failed")
    assert (Discount.objects.count(), PriceChange.objects.count()) == (0, 0)


def test_markdown_steps(manager, integration):
    StorefrontFactory(external_id="7")
    made = manager.post("markdown-steps", {"freshness_percent": 50, "discount_percent": 20})
    assert (made.status_code, made.json()["storefront_id"]) == (201, None)
    own = manager.post("markdown-steps", {"storefront_id": "7", "freshness_percent": 50, "discount_percent": 30})
    assert own.json()["storefront_id"] == "7"
    assert codes(manager.post("markdown-steps", {"freshness_percent": 50, "discount_percent": 30})) == (409, "conflict")
    for wrong in ({"freshness_percent": 0}, {"freshness_percent": 100}, {"discount_percent": 100}, {"discount_percent": "x"}, {"storefront_id": "9"}):
        body = {"freshness_percent": 10, "discount_percent": 30} | wrong
        assert codes(manager.post("markdown-steps", body)) == (400, "validation_failed")
    path = f"markdown-steps/{made.json()['id']}"
    assert codes(manager.patch(path, {"discount_percent": 25})) == (428, "version_required")
    changed = manager.patch(path, {"discount_percent": 25}, **{"If-Match": made["ETag"]})
    assert (changed.status_code, changed.json()["discount_percent"]) == (200, 25)
    assert codes(manager.patch(path, {"discount_percent": 26}, **{"If-Match": made["ETag"]})) == (412, "stale_version")
    assert codes(integration.delete(path)) == (403, "permission_denied")
    assert len(integration.get("markdown-steps", storefront_id="7").json()["results"]) == 1
    assert manager.delete(path).status_code == 204
    assert MarkdownStep.objects.count() == 1


def test_a_price_that_contradicts_the_markup(integration, offer):
    path = f"storefront-products/{offer.pk}"
    tag = integration.get(path)["ETag"]
    body = {"purchase_price": "2", "markup_percent": "50"}
    assert codes(integration.patch(path, body | {"price": "4"}, **{"If-Match": tag})) == (400, "validation_failed")
    assert codes(integration.patch(path, body | {"markup_percent": "-100"}, **{"If-Match": tag})) == (400, "validation_failed")
    assert codes(integration.patch(path, {"effective_price": "1"}, **{"If-Match": tag})) == (400, "validation_failed")
    changed = integration.patch(path, body, **{"If-Match": tag})
    assert (changed.json()["price"], changed.json()["effective_price"]) == ("3.0000", "3.0000")
