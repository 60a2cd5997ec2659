"""Goods that arrive."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from inventory.enums import Condition, ReceivingStatus
from inventory.models.batches import Batch
from inventory.models.locations import Location
from inventory.models.products import Product
from inventory.models.suppliers import Supplier
from inventory.models.warehouses import Warehouse
from warehouse.core.documents import Document
from warehouse.core.quantities import CURRENCY, NOT_NEGATIVE, MoneyField, QuantityField


class Receiving(Document):
    """A delivery: `draft → in_progress → confirmed`, or cancelled before. Changes through `inventory.services.receiving`."""

    number_prefix = "RCV"

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="receivings")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+", help_text="Where the goods go unless a line says otherwise.")
    supplier = models.ForeignKey(Supplier, null=True, blank=True, on_delete=models.PROTECT, related_name="receivings")
    supplier_reference = models.CharField(max_length=80, blank=True)
    status = FSMField(default=ReceivingStatus.DRAFT, choices=ReceivingStatus.choices, protected=True)
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancellation_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["status", "-id"], name="receiving_by_status")]

    @transition(field=status, source=ReceivingStatus.DRAFT, target=ReceivingStatus.IN_PROGRESS)
    def start(self) -> None:
        """The goods are being counted."""

    @transition(field=status, source=[ReceivingStatus.DRAFT, ReceivingStatus.IN_PROGRESS], target=ReceivingStatus.CONFIRMED)
    def confirm(self) -> None:
        """The goods are on the books."""

    @transition(field=status, source=[ReceivingStatus.DRAFT, ReceivingStatus.IN_PROGRESS], target=ReceivingStatus.CANCELLED)
    def cancel(self) -> None:
        """Nothing arrived, or the paper was wrong."""


class ReceivingItem(models.Model):
    """A line of a delivery. `actual_quantity` is all that arrived; the damaged part of it goes to quarantine, the rest to the location."""

    receiving = models.ForeignKey(Receiving, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    lot_number = models.CharField(max_length=60, blank=True, help_text="Made up when missing.")
    produced_on = models.DateField(null=True, blank=True)
    label_expires_on = models.DateField("expiry on the label", null=True, blank=True)
    label_condition = models.CharField("storage on the label", max_length=8, choices=Condition.choices, blank=True)
    expected_quantity = QuantityField(default=Decimal(0))
    actual_quantity = QuantityField(default=Decimal(0))
    damaged_quantity = QuantityField(default=Decimal(0))
    purchase_price = MoneyField(default=Decimal(0), validators=[NOT_NEGATIVE])
    currency = models.CharField(max_length=3, default="EUR", validators=[CURRENCY])
    location = models.ForeignKey(Location, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    accept_short_dated = models.BooleanField(default=False)
    short_dated_reason = models.CharField(max_length=200, blank=True)
    batch = models.ForeignKey(Batch, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="receiving_items")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expected_quantity__gte=0) & Q(damaged_quantity__gte=0) & Q(actual_quantity__gte=F("damaged_quantity")),
                name="receiving_item_quantities",
            ),
            models.CheckConstraint(condition=Q(accept_short_dated=False) | ~Q(short_dated_reason=""), name="short_dated_needs_a_reason"),
        ]

    def __str__(self) -> str:
        return f"line {self.pk}"

    @property
    def difference(self) -> Decimal:
        """What arrived, less what was expected."""
        return self.actual_quantity - self.expected_quantity
