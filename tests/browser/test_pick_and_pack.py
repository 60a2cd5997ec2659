"""An order from the shelf to the carrier, in Chromium, with a scanner."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment import flows
from fulfillment.enums import OrderStatus, PackingStatus, PickingStatus
from fulfillment.models import Order, PackingTask, PickingTask, Shipment
from inventory.models import BatchLocation, Location, Movement
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import order_for, person, reachable_site
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory, stocked
from warehouse.core.actor import Role


@pytest.fixture
def world(db: Any) -> Any:
    """A site with milk in two lots on two shelves, one order for both lots and a jar."""
    site = reachable_site(name="Belgrade main")
    Location.objects.filter(pk=site.shelf.pk).update(pick_sequence=1)
    far = LocationFactory(warehouse=site.warehouse, code="B-12-03", condition="ambient", pick_sequence=2)
    milk = ProductFactory(name="Milk 3.2 % 1 l")
    jar = ProductFactory(name="Ajvar, home style, 690 g")
    BarcodeFactory(code="8600000000011", product=milk)
    BarcodeFactory(code="8600000000028", product=jar)
    stocked(milk, site.shelf, 2, lot="L-EARLY", expires_in_days=10)
    stocked(milk, far, 5, lot="L-LATE", expires_in_days=20)
    stocked(jar, far, 4, lot="AJ-7")
    order_for([(milk, 4), (jar, 1)], order_number="S-1001")
    return site, far, milk, jar


def test_an_order_is_picked_packed_and_handed_over(phone: Phone, world: Any, delivery: Any, order_system: Any) -> None:
    site, far, milk, jar = world
    worker = person(Role.PICKER, Role.PACKER)
    phone.open("/floor/login")
    phone.look("01-login")
    phone.sign_in(badge_of(worker))
    phone.sees("Belgrade main", "Pick", "Pack")
    phone.look("02-home")

    phone.tap("Pick", "link")
    phone.look("03-pick-start")
    phone.tap("Take the next order")
    phone.sees("Go to", site.shelf.code, "L-EARLY", "Scan the place")
    phone.look("04-pick-place")

    phone.scan(far.barcode)  # the wrong place: loud, and nothing changes
    phone.sees("Wrong place", site.shelf.code)
    assert phone.heard()[-1] == "wrong"
    phone.look("05-wrong-place")
    assert not Movement.objects.filter(type="pick").exists()

    phone.scan(site.shelf.barcode)
    phone.sees("Right place", "Scan the product")
    assert phone.heard()[-1] == "right"
    phone.look("06-pick-product")
    phone.scan("8600000000028")  # ajvar, not milk
    phone.sees("Wrong product", "Milk 3.2 % 1 l")
    phone.look("07-wrong-product")
    assert not Movement.objects.filter(type="pick").exists()
    phone.scan("8600000000011")
    phone.sees("Right product", "Confirm")
    phone.look("08-pick-quantity")
    phone.tap("Confirm")

    phone.sees("Picked: 2 pcs", far.code, "1/3")
    phone.scan(far.barcode)
    phone.sees("Scan the product")
    first = phone.page.locator(".goods h2").inner_text()
    codes = {milk.name: "8600000000011", jar.name: "8600000000028"}
    phone.scan(codes[first])
    if first == milk.name:
        phone.sees("Right product")
        phone.page.wait_for_timeout(350)
        phone.scan(codes[first])  # the product again confirms too
    phone.sees("2/3", "Scan the product")  # the same place needs no second scan
    second = phone.page.locator(".goods h2").inner_text()
    phone.scan(codes[second])
    if second == milk.name:
        phone.sees("Right product")
        phone.tap("Confirm")
    phone.sees("All picked", "Bring everything to", "PACK")
    assert phone.heard()[-1] == "done"
    phone.look("09-picked")
    task = PickingTask.objects.get()
    assert (task.status, task.picked_items) == (PickingStatus.COMPLETED, 3)
    assert [abs(m.quantity_change) for m in Movement.objects.filter(type="pick", quantity_change__lt=0).order_by("id")] in ([2, 2, 1], [2, 1, 2])

    phone.tap("Back", "link")
    phone.tap("Pack", "link")
    phone.look("10-pack-start")
    phone.scan("S-1001")
    phone.sees("Scan an item", "Milk 3.2 % 1 l", "0/3")
    phone.look("11-pack")
    phone.scan("no-such-code")
    phone.sees("Not in this order")
    phone.look("12-pack-wrong")
    phone.scan("8600000000028")
    phone.sees("Packed: 1 pcs", "1/3")
    phone.page.wait_for_timeout(350)
    phone.scan("8600000000028")  # surplus
    phone.sees("All of these are packed already")
    phone.scan("8600000000011")
    phone.sees("All the rest: 3 pcs")
    phone.look("13-pack-rest")
    phone.page.get_by_role("button", name="Another box").click()
    phone.sees("Box 2")
    phone.tap("All the rest")
    phone.sees("Weigh and measure")
    phone.look("14-pack-full")
    for number in (1, 2):
        phone.tap(f"Measure box {number}", "link")
        if number == 1:
            phone.look("15-measure")
        for value in ("2.5", "30", "20", "10"):
            phone.press(value)
        phone.sees("Measured")
    phone.look("16-pack-ready")
    phone.tap("Close and get the waybill")
    phone.sees("Waiting for the waybill")
    phone.look("17-waiting")
    for shipment in Shipment.objects.order_by("pk"):
        flows.request_shipment(shipment.pk)
    numbers = list(Shipment.objects.order_by("pk").values_list("tracking_number", flat=True))
    assert all(numbers)
    assert len(numbers) == 2
    phone.sees(*numbers)  # by itself, without a tap
    phone.tap("Hand over to the carrier")
    phone.sees("Handed over")
    phone.look("18-shipped")
    packing = PackingTask.objects.get()
    assert packing.status == PackingStatus.SHIPPED
    assert Order.objects.get().status == OrderStatus.SHIPPED
    assert [row.quantity for row in BatchLocation.objects.filter(location=site.bench)] == [0, 0, 0]
