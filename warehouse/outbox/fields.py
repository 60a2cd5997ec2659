"""An event as the flat string fields of a stream entry: the partners' own fields, and the names of CloudEvents beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

# The envelope's names; a payload may not use them.
RESERVED = frozenset({"type", "timestamp", "event_id", "specversion", "source", "time"})


class Row(NamedTuple):
    """An outbox row as the relay reads it. `values` is the payload as JSON with every value already a string; None when it is no object."""

    sequence: int
    id: UUID
    type: str
    aggregate: str
    values: str | None
    occurred_at: datetime
    attempts: int


# Values as PostgreSQL prints them: numbers keep their digits, what is nested stays JSON, null is an empty string.
COLUMNS = """
    sequence, id, type, aggregate_type || '/' || aggregate_id, CASE jsonb_typeof(payload) WHEN 'object' THEN
        coalesce((SELECT jsonb_object_agg(key, coalesce(value, ''))::text FROM jsonb_each_text(payload)), '{}') END,
    occurred_at, attempts
"""


class Unpublishable(Exception):
    """This event can't become a stream entry; the text says why."""


def stream_of(row: Row) -> str:
    """The stream for the event's type. Raises Unpublishable when none is configured."""
    area = row.type.partition(".")[0]
    try:
        return settings.OUTBOX_STREAMS[area]
    except KeyError:
        raise Unpublishable(f"No stream is configured for events of type {row.type}: add {area!r} to OUTBOX_STREAMS.") from None


def fields_of(row: Row) -> dict[str, str]:
    """The entry's fields. Raises Unpublishable for a payload that has none or that would overwrite the envelope."""
    if row.values is None:
        raise Unpublishable("The payload is not an object.")
    payload: dict[str, str] = json.loads(row.values)
    if clash := RESERVED & payload.keys():
        raise Unpublishable(f"The payload uses the reserved names {', '.join(sorted(clash))}.")
    moment = row.occurred_at.astimezone(UTC)
    return {
        "type": row.type,
        **payload,
        "timestamp": str(int(moment.timestamp())),
        "event_id": str(row.id),
        "specversion": "1.0",
        "source": settings.OUTBOX_SOURCE,
        "time": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
