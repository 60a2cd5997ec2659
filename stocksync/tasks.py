"""Work in the background. A message says only where to look; whether there is something to do stands in the database.

The sweeps find what a lost message or a killed worker left behind, so nothing depends on the broker's memory.
"""

from __future__ import annotations

import time

from celery import shared_task

from stocksync.enums import ChannelMode
from stocksync.flows import publishing
from stocksync.models import Channel
from stocksync.services.background import PUSH_LEVELS

# A sweep that meets a slow marketplace makes room for the next one.
SECONDS = 20.0


@shared_task(name=PUSH_LEVELS)
def push_levels(channel_id: int) -> None:
    """Tell the listings of a channel what they are to show."""
    deadline = time.monotonic() + SECONDS
    for channel in Channel.objects.filter(pk=channel_id):
        publishing.push_levels(channel, go_on=lambda: time.monotonic() < deadline)


@shared_task(name="stocksync.sweep_levels")
def sweep_levels() -> None:
    """Go on with every quantity that is on its way, on every channel that is on."""
    for channel_id in Channel.objects.filter(mode=ChannelMode.ON).values_list("pk", flat=True):
        push_levels(channel_id)


@shared_task(name="stocksync.follow_levels")
def follow_levels() -> None:
    """Reckon every level anew, for what no event tells."""
    deadline = time.monotonic() + SECONDS
    publishing.follow_all_levels(go_on=lambda: time.monotonic() < deadline)
