"""How parcels fare that the carrier has: told by the carrier, asked for by a worker, or seen at the dock when one comes back."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import ShipmentStatus
from fulfillment.locks import lock_shipment, try_lock_shipment
from fulfillment.models import PackageItem, Shipment
from inventory import orchestrator
from inventory.orchestrator import ReturnLine, Severity
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish

# The carriers' words, without case and signs, that end a parcel's way; others are kept as they are.
DELIVERED = frozenset({"delivered"})
RETURNED = frozenset({"returned", "return_to_sender", "returned_to_sender"})
STATUS_LENGTH, REFERENCE_LENGTH = 50, 80
RETURN_UNCLEAR = "return_unclear"


@operation(Role.INTEGRATION)
def record_carrier_status(
    shipment_id: int, status: str, *, actor: Actor, at: datetime | None = None, expected_version: int | None = None
) -> Shipment:
    """The carrier says how a parcel fares: the word is kept; `delivered` and `returned` move the shipment (see `return_shipment`).

    `at` is when it came to be so (default: now; a clock that runs ahead counts as now). The same news again changes nothing, nor does older news that
    comes late, unless it is the end of a way that we did not know. Locks order, task, package, shipment, then the order's returns. Events
    shipment.delivered, shipment.returned. Raises Conflict for the end of a way that has not begun: a parcel that was never handed over.
    """
    word = "".join(sign for sign in status if sign.isprintable()).strip()
    if not word or len(word) > STATUS_LENGTH:
        raise ValidationFailed(f"status: {word[:60]!r} is no status of a carrier.", errors=[{"field": "status", "code": "invalid"}])
    shipment = lock_shipment(shipment_id, expected_version)
    now = timezone.now()
    moment = min(at or now, now)
    name = word.lower().replace(" ", "_").replace("-", "_")
    if name in RETURNED:
        _come_back(shipment, moment, actor)
    elif name in DELIVERED:
        _deliver(shipment, moment, actor)
    is_older = shipment.carrier_status_at is not None and moment <= shipment.carrier_status_at
    if not is_older and word != shipment.carrier_status:
        shipment.carrier_status, shipment.carrier_status_at = word, moment
        shipment.save_changes("carrier_status", "carrier_status_at")
    return shipment


@operation(Role.INTEGRATION, Role.RECEIVER)
def return_shipment(shipment_id: int, *, actor: Actor, expected_version: int | None = None) -> Shipment:
    """A parcel is back, or on its way back: a Return of what was in it is written in the same transaction, to be inspected when it is here.

    Twice is once. A Return that somebody has written for this parcel already is the one; when its goods stand in other returns, an alert asks a person.
    Locks order, task, package, shipment, then the order's returns. Event shipment.returned. Raises Conflict when it was not handed over.
    """
    shipment = lock_shipment(shipment_id, expected_version)
    _come_back(shipment, timezone.now(), actor)
    return shipment


@operation()
def claim_poll(shipment_id: int, *, actor: Actor) -> str | None:
    """Take the right to ask the carrier how a parcel fares; None when somebody has asked lately, or need not. Locks the shipment alone."""
    shipment = try_lock_shipment(shipment_id)
    now = timezone.now()
    if shipment is None or shipment.status != ShipmentStatus.HANDED_OVER:
        return None
    if shipment.polled_at and shipment.polled_at > now - timedelta(minutes=settings.CARRIER_POLL_MINUTES):
        return None
    # Not a change that anybody would have to see: the version stays.
    Shipment.objects.filter(pk=shipment_id).update(polled_at=now)
    return shipment.external_id


def _deliver(shipment: Shipment, at: datetime, actor: Actor) -> None:
    if shipment.status in (ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED):
        return
    _require_handed_over(shipment)
    take(shipment, "deliver")
    shipment.delivered_at = at
    shipment.save_changes("status", "delivered_at")
    publish([_news(events.SHIPMENT_DELIVERED, shipment, at)], actor=actor)


def _come_back(shipment: Shipment, at: datetime, actor: Actor) -> None:
    if shipment.status == ShipmentStatus.RETURNED:
        return
    _require_handed_over(shipment)
    take(shipment, "come_back")
    shipment.returned_at = at
    shipment.return_id = _write_return(shipment, actor)
    shipment.save_changes("status", "returned_at", "return_id")
    publish([_news(events.SHIPMENT_RETURNED, shipment, at)], actor=actor)


def _require_handed_over(shipment: Shipment) -> None:
    if shipment.status not in (ShipmentStatus.HANDED_OVER, ShipmentStatus.DELIVERED):
        raise Conflict(
            f"{shipment} is {shipment.get_status_display()}: it was never handed over. If the carrier has it, hand it over first.",
            status=shipment.status,
        )


def _write_return(shipment: Shipment, actor: Actor) -> int | None:
    """The Return of what the parcel held; None when a person has to find out, whom an alert tells."""
    reference = shipment.tracking_number if len(shipment.tracking_number) <= REFERENCE_LENGTH else shipment.number
    try:
        # Its own savepoint: a refusal must not take the carrier's news with it.
        with transaction.atomic():
            document = orchestrator.create_return.inside(
                warehouse_id=shipment.packing_task.warehouse_id,
                order_ref=shipment.order.order_ref,
                lines=_lines(shipment),
                reference=reference,
                customer_reason="returned by the carrier",
                actor=actor,
            )
    except (Conflict, NotFound) as error:
        known: int | None = error.data.get("return_id")
        if known is not None:
            return known
        _ask_person(shipment, error.detail, actor)
    else:
        return document.pk
    return None


def _lines(shipment: Shipment) -> list[ReturnLine]:
    """What lies in the parcel, batch by batch; a weighed item counts as what it really was."""
    held: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    rows = PackageItem.objects.filter(package=shipment.package_id).select_related("item__product").prefetch_related("item__package_items")
    for row in rows.order_by("pk"):
        if row.real_quantity > 0:
            held[row.item.product_id, row.item.batch_id] += row.real_quantity
    return [ReturnLine(product, quantity, batch) for (product, batch), quantity in held.items()]


def _ask_person(shipment: Shipment, why: str, actor: Actor) -> None:
    orchestrator.open_alert.inside(
        RETURN_UNCLEAR,
        f"shipment:{shipment.pk}",
        message=f"{shipment.package.barcode} of {shipment.order} comes back, and no return could be written: {why}",
        severity=Severity.WARNING,
        data={"shipment": shipment.number, "tracking_number": shipment.tracking_number, "order": shipment.order.external_id},
        warehouse_id=shipment.packing_task.warehouse_id,
        actor=actor,
    )


def _news(type: str, shipment: Shipment, at: datetime) -> Event:
    more = {"return_id": shipment.return_id} if type == events.SHIPMENT_RETURNED else {}
    return events.of_shipment(type, shipment, at=at.isoformat(), **more)
