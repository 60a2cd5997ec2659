"""Deliveries. The paper is edited in plain forms while it is open; goods come onto the books by its steps only."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSingleDateWidget

from inventory.admin.base import SiteFilter, SiteRows
from inventory.enums import LocationKind, ReceivingStatus
from inventory.locks import lock_receiving
from inventory.models import Receiving, ReceivingItem
from inventory.queries.locations import default_location
from inventory.queries.scan import find_by_scan
from inventory.services.receiving import ReceivingLine, add_item, cancel_receiving, receive_item, start_receiving
from inventory.services.receiving_confirmation import confirm_receiving
from warehouse.core.actor import Actor
from warehouse.core.admin import RoleTabularInline, actor_of, plain, signed
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, StepsAdmin, can, quantity_field, text_field
from warehouse.core.errors import DomainError, ValidationFailed
from warehouse.core.quantities import ZERO, require_step

COLOURS = {
    ReceivingStatus.DRAFT: "primary",
    ReceivingStatus.IN_PROGRESS: "info",
    ReceivingStatus.CONFIRMED: "success",
    ReceivingStatus.CANCELLED: "danger",
}
EURO = "EUR"
OPEN = {ReceivingStatus.DRAFT, ReceivingStatus.IN_PROGRESS}


def three_letters(currency: str) -> str:
    """The currency's code in capitals. Raises ValidationError for what is none."""
    if not re.fullmatch("[A-Za-z]{3}", currency):
        raise ValidationError("Three letters, such as EUR.")
    return currency.upper()


class ReceivingForm(forms.ModelForm):
    """The paper's head. A change names the version it was based on and locks the row, so that nobody confirms what is being rewritten."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Receiving
        fields = ["warehouse", "location", "supplier", "supplier_reference", "notes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 2
        if "location" in self.fields:
            self.fields["location"].required = False
            self.fields["location"].help_text = "Where the goods go unless a line says otherwise; empty: the receiving dock."
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.instance.pk is not None:
            self._lock(data.get("seen_version"))
        warehouse = data.get("warehouse") or (self.instance.warehouse if self.instance.warehouse_id else None)
        if warehouse is not None:
            self._place(data, warehouse.pk)
        return data

    def _lock(self, seen_version: int | None) -> None:
        try:
            locked = lock_receiving(self.instance.pk, seen_version or 0)
        except DomainError as error:
            raise ValidationError(error.detail) from None
        if locked.status not in OPEN:
            raise ValidationError(f"{locked} is {locked.get_status_display()}: it can't be changed any more.")

    def _place(self, data: dict[str, Any], warehouse_id: int) -> None:
        location = data.get("location")
        if location is None:
            try:
                self.instance.location_id = default_location(warehouse_id, LocationKind.RECEIVING)
            except DomainError as error:
                self.add_error("location", error.detail)
            else:
                data.pop("location", None)
        elif location.warehouse_id != warehouse_id:
            self.add_error("location", f"{location} is not a place of this warehouse.")

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "location"}  # type: ignore[misc]


class ReceivingItemForm(forms.ModelForm):
    class Meta:
        model = ReceivingItem
        fields = [
            "product", "lot_number", "produced_on", "label_expires_on", "label_condition", "expected_quantity", "actual_quantity",
            "damaged_quantity", "purchase_price", "currency", "location", "accept_short_dated", "short_dated_reason",
        ]  # fmt: skip
        labels = {
            "lot_number": "lot",
            "produced_on": "made",
            "label_expires_on": "expiry",
            "label_condition": "stored",
            "expected_quantity": "expected",
            "actual_quantity": "actual",
            "damaged_quantity": "damaged",
            "purchase_price": "price",
            "accept_short_dated": "short dated is fine",
            "short_dated_reason": "because",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("expected_quantity", "actual_quantity", "damaged_quantity", "purchase_price"):
            if name in self.fields:
                self.fields[name].widget.attrs["style"] = "width: 5.5rem; min-width: 5.5rem"
                if self.instance.pk is not None:
                    self.initial[name] = plain(self.initial[name])
        if "currency" in self.fields:
            self.fields["currency"].required = False
            self.fields["currency"].widget.attrs["style"] = "width: 4rem; min-width: 4rem"
        for name in ("product", "location"):
            widget = self.fields[name].widget if name in self.fields else None
            if isinstance(widget, RelatedFieldWidgetWrapper):
                widget.can_add_related = widget.can_change_related = widget.can_view_related = False

    def clean_currency(self) -> str:
        return three_letters(self.cleaned_data["currency"] or self.instance.currency)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        product = data.get("product")
        for name in ("expected_quantity", "actual_quantity", "damaged_quantity"):
            quantity = data.get(name)
            if quantity is None or product is None:
                continue
            if quantity < 0:
                self.add_error(name, "Not less than nothing.")
                continue
            try:
                require_step(quantity, product.quantity_step, sku=product.sku, field=name)
            except ValidationFailed as error:
                self.add_error(name, error.detail)
        if (data.get("damaged_quantity") or 0) > (data.get("actual_quantity") or 0):
            self.add_error("damaged_quantity", "More is damaged than has arrived.")
        if data.get("produced_on") and data.get("label_expires_on") and data["produced_on"] > data["label_expires_on"]:
            self.add_error("produced_on", "Made after it expires: correct the dates.")
        if data.get("accept_short_dated") and not data.get("short_dated_reason"):
            self.add_error("short_dated_reason", "Say why short dated goods are accepted.")
        return data


class ReceivingItemInline(RoleTabularInline):
    model = ReceivingItem
    form = ReceivingItemForm
    autocomplete_fields = ["product", "location"]
    verbose_name = "line"
    verbose_name_plural = "lines"
    fields = [
        "product", "lot_number", "label_expires_on", "expected_quantity", "actual_quantity", "damaged_quantity", "difference", "purchase_price",
        "currency", "location", "produced_on", "label_condition", "accept_short_dated", "short_dated_reason",
    ]  # fmt: skip
    readonly_fields = ["difference"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReceivingItem]:
        return super().get_queryset(request).select_related("product", "location").order_by("pk")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("label_expires_on", "produced_on"):
            kwargs["widget"] = UnfoldAdminSingleDateWidget()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description="difference")
    def difference(self, row: ReceivingItem) -> str:
        return signed(row.difference) if row.pk else ""

    def has_add_permission(self, request: HttpRequest, obj: Receiving | None = None) -> bool:
        return super().has_add_permission(request, obj) and _open(obj)

    def has_change_permission(self, request: HttpRequest, obj: Receiving | None = None) -> bool:
        return super().has_change_permission(request, obj) and _open(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Receiving | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _open(obj)


def _open(receiving: Receiving | None) -> bool:
    return receiving is None or receiving.pk is None or receiving.status in OPEN


class ScanForm(StepForm):
    scan = text_field("Barcode", autofocus=True, max_length=200, help_text="A product's barcode, its SKU, or a GS1 code with lot and expiry.")
    quantity = quantity_field("How many", required=False, help_text="Empty: as many as are in the pack.")


class AddItemForm(StepForm):
    scan = text_field("Product", autofocus=True, help_text="Its SKU or barcode.")
    lot_number = text_field("Lot", required=False, max_length=60, help_text="Made up when missing.")
    label_expires_on = forms.DateField(label="Expiry on the label", required=False, widget=UnfoldAdminSingleDateWidget())
    produced_on = forms.DateField(label="Made on", required=False, widget=UnfoldAdminSingleDateWidget())
    quantity = quantity_field("How many arrived")
    damaged_quantity = quantity_field("How many of them are damaged", required=False)
    purchase_price = quantity_field("Purchase price", required=False, decimals=4)
    currency = text_field("Currency", required=False, max_length=3, help_text="Three letters; EUR when empty.")

    def clean_currency(self) -> str:
        return three_letters(self.cleaned_data["currency"] or EURO)


def scan_goods(row: Receiving, arguments: dict[str, Any], actor: Actor, version: int) -> ReceivingItem:
    return receive_item(row.pk, scan=arguments["scan"], quantity=arguments["quantity"], actor=actor, expected_version=version)


def add_goods(row: Receiving, arguments: dict[str, Any], actor: Actor, version: int) -> ReceivingItem:
    scan = arguments["scan"]
    found = find_by_scan(scan, warehouse_id=row.warehouse_id)
    if found.product_id is None:
        raise ValidationFailed(f"{scan[:40]!r} names no product. Give its SKU or scan its barcode.", scan=scan[:80])
    line = ReceivingLine(
        product_id=found.product_id,
        actual_quantity=arguments["quantity"],
        damaged_quantity=arguments["damaged_quantity"] or ZERO,
        lot_number=arguments["lot_number"] or found.lot_number,
        label_expires_on=arguments["label_expires_on"] or found.expires_on,
        produced_on=arguments["produced_on"] or found.produced_on,
        purchase_price=arguments["purchase_price"] or ZERO,
        currency=arguments["currency"],
    )
    return add_item(row.pk, line, actor=actor, expected_version=version)


def is_open(row: Receiving) -> bool:
    return row.status in OPEN


@admin.register(Receiving)
class ReceivingAdmin(StepsAdmin, SiteRows):
    form = ReceivingForm
    list_display = ["number", "state", "warehouse", "supplier", "supplier_reference", "created_at", "confirmed_at", "created_by"]
    list_select_related = ["warehouse", "supplier", "created_by"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", SiteFilter),
        ("supplier", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["number", "supplier_reference"]
    ordering = ["-pk"]
    autocomplete_fields = ["warehouse", "location", "supplier"]
    inlines = [ReceivingItemInline]
    readonly_fields = ["number", "status", "confirmed_at", "cancellation_reason", "created_by"]
    actions = None
    steps = [
        Step(
            "scan",
            "Scan goods",
            receive_item,
            is_open,
            description="Counts what is scanned; the delivery is in progress from then on.",
            form=ScanForm,
            icon="barcode_scanner",
            call=scan_goods,
        ),
        Step("add_item", "Add line", add_item, is_open, form=AddItemForm, icon="playlist_add", call=add_goods),
        Step("start", "Start", start_receiving, can("start"), description="The goods are being counted.", icon="play_arrow"),
        Step(
            "confirm",
            "Confirm",
            confirm_receiving,
            can("confirm"),
            description="The goods come onto the books: batches, places, ledger, purchase prices. This can't be taken back.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step("cancel", "Give up", cancel_receiving, can("cancel"), form=ReasonForm, icon="close", variant=ActionVariant.DANGER),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Receiving | None = None) -> list[Any]:
        paper: list[Any] = [("warehouse", "location"), ("supplier", "supplier_reference"), "notes"]
        if obj is None:
            return [(None, {"fields": paper})]
        ended = [name for name in ("confirmed_at", "cancellation_reason") if getattr(obj, name)]
        seen = ["seen_version"] if self.has_change_permission(request, obj) else []
        return [(None, {"fields": [("number", "status"), *paper, ("created_by", *ended), *seen]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Receiving | None = None) -> list[str]:
        return [*self.readonly_fields, "warehouse"] if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Receiving | None = None) -> bool:
        return super().has_change_permission(request, obj) and _open(obj)

    def save_model(self, request: HttpRequest, obj: Receiving, form: forms.ModelForm[Receiving], change: bool) -> None:
        if change:
            obj.save_changes("location", "supplier", "supplier_reference", "notes")
        else:
            obj.created_by_id = actor_of(request).user_id
            obj.save()

    @display(description="status", label=COLOURS)
    def state(self, row: Receiving) -> tuple[str, str]:
        return row.status, row.get_status_display()
