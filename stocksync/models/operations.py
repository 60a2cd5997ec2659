"""What marketplaces are owed, and what was done about it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django_fsm import FSMField, transition

from stocksync.enums import CLOSED_OPERATIONS, LogAction, OperationStatus, OperationType
from stocksync.models.channels import Channel
from stocksync.models.orders import ChannelOrder
from warehouse.core.documents import Versioned


def default_max_retries() -> int:
    """So many answered tries, then a person looks."""
    return int(settings.STOCK_SYNC_RETRY_MAX_ATTEMPTS)


class PendingStockOperation(Versioned):
    """One acknowledgement owed to a marketplace: that an order's stock is deducted (`wanted_there`), or is not any more.

    `pending → processing → completed`, or `failed`; `cancelled`, `rolled_back`. Changes through `services.operations`. `retry_count` counts the answered tries;
    what gave no answer is `failing_since` its first one. A worker holds it until `claimed_until`. One per order, kind and revision.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, db_index=False, related_name="operations")
    order = models.ForeignKey(ChannelOrder, on_delete=models.PROTECT, db_index=False, related_name="operations")
    operation_type = models.CharField(max_length=10, choices=OperationType.choices)
    revision = models.CharField(max_length=80, blank=True)
    wanted_there = models.BooleanField(default=True, help_text="The flag as the marketplace is to have it.")
    status = FSMField(default=OperationStatus.PENDING, choices=OperationStatus.choices, protected=True)
    retry_count = models.PositiveIntegerField(default=0)
    max_retries = models.PositiveIntegerField(default=default_max_retries)
    attempts = models.PositiveIntegerField(default=0, help_text="Tries of every kind.")
    next_retry_at = models.DateTimeField(default=timezone.now)
    failing_since = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    rollback_asked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="It is rolled back when the warehouse has cancelled the order."
    )
    error_message = models.CharField(max_length=500, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "operation"
        verbose_name_plural = "queue"
        constraints = [
            models.UniqueConstraint(fields=["order", "operation_type", "revision"], name="one_operation_per_revision"),
        ]
        indexes = [
            models.Index(fields=["next_retry_at", "id"], condition=Q(status=OperationStatus.PENDING), name="operation_due"),
            models.Index(fields=["claimed_until"], condition=Q(status=OperationStatus.PROCESSING), name="operation_claimed"),
            models.Index(fields=["status", "-created_at", "-id"], name="operation_by_status"),
            models.Index(fields=["-created_at", "-id"], name="operation_newest"),
            models.Index(fields=["updated_at"], condition=Q(status__in=sorted(CLOSED_OPERATIONS)), name="operation_to_clean"),
        ]

    def __str__(self) -> str:
        return f"{self.operation_type} of order {self.order}"

    def take_from_the_dead(self) -> None:
        """Let a worker's claim go that has lapsed: the worker died. The lock of the row is held."""
        if self.status == OperationStatus.PROCESSING and (self.claimed_until is None or self.claimed_until <= timezone.now()):
            self.wait()
            self.claimed_until = None

    @transition(field=status, source=OperationStatus.PENDING, target=OperationStatus.PROCESSING)
    def claim(self) -> None:
        """A worker tells the marketplace."""

    @transition(field=status, source=OperationStatus.PROCESSING, target=OperationStatus.PENDING)
    def wait(self) -> None:
        """It is to be tried again."""

    @transition(field=status, source=[OperationStatus.PENDING, OperationStatus.PROCESSING, OperationStatus.FAILED], target=OperationStatus.COMPLETED)
    def complete(self) -> None:
        """The marketplace knows."""

    @transition(field=status, source=[OperationStatus.PENDING, OperationStatus.PROCESSING], target=OperationStatus.FAILED)
    def fail(self) -> None:
        """A person has to look."""

    @transition(field=status, source=[OperationStatus.PENDING, OperationStatus.FAILED], target=OperationStatus.PENDING)
    def retry(self) -> None:
        """Somebody wants it tried again, from the beginning."""

    @transition(field=status, source=[OperationStatus.COMPLETED, OperationStatus.CANCELLED], target=OperationStatus.PENDING)
    def reopen(self) -> None:
        """The marketplace has forgotten it."""

    @transition(field=status, source=[OperationStatus.PENDING, OperationStatus.FAILED], target=OperationStatus.CANCELLED)
    def cancel(self) -> None:
        """The marketplace need not know."""

    @transition(
        field=status,
        source=[OperationStatus.PENDING, OperationStatus.COMPLETED, OperationStatus.FAILED, OperationStatus.CANCELLED],
        target=OperationStatus.ROLLED_BACK,
    )
    def roll_back(self) -> None:
        """What it stands for was undone."""


class StockSynchronizationLog(models.Model):
    """A step of an operation. Rows are added, never changed; they go when their operation goes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operation = models.ForeignKey(PendingStockOperation, on_delete=models.CASCADE, db_index=False, related_name="log")
    action = models.CharField(max_length=16, choices=LogAction.choices)
    status = models.CharField(max_length=12, choices=OperationStatus.choices, help_text="The operation's, after the step.")
    details = models.JSONField(default=dict)
    performed_by = models.CharField(max_length=150)
    timestamp = models.DateTimeField(default=timezone.now)
    execution_time_ms = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = "log row"
        indexes = [
            models.Index(fields=["operation", "timestamp"], name="sync_log_of_operation"),
            models.Index(fields=["timestamp"], name="sync_log_by_time"),
        ]

    def __str__(self) -> str:
        return self.action
