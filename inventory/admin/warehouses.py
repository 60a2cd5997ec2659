from __future__ import annotations

from django.contrib import admin

from inventory.admin.base import SiteRows
from inventory.models import Warehouse


@admin.register(Warehouse)
class WarehouseAdmin(SiteRows):
    site_path = ""
    list_display = ["code", "name", "kind", "city", "external_id", "priority", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name", "city", "=external_id"]
    autocomplete_fields = ["seller"]
    fieldsets = [
        (None, {"fields": ["code", "name", "external_id", "kind", "is_active", "priority", "seller"]}),
        ("Address", {"fields": ["street", "postal_code", "city", "country", "time_zone"]}),
        ("Contact", {"fields": ["contact_name", "phone"]}),
    ]
