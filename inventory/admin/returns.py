"""Goods that come back. The paper is written in a form; its lines, what was found and what becomes of it go by its steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget

from inventory.admin.base import SiteFilter, SiteRows
from inventory.enums import OPEN_RETURNS, LocationKind, ReturnCondition, ReturnDecision, ReturnStatus
from inventory.models import Location, Return, ReturnItem
from inventory.queries.locations import default_location
from inventory.queries.lots import find_lot
from inventory.queries.returns import shipped_under
from inventory.queries.scan import find_by_scan
from inventory.services.return_completion import complete_return
from inventory.services.return_inspection import Finding, attach_return_photo, inspect_return
from inventory.services.returns import ReturnLine, add_return_item, cancel_return, change_return, create_return, remove_return_item
from warehouse.core.actor import Actor
from warehouse.core.admin import ReadOnlyInline, actor_of, adopt, plain
from warehouse.core.admin_forms import RefusalsSaid
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, StepsAdmin, can, choice_field, quantity_field, text_field
from warehouse.core.errors import DomainError, ValidationFailed
from warehouse.core.photos import PHOTO_BYTES

COLOURS = {
    ReturnStatus.DRAFT: "primary",
    ReturnStatus.INSPECTED: "info",
    ReturnStatus.COMPLETED: "success",
    ReturnStatus.CANCELLED: "danger",
}
UNDECIDED = ("", "–")


class ReturnForm(forms.ModelForm):
    """The paper's head. A change names the version it was based on."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    everything = forms.BooleanField(
        required=False, label="Everything that is still out", help_text="A line for each batch that left under this order and has not come back."
    )

    class Meta:
        model = Return
        fields = ["order_ref", "warehouse", "location", "reference", "customer_reason", "notes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 2
        if "order_ref" in self.fields:
            self.fields["order_ref"].label = "Order"
            self.fields["order_ref"].help_text = "Under which the goods left: its source and number, such as listings:1001."
        if "location" in self.fields:
            self.fields["location"].required = False
            self.fields["location"].help_text = "Where the goods go unless a line says otherwise; empty: the receiving dock."
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        order_ref = data.get("order_ref")
        if order_ref and not shipped_under(order_ref):
            self.add_error("order_ref", "Nothing was shipped under this order.")
        warehouse = data.get("warehouse") or (self.instance.warehouse if self.instance.warehouse_id else None)
        if warehouse is not None:
            self._place(data, warehouse.pk)
        return data

    def _place(self, data: dict[str, Any], warehouse_id: int) -> None:
        location = data.get("location")
        if location is None:
            try:
                data["location"] = Location.objects.get(pk=default_location(warehouse_id, LocationKind.RECEIVING))
            except DomainError as error:
                self.add_error("location", error.detail)
        elif location.warehouse_id != warehouse_id:
            self.add_error("location", f"{location} is not a place of this warehouse.")


class ReturnItemInline(ReadOnlyInline):
    model = ReturnItem
    fields = ["goods", "amount", "where", "state", "decided", "measured", "expires", "picture", "papers"]
    readonly_fields = fields
    verbose_name = "line"
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReturnItem]:
        rows = super().get_queryset(request).select_related("return_document__location", "product", "batch", "location", "write_off")
        return rows.order_by("pk")

    @display(description="product, lot")
    def goods(self, row: ReturnItem) -> str:
        return f"{row.product.sku}, {row.batch.lot_number}"

    @display(description="quantity")
    def amount(self, row: ReturnItem) -> str:
        return plain(row.quantity)

    @display(description="goes to")
    def where(self, row: ReturnItem) -> str:
        return "quarantine" if row.decision == ReturnDecision.WRITE_OFF else (row.location or row.return_document.location).code

    @display(description="found")
    def state(self, row: ReturnItem) -> str:
        return ", ".join(part for part in (row.get_condition_display(), row.inspection_note) if part)

    @display(description="decision")
    def decided(self, row: ReturnItem) -> str:
        percent = f", −{plain(row.discount_percent)} %" if row.discount_percent is not None else ""
        return f"{row.get_decision_display()}{percent}"

    @display(description="measured")
    def measured(self, row: ReturnItem) -> str:
        warm = f"{plain(row.temperature)} °C" if row.temperature is not None else ""
        fresh = f"{plain(100 * row.freshness_remaining)} % fresh" if row.freshness_remaining is not None else ""
        return ", ".join(part for part in (warm, fresh) if part)

    @display(description="expires")
    def expires(self, row: ReturnItem) -> str:
        return f"{row.new_expires_at:%Y-%m-%d %H:%M}" if row.new_expires_at else ""

    @display(description="photo")
    def picture(self, row: ReturnItem) -> SafeString | str:
        if not row.photo:
            return ""
        address = reverse("returns-attach-photo", args=[row.return_document_id, row.pk])
        return format_html('<a class="text-primary-600 underline" href="{}" target="_blank" rel="noopener">photo</a>', address)

    @display(description="write-off")
    def papers(self, row: ReturnItem) -> str:
        return str(row.write_off or "")


class LineStep(StepForm):
    """A step that asks about one line of the return."""

    item_id = forms.TypedChoiceField(label="Line", coerce=int)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(item.pk, _named(item)) for item in lines_of(self.row)]
        self.fields["item_id"] = forms.TypedChoiceField(label="Line", coerce=int, choices=choices, widget=choice_field("Line", choices).widget)


class AddLineForm(StepForm):
    scan = text_field("Product", autofocus=True, max_length=200, help_text="Its SKU or barcode, or a GS1 code with the lot.")
    quantity = quantity_field("How many came back")
    lot_number = text_field("Lot", required=False, max_length=60, help_text="Empty: the lots that left under the order, in the order they left.")


class PhotoForm(LineStep):
    photo = forms.FileField(
        label="Photo",
        help_text=f"JPEG, PNG or WebP, up to {PHOTO_BYTES // 1024 // 1024} MB.",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )


class InspectForm(StepForm):
    """The same questions for each line, with what was answered before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines_of(self.row)
        for item in self.lines:
            self._ask(item)

    def _ask(self, item: ReturnItem) -> None:
        known: dict[str, Any] = {
            "condition": item.condition,
            "decision": item.decision,
            "discount_percent": _bare(item.discount_percent),
            "freshness": _bare(None if item.freshness_remaining is None else 100 * item.freshness_remaining),
            "temperature": _bare(item.temperature),
            "place": item.location.code if item.location else "",
            "inspection_note": item.inspection_note,
        }
        asked: dict[str, forms.Field] = {
            "condition": choice_field("Condition", [UNDECIDED, *ReturnCondition.choices]),
            "decision": choice_field("Decision", [UNDECIDED, *ReturnDecision.choices]),
            "discount_percent": quantity_field("Discount, %", required=False, decimals=2),
            "freshness": quantity_field("Freshness left, %", required=False, decimals=2, help_text="It can only shorten the life."),
            "temperature": quantity_field("Temperature, °C", required=False, min_value=None, decimals=1),
            "place": text_field("Place", required=False, max_length=40, help_text=f"Empty: {item.location or self.row.location}."),
            "inspection_note": text_field("Note", required=False),
        }
        for name, field in asked.items():
            self.fields[f"{item.pk}-{name}"] = field
            self.initial[f"{item.pk}-{name}"] = known[name]

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        asked = [(_named(item), [self[name] for name in self.fields if name.startswith(f"{item.pk}-")]) for item in self.lines]
        return [("", [self["expected_version"]]), *asked]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        codes = {data.get(f"{item.pk}-place") or "" for item in self.lines} - {""}
        self.places = dict(Location.objects.filter(warehouse=self.row.warehouse_id, code__in=codes).values_list("code", "pk"))
        for item in self.lines:
            if (code := data.get(f"{item.pk}-place")) and code not in self.places:
                self.add_error(f"{item.pk}-place", ValidationError("This warehouse has no such place."))
        return data

    def arguments(self) -> dict[str, Any]:
        return {"findings": [self._finding(item) for item in self.lines]}

    def _finding(self, item: ReturnItem) -> Finding:
        answer = {name.partition("-")[2]: value for name, value in self.cleaned_data.items() if name.startswith(f"{item.pk}-")}
        freshness: Decimal | None = answer["freshness"]
        return Finding(
            item_id=item.pk,
            condition=answer["condition"],
            decision=answer["decision"],
            temperature=answer["temperature"],
            freshness_remaining=None if freshness is None else freshness / 100,
            discount_percent=answer["discount_percent"],
            location_id=self.places.get(answer["place"]),
            inspection_note=answer["inspection_note"],
        )


def _bare(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _named(item: ReturnItem) -> str:
    return f"{item.product.sku}, lot {item.batch.lot_number}: {plain(item.quantity)} {item.product.get_base_unit_display()}"


def lines_of(row: Return) -> list[ReturnItem]:
    return list(row.items.select_related("product", "batch", "location").order_by("pk"))


def add_line(row: Return, arguments: dict[str, Any], actor: Actor, version: int) -> list[ReturnItem]:
    scan = arguments["scan"]
    found = find_by_scan(scan, warehouse_id=row.warehouse_id)
    if found.product_id is None:
        raise ValidationFailed(f"{scan[:40]!r} names no product. Give its SKU or scan its barcode.", scan=scan[:80])
    lot = arguments["lot_number"] or found.lot_number
    batch = find_lot(found.product_id, lot)
    if lot and batch is None:
        raise ValidationFailed(f"There is no lot {lot} of this product.", lot=lot)
    return add_return_item(
        row.pk, ReturnLine(found.product_id, arguments["quantity"], batch.pk if batch else None), actor=actor, expected_version=version
    )


def remove_line(row: Return, arguments: dict[str, Any], actor: Actor, version: int) -> Return:
    return remove_return_item(row.pk, arguments["item_id"], actor=actor, expected_version=version)


def attach_photo(row: Return, arguments: dict[str, Any], actor: Actor, version: int) -> ReturnItem:
    # One byte more than is allowed is enough to be refused.
    content = arguments["photo"].read(PHOTO_BYTES + 1)
    return attach_return_photo(row.pk, arguments["item_id"], content, actor=actor, expected_version=version)


def is_open(row: Return | None) -> bool:
    return row is None or row.pk is None or row.status in OPEN_RETURNS


def has_lines(row: Return) -> bool:
    return is_open(row) and row.items.exists()


@admin.register(Return)
class ReturnAdmin(RefusalsSaid, StepsAdmin, SiteRows):
    form = ReturnForm
    list_display = ["number", "state", "order_ref", "reference", "warehouse", "customer_reason", "created_at", "completed_at", "created_by"]
    list_select_related = ["warehouse", "created_by"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", SiteFilter),
        ("created_at", RangeDateTimeFilter),
        ("completed_at", RangeDateTimeFilter),
    ]
    search_fields = ["number", "order_ref", "reference"]
    ordering = ["-pk"]
    autocomplete_fields = ["warehouse", "location"]
    inlines = [ReturnItemInline]
    readonly_fields = ["number", "status", "inspected_at", "completed_at", "cancellation_reason", "created_by"]
    actions = None
    steps = [
        Step("add_line", "Add line", add_return_item, is_open, form=AddLineForm, icon="playlist_add", call=add_line),
        Step("remove_line", "Strike line", remove_return_item, has_lines, form=LineStep, icon="playlist_remove", call=remove_line),
        Step("photo", "Photo", attach_return_photo, has_lines, form=PhotoForm, icon="photo_camera", call=attach_photo),
        Step(
            "inspect",
            "Inspect",
            inspect_return,
            has_lines,
            description="What each line looks like, and what is to become of it.",
            form=InspectForm,
            icon="visibility",
        ),
        Step(
            "complete",
            "Complete",
            complete_return,
            can("complete"),
            description="The goods come onto the books again as was decided; what can't be sold is written off. This can't be taken back.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step("cancel", "Give up", cancel_return, can("cancel"), form=ReasonForm, icon="close", variant=ActionVariant.DANGER),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Return | None = None) -> list[Any]:
        paper: list[Any] = [("order_ref", "reference"), ("warehouse", "location"), "customer_reason", "notes"]
        if obj is None:
            return [(None, {"fields": [*paper, "everything"]})]
        ended = [name for name in ("inspected_at", "completed_at", "cancellation_reason") if getattr(obj, name)]
        seen = ["seen_version"] if self.has_change_permission(request, obj) else []
        return [(None, {"fields": [("number", "status"), *paper, ("created_by", *ended), *seen]})]

    def get_inlines(self, request: HttpRequest, obj: Return | None = None) -> list[Any]:
        return [] if obj is None else self.inlines

    def get_readonly_fields(self, request: HttpRequest, obj: Return | None = None) -> list[str]:
        return [*self.readonly_fields, "warehouse", "order_ref"] if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Return | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_open(obj)

    def save_model(self, request: HttpRequest, obj: Return, form: forms.ModelForm[Return], change: bool) -> None:
        """Through the operations, which join the page's transaction; they judge again under their locks."""
        data = form.cleaned_data
        head = {"location_id": data["location"].pk, **{name: data[name] for name in ("reference", "customer_reason", "notes")}}
        if change:
            change_return.inside(obj.pk, head, actor=actor_of(request), expected_version=data.get("seen_version") or 0)
            return
        out = shipped_under(data["order_ref"]) if data["everything"] else []
        lines = [ReturnLine(row.product_id, row.free, row.batch_id) for row in out if row.free > 0]
        made = create_return.inside(warehouse_id=data["warehouse"].pk, order_ref=data["order_ref"], lines=lines, actor=actor_of(request), **head)
        adopt(obj, made)

    @display(description="status", label=COLOURS)
    def state(self, row: Return) -> tuple[str, str]:
        return row.status, row.get_status_display()
