"""Chromium on a phone with a wedge scanner: it types the code and Enter, whatever has the focus."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, Page, Playwright, expect
from pytest_django.live_server_helper import LiveServer

from tests.partners.fixtures import delivery, order_system
from warehouse.core.actor import Actor

__all__ = ["delivery", "order_system"]

# Playwright's own event loop runs in this thread; nothing of Django is asynchronous here.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PHONE = {"width": 360, "height": 740}
PIN = "4711"
# Set it to a directory to look at the screens.
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
# Set it to try the screens over a slow network: milliseconds until every answer begins (the test that takes the network away has its own).
LATENCY_MS = int(os.environ.get("LATENCY_MS", "0"))
expect.set_options(timeout=15_000)
WCAG_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not Path(CHROMIUM).exists():
                item.add_marker(pytest.mark.skip(reason=f"NO BROWSER: {CHROMIUM} is not there. Install Chromium or name it in CHROMIUM."))


@dataclass
class Phone:
    """A page on a phone, with a scanner, that keeps what the browser complains about."""

    page: Page
    server: str
    complaints: list[str] = field(default_factory=list)
    shots: int = 0

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._only_ours)

    def _only_ours(self, request: Any) -> None:
        if not request.url.startswith((self.server, "data:", "blob:")):
            self.complaints.append(f"asked outside: {request.url}")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.server}{path}")

    def scan(self, code: str) -> None:
        """As a wedge scanner does: the keys, then Enter; no click before it."""
        self.page.keyboard.type(code)
        self.page.keyboard.press("Enter")

    def tap(self, name: str, role: Any = "button") -> None:
        self.page.get_by_role(role, name=name, exact=False).first.click()

    def press(self, number: str) -> None:
        """Tap a number on the pad, then its green button."""
        for key in [*number, "enter"]:
            self.page.locator(f"[data-key='{key}']").click()

    def sees(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("body")).to_contain_text(text)

    def sees_not(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("body")).not_to_contain_text(text)

    def heard(self) -> list[str]:
        """The sounds since the page was loaded."""
        return (self.page.locator("body").get_attribute("data-played") or "").split()

    def look(self, name: str) -> None:
        """Check the screen: WCAG AA by axe, nothing wider than the phone; keep a picture when asked to."""
        self.page.wait_for_timeout(550)  # the flash of a right scan is over
        if SCREENSHOTS:
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))
        results = Axe().run(self.page, options=WCAG_AA)
        assert results.violations_count == 0, f"{name}: {results.generate_report()}"
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{name} is {width} px wide"

    def sign_in(self, badge: str, pin: str = PIN) -> None:
        self.open("/floor/login")
        self.scan(badge)
        self.press(pin)
        expect(self.page.locator("#pin")).to_have_count(0)


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def phone(chromium: Browser, live_server: LiveServer) -> Iterator[Phone]:
    """A phone that has nothing to complain about at the end."""
    context = chromium.new_context(viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True, locale="en-GB")
    context.set_default_timeout(10_000)
    phone = Phone(context.new_page(), live_server.url)
    if LATENCY_MS:  # it would undo a `set_offline`
        conditions = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": -1, "uploadThroughput": -1}
        context.new_cdp_session(phone.page).send("Network.emulateNetworkConditions", conditions)
    yield phone
    context.close()
    assert phone.complaints == []


def badge_of(actor: Actor) -> str:
    """Give the person a badge and the PIN of these tests."""
    user = get_user_model().objects.get(pk=actor.user_id)
    user.badge = f"BADGE-{user.pk}"
    user.set_pin(PIN)
    user.save()
    return user.badge
