"""The carriers, and choosing one of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from pybreaker import STATE_CLOSED

from fulfillment.models import DeliveryProvider
from fulfillment.partners.delivery import DeliveryClient
from fulfillment.services.carriers import change_carrier, create_carrier
from warehouse.core.admin import pairs, plain
from warehouse.core.admin_forms import SavedByOperations, VersionedForm
from warehouse.core.admin_steps import StepForm, choice_field
from warehouse.core.partners.breaker import UNKNOWN


class ProviderForm(StepForm):
    """Which carrier."""

    provider = choice_field("Carrier", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = [(row.code, _offer(row)) for row in _active()]  # type: ignore[attr-defined]
        self.fields["provider"].initial = self.row.provider.code if self.row.provider else None


def say_how_carriers_answer(request: HttpRequest) -> None:
    """A line above the list while the delivery service is left alone, so that nobody wonders why no waybill comes."""
    circuit = DeliveryClient.circuit_state()
    if circuit.state == UNKNOWN:
        messages.warning(request, "Redis is away: the delivery service is called without a circuit breaker.")
    elif circuit.state != STATE_CLOSED:
        until = f" until {timezone.localtime(circuit.half_opens_at):%H:%M:%S}" if circuit.half_opens_at else ""
        messages.warning(
            request, f"The delivery service did not answer {circuit.failures} times in a row: it is left alone{until}, then tried again."
        )


@admin.register(DeliveryProvider)
class DeliveryProviderAdmin(SavedByOperations):
    create_operation, change_operation = create_carrier, change_carrier
    form = VersionedForm
    fieldsets = [
        (None, {"fields": pairs(["code", "name", "label_format", "volumetric_divisor", "is_active", "is_default"])}),
        ("What it takes", {"fields": pairs(["max_weight", "max_length", "max_girth"]), "description": "An empty limit is none."}),
    ]
    list_display = ["code", "name", "volumetric_divisor", "max_weight", "max_length", "max_girth", "label_format", "is_active", "is_default"]
    search_fields = ["code", "name"]
    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "GET":
            say_how_carriers_answer(request)
        return super().changelist_view(request, extra_context)


def _active() -> QuerySet[DeliveryProvider]:
    return DeliveryProvider.objects.filter(is_active=True)


def _offer(row: DeliveryProvider) -> str:
    limits = [
        text
        for text, value in (
            (f"{plain(row.max_weight)} kg", row.max_weight),
            (f"{plain(row.max_length)} cm", row.max_length),
            (f"girth {plain(row.max_girth)} cm", row.max_girth),
        )
        if value is not None
    ]
    return f"{row.name} (up to {', '.join(limits)})" if limits else row.name
