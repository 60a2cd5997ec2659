"""The delivery service over HTTP: where an order goes, and the shipment of one package."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from warehouse.core.partners.errors import ContractBroken, PermanentFailure
from warehouse.core.partners.http import PartnerClient
from warehouse.core.partners.reading import read_date, read_link, read_moment, read_text, require_same_order

logger = logging.getLogger(__name__)

T = TypeVar("T")

NAME = "delivery service"
# 409 to an idempotency key: the partner still works on the first request.
STILL_RUNNING = frozenset({409})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a package comes from or goes to. `country` is what the partner says, mostly two letters."""

    street: str
    city: str
    postal_code: str
    country: str
    contact_name: str
    phone: str


@dataclass(frozen=True, slots=True)
class PackageDetails:
    """A package: weight in kilograms, sides in centimetres."""

    weight: Decimal
    length: Decimal
    width: Decimal
    height: Decimal
    description: str = ""


@dataclass(frozen=True, slots=True)
class ShipmentRequest:
    """What the carrier is asked to carry. The order and the warehouse go by the ids they have at the partner."""

    order_id: str
    warehouse_id: str
    provider: str
    from_address: Address
    to_address: Address
    package: PackageDetails
    user_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The body of the request; the same request gives the same body, on which the idempotency key depends."""
        package = {side: float(getattr(self.package, side)) for side in ("weight", "length", "width", "height")}
        return {
            "order_id": _as_number(self.order_id),
            "warehouse_id": _as_number(self.warehouse_id),
            "provider": self.provider,
            "from_address": asdict(self.from_address),
            "to_address": asdict(self.to_address),
            "package": package | {"description": self.package.description},
            "user_id": self.user_id,
        }


@dataclass(frozen=True, slots=True)
class CreatedShipment:
    """The carrier's answer. `id`, `provider` and `status` are the partner's words; `label_url` is "" where there is no label."""

    id: str
    tracking_number: str
    label_url: str
    provider: str
    status: str
    estimated_delivery: date | None


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    """How a shipment fares, in the carrier's word, and since when (None: it does not say)."""

    status: str
    at: datetime | None


class DeliveryClient(PartnerClient):
    """Calls to the delivery service."""

    partner, setting = NAME, "DELIVERY"

    def address_for_order(self, order_id: str) -> Address:
        """The delivery address of an order. A 404 (PermanentFailure) means that the order has none."""
        path = f"/api/v1/delivery/addresses/order/{self._http.segment(order_id)}"
        return self._http.call("GET", path, lambda answer: _read_address(answer, order_id))

    def create_shipment(self, request: ShipmentRequest, idempotency_key: str) -> CreatedShipment:
        """Have a shipment made for one package. The same key gives the same shipment, so any RetryableFailure may be repeated with it.

        Raises PermanentFailure with 422 when the key was used for another request.
        """
        if not idempotency_key or len(idempotency_key) > 255 or not idempotency_key.isascii() or not idempotency_key.isprintable():
            raise PermanentFailure(NAME, f"{idempotency_key[:40]!r} can't be an idempotency key", None)
        return self._http.call(
            "POST",
            "/api/v1/shipments",
            lambda answer: self._read_shipment(answer, request),
            body=request.as_json(),
            headers={"Idempotency-Key": idempotency_key},
            also_retryable=STILL_RUNNING,
        )

    def void_shipment(self, shipment_id: str) -> None:
        """Take a waybill back; twice is once, so any RetryableFailure may be repeated.

        Raises PermanentFailure: 404 when the carrier has no such waybill, 409 when it has the package already.
        """
        self._http.call("POST", f"/api/v1/shipments/{self._http.segment(shipment_id)}/void", lambda answer: _require_shipment(answer, shipment_id))

    def shipment_status(self, shipment_id: str) -> CarrierStatus:
        """How a shipment fares. Raises PermanentFailure with 404 when the carrier doesn't know it."""
        return self._http.call("GET", f"/api/v1/shipments/{self._http.segment(shipment_id)}", lambda answer: _read_status(answer, shipment_id))

    def _read_shipment(self, answer: dict[str, Any], request: ShipmentRequest) -> CreatedShipment:
        require_same_order(answer, request.order_id, "order_id")
        return CreatedShipment(
            id=read_text(answer, "id", longest=100),
            tracking_number=read_text(answer, "tracking_number", longest=100),
            label_url=_or_without(lambda: read_link(answer, "label_url", base_url=self._http.base_url), ""),
            provider=_or_without(lambda: read_text(answer, "provider", required=False), "") or request.provider,
            status=_or_without(lambda: read_text(answer, "status", longest=50, required=False), ""),
            estimated_delivery=_or_without(lambda: read_date(answer, "estimated_delivery", "estimated_delivery_date"), None),
        )


def _read_address(answer: dict[str, Any], order_id: str) -> Address:
    require_same_order(answer, order_id, "order_id")
    return Address(
        street=read_text(answer, "street"),
        city=read_text(answer, "city", longest=100),
        postal_code=read_text(answer, "postal_code", longest=20, required=False),
        country=read_text(answer, "country", longest=60),
        contact_name=read_text(answer, "contact_name"),
        phone=read_text(answer, "phone", longest=40, required=False),
    )


def _require_shipment(answer: dict[str, Any], shipment_id: str) -> None:
    named = answer.get("id")
    if named is not None and str(named) != shipment_id:
        raise ContractBroken(f"the answer is about shipment {str(named)[:40]!r} instead of {shipment_id!r}")


def _read_status(answer: dict[str, Any], shipment_id: str) -> CarrierStatus:
    _require_shipment(answer, shipment_id)
    return CarrierStatus(read_text(answer, "status", longest=50), _or_without(lambda: read_moment(answer, "status_at"), None))


def _or_without(read: Callable[[], T], without: T) -> T:
    """The value, or what stands for none: a waybill that exists is not refused because its label or its date can't be read."""
    try:
        return read()
    except ContractBroken as error:
        logger.warning("%s: an answer is used without a field: %s", NAME, error)
        return without


def _as_number(partner_id: str) -> int | str:
    """The id as the number that the partner keeps it as, or as the text it is (007, C536379)."""
    whole = partner_id.isascii() and partner_id.isdigit() and str(int(partner_id)) == partner_id and int(partner_id) < 2**63
    return int(partner_id) if whole else partner_id
