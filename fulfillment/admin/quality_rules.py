"""Which picked goods are looked at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from fulfillment.models import QualityRule
from fulfillment.services.quality_rules import change_quality_rule, create_quality_rule, delete_quality_rule
from warehouse.core.admin import pairs
from warehouse.core.admin_forms import SavedByOperations, VersionedForm


@admin.register(QualityRule)
class QualityRuleAdmin(SavedByOperations):
    create_operation, change_operation, delete_operation = create_quality_rule, change_quality_rule, delete_quality_rule
    form = VersionedForm
    list_display = ["name", "goods", "storefront", "percent", "is_active"]
    list_select_related = ["product"]
    list_filter = ["is_active", ("product", RelatedDropdownFilter)]
    search_fields = ["name", "product__sku"]
    autocomplete_fields = ["product"]
    actions = None
    fieldsets = [(None, {"fields": pairs(["name", "share", "product", "storefront_external_id", "is_active"])})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        told = {
            "share": "So many of a hundred orders that fit, by chance.",
            "product": "Empty: whatever is in the order. With a product: all of an order that has it is looked at.",
            "storefront_external_id": "The order system's id of it. Empty: any.",
        }
        return super().get_form(request, obj, change, **kwargs | {"help_texts": told})

    @display(description="product", ordering="product__sku")
    def goods(self, row: QualityRule) -> str:
        return str(row.product or "any")

    @display(description="storefront", ordering="storefront_external_id")
    def storefront(self, row: QualityRule) -> str:
        return row.storefront_external_id or "any"

    @display(description="share", ordering="share")
    def percent(self, row: QualityRule) -> str:
        return f"{row.share} %"
