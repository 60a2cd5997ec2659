"""What a marketplace says of its orders, noted; and what that asks of our stock, done in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from inventory import orchestrator
from stocksync.enums import ChannelMode, DiscrepancyKind, RemoteState
from stocksync.locks import find_and_lock_order
from stocksync.marketplaces.base import RemoteOrder
from stocksync.models import Channel, ChannelOrder, PendingStockOperation
from stocksync.services.changes import follow_lines, write_lines
from stocksync.services.deductions import deduct
from stocksync.services.discrepancies import close_discrepancies, open_discrepancy
from stocksync.services.reversals import follow_cancellation
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict
from warehouse.core.transactions import lost_race_on, operation

# How far the clocks of a marketplace may be ahead of ours.
AHEAD = timedelta(hours=1)

# Two that take in the same order at once: the second one starts again and finds it.
lost_race_on(["channel_order_once"])


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The order as it is now, and the operation that came of it, which the caller has told at once; None when nothing is owed by this."""

    order: ChannelOrder
    operation_id: UUID | None


@operation(Role.INTEGRATION)
def take_in_order(channel_id: int, remote: RemoteOrder, *, actor: Actor) -> TakenIn:
    """Note an order as the marketplace tells it now, and do what that asks: deduct it, follow changed quantities, give its goods back.

    The same again changes nothing, and neither does what is older than what is known. In shadow nothing but the note is made, and that only of what is not
    deducted, with a Discrepancy for what would stop it. An order that can't be read opens one too. Locks the order, then what inventory locks. Events
    order.confirmed, order.changed or order.cancellation_asked for orders that this warehouse sends. Raises Conflict for a channel that is off, and
    for what says no time about an order whose last change is known.
    """
    channel = Channel.objects.select_related("warehouse").get(pk=channel_id)
    if channel.mode == ChannelMode.OFF:
        raise Conflict(f"{channel} is off: no order is taken in.", mode=channel.mode)
    order = find_and_lock_order(channel, remote.external_id) or ChannelOrder.objects.create(channel=channel, external_id=remote.external_id)
    if fault := remote.fault or _fault_of(remote):
        open_discrepancy(order, DiscrepancyKind.UNREADABLE, f"The order can't be read: {fault}", here={"deducted": order.is_deducted}, there={})
        return TakenIn(order, None)
    if order.changed_at is not None:
        if remote.changed_at is None:
            raise Conflict(
                f"Order {order} is known as of {order.changed_at.isoformat()}: say when this is from (updatedAt).", order=order.external_id
            )
        if remote.changed_at < order.changed_at:
            return TakenIn(order, None)
    if channel.mode == ChannelMode.SHADOW and order.deducted_at is not None:
        # Noted now, it would look followed when the channel is on again.
        return TakenIn(order, None)
    _look_again(order, remote)
    _note(order, remote)
    if order.deducted_at is None:
        write_lines(order, remote.lines)
    if order.left_alone:
        return TakenIn(order, None)
    if channel.mode == ChannelMode.SHADOW:
        _foresee(order)
        return TakenIn(order, None)
    made = _follow(order, remote, actor)
    return TakenIn(order, made.pk if made else None)


def _fault_of(remote: RemoteOrder) -> str:
    """What is wrong with an order that could be read; "" for nothing. A time that lies ahead would make all that follows look old; of an order whose id is a
    step in a path nobody could be told anything."""
    if remote.external_id in {".", ".."}:
        return f"its id is {remote.external_id!r}"
    if remote.changed_at is not None and remote.changed_at > timezone.now() + AHEAD:
        return f"it was changed on {remote.changed_at:%Y-%m-%d %H:%M} UTC, which lies ahead"
    return ""


def _look_again(order: ChannelOrder, remote: RemoteOrder) -> None:
    """Have a person look at a locked order whose goods are back and that stands again after it was cancelled."""
    if order.reversed_at is not None and order.state == RemoteState.CANCELLED and remote.state == RemoteState.READY:
        detail = f"It was cancelled and stands again at {order.channel}; its goods were given back. Send it as a new order, or cancel it there."
        open_discrepancy(order, DiscrepancyKind.REFUSED, detail, here={"deducted": False}, there={"status": remote.status, "known": remote.known})


def _follow(order: ChannelOrder, remote: RemoteOrder, actor: Actor) -> PendingStockOperation | None:
    """Do what a locked order asks as it is told now."""
    if order.deducted_at is None:
        if remote.state == RemoteState.CANCELLED:
            close_discrepancies(order, *DiscrepancyKind)
        # One that the marketplace calls deducted already is for the comparison to judge: the scheme before ours may have done it.
        return deduct(order, actor=actor) if remote.state == RemoteState.READY and not remote.known else None
    if order.reversed_at is not None:
        return None
    if remote.state == RemoteState.CANCELLED:
        return follow_cancellation(order, f"Cancelled at {order.channel}.", actor=actor)
    return follow_lines(order, remote.lines, remote.revision, actor=actor)


def _foresee(order: ChannelOrder) -> None:
    """Say of an order in shadow what would stop it."""
    skus = {line.sku for line in order.lines.all()} if order.state == RemoteState.READY else set()
    known = orchestrator.products_by_sku(skus) if skus else {}
    unknown = sorted(sku for sku in skus if sku.strip().upper() not in known)
    if unknown:
        detail = f"It could not be deducted: no product is known as {', '.join(sku or '(no SKU)' for sku in unknown)}."
        open_discrepancy(order, DiscrepancyKind.NO_SKU, detail, here={"unknown": unknown}, there={"status": order.status})
    else:
        close_discrepancies(order, DiscrepancyKind.NO_SKU)


def _note(order: ChannelOrder, remote: RemoteOrder) -> None:
    told = {
        "revision": remote.revision,
        "status": remote.status,
        "state": remote.state,
        "ordered_at": remote.ordered_at or order.ordered_at,
        "changed_at": remote.changed_at or order.changed_at,
        "known_there": order.flag_after(remote.known),
    }
    changed = [name for name, value in told.items() if getattr(order, name) != value]
    for name in changed:
        setattr(order, name, told[name])
    if changed:
        order.save_changes(*changed)
    close_discrepancies(order, DiscrepancyKind.UNREADABLE)
