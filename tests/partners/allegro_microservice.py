"""The Allegro microservice: orders of Allegro accounts, and for each the flag that its stock was deducted."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.partners.base import Answer, Partner, Refused, Request, route
from tests.partners.ledger import Ledger, Record

ACCOUNT = "account-1"
LARGEST_PAGE = 1000
FLAGS = {"true": True, "false": False}


def line_item(sku: str | None, quantity: Any = 1, *, number: int = 1, offer_id: str = "", name: str = "") -> dict[str, Any]:
    """A line of an order as Allegro has it; without a SKU the offer has nothing `external`."""
    external = None if sku is None else {"id": sku}
    offer = {"id": offer_id or f"offer-{sku}", "name": name or f"Offer of {sku}", "external": external}
    return {"id": f"line-{number}", "quantity": quantity, "offer": offer}


class AllegroMicroservice(Partner):
    """Orders are listed by their last change, the newest first, unless `newest_first` is false; setting a flag is a change. `now` is its clock.

    `shape` is how a single order is answered: "bare", "order" or "orders". `refuses` is the message of a refusal with 200 that every PATCH gets while it is set.
    The ledger's tables: `orders` has every version of every order, `flags` every PATCH that was obeyed.
    """

    name = "allegro_microservice"
    newest_first = True
    shape = "bare"
    refuses = ""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._index()

    def put_order(self, order_id: str | int, *, account: str = "", **fields: Any) -> Record:
        """Make an order known, or change its fields (None removes one): status, lineItems, boughtAt, updatedAt, fulfillment, is_stock_updated.

        It changes now, unless `updatedAt` is given, and has a new revision, unless `revision` is.
        """
        with self.lock:
            self._refresh()
            now = self.now().isoformat()
            known = self._orders.get(str(order_id)) or {
                "account": ACCOUNT,
                "id": str(order_id),
                "status": "READY_FOR_PROCESSING",
                "fulfillment": {"status": "NEW"},
                "lineItems": [line_item("SKU-1")],
                "boughtAt": now,
                "is_stock_updated": False,
            }
            version = self._versions[str(order_id)] + 1
            order = known | {"updatedAt": now, "revision": f"{version:08x}"} | fields | ({"account": account} if account else {})
            return self._keep(order)

    def order(self, order_id: str | int) -> Record:
        """The order as it stands now."""
        with self.lock:
            self._refresh()
            return self._orders[str(order_id)]

    def told(self, order_id: str | int) -> list[bool]:
        """Every value that the order's flag was set to, oldest first, repeated ones too."""
        with self.lock:
            self._refresh()
            return list(self._told[str(order_id)])

    def times_told(self) -> Counter[tuple[str, bool]]:
        """How often each flag was set to each value."""
        with self.lock:
            self._refresh()
            return Counter((order_id, flag) for order_id, flags in self._told.items() for flag in flags)

    def flagged(self) -> set[str]:
        """The orders whose flag is true."""
        with self.lock:
            self._refresh()
            return {order_id for order_id, order in self._orders.items() if order.get("is_stock_updated") is True}

    @route("GET", "/api/v1/orders/")
    def list_orders(self, request: Request) -> Answer:
        """Orders of an account, by the moments of their last change (both included), their status and their flag."""
        asked = {name: values[-1] for name, values in request.query.items()}
        limit, offset = number(asked, "limit", 100), number(asked, "offset", 0)
        if not 1 <= limit <= LARGEST_PAGE:
            raise Refused(422, f"limit must be 1 to {LARGEST_PAGE}.")
        since, until = moment(asked, "from_date"), moment(asked, "to_date")
        status, flag = asked.get("status"), asked.get("stock_updated")
        if flag is not None and flag not in FLAGS:
            raise Refused(422, "stock_updated must be true or false.")
        with self.lock:
            self._refresh()
            changes = self._changes[account_of(request)]
            first = 0 if since is None else bisect_left(changes, (since, ""))
            last = len(changes) if until is None else bisect_right(changes, (until, "\U0010ffff"))
            found: Any = range(first, max(first, last))
            if status is not None or flag is not None:
                found = [place for place in found if self._fits(changes[place][1], status, flag)]
            if self.newest_first:
                found = found[::-1]
            orders = [shown(self._orders[changes[place][1]]) for place in found[offset : offset + limit]]
        return Answer(data={"orders": orders, "pagination": {"total": len(found), "offset": offset, "limit": limit}})

    @route("GET", "/api/v1/orders/{order_id}")
    def get_order(self, request: Request, order_id: str) -> Answer:
        """An order in the shape that is set."""
        order = shown(self._find(request, order_id))
        return Answer(data={"bare": order, "order": {"order": order}, "orders": {"orders": [order]}}[self.shape])

    @route("GET", "/api/v1/orders/{order_id}/technical-flags")
    def get_flags(self, request: Request, order_id: str) -> Answer:
        """What is noted of an order."""
        order = self._find(request, order_id)
        return Answer(data={"order_id": order_id, "is_stock_updated": order.get("is_stock_updated"), "updated_at": order["updatedAt"]})

    @route("PATCH", "/api/v1/orders/{order_id}/stock-status")
    def set_stock_status(self, request: Request, order_id: str) -> Answer:
        """Set the flag; the same value again changes nothing of the order."""
        wanted = request.json().get("is_stock_updated")
        if not isinstance(wanted, bool):
            raise Refused(422, "is_stock_updated must be true or false.")
        self._find(request, order_id)
        request.pause()
        with self.lock:
            order = self._find(request, order_id)
            if self.refuses:
                return Answer(data=status_answer(order, success=False, message=self.refuses))
            now = self.now().isoformat()
            self.ledger.append("flags", {"order_id": order_id, "is_stock_updated": wanted, "at": now})
            self._told[order_id].append(wanted)
            if order.get("is_stock_updated") is not wanted:
                order = self._keep(order | {"is_stock_updated": wanted, "updatedAt": now})
        return Answer(data=status_answer(order, success=True, message="Stock status updated."))

    @route("POST", "/_control/orders")
    def control_orders(self, request: Request) -> Answer:
        """Make orders known: one `{"id": …, "status": …, "lineItems": […]}`, or `{"orders": […]}`."""
        body = request.json()
        orders = body.get("orders", [body])
        if not isinstance(orders, list) or not all(isinstance(order, dict) and "id" in order for order in orders):
            raise Refused(400, "Every order is an object with an id.")
        made = [self.put_order(order["id"], **{name: value for name, value in order.items() if name != "id"}) for order in orders]
        return Answer(201, {"orders": [shown(order) for order in made]})

    def _find(self, request: Request, order_id: str) -> Record:
        account = account_of(request)
        with self.lock:
            self._refresh()
            order = self._orders.get(order_id)
        if order is None or order["account"] != account:
            raise Refused(404, f"There is no order {order_id}.")
        return order

    def _fits(self, order_id: str, status: str | None, flag: str | None) -> bool:
        order = self._orders[order_id]
        return (status is None or order.get("status") == status) and (flag is None or order.get("is_stock_updated") is FLAGS[flag])

    def _keep(self, order: Record) -> Record:
        self.ledger.append("orders", order)
        self._place(order)
        return order

    def _place(self, order: Record) -> None:
        """Into the index, in the place of its former version."""
        order_id = order["id"]
        if before := self._orders.get(order_id):
            changes, key = self._changes[before["account"]], key_of(before)
            del changes[bisect_left(changes, key)]
        self._orders[order_id] = order
        self._versions[order_id] += 1
        insort(self._changes[order["account"]], key_of(order))

    def _index(self) -> None:
        """What is looked for is kept beside the ledger, in the order that it is asked for."""
        self._resets = self.ledger.resets
        self._orders: dict[str, Record] = {}
        self._versions: Counter[str] = Counter()
        self._changes: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._told: defaultdict[str, list[bool]] = defaultdict(list)
        for order in self.ledger.table("orders"):
            self._place(order)
        for row in self.ledger.table("flags"):
            self._told[row["order_id"]].append(row["is_stock_updated"])

    def _refresh(self) -> None:
        if self._resets != self.ledger.resets:
            self._index()


def shown(order: Record) -> Record:
    """The order as it is answered."""
    return {name: value for name, value in order.items() if name != "account" and value is not None}


def status_answer(order: Record, *, success: bool, message: str) -> Record:
    """The answer to a PATCH."""
    answer = {"success": success, "order_id": order["id"], "is_stock_updated": order.get("is_stock_updated")}
    return answer | {"updated_at": order["updatedAt"], "message": message}


def key_of(order: Record) -> tuple[datetime, str]:
    """The order's place among the changes."""
    changed = datetime.fromisoformat(order["updatedAt"])
    return (changed if changed.tzinfo else changed.replace(tzinfo=UTC)), order["id"]


def account_of(request: Request) -> str:
    """The account that a request is about. Raises Refused (422) when it names none."""
    account = request.query.get("token_id", [""])[-1]
    if not account:
        raise Refused(422, "token_id is missing.")
    return account


def number(asked: dict[str, str], name: str, default: int) -> int:
    """A whole number of the query. Raises Refused (422)."""
    value = asked.get(name, str(default))
    if not value.isascii() or not value.isdigit():
        raise Refused(422, f"{name} must be a whole number.")
    return int(value)


def moment(asked: dict[str, str], name: str) -> datetime | None:
    """A moment of the query; None when it is not asked for. Raises Refused (422)."""
    try:
        value = datetime.fromisoformat(asked[name]) if name in asked else None
    except ValueError as error:
        raise Refused(422, f"{name} must be an ISO time.") from error
    return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
