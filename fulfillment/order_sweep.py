"""The sweep: the order system's orders read over HTTP, for those that the stream lost. Claim, call outside any transaction, settle order by order.

Lists are read where the order system has them; our open orders, and those that both disagree about, are asked for one by one. A sweep that dies leaves a
claim that lapses and a cursor that stands where everything before it is settled: the next one goes on from there.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from fulfillment.enums import DisagreementKind
from fulfillment.partners.order_system import ListedOrder, OrderSystemClient, PartnerOrder
from fulfillment.services import sweep
from fulfillment.services.sweep import CANCELLED, CONFIRMED, UNKNOWN, ClaimedSweep, Outcome, TheirOrder
from warehouse.core.actor import Actor
from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure
from warehouse.core.partners.retry import next_retry
from warehouse.outbox.resilience import is_outage

logger = logging.getLogger(__name__)

ACTOR = Actor.system("sweep_orders")
# Clocks differ, and an order may be listed a little after it changed: so much is read again each time.
OVERLAP = timedelta(minutes=5)
# It has no such list; perhaps it will have.
NO_LIST = frozenset({404, 405, 410, 501})
LOOK_AGAIN = timedelta(hours=1)
KNOWN = "known"
PAGE = 100
COMPARED_AT_ONCE = 200


@dataclass(slots=True)
class SweepReport:
    """What a sweep did. `unreachable` is why it could not come to its end, `busy` what somebody else reads now."""

    listed: int = 0
    compared: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    unlisted: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    unreachable: str = ""

    def as_data(self) -> dict[str, Any]:
        """For a machine: every outcome, those that did not happen too."""
        return {
            "listed": self.listed,
            "compared": self.compared,
            **{outcome.value: self.outcomes[outcome.value] for outcome in Outcome},
            "not_offered": self.unlisted,
            "busy": self.busy,
            "unreachable": self.unreachable,
        }


def sweep_orders(*, seconds: float | None = None, now_or_never: bool = False) -> SweepReport:
    """Compare our orders with the order system's: the confirmed and the cancelled ones that changed there, then our open ones.

    Stops after so many `seconds` at the next order; the next sweep goes on. `now_or_never`: also when it is not due after a failure.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    report = SweepReport()
    parts: list[tuple[str, Callable[[ClaimedSweep, OrderSystemClient, SweepReport, float | None], bool]]] = [
        (CONFIRMED, _read_list),
        (CANCELLED, _read_list),
        (KNOWN, _ask_for_known),
    ]
    with OrderSystemClient.from_settings() as client:
        for name, work in parts:
            claimed = sweep.claim_sweep(name, actor=ACTOR, now_or_never=now_or_never)
            if claimed is None:
                report.busy.append(name)
            elif not _do(claimed, work, client, report, deadline):
                break
    sweep.tell_disagreements(actor=ACTOR)
    logger.info("Orders compared with the order system: %s", report.as_data())
    return report


def _do(claimed: ClaimedSweep, work: Callable[..., bool], client: OrderSystemClient, report: SweepReport, deadline: float | None) -> bool:
    """One part of the sweep, and what became of it in its cursor. False when the order system is not to be asked any more now."""
    try:
        if work(claimed, client, report, deadline):
            sweep.finish_sweep(claimed, actor=ACTOR)
    except PermanentFailure as failure:
        if claimed.name == KNOWN or failure.status not in NO_LIST:
            return _unreachable(claimed, failure, None, report)
        _not_offered(claimed, failure, report)
    except RetryableFailure as failure:
        if failure.status not in NO_LIST:
            return _unreachable(claimed, failure, failure.retry_after, report, tried=not isinstance(failure, CircuitOpen))
        _not_offered(claimed, failure, report)
    return True


def _not_offered(claimed: ClaimedSweep, failure: Exception, report: SweepReport) -> None:
    report.unlisted.append(claimed.name)
    sweep.postpone_sweep(claimed, f"The order system has no such list ({failure}).", timezone.now() + LOOK_AGAIN, actor=ACTOR)


def _unreachable(claimed: ClaimedSweep, failure: Exception, retry_after: float | None, report: SweepReport, *, tried: bool = True) -> bool:
    report.unreachable = str(failure)
    sweep.postpone_sweep(claimed, str(failure), next_retry(timezone.now(), claimed.attempt, retry_after), actor=ACTOR, tried=tried)
    return False


def _read_list(claimed: ClaimedSweep, client: OrderSystemClient, report: SweepReport, deadline: float | None) -> bool:
    """Read a list from where its cursor stands to its end, page by page; after each page the cursor follows. False when there was no time for all."""
    since = claimed.updated_after - OVERLAP if claimed.updated_after else timezone.now() - timedelta(days=settings.ORDER_SWEEP_DAYS)
    cursor = ""
    while True:
        page = client.list_orders(claimed.name, since, cursor=cursor, limit=PAGE)
        reached = _settle_page(claimed.name, page.orders, report)
        if not sweep.advance_sweep(claimed, reached, actor=ACTOR):
            return False
        if not page.next or page.next == cursor:
            return True
        if deadline is not None and time.monotonic() > deadline:
            sweep.postpone_sweep(claimed, "", None, actor=ACTOR, tried=False)
            return False
        cursor = page.next


def _settle_page(name: str, orders: tuple[ListedOrder, ...], report: SweepReport) -> datetime | None:
    """Settle the orders of a page that are news to us. Returns until when everything is settled; what has only just changed is left to the stream."""
    now = timezone.now()
    just_now = now - timedelta(seconds=settings.ORDER_SWEEP_GRACE_SECONDS)
    known = sweep.known_orders(order.id for order in orders)
    reached = None
    for listed in orders:
        report.listed += 1
        if just_now < listed.updated_at <= now:
            break  # and what changed later too
        reached = listed.updated_at
        if listed.order is not None and not _is_news(name, known.get(listed.id)):
            report.outcomes[Outcome.AGREES] += 1
        else:
            _settle(_theirs(listed.id, listed.order, listed.fault), report)
    # A clock that runs ahead must not carry the cursor past what is still to come.
    return reached and min(reached, now)


def _is_news(name: str, ours: str | None) -> bool:
    """Whether an order of this list may need anything done: most are with us as they are there."""
    if name == CANCELLED:
        return ours not in (None, CANCELLED)
    return ours is None or ours == CANCELLED


def _ask_for_known(claimed: ClaimedSweep, client: OrderSystemClient, report: SweepReport, deadline: float | None) -> bool:
    """Ask for the orders that both disagree about, and for our open ones in turn."""
    for external_id in sweep.orders_to_compare(COMPARED_AT_ONCE):
        try:
            theirs = _theirs(external_id, client.get_order(external_id), "")
        except PermanentFailure as failure:
            if failure.status != 404:
                raise
            theirs = TheirOrder(external_id, UNKNOWN)
        except RetryableFailure as failure:
            if failure.status is None or not 200 <= failure.status < 300:
                raise
            # It answers, but of this order nothing that can be used: the others may be as good as ever.
            theirs = TheirOrder(external_id, UNKNOWN, fault=failure.detail)
        _settle(theirs, report)
        sweep.mark_compared([external_id], actor=ACTOR)
        report.compared += 1
        if not sweep.advance_sweep(claimed, None, actor=ACTOR):
            return False
        if deadline is not None and time.monotonic() > deadline:
            break
    return True


def _settle(theirs: TheirOrder, report: SweepReport) -> None:
    """One order; one that fails unexpectedly is kept, so that neither it nor the others are lost."""
    try:
        outcome = sweep.compare_order(theirs, actor=ACTOR)
    except Exception as error:
        if is_outage(error):
            raise
        logger.exception("Order %s of the order system failed unexpectedly", theirs.external_id)
        detail = f"It failed unexpectedly ({type(error).__name__}). It is tried again with every sweep; the log says more."
        sweep.keep_disagreement(theirs.external_id, DisagreementKind.NOT_TAKEN_IN, "", theirs.status, detail, actor=ACTOR)
        outcome = Outcome.DISAGREES
    report.outcomes[outcome] += 1
    if outcome != Outcome.AGREES:
        logger.warning("Order %s of the order system (%s there): %s", theirs.external_id, theirs.status or "unknown", outcome.value)


def _theirs(external_id: str, order: PartnerOrder | None, fault: str) -> TheirOrder:
    if order is None:
        return TheirOrder(external_id, UNKNOWN, fault=fault)
    lines = tuple(
        {"listing_id": str(item.listing_id), "quantity": str(item.quantity)} | ({"warehouse_id": item.warehouse_id} if item.warehouse_id else {})
        for item in order.items
    )
    storefront = "" if order.storefront_id is None else str(order.storefront_id)
    return TheirOrder(external_id, order.status, lines, storefront, order.order_number)
