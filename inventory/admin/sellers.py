from __future__ import annotations

from django.contrib import admin

from inventory.models import Seller
from warehouse.core.admin import RoleAdmin


@admin.register(Seller)
class SellerAdmin(RoleAdmin):
    list_display = ["code", "name"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["members"]
