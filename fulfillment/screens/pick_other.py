"""`/floor/pick/…/other`: other goods than the walk asks for. Scan the place they lie in, scan the goods, in a batch the tote, tap how many and why.

What was scanned is kept in the session for the item at hand; nothing is booked before the reason is tapped.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fulfillment.enums import PickingStatus
from fulfillment.errors import WrongScan
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.queries.picking_batches import next_stop
from fulfillment.queries.picking_tasks import next_item
from fulfillment.screens.pick import close_when_done
from fulfillment.screens.pick_batch import close_batch_when_done, colour_of, wrong_tote
from fulfillment.screens.pick_state import STEP
from fulfillment.services.other_goods import find_other_goods, pick_other
from fulfillment.services.totes import is_tote_of, tote_label
from fulfillment.services.workers import is_theirs
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import RIGHT, WRONG, Feedback, answer, attempt, floor_view, leave, nothing_scanned, posted_number, scanned_code, show

_OTHER = "floor_pick_other"
# What is kept with the promise, and what the picker reads.
REASONS = {
    "damaged": ("the goods asked for are damaged", gettext_lazy("Goods damaged")),
    "out of reach": ("the goods asked for are out of reach", gettext_lazy("Out of reach")),
    "fresher": ("the customer asked for fresher goods", gettext_lazy("Fresher wanted")),
    "opened": ("this box is open already", gettext_lazy("Box is open")),
}


@floor_view(pick_other)
def screen(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """What to scan now: the place, the goods; then how many and why."""
    return _screen(request, actor, task_id)


@floor_view(pick_other, method="POST")
def scan(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """A scanned code, or the reason with the quantity: judged by what the screen asks for now."""
    item = _item(task_id)
    if item is None:
        return redirect("floor:pick_task", task_id)
    reason = REASONS.get(request.POST.get("reason", ""))
    if reason is not None and _next(item, _kept(request, item)) == "reason":
        feedback = attempt(partial(_pick, request, actor, item, reason[0]))
        if feedback is not None and feedback.kind != "wrong":
            return leave(request, feedback, to=reverse("floor:pick_task", args=[task_id]))
    else:
        feedback = attempt(partial(_scanned, request, item))
    return answer(request, partial(_screen, request, actor, task_id), feedback, to=reverse("floor:pick_other", args=[task_id]))


@floor_view(pick_other, method="POST")
def lay_down(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Forget what was scanned; pick what the walk asks for."""
    request.session.pop(_OTHER, None)
    return leave(request, None, to=reverse("floor:pick_task", args=[task_id]))


def _item(task_id: int) -> PickingTaskItem | None:
    """The stop at hand, as long as the task is walked."""
    task = get_object_or_404(PickingTask.objects.select_related("order"), pk=task_id)
    if task.status != PickingStatus.IN_PROGRESS:
        return None
    item = next_item(task_id) if task.picking_batch_id is None else next_stop(task.picking_batch_id)
    if item is None or item.task_id != task_id:
        return None  # the walk is somewhere else by now
    item.task = task
    return item


def _scanned(request: HttpRequest, item: PickingTaskItem) -> Feedback:
    code, kept = scanned_code(request), _kept(request, item)
    if not code:
        return nothing_scanned()
    if "location" not in kept:
        _keep(request, item, location=find_other_goods(item, code).location.code)
        return Feedback(RIGHT, _("Right place"))
    if "product" not in kept or item.task.picking_batch_id is None:
        other = find_other_goods(item, kept["location"], code)
        _keep(request, item, location=kept["location"], product=code, lot=other.batch.lot_number)
        return Feedback(RIGHT, _("Right product"))
    if item.task.tote_code and not is_tote_of(item.task, code):
        return Feedback(WRONG, _("Wrong tote"), _("Put the goods into this tote and scan it."), tote_label(item.task), code)
    _keep(request, item, **(kept | {"tote": code}))
    return Feedback(RIGHT, _("Right tote"))


def _pick(request: HttpRequest, actor: Actor, item: PickingTaskItem, reason: str) -> Feedback:
    kept = _kept(request, item)
    typed = posted_number(request)
    amount = item.remaining if typed is None else typed
    place, goods, tote = kept["location"], kept["product"], kept.get("tote", "")
    try:
        done = pick_other(item.pk, amount, actor=actor, location_scan=place, product_scan=goods, tote_scan=tote, reason=reason)
    except WrongScan as error:
        if "position" not in error.data.get("expected", {}):
            raise
        kept.pop("tote", None)
        _keep(request, item, **kept)
        return wrong_tote(error)
    request.session.pop(_OTHER, None)
    request.session.pop(STEP, None)
    taken = shown.quantity_text(done.quantity_picked, item.product.base_unit)
    batch = item.task.picking_batch_id
    closed = close_when_done(actor, item.task_id) if batch is None else close_batch_when_done(actor, batch)
    return closed or Feedback(RIGHT, _("Picked: %(quantity)s") % {"quantity": taken})


def _next(item: PickingTaskItem, kept: dict[str, str]) -> str:
    """What is to be scanned or said now."""
    if "location" not in kept:
        return "place"
    if "product" not in kept:
        return "product"
    return "tote" if item.task.picking_batch_id is not None and "tote" not in kept else "reason"


def _kept(request: HttpRequest, item: PickingTaskItem) -> dict[str, str]:
    kept: dict[str, Any] = request.session.get(_OTHER, {})
    return {key: value for key, value in kept.items() if key != "item"} if kept.get("item") == item.pk else {}


def _keep(request: HttpRequest, item: PickingTaskItem, **scans: str) -> None:
    request.session[_OTHER] = {"item": item.pk, **scans}


def _screen(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None = None) -> HttpResponse:
    item = _item(task_id)
    if item is None or not is_theirs(item.task, actor):
        return leave(request, feedback, to=reverse("floor:pick_task", args=[task_id]))
    kept = _kept(request, item)
    goods = shown.goods(item.product, item.batch)
    context = {
        "task": item.task,
        "item": item,
        "goods": goods | ({"lot": kept["lot"], "expires": ""} if "lot" in kept else {}),
        "asked": {"place": item.location.code, "lot": item.batch.lot_number},
        "step": _next(item, kept),
        "label": tote_label(item.task),
        "colour": colour_of(item.task),
        "place": kept.get("location", ""),
        "quantity": shown.quantity_text(item.remaining, item.product.base_unit),
        "unit": shown.UNITS.get(item.product.base_unit, item.product.base_unit),
        "remaining": plain(item.remaining),
        "step_size": plain(shown.step_of(item.product)),
        "reasons": [(value, label) for value, (_kept_reason, label) in REASONS.items()],
    }
    return show(request, "floor/pick_other.html", context, feedback)
