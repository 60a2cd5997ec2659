"""`/storefronts` and `/storefront-products`: where goods are offered, under which listing and for how much."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import CatalogueEndpoints, DeletableEndpoints, ModelInput
from inventory.api.names import SellerField, SkuField, StorefrontField
from inventory.models import Product, Storefront, StorefrontProduct
from inventory.services.storefronts import change_listing, change_storefront, create_listing, create_storefront, delete_listing
from warehouse.core.api.filters import NamedRowFilter, TextFilter


class StorefrontOut(serializers.ModelSerializer):
    seller = serializers.CharField(source="seller.code", default=None, allow_null=True)

    class Meta:
        model = Storefront
        fields = ("id", "external_id", "name", "seller")


class StorefrontIn(ModelInput):
    seller = SellerField(required=False, allow_null=True)

    class Meta:
        model = Storefront
        fields = ("external_id", "name", "seller")


class StorefrontFilters(django_filters.FilterSet):
    external_id = TextFilter()

    class Meta:
        model = Storefront
        fields: list[str] = []


class Storefronts(CatalogueEndpoints):
    """Sales channels."""

    rows: QuerySet[Any] = Storefront.objects.select_related("seller")
    serializer_class = StorefrontOut
    filterset_class = StorefrontFilters
    search_fields = ("external_id", "name")
    orderings = {"name": "name"}
    operations = {"create": create_storefront, "partial_update": change_storefront}
    inputs = {"create": StorefrontIn, "partial_update": StorefrontIn}


class StorefrontProductOut(serializers.ModelSerializer):
    storefront_id = serializers.CharField(source="storefront.external_id")
    listing_id = serializers.CharField(source="external_listing_id")
    sku = serializers.CharField(source="product.sku")
    effective_price = serializers.DecimalField(max_digits=14, decimal_places=4, read_only=True, help_text="What a buyer pays: after discounts.")

    class Meta:
        model = StorefrontProduct
        fields = (
            "id", "storefront_id", "listing_id", "product", "sku", "purchase_price", "price", "effective_price", "currency", "markup_percent",
            "stock_quantity",
        )  # fmt: skip


class StorefrontProductIn(ModelInput):
    storefront_id = StorefrontField(source="storefront")
    listing_id = serializers.CharField(source="external_listing_id", max_length=64)
    sku = SkuField(source="product")

    class Meta:
        model = StorefrontProduct
        fields = ("storefront_id", "listing_id", "sku", "purchase_price", "price", "currency", "markup_percent")
        validators: list[Any] = []


class StorefrontProductFilters(django_filters.FilterSet):
    storefront_id = TextFilter(field_name="storefront__external_id")
    listing_id = TextFilter(field_name="external_listing_id")
    sku = NamedRowFilter(Product, "sku__iexact", "product_id")

    class Meta:
        model = StorefrontProduct
        fields = ("product",)


class StorefrontProducts(DeletableEndpoints):
    """Listings: a product on the page of a storefront. `stock_quantity` follows the stock events."""

    rows: QuerySet[Any] = StorefrontProduct.objects.select_related("storefront", "product").order_by("-pk")
    serializer_class = StorefrontProductOut
    filterset_class = StorefrontProductFilters
    search_fields = ("external_listing_id", "product__sku", "product__name")
    orderings = {"listing_id": "external_listing_id", "sku": "product__sku"}
    operations = {"create": create_listing, "partial_update": change_listing, "destroy": delete_listing}
    inputs = {"create": StorefrontProductIn, "partial_update": StorefrontProductIn}
