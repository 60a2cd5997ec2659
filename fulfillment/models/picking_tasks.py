"""Goods to be fetched from the shelves."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django_fsm import FSMField, transition

from fulfillment.enums import OPEN_PICKING, PickingItemStatus, PickingStatus
from fulfillment.models.tasks import Task
from fulfillment.models.walks import ROUTE_LENGTHS, RouteKept
from warehouse.core.quantities import QuantityField


class PickingTask(Task, RouteKept):
    """A walk for one order in one warehouse: `pending → assigned → in_progress → completed`, or cancelled. Changes through `services.picking_tasks`.

    `picked_items` counts the items that are done: picked, short or skipped. Picked goods lie on the `packing_location`, chosen when it starts. In a batch it
    has a position on the cart, `tote`, and the code of what stands there since the first scan. In a wave nobody may claim it before `released_at`.
    """

    number_prefix = "PCK"

    order = models.ForeignKey("fulfillment.Order", on_delete=models.PROTECT, related_name="picking_tasks")
    status = FSMField(default=PickingStatus.PENDING, choices=PickingStatus.choices, protected=True)
    packing_location = models.ForeignKey("inventory.Location", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    picked_items = models.PositiveIntegerField(default=0)
    completed_at = models.DateTimeField(null=True, blank=True)
    picking_batch = models.ForeignKey(
        "fulfillment.PickingBatch", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="tasks"
    )
    tote = models.PositiveSmallIntegerField("position on the cart", null=True, blank=True)
    tote_code = models.CharField("tote", max_length=80, blank=True, default="", db_default="")
    wave = models.ForeignKey("fulfillment.Wave", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="tasks")
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            ROUTE_LENGTHS,
            models.UniqueConstraint(fields=["picking_batch", "tote"], name="one_picking_task_per_tote"),
            models.UniqueConstraint(
                fields=["warehouse", "tote_code"],
                condition=Q(status__in=sorted(OPEN_PICKING)) & ~Q(tote_code=""),
                name="one_open_picking_task_in_a_tote",
            ),
            models.CheckConstraint(
                condition=Q(picking_batch=None, tote=None) | Q(picking_batch__isnull=False, tote__gte=1), name="picking_task_in_batch_has_tote"
            ),
            models.UniqueConstraint(
                fields=["order", "warehouse"], condition=Q(status__in=sorted(OPEN_PICKING)), name="one_open_picking_task_per_warehouse"
            ),
            models.CheckConstraint(condition=Q(picked_items__lte=F("total_items")), name="picked_items_within_total"),
        ]
        indexes = [
            models.Index(fields=["warehouse", "urgency", "ship_by", "id"], condition=Q(status=PickingStatus.PENDING), name="picking_task_queue"),
            models.Index(fields=["worker"], condition=Q(status__in=[PickingStatus.ASSIGNED, PickingStatus.IN_PROGRESS]), name="picking_task_at_hand"),
            models.Index(fields=["status", "-id"], name="picking_task_by_status"),
            models.Index(fields=["wave"], condition=Q(wave__isnull=False), name="picking_task_of_wave"),
            models.Index(fields=["warehouse", "tote_code"], condition=~Q(tote_code=""), name="picking_task_by_tote"),
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

    @transition(field=status, source=sorted(OPEN_PICKING), target=PickingStatus.PENDING)
    def wait(self) -> None:
        """Nothing of it was picked, and its batch was given up: it is anybody's again."""

    @transition(field=status, source=PickingStatus.IN_PROGRESS, target=PickingStatus.IN_PROGRESS)
    def hand_on(self) -> None:
        """Another one walks on."""

    @transition(field=status, source=PickingStatus.IN_PROGRESS, target=PickingStatus.COMPLETED)
    def complete(self) -> None:
        """Every item is done."""

    @transition(field=status, source=PickingStatus.COMPLETED, target=PickingStatus.PENDING)
    def reopen(self) -> None:
        """Some of what was picked did not pass the quality check: somebody is to fetch other goods."""

    @transition(field=status, source=sorted(OPEN_PICKING), target=PickingStatus.CANCELLED)
    def cancel(self) -> None:
        """Nobody needs to walk any more."""


class PickingTaskItem(models.Model):
    """A stop of the walk: so much of a batch from one BatchLocation.

    `reservation_item_id` names what inventory still holds for it on the shelf; empty when nothing is left there.
    """

    task = models.ForeignKey(PickingTask, on_delete=models.CASCADE, db_index=False, related_name="items")
    sequence = models.PositiveIntegerField()
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch = models.ForeignKey("inventory.Batch", on_delete=models.PROTECT, db_index=False, related_name="+")
    batch_location = models.ForeignKey("inventory.BatchLocation", on_delete=models.PROTECT, db_index=False, related_name="+")
    location = models.ForeignKey("inventory.Location", on_delete=models.PROTECT, db_index=False, related_name="+")
    listing_id = models.CharField("listing", max_length=64, blank=True)
    reservation_item_id = models.BigIntegerField(null=True, blank=True)
    quantity_required = QuantityField()
    quantity_picked = QuantityField(default=Decimal(0))
    status = FSMField(default=PickingItemStatus.PENDING, choices=PickingItemStatus.choices, protected=True)
    picked_at = models.DateTimeField(null=True, blank=True)
    deferred_at = models.DateTimeField(null=True, blank=True, help_text="Put off to the end of the walk.")
    walk_position = models.FloatField(null=True, blank=True, help_text="Where it comes in the walk of its batch.")
    notes = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["task", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["task", "sequence"], name="picking_item_sequence_once"),
            models.CheckConstraint(
                condition=Q(quantity_required__gt=0) & Q(quantity_picked__gte=0) & Q(quantity_picked__lte=F("quantity_required")),
                name="picking_item_quantities",
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.sequence}"

    @property
    def remaining(self) -> Decimal:
        """What is still to be picked, were the item pending."""
        return self.quantity_required - self.quantity_picked

    @transition(field=status, source=PickingItemStatus.PENDING, target=PickingItemStatus.PICKED)
    def finish(self) -> None:
        """All of it lies on the bench."""

    @transition(field=status, source=PickingItemStatus.PICKED, target=PickingItemStatus.PENDING)
    def reopen(self) -> None:
        """Some of it went back to the shelf."""

    @transition(field=status, source=PickingItemStatus.PENDING, target=PickingItemStatus.SHORT)
    def fall_short(self) -> None:
        """There was less than the books said."""

    @transition(field=status, source=[PickingItemStatus.PICKED, PickingItemStatus.SHORT], target=PickingItemStatus.SHORT)
    def lose(self) -> None:
        """Some of what was picked did not pass the quality check."""

    @transition(field=status, source=PickingItemStatus.PENDING, target=PickingItemStatus.SKIPPED)
    def skip(self) -> None:
        """It will not be picked."""


class Pick(models.Model):
    """One scan of a picker: goods that went from the shelf to the bench. What a cancellation puts back and a packing task packs.

    One that was undone (`undone_at`) is kept, but counts for nothing: its goods lie on the shelf again, or in quarantine.
    """

    item = models.ForeignKey(PickingTaskItem, on_delete=models.PROTECT, related_name="picks")
    batch_location = models.ForeignKey(
        "inventory.BatchLocation", on_delete=models.PROTECT, db_index=False, related_name="+", help_text="Where they lie on the bench."
    )
    reservation_item_id = models.BigIntegerField(help_text="What inventory holds for it on the bench.")
    quantity = QuantityField()
    picked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    picked_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="pick_quantity_positive")]

    def __str__(self) -> str:
        return f"pick {self.pk}"
