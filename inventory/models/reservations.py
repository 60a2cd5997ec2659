"""Promises of stock to orders."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from inventory.enums import ReservationStatus
from inventory.models.batches import BatchLocation
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from warehouse.core.quantities import QuantityField


class Reservation(models.Model):
    """What is promised to an order in a warehouse, with or without a time limit. Changes through `inventory.services.reservations`.

    `order_ref` is opaque (`source:id`): inventory knows no orders. `confirmed_at` is set when the order is confirmed: from then on the promise belongs to
    the order's fulfilment, and nobody else keeps, releases or adopts it. `started_at` is set when the first item is picked; then it never expires.
    """

    order_ref = models.CharField(max_length=120)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, db_index=False, related_name="reservations")
    status = models.CharField(max_length=10, choices=ReservationStatus.choices, default=ReservationStatus.ACTIVE)
    expires_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    explanation = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order_ref", "warehouse"], condition=Q(status=ReservationStatus.ACTIVE), name="one_active_reservation_per_order"
            ),
        ]
        indexes = [
            models.Index(fields=["order_ref"], name="reservation_order"),
            models.Index(fields=["status", "id"], name="reservation_by_status"),
            models.Index(fields=["created_at", "id"], name="reservation_time"),
            models.Index(fields=["expires_at"], condition=Q(status=ReservationStatus.ACTIVE, expires_at__isnull=False), name="reservation_due"),
        ]

    def __str__(self) -> str:
        return f"reservation {self.pk} for {self.order_ref}"

    def save_changes(self, *fields: str) -> None:
        """Write these fields of a locked reservation, or none where only what it holds has changed, and count the version up."""
        self.version += 1
        self.save(update_fields=[*fields, "version"])


class ReservationItem(models.Model):
    """A part of a promise that lies in one BatchLocation. It still holds quantity − consumed − released."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="items")
    batch_location = models.ForeignKey(BatchLocation, on_delete=models.PROTECT, related_name="reservation_items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, db_index=False, related_name="+")
    quantity = QuantityField()
    consumed = QuantityField(default=Decimal(0), db_default=Decimal(0))
    released = QuantityField(default=Decimal(0), db_default=Decimal(0))
    actual = QuantityField(null=True, blank=True, help_text="What a weighed item really was.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(consumed__gte=0) & Q(released__gte=0) & Q(quantity__gte=F("consumed") + F("released")),
                name="reservation_item_within_quantity",
            )
        ]

    def __str__(self) -> str:
        return f"reservation item {self.pk}"

    @property
    def held(self) -> Decimal:
        """What it still holds of its BatchLocation."""
        return self.quantity - self.consumed - self.released
