"""`/discounts`: reductions of listings' prices, which start and end by themselves."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import orchestrator
from inventory.api.names import SkuField
from inventory.enums import DiscountKind, DiscountReason
from inventory.models import Discount, Product
from warehouse.core.api.filters import NamedRowFilter, TextFilter
from warehouse.core.api.inputs import IdField, Input, MomentField, Nothing
from warehouse.core.errors import ValidationFailed
from warehouse.outbox.http import ReadEndpoints

MOST_LISTINGS = 1000


class DiscountOut(serializers.ModelSerializer):
    storefront_id = serializers.CharField(source="storefront_product.storefront.external_id")
    listing_id = serializers.CharField(source="storefront_product.external_listing_id")
    sku = serializers.CharField(source="storefront_product.product.sku")
    running = serializers.SerializerMethodField()

    class Meta:
        model = Discount
        fields = (
            "id", "storefront_product", "storefront_id", "listing_id", "sku", "kind", "value", "reason", "valid_from", "valid_to", "running", "automatic",
            "note", "created_at",
        )  # fmt: skip

    def get_running(self, row: Discount) -> bool:
        now = timezone.now()
        return row.valid_from <= now and (row.valid_to is None or row.valid_to > now)


class DiscountIn(Input):
    storefront_products = serializers.ListField(
        child=IdField(), required=False, allow_empty=False, max_length=MOST_LISTINGS, help_text="The listings, by the id of `/storefront-products`."
    )
    sku = SkuField(required=False, help_text="Instead: every listing of this product.")
    kind = serializers.ChoiceField(choices=DiscountKind.choices)
    value = serializers.DecimalField(
        max_digits=14, decimal_places=4, help_text="Percent, below 100, or an amount in the listing's currency that leaves something of its price."
    )
    reason = serializers.ChoiceField(choices=DiscountReason.choices, required=False)
    valid_from = MomentField(required=False, help_text="Default: now.")
    valid_to = MomentField(required=False, allow_null=True, help_text="It ends then, by itself; default: when it is ended.")
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class DiscountFilters(django_filters.FilterSet):
    storefront_product = django_filters.NumberFilter(field_name="storefront_product_id")
    storefront_id = TextFilter(field_name="storefront_product__storefront__external_id")
    listing_id = TextFilter(field_name="storefront_product__external_listing_id")
    sku = NamedRowFilter(Product, "sku__iexact", "storefront_product__product_id")
    reason = django_filters.MultipleChoiceFilter(choices=DiscountReason.choices)
    automatic = django_filters.BooleanFilter()
    running = django_filters.BooleanFilter(method="by_time")

    class Meta:
        model = Discount
        fields: list[str] = []

    def by_time(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        now = timezone.now()
        running = Q(valid_from__lte=now) & (Q(valid_to=None) | Q(valid_to__gt=now))
        return rows.filter(running) if value else rows.exclude(running)


class Discounts(ReadEndpoints):
    """Reductions of prices. Of several on a listing the one that makes its price lowest counts; the automatic ones are the markdown's."""

    rows: QuerySet[Any] = Discount.objects.select_related("storefront_product__storefront", "storefront_product__product").order_by("-pk")
    serializer_class = DiscountOut
    filterset_class = DiscountFilters
    orderings = {"valid_from": "valid_from", "valid_to": "valid_to"}
    operations = {"create": orchestrator.apply_discount, "end": orchestrator.end_discount}
    inputs = {"create": DiscountIn, "end": Nothing}
    outputs = {"create": DiscountOut(many=True)}
    described = frozenset({"create"})

    def create(self, request: Request) -> Response:
        """Reduce the price of listings, or of all listings of a product; one discount for each is answered."""
        body = self.body()
        product, listings = body.pop("sku", None), body.pop("storefront_products", [])
        if (product is None) == (not listings):
            raise ValidationFailed("Name the listings or the product, not both.", errors=[{"field": "storefront_products", "code": "required"}])
        return self.run(product_id=product.pk if product else None, listing_ids=listings, render=self.show_all, **body)

    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """End it now; one that has not begun never will."""
        self.body()
        return self.run(int(pk))

    def show_all(self, discounts: list[Discount]) -> Any:
        return DiscountOut(self.rows.filter(pk__in=[discount.pk for discount in discounts]).order_by("pk"), many=True).data
