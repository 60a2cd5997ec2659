"""An order packed in two boxes, in Chromium: a suggested box, a number from the pad, an undo, goods moved, a weight that does not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fulfillment.models import BoxType, Package, PackageItem, PackingTask, PickingTask, Shipment
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import order_for, person, picked, reachable_site
from tests.factories.inventory import BarcodeFactory, ProductFactory, stocked
from warehouse.core.actor import Role


@pytest.fixture
def task(db: Any) -> PackingTask:
    """Two dozen jars, a large bottle and half a kilogram of cheese."""
    place = reachable_site(name="Belgrade main")
    jar = ProductFactory(name="Ajvar, home style, 690 g", weight=Decimal("0.9"), length=9, width=9, height=12)
    bottle = ProductFactory(name="Sunflower oil 1 l", weight=Decimal("0.95"), length=8, width=8, height=28)
    cheese = ProductFactory(
        name="Gouda, by weight", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.05"), length=20, width=12, height=8
    )
    for code, product in (("8600000000028", jar), ("8600000000035", bottle), ("8600000000042", cheese)):
        BarcodeFactory(code=code, product=product)
        stocked(product, place.shelf, 40, lot=f"L-{code[-2:]}", expires_in_days=40)
    BoxType.objects.create(code="S", name="Small", length=25, width=20, height=10, wall=Decimal("0.3"), own_weight=Decimal("0.15"), max_weight=5)
    BoxType.objects.create(code="M", name="Medium", length=40, width=30, height=20, wall=Decimal("0.3"), own_weight=Decimal("0.4"), max_weight=15)
    order_for([(jar, 24), (bottle, 1), (cheese, "0.5")], order_number="S-2002")
    return picked(PickingTask.objects.get(), person(Role.PICKER))


def test_an_order_is_packed_in_two_boxes(phone: Phone, task: PackingTask, delivery: Any, order_system: Any) -> None:
    phone.sign_in(badge_of(person(Role.PACKER)))
    phone.tap("Pack", "link")
    phone.tap("Take the next order")
    phone.sees("Scan an item", "0/3", "Take M Medium", "2 boxes in all", "M + M")
    phone.look("30-pack-suggested")
    phone.tap("Take M Medium")
    phone.sees("Take the box", "Box 1")

    phone.scan("8600000000028")
    phone.sees("Packed: 1 pcs", "All the rest: 23 pcs")
    phone.look("31-pack-one")
    phone.tap("Number…")
    phone.sees("How many?", "23 pcs")
    phone.look("32-pack-number")
    phone.press("40")  # more than there are: loud, and asked again
    phone.sees("Too much", "How many?")
    phone.tap("OK", "link")
    phone.press("15")
    phone.sees("Packed: 15 pcs", "All the rest: 8 pcs")
    phone.tap("Number…")
    phone.press("3")
    phone.sees("Packed: 3 pcs", "5 pcs")
    phone.tap("Undo")
    phone.sees("Taken out: 3 pcs", "8 pcs")
    phone.look("33-pack-undone")
    assert sum(PackageItem.objects.values_list("quantity", flat=True)) == 16

    phone.page.get_by_role("button", name="Another box").click()
    phone.sees("Box 2", "Take M Medium")
    phone.look("34-pack-second-box")
    phone.tap("Take M Medium")
    phone.sees("Take the box")
    phone.tap("All the rest")
    phone.sees("Packed: 8 pcs")
    phone.scan("8600000000042")
    phone.sees("Packed: 0.5 kg", "Weigh Gouda, by weight")
    phone.look("35-pack-weigh")
    phone.tap("Weigh Gouda, by weight")
    phone.sees("On the scale", "promised", "0.5 kg")
    phone.look("36-pack-scale")
    phone.press("0.9")
    phone.sees("This can't be used")
    phone.tap("OK", "link")
    phone.press("0.52")
    phone.sees("Weighed: 0.52 kg")
    assert task.items.get(product__base_unit="kg").actual_quantity == Decimal("0.52")
    phone.scan("8600000000035")
    phone.sees("Weigh and measure", "Measure box 1")

    phone.tap("look in", "link")
    phone.sees("Which box is it?", "All to box 1")
    phone.look("37-pack-look-in")
    phone.page.get_by_role("button", name="One to box 1").first.click()
    phone.sees("Moved to box 1")
    phone.tap("Pack on", "link")

    phone.tap("Measure box 1", "link")
    phone.look("38-measure")
    phone.press("11.7")  # 17 jars and the box should have 15.7 kg
    phone.sees("The weight does not fit")
    assert phone.heard()[-1] == "wrong"
    phone.look("39-weight-differs")
    phone.tap("OK", "link")
    phone.sees("It should weigh")
    phone.look("40-weight-reason")
    phone.page.locator("#weight").click()
    phone.press("15.7")
    phone.sees("Measured", "Measure box 2")
    phone.tap("Measure box 2", "link")
    phone.press("11")
    phone.sees("The weight does not fit")
    phone.tap("OK", "link")
    phone.page.get_by_label("Cooling or filling").check()
    phone.page.locator("[data-key='enter']").click()
    phone.sees("Everything is in and measured")
    phone.look("41-pack-ready")
    phone.tap("Close and get the waybill")
    phone.sees("Waiting for the waybill")
    first, second = Package.objects.order_by("sequence_number")
    assert (first.box_type.code, first.weight, first.weight_reason, first.length) == ("M", Decimal("15.7"), "", Decimal("40.6"))
    assert (second.weight, second.weight_reason) == (Decimal(11), "cooling or filling")
    assert Shipment.objects.count() == 2
