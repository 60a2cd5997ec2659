"""How people walk in a warehouse, and its map."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from fulfillment.admin.site_maps import site_map_view
from fulfillment.models import WalkSettings
from fulfillment.services.walk_settings import change_walk_settings, create_walk_settings, delete_walk_settings
from warehouse.core.admin import pairs
from warehouse.core.admin_forms import SavedByOperations, VersionedForm


@admin.register(WalkSettings)
class WalkSettingsAdmin(SavedByOperations):
    create_operation, change_operation, delete_operation = create_walk_settings, change_walk_settings, delete_walk_settings
    form = VersionedForm
    list_display = ["site", "method", "cold_last", "depot", "batching", "totes", "waves_only"]
    list_display_links = ["site"]
    list_select_related = ["warehouse", "depot"]
    list_filter = [("warehouse", RelatedDropdownFilter), "method", "waves_only"]
    search_fields = ["warehouse__code", "warehouse__name"]
    autocomplete_fields = ["warehouse", "depot"]
    actions = None
    fieldsets = [
        (None, {"fields": pairs(["warehouse", "depot", "method", "cold_last", "waves_only"])}),
        (
            "Where coordinates are missing",
            {
                "fields": pairs(["aisle_spacing", "bay_length", "middle_cross_aisle"]),
                "description": "Places with x and y lie there. Others lie in their aisle by the number of their bay.",
            },
        ),
        (
            "Orders picked together",
            {
                "fields": pairs(["batching", "totes", "max_items", "max_volume", "max_weight"]),
                "description": "What one cart takes. An empty limit is none.",
            },
        ),
    ]

    def get_urls(self) -> list[Any]:
        """With the maps of the warehouses."""
        return [path("map/", self.admin_site.admin_view(site_map_view), name="fulfillment_map"), *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: WalkSettings | None = None) -> list[str]:
        return ["warehouse"] if obj else []

    @display(description="warehouse", ordering="warehouse__code")
    def site(self, row: WalkSettings) -> str:
        return str(row.warehouse)
