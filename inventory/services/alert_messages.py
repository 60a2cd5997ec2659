"""What the channels are told of alerts: a debt in the database, paid between two transactions. Who sends: `inventory.flows`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from inventory.locks import lock_alert_message
from inventory.models import AlertMessage
from warehouse.core.actor import Actor
from warehouse.core.retry import full_jitter
from warehouse.core.transactions import operation

# Longer than any channel takes to answer; after it another worker tries again.
LEASE = timedelta(seconds=120)
# Seconds. There is no last attempt: a message is owed as long as its alert is open.
RETRY_BASE, RETRY_CAP = 5.0, 600.0

_OWE = """
    INSERT INTO inventory_alertmessage (alert_id, channel, attempts, next_attempt_at, last_error)
    SELECT a.id, c.channel, 0, %(at)s::timestamptz, ''
    FROM inventory_alert a CROSS JOIN unnest(%(channels)s::text[]) AS c (channel)
    WHERE a.resolved_at IS NULL AND NOT EXISTS (SELECT 1 FROM inventory_alertmessage m WHERE m.alert_id = a.id AND m.channel = c.channel)
    ORDER BY a.id, c.channel
    ON CONFLICT (alert_id, channel) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """What one channel is to be told."""

    id: int
    channel: str
    kind: str
    severity: str
    message: str
    warehouse: str


@operation()
def owe_messages(channels: Sequence[str], *, actor: Actor) -> None:
    """Write down that each channel is to be told of each open alert, once. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_OWE, {"channels": list(channels), "at": timezone.now()})


@operation()
def claim_message(channels: Sequence[str], *, actor: Actor) -> ClaimedMessage | None:
    """Take the right to send the next message that is due on one of the channels; None when there is none.

    Locks the message alone, passing over those that others have. The attempt is counted before it is made, and nobody else makes it until the lease
    is over. What was not told when its alert was resolved is not told any more.
    """
    now = timezone.now()
    message = lock_alert_message(channels, now)
    if message is None:
        return None
    message.attempts += 1
    message.next_attempt_at = now + LEASE
    message.save(update_fields=["attempts", "next_attempt_at"])
    alert = message.alert
    warehouse = alert.warehouse.code if alert.warehouse else ""
    return ClaimedMessage(message.pk, message.channel, alert.kind, alert.severity, alert.message, warehouse)


@operation()
def record_message_sent(message_id: int, *, actor: Actor) -> None:
    """The channel knows. One statement."""
    AlertMessage.objects.filter(pk=message_id).update(sent_at=timezone.now(), last_error="")


@operation()
def postpone_message(message_id: int, error: str, *, actor: Actor) -> None:
    """The channel could not be told: try again after a pause that grows with the attempts, with full jitter. `error` names no address."""
    attempts = AlertMessage.objects.values_list("attempts", flat=True).get(pk=message_id)
    pause = timedelta(seconds=full_jitter(attempts, base=RETRY_BASE, cap=RETRY_CAP))
    AlertMessage.objects.filter(pk=message_id, sent_at=None).update(last_error=error[:200], next_attempt_at=timezone.now() + pause)
