"""Label printers, and what was sent to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from fulfillment.enums import PrintStatus
from fulfillment.models import LabelPrint, Package, Printer
from fulfillment.services.printers import change_printer, create_printer, delete_printer, judge_host
from warehouse.core.admin import BigTableAdmin, pairs
from warehouse.core.admin_forms import SavedByOperations, VersionedForm


class PrinterForm(VersionedForm):
    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"].strip()
        if wrong := judge_host(host):
            raise forms.ValidationError(wrong)
        return host


@admin.register(Printer)
class PrinterAdmin(SavedByOperations):
    create_operation, change_operation, delete_operation = create_printer, change_printer, delete_printer
    form = PrinterForm
    list_display = ["name", "warehouse", "host", "port", "label_format", "is_active"]
    list_select_related = ["warehouse"]
    list_filter = [("warehouse", RelatedDropdownFilter), "is_active"]
    search_fields = ["name", "host"]
    actions = None
    fieldsets = [(None, {"fields": pairs(["warehouse", "name", "host", "port", "label_format", "is_active"])})]


COLOURS = {PrintStatus.QUEUED: "default", PrintStatus.SENDING: "info", PrintStatus.PRINTED: "success", PrintStatus.FAILED: "danger"}


@admin.register(LabelPrint)
class LabelPrintAdmin(BigTableAdmin):
    list_display = ["number", "package", "what", "printer", "state", "requested_by", "requested_at", "error"]
    list_display_links = ["number"]
    list_select_related = ["package", "printer", "requested_by"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("printer", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("requested_at", RangeDateTimeFilter),
    ]
    search_fields = ["package__barcode"]
    search_help_text = "A package's number"
    fields = pairs(["package", "printer", "kind", "status", "requested_by", "requested_at", "claimed_at", "finished_at", "error"])

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().upper()
        if not term:
            return queryset, False
        return queryset.filter(package__in=Package.objects.filter(barcode=term).values("pk")), False

    @display(description="label")
    def number(self, row: LabelPrint) -> str:
        return str(row.pk)

    @display(description="kind")
    def what(self, row: LabelPrint) -> str:
        return row.get_kind_display()

    @display(description="status", label=COLOURS)
    def state(self, row: LabelPrint) -> tuple[str, str]:
        return row.status, row.get_status_display()
