"""The manual of the API, under the site's policy for scripts and with nothing from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model
from knox.models import AuthToken
from playwright.sync_api import expect

from tests.factories.fulfillment import person
from warehouse.core.actor import Role

if TYPE_CHECKING:
    from tests.browser.conftest import Phone

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_call_is_tried_out(phone: Phone) -> None:
    viewer = get_user_model().objects.get(pk=person(Role.VIEWER).user_id)
    token = AuthToken.objects.create(viewer)[1]
    phone.page.set_viewport_size({"width": 1280, "height": 900})
    phone.open("/api/docs/")
    # The page draws what is far down only when one comes near it: the first call of all serves.
    call = phone.page.locator("#operations-alerts-list_alerts")
    expect(call).to_be_visible(timeout=30_000)
    phone.page.locator(".authorize").first.click()
    with_token = phone.page.locator(".auth-container", has_text="create_token")
    with_token.locator("input").fill(token)
    with_token.get_by_role("button", name="Apply credentials").click()
    phone.page.locator(".btn-done").first.click()
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    expect(call.locator(".live-responses-table")).to_contain_text('"results"')
