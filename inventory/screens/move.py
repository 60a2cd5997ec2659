"""`/floor/move`: goods from a place to another. Scan the place, the goods, the target; or freeze, thaw or open them.

What is in hand is kept in the session with a token, so that a scan that arrives twice moves once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.enums import Condition, LocationKind, Phase, PhaseChange
from inventory.models import BatchLocation, Location, ShelfLife, Warehouse
from inventory.queries.scan import find_by_scan
from inventory.queries.stock import get_location_stock
from inventory.screens.entered import number_in, posted_quantity
from inventory.screens.goods import meant, row_of
from inventory.screens.moved import last_move, take_back
from inventory.screens.once import new_token, once, posted_token
from inventory.services.moving import move_stock
from inventory.services.phases import change_phase
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import (
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    nothing_scanned,
    posted_id,
    scanned_code,
    show,
    site_view,
)

_HAND, _LAST = "floor_move", "floor_move_last"
_SHOWN = 60
CHANGES: dict[str, Promise] = {
    PhaseChange.FREEZE: gettext_lazy("Freeze"),
    PhaseChange.THAW: gettext_lazy("Thaw"),
    PhaseChange.OPEN: gettext_lazy("Open"),
}
DONE_TEXTS: dict[str, Promise] = {
    PhaseChange.FREEZE: gettext_lazy("Frozen: %(quantity)s in %(place)s"),
    PhaseChange.THAW: gettext_lazy("Thawed: %(quantity)s in %(place)s"),
    PhaseChange.OPEN: gettext_lazy("Opened: %(quantity)s in %(place)s"),
}


@site_view(move_stock)
def screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """What is to be scanned next: the place, the goods, the target."""
    return _screen(request, Warehouse.objects.get(pk=warehouse))


@site_view(move_stock, method="POST")
def scan(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """A scanned code: judged by what the screen asks for now."""
    return _do(request, warehouse, partial(_scanned, request, actor))


@site_view(move_stock, method="POST")
def take(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Take the tapped goods in hand."""

    def tapped(site: Warehouse) -> Feedback:
        row = _rows(site).filter(pk=posted_id(request, "row")).first()
        return _take(request, row) if row else Feedback(WRONG, _("Not there any more"), _("Look at the screen and go on from there."))

    return _do(request, warehouse, tapped)


@site_view(move_stock, method="POST")
def change(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Freeze, thaw or open what is in hand (`change`), only move it (no `change`), or lay it down (`down`)."""

    def choose(site: Warehouse) -> None:
        hand = request.session.get(_HAND)
        if not hand or "down" in request.POST:
            request.session.pop(_HAND, None)
        elif "row" in hand:
            chosen = request.POST.get("change", "")
            request.session[_HAND] = hand | {"change": chosen if chosen in CHANGES and chosen != hand["change"] else ""} | _typed(request)

    return _do(request, warehouse, choose)


@site_view(move_stock, method="POST")
def undo(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Back with what was moved last."""

    return _do(request, warehouse, lambda site: take_back(request, _LAST, site, actor))


def _do(request: HttpRequest, warehouse_id: int, action: Callable[[Warehouse], Feedback | None]) -> HttpResponse:
    warehouse = Warehouse.objects.get(pk=warehouse_id)
    feedback = attempt(partial(action, warehouse))
    return answer(request, partial(_screen, request, warehouse), feedback, to=reverse("floor:move"))


def _rows(warehouse: Warehouse) -> QuerySet[BatchLocation]:
    rows = BatchLocation.objects.filter(warehouse=warehouse, has_stock=True).select_related("batch", "product", "location")
    return rows.exclude(location__kind=LocationKind.TRANSIT).order_by("location__pick_sequence", "pk")


def _typed(request: HttpRequest) -> dict[str, str]:
    """What was tapped on the pad; a refusal does not forget it."""
    return {"quantity": request.POST["quantity"][:15]} if "quantity" in request.POST else {}


def _scanned(request: HttpRequest, actor: Actor, warehouse: Warehouse) -> Feedback | None:
    hand = request.session.get(_HAND) or {}
    row = _rows(warehouse).filter(pk=hand["row"]).first() if "row" in hand else None
    code = scanned_code(request)
    if "confirm" in request.POST:
        return _go(request, actor, hand, row, None) if row and posted_token(request) == hand["token"] else None
    if not code:
        return nothing_scanned()
    if row is not None:
        return _target(request, actor, warehouse, hand | _typed(request), row, code)
    found = find_by_scan(code, warehouse_id=warehouse.pk)
    if found.location_id:
        chosen = list(_rows(warehouse).filter(pk__in=hand.get("choice", []), location=found.location_id)[:2])
        return _take(request, chosen[0]) if len(chosen) == 1 else _from(request, warehouse, Location.objects.get(pk=found.location_id))
    return _goods(request, warehouse, hand.get("from"), code)


def _from(request: HttpRequest, warehouse: Warehouse, place: Location) -> Feedback:
    if place.warehouse_id != warehouse.pk:
        return Feedback(WRONG, _("Not a place of this site"), _("Scan a place here."), scanned=place.code)
    rows = list(_rows(warehouse).filter(location=place)[:2])
    if not rows:
        return Feedback(WRONG, _("Nothing lies here"), _("Scan another place."), scanned=place.code)
    if len(rows) == 1:
        return _take(request, rows[0])
    request.session[_HAND] = {"from": place.pk}
    return Feedback(RIGHT, place.code)


def _goods(request: HttpRequest, warehouse: Warehouse, place_id: int | None, code: str) -> Feedback:
    """Scanned goods: of the scanned place, or, without one, wherever they lie."""
    rows = _rows(warehouse)
    if place_id is not None:
        rows = rows.filter(location=place_id)
    else:
        found = find_by_scan(code, warehouse_id=warehouse.pk)
        rows = rows.filter(product=found.product_id or 0)
    fitting = meant(code, rows, warehouse.pk)
    if not fitting:
        hint = _("Scan goods that lie here.") if place_id else _("Scan the place that you take from.")
        return Feedback(WRONG, _("Not here"), hint, scanned=code)
    if len(fitting) == 1:
        return _take(request, fitting[0])
    request.session[_HAND] = {"from": place_id, "choice": [row.pk for row in fitting[:_SHOWN]]}
    return Feedback(RIGHT, _("Which of them?"))


def _take(request: HttpRequest, row: BatchLocation) -> Feedback:
    free = row.quantity - row.reserved
    if not free:
        return Feedback(
            WRONG, _("Promised to an order"), _("All of it is promised. Take something else, or ask your shift leader."), scanned=row.product.name
        )
    request.session[_HAND] = {"token": new_token(), "from": row.location_id, "row": row.pk, "quantity": plain(free), "change": ""}
    return Feedback(RIGHT, row.product.name)


def _target(request: HttpRequest, actor: Actor, warehouse: Warehouse, hand: dict[str, Any], row: BatchLocation, code: str) -> Feedback:
    request.session[_HAND] = hand
    found = find_by_scan(code, warehouse_id=warehouse.pk)
    if found.location_id:
        place = Location.objects.get(pk=found.location_id)
        if place.pk == row.location_id:
            return Feedback(WRONG, _("It lies there already"), _("Scan the place where you bring it."), scanned=place.code)
        return _go(request, actor, hand, row, place)
    if found.product_id is None and (number := number_in(code)):
        request.session[_HAND] = hand | {"quantity": number}
        return Feedback(RIGHT, number)
    return Feedback(WRONG, _("This is no place"), _("Scan the place where you bring it."), scanned=code)


def _go(request: HttpRequest, actor: Actor, hand: dict[str, Any], row: BatchLocation, place: Location | None) -> Feedback:
    hand |= _typed(request)
    request.session[_HAND] = hand
    quantity = posted_quantity(request)
    text = shown.quantity_text(quantity, row.product.base_unit)
    where = place or row.location
    pattern = DONE_TEXTS.get(hand["change"], gettext_lazy("%(quantity)s in %(place)s"))

    def say(spot: Any) -> Feedback:
        return Feedback(RIGHT, str(pattern) % {"quantity": text, "place": where.code}, row.product.name)

    if hand["change"]:
        to_id = place.pk if place else None
        said, done = once(hand["token"], change_phase, row.pk, quantity, hand["change"], to_id, actor=actor, say=say)
    else:
        said, done = once(hand["token"], move_stock, row.pk, quantity, where.pk, actor=actor, say=say)
    request.session.pop(_HAND, None)
    # Frozen, thawed or opened goods can't be made what they were; moved ones go back.
    last = {
        "warehouse": row.warehouse_id,
        "token": new_token(),
        "row": done["id"],
        "quantity": plain(quantity),
        "from": None if hand["change"] else row.location_id,
    }
    request.session[_LAST] = last | {"text": said.title, "name": row.product.name}
    return said


def _screen(request: HttpRequest, warehouse: Warehouse, feedback: Feedback | None = None) -> HttpResponse:
    hand = request.session.get(_HAND) or {}
    rows = _rows(warehouse)
    row = rows.filter(pk=hand["row"]).first() if "row" in hand else None
    if row is not None:
        return show(request, "floor/move_hand.html", _hand(warehouse, hand, row), feedback)
    context: dict[str, Any] = {"last": last_move(request, _LAST, warehouse)}
    if "choice" in hand:
        listed = rows.filter(pk__in=hand["choice"])
        context |= {"choice": True, "rows": [row_of(row, warehouse) for row in listed]}
    elif hand.get("from"):
        listed = get_location_stock(hand["from"]).filter(warehouse=warehouse)[:_SHOWN]
        context |= {"from": Location.objects.filter(pk=hand["from"]).first(), "rows": [row_of(row, warehouse) for row in listed]}
    return show(request, "floor/move.html", context, feedback)


def _hand(warehouse: Warehouse, hand: dict[str, Any], row: BatchLocation) -> dict[str, Any]:
    return {
        "token": hand["token"],
        "goods": row_of(row, warehouse),
        "quantity": hand["quantity"],
        "change": hand["change"],
        "changes": [(kind, CHANGES[kind], kind == hand["change"]) for kind in _possible(row)],
    }


def _possible(row: BatchLocation) -> list[str]:
    """What may be done to these goods beside moving them; the operation judges the rest."""
    if row.location.kind in (LocationKind.PACKING, LocationKind.SHIPPING):
        return []
    phases = set(ShelfLife.objects.filter(product=row.product_id).values_list("phase", flat=True))
    sealed, frozen = row.phase == Phase.SEALED, row.clock_condition == Condition.FROZEN
    result: list[str] = []
    if sealed and not frozen and row.product.freezable:
        result.append(PhaseChange.FREEZE)
    if sealed and frozen and Phase.THAWED in phases:
        result.append(PhaseChange.THAW)
    if row.phase != Phase.OPENED and Phase.OPENED in phases:
        result.append(PhaseChange.OPEN)
    return result
