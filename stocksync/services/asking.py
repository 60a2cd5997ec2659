"""What somebody asks a worker to do with a channel now: read it, or compare both sides."""

from __future__ import annotations

from dataclasses import dataclass

from stocksync.enums import ChannelMode
from stocksync.models import Channel
from stocksync.services.background import READ_CHANNEL, RECONCILE
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.errors import Conflict, NotFound
from warehouse.core.transactions import operation


@dataclass(frozen=True, slots=True)
class Asked:
    """Which channels are compared, by their codes, and the task that does it; None when the caller does."""

    channels: list[str]
    task_id: str | None


@operation(Role.INTEGRATION)
def ask_for_reconciliation(channel_id: int | None, *, actor: Actor, by_worker: bool = True) -> Asked:
    """Have both sides of a channel compared soon, or of all that are not off. Not `by_worker`: only judge whether that may be; the caller compares.

    Locks nothing. A worker is asked when this has committed. Raises NotFound, Conflict for a channel that is off.
    """
    channels = Channel.objects.order_by("code")
    if channel_id is None:
        found = list(channels.exclude(mode=ChannelMode.OFF))
        return Asked([channel.code for channel in found], soon(RECONCILE) if by_worker else None)
    channel = _require_not_off(channel_id, "compared")
    return Asked([channel.code], soon(RECONCILE, channel.pk) if by_worker else None)


@operation()
def ask_to_read(channel_id: int, *, actor: Actor) -> Asked:
    """Have the orders of a channel read soon. Locks nothing. A worker is asked when this has committed. Raises NotFound, Conflict for one that is off."""
    channel = _require_not_off(channel_id, "read")
    return Asked([channel.code], soon(READ_CHANNEL, channel.pk))


def _require_not_off(channel_id: int, what: str) -> Channel:
    channel = Channel.objects.filter(pk=channel_id).first()
    if channel is None:
        raise NotFound(f"There is no channel {channel_id}.", kind="channel", id=channel_id)
    if channel.mode == ChannelMode.OFF:
        raise Conflict(f"{channel} is off: switch it on, or to shadow, to have it {what}.", mode=channel.mode)
    return channel
