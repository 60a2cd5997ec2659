"""Counting what is there."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django_fsm import FSMField, transition

from inventory.enums import AuditLineStatus, AuditScope, AuditStatus, Phase, Uncounted
from inventory.models.batches import Batch, BatchLocation
from inventory.models.locations import Location
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from warehouse.core.documents import Document
from warehouse.core.quantities import MoneyField, QuantityField


class Audit(Document):
    """`draft → in_progress → completed`, or cancelled before. Changes through `inventory.services.audits`.

    Trade goes on while it is counted: a line's difference is the count less the books at the moment of counting, and is applied to what the books say
    when the audit is completed.
    """

    number_prefix = "AUD"

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="audits")
    scope = models.CharField(max_length=10, choices=AuditScope.choices, default=AuditScope.WAREHOUSE)
    zone = models.CharField(max_length=40, blank=True)
    locations = models.ManyToManyField(Location, blank=True, related_name="+")
    products = models.ManyToManyField(Product, blank=True, related_name="+")
    blind = models.BooleanField(default=True, help_text="Who counts does not see what the books say.")
    recount_above_percent = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        default=Decimal(10),
        help_text="A larger difference, in percent of the books, is counted again by somebody else.",
    )
    status = FSMField(default=AuditStatus.DRAFT, choices=AuditStatus.choices, protected=True)
    uncounted = models.CharField(
        max_length=9,
        choices=Uncounted.choices,
        default=Uncounted.UNTOUCHED,
        editable=False,
        help_text="What the completion made of lines without a count.",
    )
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancellation_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["status", "-id"], name="audit_by_status")]

    @transition(field=status, source=AuditStatus.DRAFT, target=AuditStatus.IN_PROGRESS)
    def start(self) -> None:
        """The list of what is to be counted stands."""

    @transition(field=status, source=AuditStatus.IN_PROGRESS, target=AuditStatus.COMPLETED)
    def complete(self) -> None:
        """The differences are on the books."""

    @transition(field=status, source=[AuditStatus.DRAFT, AuditStatus.IN_PROGRESS], target=AuditStatus.CANCELLED)
    def cancel(self) -> None:
        """Nothing was changed."""


class AuditLine(models.Model):
    """One thing to count: a lot in a place, in one phase. Found goods may have no `batch_location` before completion, and none of a lot that is new have a
    `batch`: what their label says stands here until then.

    `books_quantity`, `books_version` and `books_movement` (the last line of the ledger of the place) are what the books said when the place was scanned for
    this count (no version: the books had no such row). A line that is to be counted again has none of them: the place is scanned anew. `listed_quantity`
    and `listed_movement` are the same for the moment when the line was listed. `first_counted_quantity` is a count that was too far off, kept beside the
    second one, which is made by somebody else.
    """

    audit = models.ForeignKey(Audit, on_delete=models.CASCADE, db_index=False, related_name="lines")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_lines")
    lot_number = models.CharField(max_length=60)
    label_expires_on = models.DateField("expiry on the label", null=True, blank=True)
    produced_on = models.DateField(null=True, blank=True)
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.SEALED)
    batch_location = models.ForeignKey(BatchLocation, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    found = models.BooleanField(default=False, help_text="Not on the list: added by the one who counted.")
    status = models.CharField(max_length=8, choices=AuditLineStatus.choices, default=AuditLineStatus.PENDING)
    recount_reason = models.CharField(max_length=200, blank=True)
    scanned_at = models.DateTimeField(null=True, blank=True)
    scanned_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    books_quantity = QuantityField(null=True, blank=True)
    books_version = models.PositiveIntegerField(null=True, blank=True)
    books_movement = models.BigIntegerField(null=True, blank=True)
    listed_quantity = QuantityField(null=True, blank=True)
    listed_movement = models.BigIntegerField(null=True, blank=True)
    counted_quantity = QuantityField(null=True, blank=True)
    counted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    counted_at = models.DateTimeField(null=True, blank=True)
    first_counted_quantity = QuantityField(null=True, blank=True)
    first_counted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    difference = QuantityField(null=True, blank=True, help_text="What the completion booked.")
    unit_cost = MoneyField(default=Decimal(0))
    currency = models.CharField(max_length=3, default="EUR")

    class Meta:
        constraints = [
            models.UniqueConstraint("audit", "location", "product", Upper("lot_number"), "phase", name="audit_counts_a_thing_once"),
            models.CheckConstraint(condition=Q(counted_quantity=None) | Q(counted_quantity__gte=0), name="audit_count_not_negative"),
        ]

    def __str__(self) -> str:
        return f"line {self.pk}"
