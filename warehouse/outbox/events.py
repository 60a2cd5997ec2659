"""Writing events: rows in the transaction of what happened."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from warehouse.core.actor import Actor
from warehouse.core.transactions import require_transaction
from warehouse.outbox.fields import RESERVED
from warehouse.outbox.models import OutboxEvent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about an aggregate. `payload` holds flat values that become string fields of a stream entry.

    Decimals, times and UUIDs are kept as strings. The names of the envelope (`fields.RESERVED`) are refused.
    """

    type: str
    aggregate_type: str
    aggregate_id: str | int
    payload: dict[str, Any]

    def __post_init__(self) -> None:
        if clash := RESERVED & self.payload.keys():
            raise ValueError(f"{self.type}: the payload uses the reserved names {', '.join(sorted(clash))}.")


def publish(events: Iterable[Event], *, actor: Actor) -> None:
    """Write the events to the outbox, one INSERT. Requires the open transaction of the change, and the lock of each event's aggregate.

    The relay finds them within a tenth of a second of the commit; nothing needs to wake it.
    """
    require_transaction()
    rows = OutboxEvent.objects.bulk_create(
        OutboxEvent(
            id=uuid.uuid4(),
            type=event.type,
            aggregate_type=event.aggregate_type,
            aggregate_id=str(event.aggregate_id),
            payload=event.payload,
            actor=actor.name,
        )
        for event in events
    )
    if logger.isEnabledFor(logging.DEBUG):
        for row in rows:
            fields = {"event_id": row.id, "event_type": row.type, "aggregate_type": row.aggregate_type, "aggregate_id": row.aggregate_id}
            transaction.on_commit(partial(logger.debug, "event published", extra=fields))
