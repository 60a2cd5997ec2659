"""The boxes that are kept."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.decorators import display

from fulfillment.models import BoxType
from fulfillment.services.box_types import WRITTEN, change_box_type, create_box_type, delete_box_type
from warehouse.core.admin import actor_of, pairs, plain
from warehouse.core.admin_forms import RefusalsSaid


@admin.register(BoxType)
class BoxTypeAdmin(RefusalsSaid):
    list_display = ["code", "name", "packaging_type", "inside", "weighs", "bears", "is_active"]
    list_filter = ["packaging_type", "is_active"]
    search_fields = ["code", "name"]
    actions = None
    fieldsets = [
        (None, {"fields": pairs(["code", "name", "packaging_type", "is_active"])}),
        ("Sides and weights", {"fields": [("length", "width", "height"), ("wall", "own_weight", "max_weight")]}),
    ]

    def save_model(self, request: HttpRequest, obj: BoxType, form: ModelForm[Any], change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in (form.changed_data if change else WRITTEN) if name in form.cleaned_data}
        if not change:
            obj.pk = create_box_type.inside(values, actor=actor_of(request)).pk
            obj._state.adding = False
        elif values:
            change_box_type.inside(obj.pk, values, actor=actor_of(request))
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: BoxType) -> None:
        delete_box_type.inside(obj.pk, actor=actor_of(request))

    @display(description="inside, cm")
    def inside(self, row: BoxType) -> str:
        return " × ".join(plain(side) for side in (row.length, row.width, row.height))

    @display(description="weighs, kg")
    def weighs(self, row: BoxType) -> str:
        return plain(row.own_weight)

    @display(description="bears, kg")
    def bears(self, row: BoxType) -> str:
        return plain(row.max_weight)
