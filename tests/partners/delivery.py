"""The delivery service: it knows the address of every order and makes a shipment once per idempotency key."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.partners.addresses import address_of
from tests.partners.base import Answer, Partner, Refused, Request, route
from tests.partners.ledger import Ledger

ADDRESS_FIELDS = ("street", "city", "postal_code", "country", "contact_name", "phone")
# How each provider numbers its parcels: ten digits make every number of theirs.
PROVIDERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "postexpress": ("PostExpress", lambda digits: f"PE{digits}RS"),
    "dexpress": ("D Express", lambda digits: f"DX{digits}"),
    "acs": ("ACS", lambda digits: digits),
    "bex": ("Bex", lambda digits: f"BEX{digits}"),
    "yunexpress": ("YunExpress", lambda digits: f"YT{digits}000000"),
}


def provider_key(name: str) -> str:
    """The provider's name without case, blanks and signs: "D Express", "d_express" and "dexpress" are the same."""
    return re.sub(r"[^a-z]", "", name.lower())


class Delivery(Partner):
    """Shipments are numbered within a run that is drawn anew with every empty ledger, so that no tracking number ever comes twice."""

    name = "delivery"

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._in_work: set[str] = set()

    def put_address(self, order_id: str | int, address: dict[str, Any] | None) -> None:
        """Give the order this address; None: the delivery service knows none."""
        self.ledger.append("addresses", {"order_id": str(order_id), "address": address})

    def shipments(self) -> list[dict[str, Any]]:
        """Every shipment made: `{key, request, answer, at}`, oldest first."""
        return self.ledger.table("shipments")

    def living(self) -> list[dict[str, Any]]:
        """The shipments that were made and not voided: one for each package is what there should be."""
        voided = {row["shipment_id"] for row in self.ledger.table("voids")}
        return [row for row in self.shipments() if str(row["answer"]["id"]) not in voided]

    def voids(self) -> list[str]:
        """The ids of the shipments that were taken back, oldest first."""
        return [row["shipment_id"] for row in self.ledger.table("voids")]

    def put_status(self, shipment_id: str | int, status: str, at: str | None = None) -> None:
        """Let a shipment fare so: created, in_transit, delivered, returned. From `in_transit` on it can't be voided any more."""
        at = at or datetime.now(UTC).isoformat()
        self.ledger.append("statuses", {"shipment_id": str(shipment_id), "status": status, "status_at": at})

    @route("GET", "/api/v1/delivery/addresses/order/{order_id}")
    def get_address(self, request: Request, order_id: str) -> Answer:
        """The delivery address of an order: the one it was given, else a plausible one made from the id."""
        given = self.ledger.last("addresses", "order_id", order_id)
        if given and given["address"] is None:
            raise Refused(404, f"There is no address for order {order_id}.")
        return Answer(data={"order_id": order_id, **(given["address"] if given else address_of(order_id))})

    @route("POST", "/api/v1/shipments")
    def create_shipment(self, request: Request) -> Answer:
        """Make a shipment, or answer with the one that the key already made.

        The same key with another body is 422, a key whose first request is still being worked on is 409.
        """
        key = request.headers.get("idempotency-key", "").strip().strip('"')
        if not key:
            raise Refused(400, "Idempotency-Key is missing.")
        body = request.json()
        with self.lock:
            if made := self.ledger.last("shipments", "key", key):
                if fingerprint(made["request"]) != fingerprint(body):
                    raise Refused(422, "This Idempotency-Key was used for another shipment.")
                return Answer(200, made["answer"], headers={"Idempotent-Replayed": "true"})
            if errors := judge_shipment(body):
                raise Refused(422, "The shipment is not valid.", errors=errors)
            if key in self._in_work:
                raise Refused(409, "The first request with this Idempotency-Key is still running.")
            self._in_work.add(key)
        try:
            request.pause()
            with self.lock:
                answer = self._answer(body, request.base_url)
                now = datetime.now(UTC).isoformat()
                self.ledger.append("shipments", {"key": key, "request": body, "answer": answer, "at": now})
            return Answer(201, answer)
        finally:
            self._in_work.discard(key)

    @route("POST", "/api/v1/shipments/{shipment_id}/void")
    def void_shipment(self, request: Request, shipment_id: str) -> Answer:
        """Take a waybill back; twice is once."""
        with self.lock:
            made = next((row["answer"] for row in self.shipments() if str(row["answer"]["id"]) == shipment_id), None)
            if made is None:
                raise Refused(404, f"There is no shipment {shipment_id}.")
            fares = self.ledger.last("statuses", "shipment_id", shipment_id)
            if fares and fares["status"] != "created":
                raise Refused(409, f"Shipment {shipment_id} is {fares['status']}: the carrier has it.")
            if not self.ledger.last("voids", "shipment_id", shipment_id):
                self.ledger.append("voids", {"shipment_id": shipment_id, "at": datetime.now(UTC).isoformat()})
        return Answer(data=made | {"status": "voided"})

    @route("GET", "/api/v1/shipments/{shipment_id}")
    def get_shipment(self, request: Request, shipment_id: str) -> Answer:
        """The shipment as it was made, with how it fares now."""
        made = next((row for row in self.shipments() if str(row["answer"]["id"]) == shipment_id), None)
        if made is None:
            raise Refused(404, f"There is no shipment {shipment_id}.")
        fares = self.ledger.last("statuses", "shipment_id", shipment_id)
        voided = self.ledger.last("voids", "shipment_id", shipment_id)
        now = {"status": "voided", "status_at": voided["at"]} if voided else {"status": "created", "status_at": made["at"]}
        if fares and not voided:
            now = {"status": fares["status"], "status_at": fares["status_at"]}
        return Answer(data=made["answer"] | now)

    @route("GET", "/label/{tracking_number}")
    def label(self, request: Request, tracking_number: str) -> Answer:
        """A label in ZPL II for a shipment that exists."""
        made = next((row for row in self.shipments() if row["answer"]["tracking_number"] == tracking_number), None)
        if made is None:
            raise Refused(404, f"There is no label {tracking_number}.")
        to = made["request"]["to_address"]
        lines = [made["answer"]["provider"], to["contact_name"], to["street"], f"{to['postal_code']} {to['city']}", to["country"]]
        text = "".join(f"^FO40,{60 + 60 * row}^A0N,42,42^FH^FD{escape(line)}^FS\n" for row, line in enumerate(lines))
        code = f"^FO40,500^BY3^BCN,160,Y,N,N^FD{tracking_number}^FS\n"
        return Answer(text=f"^XA^CI28^PW812^LL1218\n{text}{code}^XZ\n", content_type="application/zpl; charset=utf-8")

    @route("POST", "/_control/addresses")
    def control_address(self, request: Request) -> Answer:
        """Give an order an address: `{"order_id": …, "address": {…} or null}`."""
        body = request.json()
        if "order_id" not in body:
            raise Refused(400, "order_id is missing.")
        self.put_address(body["order_id"], body.get("address"))
        return Answer(201, body)

    @route("POST", "/_control/statuses")
    def control_status(self, request: Request) -> Answer:
        """Let a shipment fare so: `{"shipment_id": …, "status": …, "at": …}`."""
        body = request.json()
        if "shipment_id" not in body or "status" not in body:
            raise Refused(400, "shipment_id and status are needed.")
        self.put_status(body["shipment_id"], body["status"], body.get("at"))
        return Answer(201, body)

    def _answer(self, body: dict[str, Any], base_url: str) -> dict[str, Any]:
        runs = self.ledger.table("runs") or [self.ledger.append("runs", {"run": secrets.randbelow(90_000) + 10_000})]
        number = f"{runs[0]['run']}{self.ledger.count('shipments') + 1:05d}"
        provider, tracking = PROVIDERS[provider_key(body["provider"])]
        tracking_number = tracking(number)
        days = 2 if body["to_address"]["country"] == body["from_address"]["country"] else 6
        return {
            "id": int(number),
            "tracking_number": tracking_number,
            "label_url": f"{base_url}/label/{quote(tracking_number, safe='')}",
            "provider": provider,
            "status": "created",
            "estimated_delivery": (datetime.now(UTC).date() + timedelta(days=days)).isoformat(),
        }


def judge_shipment(body: dict[str, Any]) -> list[str]:
    """What is wrong with the request for a shipment; empty when nothing is."""
    errors = [f"{name} is missing" for name in ("order_id", "warehouse_id") if type(body.get(name)) not in (int, str) or body[name] == ""]
    if provider_key(str(body.get("provider", ""))) not in PROVIDERS:
        errors.append(f"provider must be one of {', '.join(name for name, _ in PROVIDERS.values())}")
    for side in ("from_address", "to_address"):
        address = body.get(side)
        if not isinstance(address, dict):
            errors.append(f"{side} is missing")
            continue
        errors += [f"{side}.{name} is missing" for name in ADDRESS_FIELDS if not isinstance(address.get(name), str)]
        errors += [f"{side}.{name} is empty" for name in ("street", "city", "country", "contact_name") if address.get(name) == ""]
    package = body.get("package")
    if not isinstance(package, dict):
        return [*errors, "package is missing"]
    for name in ("weight", "length", "width", "height"):
        value = package.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10_000:
            errors.append(f"package.{name} must be a positive number")
    return errors


def fingerprint(body: dict[str, Any]) -> str:
    """The request in one form, whatever the order of its fields."""
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


def escape(text: str) -> str:
    """The text for a ZPL field: the signs that mean something to the printer as hexadecimal."""
    return "".join(f"_{ord(sign):02X}" if sign in "^~_" else sign for sign in text)
