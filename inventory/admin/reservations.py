"""Promises, with why these goods were chosen."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from inventory.admin.base import SiteRows
from inventory.enums import ReservationStatus
from inventory.models import Reservation, ReservationItem
from inventory.queries.stock import explain_reservation
from inventory.services.reservations import release_reservation
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin, ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin
from warehouse.core.errors import Conflict

COLOURS = {
    ReservationStatus.ACTIVE: "info",
    ReservationStatus.FULFILLED: "success",
    ReservationStatus.RELEASED: "primary",
    ReservationStatus.EXPIRED: "warning",
}


def is_checkout(row: Reservation) -> bool:
    """A promise that an order's tasks stand on is taken back by cancelling the order, not here."""
    return row.status == ReservationStatus.ACTIVE and row.expires_at is not None and row.started_at is None


def release_checkout(row: Reservation, arguments: dict[str, Any], actor: Actor, version: int) -> Reservation:
    if row.status == ReservationStatus.ACTIVE and not is_checkout(row):
        raise Conflict("This promise belongs to an order. Cancel the order.", order_ref=row.order_ref)
    return release_reservation(row.pk, reason=arguments["reason"], actor=actor)


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
    list_filter = [("status", ChoicesDropdownFilter), ("warehouse", RelatedDropdownFilter), ("created_at", RangeDateTimeFilter)]
    search_fields = ["=order_ref"]
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
        )
    ]

    @display(description="status", label=COLOURS)
    def state(self, row: Reservation) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="why these goods")
    def why(self, row: Reservation) -> SafeString | str:
        lines = explain_reservation(row.pk)["lines"]
        parts = [("took", part) for line in lines for part in line["taken"]] + [("passed over", part) for line in lines for part in line["skipped"]]
        return (
            format_html_join("", "<div>{} lot {} in {}{}</div>", ((verb, part["lot"], part["location"], _details(part)) for verb, part in parts))
            or "No explanation is kept."
        )


def _details(part: dict[str, object]) -> str:
    told = [str(part[name]) for name in ("quantity", "reason") if part.get(name)]
    return f": {', '.join(told)}" if told else ""
