"""`/markdown-steps`: how much cheaper listings become, by themselves, when little of the life of their goods is left."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import DeletableEndpoints, ModelInput
from inventory.api.names import StorefrontField
from inventory.models import MarkdownStep
from inventory.services.markdowns import change_markdown_step, create_markdown_step, delete_markdown_step
from warehouse.core.api.filters import TextFilter


class MarkdownStepOut(serializers.ModelSerializer):
    storefront_id = serializers.CharField(source="storefront.external_id", default=None, allow_null=True)

    class Meta:
        model = MarkdownStep
        fields = ("id", "storefront_id", "freshness_percent", "discount_percent")


class MarkdownStepIn(ModelInput):
    storefront_id = StorefrontField(source="storefront", required=False, allow_null=True, help_text="Default: every storefront.")

    class Meta:
        model = MarkdownStep
        fields = ("storefront_id", "freshness_percent", "discount_percent")
        validators: list[Any] = []


class MarkdownStepFilters(django_filters.FilterSet):
    storefront_id = TextFilter(field_name="storefront__external_id")

    class Meta:
        model = MarkdownStep
        fields: list[str] = []


class MarkdownSteps(DeletableEndpoints):
    """Steps of the automatic markdown: at or below this share of life left, so much off. Prices follow within minutes."""

    rows: QuerySet[Any] = MarkdownStep.objects.select_related("storefront").order_by("-pk")
    serializer_class = MarkdownStepOut
    filterset_class = MarkdownStepFilters
    orderings = {"freshness_percent": "freshness_percent"}
    operations = {"create": create_markdown_step, "partial_update": change_markdown_step, "destroy": delete_markdown_step}
    inputs = {"create": MarkdownStepIn, "partial_update": MarkdownStepIn}
