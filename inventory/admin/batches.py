"""Lots, and what of them lies where. Receiving makes them, the engine moves them; here they are held, released, recalled and traced."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter, RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from inventory.admin.base import SiteFilter, SiteRows
from inventory.admin.mixing import MIX
from inventory.admin.moving import MOVES
from inventory.admin.tracing import trace_tables, withdrawal_preview
from inventory.enums import BatchStatus, BlockedReason
from inventory.models import Batch, BatchComponent, BatchLocation
from inventory.services.recalls import hold_batch, recall_batch, release_hold
from warehouse.core.admin import BigTableAdmin, ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, StepsAdmin, can, text_field

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


class ComponentsInline(ReadOnlyInline):
    model = BatchComponent
    fk_name = "mixed"
    fields = ["source", "amount"]
    readonly_fields = ["amount"]
    verbose_name_plural = "made of"

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return super().get_queryset(request).select_related("source", "mixed").order_by("pk")

    @display(description="quantity")
    def amount(self, row: BatchComponent) -> str:
        return plain(row.quantity)


class MixedIntoInline(ComponentsInline):
    fk_name = "source"
    fields = ["mixed", "amount"]
    verbose_name_plural = "mixed into"


class HoldForm(ReasonForm):
    """Says before what it will do."""

    for_good = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "Kept with the lot, and told to everybody concerned."

    def tells(self) -> list[str]:
        return withdrawal_preview(self.row, for_good=self.for_good)


class RecallForm(HoldForm):
    for_good = True


class ReleaseForm(StepForm):
    reason = text_field("Reason", required=False, autofocus=True, help_text="What was found out.")


@admin.register(Batch)
class BatchAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["lot_number", "product", "label_expires_on", "supplier", "received_at", "price", "state"]
    list_select_related = ["product", "supplier"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("product", AutocompleteSelectFilter),
        ("label_expires_on", RangeDateFilter),
    ]
    search_fields = ["=lot_number"]
    search_help_text = "A lot number"
    readonly_fields = ["price"]
    prints = ["trace"]
    steps = [
        Step(
            "hold",
            "Hold",
            hold_batch,
            can("hold"),
            description="Nothing of it leaves until it is released: it is not promised, picked, sold or shipped.",
            form=HoldForm,
            icon="pan_tool",
            version="",
        ),
        Step(
            "release",
            "Release",
            release_hold,
            can("release"),
            description="It is good: for sale again, with everything that was held only because of it.",
            form=ReleaseForm,
            icon="lock_open",
            version="",
        ),
        Step(
            "recall",
            "Recall",
            recall_batch,
            can("recall"),
            description="It is taken from sale for good, in all sites at once. This can't be taken back.",
            form=RecallForm,
            icon="report",
            variant=ActionVariant.DANGER,
            version="",
        ),
    ]

    @action(description="Trace", url_path="trace", icon="timeline")
    def trace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Where it comes from, where it is, who got it."""
        batch = self.get_object(request, object_id)
        if batch is None or not self.has_view_permission(request, batch):
            raise Http404
        trace, tables = trace_tables(batch.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"The way of {batch}",
            "batch": batch,
            "trace": trace,
            "tables": tables,
            "opts": self.opts,
            "back": self._url_of(batch),
        }
        return TemplateResponse(request, "admin/batch_trace.html", context)

    def get_fieldsets(self, request: HttpRequest, obj: Batch | None = None) -> list[Any]:
        fields = ["lot_number", "product", "status", "price", "label_expires_on", "produced_on", "received_at", "supplier"]
        later = [name for name in ("status_reason", "parent", "label_condition", "label_life") if obj and getattr(obj, name)]
        return [(None, {"fields": pairs([*fields, *later])})]

    def get_inlines(self, request: HttpRequest, obj: Batch | None = None) -> list[Any]:
        """Where it lies, and of mixes what went into them or what they are."""
        if obj is None:
            return []
        mixes = BatchComponent.objects
        shown: list[Any] = [BatchContentsInline]
        shown += [ComponentsInline] if mixes.filter(mixed=obj.pk).exists() else []
        return shown + ([MixedIntoInline] if mixes.filter(source=obj.pk).exists() else [])

    @display(description="purchase price")
    def price(self, row: Batch) -> str:
        return f"{row.purchase_price:.2f} {row.currency}"

    @display(description="status", label=BATCH_COLOURS)
    def state(self, row: Batch) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(BatchLocation)
class BatchLocationAdmin(StepsAdmin, SiteRows, BigTableAdmin):
    """What lies in the places."""

    list_display = ["product", "batch", "location", "warehouse", "phase", "amount", "promised", "blocked", "effective_expires_at"]
    list_display_links = ["batch"]
    list_select_related = ["product", "batch", "location", "warehouse"]
    list_filter = [
        ("warehouse", SiteFilter),
        ("product", AutocompleteSelectFilter),
        ("location", AutocompleteSelectFilter),
        ("blocked_reason", ChoicesDropdownFilter),
        ("effective_expires_at", RangeDateTimeFilter),
        # Said, for a generated column is no boolean to the admin: it would offer every value that the whole table has.
        ("has_stock", BooleanRadioFilter),
    ]
    search_fields = ["=batch__lot_number"]
    search_help_text = "A lot number"
    steps = [*MOVES, MIX]

    def named(self, row: BatchLocation) -> str:
        """Which goods, and where."""
        return f"{row.product.sku}, {row.batch} in {row.location}"

    @display(description="quantity")
    def amount(self, row: BatchLocation) -> str:
        return plain(row.quantity)

    @display(description="reserved")
    def promised(self, row: BatchLocation) -> str:
        return plain(row.reserved)

    @display(description="not for sale", label=BLOCKED_COLOURS)
    def blocked(self, row: BatchLocation) -> tuple[str, str] | None:
        return (row.blocked_reason, row.get_blocked_reason_display()) if row.blocked_reason else None
