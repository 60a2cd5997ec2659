"""Mixes, with what went into them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from inventory.admin.batches import BatchAdmin
from inventory.admin.mixing import SPLIT
from inventory.models import MixedBatch
from inventory.queries.mixed_batches import mixed_batches


@admin.register(MixedBatch)
class MixedBatchAdmin(BatchAdmin):
    steps = [SPLIT, *BatchAdmin.steps]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(pk__in=mixed_batches().order_by().values("pk"))
