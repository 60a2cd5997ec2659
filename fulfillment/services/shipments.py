"""What people do with shipments: have the carrier asked again, replace them, hand them over."""

from __future__ import annotations

from django.utils import timezone

from fulfillment.enums import OWED_SHIPMENTS, ShipmentStatus
from fulfillment.locks import lock_shipment
from fulfillment.models import Shipment
from fulfillment.queries.providers import active_provider
from fulfillment.services import packing_tasks, stuck
from fulfillment.services.background import REQUEST_SHIPMENT, VOID_SHIPMENT
from fulfillment.services.progress import settle
from fulfillment.services.providers import replace, require_none_to_void, require_within_limits
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation


@operation(Role.PACKER)
def retry_shipment(shipment_id: int, *, actor: Actor, expected_version: int | None = None) -> Shipment:
    """Have the carrier asked again now, for the waybill or to void it; the tries begin anew and the alert is resolved.

    Locks order, task, package, shipment. Raises Conflict when nothing is asked of the carrier, when it is being asked, and when the waybill that this one
    replaces has to be voided first.
    """
    shipment = lock_shipment(shipment_id, expected_version)
    now = timezone.now()
    if shipment.status not in OWED_SHIPMENTS:
        raise Conflict(f"{shipment} is {shipment.get_status_display()}: there is nothing to try again.", status=shipment.status)
    if shipment.leased_until and shipment.leased_until > now:
        raise Conflict(f"{shipment}: the carrier is being asked right now. Wait a minute.")
    require_none_to_void(shipment)
    stuck.resolve_alert_of(shipment, actor=actor)
    shipment.next_attempt_at = shipment.waiting_since = now
    shipment.answered = 0
    shipment.save_changes("next_attempt_at", "waiting_since", "answered")
    soon(REQUEST_SHIPMENT if shipment.status == ShipmentStatus.REQUESTED else VOID_SHIPMENT, shipment.pk)
    return shipment


@operation(Role.PACKER)
def replace_shipment(shipment_id: int, reason: str, *, actor: Actor, provider: str = "", expected_version: int | None = None) -> Shipment:
    """Give a package a new shipment instead of one that is wrong, perhaps with another provider. Returns the new one.

    The old one is cancelled, or voided at the carrier when it has, or may have, a waybill; the new one, with a key of its own, is asked for after that,
    so that the carrier never has two for one package; until it is there the order is not ready. Locks order, task, package, shipment. Raises Conflict
    once it was handed over, NotFound, ValidationFailed as `providers.change_provider`.
    """
    reason = require_reason(reason)
    shipment = lock_shipment(shipment_id, expected_version)
    if shipment.status not in (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED):
        raise Conflict(f"{shipment} is {shipment.get_status_display()}: it can't be replaced any more.", status=shipment.status)
    require_none_to_void(shipment)
    chosen = active_provider(provider) if provider else shipment.provider
    require_within_limits(chosen, [shipment.package])
    successor = replace(shipment, chosen, reason, actor=actor)
    settle(shipment.order, actor=actor)
    return successor


@operation(Role.PACKER)
def hand_over_shipment(shipment_id: int, *, actor: Actor, expected_version: int | None = None) -> Shipment:
    """The carrier takes the package, and with it all packages of its packing task: goods of one promise leave the books together.

    Locks and events as `ship_packing_task`.
    """
    shipment = lock_shipment(shipment_id, expected_version)
    packing_tasks.ship_packing_task.inside(shipment.packing_task_id, actor=actor)
    return lock_shipment(shipment_id)
