"""`/floor/returns`: what customers send back. Scan the parcel or the order, look at each of the goods and decide, book it.

What was found at the lines is kept in the session until the return is booked: the inspection needs a decision on every line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.enums import OPEN_RETURNS, ReturnCondition, ReturnDecision, ReturnStatus
from inventory.models import Product, Return, ReturnItem
from inventory.queries import floor
from inventory.queries.returns import shipped_under
from inventory.queries.scan import find_by_scan
from inventory.screens.entered import posted_quantity
from inventory.screens.goods import meant
from inventory.screens.once import new_token, once, posted_token
from inventory.screens.returns_shown import AGAIN, decisions_for, screen
from inventory.services.return_completion import complete_return
from inventory.services.return_inspection import Finding, attach_return_photo, inspect_return
from inventory.services.returns import ReturnLine, add_return_item, cancel_return, create_return, remove_return_item
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.photos import PHOTO_BYTES
from warehouse.core.quantities import plain
from warehouse.core.screens import (
    DONE,
    ORDER_FINDERS,
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

_STATE = "floor_return"


@site_view(inspect_return)
def start_screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The returns that wait to be looked at."""
    return _start(request, warehouse)


def _start(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    rows = floor.open_returns(warehouse)
    return show(request, "floor/returns_start.html", {"rows": list(rows[:30]), "count": rows.count()}, feedback)


@site_view(create_return, method="POST")
def find(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The open return that the code names; else a new one of the order that it names."""
    code = scanned_code(request)
    opened: list[int] = []

    def look() -> Feedback | None:
        refs = [code, *(ref for finder in ORDER_FINDERS for ref in finder(code))]
        known = floor.return_by_scan(warehouse, code, refs)
        order_ref = None if known else floor.shipped_order(refs)
        if known is None and order_ref is None:
            return Feedback(WRONG, _("No order found"), _("Scan the waybill or the number of an order that was shipped."), scanned=code)
        document = known or create_return(warehouse_id=warehouse, order_ref=order_ref or "", actor=actor)
        opened.append(document.pk)
        return None

    feedback = attempt(look) if code else nothing_scanned()
    if opened:
        return leave(request, feedback, to=reverse("floor:return_one", args=opened))
    return answer(request, partial(_start, request, warehouse), feedback, to=reverse("floor:returns"))


@floor_view(inspect_return)
def one_screen(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """The lines and what was decided; or the line that is looked at (`?item=`)."""
    document = _document(request, return_id)
    state = _state(request, document)
    item = request.GET.get("item", "")
    if item.isascii() and item.isdigit() and document.items.filter(pk=int(item[:18])).exists():
        state = {**state, "item": int(item[:18]), "add": None}
        _keep(request, state)
    elif "list" in request.GET:
        state = {**state, "item": None, "add": None}
        _keep(request, state)
    return screen(request, document, state)


@floor_view(inspect_return, method="POST")
def scan(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """Scanned goods are looked at, or added when they stand on no line; `confirm` is the tapped number."""
    return _do(request, return_id, partial(_scanned, request, actor))


@floor_view(inspect_return, method="POST")
def decide(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """What was found at the line: `condition`, `decision`, `percent`, `temperature`; each by a tap. `again` forgets it."""
    return _do(request, return_id, partial(_decided, request))


@floor_view(attach_return_photo, method="POST")
def photo(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """A photo of the line."""

    def keep(document: Return, state: dict[str, Any]) -> Feedback:
        picture = request.FILES.get("photo")
        content = picture.read(PHOTO_BYTES + 1) if picture is not None else b""
        attach_return_photo(document.pk, posted_id(request, "item"), content, actor=actor)
        return Feedback(RIGHT, _("The photo is kept"))

    return _do(request, return_id, keep)


@floor_view(remove_return_item, method="POST")
def remove(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """The line is not in the parcel."""

    def strike(document: Return, state: dict[str, Any]) -> Feedback:
        pk = posted_id(request, "item")
        remove_return_item(document.pk, pk, actor=actor)
        _keep(request, {**state, "item": None, "found": {key: value for key, value in state["found"].items() if key != str(pk)}})
        return Feedback(RIGHT, _("Taken off the list"))

    return _do(request, return_id, strike)


@floor_view(cancel_return, method="POST")
def drop(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """Give up a return of which nothing has come."""
    document = _document(request, return_id)

    def cancel() -> Feedback:
        cancel_return(document.pk, reason="nothing has come back", expected_version=posted_id(request, "version"), actor=actor)
        return Feedback(RIGHT, _("Dropped"), document.number)

    return leave(request, attempt(cancel), to=reverse("floor:returns"))


@floor_view(complete_return, method="POST")
def book(request: HttpRequest, actor: Actor, return_id: int) -> HttpResponse:
    """Keep the inspection and bring the goods onto the books."""

    def bring(document: Return, state: dict[str, Any]) -> Feedback | None:
        if state["token"] != posted_token(request):
            return None  # a tap that came twice
        if not all(_complete(found) for found in state["found"].values()):
            return Feedback(WRONG, _("Not finished yet"), _("Look at every line first."))
        findings = [_finding(int(pk), found) for pk, found in state["found"].items()]
        if findings or document.status == ReturnStatus.DRAFT:
            inspect_return(document.pk, findings=findings, expected_version=posted_id(request, "version") or None, actor=actor)
        said, _done = once(state["token"], complete_return, document.pk, actor=actor, say=lambda row: Feedback(DONE, _("Booked"), row.number))
        request.session.pop(_STATE, None)
        return said

    return _do(request, return_id, bring)


def _document(request: HttpRequest, return_id: int) -> Return:
    rows = Return.objects.select_related("warehouse", "location")
    return get_object_or_404(rows, pk=return_id, warehouse=chosen_warehouse(request) or 0)


def _state(request: HttpRequest, document: Return) -> dict[str, Any]:
    state = request.session.get(_STATE)
    if state and state["return"] == document.pk:
        return dict(state)
    fresh = {"return": document.pk, "token": new_token(), "found": {}, "item": None, "add": None}
    _keep(request, fresh)
    return fresh


def _keep(request: HttpRequest, state: dict[str, Any]) -> None:
    request.session[_STATE] = state


def _do(request: HttpRequest, return_id: int, action: Callable[[Return, dict[str, Any]], Feedback | None]) -> HttpResponse:
    document = _document(request, return_id)
    # What is closed the screen itself says.
    feedback = attempt(lambda: action(document, _state(request, document))) if document.status in OPEN_RETURNS else None

    def again(said: Feedback | None) -> HttpResponse:
        now = _document(request, return_id)
        return screen(request, now, _state(request, now), said)

    return answer(request, again, feedback, to=reverse("floor:return_one", args=[return_id]))


def _scanned(request: HttpRequest, actor: Actor, document: Return, state: dict[str, Any]) -> Feedback | None:
    if "confirm" in request.POST:
        if state["add"]:
            return _add(request, actor, document, state)
        return _decided(request, document, state)
    code = scanned_code(request)
    if not code:
        return nothing_scanned()
    items = list(document.items.select_related("product", "batch").order_by("pk"))
    fitting = meant(code, items, document.warehouse_id)
    waiting = [item for item in fitting if str(item.pk) not in state["found"] and not item.decision] or fitting
    if waiting:
        _keep(request, {**state, "item": waiting[0].pk, "add": None})
        return Feedback(RIGHT, waiting[0].product.name)
    return _unlisted(request, document, state, code)


def _unlisted(request: HttpRequest, document: Return, state: dict[str, Any], code: str) -> Feedback:
    """Goods that stand on no line: they may be added when they left under this order."""
    found = find_by_scan(code, warehouse_id=document.warehouse_id)
    shipped = [row for row in shipped_under(document.order_ref) if row.product_id == found.product_id and row.free > 0]
    mine = [row for row in shipped if found.batch_id in (None, row.batch_id)]
    if not mine:
        hint = _("Put it aside. It did not leave with this order, or has come back already.")
        return Feedback(WRONG, _("Not of this order"), hint, scanned=code)
    product = Product.objects.get(pk=mine[0].product_id)
    add = {"product": product.pk, "batch": found.batch_id, "most": plain(sum((row.free for row in mine), Decimal(0))), "token": new_token()}
    _keep(request, {**state, "item": None, "add": add})
    return Feedback(RIGHT, product.name)


def _add(request: HttpRequest, actor: Actor, document: Return, state: dict[str, Any]) -> Feedback | None:
    add = state["add"]
    if posted_token(request) != add["token"]:
        return None  # a tap that came twice
    product = Product.objects.get(pk=add["product"])
    line = ReturnLine(product.pk, posted_quantity(request), batch_id=add["batch"])
    text = shown.quantity_text(line.quantity, product.base_unit)

    def say(items: list[ReturnItem]) -> Feedback:
        return Feedback(RIGHT, _("Came back: %(quantity)s") % {"quantity": text}, product.name)

    said, _done = once(add["token"], add_return_item, document.pk, line, actor=actor, say=say)
    waiting = document.items.filter(product=product, decision="").exclude(pk__in=[int(pk) for pk in state["found"]]).order_by("-pk").first()
    _keep(request, {**state, "add": None, "item": waiting.pk if waiting else None})
    return said


def _decided(request: HttpRequest, document: Return, state: dict[str, Any]) -> Feedback | None:
    item = document.items.select_related("product").filter(pk=state["item"] or 0).first()
    if item is None:
        return None
    known = state["found"].get(str(item.pk), {})
    found = {AGAIN: "1"} if AGAIN in request.POST else dict(known)
    feedback = _noted(request, item, found) if AGAIN not in request.POST else None
    if feedback is not None and feedback.kind == WRONG:
        return feedback
    done = _complete(found)
    _keep(request, {**state, "found": {**state["found"], str(item.pk): found}, "item": None if done and not _complete(known) else item.pk})
    return Feedback(RIGHT, _("Decided"), item.product.name) if done else feedback


def _complete(found: Mapping[str, str]) -> bool:
    return bool(found.get("decision")) and (found["decision"] != ReturnDecision.RETURN_WITH_DISCOUNT or "percent" in found)


def _noted(request: HttpRequest, item: ReturnItem, found: dict[str, str]) -> Feedback | None:
    """Write what was tapped into what was found."""
    condition, decision = request.POST.get("condition", ""), request.POST.get("decision", "")
    if condition in ReturnCondition.values:
        found["condition"] = condition
    elif decision in decisions_for(found.get("condition") or (item.condition if AGAIN not in found else ""), item.product):
        found["decision"] = decision
    elif "temperature" in request.POST:
        number = _number(request.POST["temperature"])
        if number is None:
            return Feedback(WRONG, _("This is no temperature"), _("Tap the degrees; the minus key makes them negative."))
        found["temperature"] = str(number)
    elif "no_temperature" in request.POST:
        found["temperature"] = ""
    elif "percent" in request.POST:
        number = _number(request.POST["percent"])
        if number is None or not 0 < number < 100:
            return Feedback(WRONG, _("This is no discount"), _("Tap a number between 1 and 99."))
        found["percent"] = str(number)
    return None


def _number(text: str) -> Decimal | None:
    """A number with at most a tenth, as a pad gives it."""
    text = text.strip().replace(",", ".")
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(text) <= 6):
        return None
    number = Decimal(text)
    return number if number == number.quantize(Decimal("0.1")) else None


def _finding(item_id: int, found: dict[str, str]) -> Finding:
    return Finding(
        item_id,
        found.get("condition", ""),
        found.get("decision", ""),
        temperature=Decimal(found["temperature"]) if found.get("temperature") else None,
        discount_percent=Decimal(found["percent"]) if found.get("decision") == ReturnDecision.RETURN_WITH_DISCOUNT and "percent" in found else None,
    )
