"""What waits for a person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from stocksync.enums import DiscrepancyKind
from stocksync.models.channels import Channel
from stocksync.models.levels import ListingLevel
from stocksync.models.operations import PendingStockOperation
from stocksync.models.orders import ChannelOrder


class Discrepancy(models.Model):
    """The two sides differ, or an order or a level can't go on by itself; open until it is resolved, by a person or because the cause is gone.

    `here` and `there` are both sides as they were seen, for the page that shows them next to each other. One open one per order and kind, or per level.
    """

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, db_index=False, related_name="discrepancies")
    order = models.ForeignKey(ChannelOrder, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="discrepancies")
    operation = models.ForeignKey(
        PendingStockOperation, null=True, blank=True, on_delete=models.SET_NULL, db_index=False, related_name="discrepancies"
    )
    level = models.ForeignKey(ListingLevel, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="discrepancies")
    kind = models.CharField(max_length=16, choices=DiscrepancyKind.choices)
    detail = models.CharField(max_length=500)
    here = models.JSONField(default=dict)
    there = models.JSONField(default=dict)
    found_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, help_text="Last seen so.")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    resolution = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "discrepancies"
        constraints = [
            models.UniqueConstraint(
                fields=["order", "kind"], condition=Q(resolved_at=None, order__isnull=False), name="one_open_discrepancy_per_order"
            ),
            models.UniqueConstraint(
                fields=["level", "kind"], condition=Q(resolved_at=None, level__isnull=False), name="one_open_discrepancy_per_level"
            ),
        ]
        indexes = [
            models.Index(fields=["-found_at", "-id"], condition=Q(resolved_at=None), name="discrepancy_open"),
            models.Index(fields=["-found_at", "-id"], name="discrepancy_newest"),
            models.Index(fields=["order"], condition=Q(order__isnull=False), name="discrepancy_of_order"),
            models.Index(fields=["level"], condition=Q(level__isnull=False), name="discrepancy_of_level"),
            models.Index(fields=["operation"], condition=Q(operation__isnull=False), name="discrepancy_of_operation"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.order or self.level or self.channel}"
