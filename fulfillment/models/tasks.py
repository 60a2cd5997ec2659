"""What walks, picking and packing tasks have in common."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Case, Value, When

from fulfillment.enums import Priority
from warehouse.core.documents import Document


class Work(Document):
    """Work in one warehouse that one person does. The best next one has the smallest (urgency, ship_by, id)."""

    warehouse = models.ForeignKey("inventory.Warehouse", on_delete=models.PROTECT, db_index=False, related_name="+")
    worker = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    priority = models.CharField(max_length=6, choices=Priority.choices, default=Priority.NORMAL)
    urgency = models.GeneratedField(
        expression=Case(
            When(priority=Priority.URGENT, then=Value(0)),
            When(priority=Priority.HIGH, then=Value(1)),
            When(priority=Priority.NORMAL, then=Value(2)),
            default=Value(3),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    ship_by = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancellation_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True


class Task(Work):
    """Work for one order."""

    reservation_id = models.BigIntegerField(help_text="What inventory holds for it.")
    total_items = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
