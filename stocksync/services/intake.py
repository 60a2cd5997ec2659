"""What a marketplace says of its orders, noted; and what that asks of our stock, done in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from stocksync.enums import ChannelMode, DiscrepancyKind, RemoteState
from stocksync.locks import find_and_lock_order
from stocksync.marketplaces.base import RemoteOrder
from stocksync.models import Channel, ChannelOrder
from stocksync.services.changes import follow_lines
from stocksync.services.deductions import deduct
from stocksync.services.disagreeing import is_over, open_discrepancy
from stocksync.services.reversals import give_back
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict
from warehouse.core.transactions import lost_race_on, operation

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

    The same again changes nothing, and neither does what is older than what is known. In shadow nothing but the note is made. An order that can't be read
    opens a Discrepancy. Locks the order, then what inventory locks. Events order.confirmed, order.changed or order.cancellation_asked for orders that this
    warehouse sends. Raises Conflict for a channel that is off.
    """
    channel = Channel.objects.select_related("warehouse").get(pk=channel_id)
    if channel.mode == ChannelMode.OFF:
        raise Conflict(f"{channel} is off: no order is taken in.", mode=channel.mode)
    order = find_and_lock_order(channel, remote.external_id) or _new(channel, remote)
    if remote.fault:
        open_discrepancy(
            order, DiscrepancyKind.UNREADABLE, f"The order can't be read: {remote.fault}", here={"deducted": order.is_deducted}, there={}
        )
        return TakenIn(order, None)
    if remote.changed_at is not None and order.changed_at is not None and remote.changed_at < order.changed_at:
        return TakenIn(order, None)
    _note(order, remote)
    if order.left_alone or channel.mode == ChannelMode.SHADOW:
        if order.deducted_at is None:
            _write_lines(order, remote.lines)
        return TakenIn(order, None)
    operation = _follow(order, remote, actor)
    return TakenIn(order, operation and operation.pk)


def _follow(order: ChannelOrder, remote: RemoteOrder, actor: Actor):  # type: ignore[no-untyped-def]
    if order.deducted_at is None:
        _write_lines(order, remote.lines)
        if remote.state == RemoteState.READY:
            return deduct(order, actor=actor)
        if remote.state == RemoteState.CANCELLED:
            is_over(order, *DiscrepancyKind)
        return None
    if order.reversed_at is not None:
        return None
    if remote.state == RemoteState.CANCELLED:
        return give_back(order, f"Cancelled at {order.channel}.", actor=actor)
    return follow_lines(order, remote.lines, actor=actor)
