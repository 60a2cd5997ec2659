"""The order system over HTTP: details of an order, and the status we report."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fulfillment.partners.errors import ContractBroken
from fulfillment.partners.http import PartnerClient
from fulfillment.partners.reading import read_decimal, read_text, read_whole, require_same_order


@dataclass(frozen=True, slots=True)
class PartnerOrderItem:
    """A line of an order: how many of a listing, at what price each (None when the order system names none)."""

    listing_id: int
    quantity: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class PartnerOrder:
    """An order as the order system sees it. `status` is its word: pending, confirmed, processing, shipped, delivered, cancelled, or ours."""

    id: str
    order_number: str
    storefront_id: int | None
    status: str
    items: tuple[PartnerOrderItem, ...]


class OrderSystemClient(PartnerClient):
    """Calls to the order system."""

    partner, setting = "order system", "ORDER_SYSTEM"

    def get_order(self, order_id: str) -> PartnerOrder:
        """The order as it stands at the order system: a part of the agreed interface, for comparing what they know with what we know."""
        return self._http.call("GET", f"/api/v1/orders/{self._http.segment(order_id)}", lambda answer: _read_order(answer, order_id))

    def update_status(self, order_id: str, status: str, message: str = "") -> None:
        """Tell the order's status. Saying the same again changes nothing but the partner's history, so it may be repeated."""
        self._http.call(
            "POST",
            f"/api/v1/orders/{self._http.segment(order_id)}/status",
            lambda answer: require_same_order(answer, order_id, "order_id"),
            body={"status": status, "message": message},
        )


def _read_order(answer: dict[str, Any], order_id: str) -> PartnerOrder:
    named = read_text(answer, "id")
    require_same_order(answer, order_id, "id", "order_id")
    items = answer.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ContractBroken("items is not a list of objects")
    return PartnerOrder(
        id=named,
        order_number=read_text(answer, "order_number", required=False),
        storefront_id=read_whole(answer, "storefront_id"),
        status=read_text(answer, "status", longest=50),
        items=tuple(_read_item(item) for item in items),
    )


def _read_item(item: dict[str, Any]) -> PartnerOrderItem:
    listing_id, quantity = read_whole(item, "listing_id"), read_decimal(item, "quantity")
    if listing_id is None or quantity is None:
        raise ContractBroken("an item has no listing_id or no quantity")
    return PartnerOrderItem(listing_id, quantity, read_decimal(item, "price"))
