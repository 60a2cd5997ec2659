"""Picks: the right goods from the right place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import Surplus, WrongScan
from fulfillment.models import Pick, PickingTask, PickingTaskItem
from fulfillment.services.picking_tasks import cancel_picking_task, complete_picking_task
from fulfillment.services.picks import pick_item
from fulfillment.services.shorts import short_item, skip_item
from inventory.models import Batch, BatchLocation, Movement, Stock
from inventory.orchestrator import UnfitNow
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory
from tests.fulfillment.picking import one_item
from warehouse.core.actor import Role
from warehouse.core.errors import PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_pick_moves_goods_and_promise_to_the_bench():
    task, item, picker, place, order = one_item(10)

    after = pick_item(item.pk, "7", actor=picker, location_scan=" a-01 ", product_scan="4006381333931")

    assert (after.status, after.quantity_picked, after.remaining) == ("pending", Decimal(7), Decimal(3))
    rows = BatchLocation.objects.order_by("location__kind").values_list("location__kind", "quantity", "reserved")
    assert list(rows) == [("packing", Decimal(7), Decimal(7)), ("storage", Decimal(13), Decimal(3))]
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved, stock.blocked) == (Decimal(20), Decimal(10), Decimal(0))
    lines = Movement.objects.filter(type="pick").order_by("quantity_change")
    assert list(lines.values_list("quantity_change", "reserved_change", "document_type", "document_id", "order_ref")) == [
        (Decimal(-7), Decimal(-7), "picking_task", task.pk, order.order_ref),
        (Decimal(7), Decimal(7), "picking_task", task.pk, order.order_ref),
    ]
    assert PickingTask.objects.get().picked_items == 0
    last = pick_item(item.pk, 3, actor=picker, location_scan=place.shelf.barcode, product_scan="LOT-1")
    assert (last.status, last.reservation_item_id) == ("picked", None)
    assert PickingTask.objects.get().picked_items == 1
    assert list(Pick.objects.order_by("pk").values_list("quantity", "picked_by")) == [(Decimal(7), picker.user_id), (Decimal(3), picker.user_id)]


@pytest.mark.parametrize(
    "scan", ["4006381333931", "apple", "LOT-1", "0104006381333931\x1d10LOT-1", "(01)04006381333931(10)LOT-1", "(01)04006381333931"]
)
def test_scans_that_name_the_goods(scan):
    _, item, picker, place, _ = one_item()
    assert pick_item(item.pk, 1, actor=picker, location_scan=place.shelf.barcode, product_scan=scan).quantity_picked == 1


@pytest.mark.parametrize(
    ("location", "product", "expected"),
    [
        ("C-01", "APPLE", {"location": "A-01"}),
        ("", "APPLE", {"location": "A-01"}),
        ("A-01", "PEAR", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "LOT-2", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "(01)04006381333931(10)LOT-2", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "4000000000999", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "nonsense", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "A-01", {"sku": "APPLE", "lot_number": "LOT-1"}),
    ],
)
def test_a_wrong_scan_is_refused_with_what_was_expected(location, product, expected):
    _, item, picker, place, _ = one_item()
    pear = ProductFactory(sku="PEAR")
    BarcodeFactory(product=pear, code="4000000000999")
    stocked(pear, place.shelf, 5, lot="LOT-2")

    with pytest.raises(WrongScan) as caught:
        pick_item(item.pk, 1, actor=picker, location_scan=location, product_scan=product)

    assert caught.value.as_problem()["code"] == "wrong_scan"
    assert expected.items() <= caught.value.data["expected"].items()
    assert PickingTaskItem.objects.get(pk=item.pk).quantity_picked == 0


def test_more_than_is_asked_for_is_refused():
    _, item, picker, _, _ = one_item(10)
    pick(item, picker, 8)
    with pytest.raises(Surplus) as caught:
        pick(item, picker, 3)
    assert caught.value.data == {"missing": "2.000", "given": "3.000"}


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "1e30", "0.5", None, "three"])
def test_a_quantity_that_is_none_is_refused(quantity):
    _, item, picker, place, _ = one_item()
    with pytest.raises(ValidationFailed):
        pick_item(item.pk, quantity, actor=picker, location_scan=place.shelf.barcode, product_scan="APPLE")


def test_a_task_that_is_not_being_picked_is_refused():
    task, item, picker, _place, _ = one_item()
    cancel_picking_task(task.pk, "the shelf fell over", actor=ACTOR)
    for act in (lambda: pick(item, picker), lambda: short_item(item.pk, actor=picker), lambda: skip_item(item.pk, actor=picker)):
        with pytest.raises(TransitionRefused) as caught:
            act()
        assert caught.value.data["status"] == "cancelled"
    with pytest.raises(TransitionRefused):
        complete_picking_task(task.pk, actor=picker)


def test_an_item_that_is_done_stays_done():
    _, item, picker, _, _ = one_item()
    pick(item, picker)
    with pytest.raises(TransitionRefused):
        pick(item, picker, 1)
    with pytest.raises(TransitionRefused):
        short_item(item.pk, actor=picker)


def test_somebody_elses_task_is_refused_but_not_to_a_manager():
    task, item, _, _, _ = one_item()
    with pytest.raises(PermissionDenied):
        pick(item, person(Role.PICKER), 1)
    assert pick(item, person(Role.MANAGER)).status == "picked"
    with pytest.raises(PermissionDenied):
        complete_picking_task(task.pk, actor=person(Role.PICKER))
    with pytest.raises(PermissionDenied):
        pick(item, person(Role.PACKER), 1)


def test_goods_that_may_not_leave_are_refused():
    _, item, picker, _, _ = one_item()
    Batch.objects.update(status="on_hold")
    BatchLocation.objects.update(blocked_reason="held")
    with pytest.raises(UnfitNow):
        pick(item, picker, 1)
    assert short_item(item.pk, actor=picker).status == "short"


def test_a_stale_version_is_refused():
    task, item, picker, _place, _ = one_item()
    with pytest.raises(StaleVersion):
        pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan="APPLE", expected_version=task.version - 1)
    pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan="APPLE", expected_version=task.version)


@pytest.mark.parametrize("lines", [1, 3])
def test_statements_of_a_pick_do_not_grow_with_the_task(lines):
    place = site()
    products = [ProductFactory() for _ in range(lines)]
    for product in products:
        stocked(product, place.shelf, 10, expires_in_days=30)
        BarcodeFactory(product=product, code=f"C{product.pk}")
    order_for([(product, 4) for product in products])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    item = task.items.first()
    pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan=f"C{item.product_id}")
    with CaptureQueriesContext(connection) as queries:
        pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan=f"C{item.product_id}")
    # Besides BEGIN and COMMIT.
    assert len(queries) - 2 <= 12
    with CaptureQueriesContext(connection) as queries:
        pick_item(item.pk, 2, actor=picker, location_scan="A-01", product_scan=f"C{item.product_id}")
    assert len(queries) - 2 <= 12
