"""The live pages in a browser, on the real process for streams: they follow the work, say so when the stream is gone, and come back to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from csp.constants import SELF
from django.contrib.auth import get_user_model
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from fulfillment.models import Order
from fulfillment.services.orders import process_order_cancelled
from tests.browser.conftest import PHONE, SCREENSHOTS, WCAG_AA, Axe, Path
from tests.factories.fulfillment import begun, order_for, person, pick, reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, stocked
from tests.warehouse.live.conftest import LiveProcess, relay
from tests.warehouse.outbox.conftest import running
from warehouse.core.actor import Actor, Role

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
DESKTOP = {"width": 1440, "height": 900}


@pytest.fixture
def streams(environment: dict[str, str], live_server: LiveServer, settings: object) -> Iterator[LiveProcess]:
    site = int(live_server.url.rpartition(":")[2])
    live = LiveProcess(environment | {"PORT": str(site), "LIVE_URL": ":1"})
    settings.LIVE_URL = f":{live.port}"
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"connect-src": [SELF, f"http://localhost:{live.port}"]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": directives}
    with running(relay().run):
        yield live
    if live.process.poll() is None:
        live.kill()


@pytest.fixture
def walk(environment: dict[str, str]) -> tuple[Order, Actor]:
    house, picker = reachable_site(code="MAIN", external_id="1"), person(Role.PICKER)
    products = ProductFactory.create_batch(3)
    for product in products:
        stocked(product, house.shelf, 20)
    return order_for([(product, 2) for product in products]), picker


def signed_in(chromium: Browser, site: str, size: dict[str, int]) -> Page:
    get_user_model().objects.create_superuser("boss", password="boss-of-the-house")
    page = chromium.new_context(viewport=size).new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{site}{reverse('admin:login')}?next={reverse('live')}")
    page.fill("input[name=username]", "boss")
    page.fill("input[name=password]", "boss-of-the-house")
    page.click("button[type=submit]")
    page.wait_for_selector("#live")
    return page


def look(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)
    results = Axe().run(page, context="#live", options=WCAG_AA)
    assert results.violations_count == 0, f"{name}: {results.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_board_follows_the_work(
    chromium: Browser, live_server: LiveServer, streams: LiveProcess, walk: tuple[Order, Actor], size: dict[str, int]
) -> None:
    order, picker = walk
    page = signed_in(chromium, live_server.url, size)
    expect(page.locator("#live-state")).to_have_text("Live", timeout=20_000)
    expect(page.locator("#live-part")).to_contain_text("1 waiting")
    task = begun(order.picking_tasks.get(), picker)
    expect(page.locator("#live-part")).to_contain_text(f"{picker.name} picks {task.number}")
    pick(task.items.order_by("sequence")[0], picker)
    expect(page.locator("#live-part")).to_contain_text("1 of 3", timeout=15_000)  # a scan is no event: it is asked for every five seconds
    look(page, f"live-board-{size['width']}")
    page.context.close()


def test_the_stream_is_lost_and_found_again(chromium: Browser, live_server: LiveServer, streams: LiveProcess, walk: tuple[Order, Actor]) -> None:
    order, _ = walk
    page = signed_in(chromium, live_server.url, DESKTOP)
    expect(page.locator("#live-state")).to_have_text("Live", timeout=20_000)
    streams.kill()
    expect(page.locator("#live-state")).to_have_text("No live connection: asked again every 15 seconds")
    process_order_cancelled(order.source, order.external_id, "gone", actor=ACTOR)
    expect(page.locator("#live-part")).not_to_contain_text("1 waiting", timeout=25_000)
    streams.start()
    expect(page.locator("#live-state")).to_have_text("Live", timeout=40_000)
    page.context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_order_is_followed(
    chromium: Browser, live_server: LiveServer, streams: LiveProcess, walk: tuple[Order, Actor], size: dict[str, int]
) -> None:
    order, picker = walk
    page = signed_in(chromium, live_server.url, size)
    page.goto(f"{live_server.url}{reverse('admin:fulfillment_order_progress', args=[order.pk])}")
    expect(page.locator("#live-state")).to_have_text("Live", timeout=20_000)
    task = begun(order.picking_tasks.get(), picker)
    expect(page.locator("#live-part")).to_contain_text(f"{picker.name} is on the way to")
    pick(task.items.order_by("sequence")[0], picker)
    expect(page.locator("#live-part")).to_contain_text("33 %", timeout=15_000)
    look(page, f"live-order-{size['width']}")
    page.context.close()
