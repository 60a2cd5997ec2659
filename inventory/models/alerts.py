"""What somebody should look at."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from inventory.enums import Severity
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse


class Alert(models.Model):
    """One cause, one row, as long as it lasts: seen again it is counted, gone it is resolved by itself, back again it is a new one.

    `kind` names the cause (inventory's are `enums.AlertKind`; other apps have their own), `subject` what it is about (`stock:7`). Written by
    `inventory.services.alerts`.
    """

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=120)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    message = models.CharField(max_length=300)
    data = models.JSONField(default=dict)
    warehouse = models.ForeignKey(Warehouse, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts")
    product = models.ForeignKey(Product, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts")
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField("times seen", default=1)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], condition=Q(resolved_at=None), name="one_open_alert_per_subject")]
        indexes = [
            models.Index(fields=["-id"], condition=Q(resolved_at=None), name="alert_open"),
            models.Index(F("resolved_at").desc(nulls_first=True), F("id").desc(), name="alert_open_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class AlertMessage(models.Model):
    """That one channel of ALERT_URLS is told of an alert: once, however often it has to be tried, and not any more when the cause is gone.

    `channel` is the kind of the address and a digest of it; the address itself is a secret of the environment. Written by
    `inventory.services.alert_messages`.
    """

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, db_index=False, related_name="messages")
    channel = models.CharField(max_length=60)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "channel"], name="alert_told_once_per_channel")]
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(sent_at=None), name="alert_message_to_send")]

    def __str__(self) -> str:
        return f"{self.channel} about alert {self.alert_id}"
