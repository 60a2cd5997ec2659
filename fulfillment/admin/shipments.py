"""Packages with a carrier, and the carriers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.base import COLOURS
from fulfillment.enums import ShipmentStatus
from fulfillment.models import DeliveryProvider, Order, Shipment
from fulfillment.services.shipments import hand_over_shipment, retry_shipment
from warehouse.core.admin import BigTableAdmin, RoleAdmin, pairs
from warehouse.core.admin_steps import Step, StepsAdmin, can


class TroubleFilter(admin.SimpleListFilter):
    title = "waybill"
    parameter_name = "waybill"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "waiting for the carrier"), ("failing", "failing"), ("stopped", "given up: needs a person")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> QuerySet[Shipment]:
        requested = Q(status=ShipmentStatus.REQUESTED)
        chosen = {
            "waiting": requested,
            "failing": requested & ~Q(last_error=""),
            "stopped": requested & Q(next_attempt_at=None),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Shipment)
class ShipmentAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["number", "order", "provider", "state", "tracking_number", "attempts", "problem", "next_attempt_at", "created_at"]
    list_display_links = ["number"]
    list_select_related = ["order", "provider"]
    list_filter = [("status", ChoicesDropdownFilter), TroubleFilter, ("provider", RelatedDropdownFilter), ("created_at", RangeDateTimeFilter)]
    search_fields = ["number"]
    search_help_text = "A shipment's number, a tracking number, or an order's id"
    readonly_fields = ["status", "label_url"]
    steps = [
        Step(
            "retry",
            "Ask the carrier again",
            retry_shipment,
            lambda row: row.status == ShipmentStatus.REQUESTED,
            description="The carrier is asked at once; the same request never makes a second waybill.",
            icon="replay",
        ),
        Step(
            "hand_over",
            "Hand over",
            hand_over_shipment,
            can("hand_over"),
            description="The carrier takes this and all other packages of its packing task; the goods leave the books. This can't be taken back.",
            icon="local_shipping",
            variant=ActionVariant.PRIMARY,
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Shipment | None = None) -> list[Any]:
        fields = ["number", "order", "packing_task", "package", "provider", "status", "tracking_number", "label_url", "carrier_status", "created_at"]
        names = ("estimated_delivery", "external_id", "handed_over_at", "cancelled_at", "attempts", "next_attempt_at", "last_error", "request")
        return [(None, {"fields": pairs([*fields, *(name for name in names if obj and getattr(obj, name))])})]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(number=term.upper()) | Q(tracking_number=term) | Q(order__in=_orders(term))), False

    @display(description="status", label=COLOURS)
    def state(self, row: Shipment) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="last problem")
    def problem(self, row: Shipment) -> str:
        return row.last_error[:80] if row.status == ShipmentStatus.REQUESTED else ""


def _orders(external_id: str) -> list[int]:
    return list(Order.objects.filter(external_id=external_id).values_list("pk", flat=True))


@admin.register(DeliveryProvider)
class DeliveryProviderAdmin(RoleAdmin):
    list_display = ["code", "name", "volumetric_divisor", "max_weight", "is_active", "is_default"]
    search_fields = ["code", "name"]
