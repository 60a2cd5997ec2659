"""Waybills: asked of the carrier between two transactions, recorded, given up. What a worker does with a shipment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from fulfillment import events
from fulfillment.enums import ShipmentStatus
from fulfillment.locks import lock_shipment, try_lock_shipment
from fulfillment.models import Package, PackingTask, Shipment
from fulfillment.services.progress import settle
from warehouse.core.actor import Actor
from warehouse.core.documents import take
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

# Longer than the two calls may take together; a worker that died is followed by another after it.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ClaimedShipment:
    """What a worker needs to ask the carrier. `request` is what was asked before, word for word, or None; `attempt` counts from 0."""

    id: int
    attempt: int
    key: UUID
    order_external_id: str
    shipment: Shipment
    request: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Waybill:
    """The carrier's answer."""

    external_id: str
    tracking_number: str
    label_url: str
    status: str
    estimated_delivery: date | None


@operation()
def claim_shipment(shipment_id: int, *, actor: Actor) -> ClaimedShipment | None:
    """Take the right to ask the carrier for a while; None when it is not to be asked now, or somebody else asks. Locks the shipment alone."""
    shipment = try_lock_shipment(shipment_id)
    now = timezone.now()
    if shipment is None or shipment.status != ShipmentStatus.REQUESTED:
        return None
    if shipment.next_attempt_at is None or shipment.next_attempt_at > now or (shipment.leased_until and shipment.leased_until > now):
        return None
    shipment.attempts += 1
    shipment.leased_until = now + LEASE
    shipment.save_changes("attempts", "leased_until")
    return ClaimedShipment(shipment.pk, shipment.attempts - 1, shipment.package.key, shipment.order.external_id, shipment, shipment.request)


@operation()
def keep_shipment_request(shipment_id: int, request: dict[str, Any], *, actor: Actor) -> dict[str, Any]:
    """Keep what the carrier will be asked before it is asked: a repetition must be the same, word for word. Returns what was kept first.

    Locks order, task, package, shipment.
    """
    shipment = lock_shipment(shipment_id)
    if shipment.request is None:
        shipment.request = request
        shipment.save_changes("request")
    return shipment.request


@operation()
def record_waybill(shipment_id: int, waybill: Waybill, *, actor: Actor) -> Shipment:
    """The carrier has answered: tracking number and label on shipment, package and (the first one's) task. Recording it again changes nothing.

    Locks order, task, package, shipment. Event shipment.created; when all packages of the order have a waybill it is ready, and the order system is
    owed that news. A shipment that was cancelled meanwhile keeps its waybill, to be voided.
    """
    shipment = lock_shipment(shipment_id)
    if shipment.status not in (ShipmentStatus.REQUESTED, ShipmentStatus.VOID_REQUESTED):
        return shipment
    shipment.external_id, shipment.tracking_number, shipment.label_url = waybill.external_id, waybill.tracking_number, waybill.label_url
    shipment.carrier_status, shipment.estimated_delivery = waybill.status, waybill.estimated_delivery
    shipment.leased_until = shipment.next_attempt_at = None
    shipment.last_error = ""
    wanted = shipment.status == ShipmentStatus.REQUESTED
    if wanted:
        take(shipment, "create")
    shipment.save_changes(
        "status",
        "external_id",
        "tracking_number",
        "label_url",
        "carrier_status",
        "estimated_delivery",
        "leased_until",
        "next_attempt_at",
        "last_error",
    )
    if wanted:
        _label(shipment.packing_task, shipment.package, waybill)
        publish([events.of_shipment(events.SHIPMENT_CREATED, shipment)], actor=actor)
        settle(shipment.order, actor=actor)
    return shipment


@operation()
def postpone_shipment(shipment_id: int, error: str, next_attempt_at: datetime, *, actor: Actor) -> None:
    """The carrier could not be asked, or did not answer: a worker tries again at that time. Locks order, task, package, shipment."""
    shipment = lock_shipment(shipment_id)
    if shipment.status == ShipmentStatus.REQUESTED:
        shipment.last_error, shipment.next_attempt_at, shipment.leased_until = error[:2000], next_attempt_at, None
        shipment.save_changes("last_error", "next_attempt_at", "leased_until")


@operation()
def stop_shipment(shipment_id: int, error: str, *, actor: Actor) -> None:
    """The carrier refuses: nobody tries again until a person says so; what was asked is forgotten, so that it can be mended.

    Locks order, task, package, shipment.
    """
    shipment = lock_shipment(shipment_id)
    if shipment.status == ShipmentStatus.REQUESTED:
        shipment.last_error, shipment.next_attempt_at, shipment.leased_until, shipment.request = error[:2000], None, None, None
        shipment.save_changes("last_error", "next_attempt_at", "leased_until", "request")


def give_up(shipment: Shipment) -> None:
    """Cancel a locked shipment that is not wanted any more; one that the carrier knows, or may know, is left to be voided there."""
    take(shipment, "cancel" if shipment.status == ShipmentStatus.REQUESTED and not shipment.attempts else "request_void")
    shipment.cancelled_at, shipment.next_attempt_at = timezone.now(), None
    shipment.save_changes("status", "cancelled_at", "next_attempt_at")


def _label(task: PackingTask, package: Package, waybill: Waybill) -> None:
    package.tracking_number, package.label_url = waybill.tracking_number, waybill.label_url
    package.save(update_fields=["tracking_number", "label_url", "updated_at"])
    if package.sequence_number == min(task.packages.values_list("sequence_number", flat=True)):
        task.tracking_number, task.label_url = waybill.tracking_number, waybill.label_url
        task.save_changes("tracking_number", "label_url")
