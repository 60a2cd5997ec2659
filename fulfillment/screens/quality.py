"""`/floor/quality`: picked goods are looked at before they are packed. Two buttons per item; what is wrong is said by taps, with a photo.

What was tapped of the item at hand is kept in the session until it is said to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import OPEN_QUALITY, QualityDecision, QualityStatus
from fulfillment.models import QualityCheck, QualityCheckItem
from fulfillment.queries import quality
from fulfillment.screens.quality_shown import screen
from fulfillment.services.quality_checks import (
    attach_quality_photo,
    claim_next_quality_check,
    pass_quality_check,
    record_quality_finding,
    start_quality_check,
)
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.scans import scanned_goods
from warehouse.core.actor import Actor
from warehouse.core.photos import PHOTO_BYTES
from warehouse.core.quantities import parse_quantity, plain
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
    posted_number,
    scanned_code,
    show,
    site_view,
)

_STATE = "floor_quality"
# What may be wrong: (nothing is damaged, as many as were picked).
WRONGS = {"damaged": (False, True), "missing": (True, False), "both": (False, False)}

Work = Callable[[QualityCheck, dict[str, Any]], Feedback | None]


@site_view(record_quality_finding)
def start_screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The check at hand; else scan one, or take the next."""
    assert actor.user_id is not None
    mine = quality.my_check(warehouse, actor.user_id)
    return redirect("floor:quality_check", mine) if mine is not None else _start(request, warehouse)


def _start(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    waiting = quality.checks_waiting(warehouse)
    return show(request, "floor/quality_start.html", {"waiting": waiting.count(), "first": list(waiting[:5])}, feedback)


@site_view(claim_next_quality_check, method="POST")
def claim(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Begin the most urgent check that nobody else is claiming."""
    check = claim_next_quality_check(warehouse, actor=actor)
    if check is not None:
        return leave(request, None, to=reverse("floor:quality_check", args=[check.pk]))
    return leave(request, Feedback(DONE, _("Nothing to check now")), to=reverse("floor:quality"))


@site_view(start_quality_check, method="POST")
def find(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The check that scanned goods, a bench, a task or an order name; a waiting one is begun."""
    code = scanned_code(request)
    check = quality.check_by_scan(warehouse, code) if code else None
    if check is None:
        missing = Feedback(WRONG, _("No check found"), _("Scan the number of an order or a task, the bench, or the goods on it."), scanned=code)
        return answer(request, partial(_start, request, warehouse), missing if code else nothing_scanned(), to=reverse("floor:quality"))
    begun = attempt(partial(_begin, check.pk, actor)) if check.status == QualityStatus.PENDING else None
    return leave(request, begun, to=reverse("floor:quality_check", args=[check.pk]))


@floor_view(start_quality_check, method="POST")
def start(request: HttpRequest, actor: Actor, check_id: int) -> HttpResponse:
    """Begin to look."""
    feedback = attempt(partial(_begin, check_id, actor))
    return answer(request, partial(_shown, request, actor, check_id), feedback, to=reverse("floor:quality_check", args=[check_id]))


@floor_view(record_quality_finding)
def check_screen(request: HttpRequest, actor: Actor, check_id: int) -> HttpResponse:
    """The goods and what was found; or the item that is looked at (`?item=`)."""
    check = _check(request, check_id)
    item = request.GET.get("item", "")
    if item.isascii() and item.isdigit() and check.items.filter(pk=int(item[:18])).exists():
        _keep(request, check, {"item": int(item[:18])})
    elif "list" in request.GET:
        _keep(request, check, {})
    return _shown(request, actor, check_id)


@floor_view(record_quality_finding, method="POST")
def scan(request: HttpRequest, actor: Actor, check_id: int) -> HttpResponse:
    """Scanned goods are looked at; `confirm` is the tapped number."""
    return _do(request, actor, check_id, partial(_scanned, request, actor))


@floor_view(record_quality_finding, method="POST")
def say(request: HttpRequest, actor: Actor, check_id: int) -> HttpResponse:
    """What was found of the item: `good`, or `wrong` with what is wrong, then the `decision`; each by a tap. `again` forgets it."""
    return _do(request, actor, check_id, partial(_said, request, actor))


@floor_view(attach_quality_photo, method="POST")
def photo(request: HttpRequest, actor: Actor, check_id: int) -> HttpResponse:
    """A photo of the item."""

    def keep(check: QualityCheck, state: dict[str, Any]) -> Feedback:
        picture = request.FILES.get("photo")
        content = picture.read(PHOTO_BYTES + 1) if picture is not None else b""
        item = get_object_or_404(QualityCheckItem, pk=posted_id(request, "item"), check_document=check)
        attach_quality_photo(item.pk, content, actor=actor)
        return Feedback(RIGHT, _("The photo is kept"))

    return _do(request, actor, check_id, keep)


@floor_view(pass_quality_check, method="POST")
def finish(request: HttpRequest, actor: Actor, check_id: int) -> HttpResponse:
    """All is looked at: it passes, or it fails when something is not good."""

    def close(check: QualityCheck, state: dict[str, Any]) -> Feedback:
        version = posted_id(request, "version") or None
        if "fail" in request.POST:
            fail_quality_check(check.pk, actor=actor, expected_version=version)
            return Feedback(RIGHT, _("Noted"), check.number)
        pass_quality_check(check.pk, actor=actor, expected_version=version)
        return Feedback(DONE, _("Passed"), check.number)

    return _do(request, actor, check_id, close)


def _begin(check_id: int, actor: Actor) -> None:
    start_quality_check(check_id, actor=actor)


def _check(request: HttpRequest, check_id: int) -> QualityCheck:
    rows = QualityCheck.objects.select_related("order", "worker", "warehouse", "picking_task__packing_location")
    return get_object_or_404(rows, pk=check_id, warehouse=chosen_warehouse(request) or 0)


def _state(request: HttpRequest, check: QualityCheck) -> dict[str, Any]:
    state = request.session.get(_STATE) or {}
    return dict(state) if state.get("check") == check.pk else {"check": check.pk}


def _keep(request: HttpRequest, check: QualityCheck, state: dict[str, Any]) -> None:
    request.session[_STATE] = {**state, "check": check.pk}


def _do(request: HttpRequest, actor: Actor, check_id: int, action: Work) -> HttpResponse:
    check = _check(request, check_id)
    # What is closed the screen itself says.
    feedback = attempt(lambda: action(check, _state(request, check))) if check.status in OPEN_QUALITY else None
    return answer(request, partial(_shown, request, actor, check_id), feedback, to=reverse("floor:quality_check", args=[check_id]))


def _shown(request: HttpRequest, actor: Actor, check_id: int, feedback: Feedback | None = None) -> HttpResponse:
    check = _check(request, check_id)
    return screen(request, actor, check, _state(request, check), feedback)


def _scanned(request: HttpRequest, actor: Actor, check: QualityCheck, state: dict[str, Any]) -> Feedback | None:
    if "confirm" in request.POST:
        return _said(request, actor, check, state)
    code = scanned_code(request)
    if not code:
        return nothing_scanned()
    items = list(check.items.select_related("product", "batch"))
    fitting = scanned_goods(code, items, warehouse_id=check.warehouse_id)
    if not fitting:
        return Feedback(WRONG, _("Not in this order"), _("Put it aside and scan the goods of the list."), scanned=code)
    chosen = next((item for item in fitting if not item.is_checked), fitting[0])
    _keep(request, check, {"item": chosen.pk})
    return Feedback(RIGHT, chosen.product.name)


def _said(request: HttpRequest, actor: Actor, check: QualityCheck, state: dict[str, Any]) -> Feedback | None:
    item = check.items.select_related("product").filter(pk=state.get("item") or posted_id(request, "item")).first()
    if item is None:
        return None
    said: dict[str, Any] = {name: state[name] for name in ("wrong", "failed") if name in state}
    if "again" in request.POST:
        _keep(request, check, {"item": item.pk, "again": 1})
        return None
    if "good" in request.POST:
        record_quality_finding(item.pk, condition_ok=True, quantity_ok=True, actor=actor)
        _keep(request, check, {})
        return Feedback(RIGHT, _("Good"), item.product.name)
    if request.POST.get("wrong") in {*WRONGS, "something"}:
        said = {"wrong": request.POST["wrong"]}
        if item.quantity <= item.product.quantity_step and said["wrong"] in WRONGS:
            said["failed"] = plain(item.quantity)
    elif "quantity" in request.POST and said.get("wrong") in WRONGS:
        amount = parse_quantity(posted_number(request))
        if amount > item.quantity:
            return Feedback(WRONG, _("Too much"), _("So many were not picked."))
        said["failed"] = plain(amount)
    elif request.POST.get("decision") in QualityDecision.values and "failed" in said:
        condition, quantity = WRONGS[said["wrong"]]
        record_quality_finding(
            item.pk, condition_ok=condition, quantity_ok=quantity, failed_quantity=said["failed"], decision=request.POST["decision"], actor=actor
        )
        _keep(request, check, {})
        return Feedback(RIGHT, _("Noted"), item.product.name)
    _keep(request, check, {"item": item.pk, "again": 1, **said})
    return None
