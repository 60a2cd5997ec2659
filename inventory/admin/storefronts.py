"""Storefronts and their listings, whose prices, discounts and history are read here and changed by operations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.discounts import ADD_DISCOUNT, END_ONE, STATES, state_of
from inventory.models import Discount, PriceChange, Storefront, StorefrontProduct
from inventory.services.storefronts import change_listing, change_storefront, create_listing, create_storefront
from warehouse.core.admin import ReadOnlyInline, plain
from warehouse.core.admin_forms import SavedByOperations
from warehouse.core.admin_steps import StepsAdmin
from warehouse.core.quantities import money

SHOWN = 20


@admin.register(Storefront)
class StorefrontAdmin(SavedByOperations):
    create_operation, change_operation = create_storefront, change_storefront
    list_display = ["external_id", "name", "seller"]
    list_select_related = ["seller"]
    search_fields = ["external_id", "name"]
    autocomplete_fields = ["seller"]


class Newest(ReadOnlyInline):
    """The newest rows of a listing."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        match = request.resolver_match
        of = int(match.kwargs.get("object_id", 0)) if match else 0
        newest = self.model._default_manager.filter(storefront_product=of).order_by("-pk")[:SHOWN]
        return super().get_queryset(request).filter(pk__in=list(newest.values_list("pk", flat=True))).order_by("-pk")


class DiscountInline(Newest):
    model = Discount
    fields = ["state", "off", "reason", "valid_from", "valid_to", "automatic", "note", "created_by"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("created_by", "storefront_product")

    @display(description="state", label=STATES)
    def state(self, row: Discount) -> str:
        return state_of(row)

    @display(description="off")
    def off(self, row: Discount) -> str:
        return row.told


class PriceChangeInline(Newest):
    model = PriceChange
    verbose_name_plural = "history of prices"
    fields = ["changed_at", "field", "was", "is_now", "reason", "changed_by"]
    readonly_fields = fields

    @display(description="before")
    def was(self, row: PriceChange) -> str:
        return money(row.before, row.currency)

    @display(description="after")
    def is_now(self, row: PriceChange) -> str:
        return money(row.after, row.currency)


@admin.register(StorefrontProduct)
class StorefrontProductAdmin(StepsAdmin, SavedByOperations):
    create_operation, change_operation = create_listing, change_listing
    list_display = ["external_listing_id", "storefront", "product", "price", "buyers_pay", "purchase_price", "currency", "copied_stock"]
    list_display_links = ["external_listing_id"]
    list_select_related = ["storefront", "product"]
    list_filter = [("storefront", RelatedDropdownFilter), ("product", AutocompleteSelectFilter)]
    search_fields = ["=external_listing_id", "product__sku"]
    autocomplete_fields = ["storefront", "product"]
    readonly_fields = ["buyers_pay", "copied_stock"]
    inlines = [DiscountInline, PriceChangeInline]
    steps = [ADD_DISCOUNT, END_ONE]

    def get_inlines(self, request: HttpRequest, obj: StorefrontProduct | None) -> list[Any]:
        return list(self.inlines) if obj else []

    @display(description="after discounts")
    def buyers_pay(self, row: StorefrontProduct) -> str:
        return money(row.effective_price, row.currency)

    @display(description="stock (copy)")
    def copied_stock(self, row: StorefrontProduct) -> str:
        return plain(row.stock_quantity)
