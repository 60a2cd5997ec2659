"""Transfers. The paper's head is written in a form; its lines, and how the goods leave, arrive or come back, go by its steps."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant

from inventory.admin.base import SiteFilter
from inventory.admin.moving import place_named
from inventory.admin.write_offs import find_goods
from inventory.enums import LocationKind, TransferStatus
from inventory.models import Location, Transfer, TransferItem
from inventory.queries.locations import default_location
from inventory.queries.stock import visible_to
from inventory.services.transfer_steps import cancel_transfer, receive_transfer, send_transfer
from inventory.services.transfers import TransferLine, add_transfer_item, change_transfer, create_transfer, remove_transfer_item
from warehouse.core.actor import Actor
from warehouse.core.admin import ReadOnlyInline, actor_of, adopt, pairs, plain
from warehouse.core.admin_forms import RefusalsSaid
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, StepsAdmin, can, choice_field, quantity_field, text_field
from warehouse.core.errors import DomainError

COLOURS = {
    TransferStatus.DRAFT: "primary",
    TransferStatus.SENT: "info",
    TransferStatus.RECEIVED: "success",
    TransferStatus.CANCELLED: "danger",
}


class TransferForm(forms.ModelForm):
    """The paper's head. A change names the version it was based on."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Transfer
        fields = ["source_warehouse", "target_warehouse", "target_location", "notes"]
        labels = {"source_warehouse": "from", "target_warehouse": "to", "target_location": "place there"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 2
        if "target_location" in self.fields:
            self.fields["target_location"].required = False
            self.fields["target_location"].help_text = "Where the goods go unless a line says otherwise; empty: the receiving dock."
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        target = data.get("target_warehouse") or (self.instance.target_warehouse if self.instance.target_warehouse_id else None)
        place = data.get("target_location")
        if target is not None and place is None:
            try:
                data["target_location"] = Location.objects.get(pk=default_location(target.pk, LocationKind.RECEIVING))
            except DomainError as error:
                self.add_error("target_location", error.detail)
        elif target is not None and place is not None and place.warehouse_id != target.pk:
            self.add_error("target_location", f"{place} is not a place of {target}.")
        return data


def moment(value: datetime | None) -> str:
    return f"{timezone.localtime(value):%Y-%m-%d %H:%M}" if value else ""


class TransferItemInline(ReadOnlyInline):
    model = TransferItem
    fields = ["goods", "from_place", "to_place", "amount", "arrived", "fresh_before", "fresh_after", "keeps_before", "keeps_after"]
    readonly_fields = fields
    verbose_name = "line"
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TransferItem]:
        rows = super().get_queryset(request).select_related("transfer__target_location", "product", "batch", "source__location", "target_location")
        return rows.order_by("pk")

    @display(description="product, lot")
    def goods(self, row: TransferItem) -> str:
        return f"{row.product.sku}, {row.batch.lot_number}"

    @display(description="from")
    def from_place(self, row: TransferItem) -> str:
        return row.source.location.code

    @display(description="to")
    def to_place(self, row: TransferItem) -> str:
        return (row.target_location or row.transfer.target_location).code

    @display(description="quantity")
    def amount(self, row: TransferItem) -> str:
        return plain(row.quantity)

    @display(description="arrived")
    def arrived(self, row: TransferItem) -> str:
        return plain(row.received_quantity)

    @display(description="fresh here")
    def fresh_before(self, row: TransferItem) -> str:
        return percent(row.freshness_before)

    @display(description="fresh there")
    def fresh_after(self, row: TransferItem) -> str:
        return percent(row.freshness_after)

    @display(description="expires here")
    def keeps_before(self, row: TransferItem) -> str:
        return moment(row.expires_before)

    @display(description="expires there")
    def keeps_after(self, row: TransferItem) -> str:
        return moment(row.expires_after)


def percent(share: Decimal | None) -> str:
    return "" if share is None else f"{share:.1%}"


def named(item: TransferItem) -> str:
    return f"{plain(item.quantity)} of {item.product.sku}, lot {item.batch.lot_number}, from {item.source.location.code}"


def lines_of(row: Transfer) -> list[TransferItem]:
    return list(row.items.select_related("product", "batch", "source__location", "target_location").order_by("pk"))


class AddLineForm(StepForm):
    scan = text_field("Product", autofocus=True, help_text="Its SKU or barcode, or a GS1 code with the lot.")
    place = text_field(
        "From which place", required=False, max_length=80, help_text="Its code or barcode; empty when the goods lie in one place only."
    )
    lot_number = text_field("Lot", required=False, max_length=60, help_text="Empty when one lot of it lies there.")
    quantity = quantity_field("How many")
    target = text_field("To which place", required=False, max_length=80, help_text="Empty: where the transfer goes.")


class LineStep(StepForm):
    """A step that asks about one line of the paper."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(item.pk, named(item)) for item in lines_of(self.row)]
        self.fields["item_id"] = forms.TypedChoiceField(label="Line", coerce=int, choices=choices, widget=choice_field("Line", choices).widget)


class ReceiveForm(StepForm):
    """Asks of each line how much has arrived, and where it goes if not where it was to go."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines_of(self.row)
        for item in self.lines:
            goes = item.target_location or self.row.target_location
            self.fields[f"{item.pk}-arrived"] = quantity_field("Arrived", help_text="What is missing is written off as lost.")
            self.fields[f"{item.pk}-place"] = text_field("Place", required=False, max_length=80, help_text=f"Empty: {goes}.")
            self.initial[f"{item.pk}-arrived"] = plain(item.quantity)

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        asked = [(named(item), [self[f"{item.pk}-arrived"], self[f"{item.pk}-place"]]) for item in self.lines]
        return [("", [self["expected_version"]]), *asked]

    def arguments(self) -> dict[str, Any]:
        received = {item.pk: self.cleaned_data[f"{item.pk}-arrived"] for item in self.lines}
        places = {item.pk: place for item in self.lines if (place := self.cleaned_data[f"{item.pk}-place"])}
        return {"received": received, "places": places}


class CancelForm(ReasonForm):
    place = text_field("Place", required=False, max_length=80, help_text="Where what is on its way goes; empty: where it came from.")


def add_line(row: Transfer, arguments: dict[str, Any], actor: Actor, version: int) -> TransferItem:
    goods = find_goods(row.source_warehouse_id, arguments["scan"].strip(), arguments["place"].strip(), arguments["lot_number"].strip())
    target = place_named(row.target_warehouse_id, arguments["target"]) if arguments["target"] else None
    return add_transfer_item(row.pk, TransferLine(goods, arguments["quantity"], target), actor=actor, expected_version=version)


def remove_line(row: Transfer, arguments: dict[str, Any], actor: Actor, version: int) -> Transfer:
    return remove_transfer_item(row.pk, arguments["item_id"], actor=actor, expected_version=version)


def receive(row: Transfer, arguments: dict[str, Any], actor: Actor, version: int) -> Transfer:
    places = {item: place_named(row.target_warehouse_id, place) for item, place in arguments["places"].items()}
    return receive_transfer(row.pk, received=arguments["received"], locations=places, actor=actor, expected_version=version)


def give_up(row: Transfer, arguments: dict[str, Any], actor: Actor, version: int) -> Transfer:
    place = place_named(row.source_warehouse_id, arguments["place"]) if arguments["place"] else None
    return cancel_transfer(row.pk, reason=arguments["reason"], to_location_id=place, actor=actor, expected_version=version)


def is_draft(row: Transfer | None) -> bool:
    return row is None or row.pk is None or row.status == TransferStatus.DRAFT


def has_lines(row: Transfer) -> bool:
    return is_draft(row) and row.items.exists()


@admin.register(Transfer)
class TransferAdmin(RefusalsSaid, StepsAdmin):
    form = TransferForm
    list_display = ["number", "state", "way", "created_at", "sent_at", "received_at", "loss", "created_by"]
    list_select_related = ["source_warehouse", "target_warehouse", "loss", "created_by"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("source_warehouse", SiteFilter),
        ("target_warehouse", SiteFilter),
        ("created_at", RangeDateTimeFilter),
        ("sent_at", RangeDateTimeFilter),
    ]
    search_fields = ["number"]
    ordering = ["-pk"]
    autocomplete_fields = ["source_warehouse", "target_warehouse", "target_location"]
    inlines = [TransferItemInline]
    readonly_fields = ["number", "status", "sent_at", "received_at", "loss", "cancellation_reason", "created_by"]
    actions = None
    steps = [
        Step("add_line", "Add line", add_transfer_item, is_draft, form=AddLineForm, icon="playlist_add", call=add_line),
        Step("remove_line", "Strike line", remove_transfer_item, has_lines, form=LineStep, icon="playlist_remove", call=remove_line),
        Step(
            "send",
            "Send",
            send_transfer,
            has_lines,
            description="The goods leave their places and stand in transit until they are received.",
            icon="local_shipping",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "receive",
            "Receive",
            receive_transfer,
            can("receive"),
            description="The goods come out of transit to their places. This can't be taken back.",
            form=ReceiveForm,
            icon="check",
            variant=ActionVariant.PRIMARY,
            call=receive,
        ),
        Step("cancel", "Give up", cancel_transfer, can("cancel"), form=CancelForm, icon="close", variant=ActionVariant.DANGER, call=give_up),
    ]

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        """A seller sees what leaves its own sites, and what comes to them."""
        return visible_to(rows, actor, warehouse="source_warehouse") | visible_to(rows, actor, warehouse="target_warehouse")

    def get_fieldsets(self, request: HttpRequest, obj: Transfer | None = None) -> list[Any]:
        paper: list[Any] = ["source_warehouse", "target_warehouse", "target_location", "notes"]
        if obj is None:
            return [(None, {"fields": paper})]
        ended = [name for name in ("sent_at", "received_at", "loss", "cancellation_reason") if getattr(obj, name)]
        seen = ["seen_version"] if self.has_change_permission(request, obj) else []
        return [(None, {"fields": [("number", "status"), *paper, *pairs(["created_by", *ended]), *seen]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Transfer | None = None) -> list[str]:
        return [*self.readonly_fields, "source_warehouse", "target_warehouse"] if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Transfer | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_draft(obj)

    def save_model(self, request: HttpRequest, obj: Transfer, form: forms.ModelForm[Transfer], change: bool) -> None:
        """Through the operations, which join the page's transaction; they judge again under their locks."""
        data = form.cleaned_data
        head = {"target_location_id": data["target_location"].pk, "notes": data["notes"]}
        if change:
            change_transfer.inside(obj.pk, **head, actor=actor_of(request), expected_version=data.get("seen_version") or 0)
            return
        made = create_transfer.inside(
            source_warehouse_id=data["source_warehouse"].pk, target_warehouse_id=data["target_warehouse"].pk, actor=actor_of(request), **head
        )
        adopt(obj, made)

    @display(description="from, to")
    def way(self, row: Transfer) -> str:
        return f"{row.source_warehouse.code} → {row.target_warehouse.code}"

    @display(description="status", label=COLOURS)
    def state(self, row: Transfer) -> tuple[str, str]:
        return row.status, row.get_status_display()
