"""Which accounts at marketplaces there are."""

from __future__ import annotations

from stocksync.models import Channel


def is_channel(source: str) -> bool:
    """Whether orders of this source are a channel's: its code begins their order_ref. One statement."""
    return Channel.objects.filter(code=source).exists()
