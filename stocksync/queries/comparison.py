"""Both sides of a channel's orders next to each other. Pure judging, and one statement that reads our side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from django.db.models import Count, Exists, OuterRef, Q

from stocksync.enums import OPEN_OPERATIONS, DiscrepancyKind, OperationStatus, RemoteState
from stocksync.marketplaces.base import RemoteLine, RemoteOrder
from stocksync.models import Channel, ChannelOrder, ChannelOrderLine, Discrepancy

Quantities = dict[str, Decimal]

# Somebody is at it, or has to be: the comparison leaves it to them.
UNDER_WAY = {*OPEN_OPERATIONS, OperationStatus.FAILED}


class Finding(Enum):
    """How the two sides of an order stand."""

    SAME = "same"
    NEWS = "it is new here, or has changed"
    FORGOTTEN = "deducted here, not known there"
    NOT_DEDUCTED = "known there, not deducted here"
    STILL_KNOWN = "given back here, still known there"
    UNDER_WAY = "on its way"
    TOLD = "on its way, and known there already"


@dataclass(frozen=True, slots=True)
class Compared:
    """An order as both sides have it; `order` is None while it is not known here."""

    remote: RemoteOrder
    order: ChannelOrder | None
    finding: Finding


def compare(channel: Channel, remotes: Sequence[RemoteOrder]) -> list[Compared]:
    """Judge orders as the marketplace tells them against our side. Two statements."""
    rows = ChannelOrder.objects.filter(channel=channel, external_id__in=[remote.external_id for remote in remotes])
    rows = rows.prefetch_related("lines").annotate(under_way=Count("operations", filter=Q(operations__status__in=UNDER_WAY)))
    known = {row.external_id: row for row in rows}
    return [Compared(remote, order := known.get(remote.external_id), _judge(remote, order)) for remote in remotes]


def without_repetitions(channel: Channel, remotes: Sequence[RemoteOrder]) -> list[RemoteOrder]:
    """Those of the orders that may ask for something: not what was read in this very revision already and leaves nothing to do. One statement.

    Readers look back a little every time, and our own acknowledgements are changes, so most of what is read is no news.
    """
    done = Q(deducted_at__isnull=False) | Q(left_alone=True) | ~Q(state=RemoteState.READY)
    rows = ChannelOrder.objects.filter(done, channel=channel, external_id__in=[remote.external_id for remote in remotes])
    known = {row.external_id: row for row in rows}
    return [remote for remote in remotes if not is_read(remote, known.get(remote.external_id))]


def is_read(remote: RemoteOrder, order: ChannelOrder | None) -> bool:
    """Whether we have the order as it is told: this revision, and its flag, as far as that says anything."""
    if order is None or remote.fault or not remote.revision:
        return False
    return remote.revision == order.revision and remote.known in (None, order.known_there)


def deducted_between(channel: Channel, since: datetime, until: datetime, after: int, limit: int) -> list[ChannelOrder]:
    """The next orders behind that id which are deducted here and changed in the window; without those of which a person knows already that the marketplace
    does not know them. One statement."""
    told = Discrepancy.objects.filter(order=OuterRef("pk"), kind=DiscrepancyKind.UNKNOWN_THERE, resolved_at=None)
    rows = ChannelOrder.objects.filter(channel=channel, changed_at__gte=since, changed_at__lt=until, left_alone=False, pk__gt=after)
    return list(rows.filter(deducted_at__isnull=False, reversed_at=None).exclude(Exists(told)).order_by("pk")[:limit])


def by_sku(lines: Iterable[RemoteLine | ChannelOrderLine]) -> Quantities:
    """How much of each SKU there is in the lines; the case of a SKU means nothing."""
    result: Quantities = defaultdict(Decimal)
    for line in lines:
        result[line.sku.strip().upper()] += line.quantity
    return {sku: quantity for sku, quantity in result.items() if quantity}


def _judge(remote: RemoteOrder, order: ChannelOrder | None) -> Finding:
    if order is None or remote.fault:
        return Finding.NEWS
    if order.left_alone:
        return Finding.SAME
    if order.under_way:  # type: ignore[attr-defined]
        return Finding.TOLD if remote.known == order.is_deducted else Finding.UNDER_WAY
    if order.deducted_at is None:
        if remote.state != RemoteState.READY:
            return Finding.SAME if is_read(remote, order) else Finding.NEWS
        return Finding.NOT_DEDUCTED if remote.known else Finding.NEWS
    if order.reversed_at is not None:
        return Finding.STILL_KNOWN if remote.known else Finding.SAME
    if remote.revision != order.revision or remote.state == RemoteState.CANCELLED:
        return Finding.NEWS
    if by_sku(remote.lines) != (order.asked_quantities or by_sku(order.lines.all())):
        return Finding.NEWS
    return Finding.SAME if remote.known else Finding.FORGOTTEN
