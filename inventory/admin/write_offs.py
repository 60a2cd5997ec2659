"""Write-offs. The paper's head is written in a form; its lines and what becomes of it go by its steps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from inventory.admin.base import SiteFilter, SiteRows
from inventory.enums import WriteOffReason, WriteOffStatus
from inventory.models import BatchLocation, WriteOff, WriteOffItem
from inventory.queries.scan import find_by_scan
from inventory.queries.write_offs import value_shown, with_values
from inventory.services.write_off_confirmation import approve_write_off, confirm_write_off
from inventory.services.write_offs import (
    WriteOffLine,
    add_write_off_item,
    cancel_write_off,
    change_write_off,
    create_write_off,
    remove_write_off_item,
)
from warehouse.core.actor import Actor
from warehouse.core.admin import ReadOnlyInline, actor_of, adopt, plain
from warehouse.core.admin_forms import RefusalsSaid
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, StepsAdmin, can, choice_field, quantity_field, text_field
from warehouse.core.errors import ValidationFailed

COLOURS = {
    WriteOffStatus.DRAFT: "primary",
    WriteOffStatus.AWAITING_APPROVAL: "warning",
    WriteOffStatus.CONFIRMED: "success",
    WriteOffStatus.CANCELLED: "danger",
}
NAMED = 8
UNDECIDED = ("", "–")


class WriteOffForm(forms.ModelForm):
    """The paper's head. A change names the version it was based on."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = WriteOff
        fields = ["warehouse", "release_reservations", "notes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 2
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version


class WriteOffItemInline(ReadOnlyInline):
    model = WriteOffItem
    fields = ["goods", "place", "amount", "why", "note", "cost"]
    readonly_fields = fields
    verbose_name = "line"
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WriteOffItem]:
        return super().get_queryset(request).select_related("product", "batch", "batch_location__location").order_by("pk")

    @display(description="product, lot")
    def goods(self, row: WriteOffItem) -> str:
        return f"{row.product.sku}, {row.batch.lot_number}"

    @display(description="place")
    def place(self, row: WriteOffItem) -> str:
        return row.batch_location.location.code

    @display(description="quantity")
    def amount(self, row: WriteOffItem) -> str:
        return plain(row.quantity)

    @display(description="reason")
    def why(self, row: WriteOffItem) -> str:
        return row.get_reason_display()

    @display(description="value")
    def cost(self, row: WriteOffItem) -> str:
        return f"{row.value:,.2f} {row.currency}"


class AddLineForm(StepForm):
    scan = text_field("Product", autofocus=True, help_text="Its SKU or barcode, or a GS1 code with the lot.")
    place = text_field("Place", required=False, max_length=80, help_text="Its code or barcode; empty when the goods lie in one place only.")
    lot_number = text_field("Lot", required=False, max_length=60, help_text="Empty when one lot of it lies there.")
    quantity = quantity_field("How many")
    reason = choice_field("Reason", [UNDECIDED, *WriteOffReason.choices])
    note = text_field("Note", required=False, help_text="Needed for the reason “other”.")


class LineStep(StepForm):
    """A step that asks about one line of the paper."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        items = self.row.items.select_related("product", "batch", "batch_location__location").order_by("pk")
        choices = [(i.pk, f"{plain(i.quantity)} of {i.product.sku}, lot {i.batch.lot_number}, in {i.batch_location.location.code}") for i in items]
        self.fields["item_id"] = forms.TypedChoiceField(label="Line", coerce=int, choices=choices, widget=choice_field("Line", choices).widget)


def find_goods(warehouse_id: int, scan: str, place: str, lot_number: str) -> int:
    """What lies somewhere, by a scanned product and, where needed, place and lot. Raises ValidationFailed with what there is to choose from."""
    found = find_by_scan(scan, warehouse_id=warehouse_id)
    if found.product_id is None:
        raise ValidationFailed(f"{scan[:40]!r} names no product. Give its SKU or scan its barcode.", scan=scan[:80])
    rows = BatchLocation.objects.filter(warehouse=warehouse_id, product=found.product_id, has_stock=True)
    if place:
        rows = rows.filter(Q(location__code__iexact=place) | Q(location__barcode=place))
    if lot := lot_number or found.lot_number:
        rows = rows.filter(batch__lot_number__iexact=lot)
    lying = list(rows.select_related("batch", "location").order_by("location__code", "pk"))
    if len(lying) == 1:
        return lying[0].pk
    if not lying:
        raise ValidationFailed("No such goods lie there. Look at the places' contents.", scan=scan[:80])
    named = [f"{row.location.code}, lot {row.batch.lot_number}, {row.get_phase_display()}: {plain(row.quantity)}" for row in lying]
    more = f"; and {len(named) - NAMED} more" if len(named) > NAMED else ""
    raise ValidationFailed(f"They lie in several places or lots: name one. {'; '.join(named[:NAMED])}{more}.")


def add_line(row: WriteOff, arguments: dict[str, Any], actor: Actor, version: int) -> WriteOffItem:
    goods = find_goods(row.warehouse_id, arguments["scan"].strip(), arguments["place"].strip(), arguments["lot_number"].strip())
    line = WriteOffLine(goods, arguments["quantity"], arguments["reason"], arguments["note"])
    return add_write_off_item(row.pk, line, actor=actor, expected_version=version)


def remove_line(row: WriteOff, arguments: dict[str, Any], actor: Actor, version: int) -> WriteOff:
    return remove_write_off_item(row.pk, arguments["item_id"], actor=actor, expected_version=version)


def is_draft(row: WriteOff | None) -> bool:
    return row is None or row.pk is None or row.status == WriteOffStatus.DRAFT


def has_lines(row: WriteOff) -> bool:
    return is_draft(row) and row.items.exists()


@admin.register(WriteOff)
class WriteOffAdmin(RefusalsSaid, StepsAdmin, SiteRows):
    form = WriteOffForm
    list_display = ["number", "state", "warehouse", "value", "origin", "created_at", "confirmed_at", "created_by", "approved_by"]
    list_select_related = ["warehouse", "created_by", "approved_by"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", SiteFilter),
        ("origin", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
        ("confirmed_at", RangeDateTimeFilter),
    ]
    search_fields = ["number"]
    ordering = ["-pk"]
    autocomplete_fields = ["warehouse"]
    inlines = [WriteOffItemInline]
    readonly_fields = ["number", "status", "origin", "value", "confirmed_at", "approved_by", "cancellation_reason", "created_by"]
    actions = None
    steps = [
        Step("add_line", "Add line", add_write_off_item, is_draft, form=AddLineForm, icon="playlist_add", call=add_line),
        Step("remove_line", "Strike line", remove_write_off_item, has_lines, form=LineStep, icon="playlist_remove", call=remove_line),
        Step(
            "confirm",
            "Confirm",
            confirm_write_off,
            has_lines,
            description="The goods leave the books. Above the limit it waits for a manager instead. This can't be taken back.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "approve",
            "Approve",
            approve_write_off,
            can("approve"),
            description="You agree to the loss, and the goods leave the books. This can't be taken back.",
            icon="verified",
            variant=ActionVariant.PRIMARY,
        ),
        Step("cancel", "Give up", cancel_write_off, can("cancel"), form=ReasonForm, icon="close", variant=ActionVariant.DANGER),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WriteOff]:
        return with_values(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: WriteOff | None = None) -> list[Any]:
        if obj is None:
            return [(None, {"fields": ["warehouse", "release_reservations", "notes"]})]
        ended = [name for name in ("confirmed_at", "approved_by", "cancellation_reason") if getattr(obj, name)]
        seen = ["seen_version"] if self.has_change_permission(request, obj) else []
        facts: list[Any] = [("number", "status"), ("warehouse", "value"), "release_reservations", "notes", ("created_by", "origin"), *ended]
        return [(None, {"fields": [*facts, *seen]})]

    def get_inlines(self, request: HttpRequest, obj: WriteOff | None) -> list[Any]:
        return self.inlines if obj else []

    def response_add(self, request: HttpRequest, obj: WriteOff, post_url_continue: str | None = None) -> HttpResponse:
        """Its lines are next: they are added on its page."""
        return super().response_add(request, obj, post_url_continue) if "_addanother" in request.POST else self._back(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: WriteOff | None = None) -> list[str]:
        return [*self.readonly_fields, "warehouse"] if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: WriteOff | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_draft(obj)

    def save_model(self, request: HttpRequest, obj: WriteOff, form: forms.ModelForm[WriteOff], change: bool) -> None:
        """Through the operations, which join the page's transaction; they judge again under their locks."""
        head = {name: form.cleaned_data[name] for name in ("release_reservations", "notes")}
        if change:
            change_write_off.inside(obj.pk, **head, actor=actor_of(request), expected_version=form.cleaned_data.get("seen_version") or 0)
            return
        made = create_write_off.inside(warehouse_id=form.cleaned_data["warehouse"].pk, actor=actor_of(request), **head)
        adopt(obj, made)

    @display(description="status", label=COLOURS)
    def state(self, row: WriteOff) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="value")
    def value(self, row: WriteOff) -> str:
        return ", ".join(f"{value:,.2f} {currency}" for currency, value in value_shown(row).items()) or "–"
