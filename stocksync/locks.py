"""The locks of stock synchronisation, in the one order: channels, orders by id, levels by id, then what inventory locks.

What belongs to an order or to a level (operations, discrepancies, commands) is changed under its lock alone, so it stands in no order of its own. Workers take
operations and levels without waiting (SKIP LOCKED), and hold nothing else meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from stocksync.enums import OPEN_OPERATIONS, ChannelMode, OperationStatus
from stocksync.models import Channel, ChannelCredentials, ChannelOrder, Discrepancy, LevelCommand, ListingLevel, PendingStockOperation
from warehouse.core.errors import NotFound
from warehouse.core.locking import check_version, lock_row, lock_rows
from warehouse.core.transactions import require_transaction


def lock_channel(channel_id: int, expected_version: int | None = None) -> Channel:
    """Lock a channel. Raises NotFound, StaleVersion."""
    return lock_row(Channel, channel_id, expected_version)


def lock_credentials(channel_id: int) -> ChannelCredentials | None:
    """Lock the credentials of a channel, and nothing else; None when it has none."""
    require_transaction()
    return ChannelCredentials.objects.select_for_update(no_key=True).filter(channel=channel_id).first()


def lock_order(order_id: int, expected_version: int | None = None) -> ChannelOrder:
    """Lock an order, its channel loaded. Raises NotFound, StaleVersion."""
    order = lock_row(ChannelOrder, order_id, expected_version)
    order.channel = Channel.objects.get(pk=order.channel_id)
    return order


def lock_orders(order_ids: Iterable[int]) -> list[ChannelOrder]:
    """Lock orders in the order of their ids, their channels loaded."""
    require_transaction()
    return list(
        ChannelOrder.objects.select_for_update(of=("self",), no_key=True).select_related("channel").filter(pk__in=list(order_ids)).order_by("pk")
    )


def find_and_lock_order(channel: Channel, external_id: str) -> ChannelOrder | None:
    """Lock an order by its name at the marketplace; None when it is not known."""
    require_transaction()
    order = ChannelOrder.objects.select_for_update(of=("self",), no_key=True).filter(channel=channel, external_id=external_id).first()
    if order is not None:
        order.channel = channel
    return order


def lock_operation(operation_id: UUID, expected_version: int | None = None) -> PendingStockOperation:
    """Lock an operation behind its order, which is loaded with its channel. Raises NotFound, StaleVersion."""
    require_transaction()
    order_id = PendingStockOperation.objects.filter(pk=operation_id).values_list("order", flat=True).first()
    if order_id is None:
        raise NotFound(f"There is no operation {operation_id}.", kind="pendingstockoperation", id=str(operation_id))
    order = lock_order(order_id)
    row = PendingStockOperation.objects.select_for_update(of=("self",), no_key=True).get(pk=operation_id)
    if expected_version is not None:
        check_version(row, expected_version)
    row.order, row.channel = order, order.channel
    return row


def lock_operations_of(order: ChannelOrder) -> list[PendingStockOperation]:
    """Lock all operations of a locked order, the oldest first."""
    rows = list(order.operations.select_for_update(no_key=True).order_by("created_at", "pk"))
    for row in rows:
        row.order, row.channel = order, order.channel
    return rows


def lock_due_operations(now: datetime, limit: int, ids: Iterable[UUID] | None = None, without: Iterable[int] = ()) -> list[PendingStockOperation]:
    """Lock operations of channels that are on, that are due and that nobody holds, the longest waiting first; those that others lock are passed over.

    Due is what waits and whose time has come, and what a worker claimed and never laid down. While something of an order is with a worker nothing else of
    that order is due, so that two answers can't overtake each other. Of `ids`, if they are given; none of the channels `without`.
    """
    require_transaction()
    waiting = Q(status=OperationStatus.PENDING, next_retry_at__lte=now)
    abandoned = Q(status=OperationStatus.PROCESSING, claimed_until__lte=now)
    held = PendingStockOperation.objects.filter(order=OuterRef("order"), status=OperationStatus.PROCESSING, claimed_until__gt=now)
    rows = (
        PendingStockOperation.objects.filter(waiting | abandoned, status__in=OPEN_OPERATIONS, channel__mode=ChannelMode.ON, rollback_asked_at=None)
        .exclude(Exists(held))
        .exclude(channel__in=list(without))
    )
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    locked = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("order", "channel")
    return list(locked.order_by("next_retry_at", "pk")[:limit])


def lock_unanswered_operations(since: datetime, limit: int) -> list[PendingStockOperation]:
    """Lock operations that wait and have got no answer since that moment, behind their orders, which are loaded."""
    require_transaction()
    waiting = PendingStockOperation.objects.filter(status=OperationStatus.PENDING, failing_since__lte=since, channel__mode=ChannelMode.ON)
    found = dict(waiting.order_by("failing_since", "pk").values_list("pk", "order")[:limit])
    orders = lock_rows(ChannelOrder, found.values())
    rows = list(waiting.filter(pk__in=list(found)).select_for_update(of=("self",), no_key=True).order_by("pk"))
    for row in rows:
        row.order = orders[row.order_id]
    return rows


def lock_discrepancy(discrepancy_id: int) -> Discrepancy:
    """Lock a discrepancy, with its channel, order, operation and level loaded. Raises NotFound."""
    row = lock_row(Discrepancy, discrepancy_id)
    row.channel = Channel.objects.get(pk=row.channel_id)
    return row


def lock_levels(ids: Iterable[int]) -> list[ListingLevel]:
    """Lock levels in the order of their ids, with channel and product loaded; those that are gone are left out."""
    require_transaction()
    rows = ListingLevel.objects.select_for_update(of=("self",), no_key=True).select_related("channel", "product")
    return list(rows.filter(pk__in=set(ids)).order_by("pk"))


def lock_level(level_id: int) -> ListingLevel:
    """Lock a level, with channel and product loaded. Raises NotFound."""
    rows = lock_levels([level_id])
    if not rows:
        raise NotFound(f"There is no listing level {level_id}.", kind="listinglevel", id=level_id)
    return rows[0]


def lock_free_levels(rows: QuerySet[ListingLevel], limit: int) -> list[ListingLevel]:
    """Lock at most so many of these levels in the order that they have, with channel and product loaded; those that others lock are passed over.

    What another table says of them may have changed until the lock: judge it again afterwards.
    """
    require_transaction()
    locked = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("channel", "product")
    return list(locked[:limit])


def lock_to_delete(rows: QuerySet[PendingStockOperation] | QuerySet[LevelCommand], limit: int) -> list[Any]:
    """Lock at most so many of these rows in the order that they have, to delete them, and return their ids; those that others lock are passed over."""
    require_transaction()
    return list(rows.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:limit])
