"""What prices were: read-only."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from inventory.models import PriceChange
from warehouse.core.admin import BigTableAdmin
from warehouse.core.quantities import money


@admin.register(PriceChange)
class PriceChangeAdmin(BigTableAdmin):
    list_display = ["changed_at", "listing", "product", "field", "was", "is_now", "reason", "changed_by"]
    list_select_related = ["storefront_product__storefront", "storefront_product__product"]
    list_filter = [("field", ChoicesDropdownFilter), ("changed_at", RangeDateTimeFilter)]
    search_fields = ["=storefront_product__external_listing_id", "=storefront_product__product__sku"]
    search_help_text = "A listing or a SKU, exactly"

    @display(description="listing")
    def listing(self, row: PriceChange) -> str:
        return str(row.storefront_product)

    @display(description="product")
    def product(self, row: PriceChange) -> str:
        return str(row.storefront_product.product)

    @display(description="before")
    def was(self, row: PriceChange) -> str:
        return money(row.before, row.currency)

    @display(description="after")
    def is_now(self, row: PriceChange) -> str:
        return money(row.after, row.currency)
