"""What an order goes without, and what a manager does about it: send it later, or agree to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from fulfillment.enums import OPEN_ORDERS, OrderStatus
from fulfillment.models import MissingGoods, Order, PickingTask
from fulfillment.services.missing import accept_missing
from fulfillment.services.picking_tasks import create_picking_task
from warehouse.core.actor import Actor
from warehouse.core.admin import ReadOnlyInline, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, quantity_field


class MissingInline(ReadOnlyInline):
    model = MissingGoods
    fields = ["product", "lacking", "noted_at", "agreed", "accepted_by", "accepted_at", "reason"]
    readonly_fields = ["lacking", "agreed"]
    verbose_name_plural = "what it goes without"

    def get_queryset(self, request: HttpRequest) -> QuerySet[MissingGoods]:
        return super().get_queryset(request).select_related("product", "accepted_by", "order").order_by("pk")

    @display(description="quantity")
    def lacking(self, row: MissingGoods) -> str:
        return plain(row.quantity)

    @display(description="accepted")
    def agreed(self, row: MissingGoods) -> str:
        return plain(row.accepted)


class SendRestForm(StepForm):
    """From which warehouse, and how much of each product that is missing."""

    warehouse = forms.ModelChoiceField(PickingTask._meta.get_field("warehouse").remote_field.model._default_manager, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = self.fields["warehouse"]
        sites.queryset = sites.queryset.filter(is_active=True).order_by("code")  # type: ignore[attr-defined]
        self._missing = list(self.row.missing.select_related("product").order_by("pk"))
        for gap in self._missing:
            field = quantity_field(
                f"{gap.product.sku} {gap.product.name}", required=False, help_text=f"{plain(gap.quantity)} missing; empty: none of it."
            )
            self.fields[f"missing-{gap.pk}"] = field
            self.initial.setdefault(f"missing-{gap.pk}", plain(gap.quantity))

    def arguments(self) -> dict[str, Any]:
        wanted = [(gap.product.sku, self.cleaned_data.get(f"missing-{gap.pk}")) for gap in self._missing]
        items = [{"sku": sku, "quantity": str(quantity)} for sku, quantity in wanted if quantity]
        return {"warehouse_id": self.cleaned_data["warehouse"].pk, "items": items}


def misses_something(row: Order) -> bool:
    """Whether it goes without goods, accepted or not, and is not closed."""
    return row.status in OPEN_ORDERS and row.missing.exists()


def needs_a_person(row: Order) -> bool:
    return row.status == OrderStatus.NEEDS_ATTENTION


def send_rest(row: Order, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
    return create_picking_task(row.pk, **arguments, actor=actor, expected_version=version)


STEPS = [
    Step(
        "send_rest",
        "Send what is missing",
        create_picking_task,
        misses_something,
        description="Promise it now, and make a picking task for it.",
        form=SendRestForm,
        call=send_rest,
        icon="add_shopping_cart",
    ),
    Step(
        "accept_missing",
        "Send without",
        accept_missing,
        needs_a_person,
        description="Let it go without what is missing now; it is shipped when the rest has left.",
        form=ReasonForm,
        icon="playlist_add_check",
    ),
]
