"""Accounts at marketplaces: set up, changed, switched on and off; how far their orders were read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from stocksync.enums import ChannelKind, ChannelMode, Fulfilment
from stocksync.locks import lock_channel
from stocksync.marketplaces.base import Position
from stocksync.models import Channel, Discrepancy
from stocksync.services.background import FOLLOW_LEVELS
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.documents import require_known, require_valid
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.order_events import RESERVED_SOURCES
from warehouse.core.partners.addresses import ADDRESS_FORM, is_base_url
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import operation

# What may be rewritten. The code names its orders in the books, and the kind how they were read: they stay.
CHANGEABLE = frozenset({"name", "fulfilment", "warehouse_id", "token_id", "base_url", "safety_buffer"})


@operation()
def create_channel(*, code: str, kind: str, warehouse_id: int, actor: Actor, **values: Any) -> Channel:
    """Set up an account at a marketplace; it is off. `values` as in `change_channel`. Raises ValidationFailed, Conflict for a code that is taken."""
    require_one_of(kind, ChannelKind.values, field="kind")
    require_known(values, CHANGEABLE)
    if code in RESERVED_SOURCES:
        raise ValidationFailed(f"code: {code!r} is the name of another source of orders.", errors=[{"field": "code", "code": "reserved"}])
    channel = Channel(code=code, kind=kind, warehouse_id=warehouse_id, **values)
    _require_valid(channel)
    try:
        with transaction.atomic():
            channel.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"There is a channel {code} already.", code_taken=code) from None
    return channel


@operation()
def change_channel(channel_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> Channel:
    """Rewrite `name`, `fulfilment`, `warehouse_id`, `token_id`, `base_url`, `safety_buffer`. Orders that are deducted stay as they were; a worker is asked
    to have its listings follow. Locks the channel.

    Raises ValidationFailed, StaleVersion; Conflict for another warehouse or fulfilment while the channel is on.
    """
    require_known(values, CHANGEABLE)
    channel = lock_channel(channel_id, expected_version)
    moved = [name for name in ("warehouse_id", "fulfilment") if name in values and values[name] != getattr(channel, name)]
    if moved and channel.mode == ChannelMode.ON:
        raise Conflict(f"{channel} is on: switch it off before another warehouse or somebody else sends its orders.", fields=moved)
    for name, value in values.items():
        setattr(channel, name, value)
    _require_valid(channel)
    channel.save_changes(*(name.removesuffix("_id") if name == "warehouse_id" else name for name in values))
    if {"warehouse_id", "safety_buffer"} & values.keys():
        soon(FOLLOW_LEVELS, 0, channel_id, f"channel changed by {actor.name}")
    return channel


@operation()
def set_mode(channel_id: int, mode: str, *, actor: Actor, expected_version: int | None = None) -> Channel:
    """Switch a channel off, to shadow, or on; back again any time. Locks the channel, then its orders that are not deducted.

    Off: nothing is read or told, and what is owed waits. Shadow: orders are read and noted. On: orders are deducted and told from now on, also those that were
    noted in shadow. When it begins to deduct, first or after shadow, what the marketplace calls deducted already was dealt with by the scheme before and is left
    alone; after it was only off, everything is followed as before. Raises ValidationFailed, StaleVersion.
    """
    require_one_of(mode, ChannelMode.values, field="mode")
    channel = lock_channel(channel_id, expected_version)
    if channel.mode == mode:
        return channel
    before, since = channel.mode, channel.mode_since
    channel.mode, channel.mode_since = mode, timezone.now()
    begins = mode == ChannelMode.ON and (before == ChannelMode.SHADOW or channel.deducts_since is None)
    channel.deducts_since = channel.mode_since if begins else channel.deducts_since
    channel.save_changes("mode", "mode_since", "deducts_since")
    if mode == ChannelMode.ON and before == ChannelMode.SHADOW:
        _read_anew(channel, since)
    if begins:
        _leave_to_the_scheme_before(channel)
    return channel


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


def _leave_to_the_scheme_before(channel: Channel) -> None:
    """Leave alone what the marketplace calls deducted and nobody deducted here."""
    channel.orders.filter(deducted_at=None, left_alone=False, known_there=True).update(left_alone=True)
    found = Discrepancy.objects.filter(channel=channel, order__left_alone=True, order__deducted_at=None, resolved_at=None)
    found.update(resolved_at=timezone.now(), resolution="The scheme before this one dealt with it.")


def _read_anew(channel: Channel, since: datetime) -> None:
    """Have the changes since then read once more: what came in shadow was only noted. A microservice has no journal; its cursor is the middle of a sweep."""
    channel.swept_until = min(channel.swept_until or since, since)
    if channel.kind == ChannelKind.ALLEGRO_MICROSERVICE:
        channel.journal_cursor = ""
    channel.save(update_fields=["swept_until", "journal_cursor"])


def _require_valid(channel: Channel) -> None:
    require_one_of(channel.fulfilment, Fulfilment.values, field="fulfilment")
    require_valid(channel)
    if channel.base_url and not is_base_url(channel.base_url):
        raise ValidationFailed(f"base_url: {ADDRESS_FORM}.", errors=[{"field": "base_url", "code": "invalid"}])
    if channel.kind == ChannelKind.ALLEGRO_MICROSERVICE and not channel.token_id:
        raise ValidationFailed("token_id: the microservice asks which account it is.", errors=[{"field": "token_id", "code": "required"}])
