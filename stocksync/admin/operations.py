"""The queue: what marketplaces are owed, why it waits, and what a person may do about it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from stocksync.admin.base import age, link, orders_named
from stocksync.admin.bulk import BulkAdmin, ReasonedBulkForm
from stocksync.admin.shown import LogInline, OperationShown, lines_of
from stocksync.enums import OPEN_OPERATIONS, UNTOLD_OPERATIONS, OperationStatus, OperationType
from stocksync.models import PendingStockOperation
from stocksync.services.operations import cancel_operation, retry_operation
from stocksync.services.reversals import rollback_operation
from warehouse.core.admin import BigTableAdmin, actor_of, pairs
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin, can


def can_be_tried(row: PendingStockOperation) -> bool:
    return row.status in UNTOLD_OPERATIONS


def can_be_rolled_back(row: PendingStockOperation) -> bool:
    """A deduction that stands, and that nobody undoes already."""
    return row.operation_type == OperationType.DEDUCTION and can("roll_back")(row) and row.order.stands


class DueFilter(admin.SimpleListFilter):
    title, parameter_name = "due", "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("open", "still owed: waits, or is with a worker"),
            ("now", "due now"),
            ("later", "waits for its next try"),
            ("worker", "with a worker"),
            ("lost", "a worker left it lying"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PendingStockOperation]) -> QuerySet[PendingStockOperation]:
        now = timezone.now()
        pending, processing = Q(status=OperationStatus.PENDING), Q(status=OperationStatus.PROCESSING)
        chosen = {
            "open": Q(status__in=sorted(OPEN_OPERATIONS)),
            "now": pending & Q(next_retry_at__lte=now),
            "later": pending & Q(next_retry_at__gt=now),
            "worker": processing & Q(claimed_until__gt=now),
            "lost": processing & Q(claimed_until__lte=now),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(PendingStockOperation)
class OperationAdmin(OperationShown, BulkAdmin, StepsAdmin, BigTableAdmin):
    list_display = ["of_order", "account", "kind", "state", "tries", "next_try", "waits", "error"]
    list_display_links = ["of_order"]
    list_select_related = ["order", "channel"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("channel", RelatedDropdownFilter),
        ("operation_type", ChoicesDropdownFilter),
        DueFilter,
    ]
    ordering = ["-created_at", "-id"]
    search_fields = ["=order__external_id"]
    search_help_text = "An order's id, exactly"
    actions = ["retry_chosen", "cancel_chosen"]  # type: ignore[assignment]
    inlines = [LogInline]
    readonly_fields = ["page_of_order", "operation_type", "state", "tries", "next_try", "to_be_known", "lines"]
    steps = [
        Step(
            "retry",
            "Retry",
            retry_operation,
            can_be_tried,
            description="The marketplace is told at once; its tries are counted from the beginning.",
            icon="replay",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "cancel",
            "Cancel",
            cancel_operation,
            can_be_tried,
            description="The marketplace will not be told. What was deducted here stays deducted.",
            form=ReasonForm,
            icon="close",
        ),
        Step(
            "roll_back",
            "Roll back",
            rollback_operation,
            can_be_rolled_back,
            description="The deduction is undone: the goods come back to our stock, and the marketplace is told that the order is not deducted.",
            form=ReasonForm,
            icon="undo",
            variant=ActionVariant.DANGER,
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: PendingStockOperation | None = None) -> list[Any]:
        what = ["page_of_order", "channel", "operation_type", "to_be_known", "state", "tries"]
        what += ["next_try"] if obj and obj.status in OPEN_OPERATIONS else []
        later = ("created_at", "completed_at", "failing_since", "claimed_until", "revision", "error_message")
        return [
            (None, {"fields": pairs([*what, *(name for name in later if obj and getattr(obj, name))])}),
            ("What was ordered", {"fields": ["lines"]}),
        ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(order__in=orders_named(search_term)) if search_term.strip() else queryset), False

    def named(self, row: PendingStockOperation) -> str:
        return f"{row.get_operation_type_display()} of order {row.order}"

    @display(description="order")
    def of_order(self, row: PendingStockOperation) -> str:
        return row.order.external_id

    @display(description="order")
    def page_of_order(self, row: PendingStockOperation) -> SafeString:
        return link(row.order)

    @display(description="channel")
    def account(self, row: PendingStockOperation) -> str:
        return row.channel.code

    @display(description="waits")
    def waits(self, row: PendingStockOperation) -> str:
        return age(row.created_at) if row.status in OPEN_OPERATIONS or row.status == OperationStatus.FAILED else ""

    @display(description="last error")
    def error(self, row: PendingStockOperation) -> str:
        return Truncator(row.error_message).chars(80)

    @display(description="the marketplace is to have")
    def to_be_known(self, row: PendingStockOperation) -> str:
        return "stock deducted" if row.wanted_there else "stock not deducted"

    @display(description="lines")
    def lines(self, row: PendingStockOperation) -> SafeString:
        return lines_of(row.order)

    def has_work_permission(self, request: HttpRequest) -> bool:
        return retry_operation.allowed(actor_of(request))

    @admin.action(description="Retry", permissions=["work"])
    def retry_chosen(self, request: HttpRequest, queryset: QuerySet[PendingStockOperation]) -> HttpResponse | None:
        return self.in_bulk(
            request,
            queryset,
            lambda row, asked, actor: retry_operation(row.pk, actor=actor),
            title="Retry",
            action="retry_chosen",
            description="Each is told to its marketplace at once, its tries counted from the beginning. Only what waits or failed can be.",
        )

    @admin.action(description="Cancel", permissions=["work"])
    def cancel_chosen(self, request: HttpRequest, queryset: QuerySet[PendingStockOperation]) -> HttpResponse | None:
        return self.in_bulk(
            request,
            queryset,
            lambda row, asked, actor: cancel_operation(row.pk, reason=asked["reason"], actor=actor),
            title="Cancel operations",
            action="cancel_chosen",
            description="The marketplaces will not be told of them. What was deducted here stays deducted.",
            form_class=ReasonedBulkForm,
        )
