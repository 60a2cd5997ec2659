"""What tills sold. A manager may enter a receipt by hand, as a till would send it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from inventory.admin.base import SiteFilter, SiteRows
from inventory.errors import InsufficientStock
from inventory.models import OfflineSale, Warehouse
from inventory.queries.offline_sales import SaleLine, sold_parts
from inventory.queries.scan import find_by_scan
from inventory.services.offline_sales import check_offline_sale_conflict, process_offline_sale
from warehouse.core.actor import Actor
from warehouse.core.admin import BigTableAdmin, actor_of, pairs, plain
from warehouse.core.admin_steps import UNVERSIONED, Step, StepForm, choice_field, readable, text_field
from warehouse.core.errors import DomainError, ValidationFailed
from warehouse.core.quantities import parse_quantity

MOST_LINES = 50


class TillForm(StepForm):
    """A receipt: where, its number, and its goods line by line."""

    warehouse_id = choice_field("Shop", ())
    receipt_number = text_field("Receipt number", autofocus=True, max_length=70, help_text="Counts once in a shop.")
    goods = forms.CharField(
        label="Goods",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "placeholder": "MILK-1L 2"}),
        help_text="One product per line: its SKU or barcode, then how many.",
    )
    take_from = text_field(
        "Reservations that give way",
        required=False,
        help_text="Their numbers, with commas, where goods are missing: they lose the product concerned, in this order.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shops = Warehouse.objects.filter(is_active=True).order_by("kind", "code")
        self.fields["warehouse_id"].choices = [(shop.pk, str(shop)) for shop in shops]  # type: ignore[attr-defined]

    def clean_take_from(self) -> list[int]:
        numbers = [part.strip() for part in self.cleaned_data["take_from"].split(",") if part.strip()]
        if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in numbers):
            raise forms.ValidationError("Numbers of reservations, with commas between them.")
        return [int(number) for number in numbers]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "goods" in data and "warehouse_id" in data:
            try:
                data["lines"] = read_goods(data["goods"], int(data["warehouse_id"]))
            except ValidationFailed as error:
                self.add_error("goods", error.detail)
        return data

    def sale(self) -> dict[str, Any]:
        """The operation's keyword arguments."""
        data = self.cleaned_data
        return {
            "warehouse_id": int(data["warehouse_id"]),
            "lines": data["lines"],
            "receipt_number": data["receipt_number"],
            "reservation_ids_to_release": data["take_from"],
        }


def read_goods(text: str, warehouse_id: int) -> list[SaleLine]:
    """Lines as a person types them. Raises ValidationFailed naming the first that can't be read."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise ValidationFailed(f"At most {MOST_LINES} lines.")
    result = []
    for number, parts in enumerate(lines, start=1):
        code, quantity = (" ".join(parts[:-1]), parts[-1]) if len(parts) > 1 else (parts[0], "1")
        found = find_by_scan(code, warehouse_id=warehouse_id)
        if found.product_id is None:
            raise ValidationFailed(f"Line {number}: {code[:40]!r} names no product.")
        result.append(SaleLine(found.product_id, parse_quantity(quantity, field=f"Line {number}") * found.pack_quantity))
    return result


SELL = Step(
    "sell",
    "Sell",
    process_offline_sale,
    lambda row: True,
    description="The goods leave at once, first expired first. What is short is said with who is promised it; nothing is sold then.",
    form=TillForm,
    icon="point_of_sale",
    variant=ActionVariant.PRIMARY,
)


@admin.register(OfflineSale)
class OfflineSaleAdmin(SiteRows, BigTableAdmin):
    list_display = ["receipt_number", "warehouse", "goods", "sold_by", "created_at"]
    list_select_related = ["warehouse", "sold_by"]
    list_filter = [("warehouse", SiteFilter), ("created_at", RangeDateTimeFilter)]
    search_fields = ["=receipt_number"]
    search_help_text = "A receipt number, exactly"
    fields = [*pairs(["receipt_number", "warehouse", "created_at", "sold_by", "order_ref"]), "goods", "batches"]
    readonly_fields = ["goods", "batches"]

    @display(description="goods")
    def goods(self, row: OfflineSale) -> str:
        return ", ".join(f"{line['quantity']} {line['sku']}" for line in row.lines)

    @display(description="which batches left")
    def batches(self, row: OfflineSale) -> SafeString:
        parts = sold_parts([row.pk]).get(row.pk, [])
        return format_html_join("", "<div>{} {} of lot {} from {}</div>", ((plain(p.quantity), p.sku, p.lot_number, p.location) for p in parts))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A receipt by hand: GET asks, POST sells, in the operation's own transaction."""
        actor = actor_of(request)
        if not self.has_add_permission(request) or not process_offline_sale.allowed(actor):
            raise PermissionDenied
        if request.method != "POST":
            return self._ask(request, TillForm(row=None, actor=actor, initial={"expected_version": UNVERSIONED}))
        form = TillForm(request.POST, row=None, actor=actor)
        if not form.is_valid():
            return self._ask(request, form)
        try:
            sale = process_offline_sale(**form.sale(), actor=actor)
        except DomainError as error:
            return self._ask(request, form, error, [*readable(error), *_who_has_it(form, error, actor)])
        self.log_addition(request, sale, "Sold at the till by hand")
        messages.success(request, f"{sale}: sold.")
        address = reverse(f"{self.admin_site.name}:inventory_offlinesale_change", args=[sale.pk])
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": address})
        return HttpResponseRedirect(address)

    def _ask(self, request: HttpRequest, form: TillForm, error: DomainError | None = None, told: list[str] | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Till sale",
            "step": SELL,
            "form": form,
            "error": error,
            "error_data": told or [],
            "row": "a till's receipt",
            "opts": self.opts,
            "back": reverse(f"{self.admin_site.name}:inventory_offlinesale_changelist"),
            "possible": True,
        }
        return TemplateResponse(request, "admin/step_page.html", context)


def _who_has_it(form: TillForm, error: DomainError, actor: Actor) -> list[str]:
    """Of a sale that was short: which reservations hold the goods that are missing."""
    if not isinstance(error, InsufficientStock):
        return []
    sale = form.sale()
    answer = check_offline_sale_conflict(sale["warehouse_id"], sale["lines"], actor=actor)
    return [
        f"{line.sku}: reservation {held.reservation_id} for {held.order_ref} holds {plain(held.quantity)}"
        + (", being picked" if held.picking_started else "")
        for line in answer.lines
        for held in line.affected_reservations
    ]
