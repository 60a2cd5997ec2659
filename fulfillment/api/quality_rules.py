"""`/quality-rules`: which picked goods are looked at before they are packed."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.models import QualityRule
from fulfillment.services.quality_rules import change_quality_rule, create_quality_rule, delete_quality_rule
from inventory import orchestrator
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, Input
from warehouse.outbox.http import ReadEndpoints


class QualityRuleOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku", default=None, allow_null=True)
    storefront_id = serializers.CharField(source="storefront_external_id")

    class Meta:
        model = QualityRule
        fields = ("id", "name", "sku", "storefront_id", "share", "is_active", "created_at", "updated_at", "version")


class QualityRuleChange(Input):
    name = serializers.CharField(max_length=100, required=False)
    sku = CodeField(required=False, allow_null=True, help_text="Orders with this product; null: with any.")
    storefront_id = CodeField(required=False, allow_blank=True, help_text="Orders of this storefront; empty: of any.")
    share = serializers.IntegerField(min_value=1, max_value=100, required=False, help_text="So many of a hundred, by chance. Default: all.")
    is_active = serializers.BooleanField(required=False)


class QualityRuleIn(QualityRuleChange):
    name = serializers.CharField(max_length=100)


class QualityRuleFilters(django_filters.FilterSet):
    sku = TextFilter(field_name="product__sku", lookup_expr="iexact")
    storefront_id = TextFilter(field_name="storefront_external_id")
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = QualityRule
        fields: list[str] = []


class QualityRules(ReadEndpoints):
    """Rules of the quality check. Each that fits an order, and whose draw says so, has its picked goods looked at."""

    rows: QuerySet[Any] = QualityRule.objects.select_related("product").order_by("-pk")
    serializer_class = QualityRuleOut
    filterset_class = QualityRuleFilters
    search_fields = ("name", "product__sku")
    orderings = {"name": "name"}
    version_field = "version"
    operations = {"create": create_quality_rule, "partial_update": change_quality_rule, "destroy": delete_quality_rule}
    inputs = {"create": QualityRuleIn, "partial_update": QualityRuleChange}
    described = frozenset({"create", "partial_update", "destroy"})

    def create(self, request: Request) -> Response:
        """Add a rule."""
        return self.run(_values(self.body()))

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; If-Match is demanded."""
        return self.run(int(pk), _values(self.body()))

    def destroy(self, request: Request, pk: str) -> Response:
        """Take it out; checks that were asked for already stay."""
        self.operations["destroy"](self.get_object().pk, actor=self.actor)
        return Response(status=204)


def _values(body: dict[str, Any]) -> dict[str, Any]:
    """As the operations take them: the product by its id."""
    if "storefront_id" in body:
        body["storefront_external_id"] = body.pop("storefront_id")
    if "sku" in body:
        sku = body.pop("sku")
        body["product_id"] = orchestrator.product_named(sku) if sku else None
    return body
