"""The manual of the API, under the site's policy for scripts and with nothing from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model
from knox.models import AuthToken
from playwright.sync_api import expect

from tests.factories.fulfillment import person
from tests.factories.inventory import ProductFactory
from warehouse.core.actor import Role

if TYPE_CHECKING:
    from tests.browser.conftest import Phone

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_call_is_tried_out(phone: Phone) -> None:
    ProductFactory(sku="MILK-1L")
    viewer = get_user_model().objects.get(pk=person(Role.VIEWER).user_id)
    token = AuthToken.objects.create(viewer)[1]
    phone.page.set_viewport_size({"width": 1280, "height": 900})
    phone.open("/api/docs/")
    expect(phone.page.locator("#operations-orders-create_order")).to_be_visible(timeout=60_000)  # the description is large
    phone.page.locator(".authorize").first.click()
    with_token = phone.page.locator(".auth-container", has_text="create_token")
    with_token.locator("input").fill(token)
    with_token.get_by_role("button", name="Apply credentials").click()
    phone.page.locator(".btn-done").first.click()
    call = phone.page.locator("#operations-products-list_products")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    expect(call.locator(".live-responses-table")).to_contain_text("MILK-1L")
