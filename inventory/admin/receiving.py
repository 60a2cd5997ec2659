"""Deliveries. The paper and its lines are edited in forms while it is open, which the operations save; goods come onto the books by its steps only."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSingleDateWidget

from inventory.admin.base import SiteFilter, SiteRows
from inventory.admin.receiving_forms import AddItemForm, ReceivingForm, ReceivingItemForm, Refused, ScanForm, line_values
from inventory.enums import OPEN_RECEIVINGS, LocationKind, ReceivingStatus
from inventory.models import Receiving, ReceivingItem
from inventory.queries.locations import default_location
from inventory.queries.scan import find_by_scan
from inventory.services.receiving import (
    ReceivingLine,
    add_item,
    cancel_receiving,
    change_item,
    change_receiving,
    create_receiving,
    receive_item,
    remove_item,
    start_receiving,
)
from inventory.services.receiving_confirmation import confirm_receiving
from warehouse.core.actor import Actor
from warehouse.core.admin import RoleTabularInline, actor_of, adopt, signed
from warehouse.core.admin_forms import RefusalsSaid
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin, can
from warehouse.core.errors import DomainError, ValidationFailed
from warehouse.core.quantities import ZERO

COLOURS = {
    ReceivingStatus.DRAFT: "primary",
    ReceivingStatus.IN_PROGRESS: "info",
    ReceivingStatus.CONFIRMED: "success",
    ReceivingStatus.CANCELLED: "danger",
}
REFUSED = "_refused"


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

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.refused = getattr(request, REFUSED, None)
        return formset

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
    return receiving is None or receiving.pk is None or receiving.status in OPEN_RECEIVINGS


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
    return row.status in OPEN_RECEIVINGS


@admin.register(Receiving)
class ReceivingAdmin(RefusalsSaid, StepsAdmin, SiteRows):
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

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page. What an operation refuses of a form is said in it, beside all that was entered, and nothing is saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            setattr(request, REFUSED, refused)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Receiving | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refused = getattr(request, REFUSED, None)
        return form

    def save_model(self, request: HttpRequest, obj: Receiving, form: forms.ModelForm[Receiving], change: bool) -> None:
        """Through the operations, which join the page's transaction; they judge under their locks."""
        data, actor = form.cleaned_data, actor_of(request)
        place, supplier = data["location"] and data["location"].pk, data["supplier"] and data["supplier"].pk
        head = {"supplier_id": supplier, "supplier_reference": data["supplier_reference"], "notes": data["notes"]}
        try:
            if change:
                head["location_id"] = place or default_location(obj.warehouse_id, LocationKind.RECEIVING)
                change_receiving.inside(obj.pk, head, actor=actor, expected_version=data.get("seen_version") or 0)
                return
            made = create_receiving.inside(warehouse_id=data["warehouse"].pk, location_id=place, actor=actor, **head)
        except DomainError as error:
            raise Refused(error) from error
        adopt(obj, made)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Line by line through the operations; a line that gets another product is struck off and written anew."""
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        receiving_id, actor = form.instance.pk, actor_of(request)
        for row in formset.deleted_forms:
            if row.instance.pk is not None:
                self._strike_off(receiving_id, row, None, actor)
                formset.deleted_objects.append(row.instance)
        for row in formset.forms:
            if row in formset.deleted_forms or not row.has_changed():
                continue
            try:
                if row.instance.pk is None or "product" in row.changed_data:
                    if row.instance.pk is not None:
                        self._strike_off(receiving_id, row, row.prefix, actor)
                    line = ReceivingLine(**line_values(row, ReceivingItemForm.Meta.fields))
                    formset.new_objects.append(add_item.inside(receiving_id, line, actor=actor))
                else:
                    values = line_values(row, (name for name in row.changed_data if name in ReceivingItemForm.Meta.fields))
                    formset.changed_objects.append((change_item.inside(receiving_id, row.instance.pk, values, actor=actor), row.changed_data))
            except DomainError as error:
                raise Refused(error, row.prefix) from error

    def _strike_off(self, receiving_id: int, row: Any, prefix: str | None, actor: Actor) -> None:
        try:
            remove_item.inside(receiving_id, row.instance.pk, actor=actor)
        except DomainError as error:
            raise Refused(error, prefix) from error

    @display(description="status", label=COLOURS)
    def state(self, row: Receiving) -> tuple[str, str]:
        return row.status, row.get_status_display()
