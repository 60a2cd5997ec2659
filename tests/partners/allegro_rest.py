"""Allegro's REST API: a journal of orders, checkout forms, and what `allegro_offers` and `allegro_account` do."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.partners.allegro_account import needed, refuse, stamp
from tests.partners.allegro_offers import AllegroOffers
from tests.partners.base import Answer, Request, route

EVENT_OF = {"CANCELLED": "BUYER_CANCELLED"}
STATUSES = {"BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING", "CANCELLED"}
FULFILMENTS = {"NEW", "PROCESSING", "READY_FOR_SHIPMENT", "READY_FOR_PICKUP", "SENT", "PICKED_UP", "CANCELLED", "SUSPENDED", "RETURNED"}
JOURNAL_LIVES = timedelta(days=60)
FIRST_EVENT = 1_700_000_000_000_000
MONEY = {"amount": "19.99", "currency": "PLN"}


class AllegroRest(AllegroOffers):
    """Orders. `duplicate`: each event comes twice. `disorder`: an event comes behind the next one. `lose` keeps the next events out of the journal."""

    name = "allegro_rest"
    duplicate = False
    disorder = False
    lost = 0
    _held: dict[str, Any] | None = None

    def lose(self, events: int) -> None:
        """Keep so many of the next events out of the journal."""
        self.lost += events

    def sell(self, offer_id: str | int, quantity: int = 1, *, order_id: str | None = None, status: str = "READY_FOR_PROCESSING") -> dict[str, Any]:
        """A buyer buys: an order comes into being, and Allegro lowers the offer itself. Raises Refused (422) when it shows less."""
        with self.lock:
            offer = self.offer(offer_id)
            available, publication = self.shown(offer_id)
            if publication != "ACTIVE" or available < quantity:
                raise refuse(422, "NotEnough", f"Offer {offer_id} shows {available} and is {publication}.")
            self._write_offer(offer, available - quantity)
            return self.put_order(order_id, [(str(offer_id), quantity)], status=status)

    def put_order(
        self, order_id: str | None, lines: Iterable[tuple[str, int]], *, status: str = "READY_FOR_PROCESSING", bought_at: datetime | None = None
    ) -> dict[str, Any]:
        """Make a new order of (offer, quantity) known, without lowering anything."""
        now = stamp(bought_at or self.clock())
        with self.lock:
            offers = [(self.offer(offer_id), quantity) for offer_id, quantity in lines]
            items = [
                {
                    "id": str(uuid.uuid4()),
                    "offer": {name: offer[name] for name in ("id", "name", "external")},
                    "quantity": quantity,
                    "originalPrice": MONEY,
                    "price": MONEY,
                    "boughtAt": now,
                }
                for offer, quantity in offers
            ]
            form = {
                "id": order_id or str(uuid.uuid4()),
                "buyer": {"id": "1", "login": "buyer"},
                "status": status,
                "fulfillment": {"status": "NEW", "shipmentSummary": {"lineItemsSent": "NONE"}},
                "lineItems": items,
                "summary": {"totalToPay": MONEY},
                "marketplace": {"id": "allegro-pl"},
            }
            return self._write_form(form, status)

    def change_order(self, order_id: str, event: str = "", **fields: Any) -> dict[str, Any]:
        """Change fields of an order; it gets a new revision and an event (of its status, unless another one is given)."""
        with self.lock:
            form = self.form(order_id) | fields
            return self._write_form(form, event or EVENT_OF.get(form["status"], form["status"]))

    def set_fulfilment(self, order_id: str, status: str) -> dict[str, Any]:
        """Change how far the seller is with an order, as on Allegro's pages."""
        fulfilment = self.form(order_id)["fulfillment"] | {"status": status}
        return self.change_order(order_id, "FULFILLMENT_STATUS_CHANGED", fulfillment=fulfilment)

    def form(self, order_id: str) -> dict[str, Any]:
        """The order as it stands. Raises Refused (404)."""
        form = self.ledger.last("forms", "id", order_id)
        if form is None:
            raise refuse(404, "NotFoundException", f"There is no order {order_id}.")
        return form

    def fulfilment(self, order_id: str) -> str:
        """How far the seller says to be with an order."""
        return str(self.form(order_id)["fulfillment"]["status"])

    @route("GET", "/order/events")
    def events(self, request: Request) -> Answer:
        """The journal behind an event, the oldest first."""
        limit = min(int(request.query.get("limit", ["100"])[0]), 1_000)
        after, types = request.query.get("from", [""])[0], request.query.get("type", [])
        oldest = stamp(self.clock() - JOURNAL_LIVES)
        with self.lock:
            written = self.ledger.table("events")
        start = max(int(after) - FIRST_EVENT, 0) if after.isascii() and after.isdigit() else 0
        found = (event for event in written[start:] if event["occurredAt"] >= oldest and (not types or event["type"] in types))
        return Answer(data={"events": [event for event, _ in zip(found, range(limit), strict=False)]})

    @route("GET", "/order/checkout-forms")
    def forms(self, request: Request) -> Answer:
        """A page of the orders, the last bought first."""
        asked = {name: values[0] for name, values in request.query.items()}
        offset, limit = int(asked.get("offset", "0")), int(asked.get("limit", "100"))
        if not 0 < limit <= 100:
            raise refuse(422, "ConstraintViolationException", "limit must be from 1 to 100.")
        since, until = (stamp(datetime.fromisoformat(asked[name])) if name in asked else "" for name in ("updatedAt.gte", "updatedAt.lte"))
        with self.lock:
            forms = [form for form in self.ledger.newest("forms", "id") if form["updatedAt"] >= since and (not until or form["updatedAt"] <= until)]
        forms.sort(key=lambda form: (form["lineItems"][0]["boughtAt"] if form["lineItems"] else "", form["id"]), reverse=True)
        page = forms[offset : offset + limit]
        return Answer(data={"checkoutForms": page, "count": len(page), "totalCount": len(forms)})

    @route("GET", "/order/checkout-forms/{order_id}")
    def get_form(self, request: Request, order_id: str) -> Answer:
        """One order."""
        return Answer(data=self.form(order_id))

    @route("PUT", "/order/checkout-forms/{order_id}/fulfillment")
    def put_fulfilment(self, request: Request, order_id: str) -> Answer:
        """Take how far the seller is; somebody who read an older revision is refused."""
        status = request.json().get("status")
        request.pause()
        with self.lock:
            form = self.form(order_id)
            revision = request.query.get("checkoutForm.revision", [form["revision"]])[0]
            if status not in FULFILMENTS:
                raise refuse(422, "ConstraintViolationException", f"status must be one of {', '.join(sorted(FULFILMENTS))}.")
            if revision != form["revision"]:
                raise refuse(409, "CheckoutFormRevisionOutdated", "The order has changed since that revision.")
            if form["status"] == "CANCELLED":
                raise refuse(422, "CheckoutFormCancelled", "The order is cancelled.")
            if status != form["fulfillment"]["status"]:
                self.set_fulfilment(order_id, status)
        return Answer(204)

    @route("POST", "/_control/sales")
    def control_sale(self, request: Request) -> Answer:
        """Let a buyer buy: `{"offer": …, "quantity": 1, "status": …}`."""
        body = request.json()
        return Answer(201, self.sell(needed(body, "offer"), int(body.get("quantity", 1)), status=body.get("status", "READY_FOR_PROCESSING")))

    @route("POST", "/_control/orders")
    def control_order(self, request: Request) -> Answer:
        """Change an order: `{"id": …, "status": …}`."""
        body = request.json()
        return Answer(data=self.change_order(str(needed(body, "id")), **{name: value for name, value in body.items() if name != "id"}))

    @route("POST", "/_control/journal")
    def control_journal(self, request: Request) -> Answer:
        """How the journal misbehaves: `{"duplicate": true, "disorder": true, "lose": 2}`."""
        body = request.json()
        self.duplicate, self.disorder = bool(body.get("duplicate")), bool(body.get("disorder"))
        self.lose(int(body.get("lose", 0)))
        return Answer(204)

    def _write_form(self, form: dict[str, Any], event: str) -> dict[str, Any]:
        now = stamp(self.clock())
        written = self.ledger.append("forms", form | {"revision": uuid.uuid4().hex[:8], "updatedAt": now})
        entry = {
            "type": event,
            "occurredAt": now,
            "order": {"lineItems": written["lineItems"], "checkoutForm": {"id": written["id"], "revision": written["revision"]}},
        }
        if self.lost:
            self.lost -= 1
        elif self.disorder and self._held is None:
            self._held = entry
        else:
            for each in filter(None, (entry, self._held)):
                self._write_event(each)
            self._held = None
        return written

    def _write_event(self, entry: dict[str, Any]) -> None:
        for _ in range(1 + self.duplicate):
            self.ledger.append("events", {"id": str(FIRST_EVENT + self.ledger.count("events") + 1), **entry})
