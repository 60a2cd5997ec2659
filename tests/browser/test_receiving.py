"""A delivery from the lorry onto the books, in Chromium, with a scanner."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Route, expect

from inventory.models import BatchLocation, Receiving
from inventory.orchestrator import ReceivingLine, create_receiving
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import person, site
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, SupplierFactory
from warehouse.core.actor import Role

SOON, LATE = timezone.now().date() + timedelta(days=2), timezone.now().date() + timedelta(days=40)


@pytest.fixture
def dock(db: Any) -> Any:
    """A delivery of yoghurt and cheese is announced; honey comes unannounced."""
    place = site(name="Belgrade main")
    yoghurt = ProductFactory(name="Yoghurt 2.8 % 500 g", lives={"chilled": 21}, min_remaining_days=5)
    cheese = ProductFactory(name="Sjenica cheese", base_unit="kg", quantity_step=Decimal("0.001"), lives={"chilled": 60})
    honey = ProductFactory(name="Honey 450 g", tracks_expiry=False)
    BarcodeFactory(code="8600000000011", product=yoghurt, pack_quantity=12)
    BarcodeFactory(code="8600000000028", product=cheese)
    BarcodeFactory(code="8600000000035", product=honey)
    lines = [
        ReceivingLine(yoghurt.pk, Decimal(48), Decimal(0)),
        ReceivingLine(cheese.pk, Decimal(10), Decimal(0), lot_number="C-7", label_expires_on=LATE),
    ]
    create_receiving(
        warehouse_id=place.id, supplier_id=SupplierFactory(name="Mlekara Sjenica").pk, supplier_reference="DN-77", lines=lines, actor=ACTOR
    )
    return place, yoghurt, cheese, honey


def test_a_delivery_is_counted_and_confirmed(phone: Phone, dock: Any) -> None:
    place, yoghurt, cheese, honey = dock
    phone.sign_in(badge_of(person(Role.RECEIVER)))
    phone.sees("Receive")
    phone.look("50-receive-home")
    phone.tap("Receive", "link")
    phone.sees("Mlekara Sjenica", "2 lines", "Scan the delivery note")
    phone.look("51-receive-start")
    phone.scan("dn-77")
    phone.sees("Yoghurt 2.8 % 500 g", "0/48", "Scan the goods")
    phone.look("52-receive-lines")

    phone.scan("nonsense")
    phone.sees("Unknown goods")
    assert phone.heard()[-1] == "wrong"
    phone.tap("OK", "link")
    phone.scan(f"(01)08600000000011(17){SOON:%y%m%d}(10)L-1")  # the code says everything; the date is too near
    phone.sees("Too short dated", "Say why you take it, or send it back.")
    phone.look("53-receive-short")
    phone.tap("OK", "link")
    phone.look("53-receive-why")
    phone.tap("Sells in time")
    phone.sees("How much?", "L-1", "On the paper: 48")
    phone.tap("Discard")
    phone.sees("Scan the goods")
    phone.scan("8600000000011")  # a case of twelve, whose code has no date
    phone.sees("Expiry date")
    phone.look("54-receive-date")
    phone.press("310299")
    phone.sees("This is no date")
    phone.tap("OK", "link")
    phone.press(f"{LATE:%d%m%y}")
    phone.sees("How much?")
    expect(phone.page.locator("#quantity")).to_have_value("12")
    phone.page.wait_for_timeout(350)
    phone.scan("8600000000011")  # the next case
    expect(phone.page.locator("#quantity")).to_have_value("24")
    phone.look("55-receive-quantity")
    phone.tap("Lot", "link")
    phone.sees("Scan the lot")
    phone.look("56-receive-lot")
    phone.scan("L-2")
    phone.sees("How much?", "L-2")
    phone.page.locator("#quantity").click()
    for key in ("4", "7"):
        phone.page.locator(f"[data-key='{key}']").click()
    phone.page.locator("#damaged").click()
    phone.page.locator("[data-key='2']").click()
    expect(phone.page.locator("#quantity")).to_have_value("47")
    expect(phone.page.locator("#damaged")).to_have_value("2")
    phone.page.locator("[data-key='enter']").click()
    phone.sees("Counted: 47 pcs", "47/48", "Undo")
    assert phone.heard()[-1] == "right"
    phone.look("57-receive-counted")

    phone.scan("8600000000028")  # weighed: the pad has a point, the paper knows lot and date
    phone.sees("Expiry date")
    phone.press("")
    phone.sees("How much?", "Sjenica cheese")
    phone.press("9.85")
    phone.sees("Counted: 9.85 kg")
    phone.scan("8600000000035")
    phone.sees("How much?", "Honey 450 g")
    phone.scan(place.shelf.code)
    phone.sees("PlaceA-01")
    phone.press("6")
    phone.sees("Counted: 6 pcs")
    phone.scan("8600000000035")
    phone.sees("How much?")
    phone.press("5")
    phone.sees("11")
    phone.tap("Undo")
    phone.sees("Taken back")
    phone.tap("All is counted", "link")
    phone.sees("Missing", "-1 pcs", "-0.15 kg", "Not on the paper", "Honey 450 g", "Damaged, goes to quarantine")
    phone.look("58-receive-ask")
    phone.tap("Count on", "link")
    phone.tap("Yoghurt", "link")
    phone.sees("Correct", "On the paper: 48")
    phone.look("59-receive-correct")
    phone.page.locator("#quantity").click()
    phone.press("48")
    phone.sees("Corrected: 48 pcs")
    phone.tap("All is counted", "link")
    phone.tap("Confirm the delivery")
    phone.sees("Received", "The goods stand on", "DOCK")
    assert phone.heard()[-1] == "done"
    phone.look("60-received")
    assert Receiving.objects.get().status == "confirmed"
    rows = BatchLocation.objects.order_by("pk").values_list("product__name", "batch__lot_number", "location__code", "quantity")
    assert {(name, place_code, quantity) for name, _lot, place_code, quantity in rows} == {
        (yoghurt.name, "DOCK", 46),
        (yoghurt.name, "QUAR", 2),
        (cheese.name, "DOCK", Decimal("9.85")),
        (honey.name, "A-01", 6),
    }


def test_a_button_that_is_tapped_twice_does_not_answer_the_next_question(phone: Phone, dock: Any) -> None:
    phone.sign_in(badge_of(person(Role.RECEIVER)))
    phone.tap("Receive", "link")
    phone.sees("Scan the delivery note")
    phone.scan("dn-77")
    phone.sees("Scan the goods")
    phone.scan("8600000000011")
    phone.sees("Expiry date")
    held: list[Route] = []
    phone.page.route("**/scan", lambda route: held.append(route))
    phone.press(f"{LATE:%d%m%y}")
    phone.press("")
    phone.page.wait_for_timeout(300)
    assert len(held) == 1
    held.pop().continue_()
    phone.sees("How much?", "counted: 0")
    expect(phone.page.locator("#quantity")).to_have_value("12")
    phone.page.wait_for_timeout(300)
    assert held == []
    phone.press("11")
    phone.page.wait_for_timeout(300)
    held.pop().continue_()
    phone.sees("Counted: 11 pcs")
