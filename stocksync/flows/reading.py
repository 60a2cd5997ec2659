"""The orders of a channel, read to their end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from stocksync.flows.acknowledging import sync_order
from stocksync.flows.clients import client_for
from stocksync.marketplaces.base import ChannelClient, Position, RemoteOrder
from stocksync.models import Channel
from stocksync.queries.comparison import without_repetitions
from stocksync.services.background import ACTOR
from stocksync.services.channels import keep_position
from stocksync.services.intake import take_in_order
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError
from warehouse.outbox.resilience import is_outage

logger = logging.getLogger(__name__)

# Pages in one go; a channel with more to tell goes on in the next.
PAGES = 200


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What reading a channel brought: orders seen, those that wait for a person or a next try, and whether nothing more was there to read."""

    seen: int
    waiting: int
    at_end: bool


def read_channel(
    channel: Channel, client: ChannelClient | None = None, *, actor: Actor = ACTOR, go_on: Callable[[], bool] = lambda: True
) -> ReadResult:
    """Take in every order that is new or changed, page by page, and keep how far that was. One that can't be deducted does not stop the others.

    One that can't even be noted now, because somebody holds it, ends the reading behind its page, which is read again the next time: nothing is passed over.
    Raises RetryableFailure or PermanentFailure when the marketplace can't be read; what was read until then stands, and is gone on from.
    """
    if client is None:
        with client_for(channel) as opened:
            return read_channel(channel, opened, actor=actor, go_on=go_on)
    counts: Counter[str] = Counter()
    position = Position(channel.journal_cursor, channel.swept_until)
    for _ in range(PAGES):
        began = timezone.now()
        changes = client.read_changes(position)
        counts["seen"] += len(changes.orders)
        refused = False
        for remote in without_repetitions(channel, changes.orders):
            try:
                result = sync_order(channel, remote, client, actor=actor)
            except DomainError as error:
                logger.warning("%s: order %s could not be taken in: %s", channel, remote.external_id, error.detail)
                refused = True
            except Exception as error:
                if is_outage(error):
                    raise
                # A bug of ours about one order must not stop the channel, and must not lose the order either: a person finds it.
                logger.exception("%s: order %s could not be taken in", channel, remote.external_id)
                take_in_order(channel.pk, RemoteOrder(remote.external_id, fault=f"{type(error).__name__}, see the log"), actor=actor)
                counts["waiting"] += 1
            else:
                counts["waiting"] += not result.success
        if refused:
            break
        position = changes.position
        _keep(channel, position, began if changes.at_end else None, actor)
        if changes.at_end or not go_on():
            return ReadResult(counts["seen"], counts["waiting"], changes.at_end)
    return ReadResult(counts["seen"], counts["waiting"], at_end=False)


def _keep(channel: Channel, position: Position, read_to_end_at: datetime | None, actor: Actor) -> None:
    keep_position(channel.pk, position, read_to_end_at, actor=actor)
    channel.journal_cursor, channel.swept_until = position.journal, position.swept_until
    channel.read_to_end_at = read_to_end_at or channel.read_to_end_at
