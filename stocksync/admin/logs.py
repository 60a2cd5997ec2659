"""The log: every step of every operation, read only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from stocksync.admin.base import link, orders_named
from stocksync.admin.shown import LogShown
from stocksync.models import StockSynchronizationLog
from warehouse.core.admin import BigTableAdmin

# A call that takes longer than this is slow.
SLOW = timedelta(seconds=2)


class SlowFilter(admin.SimpleListFilter):
    title, parameter_name = "call", "call"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("any", "the marketplace was called"), ("slow", f"slower than {SLOW.seconds} seconds")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StockSynchronizationLog]) -> QuerySet[StockSynchronizationLog]:
        if self.value() == "slow":
            return queryset.filter(execution_time_ms__gt=SLOW / timedelta(milliseconds=1))
        return queryset.filter(execution_time_ms__isnull=False) if self.value() == "any" else queryset


@admin.register(StockSynchronizationLog)
class LogAdmin(LogShown, BigTableAdmin):
    list_display = ["at", "of_order", "channel", "step", "took", "performed_by", "said"]
    list_display_links = ["at"]
    list_select_related = ["operation__order", "operation__channel"]
    list_filter = [
        ("action", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        SlowFilter,
        ("timestamp", RangeDateTimeFilter),
    ]
    date_hierarchy = "timestamp"
    ordering = ["-timestamp"]
    search_fields = ["=operation__order__external_id"]
    search_help_text = "An order's id, exactly"
    fields = [("at", "performed_by"), ("of_order", "channel"), ("step", "then"), ("took", "execution_time_ms"), "said"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["at", "of_order", "channel", "step", "then", "took", "said"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(operation__order__in=orders_named(search_term)) if search_term.strip() else queryset), False

    @display(description="order")
    def of_order(self, row: StockSynchronizationLog) -> SafeString:
        return link(row.operation, row.operation.order)

    @display(description="channel")
    def channel(self, row: StockSynchronizationLog) -> str:
        return row.operation.channel.code
