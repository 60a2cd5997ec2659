"""The order system: it knows orders and their statuses, and keeps every status it was told, in order."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tests.partners.base import Answer, Partner, Refused, Request, route

FINAL = {"cancelled", "delivered"}


class OrderSystem(Partner):
    """Unknown orders come into being when they are asked for, unless `strict`. `listing` says whether it has a list of its orders."""

    name = "order_system"
    strict = False
    listing = True

    def put_order(self, order_id: str | int, **fields: Any) -> dict[str, Any]:
        """Make an order known, or change its fields: order_number, storefront_id, status, items."""
        with self.lock:
            known = self.ledger.last("orders", "id", str(order_id)) or {
                "id": str(order_id),
                "order_number": f"ORD-{order_id}",
                "storefront_id": 1,
                "status": "confirmed",
                "items": [],
            }
            return self.ledger.append("orders", known | {"updated_at": datetime.now(UTC).isoformat()} | fields)

    def order(self, order_id: str) -> dict[str, Any]:
        """The order as it stands now. Raises Refused (404) for one that nobody knows."""
        with self.lock:
            order = self.ledger.last("orders", "id", order_id)
            if order is None:
                if self.strict:
                    raise Refused(404, f"There is no order {order_id}.")
                order = self.put_order(order_id)
            told = self.ledger.last("statuses", "order_id", order_id)
            return order | ({"status": told["status"], "updated_at": told["at"]} if told and told["at"] > order["updated_at"] else {})

    def statuses(self, order_id: str | int) -> list[str]:
        """Every status received for the order, oldest first, repeated ones too."""
        return [row["status"] for row in self.ledger.table("statuses") if row["order_id"] == str(order_id)]

    @route("GET", "/api/v1/orders")
    def list_orders(self, request: Request) -> Answer:
        """Orders of a status that changed since a moment, the oldest change first; `next` is the cursor of the following page."""
        if not self.listing:
            raise Refused(404, "There is nothing here.")
        asked = {name: values[0] for name, values in request.query.items()}
        since = datetime.fromisoformat(asked["updated_after"])
        limit, start = int(asked.get("limit", "100")), int(asked.get("cursor", "0"))
        with self.lock:
            known = [self.order(order_id) for order_id in dict.fromkeys(row["id"] for row in self.ledger.table("orders"))]
        found = [order for order in known if order["status"] == asked["status"] and datetime.fromisoformat(order["updated_at"]) >= since]
        found.sort(key=lambda order: datetime.fromisoformat(order["updated_at"]))
        rest = start + limit < len(found)
        return Answer(data={"orders": found[start : start + limit], "next": str(start + limit) if rest else None})

    @route("GET", "/api/v1/orders/{order_id}")
    def get_order(self, request: Request, order_id: str) -> Answer:
        """The details of an order."""
        return Answer(data=self.order(order_id))

    @route("POST", "/api/v1/orders/{order_id}/status")
    def set_status(self, request: Request, order_id: str) -> Answer:
        """Take a status; an order that is over refuses another one (409)."""
        body = request.json()
        status, message = body.get("status"), body.get("message", "")
        if not isinstance(status, str) or not re.fullmatch(r"[a-z][a-z_]{1,49}", status):
            raise Refused(422, "status must be a word in small letters.")
        if not isinstance(message, str):
            raise Refused(422, "message must be a text.")
        request.pause()
        with self.lock:
            order = self.order(order_id)
            if order["status"] in FINAL and order["status"] != status:
                raise Refused(409, f"Order {order_id} is {order['status']}.")
            now = datetime.now(UTC).isoformat()
            self.ledger.append("statuses", {"order_id": order_id, "status": status, "message": message, "at": now})
        return Answer(data={"order_id": order_id, "status": status, "updated_at": now})

    @route("POST", "/_control/orders")
    def control_order(self, request: Request) -> Answer:
        """Make an order known: `{"id": …, "status": …, "items": […]}`."""
        fields = request.json()
        if "id" not in fields:
            raise Refused(400, "id is missing.")
        return Answer(201, self.put_order(fields.pop("id"), **fields))
