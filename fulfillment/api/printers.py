"""`/printers`: label printers in the network."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fulfillment.api.names import named_warehouse
from fulfillment.enums import LabelFormat
from fulfillment.models import Printer
from fulfillment.services.printers import change_printer, create_printer, delete_printer
from warehouse.core.api.filters import TextFilter
from warehouse.core.api.inputs import CodeField, Input
from warehouse.outbox.http import ReadEndpoints


class PrinterOut(serializers.ModelSerializer):
    warehouse = serializers.CharField(source="warehouse.code")

    class Meta:
        model = Printer
        fields = ("id", "warehouse", "name", "host", "port", "label_format", "is_active", "version")


class PrinterPatch(Input):
    """Values of a printer."""

    name = serializers.CharField(max_length=100, required=False)
    host = serializers.CharField(max_length=200, required=False, help_text="An address or a name within PRINTER_NETWORKS.")
    port = serializers.IntegerField(min_value=1, max_value=65535, required=False, help_text="Default: 9100.")
    label_format = serializers.ChoiceField(choices=LabelFormat.choices, required=False, help_text="What it takes.")
    is_active = serializers.BooleanField(required=False)


class PrinterIn(PrinterPatch):
    """A printer."""

    warehouse = CodeField(max_length=40)
    name = serializers.CharField(max_length=100)
    host = serializers.CharField(max_length=200, help_text="An address or a name within PRINTER_NETWORKS.")


class PrinterFilters(django_filters.FilterSet):
    warehouse = TextFilter(field_name="warehouse__code")
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = Printer
        fields: list[str] = []


class Printers(ReadEndpoints):
    """Label printers in the network. What is sent to them stands in `/label-prints`."""

    rows: QuerySet[Any] = Printer.objects.select_related("warehouse").order_by("pk")
    programs_read = False
    serializer_class = PrinterOut
    filterset_class = PrinterFilters
    version_field = "version"
    operations = {"create": create_printer, "partial_update": change_printer, "destroy": delete_printer}
    inputs = {"create": PrinterIn, "partial_update": PrinterPatch}

    def create(self, request: Request) -> Response:
        """Add a printer."""
        values = self.body()
        return self.run({"warehouse_id": named_warehouse({"warehouse": values.pop("warehouse")}), **values})

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; If-Match is demanded."""
        return self.run(int(pk), self.body())

    def destroy(self, request: Request, pk: str) -> Response:
        """Take out a printer that never printed."""
        delete_printer(int(pk), actor=self.actor)
        return Response(status=204)
