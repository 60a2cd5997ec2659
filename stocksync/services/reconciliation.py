"""The two sides of an order made alike, or laid before a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from stocksync.enums import UNTOLD_OPERATIONS, ChannelMode, DiscrepancyKind, LogAction, OperationStatus
from stocksync.locks import lock_operations_of, lock_order
from stocksync.marketplaces.base import RemoteOrder
from stocksync.models import ChannelOrder, Discrepancy
from stocksync.services import logbook
from stocksync.services.deductions import deduct
from stocksync.services.discrepancies import close_discrepancies, open_discrepancy
from stocksync.services.owed import owe_again
from warehouse.core.actor import Actor
from warehouse.core.documents import save_all
from warehouse.core.transactions import operation

# What a comparison finds, and what is over when it finds nothing.
OF_COMPARISON = (DiscrepancyKind.NOT_ACKNOWLEDGED, DiscrepancyKind.NOT_DEDUCTED, DiscrepancyKind.UNKNOWN_THERE)


@operation()
def acknowledge_again(order_id: int, remote: RemoteOrder, *, actor: Actor, seen_version: int | None = None) -> UUID | None:
    """The marketplace does not have the flag that our deduction, or its reversal, wants: it is told again. None when that is not for a program to do.

    By itself only while the deduction or its reversal is younger than STOCK_SYNC_RECONCILIATION_AUTO_FIX_THRESHOLD_HOURS; older, a Discrepancy is opened.
    What a person cancelled stays untold. An order that is not the one any more that was compared (`seen_version`) was mended by somebody else meanwhile: the
    next comparison judges it. Locks the order and its operations.
    """
    order = lock_order(order_id)
    rows = lock_operations_of(order)
    wanted = order.is_deducted
    if (
        order.deducted_at is None
        or seen_version not in (None, order.version)
        or order.channel.mode != ChannelMode.ON
        or any(row.status in (OperationStatus.PENDING, OperationStatus.PROCESSING) for row in rows)
    ):
        return None
    _note(order, remote)
    last = next((row for row in reversed(rows) if row.wanted_there == wanted and row.status != OperationStatus.ROLLED_BACK), None)
    if last is not None and last.status == OperationStatus.CANCELLED:
        return None
    since = order.reversed_at or order.deducted_at
    if last is None or not _is_young(since):
        _disagree(order, DiscrepancyKind.NOT_ACKNOWLEDGED, remote, f"The marketplace does not say {'deducted' if wanted else 'not deducted'}.")
        return None
    owe_again(last, "The marketplace has another flag: told again.", actor=actor)
    return last.pk


@operation()
def note_told(order_id: int, remote: RemoteOrder, *, actor: Actor) -> bool:
    """The marketplace has the flag that is still owed: whoever told it never heard the answer. What waits or failed is completed; whether anything did.

    Locks the order and its operations.
    """
    order = lock_order(order_id)
    _note(order, remote)
    rows = [row for row in lock_operations_of(order) if row.status in UNTOLD_OPERATIONS]
    rows = [row for row in rows if row.wanted_there == order.is_deducted]
    for row in rows:
        row.complete()
        row.completed_at, row.failing_since, row.error_message = timezone.now(), None, ""
    save_all(rows, "status", "completed_at", "failing_since", "error_message")
    logbook.note_all([(row, LogAction.COMPLETED, {"message": "The marketplace knows already."}, None) for row in rows], actor=actor)
    if rows:
        close_discrepancies(order, DiscrepancyKind.GIVEN_UP, DiscrepancyKind.NOT_ACKNOWLEDGED)
    return bool(rows)


@operation()
def deduct_late(order_id: int, remote: RemoteOrder, *, actor: Actor) -> UUID | None:
    """The marketplace says deducted, and we have not: deducted now if it is young and stock allows; what is then owed. Else a person has to look.

    What was ordered before the channel began to deduct was for the scheme before ours: it is left alone. Locks the order, then what inventory locks.
    """
    order = lock_order(order_id)
    if order.deducted_at is not None or order.left_alone or order.channel.mode != ChannelMode.ON:
        return None
    _note(order, remote)
    since = order.channel.deducts_since
    if since is not None and order.ordered_at is not None and order.ordered_at < since:
        order.left_alone = True
        order.save_changes("left_alone")
        return None
    if not _is_young(order.ordered_at or order.created_at):
        _disagree(order, DiscrepancyKind.NOT_DEDUCTED, remote, "The marketplace says deducted; nothing was deducted here.")
        return None
    made = deduct(order, actor=actor)
    return made.pk if made else None


@operation()
def note_unknown_there(order_id: int, *, actor: Actor) -> None:
    """The marketplace does not know an order that is deducted here: a person has to look. Locks the order."""
    order = lock_order(order_id)
    if order.is_deducted and not order.left_alone:
        detail = "The marketplace does not know this order any more."
        open_discrepancy(order, DiscrepancyKind.UNKNOWN_THERE, detail, here=_here(order), there={"known": None})


@operation()
def note_same(flags: Mapping[int, bool | None], *, actor: Actor) -> int:
    """Both sides of these orders are alike; `flags` are those of the marketplace by the ids of the orders. What a comparison found before is over.

    How many discrepancies that were. At most four statements.
    """
    now = timezone.now()
    for flag in set(flags.values()):
        ChannelOrder.objects.filter(pk__in=[pk for pk, known in flags.items() if known == flag]).update(compared_at=now, known_there=flag)
    rows = Discrepancy.objects.filter(order__in=list(flags), kind__in=OF_COMPARISON, resolved_at=None)
    return rows.update(resolved_at=now, resolution="Both sides are alike.")


def _note(order: ChannelOrder, remote: RemoteOrder) -> None:
    order.known_there, order.compared_at = order.flag_after(remote.known), timezone.now()
    order.save_changes("known_there", "compared_at")


def _is_young(since: datetime) -> bool:
    return timezone.now() - since <= timedelta(hours=settings.STOCK_SYNC_RECONCILIATION_AUTO_FIX_THRESHOLD_HOURS)


def _disagree(order: ChannelOrder, kind: DiscrepancyKind, remote: RemoteOrder, detail: str) -> None:
    there = {"known": remote.known, "status": remote.status, "revision": remote.revision}
    open_discrepancy(order, kind, detail, here=_here(order), there=there)


def _here(order: ChannelOrder) -> dict[str, object]:
    return {
        "deducted": order.is_deducted,
        "deducted_at": order.deducted_at and order.deducted_at.isoformat(),
        "reversed_at": order.reversed_at and order.reversed_at.isoformat(),
    }
