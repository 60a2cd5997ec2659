from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter

from inventory.admin.base import SavedByOperations, SiteRows
from inventory.models import Location
from inventory.services.locations import change_location, create_location
from warehouse.core import code128

# They decide what is sellable: from the first day on they change by an operation only.
FIXED = ["warehouse", "kind", "condition", "is_pickable", "is_active"]


@admin.register(Location)
class LocationAdmin(SavedByOperations, SiteRows):
    create_operation, change_operation = create_location, change_location
    list_display = ["code", "warehouse", "kind", "condition", "zone", "pick_sequence", "is_pickable", "is_active"]
    list_select_related = ["warehouse"]
    list_filter = [
        ("warehouse", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("condition", ChoicesDropdownFilter),
        "is_pickable",
        "is_active",
    ]
    search_fields = ["code", "=barcode", "zone"]
    actions = ["print_labels"]
    fieldsets = [
        (None, {"fields": ["warehouse", "code", "barcode", "kind", "condition", "is_pickable", "is_active"]}),
        ("Where it is", {"fields": ["zone", "aisle", "bay", "level", "pick_sequence", "x", "y"]}),
    ]

    @admin.action(description="Print labels", permissions=["view"])
    def print_labels(self, request: HttpRequest, queryset: QuerySet[Location]) -> HttpResponse:
        """A sheet of labels with barcodes for the chosen places."""
        labels = [{"place": place, "barcode": code128.svg(place.barcode)} for place in queryset.select_related("warehouse")]
        return render(request, "documents/locations/labels.html", {"labels": labels})

    def get_readonly_fields(self, request: HttpRequest, obj: Location | None = None) -> list[str]:
        return FIXED if obj else []

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """An autocomplete of a place offers only places that are in use."""
        rows, duplicates = super().get_search_results(request, queryset, search_term)
        if "autocomplete" in request.path:
            rows = rows.filter(is_active=True)
        return rows, duplicates
