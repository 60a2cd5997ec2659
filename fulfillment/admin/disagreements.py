"""Orders on which the order system and we disagree, and how far the sweep has come."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from fulfillment.models import OrderDisagreement, SweepCursor
from warehouse.core.admin import BigTableAdmin, RoleAdmin


class OpenFilter(admin.SimpleListFilter):
    title, parameter_name = "state", "open"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("yes", "open"), ("no", "resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrderDisagreement]) -> QuerySet[OrderDisagreement]:
        return queryset.filter(resolved_at__isnull=self.value() == "yes") if self.value() in ("yes", "no") else queryset


@admin.register(OrderDisagreement)
class OrderDisagreementAdmin(BigTableAdmin):
    list_display = ["external_id", "kind", "here", "there", "detail", "count", "first_seen_at", "resolved_at"]
    list_filter = [OpenFilter, ("kind", ChoicesDropdownFilter)]
    search_fields = ["=external_id"]
    search_help_text = "An order's id"

    @display(description="here")
    def here(self, row: OrderDisagreement) -> str:
        return row.ours.replace("_", " ") or "unknown"

    @display(description="there")
    def there(self, row: OrderDisagreement) -> str:
        return row.theirs.replace("_", " ") or "unknown"


@admin.register(SweepCursor)
class SweepCursorAdmin(RoleAdmin):
    list_display = ["name", "updated_after", "succeeded_at", "attempts", "next_attempt_at", "last_error"]
