"""What `/floor/receive` shows of a delivery."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from inventory.enums import OPEN_RECEIVINGS
from inventory.models import Location, Product, Receiving, ReceivingItem, Warehouse
from inventory.screens.entered import typed_day
from inventory.screens.once import new_token
from inventory.stock.fefo import too_short
from inventory.stock.shelf_life import end_of_day
from warehouse.core import shown
from warehouse.core.quantities import plain
from warehouse.core.screens import Feedback, posted_id, show

# Why short dated goods are taken all the same; what is kept is the English sentence.
REASONS = {"agreed": "agreed with the supplier", "fast": "sells within the days left"}
REASON_TEXTS = {"agreed": _("Agreed with the supplier"), "fast": _("Sells in time")}
# More is no list that anybody reads; a scan finds the others too.
_SHOWN = 40


def is_short(product: Product, expires: date | None, warehouse: Warehouse) -> bool:
    """Whether goods with this date on the label are expired, or keep for less than the product asks for."""
    if expires is None or not product.tracks_expiry:
        return False
    return too_short(end_of_day(expires, warehouse.time_zone), timezone.now(), product.min_remaining_days)


def screen(
    request: HttpRequest, receiving: Receiving, hand: dict[str, Any] | None, last: dict[str, Any] | None, feedback: Feedback | None
) -> HttpResponse:
    """The delivery as it stands: what is in hand, a line, a question, or its lines."""
    open_now = receiving.status in OPEN_RECEIVINGS
    lines = receiving.items.select_related("product", "location").order_by("pk")
    context: dict[str, Any] = {"receiving": receiving, "open": open_now, "place": receiving.location.code, "token": new_token()}
    asked = request.GET if request.method == "GET" else {}
    line = _asked_line(asked.get("line", ""), lines) if open_now else None
    if not open_now:
        return show(request, "floor/receive.html", context | {"step": "closed"}, feedback)
    if line is not None:
        return show(request, "floor/receive_line.html", context | {"line": _line(line), "version": receiving.version}, feedback)
    if asked.get("ask") == "confirm":
        return show(request, "floor/receive_confirm.html", context | _differences(lines) | {"version": receiving.version}, feedback)
    if hand is not None:
        return show(request, "floor/receive_hand.html", context | _in_hand(receiving, hand, lines), feedback)
    return show(request, "floor/receive.html", context | _lines(receiving, lines, last), feedback)


def _asked_line(text: str, lines: QuerySet[ReceivingItem]) -> ReceivingItem | None:
    return lines.filter(pk=int(text)).first() if text.isascii() and text.isdigit() and len(text) < 19 else None


def _in_hand(receiving: Receiving, hand: dict[str, Any], lines: QuerySet[ReceivingItem]) -> dict[str, Any]:
    product = Product.objects.get(pk=hand["product"])
    expires = date.fromisoformat(hand["expires"]) if hand["expires"] else None
    same = [line for line in lines if line.product_id == product.pk]
    place = Location.objects.filter(pk=hand["place"] or receiving.location_id).values_list("code", flat=True).first()
    expected, counted = sum(line.expected_quantity for line in same), sum(line.actual_quantity for line in same)
    return {
        "step": "short" if hand["step"] == "quantity" and not hand["reason"] and is_short(product, expires, receiving.warehouse) else hand["step"],
        "token": hand["token"],
        "goods": {
            "name": product.name,
            "sku": product.sku,
            "lot": hand["lot"],
            "expires": shown.day_text(expires) if expires else "",
        },
        "date": typed_day(expires),
        "quantity": hand["quantity"],
        "damaged": hand["damaged"],
        "unit": shown.UNITS.get(product.base_unit, product.base_unit),
        "point": product.quantity_step < 1,
        "changeable": not hand["lot_printed"],
        "dated": product.tracks_expiry and not hand["printed"],
        "expected": shown.plain(expected) if expected else "",
        "counted": shown.plain(counted) if counted else "0",
        "reasons": REASON_TEXTS.items(),
        "place": place,
    }


def _line(line: ReceivingItem) -> dict[str, Any]:
    unit = line.product.base_unit
    done = bool(line.actual_quantity) and line.actual_quantity >= line.expected_quantity
    return {
        "id": line.pk,
        "name": line.product.name,
        "sku": line.product.sku,
        "lot": line.lot_number,
        "expires": shown.day_text(line.label_expires_on) if line.label_expires_on else "",
        "expected": shown.plain(line.expected_quantity) if line.expected_quantity else "",
        "counted": shown.plain(line.actual_quantity),
        "actual": plain(line.actual_quantity),
        "damaged": plain(line.damaged_quantity) if line.damaged_quantity else "",
        "difference": f"{'+' if line.difference > 0 else ''}{shown.quantity_text(line.difference, unit)}",
        "unit": shown.UNITS.get(unit, unit),
        "point": line.product.quantity_step < 1,
        "done": done,
        "over": line.difference > 0,
    }


def _lines(receiving: Receiving, lines: QuerySet[ReceivingItem], last: dict[str, Any] | None) -> dict[str, Any]:
    total = lines.count()
    waiting = lines.filter(actual_quantity__lt=F("expected_quantity")).count()
    first = lines.order_by((F("actual_quantity") - F("expected_quantity")).asc(), "pk")[:_SHOWN]
    announced = receiving.status == "draft" and lines.filter(actual_quantity__gt=0).exists()
    return {
        "step": "announced" if announced else "lines",
        "rows": [_line(line) for line in first],
        "more": max(0, total - _SHOWN),
        "total": total,
        "planned": lines.filter(expected_quantity__gt=0).exists(),
        "done": total - waiting,
        "last": last,
        "version": receiving.version,
    }


def _differences(lines: QuerySet[ReceivingItem]) -> dict[str, Any]:
    rows = [_line(line) for line in lines.exclude(actual_quantity=F("expected_quantity"))[:_SHOWN]]
    return {
        "missing": [row for row in rows if not row["over"]],
        "surplus": [row for row in rows if row["over"] and row["expected"]],
        "unannounced": [row for row in rows if row["over"] and not row["expected"]],
        "arrived": lines.filter(actual_quantity__gt=0).count(),
        "damaged": [_line(line) for line in lines.filter(damaged_quantity__gt=0)[:_SHOWN]],
    }


def posted_version(request: HttpRequest) -> int:
    """The version that the form was based on."""
    return posted_id(request, "version")
