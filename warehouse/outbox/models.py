"""Events on their way out, entries on their way in, and calls that were made before."""

from __future__ import annotations

import uuid

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from warehouse.core.triggers import append_only


class OutboxEvent(models.Model):
    """A fact that was committed, kept until (and after) it is published.

    `sequence` is drawn under the lock of its aggregate, so it orders the events of one aggregate, but not commits; whoever reads on from where they
    stopped reads by `position`, which the relay gives without gaps in the order of publication. The fact itself is never changed.
    """

    sequence = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=80)
    aggregate_type = models.CharField(max_length=40)
    aggregate_id = models.CharField(max_length=80)
    payload = models.JSONField(encoder=DjangoJSONEncoder)
    actor = models.CharField(max_length=150)
    occurred_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(null=True)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="", db_default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["sequence"], condition=models.Q(published_at=None), name="outbox_unpublished"),
            models.Index(fields=["retry_at"], condition=models.Q(published_at=None, retry_at__isnull=False), name="outbox_parked"),
            models.Index(fields=["aggregate_type", "aggregate_id", "sequence"], name="outbox_aggregate"),
        ]
        # Partial, so that the insert on the hot path does not pay for it.
        constraints = [models.UniqueConstraint(fields=["position"], condition=models.Q(position__isnull=False), name="outbox_position_once")]
        triggers = append_only("outbox_event", changing=["id", "type", "aggregate_type", "aggregate_id", "payload", "actor", "occurred_at"])

    def __str__(self) -> str:
        return f"{self.type} {self.sequence}"


class FeedEnd(models.Model):
    """How far the relay has published, in one row: kept beside the events, so that no position is given twice when old events are archived."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField()

    def __str__(self) -> str:
        return f"published up to {self.position}"


class Subscription(models.Model):
    """How far an internal subscriber has read. Its row is locked while it works, so each event has its effect once."""

    name = models.CharField(max_length=80, primary_key=True)
    position = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class InboxEntry(models.Model):
    """A stream entry whose effects are committed."""

    stream = models.CharField(max_length=120)
    entry_id = models.CharField(max_length=60)
    taken_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "inbox entries"
        constraints = [models.UniqueConstraint(fields=["stream", "entry_id"], name="inbox_entry_once")]

    def __str__(self) -> str:
        return f"{self.stream} {self.entry_id}"


class IdempotencyKey(models.Model):
    """A call that was made with this key by this client, and what was answered. Commits with the effect of the call."""

    client = models.CharField(max_length=150)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    answer = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.client} {self.key}"
