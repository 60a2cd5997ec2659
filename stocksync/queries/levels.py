"""What levels are reckoned from, and which of them have something to do. Reads without locks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Upper

from inventory import orchestrator
from stocksync.enums import OPEN_COMMANDS, RemoteState
from stocksync.models import Channel, ChannelOrderLine, LevelCommand, ListingLevel
from warehouse.core.quantities import ZERO


class SoldOffer(NamedTuple):
    """A listing that was sold from and that nobody has listed here: how often it was in an order, and what it seems to sell."""

    offer_id: str
    sku: str
    product_id: int | None
    name: str
    orders: int


def ordered_not_deducted(levels: Sequence[ListingLevel]) -> dict[int, Decimal]:
    """By level: how much of its product is in orders of its channel that are known, not cancelled, not deducted and not left alone. One statement.

    The marketplace has lowered its own figure for them already. A line is of the product by its SKU, or without one by its listing.
    """
    return _of_levels(levels, _waiting({level.channel_id for level in levels}))


def levels_behind_orders(channel_id: int) -> list[int]:
    """Levels of a channel that were reckoned with other orders than there are now. Two statements, neither of which grows with them."""
    waiting = _waiting([channel_id])
    lines = _waiting_lines([channel_id]).order_by()
    rows = ListingLevel.objects.filter(channel=channel_id, unlisted_at=None).annotate(named=Upper("product__sku"))
    ordered = Q(named__in=lines.values(sold=Upper("sku"))) | Q(offer_id__in=lines.filter(sku="").values("offer_id"))
    levels = list(rows.filter(Q(ordered__gt=0) | ordered).select_related("product").order_by("pk"))
    now = _of_levels(levels, waiting)
    return [level.pk for level in levels if level.ordered != now[level.pk]]


def sold_at_listing(level: ListingLevel, since: datetime) -> Decimal:
    """How much of a listing is in orders that were first seen since then, and are not cancelled."""
    rows = ChannelOrderLine.objects.filter(order__channel=level.channel_id, offer_id=level.offer_id, order__created_at__gte=since)
    return rows.exclude(order__state=RemoteState.CANCELLED).aggregate(total=Sum("quantity"))["total"] or ZERO


def to_push(now: datetime) -> QuerySet[ListingLevel]:
    """Levels with a version that was not sent, whose time has come, and of which nothing is on its way."""
    under_way = LevelCommand.objects.filter(under_way_now(), level=OuterRef("pk"))
    return ListingLevel.objects.filter(unlisted_at=None, next_push_at__lte=now).filter(sent_version__lt=F("version")).exclude(Exists(under_way))


def under_way_now() -> Q:
    """Commands that may still change their listing: nothing newer is sent before their end."""
    return Q(next_look_at__isnull=False) & (Q(status__in=OPEN_COMMANDS) | Q(revival__in=OPEN_COMMANDS))


def has_work(channel_id: int, now: datetime) -> bool:
    """Whether a channel has a level to push or a command to look at. Two statements at most."""
    looks = LevelCommand.objects.filter(level__channel=channel_id, next_look_at__lte=now)
    return looks.exists() or to_push(now).filter(channel=channel_id).exists()


def sold_offers(channel: Channel, limit: int = 200) -> list[SoldOffer]:
    """Listings of a channel that were sold from and are not listed here, the newest first: candidates for `list_product`. Two statements.

    They are not listed by themselves: from then on we overwrite what they show, and the SKU on a line may be that of a bundle, or of goods kept elsewhere.
    """
    known = ListingLevel.objects.filter(channel=channel, offer_id=OuterRef("offer_id"), unlisted_at=None)
    lines = ChannelOrderLine.objects.filter(order__channel=channel).exclude(offer_id="").exclude(sku="").exclude(Exists(known))
    rows = lines.values("offer_id", "sku").annotate(orders=Count("order", distinct=True), last=Max("pk")).order_by("-last")[:limit]
    found = list(rows)
    products = orchestrator.products_by_sku({row["sku"] for row in found})
    return [_sold_offer(row, products.get(row["sku"].upper())) for row in found]


def _sold_offer(row: Mapping[str, object], product: orchestrator.NamedProduct | None) -> SoldOffer:
    name = product.name if product else ""
    return SoldOffer(str(row["offer_id"]), str(row["sku"]), product and product.product_id, name, int(str(row["orders"])))


# By channel, SKU in capitals and listing.
_Waiting = dict[tuple[int, str, str], Decimal]


def _waiting_lines(channels: Iterable[int]) -> QuerySet[ChannelOrderLine]:
    rows = ChannelOrderLine.objects.filter(order__channel__in=list(channels), order__deducted_at=None, order__left_alone=False)
    return rows.exclude(order__state=RemoteState.CANCELLED)


def _waiting(channels: Iterable[int]) -> _Waiting:
    grouped = _waiting_lines(channels).values_list("order__channel", Upper("sku"), "offer_id").annotate(total=Sum("quantity")).order_by()
    return {(channel, sku, offer): total for channel, sku, offer, total in grouped}


def _of_levels(levels: Sequence[ListingLevel], waiting: _Waiting) -> dict[int, Decimal]:
    by_sku: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    without: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for (channel, sku, offer), quantity in waiting.items():
        if sku:
            by_sku[channel, sku] += quantity
        else:
            without[channel, offer] += quantity
    return {
        level.pk: by_sku.get((level.channel_id, level.product.sku.upper()), ZERO) + without.get((level.channel_id, level.offer_id), ZERO)
        for level in levels
    }
