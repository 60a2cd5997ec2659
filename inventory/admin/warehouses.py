from __future__ import annotations

from django.contrib import admin

from inventory.admin.base import SiteRows
from inventory.models import Warehouse
from inventory.services.warehouses import change_warehouse, create_warehouse
from warehouse.core.admin_forms import SavedByOperations


@admin.register(Warehouse)
class WarehouseAdmin(SavedByOperations, SiteRows):
    create_operation, change_operation = create_warehouse, change_warehouse
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
