"""What changed among the orders: the journal, event by event, and behind it a sweep, because the journal repeats, disorders and loses events.

Where both have been read there is nothing more. A page of the journal names orders, each of which is read as it stands: an event out of order or a second
time tells the same newest revision. When the journal is at its end and the last sweep is SWEEP_EVERY old, all checkout forms that changed since are read from
the list, beginning OVERLAP before its end, so that neither clocks that differ nor a list that lags behind lose one. A sweep far behind catches up in steps
of STEP, so that an interruption costs one step.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stocksync.marketplaces.allegro_rest.orders import Event, read_orders
from stocksync.marketplaces.base import Changes, Position, RemoteOrder
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure, is_answer

if TYPE_CHECKING:
    from stocksync.marketplaces.allegro_rest.client import AllegroRestClient

UNAUTHORIZED = 401
# Each event costs a request for its order.
EVENTS_PAGE = 100
FORMS_PAGE = 100
SWEEP_EVERY = timedelta(minutes=3)
OVERLAP = timedelta(minutes=10)
STEP = timedelta(hours=6)
# An account that was never swept: its older orders come out of the journal, which goes back 60 days.
FIRST_SWEEP = timedelta(days=1)


def read_changes(client: AllegroRestClient, position: Position, now: datetime) -> Changes:
    """The orders of the journal's next page, and, when that is its last and a sweep is due, those of the next step of the sweep.

    At the end means: the journal gave less than a page, and the sweep reached a moment less than SWEEP_EVERY ago. Raises RetryableFailure and
    PermanentFailure: then the position has not moved, and the same is read again.
    """
    events = client.order_events(position.journal, EVENTS_PAGE)
    orders, away = _read_named(client, events)
    journal = next((event.id for event in reversed(events) if event.id), position.journal)
    if len(events) >= EVENTS_PAGE:
        if away is not None:
            raise away
        return Changes(orders, Position(journal, position.swept_until), at_end=False)
    swept = position.swept_until
    # Whether the marketplace is away, or only the few orders of this page can't be read, the list tells.
    if swept is None or now - swept >= SWEEP_EVERY or away is not None:
        found, swept = _sweep(client, swept or now - FIRST_SWEEP, now)
        orders += found
    different = {(order.external_id, order.revision): order for order in orders}
    return Changes(list(different.values()), Position(journal, swept), at_end=now - swept < SWEEP_EVERY)


def stamp(moment: datetime) -> str:
    """A moment as Allegro writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sweep(client: AllegroRestClient, since: datetime, now: datetime) -> tuple[list[RemoteOrder], datetime]:
    """All orders that changed in the next step, and until when that is; nothing has moved when orders left the list while it was read.

    An order that changes leaves a step that ends in the past, and pulls one that was not read yet over a page's edge.
    """
    until = min(now, since + STEP)
    filters = {"updatedAt.gte": stamp(since - OVERLAP)} | ({"updatedAt.lte": stamp(until)} if until < now else {})
    forms, first_total = client.checkout_forms(filters, 0, FORMS_PAGE)
    total, page = first_total, forms
    while page and len(forms) < total:
        page, total = client.checkout_forms(filters, len(forms), FORMS_PAGE)
        forms += page
    return read_orders(forms), until if total >= first_total else since


def _read_named(client: AllegroRestClient, events: list[Event]) -> tuple[list[RemoteOrder], RetryableFailure | None]:
    """Each order that the events name, once, as it stands now; and an error of the server, when it gave nothing but errors.

    What is answered about one order, even that it is not known or an error of the server, is that order's fault and stops no other one. The sweep comes by
    such an order again. No answer, a wish to wait, and a token that is not taken say nothing about an order: they are raised.
    """
    orders: list[RemoteOrder] = []
    errors: list[RetryableFailure] = []
    for external_id in dict.fromkeys(event.order_id for event in events if event.order_id):
        try:
            orders.append(client.get_order(external_id) or RemoteOrder(external_id, fault="the journal names it, but nobody knows it"))
        except PermanentFailure as failure:
            if failure.status in {None, UNAUTHORIZED}:
                raise
            orders.append(RemoteOrder(external_id, fault=failure.detail))
        except RetryableFailure as failure:
            if not is_answer(failure):
                if (failure.status or 0) < 500:
                    raise
                errors.append(failure)
            orders.append(RemoteOrder(external_id, fault=failure.detail))
    return orders, errors[0] if errors and len(errors) == len(orders) else None
