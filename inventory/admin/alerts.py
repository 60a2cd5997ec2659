"""What somebody should look at: open ones first, with who looks after them and which channels know."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from inventory.admin.base import SiteFilter, SiteRows
from inventory.enums import AlertKind, Severity
from inventory.models import Alert, AlertMessage
from inventory.services.alerts import acknowledge_alert
from warehouse.core.admin import BigTableAdmin, ReadOnlyInline, pairs
from warehouse.core.admin_steps import Step, StepsAdmin

COLOURS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "danger"}
OPEN, LOOKED_AFTER, RESOLVED = "open", "looked after", "resolved"
STATES = {OPEN: "danger", LOOKED_AFTER: "warning", RESOLVED: "success"}


def nobody_looks_after_it(row: Alert) -> bool:
    return row.resolved_at is None and row.acknowledged_at is None


def title_of(kind: str) -> str:
    """A kind in words; other apps have kinds of their own."""
    return str(AlertKind(kind).label) if kind in AlertKind.values else kind.replace("_", " ")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("new", "nobody looks after it"), ("resolved", "resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "open":
                return queryset.filter(resolved_at=None)
            case "new":
                return queryset.filter(resolved_at=None, acknowledged_at=None)
            case "resolved":
                return queryset.exclude(resolved_at=None)
        return queryset


class AlertMessageInline(ReadOnlyInline):
    model = AlertMessage
    fields = ["channel", "sent_at", "attempts", "next_attempt_at", "last_error"]
    readonly_fields = fields
    verbose_name_plural = "who was told"


@admin.register(Alert)
class AlertAdmin(StepsAdmin, SiteRows, BigTableAdmin):
    list_display = ["gravity", "cause", "message", "warehouse", "state", "first_seen_at", "last_seen_at", "times_seen"]
    list_display_links = ["message"]
    list_select_related = ["warehouse"]
    list_filter = [StateFilter, ("severity", ChoicesDropdownFilter), ("warehouse", SiteFilter), ("product", AutocompleteSelectFilter)]
    search_fields = ["message", "kind"]
    search_help_text = "A part of the message, or a kind"
    ordering = [F("resolved_at").desc(nulls_first=True), "-pk"]  # type: ignore[list-item]
    inlines = [AlertMessageInline]
    fields = [
        "message",
        *pairs(["severity", "cause", "warehouse", "product", "first_seen_at", "last_seen_at", "times_seen", "subject"]),
        *pairs(["acknowledged_at", "acknowledged_by", "resolved_at", "facts"]),
    ]
    readonly_fields = ["cause", "times_seen", "facts"]
    steps = [
        Step(
            "acknowledge",
            "Look after it",
            acknowledge_alert,
            possible=nobody_looks_after_it,
            icon="how_to_reg",
            version="",
            description="Says that you look after it. It stays open until its cause is gone, which it finds out by itself.",
        )
    ]

    @display(description="severity", label=COLOURS)
    def gravity(self, row: Alert) -> tuple[str, str]:
        return row.severity, row.get_severity_display()

    @display(description="cause")
    def cause(self, row: Alert) -> str:
        return title_of(row.kind)

    @display(description="state", label=STATES)
    def state(self, row: Alert) -> str:
        if row.resolved_at is not None:
            return RESOLVED
        return OPEN if row.acknowledged_at is None else LOOKED_AFTER

    @display(description="seen")
    def times_seen(self, row: Alert) -> str:
        return f"{row.count} ×"

    @display(description="facts")
    def facts(self, row: Alert) -> str:
        return format_html_join(mark_safe("<br>"), "{}: {}", ((name.replace("_", " "), value) for name, value in row.data.items()))
