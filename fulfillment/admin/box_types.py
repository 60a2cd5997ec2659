"""The boxes that are kept."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from fulfillment.models import BoxType
from fulfillment.services.box_types import change_box_type, create_box_type, delete_box_type
from warehouse.core.admin import pairs, plain
from warehouse.core.admin_forms import SavedByOperations, VersionedForm


@admin.register(BoxType)
class BoxTypeAdmin(SavedByOperations):
    create_operation, change_operation, delete_operation = create_box_type, change_box_type, delete_box_type
    form = VersionedForm
    list_display = ["code", "name", "packaging_type", "inside", "weighs", "bears", "is_active"]
    list_filter = ["packaging_type", "is_active"]
    search_fields = ["code", "name"]
    actions = None
    fieldsets = [
        (None, {"fields": pairs(["code", "name", "packaging_type", "is_active"])}),
        ("Sides and weights", {"fields": [("length", "width", "height"), ("wall", "own_weight", "max_weight")]}),
    ]

    @display(description="inside, cm")
    def inside(self, row: BoxType) -> str:
        return " × ".join(plain(side) for side in (row.length, row.width, row.height))

    @display(description="weighs, kg")
    def weighs(self, row: BoxType) -> str:
        return plain(row.own_weight)

    @display(description="bears, kg")
    def bears(self, row: BoxType) -> str:
        return plain(row.max_weight)
