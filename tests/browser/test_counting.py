"""An audit counted place by place, blind, with found goods and a second count, in Chromium."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from inventory.models import AuditLine
from inventory.services.audits import create_audit, start_audit
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import person, site
from tests.factories.inventory import ACTOR, BarcodeFactory, LocationFactory, ProductFactory, stocked
from warehouse.core.actor import Role

LATE = timezone.now().date() + timedelta(days=90)


@pytest.fixture
def audit(db: Any) -> Any:
    place = site(name="Belgrade main")
    far = LocationFactory(warehouse=place.warehouse, code="B-12-03", condition="ambient", zone="Dry")
    tea, jam, rice = ProductFactory(name="Black tea 100 g"), ProductFactory(name="Plum jam"), ProductFactory(name="Rice 1 kg")
    BarcodeFactory(code="8600000000042", product=tea)
    BarcodeFactory(code="8600000000066", product=jam)
    BarcodeFactory(code="8600000000073", product=rice)
    stocked(tea, place.shelf, 20, lot="T-1", expires_in_days=300)
    stocked(tea, place.shelf, 7, lot="T-2", expires_in_days=330)
    stocked(jam, place.shelf, 10, lot="J-1")
    stocked(rice, far, 40, lot="R-1")
    made = create_audit(warehouse_id=place.id, actor=ACTOR, notes="Dry goods, November")
    start_audit(made.pk, actor=ACTOR)
    return place, far, made


def counts() -> dict[str, tuple[Any, str]]:
    return {line.lot_number: (line.counted_quantity, line.status) for line in AuditLine.objects.all()}


def test_an_audit_is_counted(phone: Phone, audit: Any) -> None:
    place, far, _made = audit
    phone.sign_in(badge_of(person(Role.AUDITOR)))
    phone.tap("Count", "link")
    phone.sees("Go to", "A-01", "3 lines to count", "Then", "B-12-03", "0/4")
    phone.look("80-count-place")
    phone.scan("8600000000066")
    phone.sees("First the place")
    phone.tap("OK", "link")
    phone.scan(place.shelf.code)
    phone.sees("Black tea", "Plum jam", "Scan the goods")
    phone.sees_not("20 pcs", "10 pcs")  # blind
    phone.look("81-count-lines")
    phone.scan("8600000000042")
    phone.sees("Which of them?")
    phone.look("82-count-which")
    phone.tap("T-1")
    phone.sees("How many?")
    phone.look("83-count-quantity")
    phone.press("19")
    phone.sees("Counted: 19 pcs", "1/4")
    phone.look("84-counted")
    phone.scan("8600000000066")  # one by one
    phone.sees("How many?")
    phone.page.wait_for_timeout(350)
    phone.scan("8600000000066")
    expect(phone.page.locator("#quantity")).to_have_value("2")
    phone.scan("T-2")  # other goods: the jam is written down; two of ten are far off
    phone.sees("How many?", "T-2")
    phone.press("7")
    phone.sees("somebody else counts it", "Counted: 7 pcs")
    phone.look("85-count-somebody-else")
    phone.scan("8600000000073")  # rice, here
    phone.sees("Expiry date", "not on the list")
    phone.look("86-count-found")
    phone.press(f"{LATE:%d%m%y}")
    phone.sees("How many?")
    phone.press("3")
    phone.sees("Found: 3 pcs", "3/5")
    phone.tap("Next place")
    phone.sees("B-12-03", "Dry")
    phone.scan(far.barcode)
    phone.sees("Rice 1 kg")
    phone.tap("The rest is not here", "link")
    phone.sees("Really nothing of it here?")
    phone.look("87-count-rest")
    phone.tap("No, back", "link")
    phone.sees("The rest is not here")
    phone.scan("R-1")
    phone.press("40")
    phone.sees("Counted: 40 pcs", "4/5")
    phone.tap("Next place")
    phone.sees("You have counted everything. What is left somebody else counts.")
    phone.look("88-count-done")
    assert counts()["T-1"] == (19, "counted")
    assert counts()["J-1"] == (None, "recount")
    assert AuditLine.objects.get(found=True).label_expires_on == LATE

    phone.page.context.clear_cookies()
    phone.sign_in(badge_of(person(Role.AUDITOR)))
    phone.open("/floor/count")
    phone.sees("A-01", "1 line to count")
    phone.scan(place.shelf.code)
    phone.sees("count it again")
    phone.scan("J-1")
    phone.press("2")
    phone.sees("Counted: 2 pcs", "5/5")
    assert phone.heard()[-1] == "done"
    phone.tap("Next place")
    phone.sees("Everything is counted. The office completes the audit.")
    assert counts()["J-1"] == (2, "counted")
