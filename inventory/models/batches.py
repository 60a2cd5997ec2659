"""Lots, and how much of each lies where."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django_fsm import FSMField, transition

from inventory.enums import BatchStatus, BlockedReason, Condition, Phase
from inventory.models.locations import Location
from inventory.models.products import Product
from inventory.models.suppliers import Supplier
from inventory.models.warehouses import Warehouse
from warehouse.core.quantities import MoneyField, QuantityField


def lot_key(product_id: int, lot_number: str) -> tuple[int, str]:
    """What makes two lots the same: one label is read with capitals, another without."""
    return product_id, lot_number.upper()


class Batch(models.Model):
    """One lot of one product; the case of its number does not count. Changes through receiving, hold, release and recall.

    A hold or recall reaches everything made of a lot (child lots, mixes): these follow, only the lot that was named is `held_itself`.
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, db_index=False, related_name="batches")
    lot_number = models.CharField(max_length=60)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    supplier = models.ForeignKey(Supplier, null=True, blank=True, on_delete=models.PROTECT, related_name="batches")
    produced_on = models.DateField(null=True, blank=True)
    label_expires_on = models.DateField(null=True, blank=True)
    label_condition = models.CharField(max_length=8, choices=Condition.choices, blank=True)
    label_life = models.DurationField(null=True, blank=True, help_text="The whole life that the label promises, fixed at the first receipt.")
    received_at = models.DateTimeField(default=timezone.now)
    purchase_price = MoneyField(default=Decimal(0))
    currency = models.CharField(max_length=3, default="EUR")
    status = FSMField(max_length=10, choices=BatchStatus.choices, default=BatchStatus.AVAILABLE, protected=True)
    status_reason = models.CharField(max_length=200, blank=True, default="", help_text="Why it is on hold or recalled.")
    held_itself = models.BooleanField(default=False, help_text="On hold or recalled itself, not only because of a lot that it was made of.")

    class Meta:
        verbose_name_plural = "batches"
        constraints = [models.UniqueConstraint("product", Upper("lot_number"), name="lot_once_per_product")]
        indexes = [models.Index(fields=["label_expires_on"], name="batch_label_expiry"), models.Index(Upper("lot_number"), name="batch_lot")]

    def __str__(self) -> str:
        return f"lot {self.lot_number}"

    @transition(field=status, source=BatchStatus.AVAILABLE, target=BatchStatus.ON_HOLD)
    def hold(self) -> None:
        """Nothing of it leaves until somebody has looked at it."""

    @transition(field=status, source=BatchStatus.ON_HOLD, target=BatchStatus.AVAILABLE)
    def release(self) -> None:
        """It is good: for sale again."""

    @transition(field=status, source=[BatchStatus.AVAILABLE, BatchStatus.ON_HOLD], target=BatchStatus.RECALLED)
    def recall(self) -> None:
        """Nothing of it is sold any more, ever."""


class BatchLocation(models.Model):
    """How much of a batch lies in a place in one phase, how much of that is promised, and its freshness clock.

    Written by the engine only (`inventory.stock.post` and `inventory.stock.place`), under the gate: the lock of its Stock row.
    """

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False, related_name="locations")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="contents")
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.SEALED)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, db_index=False, related_name="batch_locations")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, db_index=False, related_name="batch_locations")
    quantity = QuantityField(default=Decimal(0))
    reserved = QuantityField(default=Decimal(0))
    # Generated, so that an index can leave out what is empty and an update of the quantities still touches no index (HOT).
    has_stock = models.GeneratedField(
        expression=models.Q(quantity__gt=0),  # type: ignore[arg-type]  # the stubs know no Q here
        output_field=models.BooleanField(),
        db_persist=True,
    )
    blocked_reason = models.CharField(max_length=8, choices=BlockedReason.choices, default=BlockedReason.NONE, blank=True)
    consumed_fraction = models.DecimalField(
        max_digits=22, decimal_places=18, default=Decimal(0), help_text="How much of the life was used when the clock began."
    )
    clock_started_at = models.DateTimeField(default=timezone.now)
    clock_condition = models.CharField(max_length=8, choices=Condition.choices, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    effective_expires_at = models.DateTimeField("expires at", null=True, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "location", "phase"], name="batch_once_per_location_and_phase"),
            models.CheckConstraint(
                condition=models.Q(reserved__gte=0) & models.Q(reserved__lte=models.F("quantity")), name="batch_location_reserved_within_quantity"
            ),
        ]
        indexes = [
            models.Index(fields=["product", "id"], name="batch_location_of_product"),
            models.Index(fields=["warehouse", "product"], condition=models.Q(has_stock=True), name="batch_location_of_stock"),
            models.Index(fields=["effective_expires_at"], condition=models.Q(has_stock=True), name="batch_location_expiry"),
            models.Index(fields=["warehouse", "product"], condition=models.Q(blocked_reason=BlockedReason.EXPIRED), name="batch_location_expired"),
            models.Index(fields=["blocked_reason", "id"], condition=~models.Q(blocked_reason=BlockedReason.NONE), name="batch_location_blocked"),
        ]

    def __str__(self) -> str:
        return f"batch location {self.pk}"
