"""What happens between the easy scans: cancelled orders, missing goods, put-backs, the camera, no connection, other languages."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect
from pytest_django.live_server_helper import LiveServer

from fulfillment.enums import SOURCE_LISTINGS, PickingItemStatus
from fulfillment.models import Order, PickingTask, PickingTaskItem, PutBack
from fulfillment.services.orders import process_order_cancelled
from inventory.models import BatchLocation, Location
from tests.browser.conftest import CHROMIUM, PHONE, Phone, badge_of
from tests.browser.film import film_of
from tests.factories.fulfillment import ACTOR, order_for, person, site, stocked
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory
from warehouse.core.actor import Role

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(db: Any) -> Any:
    """A site with cheese and ham on two shelves, an order for both, a picker who has begun."""
    place = site(name="Novi Sad")
    Location.objects.filter(pk=place.shelf.pk).update(pick_sequence=1)
    far = LocationFactory(warehouse=place.warehouse, code="COLD-02-07-3", condition="ambient", pick_sequence=2)
    cheese, ham = ProductFactory(name="Cheese"), ProductFactory(name="Ham")
    BarcodeFactory(code="4001", product=cheese)
    stocked(cheese, place.shelf, 5, lot="CH-1", expires_in_days=30)
    stocked(ham, far, 5, lot="HAM-1", expires_in_days=9)
    order = order_for([(cheese, 3), (ham, 2)], order_number="S-7")
    return place, far, cheese, ham, order


def test_an_order_cancelled_under_the_pickers_hands_is_put_back(phone: Phone, shop: Any) -> None:
    place, far, cheese, _ham, order = shop
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.sees_not("Pack")  # a picker does not pack
    phone.tap("Pick", "link")
    phone.tap("Take the next order")
    phone.sees("Go to")
    phone.scan(place.shelf.code)
    phone.sees("Scan the product")
    phone.scan("4001")
    phone.sees("Confirm")
    phone.tap("Less")  # two now, the third later
    phone.tap("Confirm")
    phone.sees("Picked: 2 pcs", "already picked")
    phone.look("20-partly-picked")
    phone.scan("4001")
    phone.sees("Picked: 1 pcs", far.code)
    phone.look("21-long-place")
    process_order_cancelled(SOURCE_LISTINGS, order.external_id, "the customer changed their mind", actor=ACTOR)
    phone.scan(far.code)
    phone.sees("The order was cancelled. Stop picking.")
    phone.look("22-cancelled")
    phone.tap("Put back", "link")
    phone.sees("Cheese", "3 pcs")
    phone.look("23-put-back")
    phone.scan("nothing of the list")
    phone.sees("Not to be put back")
    phone.scan("4001")
    phone.sees("Bring it to", place.shelf.code, "Scan the place")
    phone.look("24-put-back-place")
    phone.scan("4001")  # a product is no place
    phone.sees("Wrong scan", place.shelf.code)
    phone.page.wait_for_timeout(350)
    phone.scan(place.shelf.barcode)
    phone.sees("Put back: 3 pcs", "Nothing to put back.")
    phone.look("25-put-back-done")
    assert PutBack.objects.get().done_quantity == 3
    assert BatchLocation.objects.get(location=place.shelf, product=cheese).quantity == 5


def test_not_enough_and_skip_ask_first(phone: Phone, shop: Any) -> None:
    place, _far, _cheese, _ham, _order = shop
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    phone.tap("Not enough", "link")
    phone.sees("Not enough here?", "Cheese", "3 pcs")
    phone.look("26-ask-short")
    phone.tap("No, back", "link")
    phone.sees("Go to", place.shelf.code)
    phone.tap("Not enough", "link")
    phone.tap("Yes, not enough")
    phone.sees("Noted: not enough", "Ham")
    phone.tap("Skip", "link")
    phone.look("27-ask-skip")
    phone.tap("Yes, skip it")
    phone.sees("All picked")
    assert list(PickingTaskItem.objects.order_by("sequence").values_list("status", flat=True)) == [PickingItemStatus.SHORT, PickingItemStatus.SKIPPED]
    assert Order.objects.get().status == "needs_attention"


def test_a_weighed_product_is_picked_in_tenths(phone: Phone, db: Any) -> None:
    place = site()
    ham = ProductFactory(name="Ham off the bone", base_unit="kg", quantity_step=Decimal("0.001"))
    stocked(ham, place.shelf, "10", lot="H", expires_in_days=9)
    order_for([(ham, "2.85")])
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    phone.sees("2.85 kg")
    phone.scan(place.shelf.code)
    phone.sees("Scan the product")
    phone.scan(ham.sku)
    phone.sees("Confirm")
    phone.tap("More")
    expect(phone.page.locator("#quantity")).to_have_value("2.85")
    phone.tap("Less")
    expect(phone.page.locator("#quantity")).to_have_value("2.75")
    phone.look("28-weighed")
    phone.tap("Confirm")
    phone.sees("Picked: 2.75 kg", "0.1 kg")


def test_scans_come_faster_than_answers(phone: Phone, shop: Any) -> None:
    """Pulls of the trigger without waiting: each is judged after the one before it."""
    place, far, cheese, ham, _order = shop
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    phone.sees("Go to")
    phone.scan(place.shelf.code)
    phone.scan("4001")
    phone.page.wait_for_timeout(350)
    phone.scan("4001")
    phone.scan(far.code)
    phone.scan(ham.sku)
    phone.sees("HAM-1", "Right product", "Confirm")
    assert phone.heard() == ["right"] * 5
    item = PickingTaskItem.objects.get(product=cheese)
    assert (item.status, item.quantity_picked) == (PickingItemStatus.PICKED, 3)


def test_a_scan_that_is_answered_late_still_shows_its_answer(phone: Phone, shop: Any) -> None:
    place, *_ = shop
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    phone.sees("Go to")
    held: list[Any] = []
    phone.page.route("**/scan", lambda route: held.append(route))
    phone.scan(place.shelf.code)
    phone.tap("Not enough", "link")  # meanwhile
    phone.sees("Not enough here?")
    assert len(held) == 1
    held[0].continue_()
    phone.sees("Right place", "Scan the product")
    assert phone.heard() == ["right"]


def test_without_a_connection_the_screen_says_so_and_nothing_is_lost(phone: Phone, shop: Any) -> None:
    place, *_ = shop
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    phone.sees("Go to")
    phone.page.context.set_offline(True)
    phone.scan(place.shelf.code)
    phone.sees("No connection", "Wait for the network")
    phone.look("29-offline")
    phone.page.context.set_offline(False)
    phone.tap("Look again")
    phone.sees("Go to", place.shelf.code)
    phone.scan(place.shelf.code)
    phone.sees("Scan the product")
    phone.complaints.clear()  # of the lost connection


def test_sign_in_with_a_wrong_pin_a_password_and_in_other_languages(phone: Phone, shop: Any) -> None:
    worker = person(Role.PICKER)
    badge = badge_of(worker)
    phone.open("/floor/login")
    phone.scan(badge)
    phone.press("0000")
    phone.sees("Wrong badge or PIN")
    phone.look("30-wrong-pin")
    phone.complaints.clear()  # Chromium reports the status 401
    phone.sign_in(badge)
    phone.tap("Polski")
    phone.sees("Kompletacja")
    phone.look("31-polish")
    phone.tap("Русский")
    phone.sees("Отбор")
    phone.look("32-russian")
    phone.tap("Отбор", "link")
    phone.page.get_by_role("button").first.click()
    phone.sees("Идите к месту")
    phone.look("33-russian-pick")
    phone.scan("wrong")
    phone.sees("Не то место")
    phone.look("34-russian-wrong")
    phone.open("/floor/")
    phone.page.locator("form[action='/floor/logout'] button").click()
    phone.sees("Вход")
    phone.open("/floor/login?by=password")
    phone.look("35-password")


def test_the_camera_reads_a_code(playwright: Playwright, live_server: LiveServer, shop: Any, tmp_path: Path) -> None:
    place, *_ = shop
    film = tmp_path / "camera.y4m"
    film_of(place.shelf.barcode, film)
    camera = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=camera)
    try:
        phone = Phone(browser.new_context(viewport=PHONE, permissions=["camera"]).new_page(), live_server.url)
        phone.sign_in(badge_of(person(Role.PICKER)))
        phone.open("/floor/pick")
        phone.tap("Take the next order")
        phone.tap("Scan with the camera")
        phone.sees("Right place", "Scan the product")
        assert phone.complaints == []
    finally:
        browser.close()


def test_somebody_elses_task_and_a_role_that_is_missing(phone: Phone, shop: Any) -> None:
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    phone.sees("Go to")
    phone.page.context.clear_cookies()
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open(f"/floor/pick/{PickingTask.objects.get().pk}")
    phone.sees("This is not your task.")
    phone.look("36-not-mine")
    phone.open("/floor/pack")
    phone.sees("Your role does not include this work.")
    phone.look("37-refused")
    phone.complaints.clear()  # Chromium reports the status 403
