"""A count at the back office, from the paper to the report."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from inventory.models import Audit, AuditLine, Batch, Stock
from tests.browser.test_back_office import Desk, desk
from tests.factories.inventory import ProductFactory, site, stocked
from tests.factories.office import page
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
__all__ = ["desk"]


def test_a_count_from_the_paper_to_the_report(desk: Desk, chromium: Browser, live_server: LiveServer) -> None:
    here = site(code="MAIN", name="Main warehouse")
    bread, milk = ProductFactory(sku="BREAD", name="Bread"), ProductFactory(sku="MILK", name="Milk", lives={"chilled": 14})
    stocked(bread, here.shelf, 10, lot="L1", expires_in_days=9)
    stocked(milk, here.cool, 24, lot="M7", expires_in_days=6)
    stocked(milk, here.cool, 12, lot="M8", expires_in_days=8)
    Batch.objects.update(purchase_price=Decimal("1.20"))
    desk.sign_in(Role.AUDITOR)
    desk.open("/admin/inventory/audit/add/")
    desk.choose(0, "Main")
    desk.look("audit-1-paper")
    desk.page.locator("button[name=_save], input[name=_save]").first.click()
    audit = Audit.objects.get()
    desk.open(page(audit))
    desk.step("Start")
    desk.look("audit-2-start")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("0 of 3 lines counted")
    desk.open(reverse("admin:inventory_audit_count_sheet", args=[audit.pk]))
    desk.look("audit-7-sheet")
    desk.open(page(audit))
    desk.step("barcode_scanner Scan")
    desk.page.get_by_label("Places").fill("A-01 C-01")
    desk.look("audit-3-scan")
    desk.submit()
    desk.step("edit_note Counts")
    for line in AuditLine.objects.order_by("pk"):
        desk.page.locator(f"[name=line-{line.pk}]").fill({"L1": "10", "M7": "22", "M8": "13"}[line.lot_number])
    desk.look("audit-4-counts")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("counts – done")
    desk.look("audit-5-counted")
    expect(desk.page.locator("body")).not_to_contain_text("Difference")
    desk.step("playlist_add Found")
    desk.look("audit-6-found")
    desk.page.get_by_label("Place").fill("QUAR")
    desk.page.get_by_label("Product").fill("MILK")
    desk.page.get_by_label("How many").fill("2")
    desk.page.get_by_label("Lot").fill("M7")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("found – done")
    desk.step("Complete")
    desk.look("audit-8-complete")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("counted lines were right")
    desk.look("audit-9-report")
    assert Audit.objects.get().status == "completed"
    assert {stock.product.sku: stock.quantity for stock in Stock.objects.select_related("product")} == {"BREAD": 10, "MILK": 37}
