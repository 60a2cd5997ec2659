"""What there is to deduct at a channel, and what of it could be: for a channel in shadow, whose switching on is to be no surprise, and for one that is on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from inventory import orchestrator
from stocksync.enums import RemoteState
from stocksync.models import Channel, ChannelOrder, ChannelOrderLine

SEEN_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Numbers of orders. `seen` and `deducted` are of those ordered within `SEEN_WITHIN`; the others of those that are neither deducted, left alone nor cancelled.

    `waiting` are not ready yet there, `dealt_with` are called deducted there already, and `ready` are to be deducted. `without_sku` of these can't be: a
    line names none of our active products, or there is no line. `unknown_skus` are what such lines name, "" for a line that names nothing.
    """

    seen: int
    deducted: int
    waiting: int
    dealt_with: int
    ready: int
    without_sku: int
    unknown_skus: tuple[str, ...]

    @property
    def deductible(self) -> int:
        """Orders whose every line is a product of ours; whether there is stock for them is judged when they are deducted."""
        return self.ready - self.without_sku


def readiness(channel: Channel) -> Readiness:
    """How a channel's orders stand. Reads without locks; five statements."""
    recent = channel.orders.filter(ordered_at__gte=timezone.now() - SEEN_WITHIN)
    seen = recent.aggregate(seen=Count("pk"), deducted=Count("pk", filter=Q(deducted_at__isnull=False)))
    ready = Q(state=RemoteState.READY)
    told = Q(known_there=True)
    left = channel.orders.filter(deducted_at=None, left_alone=False).exclude(state=RemoteState.CANCELLED)
    counts = left.aggregate(waiting=Count("pk", filter=~ready & ~told), dealt_with=Count("pk", filter=told), ready=Count("pk", filter=ready & ~told))
    unknown, without = _without_sku(left.filter(ready).exclude(told))
    return Readiness(**seen, **counts, without_sku=without, unknown_skus=unknown)


def _without_sku(orders: QuerySet[ChannelOrder]) -> tuple[tuple[str, ...], int]:
    """What lines of these orders name that is no product of ours, and how many of the orders have such a line, or none at all."""
    lines = ChannelOrderLine.objects.filter(quantity__gt=0)
    named = set(lines.filter(order__in=orders).order_by().values_list("sku", flat=True).distinct())
    known = orchestrator.products_by_sku(named)
    unknown = sorted(sku for sku in named if sku.strip().upper() not in known)
    own = lines.filter(order=OuterRef("pk"))
    return tuple(unknown), orders.filter(Exists(own.filter(sku__in=unknown)) | ~Exists(own)).count()
