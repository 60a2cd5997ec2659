"""How long the entries of a stream wait for their consumers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import redis
from django.utils import timezone

from warehouse.outbox.resilience import connect_redis


def oldest_waiting(url: str, stream: str, group: str) -> datetime | None:
    """When the oldest entry was written that no consumer of the group has done with, given to one or not; None when there is none, nor such a group.

    By the entry's id, which begins with the time unless its sender gave another one. Raises RedisError while nobody can say.
    """
    with connect_redis(url) as client:
        times = [int(entry_id.partition("-")[0]) for entry_id in _ids(client, stream, group)]
    # An id that a sender made up may be of a time that no clock has.
    now = timezone.now()
    return min((datetime.fromtimestamp(min(each / 1000, now.timestamp()), UTC) for each in times), default=None)


def _ids(client: redis.Redis, stream: str, group: str) -> list[str]:
    if not client.exists(stream):
        return []
    groups: Any = client.xinfo_groups(stream)
    read_to = next((each["last-delivered-id"] for each in groups if each["name"] == group), None)
    if read_to is None:
        return []
    pending: Any = client.xpending(stream, group)
    unread: Any = client.xrange(stream, min=f"({read_to}", count=1)
    return [each for each in (pending["min"], *(entry for entry, _ in unread)) if each]
