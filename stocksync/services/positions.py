"""How far the orders of a channel were read."""

from __future__ import annotations

from datetime import datetime

from stocksync.locks import lock_channel
from stocksync.marketplaces.base import Position
from warehouse.core.actor import Actor
from warehouse.core.transactions import operation


@operation()
def keep_position(channel_id: int, position: Position, read_to_end_at: datetime | None, *, actor: Actor) -> None:
    """Keep where reading goes on, and when nothing more was there to read, which never goes back. Locks the channel; no version of it is counted.

    Two readers at once may put the position back: what is read twice changes nothing.
    """
    channel = lock_channel(channel_id)
    channel.journal_cursor, channel.swept_until = position.journal, position.swept_until
    if read_to_end_at is not None:
        channel.read_to_end_at = max(read_to_end_at, channel.read_to_end_at or read_to_end_at)
    channel.save(update_fields=["journal_cursor", "swept_until", "read_to_end_at"])
