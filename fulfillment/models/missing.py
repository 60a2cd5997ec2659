"""What orders go without."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from warehouse.core.quantities import QuantityField


class MissingGoods(models.Model):
    """What an order goes without of a product: it was ordered, and no task brings it. The row goes when all of it is on a task again.

    Somebody has to decide about it: `accepted` is how much of it a manager has agreed to leave out. Written by `services.progress` under the order's lock.
    """

    order = models.ForeignKey("fulfillment.Order", on_delete=models.CASCADE, db_index=False, related_name="missing")
    product = models.ForeignKey("inventory.Product", on_delete=models.PROTECT, db_index=False, related_name="+")
    quantity = QuantityField()
    noted_at = models.DateTimeField(default=timezone.now)
    accepted = QuantityField(default=Decimal(0))
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+")
    reason = models.CharField(max_length=200, blank=True, help_text="Why the order is sent without it.")

    class Meta:
        verbose_name_plural = "missing goods"
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="missing_once_per_product"),
            models.CheckConstraint(condition=Q(quantity__gt=0) & Q(accepted__gte=0) & Q(accepted__lte=F("quantity")), name="missing_quantities"),
        ]

    def __str__(self) -> str:
        return f"missing goods {self.pk}"

    @property
    def is_accepted(self) -> bool:
        return self.accepted == self.quantity
