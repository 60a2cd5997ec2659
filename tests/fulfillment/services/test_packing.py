"""Packing: every item into a package, nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import Surplus, WorkLeft, WrongScan
from fulfillment.models import DeliveryProvider, Order, Package, PackageItem, PackingTask, PickingTask, PutBack, Shipment
from fulfillment.services.packages import add_package, pack_item, remove_package, set_package_details
from fulfillment.services.packing_tasks import (
    cancel_packing_task,
    claim_next_packing_task,
    complete_packing_task,
    ship_packing_task,
    start_packing_task,
)
from inventory.models import Stock
from tests.factories.fulfillment import ACTOR, order_for, packed, person, picked, reachable_site, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def events(*types: str) -> list[tuple[str, dict]]:
    return [(row.type, row.payload) for row in OutboxEvent.objects.order_by("sequence") if row.type in types]


@pytest.fixture
def packer():
    return person(Role.PACKER)


@pytest.fixture
def task() -> PackingTask:
    """Four APPLE of two lots and one PEAR on the bench, to be packed."""
    place = reachable_site()
    apple, pear = ProductFactory(sku="APPLE"), ProductFactory(sku="PEAR")
    BarcodeFactory(product=apple, code="4006381333931")
    stocked(apple, place.shelf, 3, lot="LOT-1", expires_in_days=30)
    stocked(apple, place.shelf, 9, lot="LOT-2", expires_in_days=60)
    stocked(pear, place.shelf, 9, lot="LOT-9")
    order = order_for([(apple, 4), (pear, 1)])
    return picked(PickingTask.objects.get(order=order), person(Role.PICKER))


def test_goods_go_into_a_package_that_is_made_for_them(task, packer):
    start_packing_task(task.pk, actor=packer)
    first = pack_item(task.pk, "4006381333931", 2, actor=packer)
    assert (first.batch.lot_number, first.packed_quantity, first.status, first.progress) == ("LOT-1", Decimal(2), "pending", Decimal("66.7"))

    # The third closes the first lot, the fourth is of the second one.
    second = pack_item(task.pk, "apple", "2", actor=packer)

    assert (second.batch.lot_number, second.status) == ("LOT-2", "fully_packed")
    assert list(task.items.values_list("batch__lot_number", "packed_quantity", "status")) == [
        ("LOT-1", Decimal(3), "fully_packed"),
        ("LOT-2", Decimal(1), "fully_packed"),
        ("LOT-9", Decimal(0), "pending"),
    ]
    package = Package.objects.get()
    assert (package.sequence_number, package.barcode, package.packaging_type) == (1, f"{task.number}-1", "box")
    assert sorted(PackageItem.objects.values_list("item__batch__lot_number", "quantity")) == [("LOT-1", Decimal(3)), ("LOT-2", Decimal(1))]
    assert PackingTask.objects.get().packed_items == 2


def test_a_lot_is_packed_as_the_lot_that_was_picked(task, packer):
    start_packing_task(task.pk, actor=packer)
    assert pack_item(task.pk, "LOT-2", 1, actor=packer).batch.lot_number == "LOT-2"
    assert pack_item(task.pk, "(01)04006381333931(10)LOT-1", 1, actor=packer).batch.lot_number == "LOT-1"
    with pytest.raises(Surplus):
        pack_item(task.pk, "LOT-2", 1, actor=packer)
    with pytest.raises(WrongScan):
        pack_item(task.pk, "(01)04006381333931(10)LOT-3", 1, actor=packer)


@pytest.mark.parametrize("scan", ["PLUM", "4000000000999", "", "nonsense", "A-01", "LOT-7"])
def test_goods_of_another_order_are_refused(task, packer, scan):
    plum = ProductFactory(sku="PLUM")
    BarcodeFactory(product=plum, code="4000000000999")
    start_packing_task(task.pk, actor=packer)
    with pytest.raises(WrongScan) as caught:
        pack_item(task.pk, scan, 1, actor=packer)
    assert caught.value.data["expected"] == {"sku": ["APPLE", "PEAR"]}
    assert (Package.objects.count(), PackageItem.objects.count()) == (0, 0)


def test_a_surplus_is_refused(task, packer):
    start_packing_task(task.pk, actor=packer)
    pack_item(task.pk, "APPLE", 3, actor=packer)
    with pytest.raises(Surplus) as caught:
        pack_item(task.pk, "APPLE", 2, actor=packer)
    assert caught.value.data == {"missing": "1.000", "given": "2.000"}
    assert sum(PackageItem.objects.values_list("quantity", flat=True)) == 3


def test_several_packages(task, packer):
    start_packing_task(task.pk, actor=packer)
    one = add_package(task.pk, actor=packer, weight="1.250", length=30, width=20, height=10)
    two = add_package(task.pk, actor=packer, packaging_type="bag")
    three = add_package(task.pk, actor=packer)
    assert [package.sequence_number for package in (one, two, three)] == [1, 2, 3]
    pack_item(task.pk, "APPLE", 4, actor=packer, package_id=one.pk)
    remove_package(task.pk, three.pk, actor=packer)
    with pytest.raises(NotFound):
        pack_item(task.pk, "PEAR", 1, actor=packer, package_id=three.pk)
    pack_item(task.pk, "PEAR", 1, actor=packer)
    with pytest.raises(ValidationFailed):
        set_package_details(task.pk, 1, 10, 10, 10, actor=packer)
    with pytest.raises(Conflict):
        remove_package(task.pk, two.pk, actor=packer)
    set_package_details(task.pk, "0.4", 40, 30, "20", actor=packer, packaging_type="bag", package_id=two.pk)

    complete_packing_task(task.pk, actor=packer)

    assert list(PackageItem.objects.values_list("package__sequence_number", "quantity")) == [(1, Decimal(3)), (1, Decimal(1)), (2, Decimal(1))]
    packages = Package.objects.select_related("packing_task__provider")
    assert [(p.volumetric_weight, p.chargeable_weight) for p in packages] == [
        (Decimal("1.200"), Decimal("1.250")),
        (Decimal("4.800"), Decimal("4.800")),
    ]
    assert list(Shipment.objects.order_by("pk").values_list("package", "status", "provider__code")) == [
        (one.pk, "requested", "postexpress"),
        (two.pk, "requested", "postexpress"),
    ]


@pytest.fixture
def change_provider(transactional_db):
    """Changes the default carrier for one test; its row was made by a migration and stays."""
    rows = DeliveryProvider.objects.filter(is_default=True)
    before = rows.values("volumetric_divisor", "max_weight").get()
    yield lambda **fields: rows.update(**fields)
    rows.update(**before)


def test_the_divisor_is_the_providers(task, packer, change_provider):
    change_provider(volumetric_divisor=6000)
    packed(task, packer)
    package = Package.objects.select_related("packing_task__provider").get()
    assert (package.volumetric_weight, package.chargeable_weight) == (Decimal("1.000"), Decimal("2.500"))


def test_pack_requests_a_shipment_in_the_same_transaction(task, packer):
    done = packed(task, packer)
    assert (done.status, done.worker_id, done.packed_items) == ("packed", packer.user_id, 3)
    shipment = Shipment.objects.get()
    assert shipment.number.startswith("SHP-")
    assert (shipment.status, shipment.attempts, shipment.next_attempt_at, shipment.order_id) == ("requested", 0, done.packed_at, task.order_id)
    assert Order.objects.get().status == "packing"
    assert events("packing.completed") == [("packing.completed", {"task_id": task.pk, "order_id": task.order.external_id})]


def test_what_is_not_finished_is_listed(task, packer):
    start_packing_task(task.pk, actor=packer)
    pack_item(task.pk, "APPLE", 4, actor=packer)
    add_package(task.pk, actor=packer)
    with pytest.raises(WorkLeft) as caught:
        complete_packing_task(task.pk, actor=packer)
    assert [(error["code"], error.get("sku") or error["package"]) for error in caught.value.errors] == [
        ("not_packed", "PEAR"),
        ("not_measured", 1),
        ("empty", 2),
        ("not_measured", 2),
    ]
    assert PackingTask.objects.get().status == "in_progress"


def test_a_package_that_the_carrier_does_not_take_is_refused(task, packer, change_provider):
    change_provider(max_weight=2)
    with pytest.raises(WorkLeft) as caught:
        packed(task, packer)
    assert caught.value.errors == [{"package": 1, "code": "too_heavy", "is": "2.500", "limit": "2.00", "unit": "kg"}]


@pytest.mark.parametrize("bad", [0, -1, "NaN", "Infinity", "x", None, "0.0001", "1e9"])
def test_measures_that_are_none_are_refused(task, packer, bad):
    start_packing_task(task.pk, actor=packer)
    with pytest.raises(ValidationFailed) as caught:
        set_package_details(task.pk, bad, 30, bad, 10, actor=packer)
    assert [error["field"] for error in caught.value.errors] == ["weight", "width"]
    with pytest.raises(ValidationFailed):
        set_package_details(task.pk, 1, 1, 1, 1, actor=packer, packaging_type="barrel")
    assert Package.objects.count() == 0


def test_a_task_that_is_not_being_packed_is_refused(task, packer):
    for act in (
        lambda: pack_item(task.pk, "PEAR", 1, actor=packer),
        lambda: add_package(task.pk, actor=packer),
        lambda: set_package_details(task.pk, 1, 1, 1, 1, actor=packer),
        lambda: complete_packing_task(task.pk, actor=packer),
        lambda: ship_packing_task(task.pk, actor=packer),
    ):
        with pytest.raises(TransitionRefused):
            act()


def test_who_may(task, packer):
    start_packing_task(task.pk, actor=packer)
    with pytest.raises(PermissionDenied):
        pack_item(task.pk, "PEAR", 1, actor=person(Role.PACKER))
    with pytest.raises(PermissionDenied):
        pack_item(task.pk, "PEAR", 1, actor=person(Role.PICKER))
    with pytest.raises(PermissionDenied):
        cancel_packing_task(task.pk, "no", actor=packer)
    with pytest.raises(StaleVersion):
        pack_item(task.pk, "PEAR", 1, actor=packer, expected_version=1)


def test_nothing_is_shipped_without_a_waybill(task, packer):
    packed(task, packer)
    with pytest.raises(Conflict) as caught:
        ship_packing_task(task.pk, actor=packer)
    assert caught.value.data == {"waiting": [Shipment.objects.get().number]}
    assert sum(Stock.objects.values_list("reserved", flat=True)) == 5


def test_a_cancelled_task_brings_the_goods_back(task, packer):
    packed(task, packer)
    cancel_packing_task(task.pk, "the box got wet", actor=ACTOR)
    assert (PackingTask.objects.get().status, Shipment.objects.get().status) == ("cancelled", "cancelled")
    assert Shipment.objects.get().cancellation_reason == "the box got wet"
    assert sorted(PutBack.objects.values_list("product__sku", "quantity")) == [("APPLE", Decimal(1)), ("APPLE", Decimal(3)), ("PEAR", Decimal(1))]
    assert sum(Stock.objects.values_list("reserved", flat=True)) == 0
    assert Order.objects.get().status == "needs_attention"


@pytest.mark.parametrize("products", [1, 3])
def test_statements_of_packing_do_not_grow_with_the_task(products, packer):
    place = reachable_site()
    goods = [ProductFactory() for _ in range(products)]
    for product in goods:
        stocked(product, place.shelf, 10)
    order = order_for([(product, 3) for product in goods])
    task = picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    start_packing_task(task.pk, actor=packer)
    set_package_details(task.pk, 1, 10, 10, 10, actor=packer)
    with CaptureQueriesContext(connection) as queries:
        pack_item(task.pk, goods[0].sku, 1, actor=packer)
    assert len(queries) - 2 == 8
    for product in goods:
        pack_item(task.pk, product.sku, 3 - (product is goods[0]), actor=packer)
    with CaptureQueriesContext(connection) as queries:
        complete_packing_task(task.pk, actor=packer)
    assert len(queries) - 2 == 15


def test_the_best_task_is_claimed(packer):
    place, product = reachable_site(), ProductFactory()
    stocked(product, place.shelf, 9)
    first, urgent = (picked(order_for([(product, 1)], **more).picking_tasks.get(), person(Role.PICKER)) for more in ({}, {"priority": "urgent"}))
    claimed = claim_next_packing_task(place.id, actor=packer)
    assert (claimed.pk, claimed.status, claimed.worker_id) == (urgent.pk, "in_progress", packer.user_id)
    assert claim_next_packing_task(place.id, actor=packer).pk == urgent.pk  # the one at hand
    assert claim_next_packing_task(place.id, actor=person(Role.PACKER)).pk == first.pk
    assert claim_next_packing_task(place.id, actor=person(Role.PACKER)) is None
    with pytest.raises(ValidationFailed):
        claim_next_packing_task(place.id, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        claim_next_packing_task(place.id, actor=person(Role.PICKER))


def test_there_is_no_packing_task_without_a_walk(task):
    with pytest.raises(IntegrityError, match="picking_task_id"):
        PackingTask.objects.update(picking_task=None)
