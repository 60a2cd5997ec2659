"""Operations strung around calls to the partners: claim in one transaction, call outside any, record in another.

A process that dies in between leaves a claim that lapses; the next one makes the same call with the same key and gets the same answer.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fulfillment.models import Shipment
from fulfillment.partners.delivery import Address, DeliveryClient, PackageDetails, ShipmentRequest
from fulfillment.partners.errors import PermanentFailure, RetryableFailure
from fulfillment.partners.order_system import OrderSystemClient
from fulfillment.partners.retry import next_retry
from fulfillment.services import status_reports, waybills
from fulfillment.services.waybills import ClaimedShipment, Waybill
from warehouse.core.actor import Actor

ACTOR = Actor.system("worker")
# Seconds: a parcel waits on the bench, so the first tries follow soon.
RETRY_BASE, RETRY_CAP = 5.0, 600.0


def request_shipment(shipment_id: int) -> None:
    """Ask the carrier for a waybill, once; what came of it stands in the shipment."""
    claimed = waybills.claim_shipment(shipment_id, actor=ACTOR)
    if claimed is None:
        return
    try:
        with DeliveryClient.from_settings() as client:
            made = client.create_shipment(_request_for(claimed, client), str(claimed.key))
    except RetryableFailure as failure:
        again = next_retry(timezone.now(), claimed.attempt, failure.retry_after, base=RETRY_BASE, cap=RETRY_CAP)
        waybills.postpone_shipment(shipment_id, str(failure), again, actor=ACTOR)
    except PermanentFailure as failure:
        waybills.stop_shipment(shipment_id, str(failure), actor=ACTOR)
    else:
        waybill = Waybill(made.id, made.tracking_number, made.label_url, made.status, made.estimated_delivery)
        waybills.record_waybill(shipment_id, waybill, actor=ACTOR)


def report_status(report_id: int) -> None:
    """Tell the order system a status, once; what came of it stands in the report."""
    claimed = status_reports.claim_status_report(report_id, actor=ACTOR)
    if claimed is None:
        return
    try:
        with OrderSystemClient.from_settings() as client:
            client.update_status(claimed.order_external_id, claimed.status, claimed.message)
    except RetryableFailure as failure:
        again = next_retry(timezone.now(), claimed.attempt, failure.retry_after, base=RETRY_BASE, cap=RETRY_CAP)
        status_reports.postpone_status_report(report_id, str(failure), again, actor=ACTOR)
    except PermanentFailure as failure:
        status_reports.postpone_status_report(report_id, str(failure), None, actor=ACTOR)
    else:
        status_reports.record_status_sent(report_id, actor=ACTOR)


def _request_for(claimed: ClaimedShipment, client: DeliveryClient) -> ShipmentRequest:
    """What to ask: what was asked before, else made now and kept before it is sent."""
    kept = claimed.request
    if kept is None:
        made = _make_request(claimed.shipment, client.address_for_order(claimed.order_external_id))
        kept = waybills.keep_shipment_request(claimed.id, made, actor=ACTOR)
    return _read_request(kept)


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
