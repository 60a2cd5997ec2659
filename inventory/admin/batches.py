"""Lots, and what of them lies where. Read-only: receiving makes them, the engine moves them."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.base import SiteRows
from inventory.enums import BatchStatus, BlockedReason
from inventory.models import Batch, BatchLocation
from warehouse.core.admin import BigTableAdmin, ReadOnlyInline, plain

BATCH_COLOURS = {BatchStatus.AVAILABLE: "success", BatchStatus.ON_HOLD: "warning", BatchStatus.RECALLED: "danger"}
BLOCKED_COLOURS = {
    BlockedReason.RECALLED: "danger",
    BlockedReason.HELD: "warning",
    BlockedReason.PLACE: "info",
    BlockedReason.EXPIRED: "danger",
}


class BatchContentsInline(ReadOnlyInline):
    model = BatchLocation
    fk_name = "batch"
    fields = ["location", "warehouse", "phase", "amount", "promised", "blocked_reason", "effective_expires_at"]
    readonly_fields = ["amount", "promised"]
    verbose_name_plural = "where it lies"

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return super().get_queryset(request).filter(has_stock=True).select_related("location", "warehouse", "batch")

    @display(description="quantity")
    def amount(self, row: BatchLocation) -> str:
        return plain(row.quantity)

    @display(description="reserved")
    def promised(self, row: BatchLocation) -> str:
        return plain(row.reserved)


@admin.register(Batch)
class BatchAdmin(BigTableAdmin):
    list_display = ["lot_number", "product", "label_expires_on", "supplier", "received_at", "price", "state"]
    list_select_related = ["product", "supplier"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("product", AutocompleteSelectFilter),
        ("label_expires_on", RangeDateFilter),
    ]
    search_fields = ["=lot_number"]
    search_help_text = "A lot number"
    inlines = [BatchContentsInline]

    @display(description="purchase price")
    def price(self, row: Batch) -> str:
        return f"{row.purchase_price:.2f} {row.currency}"

    @display(description="status", label=BATCH_COLOURS)
    def state(self, row: Batch) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(BatchLocation)
class BatchLocationAdmin(SiteRows, BigTableAdmin):
    """What lies in the places."""

    list_display = ["product", "batch", "location", "warehouse", "phase", "amount", "promised", "blocked", "effective_expires_at"]
    list_display_links = ["batch"]
    list_select_related = ["product", "batch", "location", "warehouse"]
    list_filter = [
        ("warehouse", RelatedDropdownFilter),
        ("product", AutocompleteSelectFilter),
        ("location", AutocompleteSelectFilter),
        ("blocked_reason", ChoicesDropdownFilter),
        ("effective_expires_at", RangeDateTimeFilter),
        "has_stock",
    ]
    search_fields = ["=batch__lot_number"]
    search_help_text = "A lot number"

    @display(description="quantity")
    def amount(self, row: BatchLocation) -> str:
        return plain(row.quantity)

    @display(description="reserved")
    def promised(self, row: BatchLocation) -> str:
        return plain(row.reserved)

    @display(description="not for sale", label=BLOCKED_COLOURS)
    def blocked(self, row: BatchLocation) -> tuple[str, str] | None:
        return (row.blocked_reason, row.get_blocked_reason_display()) if row.blocked_reason else None
