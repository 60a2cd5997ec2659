"""Calls to the Allegro microservice for one of its accounts: its orders, and its flag that an order's stock is deducted. It pushes no quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone

from stocksync.marketplaces.base import Changes, ChannelClient, OrderPage, Position, RemoteOrder
from stocksync.marketplaces.microservice.orders import read_listed, read_order
from stocksync.marketplaces.microservice.sweep import Sweep
from warehouse.core.partners.breaker import Circuit
from warehouse.core.partners.errors import ContractBroken, PermanentFailure
from warehouse.core.partners.http import PartnerHttp
from warehouse.core.partners.reading import Answer, printable, read_text, read_whole, require_same_order

PARTNER = "Allegro microservice"
PAGE = 100
# A hundred orders with many lines each.
MAX_ANSWER_BYTES = 3_000_000
# A sweep begins so long before the last one did: the microservice learns of changes later than they happen, and its clock is not ours.
OVERLAP = timedelta(minutes=10)
# So far back goes the first sweep of an account.
FIRST_SWEEP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ListedOrders:
    """A part of a list, how many orders the whole list has, and where in it this part begins, if that is said."""

    orders: Sequence[RemoteOrder]
    total: int
    offset: int | None = None


class MicroserviceClient(ChannelClient):
    """Calls to one account. `token_id` is its name there, not a secret; `jwt` is one. Each call makes one request.

    All accounts at one address share the circuit. Raises ValueError for an address or a token that can't be used.
    """

    def __init__(self, base_url: str, jwt: str, token_id: str, *, timeout: tuple[float, float] | None = None) -> None:
        self._token_id = token_id
        self._jwt = jwt.strip()
        self._http = PartnerHttp(
            PARTNER,
            base_url,
            jwt,
            timeout=timeout or settings.PARTNER_TIMEOUT_SECONDS,
            max_bytes=MAX_ANSWER_BYTES,
            circuit=Circuit(PARTNER, base_url),
        )

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def read_changes(self, position: Position) -> Changes:
        """The next orders that changed, by a sweep that begins OVERLAP before the last one did and is read stretch by stretch (`Sweep`).

        There is no journal; `Position.journal` says how far the sweep has come, and is "" between two. A step may bring no order and still go on.
        Raises RetryableFailure and PermanentFailure: the same position may be read again.
        """
        now = timezone.now()
        sweep = Sweep.from_text(position.journal)
        if sweep is None:
            sweep = Sweep.begin(position.swept_until - OVERLAP if position.swept_until else now - FIRST_SWEEP, None, now)
        orders, following = self._step(sweep, PAGE, now)
        if following is None:
            return Changes(orders, Position("", sweep.began), at_end=True)
        return Changes(orders, Position(following.as_text(), position.swept_until), at_end=False)

    def list_orders(self, since: datetime, until: datetime, *, page: str | None = None, limit: int = PAGE) -> OrderPage:
        """All orders that changed there between the two moments, both included, at most 100 in a page. A page may be empty and another one follow.

        Raises ValueError for a `page` that no page named as its next one.
        """
        now = timezone.now()
        sweep = Sweep.begin(since, until, now) if page is None else Sweep.from_text(page)
        if sweep is None:
            raise ValueError(f"{page!r} is not the next of a page")
        orders, following = self._step(sweep, min(limit, PAGE), now)
        return OrderPage(orders, None if following is None else following.as_text())

    def get_order(self, external_id: str) -> RemoteOrder | None:
        """The order as it stands; None when the microservice does not know it. An answer about another order is a RetryableFailure."""
        try:
            return self._http.call("GET", self._path(self._http.segment(external_id)), lambda answer: _read_one(answer, external_id))
        except PermanentFailure as failure:
            if failure.status == 404:
                return None
            raise

    def set_deducted(self, external_id: str, deducted: bool) -> None:
        """Set the order's flag `is_stock_updated`. Only an answer that says so, about this order and with this value, is a success.

        Any other answer with 200 is a RetryableFailure with that status, so that it counts as a try and a person gets to see its message after the last one.
        """

        def check(answer: Answer) -> None:
            if answer.get("success") is not True:
                raise ContractBroken(f"the flag was not set: {self._told(answer)}")
            read_text(answer, "order_id")
            require_same_order(answer, external_id, "order_id")
            if answer.get("is_stock_updated") is not deducted:
                raise ContractBroken(f"the flag is not {str(deducted).lower()} after it was set: {self._told(answer)}")

        self._http.call("PATCH", self._path(f"{self._http.segment(external_id)}/stock-status"), check, body={"is_stock_updated": deducted})

    def _step(self, sweep: Sweep, limit: int, now: datetime) -> tuple[Sequence[RemoteOrder], Sweep | None]:
        """One request of a sweep: the orders that count, and how it goes on."""

        def read(answer: Answer) -> tuple[Sequence[RemoteOrder], Sweep | None]:
            found = _read_list(answer)
            if found.offset not in {None, sweep.offset}:
                raise ContractBroken(f"the orders begin at {found.offset} instead of {sweep.offset}")
            counts, following = sweep.after(len(found.orders), found.total, limit, now)
            return found.orders if counts else (), following

        stretch = {"from_date": sweep.start.isoformat()} | ({"to_date": sweep.end.isoformat()} if sweep.end else {})
        return self._http.call("GET", self._path("", limit=limit, offset=sweep.offset, **stretch), read)

    def _path(self, rest: str, **query: Any) -> str:
        return f"/api/v1/orders/{rest}?{urlencode({'token_id': self._token_id, **query})}"

    def _told(self, answer: Answer) -> str:
        """The microservice's own words, on one line and without the token."""
        message = answer.get("message")
        if self._jwt and isinstance(message, str):
            message = message.replace(self._jwt, "***")
        return printable(message, 200) or "it does not say why"


def _read_list(answer: Answer) -> ListedOrders:
    rows, pagination = answer.get("orders"), answer.get("pagination")
    if not isinstance(rows, list):
        raise ContractBroken("orders is not a list")
    if not isinstance(pagination, dict):
        raise ContractBroken("pagination is missing")
    total = read_whole(pagination, "total")
    if total is None or total < 0:
        raise ContractBroken("pagination.total is not a count")
    return ListedOrders(tuple(map(read_listed, rows)), total, read_whole(pagination, "offset"))


def _read_one(answer: Answer, external_id: str) -> RemoteOrder | None:
    """The order that was asked for, bare, as `order`, or among `orders`; None when there is explicitly none."""
    if "orders" in answer:
        rows = answer["orders"]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ContractBroken("orders is not a list of objects")
        order = next((row for row in rows if str(row.get("id")) == external_id), rows[0] if rows else None)
    else:
        order = answer.get("order", answer)
    if order is None:
        return None
    if not isinstance(order, dict):
        raise ContractBroken("order is not an object")
    require_same_order(answer, external_id, "order_id")
    require_same_order(order, external_id, "id", "order_id")
    read_text(order, "id")
    return read_order(order, external_id)
