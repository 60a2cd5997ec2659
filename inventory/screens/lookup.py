"""`/floor/lookup`: scan anything and see what it is, where it lies, how long it keeps, where it came from. Changes nothing.

What was looked up last is kept in the session, so that the page may be loaded again.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.models import Batch, BatchLocation, Location, Product, Stock, Warehouse
from inventory.queries.availability import get_availability
from inventory.queries.scan import find_by_scan
from inventory.queries.stock import get_location_stock, get_product_stock
from inventory.queries.tracing import trace_batch
from inventory.screens.goods import CONDITIONS, KINDS, STATUSES, row_of
from warehouse.core import access, shown
from warehouse.core.actor import Actor
from warehouse.core.screens import LOOKUPS, RIGHT, WRONG, Feedback, Reading, answer, leave, nothing_scanned, scanned_code, show, site_view

LOOKUP = Reading(access.FLOOR)
_LAST = "floor_lookup"
_SHOWN, _TRACED = 60, 12


@site_view(LOOKUP)
def screen(request: HttpRequest, actor: Actor, warehouse_id: int) -> HttpResponse:
    """What was scanned last; `?product=`, `?place=` and `?batch=` lead on to what is shown."""
    warehouse = Warehouse.objects.get(pk=warehouse_id)
    for kind in ("product", "place", "batch"):
        text = request.GET.get(kind, "")
        if text.isascii() and text.isdigit() and len(text) < 19:
            _keep(request, kind, int(text))
    return _screen(request, warehouse)


@site_view(LOOKUP, method="POST")
def find(request: HttpRequest, actor: Actor, warehouse_id: int) -> HttpResponse:
    """What the scanned code is; one that other screens know leads there."""
    warehouse = Warehouse.objects.get(pk=warehouse_id)
    feedback = _found(request, warehouse)
    known = (lookup(warehouse.pk, scanned_code(request), actor) for lookup in LOOKUPS) if feedback.kind == WRONG else ()
    elsewhere = next((address for address in known if address), None)
    if elsewhere is not None:
        return leave(request, None, to=elsewhere)
    return answer(request, partial(_screen, request, warehouse), feedback, to=reverse("floor:lookup"))


def _found(request: HttpRequest, warehouse: Warehouse) -> Feedback:
    code = scanned_code(request)
    if not code:
        return nothing_scanned()
    found = find_by_scan(code, warehouse_id=warehouse.pk)
    if found.location_id:
        return _keep(request, "place", found.location_id)
    if found.batch_id:
        return _keep(request, "batch", found.batch_id)
    if found.product_id:
        return _keep(request, "product", found.product_id)
    _keep(request, "", 0)
    return Feedback(WRONG, _("Unknown code"), _("It is no place, no product and no lot that we know."), scanned=code)


def _keep(request: HttpRequest, kind: str, pk: int) -> Feedback:
    request.session[_LAST] = [kind, pk]
    return Feedback(RIGHT, "")


def _screen(request: HttpRequest, warehouse: Warehouse, feedback: Feedback | None = None) -> HttpResponse:
    kind, pk = request.session.get(_LAST, ["", 0])
    context = {"product": _product, "place": _place, "batch": _batch}.get(kind, _nothing)(pk, warehouse)
    return show(request, "floor/lookup.html", {"kind": kind if context else "", **context}, feedback)


def _nothing(pk: int, warehouse: Warehouse) -> dict[str, Any]:
    return {}


def _rows(rows: QuerySet[BatchLocation], warehouse: Warehouse) -> dict[str, Any]:
    found = list(rows[: _SHOWN + 1])
    return {"rows": [row_of(row, warehouse) for row in found[:_SHOWN]], "more": len(found) > _SHOWN}


def _product(pk: int, warehouse: Warehouse) -> dict[str, Any]:
    product = Product.objects.filter(pk=pk).first()
    if product is None:
        return {}
    rows = get_product_stock(pk).select_related("product", "batch", "location")
    (now,) = get_availability([pk], warehouse_ids=[warehouse.pk])
    stock = Stock.objects.filter(product=pk, warehouse=warehouse).first()
    elsewhere = Stock.objects.filter(product=pk, quantity__gt=0).exclude(warehouse=warehouse).select_related("warehouse")
    return {
        "product": product,
        "codes": list(product.barcodes.order_by("pk").values_list("code", flat=True)[:3]),
        "available": shown.plain(now.available),
        "unit": shown.UNITS.get(product.base_unit, product.base_unit),
        "promised": shown.plain(stock.reserved) if stock is not None and stock.reserved else "",
        "total": shown.plain(stock.quantity) if stock is not None else "0",
        "elsewhere": [
            {"name": row.warehouse.name, "available": shown.quantity_text(row.available, product.base_unit)} for row in elsewhere.order_by("pk")[:20]
        ],
        **_rows(rows.filter(warehouse=warehouse), warehouse),
    }


def _place(pk: int, warehouse: Warehouse) -> dict[str, Any]:
    place = Location.objects.select_related("warehouse", "fixed_product").filter(pk=pk).first()
    if place is None:
        return {}
    return {
        "place": place,
        "size": shown.size_of(place.code),
        "place_kind": KINDS.get(place.kind, place.kind),
        "condition": CONDITIONS.get(place.condition, ""),
        "other_site": place.warehouse.name if place.warehouse_id != warehouse.pk else "",
        **_rows(get_location_stock(pk), place.warehouse),
    }


def _batch(pk: int, warehouse: Warehouse) -> dict[str, Any]:
    batch = Batch.objects.select_related("product", "supplier").filter(pk=pk).first()
    if batch is None:
        return {}
    trace = trace_batch(pk)
    zone = ZoneInfo(warehouse.time_zone)
    unit = batch.product.base_unit
    return {
        "batch": batch,
        "goods": shown.goods(batch.product, batch),
        "status": STATUSES.get(batch.status, ""),
        "status_reason": trace.lot.status_reason,
        "supplier": trace.lot.supplier,
        "received_on": shown.day_text(batch.received_at.astimezone(zone).date()),
        "received": [{"document": step.document, "quantity": shown.quantity_text(step.quantity, unit)} for step in trace.received[:_TRACED]],
        "made_of": [lot.lot_number for lot in trace.made_of[:_TRACED]],
        "made_into": [lot.lot_number for lot in trace.made_into[:_TRACED]],
        "promised": [{"order": row.order_ref, "quantity": shown.quantity_text(row.quantity, unit)} for row in trace.promised[:_TRACED]],
        "shipped": [{"order": row.order_ref, "quantity": shown.quantity_text(row.kept, unit)} for row in trace.shipped[:_TRACED]],
        "shipped_more": max(0, len(trace.shipped) - _TRACED),
        **_rows(get_product_stock(batch.product_id).select_related("product", "batch", "location").filter(batch=pk), warehouse),
    }
