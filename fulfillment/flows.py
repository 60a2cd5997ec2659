"""Operations strung around calls to the partners: claim in one transaction, call outside any, record in another.

A process that dies in between leaves a claim that lapses; the next one makes the same call with the same key and gets the same answer.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fulfillment.models import Shipment
from fulfillment.partners.delivery import Address, CreatedShipment, DeliveryClient, PackageDetails, ShipmentRequest
from fulfillment.partners.order_system import OrderSystemClient
from fulfillment.services import carrier_news, status_reports, voids, waybills
from fulfillment.services.background import ACTOR
from fulfillment.services.waybills import ClaimedShipment, Waybill
from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure, is_answer
from warehouse.core.partners.retry import next_retry
from warehouse.core.retry import full_jitter

logger = logging.getLogger(__name__)

# Seconds: a parcel waits on the bench, so the first tries follow soon.
RETRY_BASE, RETRY_CAP = 5.0, 600.0
CIRCUIT_SPREAD = 20.0
# The carrier refuses the very words that it would have answered with the waybill, had it made one.
NEVER_MADE = frozenset({400, 422})
# Voided already, or never there.
GONE = frozenset({404, 410})


def request_shipment(shipment_id: int) -> None:
    """Ask the carrier for a waybill, once; what came of it stands in the shipment."""
    claimed = waybills.claim_shipment(shipment_id, actor=ACTOR)
    if claimed is None:
        return
    try:
        with DeliveryClient.from_settings() as client:
            request = _request_for(claimed, client)
            if request is None:
                return
            made = client.create_shipment(request, str(claimed.shipment.key))
    except (RetryableFailure, PermanentFailure) as failure:
        _lay_down(claimed, failure)
    else:
        waybills.record_waybill(shipment_id, _waybill(made), actor=ACTOR)


def void_shipment(shipment_id: int) -> None:
    """Have a waybill that nobody needs voided, once; one that we don't know is learnt first, by asking the same again with the same key."""
    claimed = voids.claim_void(shipment_id, actor=ACTOR)
    if claimed is None:
        return
    try:
        with DeliveryClient.from_settings() as client:
            waybill = claimed.shipment.external_id or _learn(claimed, client)
            if waybill:
                _void(client, waybill)
    except (RetryableFailure, PermanentFailure) as failure:
        _lay_down(claimed, failure)
    else:
        voids.record_void(claimed, actor=ACTOR)


def report_status(report_id: int) -> None:
    """Tell the order system a status, once; what came of it stands in the report."""
    claimed = status_reports.claim_status_report(report_id, actor=ACTOR)
    if claimed is None:
        return
    try:
        with OrderSystemClient.from_settings() as client:
            client.update_status(claimed.order_external_id, claimed.status, claimed.message)
    except RetryableFailure as failure:
        asked = not isinstance(failure, CircuitOpen)
        status_reports.postpone_status_report(
            claimed, str(failure), _again(claimed.attempt, failure), actor=ACTOR, answered=is_answer(failure), asked=asked
        )
    except PermanentFailure as failure:
        status_reports.postpone_status_report(claimed, str(failure), None, actor=ACTOR)
    else:
        status_reports.record_status_sent(claimed, actor=ACTOR)


def poll_carrier(shipment_id: int) -> None:
    """Ask how a parcel fares that the carrier has; what it says is recorded. Raises CircuitOpen: the others need not be asked now either."""
    external_id = carrier_news.claim_poll(shipment_id, actor=ACTOR)
    if external_id is None:
        return
    asked = timezone.now()
    try:
        with DeliveryClient.from_settings() as client:
            told = client.shipment_status(external_id)
    except CircuitOpen:
        raise
    except (RetryableFailure, PermanentFailure) as failure:
        # It is asked again after the usual time; until then the carrier may tell by itself.
        logger.warning("Shipment %d: the carrier does not say how it fares: %s", shipment_id, failure)
    else:
        # What names no time was so when it was asked: news that came while its answer was under way is newer.
        carrier_news.record_carrier_status(shipment_id, told.status, at=told.at or asked, actor=ACTOR)


def _lay_down(claimed: ClaimedShipment, failure: RetryableFailure | PermanentFailure) -> None:
    """Record how a try ended that brought nothing. A failure that is not ambiguous leaves the doubt as it was before the try."""
    in_doubt = claimed.shipment.in_doubt
    if isinstance(failure, PermanentFailure):
        waybills.stop_shipment(claimed, str(failure), actor=ACTOR, in_doubt=in_doubt)
        return
    again, in_doubt = _again(claimed.attempt, failure), in_doubt or failure.ambiguous
    if isinstance(failure, CircuitOpen):
        waybills.give_back_shipment(claimed, str(failure), again, actor=ACTOR, in_doubt=in_doubt)
    else:
        waybills.postpone_shipment(claimed, str(failure), again, actor=ACTOR, in_doubt=in_doubt, answered=is_answer(failure))


def _again(attempt: int, failure: RetryableFailure) -> datetime:
    """When to try again. After an open circuit the waiters come back spread over a while, not all at the moment when it half-opens."""
    if isinstance(failure, CircuitOpen):
        return timezone.now() + timedelta(seconds=(failure.retry_after or 0.0) + full_jitter(0, base=CIRCUIT_SPREAD, cap=CIRCUIT_SPREAD))
    return next_retry(timezone.now(), attempt, failure.retry_after, base=RETRY_BASE, cap=RETRY_CAP)


def _learn(claimed: ClaimedShipment, client: DeliveryClient) -> str:
    """The waybill that the carrier has for a request whose answer was lost; "" when it never made one."""
    if claimed.shipment.request is None:
        return ""
    try:
        made = client.create_shipment(_read_request(claimed.shipment.request), str(claimed.shipment.key))
    except PermanentFailure as failure:
        if failure.status in NEVER_MADE:
            return ""
        raise
    voids.learn_waybill(claimed, _waybill(made), actor=ACTOR)
    return made.id


def _void(client: DeliveryClient, waybill: str) -> None:
    try:
        client.void_shipment(waybill)
    except PermanentFailure as failure:
        if failure.status not in GONE:
            raise


def _waybill(made: CreatedShipment) -> Waybill:
    return Waybill(made.id, made.tracking_number, made.label_url, made.status, made.estimated_delivery)


def _request_for(claimed: ClaimedShipment, client: DeliveryClient) -> ShipmentRequest | None:
    """What to ask: what was asked before, else made now; kept before it is sent. None when it is not wanted any more."""
    shipment = claimed.shipment
    made = shipment.request or _make_request(shipment, client.address_for_order(shipment.order.external_id))
    kept = waybills.keep_shipment_request(claimed, made, actor=ACTOR)
    return None if kept is None else _read_request(kept)


def _make_request(shipment: Shipment, to: Address) -> dict[str, Any]:
    package, task = shipment.package, shipment.packing_task
    site = task.warehouse
    return {
        "order_id": shipment.order.external_id,
        "warehouse_id": site.external_id,
        "provider": shipment.provider.code,
        "from_address": {
            "street": site.street,
            "city": site.city,
            "postal_code": site.postal_code,
            "country": site.country,
            "contact_name": site.contact_name,
            "phone": site.phone,
        },
        "to_address": asdict(to),
        "package": {name: str(getattr(package, name)) for name in ("weight", "length", "width", "height")} | {"description": package.barcode},
        "user_id": task.worker_id,
    }


def _read_request(kept: dict[str, Any]) -> ShipmentRequest:
    package = kept["package"]
    measures = {name: Decimal(package[name]) for name in ("weight", "length", "width", "height")}
    return ShipmentRequest(
        order_id=kept["order_id"],
        warehouse_id=kept["warehouse_id"],
        provider=kept["provider"],
        from_address=Address(**kept["from_address"]),
        to_address=Address(**kept["to_address"]),
        package=PackageDetails(**measures, description=package["description"]),
        user_id=kept["user_id"],
    )
