"""Packages, shipments and waybills that contradict one another."""

from __future__ import annotations

from django.db import connection
from django.db.models import F
from django.utils import timezone

from fulfillment.models import Package, PackageItem, PackingTask, PackingTaskItem, PackScan, PickingTask, Shipment
from fulfillment.services.orders import process_order_cancelled
from inventory.models import Reservation, ReservationItem
from tests.factories.fulfillment import ACTOR, order_for, packed, person, picked
from tests.fulfillment.queries.broken.house import House
from warehouse.core.actor import Role


def more_to_pack_than_was_picked(house: House) -> set[str]:
    house.to_pack()
    PackingTaskItem.objects.update(quantity=11)
    return {"to_be_packed"}


def packed_but_in_no_package(house: House) -> set[str]:
    house.packed()
    PackageItem.objects.update(quantity=4)
    return {"in_packages", "pack_scans"}


def packed_to_the_half(house: House) -> set[str]:
    house.packed()
    PackingTaskItem.objects.update(packed_quantity=4)
    PackageItem.objects.update(quantity=4)
    PackingTask.objects.update(packed_items=0)
    return {"in_packages", "pack_scans"}


def a_package_without_a_shipment(house: House) -> set[str]:
    house.packed()
    Shipment.objects.update(status="voided")
    return {"package_shipments"}


def two_living_shipments_of_a_package(house: House) -> set[str]:
    shipment = house.ready()
    with connection.cursor() as cursor:
        # The database itself refuses it: what a lost index would let through.
        cursor.execute("DROP INDEX one_living_shipment_per_package")
    copy = Shipment.objects.get(pk=shipment.pk)
    copy.pk, copy.number, copy._state.adding = None, "SHP-COPY", True
    copy.tracking_number, copy.external_id = "TRACK-2", "w-2"
    copy.save()
    return {"package_shipments", "waybills"}


def handed_over_before_it_was_shipped(house: House) -> set[str]:
    house.ready()
    Shipment.objects.update(status="handed_over")
    return {"package_shipments"}


def shipped_but_not_handed_over(house: House) -> set[str]:
    house.shipped()
    Shipment.objects.update(status="created")
    return {"package_shipments"}


def a_living_shipment_of_a_cancelled_task(house: House) -> set[str]:
    house.ready()
    process_order_cancelled("listings", "7", "", actor=ACTOR)
    Shipment.objects.update(status="created")
    return {"stray_shipments"}


def a_shipment_of_another_tasks_package(house: House) -> set[str]:
    first = house.ready()
    second = order_for([(house.product, 1)], external_id="8")
    other = packed(picked(PickingTask.objects.get(order=second), person(Role.PICKER)), person(Role.PACKER))
    Shipment.objects.filter(packing_task=other).update(package=Package.objects.get(packing_task=first.packing_task_id), status="voided")
    return {"stray_shipments", "package_shipments"}


def a_waybill_without_a_number(house: House) -> set[str]:
    house.ready()
    Shipment.objects.update(tracking_number="")
    Package.objects.update(tracking_number="")
    return {"waybills"}


def a_label_of_another_waybill(house: House) -> set[str]:
    house.ready()
    Package.objects.update(tracking_number="TRACK-0")
    return {"waybills"}


def shipped_but_still_promised(house: House) -> set[str]:
    house.shipped()
    Reservation.objects.update(status="released")
    return {"shipped_promises"}


def shipped_less_than_was_packed(house: House) -> set[str]:
    house.shipped()
    ReservationItem.objects.update(consumed=F("consumed") - 1, released=1, actual=None)
    return {"shipped_promises"}


def a_task_with_another_label_than_its_package(house: House) -> set[str]:
    house.ready()
    PackingTask.objects.update(label_url="https://labels.example/other")
    return {"waybills"}


def a_task_with_another_waybill_than_its_package(house: House) -> set[str]:
    house.shipped()
    PackingTask.objects.update(tracking_number="TRACK-0")
    return {"waybills"}


def more_scanned_than_lies_in_the_package(house: House) -> set[str]:
    house.packed()
    PackScan.objects.update(quantity=11)
    return {"pack_scans"}


def goods_that_came_back_unseen(house: House) -> set[str]:
    house.shipped()
    Shipment.objects.update(status="returned", returned_at=timezone.now())
    return {"returns"}


def a_shipment_that_nobody_asks_for(house: House) -> set[str]:
    house.packed()
    Shipment.objects.update(next_attempt_at=None, last_error="422: no such street")
    return {"given_up"}
