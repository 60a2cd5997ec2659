"""Packages with a carrier: their steps, pick-ups of many of them, and the list that the driver signs."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.base import COLOURS, orders_named
from fulfillment.admin.labels import PRINT_SHIPMENT, ShipmentLabelButtons
from fulfillment.admin.providers import ProviderForm, say_how_carriers_answer
from fulfillment.enums import ShipmentStatus
from fulfillment.models import Shipment
from fulfillment.services.carrier_news import return_shipment
from fulfillment.services.hand_over import hand_over_shipments
from fulfillment.services.shipments import hand_over_shipment, replace_shipment, retry_shipment
from fulfillment.services.voids import settle_void
from warehouse.core.admin import BigTableAdmin, actor_of, pairs
from warehouse.core.admin_steps import ReasonForm, Step, can
from warehouse.core.errors import DomainError


class ReplaceForm(ReasonForm, ProviderForm):
    """Why, and by whom instead."""


class TroubleFilter(admin.SimpleListFilter):
    title = "waybill"
    parameter_name = "waybill"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", "waiting for the carrier"),
            ("failing", "failing"),
            ("stopped", "given up: needs a person"),
            ("void", "to be voided"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> QuerySet[Shipment]:
        requested = Q(status=ShipmentStatus.REQUESTED)
        chosen = {
            "waiting": requested,
            "failing": requested & ~Q(last_error=""),
            "stopped": requested & Q(next_attempt_at=None) & ~Q(last_error=""),
            "void": Q(status=ShipmentStatus.VOID_REQUESTED),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Shipment)
class ShipmentAdmin(ShipmentLabelButtons, BigTableAdmin):
    list_display = ["number", "of_order", "provider", "state", "tracking_number", "attempts", "problem", "next_attempt_at"]
    list_display_links = ["number"]
    list_select_related = ["order", "provider"]
    list_filter = [("status", ChoicesDropdownFilter), TroubleFilter, ("provider", RelatedDropdownFilter), ("created_at", RangeDateTimeFilter)]
    search_fields = ["number"]
    search_help_text = "A shipment's number, a tracking number, or an order's id or number"
    readonly_fields = ["status", "label_url", "asked"]
    actions = ["hand_over_chosen", "print_manifest"]  # type: ignore[assignment]
    steps = [
        Step(
            "retry",
            "Ask the carrier again",
            retry_shipment,
            lambda row: row.status in (ShipmentStatus.REQUESTED, ShipmentStatus.VOID_REQUESTED),
            description="The carrier is asked at once; the same request never makes a second waybill.",
            icon="replay",
        ),
        Step(
            "replace",
            "Replace",
            replace_shipment,
            lambda row: row.status in (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED),
            description="The package gets a new shipment, perhaps with another carrier. A waybill that there is, or may be, is voided first.",
            form=ReplaceForm,
            icon="swap_horiz",
        ),
        Step(
            "settle_void",
            "Voided by hand",
            settle_void,
            lambda row: row.status == ShipmentStatus.VOID_REQUESTED,
            description="You have settled with the carrier that no waybill of this shipment is in force.",
            form=ReasonForm,
            icon="task_alt",
        ),
        PRINT_SHIPMENT,
        Step(
            "returned",
            "It comes back",
            return_shipment,
            can("come_back"),
            description="A return of what is in the parcel is written, to be inspected when it is here.",
            icon="assignment_return",
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
        names = (
            "carrier_status_at", "estimated_delivery", "external_id", "replaces", "handed_over_at", "delivered_at", "returned_at", "return_id",
            "cancelled_at", "cancellation_reason", "voided_at", "attempts", "next_attempt_at", "last_error", "in_doubt", "notes",
        )  # fmt: skip
        asked = ["asked"] if obj and obj.request else []
        return [(None, {"fields": [*pairs([*fields, *(name for name in names if obj and getattr(obj, name))]), *asked]})]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(number=term.upper()) | Q(tracking_number=term) | Q(order__in=orders_named(term))), False

    @display(description="order", ordering="order")
    def of_order(self, row: Shipment) -> str:
        return row.order.name

    @display(description="what the carrier is asked")
    def asked(self, row: Shipment) -> SafeString:
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', json.dumps(row.request, ensure_ascii=False, indent=2))

    @display(description="status", label=COLOURS)
    def state(self, row: Shipment) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="last problem")
    def problem(self, row: Shipment) -> str:
        return row.last_error[:80] if row.status in (ShipmentStatus.REQUESTED, ShipmentStatus.VOID_REQUESTED) else ""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "GET":
            say_how_carriers_answer(request)
        return super().changelist_view(request, extra_context)

    def has_hand_over_permission(self, request: HttpRequest) -> bool:
        return hand_over_shipments.allowed(actor_of(request))

    @admin.action(description="Hand over to the carrier", permissions=["hand_over"])
    def hand_over_chosen(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        """Ask first: the goods leave the books. Then all parcels of a packing task go, or none of them."""
        rows = list(_with_parcels(queryset))
        if "confirmed" not in request.POST:
            context = {**self.admin_site.each_context(request), "title": "Hand over to the carrier", "opts": self.opts, "rows": rows}
            return TemplateResponse(request, "admin/hand_over.html", context)
        try:
            manifest = hand_over_shipments([row.pk for row in rows], actor=actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
            return None
        if manifest.handed_over:
            messages.success(request, f"The carrier has {len(manifest.handed_over)} of {len(rows)} parcels.")
        for refused in manifest.refused:
            messages.error(request, f"{refused.number} stays: {refused.error.detail}")
        return None

    @admin.action(description="Print the list of parcels", permissions=["view"])
    def print_manifest(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse:
        """The chosen parcels by carrier and site, for the driver to sign."""
        sheets: dict[tuple[str, str], list[Shipment]] = {}
        for row in _with_parcels(queryset):
            sheets.setdefault((row.provider.name, str(row.packing_task.warehouse)), []).append(row)
        lists = [
            {"carrier": carrier, "site": site, "rows": rows, "weight": sum(row.package.weight or 0 for row in rows)}
            for (carrier, site), rows in sorted(sheets.items())
        ]
        return TemplateResponse(request, "documents/shipments/manifest.html", {"lists": lists, "now": timezone.now()})


def _with_parcels(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    return rows.select_related("order", "package", "provider", "packing_task__warehouse").order_by("provider", "packing_task", "pk")
