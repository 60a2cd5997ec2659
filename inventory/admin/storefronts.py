from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.base import SavedByOperations
from inventory.models import Storefront, StorefrontProduct
from inventory.services.storefronts import change_listing, change_storefront, create_listing, create_storefront
from warehouse.core.admin import plain


@admin.register(Storefront)
class StorefrontAdmin(SavedByOperations):
    create_operation, change_operation = create_storefront, change_storefront
    list_display = ["external_id", "name", "seller"]
    list_select_related = ["seller"]
    search_fields = ["external_id", "name"]
    autocomplete_fields = ["seller"]


@admin.register(StorefrontProduct)
class StorefrontProductAdmin(SavedByOperations):
    create_operation, change_operation = create_listing, change_listing
    list_display = ["external_listing_id", "storefront", "product", "price", "purchase_price", "currency", "copied_stock"]
    list_display_links = ["external_listing_id"]
    list_select_related = ["storefront", "product"]
    list_filter = [("storefront", RelatedDropdownFilter), ("product", AutocompleteSelectFilter)]
    search_fields = ["=external_listing_id", "product__sku"]
    autocomplete_fields = ["storefront", "product"]
    readonly_fields = ["copied_stock"]

    @display(description="stock (copy)")
    def copied_stock(self, row: StorefrontProduct) -> str:
        return plain(row.stock_quantity)
