"""Places that somebody should count."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from inventory.models.audits import Audit
from inventory.models.locations import Location
from inventory.models.products import Product


class CountRequest(models.Model):
    """Somebody found less in a place than the books say. Changes through `inventory.services.count_requests`.

    Open until an audit has counted it, or nothing is left there to count; one open request per place and product.
    """

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="count_requests")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=200)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    audit = models.ForeignKey(Audit, null=True, blank=True, on_delete=models.SET_NULL, related_name="count_requests", help_text="What counted it.")
    closing_note = models.CharField(max_length=200, blank=True, help_text="Why it was closed without a count.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["location", "product"], condition=Q(closed_at=None), name="one_open_count_request")]

    def __str__(self) -> str:
        return f"count {self.location} for {self.product.sku}"
