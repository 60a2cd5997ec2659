"""Goods that come back from customers."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from inventory.enums import ReturnCondition, ReturnDecision, ReturnStatus
from inventory.models.batches import Batch, BatchLocation
from inventory.models.locations import Location
from inventory.models.pricing import Discount
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from inventory.models.write_offs import WriteOff
from warehouse.core.documents import Document
from warehouse.core.quantities import QuantityField


class Return(Document):
    """`draft → inspected → completed`, or cancelled before. Changes through `inventory.services.returns`.

    `order_ref` says under which order the goods left; never more comes back than the ledger shipped under it.
    """

    number_prefix = "RET"

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="returns")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+", help_text="Where the goods go unless a line says otherwise.")
    order_ref = models.CharField(max_length=120, db_index=True)
    reference = models.CharField(max_length=80, blank=True, help_text="The partner's number of it: a credit note, a parcel. Once per order.")
    customer_reason = models.CharField(max_length=200, blank=True)
    status = FSMField(default=ReturnStatus.DRAFT, choices=ReturnStatus.choices, protected=True)
    inspected_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancellation_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order_ref", "reference"],
                condition=~Q(reference=""),
                name="return_reference_once_per_order",
                violation_error_message="Another return of this order has this reference.",
            ),
        ]
        indexes = [models.Index(fields=["status", "-id"], name="return_by_status")]

    @transition(field=status, source=[ReturnStatus.DRAFT, ReturnStatus.INSPECTED], target=ReturnStatus.INSPECTED)
    def inspect(self) -> None:
        """Somebody looked at every item and decided; looking again is allowed."""

    @transition(field=status, source=ReturnStatus.INSPECTED, target=ReturnStatus.COMPLETED)
    def complete(self) -> None:
        """The goods are on the books again, and what can't be sold is written off."""

    @transition(field=status, source=[ReturnStatus.DRAFT, ReturnStatus.INSPECTED], target=ReturnStatus.CANCELLED)
    def cancel(self) -> None:
        """Nothing came back."""


class ReturnItem(models.Model):
    """A line of a return: so much of a batch that was shipped, what the inspection found, and what is to become of it.

    `freshness_remaining` is the inspector's share of life left (1 is fresh); the clock becomes that, never later than the batch's own.
    """

    return_document = models.ForeignKey(Return, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="return_items")
    quantity = QuantityField()
    condition = models.CharField(max_length=8, choices=ReturnCondition.choices, blank=True)
    temperature = models.DecimalField("temperature, °C", max_digits=5, decimal_places=1, null=True, blank=True)
    photo = models.FileField(upload_to="returns/%Y/%m", blank=True)
    freshness_remaining = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    inspection_note = models.CharField(max_length=200, blank=True)
    decision = models.CharField(max_length=20, choices=ReturnDecision.choices, blank=True)
    discount_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    location = models.ForeignKey(Location, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    new_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    batch_location = models.ForeignKey(BatchLocation, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    discount = models.ForeignKey(Discount, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    write_off = models.ForeignKey(WriteOff, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="return_items")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="return_item_positive"),
            models.CheckConstraint(
                condition=Q(freshness_remaining=None) | Q(freshness_remaining__gte=0, freshness_remaining__lte=1),
                name="return_item_freshness_is_a_share",
            ),
            models.CheckConstraint(
                condition=~Q(decision=ReturnDecision.RETURN_WITH_DISCOUNT) | Q(discount_percent__gt=Decimal(0), discount_percent__lt=Decimal(100)),
                name="return_discount_is_a_percentage",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.pk}"
