"""What listings show."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from stocksync.enums import CommandStatus
from stocksync.models.channels import Channel
from warehouse.core.quantities import QuantityField


class ListingLevel(models.Model):
    """The quantity that a listing of a channel is to show, and what it was last told. Changes under its row lock, through `services.levels`.

    Each new wanted quantity has the next `version`; `sent_version` and `shown_version` follow it and never go back, so that an older level can't overwrite a
    newer one. `safety_buffer` is the listing's own; empty: the channel's. `sellable` and `ordered` are what `wanted` was reckoned from: what the warehouse
    can promise, and what buyers have ordered there that is not deducted yet. `differences` counts how often in a row another quantity was read back.
    """

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, db_index=False, related_name="levels")
    offer_id = models.CharField("listing", max_length=80)
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, related_name="+")
    safety_buffer = models.PositiveIntegerField(null=True, blank=True)
    version = models.PositiveBigIntegerField(default=1)
    wanted = models.PositiveBigIntegerField(default=0)
    wanted_at = models.DateTimeField(default=timezone.now)
    sellable = QuantityField(default=0)
    ordered = QuantityField(default=0)
    sent = models.PositiveBigIntegerField(null=True, blank=True)
    sent_version = models.PositiveBigIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    shown = models.PositiveBigIntegerField(null=True, blank=True, help_text="As it was read back.")
    shown_version = models.PositiveBigIntegerField(default=0)
    shown_at = models.DateTimeField(null=True, blank=True)
    on_sale = models.BooleanField(null=True, blank=True, help_text="As it was read back.")
    on_sale_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Last read back as on sale.")
    next_push_at = models.DateTimeField(default=timezone.now)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)
    error_message = models.CharField(max_length=500, blank=True)
    unlisted_at = models.DateTimeField(null=True, blank=True, help_text="It is told nothing since.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "offer_id"], name="listing_level_once"),
            models.CheckConstraint(
                condition=Q(sent_version__lte=F("version")) & Q(shown_version__lte=F("sent_version")), name="listing_level_versions_in_order"
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "next_push_at"], condition=Q(sent_version__lt=F("version"), unlisted_at=None), name="listing_level_to_push"
            ),
        ]

    def __str__(self) -> str:
        return self.offer_id

    def works_again(self, *also: str) -> None:
        """Save that nothing goes wrong with it any more, and `also` these fields."""
        self.failures, self.failing_since, self.error_message = 0, None, ""
        self.save(update_fields=["failures", "failing_since", "error_message", *also])


class LevelCommand(models.Model):
    """One version of a level on its way to the listing. Its id is the idempotency key at the marketplace, made new for every version, never from the quantity.

    Made with the version; sent when its turn comes, if no newer one has come by then. Of a level one at most is between `sent_at` and its end. `next_look_at`
    is when a worker has something to do about it (send it again, ask how it fares, read the listing back); while one does, when another may. Empty: nothing.
    `revival` is how putting the ended listing on sale again fares, which has an id of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    level = models.ForeignKey(ListingLevel, on_delete=models.CASCADE, db_index=False, related_name="commands")
    version = models.PositiveBigIntegerField()
    quantity = models.PositiveBigIntegerField()
    status = models.CharField(max_length=10, choices=CommandStatus.choices, default=CommandStatus.PENDING)
    revival = models.CharField(max_length=10, choices=CommandStatus.choices, blank=True)
    cause = models.CharField(max_length=200, blank=True, help_text="The event that asked for it.")
    cause_position = models.BigIntegerField(null=True, blank=True, help_text="Its position in the feed.")
    reckoning = models.JSONField(default=dict, help_text="What its quantity was reckoned from.")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_look_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(default=dict, help_text="What the marketplace said last of it.")
    error_message = models.CharField(max_length=500, blank=True)
    shown = models.PositiveBigIntegerField(null=True, blank=True, help_text="As the listing was read back after it.")
    shown_at = models.DateTimeField(null=True, blank=True)
    differed_at = models.DateTimeField(null=True, blank=True, help_text="When another quantity was first read back.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "version"], name="one_command_per_version")]
        indexes = [
            models.Index(fields=["next_look_at"], condition=Q(next_look_at__isnull=False), name="level_command_to_look_at"),
            models.Index(fields=["created_at"], name="level_command_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def revival_id(self) -> uuid.UUID:
        """The idempotency key of its revival: always the same for the same command."""
        return uuid.uuid5(self.id, "revival")
