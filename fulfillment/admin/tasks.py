"""What the pages of picking and packing tasks share."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from fulfillment.admin.base import COLOURS, PRIORITY_COLOURS, due, orders_named
from warehouse.core.admin import BigTableAdmin
from warehouse.core.admin_steps import StepsAdmin


class TaskAdmin(StepsAdmin, BigTableAdmin):
    """Newest first; found by number, or by its order."""

    list_select_related = ["order", "warehouse", "worker"]
    list_display_links = ["number"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", RelatedDropdownFilter),
        ("priority", ChoicesDropdownFilter),
        ("ship_by", RangeDateTimeFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["number"]
    search_help_text = "A task's number, or an order's id or number"
    number_prefix = ""
    open_states: frozenset[str] = frozenset()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.upper().startswith(f"{self.number_prefix}-"):
            return queryset.filter(number=term.upper()), False
        return queryset.filter(order__in=orders_named(term)), False

    @display(description="order", ordering="order")
    def of_order(self, row: Any) -> str:
        return row.order.name

    @display(description="site", ordering="warehouse__code")
    def site(self, row: Any) -> str:
        return str(row.warehouse.code)

    @display(description="status", label=COLOURS)
    def state(self, row: Any) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="priority", label=PRIORITY_COLOURS)
    def urgent(self, row: Any) -> tuple[str, str]:
        return row.priority, row.get_priority_display()

    @display(description="to ship")
    def left(self, row: Any) -> str:
        return due(row.ship_by, closed=row.status not in self.open_states)
