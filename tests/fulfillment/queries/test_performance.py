"""The figures of a morning whose times are known."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.enums import OrderStatus, ShipmentStatus
from fulfillment.models import Order, Package, PackingTask, PickingTask, PickingTaskItem, Shipment
from fulfillment.queries.performance import Duration, performance
from fulfillment.services.shipments import replace_shipment
from fulfillment.services.waybills import Waybill, record_waybill
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = Duration(0, None, None)


def test_nothing_has_happened() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        now = performance()
    assert len(queries) == 8
    assert (now.picking, now.packing, now.order_to_shipment) == (NOTHING, NOTHING, NOTHING)
    assert (now.picks_by_worker, now.open_orders, now.packing_tasks_per_hour, now.picking_tasks_stuck) == ({}, {}, 0, 0)
    assert (now.picking_shortage_rate, now.average_package_weight, now.fulfillment_success_rate) == (None, None, None)


def test_a_morning(client: Client) -> None:
    place = reachable_site()
    product, other = ProductFactory(), ProductFactory()
    stocked(product, place.shelf, 20)
    stocked(other, place.shelf, 20)
    picker, packer = person(Role.PICKER), person(Role.PACKER)
    done = order_for([(product, 2), (other, 1)])
    task = done.picking_tasks.get()
    packed(picked(task, picker), packer)
    half = order_for([(product, 3)])
    begun(half.picking_tasks.get(), picker)
    pick(half.picking_tasks.get().items.get(), picker, 1)
    order_for([(other, 1000)])

    now = timezone.now()
    PickingTask.objects.filter(pk=task.pk).update(created_at=now - timedelta(minutes=30), completed_at=now - timedelta(minutes=20))
    PackingTask.objects.update(created_at=now - timedelta(minutes=20), packed_at=now - timedelta(minutes=15))
    Order.objects.filter(pk=done.pk).update(created_at=now - timedelta(hours=1))
    # Asked for at once, answered by the carrier five minutes later.
    Shipment.objects.update(created_at=now - timedelta(minutes=20), waybill_at=now - timedelta(minutes=15), status=ShipmentStatus.CREATED)
    PickingTask.objects.filter(order=half).update(started_at=now - timedelta(hours=3))
    PickingTaskItem.objects.filter(task=task, product=other).update(status="short")
    Order.objects.filter(pk=done.pk).update(status=OrderStatus.SHIPPED)
    Package.objects.update(weight=Decimal("2.500"))

    figures = performance()
    assert figures.picking == Duration(1, 600.0, 600.0)
    assert figures.packing == Duration(1, 300.0, 300.0)
    assert figures.order_to_shipment == Duration(1, 2700.0, 2700.0)
    assert figures.picks_by_worker == {picker.name: 3}
    assert figures.picking_shortage_rate == Decimal("0.5")
    assert figures.packing_tasks_per_hour == 1
    assert figures.average_package_weight == Decimal("2.5")
    assert figures.fulfillment_success_rate == Decimal("0.5")
    assert figures.picking_tasks_stuck == 1
    assert figures.open_orders == {"picking": 1, "rejected": 1}

    text = client.get("/metrics").content.decode()
    assert 'picking_task_duration_seconds{quantile="0.5"} 600.0' in text
    assert 'orders_open{status="rejected"} 1.0' in text
    assert f'picking_items_per_hour{{worker="{picker.name}"}} 3.0' in text
    assert "fulfillment_success_rate 0.5" in text


def test_the_time_to_a_shipment_is_that_to_its_waybill() -> None:
    place = reachable_site()
    product: Product = ProductFactory()
    stocked(product, place.shelf, 20)
    packer = person(Role.PACKER)
    first, second = (packed(picked(order_for([(product, 2)]).picking_tasks.get(), person(Role.PICKER)), packer) for _ in range(2))
    # Nobody has a waybill yet.
    assert performance().order_to_shipment == NOTHING

    for task in (first, second):
        shipment = record_waybill(task.shipments.get().pk, Waybill(f"w-{task.pk}", f"TRK-{task.pk}", "", "created", None), actor=ACTOR)
        assert shipment.waybill_at is not None
        Order.objects.filter(pk=task.order_id).update(created_at=shipment.waybill_at - timedelta(minutes=45))
    assert performance().order_to_shipment == Duration(2, 2700.0, 2700.0)

    # What replaces a waybill that was wrong is no second way to the first one, and the wrong one does not count any more.
    successor = replace_shipment(first.shipments.get().pk, "wrong weight", actor=packer)
    Shipment.objects.filter(pk=first.shipments.earliest("pk").pk).update(status=ShipmentStatus.VOIDED)
    record_waybill(successor.pk, Waybill("w-3", "TRK-3", "", "created", None), actor=ACTOR)
    assert performance().order_to_shipment == Duration(1, 2700.0, 2700.0)


def test_yesterday_does_not_count() -> None:
    place = reachable_site()
    product = ProductFactory()
    stocked(product, place.shelf, 20)
    picked(order_for([(product, 2)]).picking_tasks.get(), person(Role.PICKER))
    PickingTask.objects.update(completed_at=timezone.now() - timedelta(hours=25))
    figures = performance()
    assert figures.picking == NOTHING
    assert figures.picking_shortage_rate is None
