"""The order system over HTTP: details of an order, and the status we report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from warehouse.core.partners.errors import ContractBroken
from warehouse.core.partners.http import PartnerClient
from warehouse.core.partners.reading import read_decimal, read_moment, read_text, read_whole, require_same_order

PAGE = 100


@dataclass(frozen=True, slots=True)
class PartnerOrderItem:
    """A line of an order: how many of a listing, at what price each (None when the order system names none), from which warehouse ("": any)."""

    listing_id: int
    quantity: Decimal
    price: Decimal | None
    warehouse_id: str = ""


@dataclass(frozen=True, slots=True)
class PartnerOrder:
    """An order as the order system sees it. `status` is its word: pending, confirmed, processing, shipped, delivered, cancelled, or ours."""

    id: str
    order_number: str
    storefront_id: int | None
    status: str
    items: tuple[PartnerOrderItem, ...]


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order of a list. `order` is None for one that can't be read: `fault` says why, and the others of the list are as good as ever."""

    id: str
    updated_at: datetime
    order: PartnerOrder | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A part of a list, by `updated_at`; `next` is the cursor of the following part, "" at the end."""

    orders: tuple[ListedOrder, ...]
    next: str


class OrderSystemClient(PartnerClient):
    """Calls to the order system."""

    partner, setting = "order system", "ORDER_SYSTEM"

    def get_order(self, order_id: str) -> PartnerOrder:
        """The order as it stands at the order system. A 404 (PermanentFailure) means that it does not know the order."""
        return self._http.call("GET", f"/api/v1/orders/{self._http.segment(order_id)}", lambda answer: _read_order(answer, order_id))

    def list_orders(self, status: str, updated_after: datetime, *, cursor: str = "", limit: int = PAGE) -> OrderPage:
        """Orders of a status that changed at that moment or later, the oldest change first, in pages.

        Not every order system has such a list: a PermanentFailure with 404, 405 or 410 says that this one has none. Raises RetryableFailure for a page
        that is out of order too: its end would not be the end of what there is.
        """
        query = {"status": status, "updated_after": updated_after.isoformat(), "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return self._http.call("GET", f"/api/v1/orders?{urlencode(query)}", _read_page)

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


def _read_page(answer: dict[str, Any]) -> OrderPage:
    rows = answer.get("orders")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ContractBroken("orders is not a list of objects")
    listed = tuple(_read_listed(row) for row in rows)
    if any(later.updated_at < earlier.updated_at for earlier, later in pairwise(listed)):
        raise ContractBroken("the orders are not listed by updated_at")
    return OrderPage(listed, read_text(answer, "next", longest=500, required=False))


def _read_listed(row: dict[str, Any]) -> ListedOrder:
    """One order of a list. Without its id and its time the whole list can't be followed; any other fault is that order's own."""
    order_id, updated_at = read_text(row, "id", longest=80), read_moment(row, "updated_at")
    if updated_at is None:
        raise ContractBroken("updated_at is missing")
    try:
        return ListedOrder(order_id, updated_at, _read_order(row, order_id))
    except ContractBroken as error:
        return ListedOrder(order_id, updated_at, None, str(error))


def _read_item(item: dict[str, Any]) -> PartnerOrderItem:
    listing_id, quantity = read_whole(item, "listing_id"), read_decimal(item, "quantity")
    if listing_id is None or quantity is None:
        raise ContractBroken("an item has no listing_id or no quantity")
    return PartnerOrderItem(listing_id, quantity, read_decimal(item, "price"), read_text(item, "warehouse_id", longest=64, required=False))
