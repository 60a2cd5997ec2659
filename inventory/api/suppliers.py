"""`/suppliers`: who sends goods."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from inventory.api.catalogue import CatalogueEndpoints, ModelInput
from inventory.models import Supplier
from inventory.services.suppliers import change_supplier, create_supplier
from warehouse.core.api.filters import TextFilter

FIELDS = tuple(field.name for field in Supplier._meta.concrete_fields if not field.primary_key)


class SupplierOut(serializers.ModelSerializer):
    class Meta:
        model = Supplier
        fields = ("id", *FIELDS)


class SupplierIn(ModelInput):
    class Meta:
        model = Supplier
        fields = FIELDS


class SupplierFilters(django_filters.FilterSet):
    code = TextFilter()

    class Meta:
        model = Supplier
        fields: list[str] = []


class Suppliers(CatalogueEndpoints):
    """Who sends goods."""

    rows: QuerySet[Any] = Supplier.objects.all()
    serializer_class = SupplierOut
    filterset_class = SupplierFilters
    search_fields = ("code", "name")
    orderings = {"code": "code", "name": "name"}
    programs_read = False
    operations = {"create": create_supplier, "partial_update": change_supplier}
    inputs = {"create": SupplierIn, "partial_update": SupplierIn}
