"""The total of a product in a warehouse: the gate of every change."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from inventory.enums import StockStatus
from inventory.models.products import Product
from inventory.models.warehouses import Warehouse
from warehouse.core.quantities import QuantityField


class StockKey(NamedTuple):
    """A product in a warehouse."""

    warehouse_id: int
    product_id: int


def status_sql(available: str, threshold: str) -> str:
    """The rule that gives a total its status, as SQL over these two expressions. Everybody who writes or checks a status asks here."""
    return f"CASE WHEN {available} <= 0 THEN 'out_of_stock' WHEN {available} <= {threshold} THEN 'low_stock' ELSE 'in_stock' END"


class Stock(models.Model):
    """The total of a product in a warehouse, as of the last operation or expiry job.

    Its row lock is the gate: nobody writes a BatchLocation of this product here without it. Quantities are written by `inventory.stock.post` only;
    the threshold by `set_low_stock_threshold`, which counts `settings_version` (what If-Match of the settings compares).
    """

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, db_index=False, related_name="stock")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, db_index=False, related_name="stock")
    quantity = QuantityField(default=Decimal(0))
    reserved = QuantityField(default=Decimal(0))
    blocked = QuantityField(default=Decimal(0))
    available = models.GeneratedField(
        expression=F("quantity") - F("reserved") - F("blocked"), output_field=models.DecimalField(max_digits=14, decimal_places=3), db_persist=True
    )
    low_stock_threshold = QuantityField(default=Decimal(5))
    status = models.CharField(max_length=12, choices=StockStatus.choices, default=StockStatus.OUT_OF_STOCK)
    version = models.PositiveIntegerField(default=1)
    settings_version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "stock"
        constraints = [
            models.UniqueConstraint(fields=["warehouse", "product"], name="stock_once_per_warehouse_and_product"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & Q(blocked__gte=0) & Q(quantity__gte=F("reserved") + F("blocked")),
                name="stock_reserved_and_blocked_within_quantity",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "warehouse"], name="stock_by_status"),
            models.Index(fields=["product", "warehouse"], name="stock_of_product"),
        ]

    def __str__(self) -> str:
        return f"stock {self.pk}"
