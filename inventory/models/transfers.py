"""Goods on their way from one site to another, or within one."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from inventory.enums import TransferStatus
from inventory.models.batches import Batch, BatchLocation
from inventory.models.locations import Location
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from inventory.models.write_offs import WriteOff
from warehouse.core.documents import Document
from warehouse.core.quantities import QuantityField


class Transfer(Document):
    """`draft → sent → received`, or cancelled before it is received. Changes through `inventory.services.transfers`.

    While it is sent, its goods stand in the target warehouse's transit location: what is on the road is on the books.
    """

    number_prefix = "TRF"

    source_warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="transfers_out")
    target_warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="transfers_in")
    target_location = models.ForeignKey(
        Location, on_delete=models.PROTECT, related_name="+", help_text="Where the goods go unless a line says otherwise."
    )
    status = FSMField(default=TransferStatus.DRAFT, choices=TransferStatus.choices, protected=True)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    received_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancellation_reason = models.CharField(max_length=200, blank=True, editable=False)
    loss = models.OneToOneField(
        WriteOff,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="transfer",
        help_text="The write-off of what got lost on the way.",
    )

    class Meta:
        indexes = [models.Index(fields=["status", "-id"], name="transfer_by_status")]

    @transition(field=status, source=TransferStatus.DRAFT, target=TransferStatus.SENT)
    def send(self) -> None:
        """The goods are on their way."""

    @transition(field=status, source=TransferStatus.SENT, target=TransferStatus.RECEIVED)
    def receive(self) -> None:
        """The goods have arrived; what did not is lost."""

    @transition(field=status, source=[TransferStatus.DRAFT, TransferStatus.SENT], target=TransferStatus.CANCELLED)
    def cancel(self) -> None:
        """Nothing goes; what was on its way is back where it came from."""


class TransferItem(models.Model):
    """A line of a transfer: so much of what lies in `source`. Freshness is the share of life left, 1 is fresh; after is as in the target's condition."""

    transfer = models.ForeignKey(Transfer, on_delete=models.CASCADE, related_name="items")
    source = models.ForeignKey(BatchLocation, on_delete=models.PROTECT, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="transfer_items")
    quantity = QuantityField()
    target_location = models.ForeignKey(Location, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    transit = models.ForeignKey(BatchLocation, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(BatchLocation, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    received_quantity = QuantityField(null=True, blank=True, editable=False)
    freshness_before = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True, editable=False)
    freshness_after = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True, editable=False)
    expires_before = models.DateTimeField(null=True, blank=True, editable=False)
    expires_after = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & (Q(received_quantity=None) | Q(received_quantity__gte=0) & Q(received_quantity__lte=F("quantity"))),
                name="transfer_item_quantities",
            )
        ]

    def __str__(self) -> str:
        return f"line {self.pk}"
