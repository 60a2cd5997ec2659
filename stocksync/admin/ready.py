"""What is and is not deducted at a channel, and what is sold there that is not listed here: parts of its page."""

from __future__ import annotations

from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from stocksync.enums import ChannelMode
from stocksync.models import Channel
from stocksync.queries.levels import SoldOffer, sold_offers
from stocksync.queries.readiness import SEEN_WITHIN, readiness

# So many listings, and so many SKUs, are named.
OFFERS, SKUS = 50, 20


def orders_in_words(channel: Channel) -> SafeString:
    """How many orders were seen, are ready, and could be deducted."""
    found = readiness(channel)
    shadow = channel.mode == ChannelMode.SHADOW
    rows = [
        (f"ordered in the last {SEEN_WITHIN.days} days", found.seen, f"{found.deducted} of them were deducted"),
        ("not ready there yet", found.waiting, "deducted as soon as they are" if not shadow else "nothing would be done yet"),
        (
            "called deducted there, not deducted here",
            found.dealt_with,
            "switching on leaves them alone" if shadow else "compared, then a discrepancy",
        ),
        (
            "ready, not deducted",
            found.ready,
            "would be deducted if it were on" if shadow else "deducted when they are read or compared, or a discrepancy",
        ),
        ("of them could be deducted", found.deductible, "every line is a product of ours; stock is looked at when they are deducted"),
        ("of them have a line without a SKU that we know", found.without_sku, "give the listings their SKUs, or add the products"),
    ]
    named = [sku or "(none)" for sku in found.unknown_skus]
    words = {"rows": rows, "unknown": named[:SKUS], "more": max(0, len(named) - SKUS)}
    return render_to_string("admin/stocksync/readiness.html", words)


def offers_in_words(channel: Channel, *, may_list: bool) -> SafeString:
    """Listings that were sold from and have no level, each with the way to give it one."""
    offers = sold_offers(channel, OFFERS)
    rows = [(offer, _way(channel, offer) if may_list and offer.product_id else "") for offer in offers]
    return render_to_string("admin/stocksync/offers.html", {"offers": rows, "cut": len(rows) == OFFERS})


def _way(channel: Channel, offer: SoldOffer) -> str:
    filled = urlencode({"offer_id": offer.offer_id, "sku": offer.sku})
    return f"{reverse('admin:stocksync_channel_list_product', args=[channel.pk])}?{filled}"
