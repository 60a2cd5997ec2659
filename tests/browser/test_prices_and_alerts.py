"""Prices, discounts and alerts at the back office, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from inventory.enums import Severity
from inventory.models import Alert, AlertMessage, Discount, StorefrontProduct
from inventory.services.alerts import open_alert, resolve_alert
from inventory.services.markdowns import create_markdown_step
from tests.browser.test_back_office import Desk, desk
from tests.factories.fulfillment import reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, StorefrontProductFactory
from tests.factories.office import page
from warehouse.core.actor import Role

__all__ = ["desk"]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_the_life_of_a_discount(desk: Desk) -> None:
    offer = StorefrontProductFactory(product=ProductFactory(sku="MILK-1L", name="Milk"), price=Decimal("1.29"), external_listing_id="100")
    desk.sign_in(Role.MANAGER)
    desk.open(page(offer))
    desk.step("Add discount")
    desk.page.select_option("#dialog [name=kind]", "fixed")
    desk.page.fill("#dialog [name=value]", "5")
    desk.submit()
    expect(desk.page.locator("#dialog [role=alert]")).to_contain_text("leaves nothing of the price")
    desk.look("80-discount-refused")
    desk.page.fill("#dialog [name=value]", "0.30")
    desk.page.fill("#dialog [name=last_day]", str(timezone.localdate() + timedelta(days=7)))
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("add discount – done")
    expect(desk.page.locator("body")).to_contain_text("0.99 EUR")
    desk.look("81-listing")
    assert StorefrontProduct.objects.get().effective_price == Decimal("0.99")
    desk.step("End discount")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("end discount – done")
    discount = Discount.objects.get()
    assert discount.valid_to is not None
    assert discount.valid_to <= timezone.now()
    create_markdown_step({"freshness_percent": 30, "discount_percent": 20}, actor=ACTOR)
    for name, path in (
        ("82-discounts", "discount"),
        ("83-steps", "markdownstep"),
        ("84-history", "pricechange"),
        ("85-listings", "storefrontproduct"),
    ):
        desk.open(f"/admin/inventory/{path}/")
        desk.look(name)


def test_somebody_looks_after_an_alert(desk: Desk) -> None:
    house = reachable_site(code="MAIN", external_id="1")
    row = open_alert(
        "out_of_stock", "stock:1", message="MILK-1L in MAIN is out of stock: 0 available, low at 5.", severity=Severity.CRITICAL,
        warehouse_id=house.id, data={"sku": "MILK-1L", "available": "0"}, actor=ACTOR,
    )  # fmt: skip
    AlertMessage.objects.create(alert=row, channel="tgram-1a2b3c4d", attempts=3, last_error="The channel did not take the message.")
    open_alert("low_stock", "stock:2", message="TEA in MAIN is low: 2 available, low at 5.", warehouse_id=house.id, actor=ACTOR)
    open_alert("expiring", "batch:1", message="4 of KEFIR lot K1 in MAIN keeps until 2026-11-22.", severity=Severity.INFO, actor=ACTOR)
    resolve_alert("expiring", "batch:1", actor=ACTOR)
    desk.sign_in(Role.MANAGER)
    desk.look("86-dashboard")
    desk.page.get_by_role("link", name="Open alerts").click()
    expect(desk.page.locator("#result_list tbody tr")).to_have_count(2)
    desk.open("/admin/inventory/alert/")
    desk.look("87-alerts")
    desk.open(page(row))
    desk.step("Look after it")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("look after it – done")
    desk.look("88-alert")
    assert Alert.objects.get(pk=row.pk).acknowledged_at is not None
