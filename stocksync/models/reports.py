"""Weekly reports."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class SyncReport(models.Model):
    """How a week went: first tries, time to retry, discrepancies, manual reviews. Written by `services.reports`, one per week."""

    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    figures = models.JSONField(default=dict)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-begins_at"]
        constraints = [models.UniqueConstraint(fields=["begins_at", "ends_at"], name="sync_report_once")]

    def __str__(self) -> str:
        return f"{self.begins_at:%Y-%m-%d} – {self.ends_at:%Y-%m-%d}"
