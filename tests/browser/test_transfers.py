"""A transfer taken through its life at a desk, and the steps of what lies in a place."""

from __future__ import annotations

from playwright.sync_api import expect

from inventory.models import BatchLocation, Transfer
from tests.browser.test_back_office import Desk, desk
from tests.factories.fulfillment import reachable_site
from tests.factories.inventory import ProductFactory, stocked
from tests.factories.office import page
from tests.inventory.clocks import days_pass
from warehouse.core.actor import Role

__all__ = ["desk"]


def test_a_transfer_from_the_paper_to_the_other_shelf(desk: Desk) -> None:
    house, shop = reachable_site(code="BEOGRAD-1", external_id="1"), reachable_site(code="NOVI-SAD-2", external_id="2")
    apples = ProductFactory(sku="APPLES-GALA-1KG", name="Apples", lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.shelf, 40, lot="LOT-2026-11-0042")
    stocked(ProductFactory(sku="HONEY-500", name="Honey"), house.shelf, 12, lot="H-7")
    days_pass(7)
    desk.sign_in(Role.RECEIVER)
    desk.open("/admin/inventory/transfer/add/")
    desk.choose(0, "BEOGRAD-1")
    desk.choose(1, "NOVI-SAD-2")
    desk.page.locator(".select2-selection").nth(2).click()
    desk.page.locator(".select2-search__field").last.fill("c-01 novi-sad-2")
    desk.page.locator(".select2-results__option--highlighted", has_text="C-01 (NOVI-SAD-2)").click()
    desk.look("70-transfer-add")
    desk.page.get_by_role("button", name="Save and continue editing").click()
    expect(desk.page.locator("body")).to_contain_text("TRF-")
    for scan, quantity, target in (("apples-gala-1kg", "25", ""), ("HONEY-500", "2", "A-01")):
        desk.step("Add line")
        expect(desk.page.locator("#dialog [name=scan]")).to_be_focused()
        desk.page.keyboard.type(scan)
        desk.page.fill("#dialog [name=quantity]", quantity)
        desk.page.fill("#dialog [name=target]", target)
        desk.look("71-transfer-line")
        desk.submit()
        expect(desk.page.locator("#items-group, .inline-group").first).to_contain_text(scan.upper())
    desk.look("72-transfer-draft")
    desk.step("Send")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("send – done")
    expect(desk.page.locator("body")).to_contain_text("66.7%")
    desk.look("73-transfer-sent")
    desk.step("Receive")
    desk.page.locator("#dialog input[name$=-arrived]").first.fill("24")
    desk.look("74-transfer-receive")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("receive – done")
    desk.look("75-transfer-received")
    paper = Transfer.objects.get()
    assert (paper.status, paper.loss is not None) == ("received", True)
    assert BatchLocation.objects.get(location=shop.cool).quantity == 24
    desk.open("/admin/inventory/transfer/")
    desk.look("76-transfers")


def test_goods_are_moved_opened_and_split_where_they_lie(desk: Desk) -> None:
    house = reachable_site(code="BEOGRAD-1", external_id="1")
    dogs = ProductFactory(sku="HOT-DOGS", name="Hot dogs", lives={"chilled": 14, ("chilled", "opened"): 7})
    goods = stocked(dogs, house.dock, 40, lot="LOT-7")
    desk.sign_in(Role.RECEIVER)
    desk.open(page(goods))
    desk.look("77-goods")
    desk.step("Put away")
    desk.look("78-put-away")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("put away – done")
    shelf = BatchLocation.objects.get(location=house.cool)
    desk.open(page(shelf))
    desk.step("Freeze, thaw, open")
    desk.page.select_option("#dialog [name=change]", "open")
    desk.page.fill("#dialog [name=quantity]", "1")
    desk.look("79-open")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("freeze, thaw, open – done")
    desk.step("Split lot")
    desk.page.fill("#dialog [name=quantity]", "100")
    desk.submit()
    expect(desk.page.locator("#dialog [role=alert]")).to_contain_text("asked 100, available 39")
    desk.look("80-split-refused")
    assert BatchLocation.objects.get(phase="opened").quantity == 1
