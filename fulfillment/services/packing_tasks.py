"""Packing tasks: made from what was picked, packed, handed to the carrier."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Min, Sum
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import LIVING_SHIPMENTS, OPEN_ORDERS, OPEN_QUALITY, PackingItemStatus, PickingStatus, ShipmentStatus
from fulfillment.errors import WorkLeft
from fulfillment.locks import lock_next_packing_task, lock_packing_task, lock_picking_task, lock_shipments_of
from fulfillment.models import DeliveryProvider, Package, PackingTask, PackingTaskItem, Pick, PickingTask, PutBack, Shipment
from fulfillment.queries.package_weights import weight_faults
from fulfillment.queries.providers import default_provider
from fulfillment.services import put_backs, waybills, weighing
from fulfillment.services.background import REQUEST_SHIPMENT
from fulfillment.services.progress import recount, settle
from fulfillment.services.providers import OVER, limit_faults
from fulfillment.services.workers import claimed, require_worker
from inventory import orchestrator
from inventory.orchestrator import DocumentType
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.documents import cancel, next_number, next_numbers, take
from warehouse.core.errors import Conflict, TransitionRefused
from warehouse.core.quantities import plain
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish

logger = logging.getLogger(__name__)


def make_packing_task(picking: PickingTask, *, actor: Actor) -> list[Event]:
    """The packing task for what a locked picking task brought to the bench, one item per BatchLocation there; nothing when it brought nothing.

    Returns the events, for the caller to publish.
    """
    rows = list(
        Pick.objects.filter(item__task=picking, undone_at=None)
        .values("batch_location", "item__product", "item__batch")
        .annotate(quantity=Sum("quantity"), listing=Min("item__listing_id"))
        .order_by("batch_location")
    )
    if not rows:
        return []
    task = PackingTask.objects.create(
        number=next_number(PackingTask.number_prefix),
        created_by_id=actor.user_id,
        order=picking.order,
        picking_task=picking,
        warehouse_id=picking.warehouse_id,
        reservation_id=picking.reservation_id,
        priority=picking.priority,
        ship_by=picking.ship_by,
        provider=picking.order.provider or default_provider(),
        total_items=len(rows),
    )
    PackingTaskItem.objects.bulk_create(
        PackingTaskItem(
            task=task,
            product_id=row["item__product"],
            batch_id=row["item__batch"],
            batch_location_id=row["batch_location"],
            listing_id=row["listing"],
            quantity=row["quantity"],
        )
        for row in rows
    )
    fields = {"order_id": task.order_id, "picking_task_id": picking.pk, "packing_task_id": task.pk, "items_count": len(rows)}
    transaction.on_commit(partial(logger.info, "packing task created", extra=fields))
    return [events.of_packing(events.PACKING_STARTED, task)]


@operation()
def create_packing_task(picking_task_id: int, *, actor: Actor) -> PackingTask:
    """The packing task of a completed picking task that has none, should it ever lack one; asking again returns the one there is.

    Locks order and picking task. Event packing.started. Raises TransitionRefused for a picking task that is not completed or an order that is closed,
    Conflict while a quality check is open, or when its goods are not promised any more or nothing lies on the bench.
    """
    picking = lock_picking_task(picking_task_id)
    known = PackingTask.objects.filter(picking_task=picking).first()
    if known is not None:
        return known
    if picking.status != PickingStatus.COMPLETED:
        raise TransitionRefused(f"{picking} is {picking.get_status_display()}: finish picking first.", status=picking.status, asked="pack")
    if picking.order.status not in OPEN_ORDERS:
        raise TransitionRefused(f"{picking.order} is {picking.order.get_status_display()}.", status=picking.order.status, asked="pack")
    check = picking.quality_checks.filter(status__in=OPEN_QUALITY).first()
    if check is not None:
        raise Conflict(f"{picking} waits for the quality check {check.number}.", quality_check=check.pk)
    if PutBack.objects.filter(picking_task=picking).exists() or not orchestrator.get_reserved_items(picking.reservation_id):
        raise Conflict(
            f"What {picking} brought is promised to {picking.order} no more. Have it put back; what is still wanted gets a new picking task.",
            picking_task=picking.pk,
        )
    started = make_packing_task(picking, actor=actor)
    if not started:
        raise Conflict(f"Nothing of {picking} lies on the bench: there is nothing to pack.", picking_task=picking.pk)
    publish(started, actor=actor)
    settle(picking.order, actor=actor)
    return PackingTask.objects.get(picking_task=picking)


@operation(Role.PACKER)
def start_packing_task(task_id: int, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """The actor begins to pack the task and becomes its worker. Locks order and task."""
    return _start(lock_packing_task(task_id, expected_version), actor)


@operation(Role.PACKER)
def claim_next_packing_task(warehouse_id: int, *, actor: Actor) -> PackingTask | None:
    """The task that the actor should pack now: the one at hand, else the best pending one of the warehouse, begun. None when there is none.

    Best is by priority, then ship-by, then age. Locks the worker, so that two scanners of one person get one task; then that one task only, passing over
    one that somebody else is claiming.
    """
    return claimed(PackingTask, warehouse_id, actor, lock_next_packing_task, _start)


@operation(Role.PACKER)
def complete_packing_task(task_id: int, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """Everything is packed and measured: one shipment per package is requested in the same transaction; a worker asks the carrier after it.

    Locks order and task. Event packing.completed. Raises WorkLeft listing items that are not packed, and packages that are empty, not measured, more
    than the provider carries, or that weigh otherwise than they should without a reason.
    """
    task = lock_packing_task(task_id, expected_version)
    take(task, "pack")
    require_worker(task, actor)
    packages = list(task.packages.prefetch_related("items__item__product"))
    task.provider = task.provider or default_provider()
    if task.provider is None:
        raise Conflict("No delivery provider is chosen, and none is the default. Choose one for the order or make one the default.")
    _require_packed(task, packages, task.provider)
    task.packed_at = timezone.now()
    task.save_changes("status", "packed_at", "provider")
    numbers = next_numbers(Shipment.number_prefix, len(packages))
    requested = Shipment.objects.bulk_create(
        Shipment(
            number=number,
            created_by_id=actor.user_id,
            order=task.order,
            packing_task=task,
            package=package,
            provider=task.provider,
            next_attempt_at=task.packed_at,
        )
        for number, package in zip(numbers, packages, strict=True)
    )
    publish([events.of_packing(events.PACKING_COMPLETED, task)], actor=actor)
    settle(task.order, actor=actor)
    for shipment in requested:
        soon(REQUEST_SHIPMENT, shipment.pk)
    return task


@operation(Role.PACKER)
def ship_packing_task(task_id: int, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """The carrier takes all packages of the task: the goods leave the books (ledger `sale`), and the order is shipped when this was its last task.

    Weighed goods leave by what they weigh; what is less than promised is released, and put-backs are made for it. Locks order,
    task and shipments, then what inventory locks. Events shipment.handed_over, stock.sold, order.shipped. Raises Conflict when a package has no waybill
    yet.
    """
    task = lock_packing_task(task_id, expected_version)
    take(task, "ship")
    living = [shipment for shipment in lock_shipments_of([task]) if shipment.status in LIVING_SHIPMENTS]
    waiting = [shipment.number for shipment in living if shipment.status != ShipmentStatus.CREATED]
    if waiting or not living:
        raise Conflict(f"{task}: no waybill yet for {', '.join(waiting) or 'any package'}. The carrier has to answer first.", waiting=waiting)
    now = timezone.now()
    for shipment in living:
        take(shipment, "hand_over")
        shipment.handed_over_at = now
        shipment.save_changes("status", "handed_over_at")
        shipment.order = task.order
    task.shipped_at = now
    task.save_changes("status", "shipped_at")
    weighing.leave_rest_to_be_put_back(task)
    orchestrator.consume_reservation.inside(
        task.reservation_id,
        actor=actor,
        actual=weighing.actual_weights(task),
        document_type=DocumentType.PACKING_TASK,
        document_id=task.pk,
        for_order=True,
    )
    publish([events.of_shipment(events.SHIPMENT_HANDED_OVER, shipment) for shipment in living], actor=actor)
    settle(task.order, actor=actor)
    return task


@operation()
def cancel_packing_task(task_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """Do not ship it: the promise is released and the goods on the bench become put-backs; its shipments are cancelled, or to be voided;
    the order goes without it, and needs attention.

    Locks order, task and shipments, then what inventory locks. Event packing.cancelled. Raises TransitionRefused, ValidationFailed for a reason that is
    missing or too long.
    """
    task = lock_packing_task(task_id, expected_version)
    reason = cancel(task, reason)
    for shipment in lock_shipments_of([task]):
        if shipment.status in (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED):
            waybills.give_up(shipment, reason, actor=actor)
    orchestrator.release_reservation.inside(task.reservation_id, reason=reason, actor=actor, for_order=True)
    put_backs.make_put_backs(task.picking_task)
    publish([events.of_packing(events.PACKING_CANCELLED, task, reason=reason)], actor=actor)
    recount(task.order, actor=actor)
    return task


def _start(task: PackingTask, actor: Actor) -> PackingTask:
    take(task, "start")
    task.worker_id, task.started_at = actor.user_id, timezone.now()
    task.save_changes("status", "worker", "started_at")
    return task


def _require_packed(task: PackingTask, packages: Sequence[Package], provider: DeliveryProvider) -> None:
    errors: list[dict[str, Any]] = [
        {"item": item.pk, "sku": item.product.sku, "code": "not_packed", "remaining": plain(item.remaining)}
        for item in task.items.filter(status=PackingItemStatus.PENDING).select_related("product")
    ]
    for package in packages:
        if not package.items.all():
            errors.append({"package": package.sequence_number, "code": "empty"})
        if not package.is_measured:
            errors.append({"package": package.sequence_number, "code": "not_measured"})
    errors += [*weight_faults(packages), *limit_faults(provider, packages)]
    if errors:
        words = {"not_packed": "not packed", "not_measured": "without weight and sides", "empty": "empty", **OVER}
        words["weight_differs"] = "weighs otherwise than its goods and box should"
        text = "; ".join(f"{e.get('sku') or 'package ' + str(e['package'])} {words[e['code']]}" for e in errors)
        raise WorkLeft(f"{task} is not finished: {text}.", errors=errors)
