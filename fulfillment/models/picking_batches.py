"""Walks for several orders at once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from fulfillment.enums import OPEN_PICKING, BatchingMethod, PickingStatus
from fulfillment.models.tasks import Work
from fulfillment.models.walks import ROUTE_LENGTHS, RouteKept


class PickingBatch(Work, RouteKept):
    """One walk for several picking tasks, each with a position on the cart (`PickingTask.tote`): `pending → assigned → in_progress → completed`, or cancelled.

    Changes through `services.picking_batches`. Its tasks stay what they are: each is picked, falls short and is cancelled alone.
    """

    number_prefix = "PBT"

    status = FSMField(default=PickingStatus.PENDING, choices=PickingStatus.choices, protected=True)
    wave = models.ForeignKey("fulfillment.Wave", null=True, blank=True, on_delete=models.PROTECT, related_name="batches")
    batching = models.CharField(
        max_length=7, choices=BatchingMethod.choices, blank=True, help_text="How its orders were put together; empty: by hand."
    )
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "picking batches"
        constraints = [ROUTE_LENGTHS]
        indexes = [
            models.Index(fields=["warehouse", "urgency", "ship_by", "id"], condition=Q(status=PickingStatus.PENDING), name="picking_batch_queue"),
            models.Index(
                fields=["worker"], condition=Q(status__in=[PickingStatus.ASSIGNED, PickingStatus.IN_PROGRESS]), name="picking_batch_at_hand"
            ),
            models.Index(fields=["status", "-id"], name="picking_batch_by_status"),
        ]

    @property
    def is_open(self) -> bool:
        """Whether somebody is still to walk, or walks."""
        return self.status in OPEN_PICKING

    @transition(field=status, source=[PickingStatus.PENDING, PickingStatus.ASSIGNED], target=PickingStatus.ASSIGNED)
    def assign(self) -> None:
        """It has a worker."""

    @transition(field=status, source=PickingStatus.ASSIGNED, target=PickingStatus.IN_PROGRESS)
    def start(self) -> None:
        """The worker walks."""

    @transition(field=status, source=PickingStatus.IN_PROGRESS, target=PickingStatus.IN_PROGRESS)
    def hand_on(self) -> None:
        """Another one walks on."""

    @transition(field=status, source=PickingStatus.IN_PROGRESS, target=PickingStatus.COMPLETED)
    def complete(self) -> None:
        """Every task of it is closed."""

    @transition(field=status, source=sorted(OPEN_PICKING), target=PickingStatus.CANCELLED)
    def cancel(self) -> None:
        """Its tasks are picked one by one, in another batch, or not at all."""
