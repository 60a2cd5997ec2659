from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from inventory.admin.base import SiteFilter, SiteRows
from inventory.models import Location
from inventory.services.locations import change_location, create_location
from warehouse.core import code128
from warehouse.core.admin import actor_of
from warehouse.core.admin_forms import SavedByOperations, VersionedForm, seen, values_of

FIXED = ["warehouse", "kind"]


class LocationForm(VersionedForm):
    """A place. What the goods in it are judged by may change: then they are judged again."""

    release_reservations = forms.BooleanField(
        required=False,
        label="promises may move",
        help_text="Closing it, promises of goods there go to other goods, or are released where there are none. Else they keep it open.",
    )

    class Meta:
        model = Location
        fields = "__all__"  # the page's fieldsets say which


@admin.register(Location)
class LocationAdmin(SavedByOperations, SiteRows):
    create_operation, change_operation = create_location, change_location
    form = LocationForm
    autocomplete_fields = ["fixed_product"]
    list_display = ["code", "warehouse", "kind", "condition", "zone", "pick_sequence", "fixed_product", "is_pickable", "is_active"]
    list_select_related = ["warehouse", "fixed_product"]
    list_filter = [
        ("warehouse", SiteFilter),
        ("kind", ChoicesDropdownFilter),
        ("condition", ChoicesDropdownFilter),
        "is_pickable",
        "is_active",
    ]
    search_fields = ["code", "=barcode", "zone", "=warehouse__code"]
    actions = ["print_labels"]
    where = ("Where it is", {"fields": ["zone", "aisle", "bay", "level", "pick_sequence", "x", "y"]})

    @admin.action(description="Print labels", permissions=["view"])
    def print_labels(self, request: HttpRequest, queryset: QuerySet[Location]) -> HttpResponse:
        """A sheet of labels with barcodes for the chosen places."""
        labels = [{"place": place, "barcode": code128.svg(place.barcode)} for place in queryset.select_related("warehouse")]
        return render(request, "documents/locations/labels.html", {"labels": labels})

    def get_fieldsets(self, request: HttpRequest, obj: Location | None = None) -> list[Any]:
        change = ["release_reservations", "seen_version"] if obj and self.has_change_permission(request, obj) else []
        judging = ["condition", "is_pickable", "is_active", *change]
        return [(None, {"fields": ["warehouse", "code", "barcode", "kind", *judging, "exposure", "fixed_product"]}), self.where]

    def get_readonly_fields(self, request: HttpRequest, obj: Location | None = None) -> list[str]:
        return FIXED if obj else []

    def save_model(self, request: HttpRequest, obj: Location, form: forms.ModelForm[Location], change: bool) -> None:
        values = values_of(obj, form.changed_data) if change else {}
        if not change:
            super().save_model(request, obj, form, change)
        elif values:
            may_move = bool(form.cleaned_data.get("release_reservations"))
            change_location.inside(obj.pk, values, release_reservations=may_move, actor=actor_of(request), **seen(form))
            obj.refresh_from_db()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """An autocomplete of a place offers only places that are in use."""
        rows, duplicates = super().get_search_results(request, queryset, search_term)
        if "autocomplete" in request.path:
            rows = rows.filter(is_active=True).select_related("warehouse")
        return rows, duplicates

    def completion(self, row: Location) -> str:
        """Every warehouse has an A-01."""
        return f"{row.code} ({row.warehouse.code})"
