"""Files in and out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from import_export import resources
from import_export.formats import base_formats
from unfold.contrib.import_export.forms import ImportForm

from warehouse.core.exports import safe_cell

EXPORT_LIMIT = 50_000
IMPORT_LIMIT_BYTES = 5 * 1024 * 1024


class AnyCSV(base_formats.CSV):
    """CSV as people's spreadsheets write it: with commas or semicolons, with or without a byte order mark."""

    def create_dataset(self, in_stream: Any, **kwargs: Any) -> Any:
        text = in_stream.decode("utf-8-sig") if isinstance(in_stream, bytes) else in_stream.removeprefix("\ufeff")
        head = text.partition("\n")[0]
        return super().create_dataset(text, delimiter=";" if head.count(";") > head.count(",") else ",", **kwargs)


class SmallFileForm(ImportForm):
    """A file that can be shown before it is taken: the preview is a page."""

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > IMPORT_LIMIT_BYTES:
            raise ValidationError(f"The file has more than {IMPORT_LIMIT_BYTES // 1024**2} MB. Split it.")
        return file


class SafeResource(resources.ModelResource):
    """A file that a spreadsheet may open: a text that would begin a formula gets an apostrophe. Numbers stay numbers, negative ones too."""

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        cell = super().export_field(field, instance, **kwargs)
        return safe_cell(cell) if isinstance(cell, str) and isinstance(field.get_value(instance), str) else cell


class LimitedExport:
    """An export through the browser is built in memory: more than EXPORT_LIMIT rows are refused with what to do, not cut off in silence."""

    formats = [AnyCSV]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))  # type: ignore[attr-defined]

    def get_export_resource_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.get_export_queryset(request)  # type: ignore[attr-defined]

    def export_action(self, request: HttpRequest) -> HttpResponse:
        rows = self.get_export_queryset(request)  # type: ignore[attr-defined]
        beyond = rows.order_by().values_list("pk")[EXPORT_LIMIT : EXPORT_LIMIT + 1]
        if beyond.exists():
            messages.error(request, f"More than {EXPORT_LIMIT:,} rows. Narrow the list with the filters (a time, a warehouse) and export again.")
            return HttpResponseRedirect(request.path.replace("export/", ""))
        return super().export_action(request)  # type: ignore[misc]
