"""A shift on the phone: three orders claimed, one of them short, one cancelled half-picked, a check that fails once, two boxes, labels, the carrier.

At the end the reconciliations of stock and of fulfilment find nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fulfillment import printing
from fulfillment.enums import SOURCE_LISTINGS, OrderStatus
from fulfillment.models import LabelPrint, Order, PickingTask, Printer, QualityCheck, Shipment
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.orders import process_order_cancelled
from inventory.models import BatchLocation, CountRequest, Location
from inventory.queries.reconciliation import everything_that_disagrees
from tests.browser.conftest import Phone, badge_of
from tests.browser.test_returning import picture
from tests.factories.fulfillment import ACTOR, order_for, person, reachable_site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.factories.quality import rule
from tests.fulfillment.labels.conftest import SERBIAN, ask_carrier, raw_printer, zpl_printer
from tests.partners.printer import RawPrinter
from warehouse.core.actor import Role

__all__ = ["raw_printer", "zpl_printer"]

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

MILK, FISH, TEA, JAM = "MILK-1", "FISH-1", "TEA-1", "JAM-1"


@pytest.fixture
def place(delivery: Any, order_system: Any) -> Site:
    """Milk in two places, fish that a rule has looked at, tea and jam; three orders in the order in which they are claimed."""
    house = reachable_site(name="Belgrade main", city="Beograd", country="RS")
    Location.objects.filter(pk=house.shelf.pk).update(pick_sequence=1)
    far = LocationFactory(warehouse=house.warehouse, code="A-09", pick_sequence=2)
    milk, fish, tea, jam = (ProductFactory(sku=sku, name=f"{sku.title()} product") for sku in (MILK, FISH, TEA, JAM))
    stocked(milk, house.shelf, 6, lot="M-1", expires_in_days=10)
    stocked(milk, far, 9, lot="M-2", expires_in_days=20)
    stocked(fish, far, 9, lot="F-1", expires_in_days=20)
    stocked(tea, house.shelf, 9, lot="T-1", expires_in_days=200)
    stocked(jam, far, 9, lot="J-1", expires_in_days=200)
    rule(name="Fish", product_id=fish.pk)
    for number, lines in (("S-1", [(milk, 6)]), ("S-2", [(tea, 2), (jam, 3)]), ("S-3", [(fish, 4)])):
        order = order_for(lines, order_number=number)
        delivery.partner.put_address(order.external_id, SERBIAN)
    return house


@pytest.fixture
def media(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def scan(phone: Phone, *codes: str) -> None:
    """Scans as fast as a person makes them: a second one at once is the same pull of the trigger."""
    for code in codes:
        phone.page.wait_for_timeout(350)
        phone.scan(code)


def pick(phone: Phone, place: str, sku: str) -> None:
    """One stop of the walk."""
    scan(phone, place)
    phone.sees("Right place")
    scan(phone, sku)
    phone.sees("Right product")
    phone.tap("Confirm")


def test_a_shift(phone: Phone, place: Site, zpl_printer: Printer, raw_printer: RawPrinter, media: None) -> None:
    picker, packer = badge_of(person(Role.PICKER)), badge_of(person(Role.PACKER))
    far = Location.objects.get(code="A-09")

    phone.sign_in(picker)
    short_of_milk(phone, place, far)
    cancelled_while_it_is_picked(phone, place, far)
    phone.open("/floor/pick")
    phone.tap("Take the next order")
    pick(phone, far.barcode, FISH)
    phone.sees("All picked")
    sign_out(phone)

    phone.sign_in(packer)
    failed_check(phone)
    sign_out(phone)
    phone.sign_in(picker)
    phone.tap("Pick", "link")
    phone.tap("Take the next order")
    phone.sees("2 pcs", "A-09")
    phone.sees_not("Undo last")  # what was looked at is no scan of this walk
    pick(phone, far.barcode, FISH)
    phone.sees("All picked")
    sign_out(phone)
    phone.sign_in(packer)
    phone.tap("Quality check", "link")
    scan(phone, "S-3")
    phone.sees("0/1")
    scan(phone, FISH)
    phone.tap("All 2 pcs are good")
    phone.tap("All is good: to packing")
    phone.sees("It can be packed")

    in_two_boxes(phone)
    labelled(phone, zpl_printer, raw_printer)
    handed_over(phone)

    assert dict(Order.objects.values_list("order_number", "status")) == {
        "S-1": OrderStatus.SHIPPED,
        "S-2": OrderStatus.CANCELLED,
        "S-3": OrderStatus.PACKING,
    }
    assert sorted(QualityCheck.objects.values_list("status", flat=True)) == ["failed", "passed"]
    assert everything_that_disagrees() == []
    assert everything_that_contradicts() == []


def sign_out(phone: Phone) -> None:
    phone.open("/floor/")
    phone.tap("Sign out")
    phone.sees("Badge")


def short_of_milk(phone: Phone, place: Site, far: Location) -> None:
    """Two of six are there: the rest comes from another lot in another place, said once."""
    phone.tap("Pick", "link")
    phone.tap("Take the next order")
    scan(phone, place.shelf.barcode, MILK)
    phone.sees("Right product")
    for _ in range(4):
        phone.tap("Less")
    phone.tap("Confirm")
    phone.sees("Picked: 2 pcs")
    phone.tap("Not enough", "link")
    phone.sees("Missing", "4 pcs")
    phone.look("130-short")
    phone.tap("Yes, not enough")
    phone.sees("Noted: not enough", "The rest is fetched from A-09.", "M-2")
    # The lot and its date are what the picker holds against the goods: nothing lies over them.
    facts, actions = phone.page.locator(".facts strong").last.bounding_box(), phone.page.locator(".actions").bounding_box()
    assert facts is not None
    assert actions is not None
    assert facts["y"] + facts["height"] <= actions["y"]
    phone.look("131-fetched-elsewhere")
    pick(phone, far.barcode, MILK)
    phone.sees("All picked")
    assert CountRequest.objects.get().location_id == place.shelf.pk


def cancelled_while_it_is_picked(phone: Phone, place: Site, far: Location) -> None:
    """The picker stands at the second shelf; the next scan says it, and it is heard. The goods go back where they came from."""
    phone.tap("Next order")
    pick(phone, place.shelf.barcode, TEA)
    phone.sees("1/2")
    process_order_cancelled(SOURCE_LISTINGS, Order.objects.get(order_number="S-2").external_id, "The customer called.", actor=ACTOR)
    scan(phone, far.barcode)
    phone.sees("The order was cancelled. Stop picking.")
    assert phone.heard()[-1] == "wrong"
    phone.look("132-cancelled")
    phone.tap("Put back", "link")
    scan(phone, TEA)
    phone.sees("Bring it to", place.shelf.code)
    scan(phone, place.shelf.barcode)
    phone.sees("Put back: 2 pcs", "Nothing to put back.")
    assert BatchLocation.objects.get(product__sku=TEA, location=place.shelf).quantity == 9


def failed_check(phone: Phone) -> None:
    """Two of four are damaged: a photo, and others are fetched."""
    phone.tap("Quality check", "link")
    phone.tap("Take the next order")
    scan(phone, FISH)
    phone.tap("Something is wrong")
    phone.tap("Damaged")
    phone.press("2")
    phone.sees("Damaged: 2 pcs")
    with phone.page.expect_response("**/photo"):
        phone.page.locator("input[type=file]").set_input_files({"name": "fish.png", "mimeType": "image/png", "buffer": picture()})
    phone.sees("Photo ✓")
    phone.tap("Keep apart, pick others")
    phone.tap("Take out what failed")
    phone.sees("QUAR", "Others are being fetched.")
    assert PickingTask.objects.filter(order__order_number="S-3", status="pending").exists()


def in_two_boxes(phone: Phone) -> None:
    """Of the two lots of milk a piece is scanned and three more typed; the rest goes into a second box."""
    phone.open("/floor/pack")
    scan(phone, "S-1")
    phone.sees("Scan an item")
    scan(phone, MILK)
    phone.sees("Packed: 1 pcs")
    phone.tap("Number…")
    phone.sees("still to pack 5 pcs")
    phone.sees_not("M-1")  # of two lots none is named
    phone.press("3")
    phone.sees("Packed: 3 pcs")
    phone.page.get_by_role("button", name="Another box").click()
    phone.sees("Box 2")
    phone.look("133-second-box")
    phone.tap("All the rest")
    phone.sees("Weigh and measure")
    for number in (1, 2):
        phone.tap(f"Measure box {number}", "link")
        for value in ("2.5", "30", "20", "10"):
            phone.press(value)
        phone.sees("Measured")
    phone.tap("Close and get the waybill")
    phone.sees("Waiting for the waybill")
    phone.sees_not("Hand over to the carrier")
    ask_carrier()
    phone.sees(*Shipment.objects.values_list("tracking_number", flat=True), "Hand over to the carrier")
    phone.look("134-two-waybills")


def labelled(phone: Phone, zpl_printer: Printer, raw_printer: RawPrinter) -> None:
    """First the labels: that is the green button. Once they are out, printing again is not."""
    assert phone.page.locator(".button.go").inner_text() == "Labels and slip"
    phone.tap("Labels and slip", "link")
    phone.page.get_by_role("button", name="Bench 1", exact=True).click()
    phone.sees("Return label", "On its way to the printer")
    printing.print_queued(zpl_printer.pk)
    phone.sees("Sent to Bench 1")
    phone.look("135-return-labels")
    assert phone.page.locator(".button.go").inner_text() == "Print on Bench 1"  # a label for the way back is not the label
    phone.tap("Print on Bench 1")
    phone.sees("On its way to the printer")
    printing.print_queued(zpl_printer.pk)
    phone.sees("Print again on Bench 1")  # by itself
    phone.look("136-labels")
    raw_printer.wait_for(4)
    assert LabelPrint.objects.filter(status="printed").count() == 4
    phone.tap("Back to the order", "link")
    phone.sees("Labels and slip")
    assert phone.page.locator(".button.go").inner_text() == "Hand over to the carrier"


def handed_over(phone: Phone) -> None:
    """One parcel of two stays, in the words of its label; both go."""
    first, second = Shipment.objects.order_by("package__sequence_number")
    phone.open("/floor/hand-over")
    scan(phone, first.tracking_number)
    phone.sees("Parcel 1 of 2 of this order.", "belongs to it")
    phone.look("137-belongs-to-it")
    phone.tap("Hand over 1 parcel")
    phone.sees("Stays here: S-1", second.tracking_number)
    phone.look("138-stays-here")
    phone.tap("OK", "link")
    scan(phone, second.tracking_number)
    phone.tap("Hand over 2 parcels")
    phone.sees("Handed over: 2 parcels")
