"""A write-off at the back office, in a real browser: from the paper to a manager's approval."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from playwright.sync_api import expect

from inventory.models import Batch, Stock, WriteOff
from tests.browser.test_back_office import Desk, desk
from tests.factories.fulfillment import reachable_site
from tests.factories.inventory import ProductFactory, stocked
from tests.factories.office import page
from warehouse.core.actor import Role

__all__ = ["desk"]


def add(desk: Desk, **values: str) -> None:
    """One line, by its dialog; the scanner's field has the focus."""
    desk.step("Add line")
    expect(desk.page.locator("#dialog [name=scan]")).to_be_focused()
    for name, value in values.items():
        field = desk.page.locator(f"#dialog [name={name}]")
        field.select_option(value) if name == "reason" else field.fill(value)


def test_from_the_paper_to_the_managers_approval(desk: Desk, settings: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(10)
    house = reachable_site(code="MAIN", external_id="1")
    honey = ProductFactory(sku="HON-1", name="Honey")
    stocked(honey, house.shelf, 9, lot="L1")
    stocked(honey, house.dock, 9, lot="L2")
    Batch.objects.update(purchase_price=Decimal("2.50"))
    desk.sign_in(Role.RECEIVER)
    desk.open("/admin/inventory/writeoff/add/")
    desk.look("70-write-off-new")
    desk.choose(0, "MAIN")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.locator("body")).to_contain_text("WOF-")
    add(desk, scan="HON-1", quantity="5", reason="damaged")
    desk.submit()
    expect(desk.page.locator("#dialog [role=alert]")).to_contain_text("A-01, lot L1, sealed: 9; DOCK, lot L2, sealed: 9")
    desk.look("71-write-off-which")
    desk.page.fill("#dialog [name=place]", "A-01")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("12.50 EUR")
    desk.look("72-write-off")
    desk.step("Confirm")
    desk.look("73-write-off-confirm")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("awaiting approval")
    write_off = WriteOff.objects.get()
    assert (write_off.status, Stock.objects.get().quantity) == ("awaiting_approval", 18)

    desk.page.context.clear_cookies()
    desk.sign_in(Role.MANAGER)
    desk.page.get_by_text("Awaiting approval").first.click()
    expect(desk.page.locator("#result_list tbody tr")).to_have_count(1)
    desk.look("74-write-offs-waiting")
    desk.open(page(write_off))
    desk.step("Approve")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("approve – done")
    desk.look("75-write-off-approved")
    assert Stock.objects.get().quantity == 13
