"""Batches that were made of others."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from inventory.models import BatchComponent, MixedBatch


def mixed_batches() -> QuerySet[MixedBatch]:
    """Every batch with components, the newest first."""
    return MixedBatch.objects.filter(Exists(BatchComponent.objects.filter(mixed=OuterRef("pk")))).order_by("-pk")
