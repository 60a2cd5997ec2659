"""Waybills that nobody needs, taken back at the carrier: claimed, called outside any transaction, recorded."""

from __future__ import annotations

from fulfillment.enums import ShipmentStatus
from fulfillment.locks import lock_shipment
from fulfillment.models import Shipment
from fulfillment.services.waybills import ClaimedShipment, Waybill, claim, close_void, note_waybill, still_claimed
from warehouse.core.actor import Actor
from warehouse.core.documents import require_reason
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation


@operation()
def claim_void(shipment_id: int, *, actor: Actor) -> ClaimedShipment | None:
    """Take the right to have a waybill voided for a while; None when it is not due, or somebody else has it. Locks the shipment alone."""
    return claim(shipment_id, ShipmentStatus.VOID_REQUESTED)


@operation()
def learn_waybill(claimed: ClaimedShipment, waybill: Waybill, *, actor: Actor) -> None:
    """The carrier has told which waybill is to be voided, whoever heard it: the claim goes on, and one that was closed without it is to be voided again.

    Locks order, task, package, shipment.
    """
    shipment = lock_shipment(claimed.id)
    if not shipment.external_id:
        shipment.save_changes(*note_waybill(shipment, waybill))


@operation()
def record_void(claimed: ClaimedShipment, *, actor: Actor) -> None:
    """The carrier has taken the waybill back, or never had one: the shipment is `voided`, and the one that replaces it is asked for.

    Locks order, task, package, shipment, then its successor. Recording it again changes nothing; one that another worker took since is left to that one,
    which may have learnt of a waybill.
    """
    shipment = still_claimed(claimed)
    if shipment is not None:
        close_void(shipment, actor=actor)


@operation()
def settle_void(shipment_id: int, reason: str, *, actor: Actor, expected_version: int | None = None) -> Shipment:
    """A manager has settled it with the carrier by telephone: no waybill of this shipment is in force. `reason` says what was agreed.

    Locks order, task, package, shipment, then its successor. Raises Conflict when nothing is to be voided.
    """
    reason = require_reason(reason)
    shipment = lock_shipment(shipment_id, expected_version)
    if shipment.status != ShipmentStatus.VOID_REQUESTED:
        raise Conflict(f"{shipment} is {shipment.get_status_display()}: there is no waybill to be voided.", status=shipment.status)
    shipment.notes = f"{shipment.notes}\n{reason}".strip()
    shipment.save_changes("notes")
    close_void(shipment, actor=actor)
    return shipment
