"""Counts. The paper is written in a form while it is a draft; counting and booking go by its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from inventory.admin.audit_forms import (
    AuditForm,
    CompleteForm,
    CountAgainForm,
    CountsForm,
    FoundForm,
    PlacesForm,
    find_place,
    has_counts,
    has_counts_to_enter,
    is_running,
)
from inventory.admin.audit_report import report_of
from inventory.admin.base import SiteFilter, SiteRows
from inventory.enums import AuditLineStatus, AuditStatus
from inventory.models import Audit, AuditLine
from inventory.queries.audit_report import progress, with_difference
from inventory.queries.audits import lines_of, sees_books
from inventory.queries.scan import find_by_scan
from inventory.services.audit_completion import complete_audit
from inventory.services.audit_counts import add_found_goods, count_again, scan_audit_places, update_audit_items
from inventory.services.audits import cancel_audit, change_audit, create_audit, start_audit
from warehouse.core import code128
from warehouse.core.actor import Actor
from warehouse.core.admin import ReadOnlyInline, actor_of, adopt, plain, signed
from warehouse.core.admin_forms import RefusalsSaid
from warehouse.core.admin_steps import ReasonForm, Step, StepsAdmin, can
from warehouse.core.errors import ValidationFailed

COLOURS = {
    AuditStatus.DRAFT: "primary",
    AuditStatus.IN_PROGRESS: "info",
    AuditStatus.COMPLETED: "success",
    AuditStatus.CANCELLED: "danger",
}
T = TypeVar("T")


class AuditLineInline(ReadOnlyInline):
    """The lines, a page at a time. Of a blind count the figures of the books are not there until it is completed."""

    model = AuditLine
    per_page = 50
    readonly_fields = ["place", "goods", "state", "counted", "who", "books", "off", "first"]
    verbose_name = "line"
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditLine]:
        rows = super().get_queryset(request).select_related("audit", "product", "location", "counted_by", "first_counted_by")
        return with_difference(rows).order_by("pk")

    def get_fields(self, request: HttpRequest, obj: Audit | None = None) -> list[str]:
        shown = ["place", "goods", "state", "counted", "who"]
        return [*shown, "books", "off", "first"] if obj is not None and sees_books(obj, actor_of(request)) else shown

    @display(description="place")
    def place(self, row: AuditLine) -> str:
        return row.location.code

    @display(description="product, lot")
    def goods(self, row: AuditLine) -> str:
        return f"{row.product.sku}, {row.lot_number}" + (" (found)" if row.found else "")

    @display(description="status")
    def state(self, row: AuditLine) -> str:
        return f"{row.get_status_display()}{f': {row.recount_reason}' if row.recount_reason else ''}"

    @display(description="counted")
    def counted(self, row: AuditLine) -> str:
        return plain(row.counted_quantity)

    @display(description="by")
    def who(self, row: AuditLine) -> str:
        return str(row.counted_by or "")

    @display(description="books")
    def books(self, row: AuditLine) -> str:
        return plain(row.books_quantity)

    @display(description="difference")
    def off(self, row: AuditLine) -> str:
        off = row.off  # type: ignore[attr-defined]
        return "" if off is None else signed(off)

    @display(description="first count")
    def first(self, row: AuditLine) -> str:
        return "" if row.first_counted_quantity is None else f"{plain(row.first_counted_quantity)}, {row.first_counted_by}"


def scan_places(row: Audit, arguments: dict[str, Any], actor: Actor, version: int) -> list[AuditLine]:
    """Without a version: many scan at once."""
    return scan_audit_places(row.pk, arguments["places"], actor=actor)


def enter_counts(row: Audit, arguments: dict[str, Any], actor: Actor, version: int) -> Audit:
    """Without a version: many count at once, and each line is judged by its own."""
    return update_audit_items(row.pk, arguments["counts"], actor=actor)


def add_found(row: Audit, arguments: dict[str, Any], actor: Actor, version: int) -> AuditLine:
    place, scan = arguments["place"], arguments["scan"]
    location, found = find_place(place, row.warehouse_id), find_by_scan(scan, warehouse_id=row.warehouse_id)
    if location.location_id is None:
        raise ValidationFailed(f"{place[:40]!r} is no place of this warehouse.", place=place[:80])
    if found.product_id is None:
        raise ValidationFailed(f"{scan[:40]!r} names no product. Give its SKU or scan its barcode.", scan=scan[:80])
    return add_found_goods(
        row.pk,
        location.location_id,
        found.product_id,
        arguments["quantity"],
        actor=actor,
        lot_number=arguments["lot_number"] or found.lot_number,
        label_expires_on=arguments["label_expires_on"] or found.expires_on,
        produced_on=arguments["produced_on"] or found.produced_on,
    )


def is_draft(row: Audit | None) -> bool:
    return row is None or row.pk is None or row.status == AuditStatus.DRAFT


@admin.register(Audit)
class AuditAdmin(RefusalsSaid, StepsAdmin, SiteRows):
    form = AuditForm
    list_display = ["number", "state", "warehouse", "scope", "zone", "blind", "created_at", "started_at", "completed_at", "created_by"]
    list_select_related = ["warehouse", "created_by"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("warehouse", SiteFilter),
        ("scope", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
        ("completed_at", RangeDateTimeFilter),
    ]
    search_fields = ["number", "zone"]
    ordering = ["-pk"]
    autocomplete_fields = ["warehouse", "locations", "products"]
    readonly_fields = ["number", "status", "uncounted", "started_at", "completed_at", "cancellation_reason", "created_by", "how_far", "report"]
    conditional_fields = {
        "zone": "scope == 'zone'",
        "locations": "scope == 'locations' || scope == 'cycle'",
        "products": "scope == 'products'",
    }
    actions = None
    prints = ["count_sheet"]
    steps = [
        Step(
            "start", "Start", start_audit, can("start"), description="Lists what is to be counted.", icon="play_arrow", variant=ActionVariant.PRIMARY
        ),
        Step(
            "scan",
            "Scan",
            scan_audit_places,
            is_running,
            description="The moment of counting: what the books say now is what the counts are compared with, whatever is sold later.",
            form=PlacesForm,
            icon="barcode_scanner",
            call=scan_places,
        ),
        Step(
            "counts",
            "Counts",
            update_audit_items,
            has_counts_to_enter,
            description="What lies in the places that you have scanned. What you leave empty is not counted yet.",
            form=CountsForm,
            icon="edit_note",
            call=enter_counts,
        ),
        Step("found", "Found", add_found_goods, is_running, form=FoundForm, icon="playlist_add", call=add_found),
        Step("count_again", "Recount", count_again, has_counts, form=CountAgainForm, icon="replay"),
        Step(
            "complete",
            "Complete",
            complete_audit,
            can("complete"),
            description="The differences come onto the books. This can't be taken back.",
            form=CompleteForm,
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step("cancel", "Give up", cancel_audit, can("cancel"), form=ReasonForm, icon="close", variant=ActionVariant.DANGER),
    ]

    @action(description="Sheet", url_path="count-sheet", icon="print", attrs={"target": "_blank"})
    def count_sheet(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is still to be counted, on paper, place by place in walking order; without what the books say if the count is blind."""
        audit = self.get_object(request, object_id)
        if audit is None or not self.has_view_permission(request, audit):
            raise Http404
        lines = (
            lines_of(audit)
            .exclude(status=AuditLineStatus.COUNTED)
            .order_by("location__pick_sequence", "location__code", "product__sku", "lot_number")
        )
        places: dict[str, dict[str, Any]] = {}
        for line in lines:
            place = places.setdefault(line.location.code, {"place": line.location, "barcode": code128.svg(line.location.barcode), "lines": []})
            line.books = plain(line.books_quantity)  # type: ignore[attr-defined]
            place["lines"].append(line)
        context = {"audit": audit, "places": places.values(), "barcode": code128.svg(audit.number), "with_books": not audit.blind}
        return render(request, "documents/audits/count_sheet.html", context)

    def get_inlines(self, request: HttpRequest, obj: Audit | None) -> list[Any]:
        return [] if is_draft(obj) else [AuditLineInline]

    def get_fieldsets(self, request: HttpRequest, obj: Audit | None = None) -> list[Any]:
        paper: list[Any] = [("warehouse", "scope"), "zone", "locations", "products", ("blind", "recount_above_percent"), "notes"]
        if obj is None:
            return [(None, {"fields": paper})]
        if is_draft(obj):
            return [(None, {"fields": [("number", "status"), *paper, "created_by", "seen_version"]})]
        told = [name for name in ("zone", "locations", "products") if name in _of_scope(obj)]
        ended = [
            name for name in ("completed_at", "uncounted", "cancellation_reason") if getattr(obj, name) and (name != "uncounted" or obj.completed_at)
        ]
        head = [("number", "status"), ("warehouse", "scope"), *told, ("blind", "recount_above_percent"), *(["notes"] if obj.notes else [])]
        fields = [*head, ("created_by", "started_at"), *([tuple(ended)] if ended else []), "how_far"]
        sections: list[Any] = [(None, {"fields": fields})]
        if sees_books(obj, actor_of(request)):
            sections.append(("Report", {"fields": ["report"]}))
        return sections

    def get_readonly_fields(self, request: HttpRequest, obj: Audit | None = None) -> list[str]:
        return [*self.readonly_fields, "warehouse"] if obj else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Audit | None = None) -> bool:
        return super().has_change_permission(request, obj) and is_draft(obj)

    def save_model(self, request: HttpRequest, obj: Audit, form: Any, change: bool) -> None:
        """Through the operations, which join the page's transaction; they judge again under their locks."""
        actor = actor_of(request)
        if change:
            change_audit.inside(obj.pk, form.values(), actor=actor, expected_version=form.cleaned_data.get("seen_version") or 0)
            return
        made = create_audit.inside(warehouse_id=form.cleaned_data["warehouse"].pk, actor=actor, **form.values())
        adopt(obj, made)

    def save_related(self, request: HttpRequest, form: forms.ModelForm[Audit], formsets: Any, change: bool) -> None:
        """Places and products were written with the paper; of a cycle count the operation has chosen them."""

    @display(description="status", label=COLOURS)
    def state(self, row: Audit) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description="progress")
    def how_far(self, row: Audit) -> str:
        return kept(row, "how_far", _progress_of)

    @display(description="result")
    def report(self, row: Audit) -> SafeString:
        return kept(row, "report", report_of)


def kept(row: Audit, name: str, compute: Callable[[Audit], T]) -> T:
    """A figure of the page, computed once: its template asks for each field several times."""
    figures = row.__dict__.setdefault("_figures", {})
    if name not in figures:
        figures[name] = compute(row)
    return figures[name]


def _progress_of(row: Audit) -> str:
    found = progress(row)
    again = f", {found['to_recount']} to be counted again" if found["to_recount"] else ""
    return f"{found['counted']} of {found['lines']} lines counted{again}"


def _of_scope(audit: Audit) -> set[str]:
    return {"zone": {"zone"}, "products": {"products"}, "warehouse": set()}.get(audit.scope, {"locations"})
