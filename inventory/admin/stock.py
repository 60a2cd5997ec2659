"""Totals per product and warehouse."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from import_export import fields
from import_export.admin import ExportMixin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.contrib.import_export.forms import SelectableFieldsExportForm
from unfold.decorators import display

from inventory.admin.base import SiteFilter, SiteRows
from inventory.admin.export import LimitedExport, SafeResource
from inventory.enums import StockStatus
from inventory.models import Product, Stock
from inventory.services.stock_settings import set_low_stock_threshold
from warehouse.core.admin import BigTableAdmin, plain
from warehouse.core.admin_steps import Step, StepForm, StepsAdmin, quantity_field

COLOURS = {StockStatus.IN_STOCK: "success", StockStatus.LOW_STOCK: "warning", StockStatus.OUT_OF_STOCK: "danger"}
SEARCHED_PRODUCTS = 500


class ThresholdForm(StepForm):
    threshold = quantity_field("Low below or at", help_text="In the product's base unit.")


class StockResource(SafeResource):
    product = fields.Field(attribute="product__sku", column_name="sku")
    name = fields.Field(attribute="product__name", column_name="name")
    warehouse = fields.Field(attribute="warehouse__code", column_name="warehouse")

    class Meta:
        model = Stock
        fields = ["id", "product", "name", "warehouse", "quantity", "reserved", "blocked", "available", "low_stock_threshold", "status", "updated_at"]
        export_order = fields


@admin.register(Stock)
class StockAdmin(LimitedExport, ExportMixin, StepsAdmin, SiteRows, BigTableAdmin):
    resource_classes = [StockResource]
    export_form_class = SelectableFieldsExportForm
    list_display = ["product", "warehouse", "on_hand", "promised", "not_sellable", "free", "threshold", "state", "updated_at"]
    list_display_links = ["product"]
    list_select_related = ["product", "warehouse"]
    list_filter = [("warehouse", SiteFilter), ("status", ChoicesDropdownFilter), ("product", AutocompleteSelectFilter)]
    search_fields = ["product__sku"]
    search_help_text = "A SKU or a part of a name"
    steps = [
        Step(
            "set_threshold",
            "Set threshold",
            set_low_stock_threshold,
            possible=lambda row: True,
            form=ThresholdForm,
            icon="tune",
            version="settings_version",
            call=lambda row, arguments, actor, version: set_low_stock_threshold(
                row.pk, arguments["threshold"], actor=actor, expected_version=version
            ),
        )
    ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Find the products first: they are few and the totals are many."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Product.objects.filter(Q(sku__icontains=term) | Q(name__icontains=term)).values_list("pk", flat=True)[:SEARCHED_PRODUCTS]
        return queryset.filter(product__in=list(found)), False

    @display(description="quantity")
    def on_hand(self, row: Stock) -> str:
        return plain(row.quantity)

    @display(description="reserved")
    def promised(self, row: Stock) -> str:
        return plain(row.reserved)

    @display(description="blocked")
    def not_sellable(self, row: Stock) -> str:
        return plain(row.blocked)

    @display(description="available")
    def free(self, row: Stock) -> str:
        return plain(row.available)

    @display(description="low at")
    def threshold(self, row: Stock) -> str:
        return plain(row.low_stock_threshold)

    @display(description="status", label=COLOURS)
    def state(self, row: Stock) -> tuple[str, str]:
        return row.status, row.get_status_display()
