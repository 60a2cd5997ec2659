"""Picking tasks that are let go together."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from fulfillment.enums import OPEN_WAVES, Priority, WaveStatus
from warehouse.core.documents import Document


class Wave(Document):
    """Picking tasks of a warehouse that were chosen together and wait to be released: `pending → in_progress → completed`, or cancelled.

    Changes through `services.waves`. `zone`, `provider`, `cut_off` and `priority` are what was asked for; its tasks know their wave, and since when they are
    released (`PickingTask.released_at`). One that can't be released stays in it, waiting.
    """

    number_prefix = "WAV"

    warehouse = models.ForeignKey("inventory.Warehouse", on_delete=models.PROTECT, db_index=False, related_name="+")
    status = FSMField(default=WaveStatus.PENDING, choices=WaveStatus.choices, protected=True)
    zone = models.CharField(max_length=40, blank=True)
    provider = models.ForeignKey("fulfillment.DeliveryProvider", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    cut_off = models.DateTimeField(null=True, blank=True, help_text="When the carrier leaves: what is to ship by then was chosen.")
    priority = models.CharField("at least", max_length=6, choices=Priority.choices, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancellation_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["warehouse", "-id"], name="wave_of_warehouse"),
            models.Index(fields=["warehouse", "id"], condition=Q(status__in=sorted(OPEN_WAVES)), name="wave_open"),
        ]

    @property
    def is_open(self) -> bool:
        """Whether something of it is still to be released or picked."""
        return self.status in OPEN_WAVES

    @transition(field=status, source=[WaveStatus.PENDING, WaveStatus.IN_PROGRESS], target=WaveStatus.IN_PROGRESS)
    def release(self) -> None:
        """Its tasks may be picked."""

    @transition(field=status, source=WaveStatus.IN_PROGRESS, target=WaveStatus.COMPLETED)
    def complete(self) -> None:
        """Nothing of it is left to pick."""

    @transition(field=status, source=sorted(OPEN_WAVES), target=WaveStatus.CANCELLED)
    def cancel(self) -> None:
        """What is not begun waits for another wave."""
