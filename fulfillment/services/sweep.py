"""Our orders beside the order system's: how far they have been compared, what is settled by rule, and what nobody settles.

`fulfillment.order_sweep` strings these around the calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from fulfillment.enums import OPEN_ORDERS, SOURCE_LISTINGS, DisagreementKind, OrderStatus
from fulfillment.locks import lock_disagreement, lock_sweep
from fulfillment.models import Order, OrderDisagreement, SweepCursor
from fulfillment.services.orders import process_order_cancelled, process_order_confirmed
from inventory import orchestrator
from inventory.orchestrator import AlertDraft, Severity
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError, TransitionRefused
from warehouse.core.partners.http import longest_call
from warehouse.core.transactions import lost_race_on, operation

# Two that see the same disagreement first: the second one starts again and finds it.
lost_race_on(["one_open_disagreement_per_order"])

# Longer than the call between two signs of life and settling what it brings may take; a sweep that died is followed by another after it.
LEASE = longest_call(1) + timedelta(minutes=2)
DISAGREEMENT = "order_disagreement"
# More is no list that anybody reads: the command and the back office have all of them.
TOLD = 200
# Somebody waits for goods that nobody fetches.
LOST = frozenset({DisagreementKind.NOT_TAKEN_IN, DisagreementKind.UNREADABLE})
# The order system's words.
CONFIRMED, CANCELLED = "confirmed", "cancelled"
OVER_THERE = frozenset({"shipped", "delivered"})
UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class ClaimedSweep:
    """The right to read a list of the order system. `updated_after` is None before the first time; `attempt` counts failures in a row."""

    name: str
    turn: int
    updated_after: datetime | None
    attempt: int


@dataclass(frozen=True, slots=True)
class TheirOrder:
    """An order as the order system says it is: `status` is its word, "" when it does not know the order; `fault` says what of it can't be read."""

    external_id: str
    status: str
    lines: tuple[dict[str, str], ...] = ()
    storefront_id: str = ""
    order_number: str = ""
    fault: str = ""


class Outcome(StrEnum):
    """What became of one of their orders."""

    AGREES = "agrees"
    TAKEN_IN = "taken_in"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DISAGREES = "disagrees"


@operation()
def claim_sweep(name: str, *, actor: Actor, now_or_never: bool = False) -> ClaimedSweep | None:
    """Take the right to read a list for a while; None when somebody else reads it, or it is not due after a failure (unless `now_or_never`).

    Locks the cursor alone.
    """
    SweepCursor.objects.bulk_create([SweepCursor(name=name)], ignore_conflicts=True)
    cursor = lock_sweep(name, wait=False)
    now = timezone.now()
    if cursor is None or (cursor.leased_until and cursor.leased_until > now):
        return None
    if cursor.next_attempt_at and cursor.next_attempt_at > now and not now_or_never:
        return None
    cursor.turn += 1
    cursor.leased_until = now + LEASE
    cursor.save(update_fields=["turn", "leased_until"])
    return ClaimedSweep(name, cursor.turn, cursor.updated_after, cursor.attempts)


@operation()
def advance_sweep(claimed: ClaimedSweep, updated_after: datetime | None, *, actor: Actor) -> bool:
    """Everything that changed there until that moment has been settled or kept: the cursor moves on, never back, and the claim is renewed.

    False when the claim was lost meanwhile: then nothing changes, and the caller must stop. Locks the cursor alone.
    """
    cursor = _mine(claimed)
    if cursor is None:
        return False
    if updated_after is not None and (cursor.updated_after is None or updated_after > cursor.updated_after):
        cursor.updated_after = updated_after
    cursor.leased_until = timezone.now() + LEASE
    cursor.save(update_fields=["updated_after", "leased_until"])
    return True


@operation()
def finish_sweep(claimed: ClaimedSweep, *, actor: Actor) -> None:
    """The list was read to its end. Locks the cursor alone."""
    cursor = _mine(claimed)
    if cursor is not None:
        cursor.succeeded_at = timezone.now()
        _lay_down(cursor, "", None, attempts=0)


@operation()
def postpone_sweep(claimed: ClaimedSweep, error: str, next_attempt_at: datetime | None, *, actor: Actor, tried: bool = True) -> None:
    """The order system could not be asked: nobody asks before that time, and then from where we are. `tried`: it was, and that failed. Locks the cursor
    alone."""
    cursor = _mine(claimed)
    if cursor is not None:
        _lay_down(cursor, error[:2000], next_attempt_at, attempts=cursor.attempts + tried)


def compare_order(theirs: TheirOrder, *, actor: Actor) -> Outcome:
    """Settle one order by rule: one that was lost is taken in, one that they cancelled is cancelled. What no rule settles is kept as a disagreement,
    and one that both agree on again is resolved.

    Each step is a transaction of its own, of the same operations that the stream uses, so it may be repeated. A DomainError is what the disagreement
    says; anything else is the caller's.
    """
    ours = _status_of(theirs.external_id)
    kind, detail = _judge(theirs, ours)
    outcome = Outcome.DISAGREES if kind else Outcome.AGREES
    try:
        if kind is None and ours is None and theirs.status == CONFIRMED:
            ours = _take_in(theirs, actor)
            outcome = Outcome.REJECTED if ours == OrderStatus.REJECTED else Outcome.TAKEN_IN
            # It may have met its own cancellation meanwhile.
            kind, detail = _judge(theirs, ours)
        elif kind is None and theirs.status == CANCELLED and ours not in (None, OrderStatus.CANCELLED):
            process_order_cancelled(SOURCE_LISTINGS, theirs.external_id, "cancelled in the order system", actor=actor)
            outcome = Outcome.CANCELLED
    except TransitionRefused as error:
        kind, detail = DisagreementKind.GONE_ALREADY, error.detail
    except DomainError as error:
        kind, detail = DisagreementKind.NOT_TAKEN_IN, error.detail
    if kind is None:
        resolve_disagreement(theirs.external_id, actor=actor)
        return outcome
    keep_disagreement(theirs.external_id, kind, ours or "", theirs.status, detail, actor=actor)
    return Outcome.DISAGREES


@operation()
def keep_disagreement(external_id: str, kind: DisagreementKind, ours: str, theirs: str, detail: str, *, actor: Actor) -> OrderDisagreement:
    """Keep that we and the order system say different things of an order: a new row, or one more sighting of the open one. Locks that row."""
    row = lock_disagreement(external_id)
    now = timezone.now()
    if row is None:
        return OrderDisagreement.objects.create(
            external_id=external_id, kind=kind, ours=ours, theirs=theirs[:50], detail=detail[:400], first_seen_at=now, last_seen_at=now
        )
    row.kind, row.ours, row.theirs, row.detail, row.last_seen_at = kind, ours, theirs[:50], detail[:400], now
    row.count += 1
    row.save(update_fields=["kind", "ours", "theirs", "detail", "last_seen_at", "count"])
    return row


@operation()
def resolve_disagreement(external_id: str, *, actor: Actor) -> bool:
    """Both say the same of an order again. Whether there was an open disagreement; one statement."""
    return bool(OrderDisagreement.objects.filter(external_id=external_id, resolved_at=None).update(resolved_at=timezone.now()))


@operation()
def mark_compared(external_ids: Iterable[str], *, actor: Actor) -> None:
    """Note that these orders have been compared now. One UPDATE."""
    Order.objects.filter(source=SOURCE_LISTINGS, external_id__in=list(external_ids)).update(compared_at=timezone.now())


@operation()
def tell_disagreements(*, actor: Actor) -> int:
    """Make the open alerts those of what we and the order system disagree about. Returns how many are new. Locks the alerts of the kind."""
    rows = OrderDisagreement.objects.filter(resolved_at=None).order_by("first_seen_at", "pk")[:TOLD]
    drafts = [
        AlertDraft(
            f"order:{row.external_id}",
            Severity.CRITICAL if row.kind in LOST else Severity.WARNING,
            f"Order {row.external_id} is {row.theirs or 'unknown'} in the order system and {row.ours.replace('_', ' ') or 'unknown'} here: {row.detail}",
            {"order_id": row.external_id, "ours": row.ours, "theirs": row.theirs, "kind": row.kind},
        )
        for row in rows
    ]
    return orchestrator.settle_alerts.inside(DISAGREEMENT, drafts, actor=actor)


def known_orders(external_ids: Iterable[str]) -> dict[str, str]:
    """The status of those of these orders that we have. One statement."""
    rows = Order.objects.filter(source=SOURCE_LISTINGS, external_id__in=list(external_ids))
    return dict(rows.values_list("external_id", "status"))


def orders_to_compare(limit: int) -> list[str]:
    """Which orders to ask the order system about: first what we disagree about, then our open ones that were not compared for the longest time."""
    open_ones = OrderDisagreement.objects.filter(resolved_at=None).order_by("last_seen_at")
    disputed = list(open_ones.values_list("external_id", flat=True)[:limit])
    before = timezone.now() - timedelta(minutes=settings.ORDER_COMPARE_MINUTES)
    due = Order.objects.filter(
        Q(compared_at=None) | Q(compared_at__lte=before), source=SOURCE_LISTINGS, status__in=sorted(OPEN_ORDERS), created_at__lte=before
    )
    oldest = due.exclude(external_id__in=disputed).order_by(F("compared_at").asc(nulls_first=True), "pk")
    return disputed + list(oldest.values_list("external_id", flat=True)[: limit - len(disputed)])


def _judge(theirs: TheirOrder, ours: str | None) -> tuple[DisagreementKind | None, str]:
    """What both can't settle by rule, with what somebody should do; (None, "") when they agree or a rule settles it."""
    if theirs.fault:
        return DisagreementKind.UNREADABLE, f"The order system's answer can't be used: {theirs.fault}. Have it mended there."
    if theirs.status == UNKNOWN:
        if ours in OPEN_ORDERS:
            return DisagreementKind.UNKNOWN_THERE, "The order system does not know it. Ask there, and cancel it here if nobody wants it."
    elif theirs.status in OVER_THERE:
        if ours in OPEN_ORDERS or ours == OrderStatus.REJECTED:
            return (
                DisagreementKind.CLOSED_THERE,
                "It is over in the order system, but not here. Look whether it was sent by other means, then cancel it.",
            )
        if ours == OrderStatus.CANCELLED:
            return DisagreementKind.CLOSED_THERE, "It was cancelled here and never left. Tell the order system."
    elif theirs.status == CANCELLED:
        if ours == OrderStatus.SHIPPED:
            return DisagreementKind.GONE_ALREADY, "It was handed over before the cancellation came. Take it back as a return."
    elif ours == OrderStatus.CANCELLED:
        return DisagreementKind.CANCELLED_HERE, "It is wanted in the order system. Have it cancelled there, or ordered anew."
    return None, ""


def _take_in(theirs: TheirOrder, actor: Actor) -> str:
    order = process_order_confirmed(
        SOURCE_LISTINGS,
        theirs.external_id,
        list(theirs.lines),
        actor=actor,
        storefront_external_id=theirs.storefront_id,
        order_number=theirs.order_number,
    )
    return str(order.status)


def _status_of(external_id: str) -> str | None:
    return Order.objects.filter(source=SOURCE_LISTINGS, external_id=external_id).values_list("status", flat=True).first()


def _mine(claimed: ClaimedSweep) -> SweepCursor | None:
    cursor = lock_sweep(claimed.name, wait=True)
    return cursor if cursor is not None and cursor.turn == claimed.turn else None


def _lay_down(cursor: SweepCursor, error: str, next_attempt_at: datetime | None, *, attempts: int) -> None:
    cursor.last_error, cursor.next_attempt_at, cursor.attempts, cursor.leased_until = error, next_attempt_at, attempts, None
    cursor.save(update_fields=["last_error", "next_attempt_at", "attempts", "leased_until", "succeeded_at"])
