"""What the hand-over screen asks: which carriers have parcels here, which parcels, and the parcel that a code names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from fulfillment.enums import LIVING_SHIPMENTS, PackingStatus, ShipmentStatus
from fulfillment.labels.sscc import scanned_sscc
from fulfillment.models import Package, PackingTask, Shipment


@dataclass(frozen=True, slots=True)
class CarrierHere:
    """A carrier with parcels in a warehouse: `ready` have their waybill, `waiting` have not."""

    id: int
    name: str
    ready: int
    waiting: int


def carriers_here(warehouse_id: int) -> list[CarrierHere]:
    """The carriers with packed parcels in a warehouse, by name. One statement."""
    here = Shipment.objects.filter(packing_task__warehouse=warehouse_id, status__in=[ShipmentStatus.REQUESTED, ShipmentStatus.CREATED])
    ready, waiting = Count("pk", filter=Q(status=ShipmentStatus.CREATED)), Count("pk", filter=Q(status=ShipmentStatus.REQUESTED))
    rows = here.values_list("provider", "provider__name").annotate(ready=ready, waiting=waiting).order_by("provider__name")
    return [CarrierHere(*row) for row in rows]


def ready_parcels(warehouse_id: int, provider_id: int | None = None) -> QuerySet[Shipment]:
    """Parcels with a waybill that wait for (one of) the carriers, in the order of their packing tasks."""
    rows = Shipment.objects.filter(packing_task__warehouse=warehouse_id, packing_task__status=PackingStatus.PACKED, status=ShipmentStatus.CREATED)
    rows = rows if provider_id is None else rows.filter(provider=provider_id)
    return rows.select_related("order", "package", "provider", "packing_task").order_by("packing_task", "package__sequence_number")


def parcel_by_scan(warehouse_id: int, code: str) -> Shipment | None:
    """The shipment of the parcel that a code names: a tracking number, an SSCC, a package's or a shipment's number. One that goes before one that went."""
    ours = code.upper()
    ways: list[dict[str, Any]] = [{"tracking_number": code}, {"package__barcode": ours}, {"number": ours}]
    if sscc := scanned_sscc(code):
        ways.append({"package__sscc": sscc})
    here = Shipment.objects.filter(packing_task__warehouse=warehouse_id).select_related("order", "package", "provider", "packing_task")
    for way in ways:
        found = list(here.filter(**way).order_by("-pk")[:10])
        living = [row for row in found if row.status in LIVING_SHIPMENTS]
        if found:
            return (living or found)[0]
    return None


def orders_of(task_ids: Sequence[int]) -> list[str]:
    """The orders of packing tasks, as people call them."""
    rows = PackingTask.objects.filter(pk__in=task_ids).order_by("pk").values_list("order__order_number", "order__external_id")
    return list(dict.fromkeys(number or external_id for number, external_id in rows))


def tracking_numbers(barcodes: Sequence[str]) -> list[str]:
    """What the labels of packages say; the package's own number where it has no waybill."""
    rows = Package.objects.filter(barcode__in=barcodes).order_by("pk").values_list("tracking_number", "barcode")
    return [number or barcode for number, barcode in rows]
