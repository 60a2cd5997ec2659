"""Discounts: read in a list, made and ended by steps, here and on the page of a listing."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSingleDateWidget

from inventory.enums import DiscountKind, DiscountReason
from inventory.models import Discount, StorefrontProduct
from inventory.services.discounts import apply_discount, end_discount
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin
from warehouse.core.admin_steps import Step, StepForm, StepsAdmin, choice_field, quantity_field, text_field

RUNNING, COMING, ENDED = "running", "to come", "ended"
STATES = {RUNNING: "success", COMING: "info", ENDED: "default"}


def not_over() -> Q:
    """Discounts that run or are to come."""
    return Q(valid_to=None) | Q(valid_to__gt=timezone.now())


def state_of(row: Discount) -> str:
    now = timezone.now()
    if row.valid_to is not None and row.valid_to <= now:
        return ENDED
    return RUNNING if row.valid_from <= now else COMING


def may_be_ended(row: Discount) -> bool:
    return not row.automatic and state_of(row) != ENDED


def endable(page: StorefrontProduct) -> QuerySet[Discount]:
    """What of a listing's discounts a person may end: not the markdown's."""
    return page.discounts.filter(not_over(), automatic=False).order_by("pk")


def day_field(label: str, *, help_text: str) -> forms.DateField:
    """A day that may be left out, with the browser's own calendar."""
    widget = UnfoldAdminSingleDateWidget(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, help_text=help_text)


class DiscountForm(StepForm):
    kind = choice_field("Kind", DiscountKind.choices)
    value = quantity_field("Off", decimals=4, help_text="Percent, or an amount in the listing's currency.")
    reason = choice_field("Reason", DiscountReason.choices)
    first_day = day_field("From", help_text="Empty: from now.")
    last_day = day_field("Until the end of", help_text="Empty: until somebody ends it.")
    note = text_field("Note", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"reason": DiscountReason.MANUAL, **self.initial}

    def arguments(self) -> dict[str, Any]:
        values = super().arguments()
        first, last = values.pop("first_day"), values.pop("last_day")
        starts = _midnight(first) if first and first != timezone.localdate() else None
        return values | {"valid_from": starts, "valid_to": _midnight(last + timedelta(days=1)) if last else None}


class EndOneForm(StepForm):
    discount = choice_field("Discount", [])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["discount"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(row.pk, f"{row.told}, {row.get_reason_display()}, {state_of(row)}") for row in endable(self.row)]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _add(row: StorefrontProduct, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
    return apply_discount(listing_ids=[row.pk], **arguments, actor=actor)


def _end_one(row: StorefrontProduct, arguments: dict[str, Any], actor: Actor, version: int) -> Discount:
    return end_discount(int(arguments["discount"]), actor=actor)


ADD_DISCOUNT = Step(
    "add_discount",
    "Add discount",
    apply_discount,
    possible=lambda row: True,
    form=DiscountForm,
    icon="percent",
    version="",
    call=_add,
    description="It starts and ends by itself. Of several, the one that makes the price lowest counts.",
)
END_ONE = Step(
    "end_discount",
    "End discount",
    end_discount,
    possible=lambda row: endable(row).exists(),
    form=EndOneForm,
    icon="event_busy",
    version="",
    call=_end_one,
    description="It ends now; one that has not begun never will. The automatic ones end by themselves.",
)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("running", RUNNING), ("coming", COMING), ("ended", ENDED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        match self.value():
            case "running":
                return queryset.filter(not_over(), valid_from__lte=now)
            case "coming":
                return queryset.filter(not_over(), valid_from__gt=now)
            case "ended":
                return queryset.exclude(not_over())
        return queryset


@admin.register(Discount)
class DiscountAdmin(StepsAdmin, BigTableAdmin):
    list_display = ["listing", "product", "off", "state", "reason", "valid_from", "valid_to", "automatic"]
    list_select_related = ["storefront_product__storefront", "storefront_product__product"]
    list_filter = [StateFilter, ("reason", ChoicesDropdownFilter), "automatic"]
    search_fields = ["=storefront_product__external_listing_id", "=storefront_product__product__sku"]
    search_help_text = "A listing or a SKU, exactly"
    steps = [
        Step(
            "end",
            "End",
            end_discount,
            possible=may_be_ended,
            icon="event_busy",
            variant=ActionVariant.DANGER,
            version="",
            description="It ends now; one that has not begun never will.",
        )
    ]

    @display(description="listing", ordering="storefront_product")
    def listing(self, row: Discount) -> str:
        return str(row.storefront_product)

    @display(description="product")
    def product(self, row: Discount) -> str:
        return str(row.storefront_product.product)

    @display(description="off")
    def off(self, row: Discount) -> str:
        return row.told

    @display(description="state", label=STATES)
    def state(self, row: Discount) -> str:
        return state_of(row)
