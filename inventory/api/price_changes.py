"""`/price-changes`: what prices were."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.enums import PriceField
from inventory.models import PriceChange, Product
from warehouse.core.api.filters import MomentFilter, NamedRowFilter, TextFilter
from warehouse.outbox.http import ReadEndpoints


class PriceChangeOut(serializers.ModelSerializer):
    storefront_id = serializers.CharField(source="storefront_product.storefront.external_id")
    listing_id = serializers.CharField(source="storefront_product.external_listing_id")
    sku = serializers.CharField(source="storefront_product.product.sku")

    class Meta:
        model = PriceChange
        fields = (
            "id", "storefront_product", "storefront_id", "listing_id", "sku", "field", "before", "after", "currency", "reason", "changed_by", "changed_at",
        )  # fmt: skip


class PriceChangeFilters(django_filters.FilterSet):
    storefront_product = django_filters.NumberFilter(field_name="storefront_product_id")
    storefront_id = TextFilter(field_name="storefront_product__storefront__external_id")
    listing_id = TextFilter(field_name="storefront_product__external_listing_id")
    sku = NamedRowFilter(Product, "sku__iexact", "storefront_product__product_id")
    field = django_filters.MultipleChoiceFilter(choices=PriceField.choices)
    changed_from = MomentFilter(field_name="changed_at", lookup_expr="gte")
    changed_to = MomentFilter(field_name="changed_at", lookup_expr="lt")

    class Meta:
        model = PriceChange
        fields: list[str] = []


class PriceChanges(ReadEndpoints):
    """The history of listings' prices, the newest first. Nobody changes it."""

    rows: QuerySet[Any] = PriceChange.objects.select_related("storefront_product__storefront", "storefront_product__product").order_by("-pk")
    serializer_class = PriceChangeOut
    filterset_class = PriceChangeFilters
