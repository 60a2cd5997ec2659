"""Orders: what was asked, what became of it, cancel and retry."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin import missing
from fulfillment.admin.base import COLOURS, PRIORITY_COLOURS, due, orders_named
from fulfillment.admin.order_progress import ProgressPage
from fulfillment.admin.priority import PriorityForm
from fulfillment.enums import OPEN_ORDERS, ORDERS_FOR_A_PERSON, SOURCE_LISTINGS
from fulfillment.models import Order, OrderLine, PackingTask, PickingTask, PutBack, Shipment, StatusReport
from fulfillment.services.orders import process_order_cancelled, retry_order
from fulfillment.services.priorities import CHANGEABLE, change_priority
from fulfillment.services.status_reports import GONE_FAR, report_order_status
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin, ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin, can


def is_changeable(row: Order) -> bool:
    return row.status in CHANGEABLE


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = ["product", "listing_id", "ordered", "warehouse", "min_remaining_days"]
    readonly_fields = ["ordered"]
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product", "warehouse", "order").order_by("pk")

    @display(description="quantity")
    def ordered(self, row: OrderLine) -> str:
        return plain(row.quantity)


class TaskInline(ReadOnlyInline):
    tab = True

    @display(description="number")
    def page(self, row: Any) -> SafeString:
        """The way to it."""
        address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        return format_html('<a class="text-primary-600 whitespace-nowrap" href="{}">{}</a>', address, getattr(row, "number", row.pk))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("warehouse", "worker", "order").order_by("pk")


class PickingTaskInline(TaskInline):
    model = PickingTask
    fields = ["page", "warehouse", "status", "worker", "picked_items", "total_items", "ship_by"]
    readonly_fields = ["page", "status"]


class PackingTaskInline(TaskInline):
    model = PackingTask
    fields = ["page", "warehouse", "status", "worker", "packed_items", "total_items", "tracking_number"]
    readonly_fields = ["page", "status"]


class ShipmentInline(TaskInline):
    model = Shipment
    fields = ["page", "provider", "status", "tracking_number", "attempts", "last_error"]
    readonly_fields = ["page", "status"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super(TaskInline, self).get_queryset(request).select_related("provider", "order").order_by("pk")


class PutBackInline(TaskInline):
    model = PutBack
    fields = ["page", "product", "batch", "from_location", "quantity", "done_quantity", "status"]
    readonly_fields = ["page", "status"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super(TaskInline, self).get_queryset(request).select_related("product", "batch", "from_location", "order").order_by("pk")


class StatusReportInline(ReadOnlyInline):
    model = StatusReport
    fields = ["status", "created_at", "sent_at", "attempts", "next_attempt_at", "last_error"]
    readonly_fields = ["created_at"]
    verbose_name_plural = "told to the order system"
    tab = True


def cancel_order(row: Order, arguments: dict[str, Any], actor: Actor, version: int) -> Order:
    """The operation names an order by its business key."""
    return process_order_cancelled(row.source, row.external_id, arguments["reason"], actor=actor, expected_version=version)


def owes_a_status(row: Order) -> bool:
    """Whether the order system has not been told a status yet; or nothing was noted of what it should know."""
    if row.status_reports.filter(sent_at=None).exists():
        return True
    return row.source == SOURCE_LISTINGS and row.status in GONE_FAR and not row.status_reports.exists()


class AttentionFilter(admin.SimpleListFilter):
    title = "waiting for"
    parameter_name = "waits_for"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("person", "a person: rejected, or needs attention")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.filter(status__in=sorted(ORDERS_FOR_A_PERSON)) if self.value() == "person" else queryset


@admin.register(Order)
class OrderAdmin(ProgressPage, StepsAdmin, BigTableAdmin):
    list_display = ["order_number_or_id", "source", "state", "urgency", "ship_by", "left", "provider", "created_at"]
    list_display_links = ["order_number_or_id"]
    list_select_related = ["provider"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        AttentionFilter,
        ("priority", ChoicesDropdownFilter),
        ("ship_by", RangeDateTimeFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["external_id", "order_number"]
    search_help_text = "An order's id, or its number"
    inlines = [OrderLineInline, missing.MissingInline, PickingTaskInline, PackingTaskInline, ShipmentInline, PutBackInline, StatusReportInline]
    readonly_fields = ["status", "short_of"]
    steps = [
        Step(
            "cancel",
            "Cancel order",
            process_order_cancelled,
            can("cancel"),
            description="Promises are released, tasks and shipments cancelled; what was picked is put back.",
            form=ReasonForm,
            icon="close",
            variant=ActionVariant.DANGER,
            call=cancel_order,
        ),
        *missing.STEPS,
        Step(
            "retry",
            "Try again",
            retry_order,
            can("accept"),
            description="Promise its lines again with the stock of now. Still too little: it stays rejected.",
            icon="replay",
        ),
        Step(
            "priority",
            "Priority",
            change_priority,
            is_changeable,
            description="How urgent it is, and with it all its open work.",
            form=PriorityForm,
            icon="priority_high",
        ),
        Step(
            "report_status",
            "Report status again",
            report_order_status,
            owes_a_status,
            description="Tell the order system now what it has not been told, also what it refused before.",
            icon="campaign",
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> list[Any]:
        what = ["order_number", "external_id", "source", "storefront_external_id", "status", "priority", "ship_by", "provider", "created_at"]
        later = [name for name in ("shipped_at", "cancelled_at", "cancellation_reason") if obj and getattr(obj, name)]
        short = ["short_of", "retry_when_stocked"] if obj and obj.shortages else []
        return [(None, {"fields": pairs([*what, *short, *later])})]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """The id through its index; the number only when no order has that id."""
        return (queryset.filter(pk__in=orders_named(search_term)) if search_term.strip() else queryset), False

    @display(description="order")
    def order_number_or_id(self, row: Order) -> str:
        return row.name

    @display(description="status", label=COLOURS)
    def state(self, row: Order) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="priority", label=PRIORITY_COLOURS)
    def urgency(self, row: Order) -> tuple[str, str]:
        return row.priority, row.get_priority_display()

    @display(description="to ship")
    def left(self, row: Order) -> str:
        return due(row.ship_by, closed=row.status not in OPEN_ORDERS)

    @display(description="not enough of")
    def short_of(self, row: Order) -> SafeString:
        return format_html_join(
            "", "<div>{}: asked {}, available {}</div>", ((s.get("sku", ""), s.get("asked", ""), s.get("available", "")) for s in row.shortages)
        )
