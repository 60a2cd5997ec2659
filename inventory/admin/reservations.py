"""Promises, with why these goods were chosen."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from inventory.admin.base import SiteFilter, SiteRows
from inventory.enums import ReservationStatus, Rotation
from inventory.models import BatchLocation, Reservation, ReservationItem
from inventory.queries.stock import explain_reservation
from inventory.services.moving import BENCHES
from inventory.services.overrides import reallocate_item
from inventory.services.reservations import release_reservation
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin, ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, StepsAdmin, choice_field, quantity_field, text_field
from warehouse.core.errors import Conflict

COLOURS = {
    ReservationStatus.ACTIVE: "info",
    ReservationStatus.FULFILLED: "success",
    ReservationStatus.RELEASED: "primary",
    ReservationStatus.EXPIRED: "warning",
}
# So many goods are offered instead, the first to expire first.
OFFERED = 200
UNDECIDED = ("", "–")


def is_checkout(row: Reservation) -> bool:
    """A promise that an order's tasks stand on is taken back by cancelling the order, not here."""
    return row.status == ReservationStatus.ACTIVE and row.expires_at is not None and row.started_at is None


def release_checkout(row: Reservation, arguments: dict[str, Any], actor: Actor, version: int) -> Reservation:
    if row.status == ReservationStatus.ACTIVE and not is_checkout(row):
        raise Conflict("This promise belongs to an order. Cancel the order.", order_ref=row.order_ref)
    return release_reservation(row.pk, reason=arguments["reason"], actor=actor)


class ReallocateForm(StepForm):
    """Which part of the promise, and which other goods of the product."""

    quantity = quantity_field("How many", required=False, help_text="Empty: all of it.")
    reason = text_field("Why")
    field_order = ("item_id", "goods", "quantity", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = self.row.items.select_related("product", "batch_location__batch", "batch_location__location").order_by("pk")
        items = [item for item in rows if item.held and item.batch_location.location.kind not in BENCHES]
        parts = [(item.pk, f"{plain(item.held)} of {item.product.sku}, {_goods(item.batch_location)}") for item in items]
        free = BatchLocation.objects.filter(
            warehouse=self.row.warehouse_id, product__in={item.product_id for item in items}, has_stock=True, quantity__gt=F("reserved")
        )
        found = free.select_related("product", "batch", "location").order_by("product__sku", "effective_expires_at", "pk")[:OFFERED]
        others = [(row.pk, f"{row.product.sku}, {_goods(row)}: {plain(row.quantity - row.reserved)} free") for row in found]
        for name, label, rows_offered in (("item_id", "Instead of", parts), ("goods", "Promise", others)):
            choices = [UNDECIDED, *rows_offered]
            self.fields[name] = forms.TypedChoiceField(label=label, coerce=int, choices=choices, widget=choice_field(label, choices).widget)
        self.order_fields(self.field_order)


def _goods(row: BatchLocation) -> str:
    expires = f", expires {date_format(timezone.localtime(row.effective_expires_at), 'SHORT_DATE_FORMAT')}" if row.effective_expires_at else ""
    return f"lot {row.batch.lot_number} in {row.location.code}{expires}"


def promise_other_goods(row: Reservation, arguments: dict[str, Any], actor: Actor, version: int) -> ReservationItem:
    return reallocate_item(arguments["item_id"], arguments["goods"], quantity=arguments["quantity"], reason=arguments["reason"], actor=actor)


class ReservationItemInline(ReadOnlyInline):
    model = ReservationItem
    fields = ["product", "place", "lot", "promised", "still_held", "sold", "given_back"]
    readonly_fields = fields
    verbose_name_plural = "what is promised"

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return super().get_queryset(request).select_related("product", "batch_location__batch", "batch_location__location", "reservation")

    @display(description="place")
    def place(self, row: ReservationItem) -> str:
        return row.batch_location.location.code

    @display(description="lot")
    def lot(self, row: ReservationItem) -> str:
        return row.batch_location.batch.lot_number

    @display(description="promised")
    def promised(self, row: ReservationItem) -> str:
        return plain(row.quantity)

    @display(description="still held")
    def still_held(self, row: ReservationItem) -> str:
        return plain(row.held)

    @display(description="sold")
    def sold(self, row: ReservationItem) -> str:
        return plain(row.consumed)

    @display(description="released")
    def given_back(self, row: ReservationItem) -> str:
        return plain(row.released)


@admin.register(Reservation)
class ReservationAdmin(StepsAdmin, SiteRows, BigTableAdmin):
    list_display = ["id", "order_ref", "warehouse", "state", "expires_at", "started_at", "closed_at", "created_at"]
    list_display_links = ["id", "order_ref"]
    list_select_related = ["warehouse"]
    list_filter = [("status", ChoicesDropdownFilter), ("warehouse", SiteFilter), ("created_at", RangeDateTimeFilter)]
    search_fields = ["order_ref__exact"]  # "=" would leave the case out, and the index with it
    search_help_text = "An order reference (source:id), exactly"
    inlines = [ReservationItemInline]
    fields = [*pairs(["order_ref", "warehouse", "status", "expires_at", "started_at", "closed_at", "created_at", "reason"]), "why"]
    readonly_fields = ["why"]
    steps = [
        Step(
            "release",
            "Release",
            release_reservation,
            possible=is_checkout,
            description="What it still holds becomes free again. Only for a checkout's promise; an order's is released by cancelling the order.",
            form=ReasonForm,
            icon="lock_open",
            version="",
            call=release_checkout,
        ),
        Step(
            "reallocate",
            "Promise other goods",
            reallocate_item,
            possible=lambda row: bool(row.status == ReservationStatus.ACTIVE),
            description="Another lot or place than the order of leaving says. Why is kept; the picking task follows by itself.",
            form=ReallocateForm,
            icon="swap_horiz",
            version="",
            call=promise_other_goods,
        ),
    ]

    @display(description="status", label=COLOURS)
    def state(self, row: Reservation) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="why these goods")
    def why(self, row: Reservation) -> SafeString:
        return render_to_string(
            "admin/reservation_explanation.html", {"lines": [shown_choice(line) for line in explain_reservation(row.pk)["lines"]]}
        )


def shown_choice(line: dict[str, Any]) -> dict[str, Any]:
    """A choice in words: its heading, and a row for each lot that was taken or passed over."""
    return {"title": _title(line), "notes": _notes(line), "parts": [_part(part, line) for part in (*line["taken"], *line["skipped"])]}


def _title(line: dict[str, Any]) -> str:
    if "override" in line:
        return f"{line['sku']}: other goods by {line['by']}, because: {line['override']}"
    if "reallocated" in line:
        return f"{line['sku']}: other goods had to be found ({line['reallocated']})"
    if "adopted" in line:
        return f"{line['sku']}: the confirmed order asked for more than the checkout"
    return f"{line['sku']}: {_amount(line['asked'])} asked"


def _notes(line: dict[str, Any]) -> list[str]:
    notes = []
    if "instead_of" in line:
        notes.append(f"Instead of lot {line['instead_of']['lot']} in {line['instead_of']['location']}.")
    if "rule" in line:
        notes.append(f"{Rotation(line['rule']).label.capitalize()}; {line['considered']} looked at.")
    if "ship_at" in line:
        notes.append(
            f"Judged for shipping on {_moment(line['ship_at'])}" + (f", with {days} days left then." if (days := line["min_remaining_days"]) else ".")
        )
    return notes


def _part(part: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    taken = "quantity" in part
    expires = part.get("expires_at")
    return {
        "lot": part["lot"],
        "location": part["location"],
        "taken": taken,
        "verdict": f"took {_amount(part['quantity'])}" if taken else f"passed over: {part['reason']}",
        "more": (f"expires {_moment(expires)}" if expires else "") if taken else f"{_amount(part['free'])} free",
    }


def _amount(quantity: str) -> str:
    return plain(Decimal(quantity))


def _moment(text: str) -> str:
    return date_format(timezone.localtime(datetime.fromisoformat(text)), "DATETIME_FORMAT")
