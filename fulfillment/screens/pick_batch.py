"""`/floor/pick/batch/…`: one walk for several orders. Scan the place, scan the product, put it into the tote that is shown and scan that.

The scan of the tote confirms the quantity too. Goods that go from one place into several totes are scanned once. When an order is cancelled in the middle, the
screen has its tote taken off before it goes on; which ones are off is kept in the session.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import PickingStatus, PutBackStatus
from fulfillment.errors import WrongScan
from fulfillment.models import PickingBatch, PickingTask, PickingTaskItem, PutBack
from fulfillment.queries.picking_batches import batch_progress, last_pick_of_batch, next_stop, remaining_stops
from fulfillment.screens.pick import stop_context
from fulfillment.screens.pick_state import STEP, expected_goods, keep, step_of
from fulfillment.screens.pick_steps import give_up_item, put_off_item, take_back, ways_of
from fulfillment.services.picking_batches import complete_picking_batch, start_picking_batch
from fulfillment.services.picks import pick_item
from fulfillment.services.scans import names_goods, names_place
from fulfillment.services.totes import is_tote_of, tote_label
from fulfillment.services.workers import is_theirs
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.screens import (
    DONE,
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    floor_view,
    nothing_scanned,
    posted_id,
    posted_number,
    scanned_code,
    show,
)

_OFF = "floor_pick_off"
# The colours of positions on a cart; with more positions than these they repeat.
COLOURS = 8


@floor_view(pick_item)
def screen(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """The next stop of the walk; with `?ask=` short, skip or undo the question whether that is meant."""
    return _screen(request, actor, batch_id)


@floor_view(pick_item, method="POST")
def start(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """Begin to walk with a batch that a manager assigned."""

    def begin() -> None:
        start_picking_batch(batch_id, actor=actor)

    return _answer(request, actor, batch_id, attempt(begin))


@floor_view(pick_item, method="POST")
def scan(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """A scanned code: judged by what the walk asks for now."""
    return _answer(request, actor, batch_id, attempt(partial(_scanned, request, actor, batch_id)))


@floor_view(pick_item, method="POST")
def give_up(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """Report the item short (what is missing is looked for elsewhere), or skip it."""
    return _answer(request, actor, batch_id, attempt(partial(give_up_item, request, actor, partial(close_batch_when_done, actor, batch_id))))


@floor_view(pick_item, method="POST")
def later(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """Put the item off to the end of the walk."""
    return _answer(request, actor, batch_id, attempt(partial(put_off_item, request, actor)))


@floor_view(pick_item, method="POST")
def undo(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """Take back the last scan of the walk, whosever order it was for; what is undone is what was shown."""
    return _answer(request, actor, batch_id, attempt(lambda: take_back(request, actor, posted_id(request, "task"))))


@floor_view(pick_item, method="POST")
def taken_off(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """The tote of a cancelled order is off the cart."""

    def off() -> Feedback:
        _note_off(request, batch_id, posted_id(request, "task"))
        return Feedback(RIGHT, _("Taken off"))

    return _answer(request, actor, batch_id, attempt(off))


@floor_view(pick_item, method="POST")
def finish(request: HttpRequest, actor: Actor, batch_id: int) -> HttpResponse:
    """Close a batch whose items are all done, should that not have happened by itself."""
    return _answer(request, actor, batch_id, attempt(partial(close_batch_when_done, actor, batch_id)))


def close_batch_when_done(actor: Actor, batch_id: int) -> Feedback | None:
    """Close the batch when nothing is left to pick."""
    if next_stop(batch_id) is not None:
        return None
    complete_picking_batch(batch_id, actor=actor)
    return Feedback(DONE, _("All picked"))


def _scanned(request: HttpRequest, actor: Actor, batch_id: int) -> Feedback | None:
    code = scanned_code(request)
    off = _to_take_off(request, batch_id)
    if off is not None:
        return _scanned_off(request, off, code)
    item = next_stop(batch_id)
    if item is None:
        return None  # the screen itself says how the batch stands
    step = step_of(request, item)
    if step.get("version") != str(item.task.version):
        step.pop("product", None)
    if not code:
        return nothing_scanned()
    if "location" not in step:
        if not names_place(code, item.location):
            return shown.place_feedback(item.location.code, code)
        keep(request, item, location=code)
        return Feedback(RIGHT, _("Right place"))
    if "product" not in step:
        if not names_goods(code, product=item.product, batch=item.batch, warehouse_id=item.location.warehouse_id):
            return shown.goods_feedback(expected_goods(item), code)
        # What the tote confirms is what was shown: of two confirmations at once only the first counts.
        keep(request, item, location=step["location"], product=code, version=str(item.task.version))
        return Feedback(RIGHT, _("Right product"))
    return _pick(request, actor, item, step, code)


def _pick(request: HttpRequest, actor: Actor, item: PickingTaskItem, step: dict[str, str], code: str) -> Feedback:
    assert item.task.picking_batch_id is not None
    typed = posted_number(request)
    amount = item.remaining if typed is None else typed
    scans = {"location_scan": step["location"], "product_scan": step["product"], "tote_scan": code}
    try:
        done = pick_item(item.pk, amount, actor=actor, expected_version=item.task.version, **scans)
    except WrongScan as error:
        return wrong_tote(error)
    request.session.pop(STEP, None)
    _stay(request, item, step)
    taken = shown.quantity_text(done.quantity_picked - item.quantity_picked, item.product.base_unit)
    told = _("%(quantity)s in %(tote)s") % {"quantity": taken, "tote": tote_label(item.task)}
    return close_batch_when_done(actor, item.task.picking_batch_id) or Feedback(RIGHT, told)


def wrong_tote(error: WrongScan) -> Feedback:
    """It went into the wrong tote, or what was scanned can't be one."""
    hints = {
        "other_tote": _("Take it out again. Put it into this tote and scan that."),
        "in_use": _("Goods of another order lie in that tote. Stand an empty one there and scan it."),
        "no_tote": _("That is no tote. Scan the barcode of the tote that stands there."),
    }
    expected = error.data.get("expected", {})
    names = " · ".join(filter(None, (expected.get("position", ""), expected.get("tote", ""))))
    return Feedback(WRONG, _("Wrong tote"), hints.get(str(error.data.get("why")), ""), names, str(error.data.get("scanned", "")), error.detail)


def _stay(request: HttpRequest, item: PickingTaskItem, step: dict[str, str]) -> None:
    """What lies in the same place is at hand, and the same goods are in the hand: neither needs a second scan."""
    assert item.task.picking_batch_id is not None
    here = next_stop(item.task.picking_batch_id)
    if here is None or here.location_id != item.location_id:
        return
    goods = {"product": step["product"], "version": str(here.task.version)} if _same(here, item) else {}
    keep(request, here, location=step["location"], **goods)


def _same(a: PickingTaskItem, b: PickingTaskItem) -> bool:
    return (a.product_id, a.batch_id, a.location_id) == (b.product_id, b.batch_id, b.location_id)


def _to_take_off(request: HttpRequest, batch_id: int) -> PickingTask | None:
    """The first order of the batch that was cancelled with a tote on the cart which nobody has taken off yet."""
    kept: dict[str, Any] = request.session.get(_OFF, {})
    known = kept.get("tasks", []) if kept.get("batch") == batch_id else []
    gone = PickingTask.objects.filter(picking_batch=batch_id, status=PickingStatus.CANCELLED).exclude(tote_code="").exclude(pk__in=known)
    return gone.filter(picking_batch__status=PickingStatus.IN_PROGRESS).select_related("order").order_by("tote").first()


def _scanned_off(request: HttpRequest, task: PickingTask, code: str) -> Feedback:
    assert task.picking_batch_id is not None
    if not is_tote_of(task, code):
        hint = _("Scan the tote of the cancelled order.")
        return Feedback(WRONG, _("Wrong tote"), hint, f"{tote_label(task)} · {task.tote_code}", code) if code else nothing_scanned()
    _note_off(request, task.picking_batch_id, task.pk)
    return Feedback(RIGHT, _("Taken off"))


def _note_off(request: HttpRequest, batch_id: int, task_id: int) -> None:
    kept: dict[str, Any] = request.session.get(_OFF, {})
    known = kept.get("tasks", []) if kept.get("batch") == batch_id else []
    request.session[_OFF] = {"batch": batch_id, "tasks": [*known, task_id]}


def _answer(request: HttpRequest, actor: Actor, batch_id: int, feedback: Feedback | None) -> HttpResponse:
    return answer(request, partial(_screen, request, actor, batch_id), feedback, to=reverse("floor:pick_batch", args=[batch_id]))


def _screen(request: HttpRequest, actor: Actor, batch_id: int, feedback: Feedback | None = None) -> HttpResponse:
    batch = get_object_or_404(PickingBatch.objects.select_related("worker"), pk=batch_id)
    tasks = list(batch.tasks.select_related("order", "packing_location").order_by("tote"))
    far = batch_progress(tasks)
    context: dict[str, Any] = {
        "batch": batch,
        "ways": ways_of("pick_batch", "pick_batch", batch.pk),
        "mine": is_theirs(batch, actor),
        "done": far.done,
        "total": far.items,
        "orders": far.tasks,
        "off": _to_take_off(request, batch_id),
    }
    item = next_stop(batch_id) if batch.status == PickingStatus.IN_PROGRESS else None
    if context["off"] is not None:
        context |= {"off_colour": colour_of(context["off"]), "off_label": tote_label(context["off"])}
    elif item is not None:
        context |= _stop(request, item, batch_id)
    elif not batch.is_open:
        context |= _closed(tasks)
    return show(request, "floor/pick_batch.html", context, feedback)


def _stop(request: HttpRequest, item: PickingTaskItem, batch_id: int) -> dict[str, Any]:
    last = last_pick_of_batch(batch_id)
    stops = list(remaining_stops(batch_id).select_related("task"))
    same = [stop for stop in stops if stop.deferred_at is None and _same(stop, item)] if item.deferred_at is None else []
    context = stop_context(request, item, last) | {
        "task": item.task,
        "label": tote_label(item.task),
        "colour": colour_of(item.task),
        "more": len(stops) > 1,
        "parts": [_part(stop) for stop in same] if len(same) > 1 else [],
    }
    if context["step"] == "quantity":
        context["step"] = "tote"
    if last is not None:
        context["last_tote"] = {"task": last.item.task, "label": tote_label(last.item.task), "colour": colour_of(last.item.task)}
    return context


def _part(stop: PickingTaskItem) -> dict[str, Any]:
    return {"number": shown.plain(stop.remaining), "label": tote_label(stop.task), "colour": colour_of(stop.task)}


def _closed(tasks: list[PickingTask]) -> dict[str, Any]:
    """Where the totes go now: to the bench, or their goods back to the shelves."""
    back = set(PutBack.objects.filter(picking_task__in=tasks, status=PutBackStatus.PENDING).values_list("picking_task", flat=True))
    bench = next((task.packing_location.code for task in tasks if task.packing_location is not None), "")
    totes = [{"label": tote_label(task), "colour": colour_of(task), "task": task, "back": task.pk in back} for task in tasks if task.tote_code]
    return {"bench": bench, "totes": totes, "put_backs": bool(back)}


def colour_of(task: PickingTask) -> int:
    """Which of the colours its position on the cart has."""
    return ((task.tote or 1) - 1) % COLOURS + 1
