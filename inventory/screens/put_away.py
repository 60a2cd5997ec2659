"""`/floor/put-away`: goods from the receiving dock to a shelf. Scan the goods, go to the suggested place, scan it.

What is in hand is kept in the session with a token, so that a scan that arrives twice moves once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.models import BatchLocation, Location, Warehouse
from inventory.queries import floor
from inventory.queries.put_away import FIXED, FREE, OTHER, SAME_BATCH, SAME_PRODUCT, Suggestion, suggest_places
from inventory.queries.scan import find_by_scan
from inventory.screens.entered import number_in, posted_quantity
from inventory.screens.goods import CONDITIONS, meant, row_of
from inventory.screens.moved import last_move, take_back
from inventory.screens.once import new_token, once, posted_token
from inventory.services.moving import put_away
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.errors import NotFound
from warehouse.core.quantities import plain
from warehouse.core.screens import (
    DONE,
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

_HAND, _LAST = "floor_put_away", "floor_put_away_last"
# More is no list that anybody reads; a scan finds the others too.
_SHOWN = 40
REASONS: dict[int, Promise] = {
    FIXED: gettext_lazy("its own place"),
    SAME_BATCH: gettext_lazy("the same lot lies there"),
    SAME_PRODUCT: gettext_lazy("the same product lies there"),
    FREE: gettext_lazy("the nearest empty place"),
    OTHER: gettext_lazy("the nearest place that suits"),
}


@site_view(put_away)
def screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """What stands on the docks; with goods in hand, where to bring them (`?part` to tap how much of them)."""
    return _screen(request, Warehouse.objects.get(pk=warehouse))


@site_view(put_away, method="POST")
def scan(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Scanned goods are taken in hand; then a scanned place gets them."""
    return _do(request, warehouse, partial(_scanned, request, actor))


@site_view(put_away, method="POST")
def take(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Take the tapped goods in hand."""
    return _do(request, warehouse, lambda site: _take(request, floor.on_docks(site.pk).filter(pk=posted_id(request, "row"))))


@site_view(put_away, method="POST")
def other(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Another place (`place`), or lay down what is in hand."""

    def change(site: Warehouse) -> None:
        hand = request.session.get(_HAND)
        if hand and "place" in request.POST:
            request.session[_HAND] = hand | {"skipped": hand["skipped"] + 1}
        else:
            request.session.pop(_HAND, None)

    return _do(request, warehouse, change)


@site_view(put_away, method="POST")
def undo(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Back onto the dock with what was put away last."""

    return _do(request, warehouse, lambda site: take_back(request, _LAST, site, actor))


def _do(request: HttpRequest, warehouse_id: int, action: Callable[[Warehouse], Feedback | None]) -> HttpResponse:
    warehouse = Warehouse.objects.get(pk=warehouse_id)
    feedback = attempt(partial(action, warehouse))
    return answer(request, partial(_screen, request, warehouse), feedback, to=reverse("floor:put_away"))


def _scanned(request: HttpRequest, actor: Actor, warehouse: Warehouse) -> Feedback | None:
    code = scanned_code(request)
    hand = _in_hand(request, warehouse)
    if "confirm" in request.POST:
        return _part(request, hand) if hand and posted_token(request) == hand["token"] else None
    if not code:
        return nothing_scanned()
    if hand is None:
        return _take(request, meant(code, floor.on_docks(warehouse.pk), warehouse.pk), code)
    found = find_by_scan(code, warehouse_id=warehouse.pk)
    if found.location_id:
        return _put(request, actor, hand, Location.objects.get(pk=found.location_id))
    if found.product_id is None and (number := number_in(code)):
        request.session[_HAND] = hand["kept"] | {"quantity": number}
        return Feedback(RIGHT, number)
    return Feedback(WRONG, _("This is no place"), _("Scan the place where the goods lie now."), scanned=code)


def _take(request: HttpRequest, rows: Sequence[BatchLocation] | Any, code: str = "") -> Feedback:
    rows = list(rows)
    if not rows:
        return Feedback(WRONG, _("Not on the dock"), _("Scan goods that stand on the dock."), scanned=code)
    if len(rows) > 1:
        request.session[_HAND] = {"choice": [row.pk for row in rows[:20]]}
        return Feedback(RIGHT, _("Which of them?"))
    row = rows[0]
    free = row.quantity - row.reserved
    request.session[_HAND] = {"token": new_token(), "row": row.pk, "quantity": plain(free), "skipped": 0}
    return Feedback(RIGHT, row.product.name)


def _part(request: HttpRequest, hand: dict[str, Any]) -> Feedback:
    quantity = posted_quantity(request)
    free = hand["goods"].quantity - hand["goods"].reserved
    if quantity > free:
        most = shown.quantity_text(free, hand["goods"].product.base_unit)
        return Feedback(WRONG, _("Too much"), _("There is less on the dock."), most, shown.plain(quantity))
    request.session[_HAND] = hand["kept"] | {"quantity": plain(quantity)}
    return Feedback(RIGHT, shown.plain(quantity))


def _put(request: HttpRequest, actor: Actor, hand: dict[str, Any], place: Location) -> Feedback:
    row: BatchLocation = hand["goods"]
    quantity = Decimal(hand["quantity"])
    text = shown.quantity_text(quantity, row.product.base_unit)

    def say(spot: Any) -> Feedback:
        return Feedback(RIGHT, _("%(quantity)s in %(place)s") % {"quantity": text, "place": place.code}, row.product.name)

    said, done = once(hand["token"], put_away, row.pk, quantity, place.pk, actor=actor, say=say)
    request.session.pop(_HAND, None)
    last = {"warehouse": row.warehouse_id, "token": new_token(), "row": done["id"], "quantity": plain(quantity), "from": row.location_id}
    request.session[_LAST] = last | {"text": said.title, "name": row.product.name}
    return said if floor.on_docks(row.warehouse_id).exists() else Feedback(DONE, said.title, said.hint)


def _in_hand(request: HttpRequest, warehouse: Warehouse) -> dict[str, Any] | None:
    """What is in hand, with its row; None when it stands on no dock of this site any more."""
    kept = request.session.get(_HAND)
    if not kept or "row" not in kept:
        return None
    row = floor.on_docks(warehouse.pk).filter(pk=kept["row"]).first()
    return {**kept, "kept": kept, "goods": row} if row is not None else None


def _screen(request: HttpRequest, warehouse: Warehouse, feedback: Feedback | None = None) -> HttpResponse:
    hand = _in_hand(request, warehouse)
    if hand is not None:
        return show(request, "floor/put_away_hand.html", _hand(request, warehouse, hand), feedback)
    rows = floor.on_docks(warehouse.pk)
    choice = (request.session.get(_HAND) or {}).get("choice", [])
    listed = list(rows.filter(pk__in=choice)) or list(rows[:_SHOWN])
    context = {
        "choice": bool(choice),
        "rows": [row_of(row, warehouse) for row in listed],
        "count": rows.count(),
        "last": last_move(request, _LAST, warehouse),
    }
    return show(request, "floor/put_away.html", context, feedback)


def _hand(request: HttpRequest, warehouse: Warehouse, hand: dict[str, Any]) -> dict[str, Any]:
    row: BatchLocation = hand["goods"]
    try:
        places: list[Suggestion] = suggest_places(row.pk)
    except NotFound:
        places = []
    place = places[hand["skipped"] % len(places)] if places else None
    return {
        "token": hand["token"],
        "goods": row_of(row, warehouse),
        "quantity": shown.quantity_text(Decimal(hand["quantity"]), row.product.base_unit),
        "number": hand["quantity"],
        "part": "part" in request.GET and request.method == "GET",
        "place": place,
        "size": shown.size_of(place.code) if place else "",
        "reason": REASONS[place.rule] if place else "",
        "condition": CONDITIONS.get(place.condition, "") if place else "",
        "others": len(places) > 1,
    }
