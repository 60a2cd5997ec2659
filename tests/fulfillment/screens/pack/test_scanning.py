"""Goods scanned into a box, as plain forms: from the first scan to the hand-over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment import flows
from fulfillment.enums import PackingStatus
from fulfillment.models import Package, PackageItem, PackingTask, Shipment
from fulfillment.services.packages import pack_item
from tests.factories.fulfillment import stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.screens.conftest import HTMX, Handheld
from tests.fulfillment.screens.packing import measure, on_the_bench, scan


def test_an_order_is_packed_with_plain_forms(packer: Handheld, place: Any, goods: Any, delivery: Any, order_system: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 2), (tea, 1)], order_number="S-1")
    page = packer.see("/floor/pack")
    assert "S-1" in page
    assert "order waits on the benches" in page
    page = packer.send("/floor/pack/claim")
    assert "Scan an item" in page
    assert "0/2" in page
    assert "Packed: 1 pcs" in scan(packer, task, "8600000000011")
    assert "Packed: 1 pcs" in scan(packer, task, "M-1")  # the lot names it too
    page = scan(packer, task, milk.sku)
    assert "All of these are packed already" in page
    page = scan(packer, task, tea.sku)
    assert "Weigh and measure" in page
    package = Package.objects.get()
    assert f"/floor/pack/{task.pk}/measure/{package.pk}" in page
    assert "Weight" in packer.see(f"/floor/pack/{task.pk}/measure/{package.pk}")
    assert "Measured" in measure(packer, task, package, weight="1,250")
    package.refresh_from_db()
    assert (package.weight, package.length) == (Decimal("1.250"), 30)
    page = packer.send(f"/floor/pack/{task.pk}/finish")
    assert "Waiting for the waybill" in page
    assert "Hand over" not in page
    shipment = Shipment.objects.get()
    flows.request_shipment(shipment.pk)
    shipment = Shipment.objects.get()
    part = packer.get(f"/floor/pack/{task.pk}/shipments", headers=HTMX).content.decode()
    assert shipment.tracking_number in part
    assert shipment.label_url in part
    assert "every 2s" not in part  # nothing more to ask
    assert "Hand over to the carrier" in part
    assert "The carrier has it." in packer.send(f"/floor/pack/{task.pk}/ship")
    assert PackingTask.objects.get().status == PackingStatus.SHIPPED


def test_a_scan_of_a_case_packs_the_case(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 8)])
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "Packed: 6 pcs" in scan(packer, task, "18600000000018")
    page = scan(packer, task, "18600000000018")  # only two are left
    assert "Too much" in page
    assert PackageItem.objects.get().quantity == 6
    page = scan(packer, task, milk.sku)
    assert "Packed: 1 pcs" in page
    scan(packer, task, milk.sku)
    assert PackageItem.objects.get().quantity == 8


def test_weighed_goods_are_packed_whole(packer: Handheld, place: Any) -> None:
    ham = ProductFactory(base_unit="kg", quantity_step=Decimal("0.001"))
    stocked(ham, place.shelf, "5")
    task = on_the_bench([(ham, "2.85")])
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "Packed: 2.85 kg" in scan(packer, task, ham.sku)


@pytest.mark.parametrize("code", ["", " ", "no such code", "A-01", "\x00", "x" * 5000])
def test_what_does_not_belong_is_refused_loudly(packer: Handheld, goods: Any, code: str) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    for wrong in (code, tea.sku):
        assert 'class="wrong-screen"' in scan(packer, task, wrong)
    assert "Nothing was scanned" in scan(packer, task, rest="1")
    assert not PackageItem.objects.exists()


def test_statements_of_a_scan_do_not_grow_with_the_task(packer: Handheld, place: Any) -> None:
    counts = []
    for lines in (1, 12):
        goods = [ProductFactory() for _ in range(lines)]
        for product in goods:
            stocked(product, place.shelf, 5)
        task = on_the_bench([(product, 5) for product in goods])
        packer.send(f"/floor/pack/{task.pk}/start")
        scan(packer, task, goods[0].sku)
        with CaptureQueriesContext(connection) as queries:
            packer.send(f"/floor/pack/{task.pk}/scan", htmx=True, code=goods[0].sku)
        counts.append(len(queries))
        for product in goods:
            scan(packer, task, product.sku, htmx=True)
            scan(packer, task, rest="1", htmx=True)
        page = packer.see(f"/floor/pack/{task.pk}")
        assert "Weigh and measure" in page
    assert counts[0] == counts[1] <= 29


def test_what_is_open_stands_before_what_is_packed(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 1), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    page = scan(packer, task, milk.sku, htmx=True)
    listed = page[page.index('class="rows items"') :]
    assert listed.index("Tea") < listed.index("Milk")


def test_a_number_from_the_pad_packs_many_at_once(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 30), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    assert "still to pack" in scan(packer, task, pad="1")
    # What can't be is refused, and asked for again.
    for wrong in ("", "0", "x", "1.5", "30"):
        page = scan(packer, task, confirm="1", quantity=wrong)
        assert 'class="wrong-screen"' in page, wrong
        assert "still to pack" in page, wrong
    assert "Packed: 28 pcs" in scan(packer, task, confirm="1", quantity="28")
    # The pad is gone: a second tap of its button changes nothing.
    scan(packer, task, confirm="1", quantity="1")
    assert PackageItem.objects.get().quantity == 29
    scan(packer, task, pad="1")
    assert "Scan an item" in scan(packer, task, leave="1")
    scan(packer, task, pad="1")
    assert "Packed: 1 pcs" in scan(packer, task, tea.sku)  # a scan says more than the number that was asked for
    assert "still to pack" not in packer.see(f"/floor/pack/{task.pk}")


def test_a_number_of_before_somebody_else_packed_is_refused(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 9)])
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    scan(packer, task, pad="1")
    pack_item(task.pk, milk.sku, 1, actor=packer.actor)
    assert "Somebody was faster" in scan(packer, task, confirm="1", quantity="7")
    assert PackageItem.objects.get().quantity == 2


def test_the_last_scan_is_undone_once(packer: Handheld, goods: Any) -> None:
    milk, tea = goods
    task = on_the_bench([(milk, 3), (tea, 1)])
    packer.send(f"/floor/pack/{task.pk}/start")
    assert "↶" not in scan(packer, task, "nonsense")
    scan(packer, task, tea.sku)
    assert "↶ Undo" in scan(packer, task, milk.sku)
    version = PackingTask.objects.get().version
    page = packer.send(f"/floor/pack/{task.pk}/undo", version=version)
    assert "Taken out: 1 pcs" in page
    assert "0/2" not in page
    assert "Somebody was faster" in packer.send(f"/floor/pack/{task.pk}/undo", version=version)
    assert PackageItem.objects.get().item.product == tea
    packer.send(f"/floor/pack/{task.pk}/undo", htmx=True, version=version + 1)
    assert not PackageItem.objects.exists()
