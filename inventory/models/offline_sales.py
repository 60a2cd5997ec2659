"""Sales at a till."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from inventory.models.warehouses import Warehouse


class OfflineSale(models.Model):
    """What a till sold, once per receipt number. Written by `inventory.services.offline_sales`; which batches left says the ledger."""

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, db_index=False, related_name="offline_sales")
    receipt_number = models.CharField(max_length=80)
    order_ref = models.CharField(max_length=120, help_text="What the ledger and a return call it: till:<site>:<receipt>.")
    lines = models.JSONField(help_text="What was asked for: product and quantity.")
    sold_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["warehouse", "receipt_number"], name="offline_sale_once_per_receipt")]

    def __str__(self) -> str:
        return f"receipt {self.receipt_number}"
