from __future__ import annotations

from django.contrib import admin

from inventory.models import Supplier
from warehouse.core.admin import RoleAdmin


@admin.register(Supplier)
class SupplierAdmin(RoleAdmin):
    list_display = ["code", "name", "email", "phone", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["code", "name"]
