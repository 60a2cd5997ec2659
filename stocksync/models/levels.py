"""What listings show."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from stocksync.enums import OPEN_COMMANDS, CommandStatus
from stocksync.models.channels import Channel


class ListingLevel(models.Model):
    """The quantity that a listing of a channel is to show, and what it was last told. Changes under its row lock, through `services.levels`.

    Each new wanted quantity has the next `version`; `sent_version` and `shown_version` follow it and never go back, so that an older level can't overwrite a
    newer one. `safety_buffer` is the listing's own; empty: the channel's.
    """

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, db_index=False, related_name="levels")
    offer_id = models.CharField("listing", max_length=80)
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, related_name="+")
    safety_buffer = models.PositiveIntegerField(null=True, blank=True)
    version = models.PositiveBigIntegerField(default=1)
    wanted = models.PositiveIntegerField(default=0)
    wanted_at = models.DateTimeField(default=timezone.now)
    sent = models.PositiveIntegerField(null=True, blank=True)
    sent_version = models.PositiveBigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    shown = models.PositiveIntegerField(null=True, blank=True, help_text="As it was read back.")
    shown_version = models.PositiveBigIntegerField(default=0)
    shown_at = models.DateTimeField(null=True, blank=True)
    next_push_at = models.DateTimeField(default=timezone.now)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    error_message = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "offer_id"], name="listing_level_once"),
            models.CheckConstraint(
                condition=Q(sent_version__lte=F("version")) & Q(shown_version__lte=F("sent_version")), name="listing_level_versions_in_order"
            ),
        ]
        indexes = [
            models.Index(fields=["channel", "next_push_at"], condition=Q(sent_version__lt=F("version")), name="listing_level_to_push"),
        ]

    def __str__(self) -> str:
        return self.offer_id


class LevelCommand(models.Model):
    """One quantity on its way to a listing. Its id is the idempotency key at the marketplace, made new for every version, never from the quantity."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    level = models.ForeignKey(ListingLevel, on_delete=models.CASCADE, db_index=False, related_name="commands")
    version = models.PositiveBigIntegerField()
    quantity = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=CommandStatus.choices, default=CommandStatus.PENDING)
    cause = models.CharField(max_length=200, blank=True, help_text="The event that asked for it.")
    cause_position = models.BigIntegerField(null=True, blank=True, help_text="Its position in the feed.")
    created_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_look_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(default=dict, help_text="What the marketplace said last of it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "version"], name="one_command_per_version")]
        indexes = [models.Index(fields=["next_look_at"], condition=Q(status__in=sorted(OPEN_COMMANDS)), name="level_command_open")]

    def __str__(self) -> str:
        return f"{self.quantity} (version {self.version})"
