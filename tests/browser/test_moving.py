"""Goods from the dock to the shelf, from shelf to shelf, into the freezer and out of it; and what a scan tells, in Chromium."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from inventory.models import BatchLocation
from inventory.services.recalls import hold_batch
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import order_for, person, site
from tests.factories.inventory import ACTOR, BarcodeFactory, LocationFactory, ProductFactory, stocked
from warehouse.core.actor import Role


def quantities(product: Any) -> dict[tuple[str, str], Decimal]:
    rows = BatchLocation.objects.filter(product=product, has_stock=True).select_related("location")
    result: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        result[row.location.code, row.phase] = result.get((row.location.code, row.phase), Decimal(0)) + row.quantity
    return result


@pytest.fixture
def goods(db: Any) -> Any:
    place = site(name="Belgrade main")
    tea = ProductFactory(name="Black tea 100 g")
    beef = ProductFactory(
        name="Minced beef 500 g", freezable=True, lives={"chilled": 4, "frozen": 120, ("chilled", "thawed"): 1, ("chilled", "opened"): 1}
    )
    BarcodeFactory(code="8600000000042", product=tea)
    BarcodeFactory(code="8600000000059", product=beef)
    stocked(tea, place.shelf, 5, lot="T-1", expires_in_days=300)
    stocked(tea, place.dock, 48, lot="T-1", expires_in_days=300)
    stocked(tea, place.dock, 12, lot="T-2", expires_in_days=330)
    stocked(beef, place.dock, 6, lot="B-1", expires_in_days=4)
    return place, tea, beef


def test_goods_are_put_away(phone: Phone, goods: Any) -> None:
    place, tea, beef = goods
    phone.sign_in(badge_of(person(Role.RECEIVER)))
    phone.tap("Put away", "link")
    phone.sees("Minced beef", "Black tea", "Scan goods on the dock")
    phone.look("61-put-away")
    phone.scan("8600000000042")
    phone.sees("Which of them?", "T-1", "T-2")
    phone.look("62-put-away-which")
    phone.tap("T-1")
    phone.sees("Bring it to", "A-01", "the same lot lies there", "48 pcs")
    phone.look("63-put-away-place")
    phone.scan("8600000000042")
    phone.sees("This is no place")
    phone.tap("OK", "link")
    phone.tap("Part of it", "link")
    phone.sees("How much?")
    phone.look("64-put-away-part")
    phone.press("60")
    phone.sees("Too much", "48 pcs")
    phone.tap("OK", "link")
    phone.tap("Part of it", "link")
    phone.press("40")
    phone.sees("Bring it to", "40 pcs")
    phone.scan(place.cool.code)
    phone.sees("Not in this place")
    phone.look("65-put-away-not-there")
    phone.tap("OK", "link")
    phone.scan(place.shelf.barcode)
    phone.sees("40 pcs in A-01", "Undo")
    assert phone.heard()[-1] == "right"
    phone.look("66-put-away-done")
    assert quantities(tea) == {("A-01", "sealed"): 45, ("DOCK", "sealed"): 20}
    phone.tap("Undo")
    phone.sees("Black tea", "48 pcs")
    phone.scan("B-1")
    phone.sees("C-01", "chilled", "the nearest empty place")
    phone.scan(place.cool.code)
    phone.sees("6 pcs in C-01")
    assert quantities(beef) == {("C-01", "sealed"): 6}
    assert quantities(tea) == {("A-01", "sealed"): 5, ("DOCK", "sealed"): 60}


def test_goods_are_moved_frozen_and_thawed(phone: Phone, goods: Any) -> None:
    place, _tea, beef = goods
    other = LocationFactory(warehouse=place.warehouse, code="B-12-03", condition="ambient")
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.tap("Move", "link")
    phone.sees("Scan the place that you take from")
    phone.look("67-move")
    phone.scan(place.dock.code)
    phone.sees("From DOCK", "Minced beef", "Black tea")
    phone.look("68-move-from")
    phone.scan("T-2")
    phone.sees("DOCK → ?", "Scan the target place")
    expect(phone.page.locator("#quantity")).to_have_value("12")
    phone.page.locator("[data-key='5']").click()
    expect(phone.page.locator("#quantity")).to_have_value("5")
    phone.look("69-move-target")
    phone.scan(place.dock.code)
    phone.sees("It lies there already")
    phone.tap("OK", "link")
    expect(phone.page.locator("#quantity")).to_have_value("5")
    phone.scan(other.code)
    phone.sees("5 pcs in B-12-03", "Undo")
    phone.look("70-moved")
    phone.tap("Undo")
    phone.sees("Taken back")
    phone.scan("8600000000059")
    phone.sees("DOCK → ?", "Freeze")
    phone.tap("Freeze")
    phone.sees("Scan the freezer")
    phone.look("71-freeze")
    phone.scan(place.shelf.code)
    phone.sees("Not in this place")
    phone.tap("OK", "link")
    phone.scan(place.freezer.code)
    phone.sees("Frozen: 6 pcs in F-01")
    phone.page.wait_for_timeout(350)
    phone.scan(place.freezer.code)
    phone.tap("Thaw")
    phone.page.locator("[data-key='2']").click()
    phone.scan(place.cool.code)
    phone.sees("Thawed: 2 pcs in C-01")
    phone.page.wait_for_timeout(350)
    phone.scan(place.cool.code)
    phone.sees("thawed")
    phone.tap("Open")
    phone.sees("Open it here")
    phone.page.locator("[data-key='1']").click()
    phone.tap("Open it here")
    phone.sees("Opened: 1 pcs in C-01")
    assert quantities(beef) == {("F-01", "sealed"): 4, ("C-01", "thawed"): 1, ("C-01", "opened"): 1}


def test_what_is_keyed_and_scanned_before_the_answer_is_of_the_screen_that_it_brings(phone: Phone, goods: Any) -> None:
    """A slow network: the number stays, and the scan does not overtake the tap."""
    place, tea, beef = goods
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.tap("Move", "link")
    phone.sees("Scan the place that you take from")
    phone.scan("8600000000059")
    phone.sees("DOCK → ?", "Freeze")
    held: list[Route] = []
    phone.page.route("**/floor/move/change", lambda route: held.append(route))
    phone.tap("Freeze")
    phone.page.locator("[data-key='2']").click()
    phone.scan(place.freezer.code)
    phone.page.wait_for_timeout(300)
    assert len(held) == 1
    assert quantities(beef) == {("DOCK", "sealed"): 6}
    held.pop().continue_()
    phone.sees("Frozen: 2 pcs in F-01")
    assert quantities(beef) == {("DOCK", "sealed"): 4, ("F-01", "sealed"): 2}
    phone.page.wait_for_timeout(350)
    phone.scan(place.dock.code)
    phone.sees("From DOCK")
    phone.tap("Minced beef")
    phone.sees("DOCK → ?", "Cancel")
    phone.page.locator("[data-key='3']").click()
    phone.tap("Cancel")
    phone.page.locator("[data-key='1']").click()
    held.pop().continue_()
    phone.sees("Scan the place that you take from")
    phone.scan("T-2")
    phone.sees("DOCK → ?", "Black tea")
    expect(phone.page.locator("#quantity")).to_have_value("12")
    assert quantities(tea) == {("A-01", "sealed"): 5, ("DOCK", "sealed"): 60}


def test_anything_is_looked_up(phone: Phone, goods: Any) -> None:
    _place, tea, beef = goods
    order_for([(tea, 2)])
    row = BatchLocation.objects.select_related("batch").get(product=beef)
    hold_batch(row.batch_id, reason="smells", actor=ACTOR)
    phone.sign_in(badge_of(person(Role.PACKER)))
    phone.tap("Look up", "link")
    phone.sees("Scan a place, a product or a lot.")
    phone.look("72-lookup")
    phone.scan("8600000000042")
    phone.sees("Black tea 100 g", "may be sold now", "A-01", "promised: 2")
    phone.look("73-lookup-product")
    phone.tap("DOCK", "link")
    phone.sees("receiving dock", "Minced beef", "on hold")
    phone.look("74-lookup-place")
    phone.tap("Minced beef", "link")
    phone.sees("on hold: smells", "Where from", "RCV-")
    phone.look("75-lookup-batch")
    phone.scan("T-1")
    phone.sees("Where to", "promised: ")
    phone.look("76-lookup-trace")
    phone.scan("who knows")
    phone.sees("Unknown code")
    phone.look("77-lookup-unknown")
