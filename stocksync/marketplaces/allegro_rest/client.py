"""The client of one Allegro account: what stock synchronisation asks of a marketplace, in Allegro's requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from stocksync.enums import CommandStatus, RemoteState
from stocksync.marketplaces.allegro_rest import changes, commands
from stocksync.marketplaces.allegro_rest.limits import SharedLimits
from stocksync.marketplaces.allegro_rest.orders import NEW, Event, fulfilment_of, read_events, read_order, read_orders
from stocksync.marketplaces.base import Changes, CommandState, ListingClient, OrderPage, Position, RemoteOrder, Shown, state_of
from warehouse.core.partners.breaker import Circuit
from warehouse.core.partners.errors import ContractBroken, PermanentFailure, RetryableFailure
from warehouse.core.partners.http import PartnerHttp
from warehouse.core.partners.reading import Answer, read_part, read_parts, read_text, read_whole

T = TypeVar("T")

PARTNER = "Allegro REST"
MEDIA_TYPE = "application/vnd.allegro.public.v1+json"
# A hundred orders with all their details.
MAX_ANSWER_BYTES = 8_000_000
UNAUTHORIZED, NOT_FOUND, CONFLICT, UNPROCESSABLE, TOO_MANY = 401, 404, 409, 422, 429
# The parcel is with the buyer, on its way, or was: what the seller said of it is not taken back by a program.
GONE = {"READY_FOR_PICKUP", "SENT", "PICKED_UP", "RETURNED"}
TASKS_PAGE = 1_000
QUANTITY_COMMANDS = "/sale/offer-quantity-change-commands"
PUBLICATION_COMMANDS = "/sale/offer-publication-commands"


class AllegroRestClient(ListingClient):
    """Calls to one Allegro account.

    `access_token` gives a token that is fresh enough; `renew` gives another one for a token that was refused, after which the request is made once more.
    `application` is the one whose calls are counted together, whatever channels share it; the address, when it is not given. Raises RetryableFailure,
    PermanentFailure, and what the two functions raise.
    """

    def __init__(
        self,
        base_url: str,
        access_token: Callable[[], str],
        renew: Callable[[str], str],
        *,
        application: str = "",
        limits: SharedLimits | None = None,
        now: Callable[[], datetime] = timezone.now,
    ) -> None:
        self._http = PartnerHttp(
            PARTNER,
            base_url,
            timeout=settings.PARTNER_TIMEOUT_SECONDS,
            circuit=Circuit(PARTNER, base_url),
            media_type=MEDIA_TYPE,
            max_bytes=MAX_ANSWER_BYTES,
        )
        self._access_token, self._renew, self._now = access_token, renew, now
        self._token = ""
        self._limits = limits or SharedLimits(PARTNER, application or base_url)

    def close(self) -> None:
        self._http.close()

    def read_changes(self, position: Position) -> Changes:
        """The orders of the next page of the journal; at its end, what changed since the last sweep. See `changes.read_changes`."""
        return changes.read_changes(self, position, self._now())

    def list_orders(self, since: datetime, until: datetime, *, page: str | None = None, limit: int = 100) -> OrderPage:
        """A page of the checkout forms that changed between the moments. One that changes while the pages are read moves out of the list and may pull others
        over a page's edge: what is to be complete is read again, as `read_changes` does."""
        offset = int(page or 0)
        forms, total = self.checkout_forms({"updatedAt.gte": changes.stamp(since), "updatedAt.lte": changes.stamp(until)}, offset, limit)
        following = offset + len(forms)
        return OrderPage(read_orders(forms), str(following) if forms and following < total else None)

    def get_order(self, external_id: str) -> RemoteOrder | None:
        try:
            return self.request("GET", self._form(external_id), lambda form: read_order(form, external_id))
        except PermanentFailure as failure:
            if failure.status == NOT_FOUND:
                return None
            raise

    def set_deducted(self, external_id: str, deducted: bool) -> None:
        """Tell it by the order's fulfilment status: NEW is not deducted, anything else is.

        Deducted makes PROCESSING of NEW; not deducted makes NEW of whatever came before the parcel left. There is nothing to tell of a cancelled order. When the
        order changed meanwhile it is read again, once. Raises PermanentFailure for a parcel that is gone there, and for a second change.
        """
        try:
            self._tell(external_id, deducted)
        except PermanentFailure as failure:
            if failure.status != CONFLICT:
                raise
            self._tell(external_id, deducted)

    def push_quantity(self, command_id: UUID, offer_id: str, quantity: int) -> CommandState:
        """Give a command that sets the quantity. Accepted is not done: `command_state` tells when it is."""
        modification = {"modification": {"changeType": "FIXED", "value": quantity}}
        return self._command(QUANTITY_COMMANDS, command_id, modification, offer_id)

    def command_state(self, command_id: UUID) -> CommandState:
        return self._state(QUANTITY_COMMANDS, command_id)

    def read_listing(self, offer_id: str) -> Shown:
        return self.request("GET", f"/sale/product-offers/{self._http.segment(offer_id)}", _read_shown)

    def revive_listing(self, command_id: UUID, offer_id: str) -> CommandState:
        """Give a command that publishes the offer. A quantity must be there already: an offer without one can't be published."""
        return self._command(PUBLICATION_COMMANDS, command_id, {"publication": {"action": "ACTIVATE"}}, offer_id)

    def revival_state(self, command_id: UUID) -> CommandState:
        return self._state(PUBLICATION_COMMANDS, command_id)

    def order_events(self, after: str, limit: int) -> list[Event]:
        """Events of the journal behind the one with this id, the oldest first as far as Allegro keeps to that."""
        query = {"limit": str(limit)} | ({"from": after} if after else {})
        return self.request("GET", f"/order/events?{urlencode(query)}", read_events)

    def checkout_forms(self, filters: Mapping[str, str], offset: int, limit: int) -> tuple[list[Answer], int]:
        """A page of checkout forms and how many there are in all."""
        query = urlencode({**filters, "offset": str(offset), "limit": str(limit)}, quote_via=quote)
        return self.request("GET", f"/order/checkout-forms?{query}", _read_forms)

    def request(self, method: str, path: str, read: Callable[[Answer], T], body: Mapping[str, Any] | None = None) -> T:
        """One request in its turn, with a token; with a renewed one when that is refused. What blocks one worker holds them all."""
        self._token = self._token or self._access_token()
        try:
            return self._request(method, path, read, body)
        except PermanentFailure as failure:
            if failure.status != UNAUTHORIZED:
                raise
            self._token = self._renew(self._token)
        return self._request(method, path, read, body)

    def _request(self, method: str, path: str, read: Callable[[Answer], T], body: Mapping[str, Any] | None) -> T:
        self._limits.request()
        self._http.use_token(self._token)
        try:
            return self._http.call(method, path, read, body=body)
        except RetryableFailure as failure:
            if failure.status == TOO_MANY:
                self._limits.blocked(failure.retry_after)
            raise

    def _form(self, external_id: str) -> str:
        return f"/order/checkout-forms/{self._http.segment(external_id)}"

    def _tell(self, external_id: str, deducted: bool) -> None:
        form = self.request("GET", self._form(external_id), _read_fulfilment)
        if form.cancelled or deducted == (form.status != NEW):
            return
        if not deducted and form.status in GONE:
            raise PermanentFailure(
                PARTNER, f"order {external_id} is {form.status} there: its parcel is gone, so a person has to judge it", UNPROCESSABLE
            )
        revision = urlencode({"checkoutForm.revision": form.revision})
        self.request("PUT", f"{self._form(external_id)}/fulfillment?{revision}", dict, {"status": "PROCESSING" if deducted else NEW})

    def _command(self, path: str, command_id: UUID, body: Mapping[str, Any], offer_id: str) -> CommandState:
        criteria = {"offerCriteria": [{"type": "CONTAINS_OFFERS", "offers": [{"id": offer_id}]}]}
        self._limits.offer_change()
        try:
            return self.request("PUT", f"{path}/{command_id}", commands.accepted, {**body, **criteria})
        except PermanentFailure as failure:
            if failure.status != CONFLICT:
                raise
            # The id was used before: by ourselves, whose answer was lost.
            return self._state(path, command_id)

    def _state(self, path: str, command_id: UUID) -> CommandState:
        counts = self.request("GET", f"{path}/{command_id}", commands.read_counts)
        if not counts.settled:
            return CommandState(CommandStatus.ACCEPTED, {"taskCount": counts.told})
        tasks: list[commands.Task] = []
        while len(tasks) < counts.total:
            query = urlencode({"limit": TASKS_PAGE, "offset": len(tasks)})
            page = self.request("GET", f"{path}/{command_id}/tasks?{query}", commands.read_tasks)
            if not page:
                break
            tasks += page
        return commands.judge(counts, tasks)


@dataclass(frozen=True, slots=True)
class _Fulfilment:
    """How far the seller says to be with an order."""

    status: str
    revision: str
    cancelled: bool


def _read_fulfilment(form: Answer) -> _Fulfilment:
    status = fulfilment_of(form)
    state = state_of(read_text(form, "status", longest=40), status)
    return _Fulfilment(status, read_text(form, "revision", longest=80), cancelled=state == RemoteState.CANCELLED)


def _read_shown(answer: Answer) -> Shown:
    available = read_whole(read_part(answer, "stock"), "available")
    if available is None or available < 0:
        raise ContractBroken("stock.available is not a quantity")
    return Shown(available, read_text(read_part(answer, "publication"), "status", longest=40) == "ACTIVE")


def _read_forms(answer: Answer) -> tuple[list[Answer], int]:
    total = read_whole(answer, "totalCount")
    if total is None:
        raise ContractBroken("totalCount is missing")
    return read_parts(answer, "checkoutForms"), total
