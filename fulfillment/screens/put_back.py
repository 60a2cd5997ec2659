"""`/floor/put-back`: goods of cancelled orders from the bench to a shelf. Scan the product, then the place.

Which goods are in hand is kept in the session.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.models import PutBack
from fulfillment.queries import floor
from fulfillment.services.put_backs import complete_put_back
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import DONE, RIGHT, WRONG, Feedback, answer, attempt, chosen_warehouse, floor_view, nothing_scanned, scanned_code, show

_IN_HAND = "floor_put_back"
# More is no list that anybody reads; a scan finds the others too.
_SHOWN = 50


@floor_view(complete_put_back)
def screen(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What lies on the benches and belongs on shelves; with goods in hand, where to bring them."""
    warehouse = chosen_warehouse(request)
    return redirect("floor:home") if warehouse is None else _screen(request, warehouse)


@floor_view(complete_put_back, method="POST")
def scan(request: HttpRequest, actor: Actor) -> HttpResponse:
    """A scanned product is taken in hand; then a scanned place gets it."""
    warehouse = chosen_warehouse(request)
    if warehouse is None:
        return redirect("floor:home")
    return _answer(request, warehouse, attempt(partial(_scanned, request, actor, warehouse)))


@floor_view(complete_put_back, method="POST")
def other(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Lay down what is in hand and take something else."""
    request.session.pop(_IN_HAND, None)
    warehouse = chosen_warehouse(request)
    return redirect("floor:home") if warehouse is None else _answer(request, warehouse, None)


def _scanned(request: HttpRequest, actor: Actor, warehouse: int) -> Feedback:
    code = scanned_code(request)
    if not code:
        return nothing_scanned()
    in_hand = _in_hand(request, warehouse)
    if in_hand is not None:
        return _put(request, actor, in_hand, code)
    row = floor.put_back_by_scan(warehouse, code)
    if row is None:
        return Feedback(WRONG, _("Not to be put back"), _("Scan a product of the list."), scanned=code)
    request.session[_IN_HAND] = row.pk
    return Feedback(RIGHT, row.product.name, _("Now scan the place."))


def _put(request: HttpRequest, actor: Actor, row: PutBack, code: str) -> Feedback:
    quantity = request.POST.get("quantity", "").replace(",", ".") or row.remaining
    done = complete_put_back(row.pk, quantity, actor=actor, location_scan=code)
    request.session.pop(_IN_HAND, None)
    text = shown.quantity_text(done.done_quantity - row.done_quantity, row.product.base_unit)
    left = floor.put_backs_waiting(row.warehouse_id).exists()
    return Feedback(RIGHT if left else DONE, _("Put back: %(quantity)s") % {"quantity": text}, row.product.name)


def _in_hand(request: HttpRequest, warehouse: int) -> PutBack | None:
    chosen = request.session.get(_IN_HAND)
    return floor.put_backs_waiting(warehouse).filter(pk=chosen).first() if chosen else None


def _answer(request: HttpRequest, warehouse: int, feedback: Feedback | None) -> HttpResponse:
    return answer(request, partial(_screen, request, warehouse), feedback, to=reverse("floor:put_back"))


def _screen(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    waiting = floor.put_backs_waiting(warehouse)
    in_hand = _in_hand(request, warehouse)
    context = {"rows": [_row(row) for row in waiting[:_SHOWN]], "count": waiting.count(), "in_hand": in_hand and _row(in_hand)}
    return show(request, "floor/put_back.html", context, feedback)


def _row(row: PutBack) -> dict[str, Any]:
    return shown.goods(row.product, row.batch) | {
        "bench": row.batch_location.location.code,
        "place": row.from_location.code,
        "size": shown.size_of(row.from_location.code),
        "order": str(row.order.order_number or row.order.external_id),
        "quantity": shown.quantity_text(row.remaining, row.product.base_unit),
        "number": shown.plain(row.remaining),
        "unit_text": shown.UNITS.get(row.product.base_unit, row.product.base_unit),
        "remaining": plain(row.remaining),
        "step_size": plain(shown.step_of(row.product)),
    }
