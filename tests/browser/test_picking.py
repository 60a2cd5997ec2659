"""A walk on which everything goes wrong: put off, another batch, not enough, the last scan taken back; then the count of the empty place."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment.enums import PickingStatus
from fulfillment.models import Pick, PickingTask
from inventory.models import CountRequest
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import order_for, person, reachable_site
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory, stocked
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Role


@pytest.fixture
def hall(db: None) -> Any:
    """Milk in three lots on three shelves, ajvar on the second; an order for both."""
    site = reachable_site(name="Belgrade main")
    shelves = [
        LocationFactory(warehouse=site.warehouse, code=code, zone=zone, pick_sequence=walk)
        for walk, (code, zone) in enumerate((("A-01-1", "Hall"), ("B-02-3", "Hall"), ("C-07-2", "Cellar")), start=1)
    ]
    milk, jar = ProductFactory(name="Milk 3.2 % 1 l"), ProductFactory(name="Ajvar, home style, 690 g")
    BarcodeFactory(code="8600000000011", product=milk)
    BarcodeFactory(code="8600000000028", product=jar)
    for shelf, lot, days in zip(shelves, ("L-EARLY", "L-NEXT", "L-LATE"), (10, 20, 30), strict=True):
        stocked(milk, shelf, 5, lot=lot, expires_in_days=days)
    stocked(jar, shelves[1], 4, lot="AJ-7")
    order_for([(milk, 5), (jar, 2)], order_number="S-1001")
    return site, shelves


def pick_all(phone: Phone, place: str, code: str) -> None:
    phone.scan(place)
    phone.sees("Scan the product")
    phone.page.wait_for_timeout(350)
    phone.scan(code)
    phone.sees("Right product", "Confirm")
    phone.tap("Confirm")


def test_a_walk_on_which_everything_goes_wrong(phone: Phone, hall: Any) -> None:
    _, (first, second, third) = hall
    worker = person(Role.PICKER, Role.AUDITOR)
    phone.open("/floor/login")
    phone.sign_in(badge_of(worker))
    phone.tap("Pick", "link")
    phone.tap("Take the next order")
    phone.sees("Go to", first.code, "Not enough", "Later", "Other batch")
    phone.look("pick-01-place")

    phone.tap("Later")
    phone.sees("Put off to the end", second.code)
    pick_all(phone, second.barcode, "8600000000028")
    phone.sees("Picked: 2 pcs", first.code, "1/2", "Undo last")
    phone.look("pick-02-undo-offered")

    phone.tap("Undo last", "link")
    phone.sees("Take back the last scan?", "Put it back to", second.code)
    phone.look("pick-03-undo")
    phone.tap("Yes, put it back")
    phone.sees("Undone: 2 pcs", "0/2")
    phone.look("pick-04-undone")
    assert Pick.objects.get().undone_at is not None
    pick_all(phone, second.barcode, "8600000000028")
    phone.sees("1/2", first.code)

    phone.tap("Other batch", "link")
    phone.sees("Where do you take it from?", "L-EARLY")
    phone.look("pick-05-other-place")
    phone.scan(third.barcode)
    phone.sees("Scan the lot on the goods")
    phone.scan("8600000000028")
    phone.sees("Wrong scan", "L-LATE")
    phone.look("pick-06-other-wrong")
    phone.tap("OK", "link")
    phone.scan("L-LATE")
    phone.sees("Why do you take other goods?")
    phone.look("pick-07-other-why")
    phone.page.locator("#quantity").fill("1")
    phone.tap("Goods damaged")
    phone.sees("Picked: 1 pcs", first.code, "2/3")

    phone.tap("Not enough", "link")
    phone.sees("Not enough here?", "looked for in other places")
    phone.look("pick-08-not-enough")
    phone.tap("Yes, not enough")
    phone.sees("Noted: not enough", f"The rest is fetched from {second.code}", "3/4")
    phone.look("pick-09-elsewhere")
    pick_all(phone, second.barcode, "8600000000011")
    phone.sees("All picked", "Bring everything to")
    assert PickingTask.objects.get().status == PickingStatus.COMPLETED
    agrees()

    phone.tap("Back", "link")
    phone.sees("Count")
    phone.look("pick-10-home")
    phone.tap("Count", "link")
    phone.sees("Goods were missed here", first.code)
    phone.look("pick-11-count-start")
    phone.tap("Count 1 place")
    phone.sees("Go to", first.code)
    assert CountRequest.objects.get().closed_at is None


@pytest.mark.parametrize("language", ["ru", "pl"])
def test_the_buttons_fit_in_other_languages(phone: Phone, hall: Any, language: str) -> None:
    _, (first, _, third) = hall
    phone.open("/floor/login")
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.open("/floor/")
    phone.tap({"ru": "Русский", "pl": "Polski"}[language])
    phone.open("/floor/pick")
    phone.page.locator("form[action='/floor/pick/claim'] button").click()
    phone.sees(first.code)
    phone.scan(first.barcode)
    phone.page.wait_for_timeout(400)
    phone.look(f"pick-{language}-product")
    task = PickingTask.objects.get()
    phone.open(f"/floor/pick/{task.pk}?ask=short")
    phone.look(f"pick-{language}-short")
    phone.open(f"/floor/pick/{task.pk}/other")
    phone.scan(third.barcode)
    phone.page.wait_for_timeout(400)
    phone.scan("L-LATE")
    phone.page.wait_for_timeout(400)
    phone.look(f"pick-{language}-why")
