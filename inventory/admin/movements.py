"""The ledger: read, searched and exported, never changed."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from import_export import fields, resources
from import_export.admin import ExportMixin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.contrib.import_export.forms import SelectableFieldsExportForm
from unfold.decorators import display

from inventory.admin.base import SiteFilter, SiteRows
from inventory.admin.export import LimitedExport, SafeResource
from inventory.enums import MovementType
from inventory.models import Batch, Movement, Product
from inventory.queries.movement_export import COLUMNS
from warehouse.core.admin import BigTableAdmin, plain, signed
from warehouse.core.exports import cell

COLOURS = {
    MovementType.RECEIVING: "success",
    MovementType.RETURN_TO_STOCK: "success",
    MovementType.SALE: "info",
    MovementType.OFFLINE_SALE: "info",
    MovementType.RESERVATION: "primary",
    MovementType.RELEASE: "primary",
    MovementType.WRITE_OFF: "danger",
    MovementType.ADJUSTMENT: "warning",
}


class LedgerRows(SafeResource):
    """The ledger as a file, cell by cell as every face writes it."""

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> str:
        return cell(field.get_value(instance))


MovementResource = resources.modelresource_factory(
    Movement,
    LedgerRows,
    meta_options={"fields": list(COLUMNS), "export_order": list(COLUMNS)},
    custom_fields={name: fields.Field(attribute=path, column_name=name) for name, path in COLUMNS.items()},
)


@admin.register(Movement)
class MovementAdmin(LimitedExport, ExportMixin, SiteRows, BigTableAdmin):
    resource_classes = [MovementResource]
    export_form_class = SelectableFieldsExportForm
    # Pairs share a column, so that a line of the ledger fits into a desk of 1280 pixels.
    list_display = ["occurred_at", "kind", "goods", "place", "change", "after", "papers", "performed_by"]
    list_select_related = ["product", "batch", "location", "warehouse"]
    list_filter = [
        ("type", ChoicesDropdownFilter),
        ("warehouse", SiteFilter),
        ("product", AutocompleteSelectFilter),
        ("location", AutocompleteSelectFilter),
        ("occurred_at", RangeDateTimeFilter),
        ("document_type", ChoicesDropdownFilter),
    ]
    search_fields = ["order_ref"]
    search_help_text = "An order reference, a SKU or a lot number, exactly"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Exact terms only, each through an index: a search through the text of the whole ledger would take minutes.

        What the term names is looked up before: only the lines of one thing can be read newest first by its index.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        products = list(Product.objects.filter(sku__iexact=term).values_list("pk", flat=True))
        batches = list(Batch.objects.filter(lot_number__iexact=term).values_list("pk", flat=True))
        wanted = [Q(**{f"{name}__in": ids}) for name, ids in (("product", products), ("batch", batches)) if ids]
        if not wanted or Movement.objects.filter(order_ref=term).exists():
            wanted.append(Q(order_ref=term))
        return queryset.filter(reduce(or_, wanted)), False

    @display(description="type", label=COLOURS)
    def kind(self, row: Movement) -> tuple[str, str]:
        return row.type, row.get_type_display()

    @display(description="product, lot", header=True)
    def goods(self, row: Movement) -> tuple[str, str]:
        return row.product.sku, row.batch.lot_number

    @display(description="location, site", header=True)
    def place(self, row: Movement) -> tuple[str, str]:
        return row.location.code, row.warehouse.code

    @display(description="change", header=True)
    def change(self, row: Movement) -> tuple[str, str]:
        return signed(row.quantity_change), f"{signed(row.reserved_change)} reserved"

    @display(description="then there", header=True)
    def after(self, row: Movement) -> tuple[str, str]:
        return plain(row.quantity_after), f"{plain(row.reserved_after)} reserved"

    @display(description="order, document", header=True)
    def papers(self, row: Movement) -> tuple[str, str]:
        return row.order_ref, f"{row.get_document_type_display()} {row.document_id}" if row.document_type else ""
