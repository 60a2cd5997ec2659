"""The append-only ledger."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from inventory.enums import DocumentType, MovementType
from inventory.models.batches import Batch, BatchLocation
from inventory.models.locations import Location
from inventory.models.products import Product
from inventory.models.reservations import Reservation
from inventory.models.warehouses import Warehouse
from warehouse.core.quantities import QuantityField
from warehouse.core.triggers import append_only

EVERY_ORDER_WRITES = (MovementType.RESERVATION, MovementType.RELEASE, MovementType.PICK, MovementType.SALE)


class Movement(models.Model):
    """One line of the ledger: what changed at a BatchLocation, and why. Written by `inventory.stock.post` only, changed by nobody.

    Its references carry no database constraint: the ledger is written on every hot way and nothing it names may be deleted anyway (PROTECT).
    """

    type = models.CharField(max_length=16, choices=MovementType.choices)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="movements")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="movements")
    batch_location = models.ForeignKey(BatchLocation, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="movements")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="movements")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="movements")
    quantity_change = QuantityField()
    reserved_change = QuantityField()
    quantity_before = QuantityField()
    quantity_after = QuantityField()
    reserved_after = QuantityField()
    document_type = models.CharField(max_length=16, choices=DocumentType.choices, blank=True)
    document_id = models.BigIntegerField(null=True)
    order_ref = models.CharField(max_length=120, blank=True)
    reservation = models.ForeignKey(Reservation, null=True, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="movements")
    reason = models.CharField(max_length=200, blank=True)
    performed_by = models.CharField(max_length=150)
    performed_by_type = models.CharField(max_length=8)
    occurred_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            # Lists show the newest lines first. Without the id here, PostgreSQL would read the whole ledger backwards for goods that moved long ago.
            models.Index(fields=["product", "id"], name="movement_of_product"),
            models.Index(fields=["product", "warehouse", "id"], name="movement_of_stock"),
            models.Index(fields=["batch", "id"], name="movement_of_batch"),
            models.Index(fields=["batch_location", "id"], name="movement_of_place"),
            models.Index(fields=["location", "id"], name="movement_of_location"),
            # What every order writes is found among the newest lines anyway.
            models.Index(fields=["type", "id"], condition=~models.Q(type__in=EVERY_ORDER_WRITES), name="movement_by_rarer_type"),
            models.Index(fields=["document_type", "document_id"], condition=~models.Q(document_type=""), name="movement_of_document"),
            models.Index(fields=["order_ref"], condition=~models.Q(order_ref=""), name="movement_of_order"),
            models.Index(fields=["occurred_at"], name="movement_time"),
        ]
        triggers = append_only("movement")

    def __str__(self) -> str:
        return f"movement {self.pk}"
