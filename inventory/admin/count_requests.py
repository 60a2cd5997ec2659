"""Places that somebody asks to be counted: open ones first, with what is missing there and which audit has answered."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from inventory.admin.base import SiteFilter, SiteRows
from inventory.models import CountRequest
from inventory.services.count_requests import count_requested_places, dismiss_count_request
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin, pairs
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin

OPEN, COUNTED, DISMISSED = "open", "counted", "closed without a count"
STATES = {OPEN: "warning", COUNTED: "success", DISMISSED: "default"}


def is_open(row: CountRequest) -> bool:
    return row.closed_at is None


def count_here(row: CountRequest, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
    return count_requested_places(row.location.warehouse_id, **arguments, actor=actor)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", OPEN), ("counted", COUNTED), ("dismissed", DISMISSED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return queryset.filter(closed_at=None)
            case "counted":
                return queryset.exclude(audit=None)
            case "dismissed":
                return queryset.filter(audit=None).exclude(closed_at=None)
        return queryset


@admin.register(CountRequest)
class CountRequestAdmin(StepsAdmin, SiteRows, BigTableAdmin):
    site_path = "location__warehouse"
    list_display = ["place", "product", "reason", "state", "requested_by", "requested_at", "audit"]
    list_display_links = ["place"]
    list_select_related = ["location__warehouse", "product", "audit"]
    list_filter = [StateFilter, ("location__warehouse", SiteFilter), ("product", AutocompleteSelectFilter)]
    search_fields = ["=location__code"]
    search_help_text = "A place's code"
    ordering = [F("closed_at").desc(nulls_first=True), "-pk"]  # type: ignore[list-item]
    fields = [*pairs(["place", "product", "state", "requested_by", "requested_at", "closed_at", "audit", "closing_note"]), "reason"]
    readonly_fields = ["place", "state"]
    steps = [
        Step(
            "count_places",
            "Count these places",
            count_requested_places,
            possible=is_open,
            call=count_here,
            version="",
            icon="fact_check",
            description="Begins an audit of all places of this warehouse that were asked for and that nobody counts yet. Counters find it on the floor.",
        ),
        Step(
            "dismiss",
            "Close without a count",
            dismiss_count_request,
            possible=is_open,
            form=ReasonForm,
            version="",
            icon="close",
            description="The goods were found, or it was a mistake.",
        ),
    ]

    @display(description="place")
    def place(self, row: CountRequest) -> str:
        return f"{row.location.code} · {row.location.warehouse.code}"

    @display(description="state", label=STATES)
    def state(self, row: CountRequest) -> str:
        if row.closed_at is None:
            return OPEN
        return COUNTED if row.audit_id is not None else DISMISSED
