from __future__ import annotations

from django.contrib import admin

from inventory.models import Supplier
from inventory.services.suppliers import change_supplier, create_supplier
from warehouse.core.admin_forms import SavedByOperations


@admin.register(Supplier)
class SupplierAdmin(SavedByOperations):
    create_operation, change_operation = create_supplier, change_supplier
    list_display = ["code", "name", "email", "phone", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["code", "name"]
