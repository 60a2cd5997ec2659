"""Stock synchronisation at the back office in a real browser: the queue, a discrepancy, the way of a quantity, a report."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from stocksync.models import Discrepancy, ListingLevel, PendingStockOperation, SyncReport
from stocksync.services.levels import list_product
from stocksync.services.reports import generate_sync_report
from tests.browser.test_back_office import Desk, desk
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from tests.factories.office import page
from tests.factories.stocksync import channel_at, elsewhere, given_up, many_operations, owed, taken_in, told
from warehouse.core.actor import Role

__all__ = ["desk"]

QUEUE = "/admin/stocksync/pendingstockoperation/"


@pytest.mark.usefixtures("redis")
def test_the_queue_from_the_dashboard_to_a_retry(desk: Desk) -> None:
    channel = channel_at(site(), code="allegro-pl", name="Allegro Polska")
    told(owed(channel))
    given_up(owed(channel, external_id="29738e61-7f6a-11ee-ac45-95eb2de6c0a1"))
    many_operations(channel, 12, product=ProductFactory())
    desk.sign_in(Role.MANAGER)
    desk.look("70-sync-dashboard")
    desk.page.get_by_role("link", name="Not taken by them").click()
    expect(desk.page.locator("#result_list tbody tr")).to_have_count(1)
    expect(desk.page.locator("#result_list")).to_contain_text("5 of 5")
    desk.look("71-sync-failed")
    desk.page.locator("#result_list tbody a").first.click()
    expect(desk.page.locator("body")).to_contain_text("422: no")
    desk.look("72-sync-operation")
    desk.step("Retry")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("retry – done")
    assert PendingStockOperation.objects.filter(status="failed").count() == 0


@pytest.mark.usefixtures("redis")
def test_many_are_ticked_and_cancelled_with_a_reason(desk: Desk) -> None:
    channel = channel_at(site())
    many_operations(channel, 4, product=ProductFactory())
    desk.sign_in(Role.MANAGER)
    desk.open(QUEUE)
    boxes = desk.page.locator("#result_list input.action-select")
    boxes.nth(0).check()
    boxes.nth(1).check()
    desk.page.locator("select[name=action]").select_option("cancel_chosen")
    desk.page.get_by_role("button", name="Run", exact=True).click()
    desk.page.fill("[name=reason]", "the account is closed")
    desk.look("73-sync-bulk")
    desk.page.get_by_role("button", name="Cancel operations").click()
    expect(desk.page.locator("body")).to_contain_text("2 of 2 done")
    assert PendingStockOperation.objects.filter(status="cancelled").count() == 2


@pytest.mark.usefixtures("redis")
def test_a_discrepancy_shows_both_sides_and_is_resolved(desk: Desk) -> None:
    given_up(owed(channel_at(site(), name="Allegro Polska")))
    desk.sign_in(Role.MANAGER)
    desk.open("/admin/stocksync/discrepancy/")
    desk.look("74-sync-discrepancies")
    desk.open(page(Discrepancy.objects.get()))
    expect(desk.page.locator(".sync-sides .is-different")).to_contain_text("deducted")
    desk.look("75-sync-discrepancy")
    desk.step("Tell again")
    desk.page.fill("#dialog [name=reason]", "the account is right again")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("tell again – done")
    assert Discrepancy.objects.get().resolved_at is not None


@pytest.mark.usefixtures("redis")
def test_levels_channels_orders_log_and_reports(desk: Desk) -> None:
    house = site()
    product = ProductFactory(sku="CHOCO-100", name="Dark chocolate")
    stocked(product, house.shelf, 30)
    channel = elsewhere(house, kind="allegro_rest", token_id="", name="Allegro Česko")
    list_product(channel.pk, "12600300401", product.sku, actor=ACTOR)
    order = told(owed(channel, [(product, 2)])).order
    now = timezone.now()
    generate_sync_report(now - timedelta(days=7), now, actor=ACTOR)
    desk.sign_in(Role.MANAGER)
    shown = [
        ("76-sync-level", page(ListingLevel.objects.get())),
        ("77-sync-channel", page(channel)),
        ("78-sync-order", page(order)),
        ("79-sync-report", page(SyncReport.objects.get())),
        ("80-sync-log", "/admin/stocksync/stocksynchronizationlog/"),
        ("81-sync-levels", "/admin/stocksync/listinglevel/"),
        ("82-sync-orders", "/admin/stocksync/channelorder/"),
        ("83-sync-reports", "/admin/stocksync/syncreport/"),
    ]
    for name, path in shown:
        desk.open(path)
        width = desk.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1280, f"{name} is {width} px wide"
        desk.look(name)
    desk.open(page(channel))
    desk.step("Switch to shadow")
    expect(desk.page.locator("#dialog")).to_contain_text("nothing is told to the marketplace")
    desk.look("84-sync-shadow")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("switch to shadow – done")


@pytest.mark.usefixtures("redis")
def test_a_listing_that_is_sold_there_is_listed_from_the_page_of_its_channel(desk: Desk) -> None:
    product = ProductFactory(sku="CHOCO-100", name="Dark chocolate")
    channel = elsewhere(site(), kind="allegro_rest", token_id="", name="Allegro Česko", mode="shadow")
    taken_in(channel, [(product, 2)])
    taken_in(channel, [("BUNDLE-OF-TWO", 1)])
    desk.sign_in(Role.MANAGER)
    desk.open(page(channel))
    expect(desk.page.locator("body")).to_contain_text("would be deducted if it were on")
    desk.look("85-sync-ready")
    desk.page.get_by_role("link", name="List offer-1").click()
    expect(desk.page.locator("[name=offer_id]")).to_have_value("offer-1")
    expect(desk.page.locator("[name=sku]")).to_have_value("CHOCO-100")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("list a product – done")
    assert ListingLevel.objects.get().product == product


@pytest.mark.usefixtures("redis")
def test_long_ids_errors_and_tables_fit_a_desk_and_a_phone(desk: Desk) -> None:
    house = site()
    channel = channel_at(house, name="Allegro Polska")
    rows = [owed(channel, external_id=f"29738e61-7f6a-11ee-ac45-95eb2de6c0a{each}") for each in range(3)]
    given_up(rows[0])
    told(rows[1])
    PendingStockOperation.objects.filter(pk=rows[0].pk).update(
        error_message=f"Allegro microservice: 422: {'https://allegro.example/' * 5}", attempts=9
    )
    product = ProductFactory(sku="CHOCOLATE-BOX-OF-TWELVE-PIECES", name="Dark chocolate in a box, twelve pieces, gift wrapped")
    quantities = elsewhere(house, kind="allegro_rest", token_id="", code="allegro-cz")
    level = list_product(quantities.pk, "12600300401", product.sku, actor=ACTOR)
    ListingLevel.objects.update(error_message="Allegro REST: 422 UNPROCESSABLE: the offer is not active, its quantity can't be changed", failures=3)
    now = timezone.now()
    generate_sync_report(now - timedelta(days=7), now, actor=ACTOR)
    desk.sign_in(Role.MANAGER)
    lists = [QUEUE, "/admin/stocksync/listinglevel/", "/admin/stocksync/channelorder/", "/admin/stocksync/discrepancy/?state=all"]
    pages = [page(each) for each in (rows[0], rows[0].order, Discrepancy.objects.get(), level, channel, quantities, SyncReport.objects.get())]
    for width in (1400, 360):
        desk.page.set_viewport_size({"width": width, "height": 900})
        for path in lists + pages:
            desk.open(path)
            assert desk.page.evaluate("document.documentElement.scrollWidth") <= width, (width, path)
    desk.page.set_viewport_size({"width": 1400, "height": 900})
    for path in lists:
        desk.open(path)
        table = desk.page.locator("#result_list").bounding_box()
        assert table is not None
        assert table["x"] + table["width"] <= 1400, path
