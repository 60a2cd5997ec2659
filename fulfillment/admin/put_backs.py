"""Goods on the benches that belong on shelves."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.base import COLOURS, orders_named
from fulfillment.enums import PutBackStatus
from fulfillment.models import PutBack
from fulfillment.services.put_backs import complete_put_back, quarantine_put_back
from warehouse.core.admin import BigTableAdmin, plain
from warehouse.core.admin_steps import Step, StepForm, StepsAdmin, can, quantity_field, text_field


class PutBackForm(StepForm):
    location_scan = text_field("Shelf", autofocus=True, help_text="Scan the place, or type its code.")
    quantity = quantity_field("How many")


class QuarantineForm(StepForm):
    quantity = quantity_field("How many")
    reason = text_field("Why they are not fit", autofocus=True)
    location_scan = text_field("Quarantine", required=False, help_text="Empty: the warehouse's own.")


class BenchFilter(admin.SimpleListFilter):
    title, parameter_name = "bench", "bench"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The benches where something waits now."""
        waiting = PutBack.objects.filter(status=PutBackStatus.PENDING)
        names = waiting.values_list("batch_location__location", "batch_location__location__code", "warehouse__code").distinct()
        return [(str(pk), f"{code} ({site})") for pk, code, site in sorted(names, key=lambda row: (row[2], row[1]))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PutBack]) -> QuerySet[PutBack]:
        chosen = self.value() or ""
        return queryset.filter(batch_location__location=int(chosen)) if chosen.isdigit() else queryset


@admin.register(PutBack)
class PutBackAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["id", "product", "batch", "amount", "done", "state", "bench", "from_location", "warehouse", "in_hand_of", "order", "picked_at"]
    list_display_links = ["id", "product"]
    list_select_related = ["product", "batch", "batch_location__location", "from_location", "warehouse", "order", "worker"]
    list_filter = [("status", ChoicesDropdownFilter), ("warehouse", RelatedDropdownFilter), BenchFilter]
    search_fields = ["order__external_id"]
    search_help_text = "An order's id or number"
    readonly_fields = ["status", "amount", "done", "quarantined", "bench", "in_hand_of"]
    fields = [
        "order", "picking_task", "warehouse", "product", "batch", "amount", "done", "quarantined", "status", "bench", "from_location", "in_hand_of",
        "picked_at", "created_at", "done_at", "note",
    ]  # fmt: skip
    steps = [
        Step(
            "complete",
            "Put back",
            complete_put_back,
            can("finish"),
            description="The goods lie on the shelf again and are for sale.",
            form=PutBackForm,
            icon="shelves",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "quarantine",
            "To quarantine",
            quarantine_put_back,
            can("finish"),
            description="The goods are not fit to be sold: they lie in quarantine until they are moved or written off.",
            form=QuarantineForm,
            icon="coronavirus",
        ),
    ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(order__in=orders_named(search_term)) if search_term.strip() else queryset), False

    @display(description="quantity")
    def amount(self, row: PutBack) -> str:
        return plain(row.quantity)

    @display(description="put back")
    def done(self, row: PutBack) -> str:
        return plain(row.done_quantity)

    @display(description="to quarantine")
    def quarantined(self, row: PutBack) -> str:
        return plain(row.quarantined_quantity)

    @display(description="bench")
    def bench(self, row: PutBack) -> str:
        return row.batch_location.location.code

    @display(description="in hand of")
    def in_hand_of(self, row: PutBack) -> str:
        held = row.claimed_until is not None and row.claimed_until > timezone.now()
        return str(row.worker) if held and row.worker is not None else ""

    @display(description="status", label=COLOURS)
    def state(self, row: PutBack) -> tuple[str, str]:
        return row.status, row.get_status_display()
