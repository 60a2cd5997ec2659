"""Waybills: asked of the carrier between two transactions, recorded, given up. What a worker does with a shipment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import OWED_SHIPMENTS, ShipmentStatus
from fulfillment.locks import lock_shipment, lock_successor, try_lock_shipment
from fulfillment.models import Package, PackingTask, Shipment
from fulfillment.services import stuck
from fulfillment.services.background import REQUEST_SHIPMENT, VOID_SHIPMENT
from fulfillment.services.progress import settle
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.documents import take
from warehouse.core.partners.http import longest_call
from warehouse.core.transactions import operation
from warehouse.outbox.events import publish

# For an address and a waybill, or for learning a waybill and voiding it.
REQUESTS = 2
# Twice what the calls of one try may take together, for what is written between them; a worker that died is followed by another after it.
LEASE = 2 * longest_call(REQUESTS)


@dataclass(frozen=True, slots=True)
class ClaimedShipment:
    """What a worker needs to ask the carrier, or to have a waybill voided: the shipment as it was when it was claimed. `attempt` counts from 0.

    `lease` proves, when the shipment is laid down, that nobody else took it since.
    """

    id: int
    attempt: int
    lease: datetime
    shipment: Shipment


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
    return claim(shipment_id, ShipmentStatus.REQUESTED)


@operation()
def keep_shipment_request(claimed: ClaimedShipment, request: dict[str, Any], *, actor: Actor) -> dict[str, Any] | None:
    """Keep what the carrier will be asked, and that it may have been asked, before it is: a repetition must be the same, word for word.

    Returns what was kept first; None when the shipment is not wanted any more, or another worker took it since: then this one must not ask. Locks order,
    task, package, shipment.
    """
    shipment = still_claimed(claimed)
    if shipment is None or shipment.status != ShipmentStatus.REQUESTED:
        return None
    if shipment.request is None:
        shipment.request = request
    shipment.in_doubt = True
    shipment.save_changes("request", "in_doubt")
    return shipment.request


@operation()
def record_waybill(shipment_id: int, waybill: Waybill, *, actor: Actor) -> Shipment:
    """The carrier has answered: tracking number and label on shipment, package and (the first one's) task. Recording it again changes nothing.

    A waybill that was made is never lost, whoever hears of it and however late: another worker's claim ends with it. A shipment that is not wanted any more
    keeps it, to be voided at once, also when it was closed already because the carrier seemed to have none.

    Locks order, task, package, shipment. Event shipment.created; when all packages of the order have a waybill it is ready, and the order system is
    owed that news. Its alert is resolved.
    """
    shipment = lock_shipment(shipment_id)
    if shipment.external_id:
        return shipment
    wanted = shipment.status == ShipmentStatus.REQUESTED
    fields = note_waybill(shipment, waybill)
    shipment.leased_until = None
    if wanted:
        stuck.resolve_alert_of(shipment, actor=actor)
        shipment.next_attempt_at, shipment.last_error = None, ""
        take(shipment, "create")
        shipment.waybill_at = timezone.now()
    else:
        soon(VOID_SHIPMENT, shipment.pk)
    shipment.save_changes("status", "leased_until", "next_attempt_at", "last_error", "waybill_at", *fields)
    if wanted:
        _label(shipment.packing_task, shipment.package, waybill.tracking_number, waybill.label_url)
        publish([events.of_shipment(events.SHIPMENT_CREATED, shipment)], actor=actor)
        settle(shipment.order, actor=actor)
    return shipment


@operation()
def postpone_shipment(
    claimed: ClaimedShipment, error: str, next_attempt_at: datetime, *, actor: Actor, in_doubt: bool = False, answered: bool = False
) -> None:
    """The carrier could not be asked, or its answer can't be used: a worker tries again at that time. Locks order, task, package, shipment.

    `in_doubt`: it may have done what was asked. `answered`: the try counts; after `SHIPMENT_MAX_ATTEMPTS` of them a person has to look. An alert is
    opened then, and also after some hours without an answer. One that another worker took since is left to that one.
    """
    shipment = still_claimed(claimed)
    if shipment is None:
        return
    shipment.answered += answered
    enough = shipment.answered >= settings.SHIPMENT_MAX_ATTEMPTS
    _leave(shipment, error, None if enough else next_attempt_at, in_doubt, actor)


@operation()
def give_back_shipment(claimed: ClaimedShipment, error: str, next_attempt_at: datetime, *, actor: Actor, in_doubt: bool = False) -> None:
    """The carrier was not asked at all: the claim is as if it had never been, and a worker comes again at that time.

    Locks order, task, package, shipment. After some hours it is an alert all the same. One that another worker took since is left to that one.
    """
    shipment = still_claimed(claimed)
    if shipment is not None:
        shipment.attempts = max(shipment.attempts - 1, 0)
        _leave(shipment, error, next_attempt_at, in_doubt, actor)


@operation()
def stop_shipment(claimed: ClaimedShipment, error: str, *, actor: Actor, in_doubt: bool = False) -> None:
    """The carrier refuses: nobody tries again until a person says so, and an alert tells it. Locks order, task, package, shipment.

    What was asked is forgotten, so that it can be mended, unless an earlier request may have been heard: that one must be repeated word for word.
    One that is not wanted any more, and of which the carrier surely knows nothing, is closed; one that another worker took since is left to that one.
    """
    shipment = still_claimed(claimed)
    if shipment is None:
        return
    if not in_doubt and not shipment.external_id:
        shipment.request = None
        if shipment.status == ShipmentStatus.VOID_REQUESTED:
            close_void(shipment, actor=actor)
            return
    _leave(shipment, error, None, in_doubt, actor)


def claim(shipment_id: int, status: ShipmentStatus) -> ClaimedShipment | None:
    """Lease a shipment in this status that is due; None when it is not, or somebody else has it. Locks the shipment alone."""
    shipment = try_lock_shipment(shipment_id)
    now = timezone.now()
    if shipment is None or shipment.status != status:
        return None
    if shipment.next_attempt_at is None or shipment.next_attempt_at > now or (shipment.leased_until and shipment.leased_until > now):
        return None
    shipment.attempts += 1
    shipment.leased_until = lease = now + LEASE
    shipment.save_changes("attempts", "leased_until")
    return ClaimedShipment(shipment.pk, shipment.attempts - 1, lease, shipment)


def still_claimed(claimed: ClaimedShipment) -> Shipment | None:
    """The shipment, locked with order, task and package; None when nothing is asked of the carrier any more, or another worker took it since."""
    shipment = lock_shipment(claimed.id)
    return shipment if shipment.status in OWED_SHIPMENTS and shipment.leased_until == claimed.lease else None


def note_waybill(shipment: Shipment, waybill: Waybill) -> list[str]:
    """Write the carrier's answer into a locked shipment, which is to be voided if it was closed; the caller saves the fields that are returned."""
    shipment.external_id, shipment.tracking_number, shipment.label_url = waybill.external_id, waybill.tracking_number, waybill.label_url
    shipment.carrier_status, shipment.estimated_delivery = waybill.status, waybill.estimated_delivery
    shipment.in_doubt = False
    fields = ["external_id", "tracking_number", "label_url", "carrier_status", "estimated_delivery", "in_doubt"]
    if shipment.status in OWED_SHIPMENTS:
        return fields
    take(shipment, "request_void")
    return ["status", *fields, *_tries_begin(shipment, timezone.now())]


def give_up(shipment: Shipment, reason: str, *, actor: Actor) -> None:
    """Cancel a locked shipment that is not wanted any more; one that the carrier knows, or may know, is voided there by a worker."""
    known = shipment.status == ShipmentStatus.CREATED or shipment.in_doubt
    stuck.resolve_alert_of(shipment, actor=actor)
    take(shipment, "request_void" if known else "cancel")
    shipment.cancelled_at, shipment.cancellation_reason = timezone.now(), reason
    fields = _tries_begin(shipment, timezone.now() if known else None)
    shipment.save_changes("status", "cancelled_at", "cancellation_reason", *fields)
    if known:
        soon(VOID_SHIPMENT, shipment.pk)


def close_void(shipment: Shipment, *, actor: Actor) -> None:
    """The carrier has no waybill of a locked shipment any more: its alert is resolved, and the one that waits to replace it is asked for.

    Locks that successor, then the alert.
    """
    successor = lock_successor(shipment)
    take(shipment, "void")
    stuck.resolve_alert_of(shipment, actor=actor)
    shipment.voided_at = timezone.now()
    shipment.next_attempt_at = shipment.leased_until = None
    shipment.in_doubt, shipment.last_error = False, ""
    shipment.save_changes("status", "voided_at", "next_attempt_at", "leased_until", "in_doubt", "last_error", "request")
    if successor is not None and successor.status == ShipmentStatus.REQUESTED:
        successor.next_attempt_at = successor.waiting_since = timezone.now()
        successor.save_changes("next_attempt_at", "waiting_since")
        soon(REQUEST_SHIPMENT, successor.pk)


def unlabel(task: PackingTask, package: Package) -> None:
    """A package of a locked task has no waybill any more."""
    _label(task, package, "", "")


def _tries_begin(shipment: Shipment, first: datetime | None) -> list[str]:
    """Void a locked shipment from the beginning, at that time if at all; the caller saves the fields that are returned."""
    shipment.next_attempt_at, shipment.waiting_since = first, timezone.now()
    shipment.attempts = shipment.answered = 0
    shipment.last_error = ""
    return ["next_attempt_at", "waiting_since", "attempts", "answered", "last_error"]


def _leave(shipment: Shipment, error: str, next_attempt_at: datetime | None, in_doubt: bool, actor: Actor) -> None:
    """Lay a claimed shipment down, and say so when it is stuck."""
    shipment.last_error, shipment.next_attempt_at, shipment.leased_until = error[:2000], next_attempt_at, None
    shipment.in_doubt = in_doubt
    shipment.save_changes("last_error", "next_attempt_at", "leased_until", "in_doubt", "attempts", "answered", "request")
    stuck.tell_if_stuck(shipment, actor=actor)


def _label(task: PackingTask, package: Package, tracking_number: str, label_url: str) -> None:
    package.tracking_number, package.label_url = tracking_number, label_url
    package.save(update_fields=["tracking_number", "label_url", "updated_at"])
    if package.sequence_number == min(task.packages.values_list("sequence_number", flat=True)):
        task.tracking_number, task.label_url = tracking_number, label_url
        task.save_changes("tracking_number", "label_url")
