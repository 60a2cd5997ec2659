"""A parcel that came back, looked at and booked, in Chromium."""

from __future__ import annotations

import struct
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fulfillment import flows
from fulfillment.models import PickingTask, Shipment
from fulfillment.services.packing_tasks import ship_packing_task
from inventory.models import BatchLocation, Return, ReturnItem
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import order_for, packed, person, picked, reachable_site
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, StorefrontProductFactory, stocked
from warehouse.core.actor import Role


def picture() -> bytes:
    """A PNG of one red point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")


@pytest.fixture
def order(db: Any, delivery: Any, order_system: Any) -> Any:
    place = reachable_site(name="Belgrade main")
    jam, ham, tea = (
        ProductFactory(name="Plum jam", lives={"ambient": 365, ("ambient", "opened"): 30}),
        ProductFactory(name="Smoked ham 200 g", lives={"chilled": 30}),
        ProductFactory(name="Black tea"),
    )
    BarcodeFactory(code="8600000000066", product=jam)
    BarcodeFactory(code="8600000000080", product=ham)
    StorefrontProductFactory(product=jam)
    stocked(jam, place.shelf, 10, lot="J-1", expires_in_days=200)
    stocked(ham, place.cool, 10, lot="H-1", expires_in_days=20)
    stocked(tea, place.shelf, 10, lot="T-1", expires_in_days=300)
    made = order_for([(jam, 3), (ham, 2), (tea, 1)], order_number="S-2001")
    task = packed(picked(PickingTask.objects.get(order=made), person(Role.PICKER)), person(Role.PACKER))
    for shipment in Shipment.objects.all():
        flows.request_shipment(shipment.pk)
    ship_packing_task(task.pk, actor=ACTOR)
    return place, jam, ham, tea


def test_a_parcel_comes_back(phone: Phone, order: Any, tmp_path: Path, settings: Any) -> None:
    place, jam, ham, tea = order
    settings.MEDIA_ROOT = tmp_path / "media"
    phone.sign_in(badge_of(person(Role.RECEIVER)))
    phone.tap("Returns", "link")
    phone.sees("No return is announced.")
    phone.look("90-returns")
    phone.scan("what is this")
    phone.sees("No order found")
    phone.tap("OK", "link")
    phone.scan("s-2001")
    phone.sees("Scan what is in the parcel.", "listings:")
    phone.look("91-return-empty")
    phone.scan("8600000000066")
    phone.sees("How many came back?", "at most 3 pcs")
    phone.look("92-return-add")
    phone.press("4")
    phone.sees("More than was sent")
    phone.tap("OK", "link")
    phone.page.locator("[data-key='clear']").click()
    phone.press("2")
    phone.sees("How does it look?", "Plum jam", "2 pcs")
    phone.look("93-return-condition")
    phone.tap("Opened")
    phone.sees("What becomes of it?")
    phone.look("94-return-decision")
    phone.tap("Sell at a discount")
    phone.sees("Which discount?")
    phone.look("95-return-percent")
    phone.tap("20 %")
    phone.sees("Decided", "Sell at a discount −20 %", "1/1")
    phone.page.wait_for_timeout(350)
    phone.scan("8600000000080")
    phone.sees("How many came back?", "at most 2 pcs")
    phone.press("1")
    phone.sees("How does it look?", "Smoked ham")
    with phone.page.expect_response("**/photo"):
        phone.page.locator("input[type=file]").set_input_files({"name": "ham.png", "mimeType": "image/png", "buffer": picture()})
    phone.sees("Photo ✓")
    phone.tap("Spoiled")
    phone.sees("Temperature, °C")
    phone.look("96-return-temperature")
    for key in ("1", "4", "-", "-"):
        phone.page.locator(f"[data-key='{key}']").click()
    phone.press("")
    phone.sees("What becomes of it?", "14 °C")
    phone.sees_not("Back to the shelf")
    phone.tap("Write off")
    phone.sees("2/2", "Book the return")
    phone.look("97-return-ready")
    phone.tap("Smoked ham", "link")
    phone.sees("Looked at", "Decide again")
    phone.look("98-return-looked-at")
    phone.tap("Go on", "link")
    phone.tap("Book the return")
    phone.sees("The return is on the books.", "DOCK")
    assert phone.heard()[-1] == "done"
    phone.look("99-return-booked")
    assert Return.objects.get().status == "completed"
    items = {item.product: item for item in ReturnItem.objects.select_related("product")}
    assert (items[jam].decision, items[jam].discount_percent, items[jam].condition) == ("return_with_discount", 20, "opened")
    assert (items[ham].decision, items[ham].temperature, bool(items[ham].photo)) == ("write_off", Decimal(14), True)
    assert BatchLocation.objects.filter(location=place.dock, product=jam).get().quantity == 2
    assert not ReturnItem.objects.filter(product=tea).exists()
