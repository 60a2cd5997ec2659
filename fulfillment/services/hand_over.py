"""A carrier's pick-up: many parcels handed over together, each order's all or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from fulfillment.enums import LIVING_SHIPMENTS, PackingStatus, ShipmentStatus
from fulfillment.locks import lock_packing_tasks, lock_shipments_of
from fulfillment.models import PackingTask, Shipment
from fulfillment.services import packing_tasks
from inventory import orchestrator
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, DomainError, NotFound, ValidationFailed
from warehouse.core.transactions import operation

# A van holds no more, and so long may one transaction be.
MOST_PARCELS = 300


@dataclass(frozen=True, slots=True)
class RefusedTask:
    """A packing task whose parcels stay here, and why."""

    task_id: int
    number: str
    error: DomainError


@dataclass(slots=True)
class Manifest:
    """What came of it: shipments that the carrier has now (also those that it had already), and tasks that stay."""

    handed_over: list[int] = field(default_factory=list)
    refused: list[RefusedTask] = field(default_factory=list)


@operation(Role.PACKER)
def hand_over_shipments(shipment_ids: Sequence[int], *, actor: Actor) -> Manifest:
    """The carrier takes these parcels. Of each packing task all go or none: goods of one promise leave the books together.

    A task that can't go (a parcel of it is missing from the list or has no waybill, goods that may not leave) stays as it is and is told; the others go.
    Handed over already is handed over. Locks the orders, the tasks and all their shipments, each by id, then what inventory locks of all of
    them. Events as `ship_packing_task`. Raises ValidationFailed for an empty list or too long a one, NotFound for a shipment that there is not.
    """
    wanted = set(shipment_ids)
    if not 0 < len(wanted) <= MOST_PARCELS:
        raise ValidationFailed(
            f"shipments: name from 1 to {MOST_PARCELS} parcels; these are {len(wanted)}.", errors=[{"field": "shipments", "code": "invalid"}]
        )
    known = dict(Shipment.objects.filter(pk__in=wanted).values_list("pk", "packing_task"))
    if unknown := sorted(wanted - set(known)):
        raise NotFound(f"There is no shipment {unknown[0]}.", kind="shipment", id=unknown[0])
    tasks = lock_packing_tasks(known.values())
    parcels: dict[int, list[Shipment]] = defaultdict(list)
    for shipment in lock_shipments_of(tasks):
        if shipment.status in LIVING_SHIPMENTS or shipment.pk in wanted:
            parcels[shipment.packing_task_id].append(shipment)
    leaving = [task.reservation_id for task in tasks if task.status == PackingStatus.PACKED]
    orchestrator.take_gates_of.inside(leaving, actor=actor)
    manifest = Manifest()
    for task in tasks:
        _hand_over(task, parcels[task.pk], wanted, manifest, actor)
    return manifest


def _hand_over(task: PackingTask, parcels: Sequence[Shipment], wanted: set[int], manifest: Manifest, actor: Actor) -> None:
    named = [shipment for shipment in parcels if shipment.pk in wanted]
    try:
        if any(shipment.status not in LIVING_SHIPMENTS for shipment in named):
            closed = [f"{row} is {row.get_status_display()}" for row in named if row.status not in LIVING_SHIPMENTS]
            raise Conflict(f"{', '.join(closed)}: keep the parcel here.", shipments=[row.pk for row in named if row.status not in LIVING_SHIPMENTS])
        if all(shipment.status not in (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED) for shipment in named):
            manifest.handed_over += [shipment.pk for shipment in named]
            return
        missing = [shipment.package.barcode for shipment in parcels if shipment.pk not in wanted]
        if missing:
            raise Conflict(f"{task}: {', '.join(missing)} is not on the list. All parcels of an order's part go together.", missing=missing)
        with transaction.atomic():
            packing_tasks.ship_packing_task.inside(task.pk, actor=actor)
    except DomainError as error:
        manifest.refused.append(RefusedTask(task.pk, task.number, error))
    else:
        manifest.handed_over += [shipment.pk for shipment in named]
