from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from inventory.models import Seller
from inventory.services.sellers import change_seller, create_seller, set_members
from warehouse.core.admin import actor_of
from warehouse.core.admin_forms import SavedByOperations


@admin.register(Seller)
class SellerAdmin(SavedByOperations):
    create_operation, change_operation = create_seller, change_seller
    list_display = ["code", "name"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["members"]

    def save_related(self, request: HttpRequest, form: forms.ModelForm[Seller], formsets: Any, change: bool) -> None:
        if "members" in form.changed_data:
            set_members.inside(form.instance.pk, [user.pk for user in form.cleaned_data["members"]], actor=actor_of(request))
