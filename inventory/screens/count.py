"""`/floor/count`: an audit, place by place. Scan the place, then each of the goods, and tap how many are there; who counts blind sees no books.

Where one stands is kept in the session: the place, and the line or the found goods in hand. A count says how many there are, so that a tap that
arrives twice changes nothing; found goods have a token.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.enums import AuditLineStatus, AuditStatus
from inventory.models import Audit, AuditLine, Location, Product
from inventory.queries import floor
from inventory.queries.audits import lines_of
from inventory.queries.count_requests import places_asked_for
from inventory.queries.lots import find_lot
from inventory.queries.scan import Scanned, find_by_scan
from inventory.screens.count_shown import screen, second_hand
from inventory.screens.entered import label_day, number_in, posted_quantity, today_at
from inventory.screens.goods import names_lot
from inventory.screens.once import new_token, once, posted_token
from inventory.services.audit_counts import add_found_goods, record_count, scan_audit_place, update_audit_items
from inventory.services.count_requests import count_requested_places
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import ZERO, plain
from warehouse.core.screens import (
    DONE,
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    chosen_warehouse,
    floor_view,
    leave,
    nothing_scanned,
    posted_id,
    scanned_code,
    show,
    site_view,
)

_STATE = "floor_count"


@site_view(record_count)
def start_screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The audits that are being counted here, the only one at once; and places where goods were missed, that nobody counts yet."""
    rows = list(floor.running_audits(warehouse)[:30])
    asked = list(places_asked_for(warehouse)[:30])
    if len(rows) == 1 and not asked:
        return redirect("floor:count_audit", rows[0].pk)
    places = len({request.location_id for request in asked})
    return show(request, "floor/count_start.html", {"rows": rows, "asked": asked, "places": places})


@site_view(count_requested_places, method="POST")
def count_asked(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Begin to count the places where goods were missed."""
    begun: list[Audit] = []

    def begin() -> None:
        begun.append(count_requested_places(warehouse, actor=actor))

    feedback = attempt(begin)
    return leave(request, feedback, to=reverse("floor:count_audit", args=[begun[0].pk]) if begun else reverse("floor:count"))


@floor_view(record_count)
def audit_screen(request: HttpRequest, actor: Actor, audit_id: int) -> HttpResponse:
    """The next place; the lines of the place at hand; what is in hand. `?ask=rest`: whether the rest is really not there."""
    audit = _audit(request, audit_id)
    return screen(request, actor, audit, _state(request, audit))


@floor_view(record_count, method="POST")
def scan(request: HttpRequest, actor: Actor, audit_id: int) -> HttpResponse:
    """A scanned code, or what was tapped about the goods in hand (`confirm`): judged by what the screen asks for now."""
    return _do(request, actor, audit_id, partial(_scanned, request, actor))


@floor_view(record_count, method="POST")
def take(request: HttpRequest, actor: Actor, audit_id: int) -> HttpResponse:
    """Take the tapped line in hand; `other`: goods of that product of a lot that is not listed."""

    def tapped(audit: Audit, state: dict[str, Any]) -> Feedback | None:
        if "other" in request.POST:
            product = Product.objects.filter(pk=posted_id(request, "other")).first()
            return _find_more(request, audit, state, product, Scanned("", "product")) if product else None
        line = lines_of(audit).filter(pk=posted_id(request, "line"), location=state.get("place")).first()
        return _take(request, actor, state, line) if line else None

    return _do(request, actor, audit_id, tapped)


@floor_view(record_count, method="POST")
def leave_it(request: HttpRequest, actor: Actor, audit_id: int) -> HttpResponse:
    """Lay down what is in hand; without anything in hand leave the place (`place`)."""

    def lay_down(audit: Audit, state: dict[str, Any]) -> None:
        _keep(request, {"audit": audit.pk} | ({} if "place" in request.POST else {"place": state.get("place")}))

    return _do(request, actor, audit_id, lay_down)


@floor_view(update_audit_items, method="POST")
def nothing_more(request: HttpRequest, actor: Actor, audit_id: int) -> HttpResponse:
    """Nothing of the lines that are still open is in this place."""

    def count_none(audit: Audit, state: dict[str, Any]) -> Feedback | None:
        rest = floor.lines_for(lines_of(audit).filter(location=state.get("place")), actor.user_id).exclude(scanned_at=None)
        counts = dict.fromkeys(rest.values_list("pk", flat=True), ZERO)
        if not counts:
            return None
        update_audit_items(audit.pk, counts, actor=actor)
        return _next(request, audit, actor, state, Feedback(RIGHT, _("Nothing of it is here")))

    return _do(request, actor, audit_id, count_none)


def _audit(request: HttpRequest, audit_id: int) -> Audit:
    return get_object_or_404(Audit.objects.select_related("warehouse"), pk=audit_id, warehouse=chosen_warehouse(request) or 0)


def _state(request: HttpRequest, audit: Audit) -> dict[str, Any]:
    state = request.session.get(_STATE)
    return dict(state) if state and state["audit"] == audit.pk else {"audit": audit.pk}


def _keep(request: HttpRequest, state: dict[str, Any]) -> None:
    request.session[_STATE] = state


def _do(request: HttpRequest, actor: Actor, audit_id: int, action: Callable[[Audit, dict[str, Any]], Feedback | None]) -> HttpResponse:
    audit = _audit(request, audit_id)
    running = audit.status == AuditStatus.IN_PROGRESS  # else the screen itself says how it stands
    feedback = attempt(lambda: action(audit, _state(request, audit))) if running else None

    def again(said: Feedback | None) -> HttpResponse:
        return screen(request, actor, audit, _state(request, audit), said)

    return answer(request, again, feedback, to=reverse("floor:count_audit", args=[audit_id]))


def _scanned(request: HttpRequest, actor: Actor, audit: Audit, state: dict[str, Any]) -> Feedback | None:
    code = scanned_code(request)
    if "quantity" in request.POST:
        state["quantity"] = request.POST["quantity"].strip()[:15]
        _keep(request, state)  # a refusal does not forget what was tapped
    if "confirm" in request.POST:
        return _confirm(request, actor, audit, state)
    if not code:
        return nothing_scanned()
    found = find_by_scan(code, warehouse_id=audit.warehouse_id)
    if "line" in state or "found" in state:
        said = _while_in_hand(request, actor, audit, state, found, code)
        if said is not None:
            return said
        state = _state(request, audit)
    if found.location_id:
        return _place(request, actor, audit, Location.objects.get(pk=found.location_id))
    if "place" not in state:
        return Feedback(WRONG, _("First the place"), _("Scan the place that you count."), scanned=code)
    return _goods(request, actor, audit, state, found, code)


def _place(request: HttpRequest, actor: Actor, audit: Audit, place: Location) -> Feedback:
    scan_audit_place(audit.pk, place.pk, actor=actor)
    _keep(request, {"audit": audit.pk, "place": place.pk})
    return Feedback(RIGHT, _("Right place"), place.code)


def _goods(request: HttpRequest, actor: Actor, audit: Audit, state: dict[str, Any], found: Scanned, code: str) -> Feedback:
    """Scanned goods of the place: a line of the list, one of several lots, or goods that nobody listed."""
    lines = list(lines_of(audit).filter(location=state["place"]))
    wanted = code.casefold()
    fitting = [line for line in lines if wanted in (line.product.sku.casefold(), line.lot_number.casefold())]
    fitting = fitting or [line for line in lines if line.product_id == found.product_id and names_lot(found, line.lot_number)]
    if len({line.product_id for line in fitting}) == 1 and len(fitting) > 1:
        _keep(request, state | {"choice": [line.pk for line in fitting], "code": code})
        return Feedback(RIGHT, _("Which of them?"))
    if len(fitting) == 1:
        return _take(request, actor, state, fitting[0], code)
    product = Product.objects.filter(pk=found.product_id or 0).first()
    if product is None:
        return Feedback(WRONG, _("Unknown goods"), _("Put it aside and ask your shift leader."), scanned=code)
    return _find_more(request, audit, state, product, found)


def _take(request: HttpRequest, actor: Actor, state: dict[str, Any], line: AuditLine, code: str = "") -> Feedback:
    if second_hand(line, actor):
        return Feedback(WRONG, _("Somebody else counts it"), _("You have counted it once. Go on with the next."), scanned=line.product.name)
    if line.scanned_at is None:
        return Feedback(WRONG, _("Scan the place again"), _("The books have changed since you scanned it."), scanned=line.product.name)
    counted = plain(line.counted_quantity) if line.status == AuditLineStatus.COUNTED and line.counted_by_id == actor.user_id else ""
    _keep(request, {"audit": state["audit"], "place": state["place"], "line": line.pk, "code": code, "quantity": counted})
    return Feedback(RIGHT, line.product.name)


def _find_more(request: HttpRequest, audit: Audit, state: dict[str, Any], product: Product, found: Scanned) -> Feedback:
    known = find_lot(product.pk, found.lot_number)
    expires = found.expires_on or (known.label_expires_on if known else None)
    goods = {
        "token": new_token(),
        "product": product.pk,
        "lot": found.lot_number,
        "expires": expires.isoformat() if expires else "",
        "dated": bool(expires or known or not product.tracks_expiry),
    }
    _keep(request, {"audit": audit.pk, "place": state["place"], "found": goods, "code": found.code, "quantity": ""})
    return Feedback(RIGHT, _("Found: %(name)s") % {"name": product.name})


def _while_in_hand(request: HttpRequest, actor: Actor, audit: Audit, state: dict[str, Any], found: Scanned, code: str) -> Feedback | None:
    """A scan while goods are in hand: the same again counts one more; anything else writes down what was tapped, and goes on (None)."""
    if "found" in state and not state["found"]["dated"]:
        return _date_or_lot(request, audit, state, found, code)
    if (state["code"] and code == state["code"]) or _same_goods(audit, state, found):
        amount = (posted_quantity(request) if state["quantity"] else found.pack_quantity) + found.pack_quantity
        _keep(request, state | {"quantity": plain(amount), "code": code})
        return Feedback(RIGHT, shown.plain(amount))
    if found.kind == "unknown" and (number := number_in(code)):
        _keep(request, state | {"quantity": number})
        return Feedback(RIGHT, number)
    if found.kind == "unknown":
        return Feedback(WRONG, _("Unknown code"), _("Scan goods or a place."), scanned=code)
    if not state["quantity"]:
        return Feedback(WRONG, _("How many?"), _("First tap how many are there; none is 0."), scanned=code)
    said = _confirm(request, actor, audit, state)
    return said if said is not None and said.kind == WRONG else None


def _same_goods(audit: Audit, state: dict[str, Any], found: Scanned) -> bool:
    if "found" in state:
        return found.product_id == state["found"]["product"] and names_lot(found, state["found"]["lot"])
    line = lines_of(audit).filter(pk=state["line"]).first()
    return line is not None and found.product_id == line.product_id and names_lot(found, line.lot_number)


def _date_or_lot(request: HttpRequest, audit: Audit, state: dict[str, Any], found: Scanned, code: str) -> Feedback:
    """What the label of found goods says: their date tapped, typed or scanned, or their lot when it is known."""
    goods = state["found"]
    text = code or request.POST.get("date", "")
    if found.product_id == goods["product"] and found.lot_number:
        product = Product.objects.get(pk=goods["product"])
        return _find_more(request, audit, state, product, found)
    day = label_day(text, today_at(audit.warehouse))
    if day is None:
        return Feedback(WRONG, _("This is no date"), _("Tap day, month and year, as on the label."), scanned=text[:40])
    _keep(request, state | {"found": goods | {"expires": day.isoformat(), "dated": True}, "quantity": ""})
    return Feedback(RIGHT, shown.day_text(day))


def _confirm(request: HttpRequest, actor: Actor, audit: Audit, state: dict[str, Any]) -> Feedback | None:
    if "found" in state:
        if request.POST and "confirm" in request.POST and posted_token(request) != state["found"]["token"]:
            return None  # a tap that came twice
        if not state["found"]["dated"]:
            return _date_or_lot(request, audit, state, Scanned("", "unknown"), "")
        return _add(request, actor, audit, state)
    if "line" not in state:
        return None
    quantity = posted_quantity(request, zero_allowed=True)
    line = record_count(audit.pk, state["line"], quantity, actor=actor)
    _keep(request, {"audit": audit.pk, "place": state["place"]})
    if line.status == AuditLineStatus.RECOUNT:
        if second_hand(line, actor):
            said = Feedback(RIGHT, _("Noted. Somebody else counts it again."), line.product.name)
            return _next(request, audit, actor, state, said)
        return Feedback(WRONG, _("Count it again"), _("Goods moved while you counted. Scan the place again."), scanned=line.product.name)
    text = shown.quantity_text(quantity, line.product.base_unit)
    return _next(request, audit, actor, state, Feedback(RIGHT, _("Counted: %(quantity)s") % {"quantity": text}, line.product.name))


def _add(request: HttpRequest, actor: Actor, audit: Audit, state: dict[str, Any]) -> Feedback:
    goods = state["found"]
    quantity: Decimal = posted_quantity(request)
    product = Product.objects.get(pk=goods["product"])
    text = shown.quantity_text(quantity, product.base_unit)
    said, _done = once(
        goods["token"],
        add_found_goods,
        audit.pk,
        state["place"],
        product.pk,
        quantity,
        lot_number=goods["lot"],
        label_expires_on=date.fromisoformat(goods["expires"]) if goods["expires"] else None,
        actor=actor,
        say=lambda line: Feedback(RIGHT, _("Found: %(name)s") % {"name": text}, product.name),
    )
    _keep(request, {"audit": audit.pk, "place": state["place"]})
    return _next(request, audit, actor, state, said)


def _next(request: HttpRequest, audit: Audit, actor: Actor, state: dict[str, Any], said: Feedback) -> Feedback:
    """What was done; and whether that was the last of the audit."""
    if floor.places_to_count(audit.pk, actor.user_id).exists():
        return said
    return Feedback(DONE, said.title, said.hint)
