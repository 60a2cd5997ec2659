"""How people walk in a warehouse, and its map."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from fulfillment.admin.site_maps import site_map_view
from fulfillment.models import WalkSettings
from fulfillment.services.walk_settings import WRITTEN, change_walk_settings, create_walk_settings, delete_walk_settings
from warehouse.core.admin import RoleAdmin, actor_of, pairs
from warehouse.core.errors import DomainError

FIELDS = [name.removesuffix("_id") for name in WRITTEN]


class WalkSettingsForm(forms.ModelForm):
    class Meta:
        model = WalkSettings
        fields = FIELDS

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        warehouse, depot = values.get("warehouse") or self.instance.warehouse, values.get("depot")
        if depot is not None and depot.warehouse_id != warehouse.pk:
            self.add_error("depot", "Name a place of this warehouse.")
        return values


@admin.register(WalkSettings)
class WalkSettingsAdmin(RoleAdmin):
    form = WalkSettingsForm
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

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page; what an operation refuses is said on it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.detail)
            return HttpResponseRedirect(request.get_full_path())

    @display(description="warehouse", ordering="warehouse__code")
    def site(self, row: WalkSettings) -> str:
        return str(row.warehouse)

    def save_model(self, request: HttpRequest, obj: WalkSettings, form: Any, change: bool) -> None:
        changed = {name for name in WRITTEN if not change or name.removesuffix("_id") in form.changed_data}
        values = {name: getattr(obj, name) for name in WRITTEN if name in changed}
        if not change:
            obj.pk = create_walk_settings.inside(values, actor=actor_of(request)).pk
            obj._state.adding = False
        elif values:
            change_walk_settings.inside(obj.pk, values, actor=actor_of(request))
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: WalkSettings) -> None:
        delete_walk_settings.inside(obj.pk, actor=actor_of(request))
