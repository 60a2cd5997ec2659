"""Goods that leave the books without being sold."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from inventory.enums import WriteOffOrigin, WriteOffReason, WriteOffStatus
from inventory.models.batches import Batch, BatchLocation
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from warehouse.core.documents import Document
from warehouse.core.quantities import MoneyField, QuantityField


class WriteOff(Document):
    """`draft → confirmed`, above a value limit over `awaiting_approval`; or cancelled before. Changes through `inventory.services.write_offs`."""

    number_prefix = "WOF"

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="write_offs")
    origin = models.CharField(max_length=8, choices=WriteOffOrigin.choices, default=WriteOffOrigin.MANUAL, editable=False)
    status = FSMField(default=WriteOffStatus.DRAFT, choices=WriteOffStatus.choices, protected=True)
    release_reservations = models.BooleanField(
        default=False, help_text="Take promised goods too: the newest promises first; other batches are promised instead where there are some."
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    cancellation_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        verbose_name = "write-off"
        indexes = [models.Index(fields=["status", "-id"], name="write_off_by_status")]

    @transition(field=status, source=WriteOffStatus.DRAFT, target=WriteOffStatus.AWAITING_APPROVAL)
    def submit(self) -> None:
        """Its value is above what one may write off alone."""

    @transition(field=status, source=WriteOffStatus.DRAFT, target=WriteOffStatus.CONFIRMED)
    def confirm(self) -> None:
        """The goods are off the books."""

    @transition(field=status, source=WriteOffStatus.AWAITING_APPROVAL, target=WriteOffStatus.CONFIRMED)
    def approve(self) -> None:
        """A manager agreed: the goods are off the books."""

    @transition(field=status, source=[WriteOffStatus.DRAFT, WriteOffStatus.AWAITING_APPROVAL], target=WriteOffStatus.CANCELLED)
    def cancel(self) -> None:
        """The goods stay."""


class WriteOffItem(models.Model):
    """A line of a write-off: so much of what lies in `batch_location`, valued at the batch's purchase price."""

    write_off = models.ForeignKey(WriteOff, on_delete=models.CASCADE, related_name="items")
    batch_location = models.ForeignKey(BatchLocation, on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="write_off_items")
    quantity = QuantityField()
    reason = models.CharField(max_length=16, choices=WriteOffReason.choices)
    note = models.CharField(max_length=200, blank=True)
    unit_cost = MoneyField(default=Decimal(0), editable=False)
    currency = models.CharField(max_length=3, default="EUR", editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="write_off_item_positive"),
            models.CheckConstraint(condition=~Q(reason=WriteOffReason.OTHER) | ~Q(note=""), name="write_off_other_needs_a_note"),
        ]

    def __str__(self) -> str:
        return f"line {self.pk}"

    @property
    def value(self) -> Decimal:
        """What the goods cost, in `currency`."""
        return self.quantity * self.unit_cost
