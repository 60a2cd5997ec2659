"""The back office in a real browser: its scripts run under its policy, dialogs open in the page, and everybody can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from fulfillment.models import Order
from inventory.models import Receiving, ReceivingItem, Stock
from tests.browser.conftest import SCREENSHOTS, WCAG_AA
from tests.factories.fulfillment import order_for, reachable_site
from tests.factories.inventory import BarcodeFactory, ProductFactory, stocked
from tests.factories.office import clerk, page
from tests.factories.stocksync import ChannelFactory
from warehouse.core.actor import Role

PASSWORD = "a long pass phrase"


class Desk:
    """A page on a desk that keeps what the browser complains about."""

    def __init__(self, browser: Browser, server: str) -> None:
        self.server, self.complaints = server, list[str]()
        self.page: Page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", lambda answer: answer.status < 400 or self.complaints.append(f"{answer.status} {answer.url}"))
        self.page.on(
            "request", lambda request: request.url.startswith((server, "data:", "blob:")) or self.complaints.append(f"outside: {request.url}")
        )

    def sign_in(self, *roles: Role) -> None:
        user = clerk(*roles)
        user.set_password(PASSWORD)
        user.save()
        self.open("/admin/")
        self.page.fill("#id_username", user.username)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("button[type=submit]")
        expect(self.page.locator("#nav-sidebar")).to_be_visible()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.server}{path}")

    def step(self, name: str) -> None:
        self.page.locator("#main").get_by_role("link", name=name, exact=False).first.click()
        expect(self.page.locator("#dialog")).to_be_visible()

    def submit(self) -> None:
        self.page.locator("#dialog button[type=submit]").click()

    def choose(self, place: int, text: str) -> None:
        """Type into the so-manieth box that completes, and take what is offered."""
        self.page.locator(".select2-selection").nth(place).click()
        self.page.locator(".select2-search__field").last.fill(text)
        self.page.locator(".select2-results__option--highlighted", has_text=text).click()

    def look(self, name: str) -> None:
        self.page.wait_for_load_state("networkidle")
        if SCREENSHOTS:
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))
        results = Axe().run(self.page, options=WCAG_AA)
        assert results.violations_count == 0, f"{name}: {results.generate_report()}"


@pytest.fixture
def desk(chromium: Browser, live_server: LiveServer) -> Iterator[Desk]:
    desk = Desk(chromium, live_server.url)
    yield desk
    desk.page.context.close()
    assert desk.complaints == []


def test_a_delivery_from_the_paper_to_the_books(desk: Desk) -> None:
    house = reachable_site(code="MAIN", external_id="1")
    product = ProductFactory(sku="HON-1", name="Honey")
    BarcodeFactory(code="4006381333931", product=product, pack_quantity=6)
    desk.sign_in(Role.RECEIVER)
    desk.look("60-dashboard")
    desk.open("/admin/inventory/receiving/add/")
    desk.choose(0, "MAIN")
    desk.page.get_by_text("Add another Line").click()
    desk.choose(3, "HON-1")
    desk.page.fill("[name=items-0-lot_number]", "L7")
    desk.page.fill("[name=items-0-expected_quantity]", "12")
    desk.page.get_by_role("button", name="Save and continue editing").click()
    expect(desk.page.locator("body")).to_contain_text("RCV-")
    desk.look("61-receiving")
    for counted in ("6", "12"):
        desk.step("Scan goods")
        expect(desk.page.locator("#dialog [name=scan]")).to_be_focused()
        desk.page.keyboard.type("4006381333931")
        desk.page.keyboard.press("Enter")
        expect(desk.page.locator("[name=items-0-actual_quantity]")).to_have_value(counted)
    assert ReceivingItem.objects.get().actual_quantity == 12
    desk.step("Confirm")
    desk.look("62-confirm")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("confirm – done")
    assert Receiving.objects.get().status == "confirmed"
    assert Stock.objects.get(product=product, warehouse=house.id).quantity == 12


def test_a_refusal_is_said_in_the_dialog_and_the_second_try_works(desk: Desk) -> None:
    house = reachable_site(code="MAIN", external_id="1")
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    order = order_for([(product, 2)])
    desk.sign_in(Role.MANAGER)
    desk.open(page(order))
    desk.step("Cancel order")
    desk.submit()
    expect(desk.page.locator("#dialog")).to_contain_text("This field is required.")
    order.save_changes("priority")
    desk.page.fill("#dialog [name=reason]", "customer called")
    desk.submit()
    expect(desk.page.locator("#dialog [role=alert]")).to_contain_text("changed meanwhile")
    desk.look("63-refused")
    assert Order.objects.get().status == "accepted"
    desk.page.get_by_text("Close", exact=True).last.click()
    expect(desk.page.locator("#dialog")).to_be_hidden()
    desk.step("Cancel order")
    desk.page.fill("#dialog [name=reason]", "customer called")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("cancel order – done")
    assert Order.objects.get().status == "cancelled"
    desk.look("64-cancelled")


def test_the_lists_and_their_filters(desk: Desk) -> None:
    house = reachable_site(code="MAIN", external_id="1")
    product = ProductFactory(sku="HON-1")
    stocked(product, house.shelf, 9)
    order_for([(product, 2)])
    desk.sign_in(Role.MANAGER)
    for name, path in (
        ("order", "fulfillment/order"),
        ("task", "fulfillment/pickingtask"),
        ("stock", "inventory/stock"),
        ("moves", "inventory/movement"),
    ):
        desk.open(f"/admin/{path}/")
        desk.page.get_by_text("Filters").first.click()
        expect(desk.page.get_by_text("Apply Filters")).to_be_visible()
        desk.look(f"65-{name}")
    desk.open("/admin/inventory/movement/?q=HON-1")
    expect(desk.page.locator("#result_list tbody tr")).to_have_count(2)


def test_the_ledger_shows_order_document_and_person_without_scrolling_sideways(desk: Desk) -> None:
    house = reachable_site(code="BEOGRAD-1", external_id="1")
    product = ProductFactory(sku="SALMON-FILLET-200", name="Salmon")
    stocked(product, house.shelf, 1200, lot="LOT-2026-11-0042")
    order_for([(product, 125)], order_number="ORDER-20261120-0001")
    desk.sign_in(Role.AUDITOR)
    desk.open("/admin/inventory/movement/")
    heads = desk.page.locator("#result_list thead th").filter(visible=True)
    assert {"order, document", "performed by"} <= {head.inner_text().strip().lower() for head in heads.all()}
    for head in heads.all():
        box = head.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 1280, head.inner_text()
    desk.look("66-ledger")


def test_a_long_name_widens_no_page(desk: Desk) -> None:
    """What an autocomplete shows as chosen is cut where its field ends."""
    channel = ChannelFactory(warehouse__code="W123456", warehouse__name="A warehouse with a rather long name in Novi Beograd")
    desk.sign_in(Role.MANAGER)
    desk.page.set_viewport_size({"width": 1280, "height": 900})
    desk.open(f"/admin/stocksync/channel/{channel.pk}/change/")
    assert desk.page.evaluate("document.documentElement.scrollWidth") == 1280
