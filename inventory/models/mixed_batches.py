"""Batches made by pouring several of one product together."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from inventory.models.batches import Batch
from warehouse.core.quantities import QuantityField


class MixedBatch(Batch):
    """A batch with components, as lists and pages show it (`inventory.queries.mixed_batches`). Made by `inventory.services.mixing`."""

    class Meta:
        proxy = True
        verbose_name_plural = "mixed batches"


class BatchComponent(models.Model):
    """So much of `source` went into `mixed`. A batch with components is a mixed batch: its expiry is the earliest, its cost the weighted mean."""

    mixed = models.ForeignKey(Batch, on_delete=models.PROTECT, db_index=False, related_name="components")
    source = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="mixed_into")
    quantity = QuantityField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mixed", "source"], name="component_once_per_mix"),
            models.CheckConstraint(condition=Q(quantity__gt=0) & ~Q(mixed=F("source")), name="component_sensible"),
        ]

    def __str__(self) -> str:
        return f"component {self.pk}"
