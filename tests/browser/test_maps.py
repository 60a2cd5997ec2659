"""The map beside a walk, on a phone: look where the next stop is, go back with one tap, scan on."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment.models import PickingTask
from inventory.models import Location, Product
from tests.browser.conftest import Phone, badge_of
from tests.factories.fulfillment import order_for, person, reachable_site
from tests.factories.inventory import LocationFactory, ProductFactory, stocked
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Role


@pytest.fixture
def hall(db: None) -> Any:
    """Twelve aisles of six bays, warm, cold and frozen; goods in four of them."""
    site = reachable_site(code="HALL", name="Belgrade main")
    Location.objects.filter(pk=site.bench.pk).update(x=0, y=0)
    Location.objects.bulk_create(
        LocationFactory.build(
            warehouse=site.warehouse,
            code=f"{aisle}-{bay}",
            aisle=aisle,
            bay=f"{bay}",
            condition=("ambient", "chilled", "frozen")[number // 4],
        )
        for number, aisle in enumerate("ABCDEFGHIJKL")
        for bay in range(1, 7)
    )
    for code in ("A-2", "A-5", "B-6", "D-1"):
        stocked(ProductFactory(sku=f"SKU-{code}", name=f"Goods of {code}"), Location.objects.get(warehouse=site.warehouse, code=code), 9)
    return site


def test_the_way_on_the_map_and_back_to_the_walk(phone: Phone, hall: Any) -> None:
    order_for([(product, 1) for product in Product.objects.order_by("sku")], order_number="M-1")
    phone.sign_in(badge_of(person(Role.PICKER)))
    phone.tap("Pick", "link")
    phone.tap("Take the next order")
    phone.sees("Go to", "A-2")
    phone.look("map-01-stop")

    phone.tap("Map", "link")
    phone.sees("Go to A-2", "Back to the walk", "0/4")
    phone.look("map-02-close")
    phone.tap("Whole map", "link")
    phone.sees("Closer")
    phone.look("map-03-whole")
    phone.tap("Back to the walk", "link")
    phone.sees("Scan the place")
    phone.scan("A-2")
    phone.sees("Right place")
    phone.page.wait_for_timeout(350)
    phone.scan("SKU-A-2")
    phone.sees("Picked: 1 pcs", "A-5")

    task = PickingTask.objects.get()
    phone.open("/floor/")
    phone.open(f"/floor/pick/{task.pk}")
    phone.tap("Map", "link")
    phone.sees("Go to A-5")
    phone.page.go_back()  # the phone's own button: to the walk, not to what was before it
    phone.sees("Scan the place", "A-5")
    phone.tap("Map", "link")
    phone.sees("Go to A-5", "1/4")
    phone.tap("Back to the walk", "link")
    for code in ("A-5", "B-6", "D-1"):
        phone.sees("Scan the place")
        phone.page.wait_for_timeout(350)
        phone.scan(code)
        phone.sees("Right place")
        phone.page.wait_for_timeout(350)
        phone.scan(f"SKU-{code}")
    phone.sees("All picked")
    agrees()
