"""Prices, discounts and markdown steps at the back office."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Discount, MarkdownStep, PriceChange, StorefrontProduct
from inventory.services.discounts import apply_discount
from tests.factories.inventory import ACTOR, ProductFactory, StorefrontFactory, StorefrontProductFactory
from tests.factories.office import listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def offer() -> StorefrontProduct:
    return StorefrontProductFactory(product=ProductFactory(sku="MILK"), price=Decimal(10), external_listing_id="100")


def form_of(offer: StorefrontProduct, **changed: Any) -> dict[str, Any]:
    values = {
        "storefront": offer.storefront_id, "product": offer.product_id, "external_listing_id": offer.external_listing_id, "currency": "EUR",
        "purchase_price": offer.purchase_price, "price": offer.price, "markup_percent": "",
    }  # fmt: skip
    empty = {f"{prefix}-{name}_FORMS": 0 for prefix in ("discounts", "price_changes") for name in ("TOTAL", "INITIAL")}
    return values | empty | changed


def discount(offer: StorefrontProduct, client: Client, **asked: Any) -> Any:
    return take(client, offer, "add_discount", version=-1, **({"kind": "percent", "value": "20", "reason": "manual"} | asked))


def test_a_discount_from_the_page_of_a_listing(manager: Client, offer: StorefrontProduct) -> None:
    assert steps_offered(manager, offer) == ["add-discount"]
    assert discount(offer, manager, note="Tuesday").status_code == 302
    offer.refresh_from_db()
    assert offer.effective_price == 8
    text = manager.get(page(offer)).content.decode()
    for shown in ("8.00 EUR", "20 %", "running", "Tuesday", "10.00 EUR", "discount: manual, Tuesday"):
        assert shown in text
    assert steps_offered(manager, offer) == ["add-discount", "end-discount"]
    assert take(manager, offer, "end_discount", version=-1, discount=Discount.objects.get().pk).status_code == 302
    offer.refresh_from_db()
    assert (offer.effective_price, steps_offered(manager, offer)) == (10, ["add-discount"])


def test_whole_days(manager: Client, offer: StorefrontProduct) -> None:
    today = timezone.localdate()
    discount(offer, manager, first_day=today, last_day=today)
    discount(offer, manager, first_day=today + timedelta(days=2), last_day=today + timedelta(days=3))
    now, later = Discount.objects.order_by("pk")
    assert (now.valid_to, timezone.localtime(later.valid_from).date()) == (
        timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1),
        today + timedelta(days=2),
    )
    assert later.valid_to == later.valid_from + timedelta(days=2)


@pytest.mark.parametrize(
    "wrong", [{"value": "-1"}, {"value": "NaN"}, {"value": ""}, {"kind": "gift"}, {"last_day": "2001-01-01"}, {"kind": "fixed", "value": "10"}]
)
def test_what_is_no_discount(manager: Client, offer: StorefrontProduct, wrong: dict[str, str]) -> None:
    answer = discount(offer, manager, **wrong)
    assert answer.context["error"] or answer.context["form"].errors
    assert Discount.objects.count() == 0


def test_the_list_of_discounts(manager: Client, offer: StorefrontProduct) -> None:
    (running,) = apply_discount(listing_ids=[offer.pk], kind="percent", value=Decimal(20), actor=ACTOR)
    (coming,) = apply_discount(listing_ids=[offer.pk], kind="fixed", value=Decimal("1.5"), valid_from=timezone.now() + timedelta(days=1), actor=ACTOR)
    automatic = Discount.objects.create(storefront_product=offer, value=5, automatic=True, reason="expiring_soon")
    assert "1.50 EUR" in manager.get(listing(Discount)).content.decode()
    for state, expected in (("running", {running, automatic}), ("coming", {coming}), ("ended", set())):
        assert set(manager.get(listing(Discount), {"state": state}).context["cl"].queryset) == expected
    assert (steps_offered(manager, running), steps_offered(manager, automatic)) == (["end"], [])
    take(manager, running, "end", version=-1)
    assert set(manager.get(listing(Discount), {"state": "ended"}).context["cl"].queryset) == {running}
    assert take(manager, automatic, "end", version=-1).context["error"].code == "conflict"


def test_the_form_of_a_listing_keeps_the_history(manager: Client, offer: StorefrontProduct) -> None:
    assert manager.post(page(offer), form_of(offer, purchase_price="2", markup_percent="50")).status_code == 302
    offer.refresh_from_db()
    assert (offer.price, offer.effective_price) == (3, 3)
    assert list(PriceChange.objects.order_by("pk").values_list("field", "after", "changed_by")) == [
        (field, after, PriceChange.objects.latest("pk").changed_by) for field, after in (("purchase_price", 2), ("price", 3), ("effective_price", 3))
    ]
    refused = manager.post(page(offer), form_of(offer, markup_percent="20", price="7"), follow=True)
    assert "Leave out the price" in " ".join(str(message) for message in refused.context["messages"])
    assert manager.post(page(offer), form_of(offer, markup_percent="99999")).context["adminform"].form.errors.keys() == {"markup_percent"}


def test_listings_in_the_page_of_a_product_go_through_their_operations(manager: Client, offer: StorefrontProduct) -> None:
    shop = StorefrontFactory()
    product = offer.product
    inline = {
        "storefront_products-TOTAL_FORMS": 2, "storefront_products-INITIAL_FORMS": 1,
        "storefront_products-0-id": offer.pk, "storefront_products-0-product": product.pk, "storefront_products-0-storefront": offer.storefront_id,
        "storefront_products-0-external_listing_id": "100", "storefront_products-0-price": "12", "storefront_products-0-purchase_price": "0",
        "storefront_products-0-currency": "EUR", "storefront_products-1-product": product.pk, "storefront_products-1-storefront": shop.pk,
        "storefront_products-1-external_listing_id": "200", "storefront_products-1-price": "0", "storefront_products-1-purchase_price": "4",
        "storefront_products-1-currency": "EUR", "storefront_products-1-markup_percent": "25",
    }  # fmt: skip
    others = {f"{prefix}-{name}_FORMS": 0 for prefix in ("barcodes", "shelf_lives") for name in ("TOTAL", "INITIAL")}
    values = {name: getattr(product, name) for name in ("sku", "name", "base_unit", "quantity_step", "rotation", "min_remaining_days")}
    more = {"weight_tolerance": product.weight_tolerance, "default_low_stock_threshold": "5", "is_active": "on", "tracks_expiry": "on"}
    answer = manager.post(page(product), values | more | inline | others)
    assert answer.status_code == 302, answer.context["errors"]
    assert list(StorefrontProduct.objects.order_by("pk").values_list("external_listing_id", "price")) == [("100", 12), ("200", 5)]
    assert list(PriceChange.objects.order_by("pk").values_list("field", "before", "after")) == [
        ("price", 10, 12), ("effective_price", 10, 12), ("purchase_price", 0, 4), ("price", 0, 5), ("effective_price", 0, 5),
    ]  # fmt: skip


def test_markdown_steps(manager: Client) -> None:
    shop = StorefrontFactory(name="Market")
    add = listing(MarkdownStep) + "add/"
    assert manager.post(add, {"storefront": "", "freshness_percent": 50, "discount_percent": 20}).status_code == 302
    assert manager.post(add, {"storefront": shop.pk, "freshness_percent": 50, "discount_percent": 30}).status_code == 302
    assert manager.post(add, {"storefront": "", "freshness_percent": 50, "discount_percent": 10}).status_code == 200
    assert manager.post(add, {"storefront": "", "freshness_percent": 0, "discount_percent": 10}).status_code == 200
    text = manager.get(listing(MarkdownStep)).content.decode()
    assert "all of them" in text
    assert "Market" in text
    step = MarkdownStep.objects.get(storefront=None)
    assert manager.post(page(step), {"storefront": "", "freshness_percent": 50, "discount_percent": 25}).status_code == 302
    assert MarkdownStep.objects.get(pk=step.pk).discount_percent == 25
    assert manager.post(page(step).replace("change", "delete"), {"post": "yes"}).status_code == 302
    assert MarkdownStep.objects.count() == 1
    viewer = office(Role.VIEWER)
    assert viewer.get(listing(MarkdownStep)).status_code == 200
    assert viewer.post(add, {"storefront": "", "freshness_percent": 20, "discount_percent": 20}).status_code == 403


def test_the_history_is_read_only(manager: Client, offer: StorefrontProduct) -> None:
    discount(offer, manager)
    change = PriceChange.objects.get()
    assert "8.00 EUR" in manager.get(listing(PriceChange)).content.decode()
    assert manager.post(page(change), {"reason": "forged"}).status_code == 403
    assert manager.get(listing(PriceChange) + "add/").status_code == 403
    viewer = office(Role.VIEWER)
    assert steps_offered(viewer, offer) == []
    assert discount(offer, viewer).status_code == 403


@pytest.mark.parametrize("model", [StorefrontProduct, Discount, PriceChange])
def test_lists_in_a_constant_number_of_statements(manager: Client, model: Any) -> None:
    counts = []
    for many in (1, 8):
        for _ in range(many):
            offer = StorefrontProductFactory(price=Decimal(10))
            apply_discount(listing_ids=[offer.pk], kind="fixed", value=Decimal(2), actor=ACTOR)
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(listing(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_the_page_of_a_listing_in_a_constant_number_of_statements(manager: Client, offer: StorefrontProduct) -> None:
    counts = []
    for many in (1, 30):
        for _ in range(many):
            apply_discount(listing_ids=[offer.pk], kind="fixed", value=Decimal(2), actor=ACTOR)
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(page(offer)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
