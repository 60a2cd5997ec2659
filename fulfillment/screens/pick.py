"""`/floor/pick`: the walk. Scan the place, scan the product, confirm the quantity; after the last item the task closes itself.

Where the picker stands in an item is kept in the session: the scans that were right so far. Every scan goes to one address, which decides by that.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import OPEN_PICKING, PickingStatus
from fulfillment.models import Pick, PickingBatch, PickingTask, PickingTaskItem
from fulfillment.queries import floor
from fulfillment.queries.picking_batches import batches_waiting, my_picking_batch, my_single_task
from fulfillment.queries.picking_tasks import last_pick, next_item
from fulfillment.screens.pick_state import STEP, expected_goods, keep, same_goods, step_of
from fulfillment.screens.pick_steps import give_up_item, put_off_item, take_back, ways_of
from fulfillment.services.picking_batches import claim_next_walk, start_picking_batch
from fulfillment.services.picking_tasks import complete_picking_task, start_picking_task
from fulfillment.services.picks import pick_item
from fulfillment.services.scans import names_goods, names_place
from fulfillment.services.workers import is_theirs
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import (
    DONE,
    RIGHT,
    Feedback,
    answer,
    attempt,
    floor_view,
    leave,
    nothing_scanned,
    posted_number,
    scanned_code,
    show,
    site_view,
)


@site_view(pick_item)
def start_screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The batch or task at hand, or how many wait and one button to take the next."""
    assert actor.user_id is not None
    batch = my_picking_batch(warehouse, actor.user_id)
    if batch is not None:
        return redirect("floor:pick_batch", batch.pk)
    mine = my_single_task(warehouse, actor.user_id)
    if mine is not None:
        return redirect("floor:pick_task", mine.pk)
    return show(request, "floor/pick_start.html", {"waiting": floor.picks_waiting(warehouse), "batches": batches_waiting(warehouse).count()})


@site_view(pick_item, method="POST")
def claim(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Take the best waiting batch, else the best waiting task, and begin to walk."""
    taken: list[PickingBatch | PickingTask] = []

    def take_next() -> Feedback | None:
        walk = claim_next_walk(warehouse, actor=actor)
        if walk is None:
            return Feedback(DONE, _("Nothing to pick now"), _("All orders of this warehouse are picked."))
        taken.append(walk)
        if walk.status == PickingStatus.ASSIGNED:
            (start_picking_batch if isinstance(walk, PickingBatch) else start_picking_task)(walk.pk, actor=actor)
        return None

    feedback = attempt(take_next)
    return leave(request, feedback, to=_address_of(taken[0]) if taken else reverse("floor:pick"))


def _address_of(walk: PickingBatch | PickingTask) -> str:
    return reverse("floor:pick_batch" if isinstance(walk, PickingBatch) else "floor:pick_task", args=[walk.pk])


@floor_view(pick_item)
def task_screen(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The next stop of the walk; with `?ask=` short, skip or undo the question whether that is meant. A task in a batch is walked on the screen of that."""
    batch = (
        PickingTask.objects.filter(pk=task_id, picking_batch__isnull=False, status__in=sorted(OPEN_PICKING))
        .values_list("picking_batch", flat=True)
        .first()
    )
    return _screen(request, actor, task_id) if batch is None else redirect("floor:pick_batch", batch)


@floor_view(pick_item, method="POST")
def start(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Begin to walk with a task that a manager assigned."""

    def begin() -> None:
        start_picking_task(task_id, actor=actor)

    return _answer(request, actor, task_id, attempt(begin))


@floor_view(pick_item, method="POST")
def scan(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """A scanned code, or the confirmed quantity (`confirm`): judged by what the task asks for now."""
    feedback = attempt(partial(_scanned, request, actor, task_id))
    return _answer(request, actor, task_id, feedback)


@floor_view(pick_item, method="POST")
def give_up(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Report the item short (what is missing is looked for elsewhere), or skip it."""
    return _answer(request, actor, task_id, attempt(partial(give_up_item, request, actor, partial(close_when_done, actor, task_id))))


@floor_view(pick_item, method="POST")
def later(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Put the item off to the end of the walk."""
    return _answer(request, actor, task_id, attempt(partial(put_off_item, request, actor)))


@floor_view(pick_item, method="POST")
def undo(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Take back the last scan; what is undone is what was shown."""
    return _answer(request, actor, task_id, attempt(partial(take_back, request, actor, task_id)))


@floor_view(pick_item, method="POST")
def finish(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Close a task whose items are all done, should that not have happened by itself."""
    return _answer(request, actor, task_id, attempt(partial(close_when_done, actor, task_id)))


def _scanned(request: HttpRequest, actor: Actor, task_id: int) -> Feedback | None:
    item = next_item(task_id)
    task = PickingTask.objects.only("status", "version").filter(pk=task_id).first()
    if item is None or task is None or task.status != PickingStatus.IN_PROGRESS:
        return None  # the screen itself says how the task stands
    step = step_of(request, item)
    if step.get("version") != str(task.version):
        step.pop("product", None)
    code = scanned_code(request)
    if "product" in step and ("confirm" in request.POST or same_goods(code, step["product"], item)):
        return _pick(request, actor, item, step, posted_number(request), task.version)
    if not code:
        return nothing_scanned()
    if "location" not in step:
        if not names_place(code, item.location):
            return shown.place_feedback(item.location.code, code)
        keep(request, item, location=code)
        return Feedback(RIGHT, _("Right place"))
    if not names_goods(code, product=item.product, batch=item.batch, warehouse_id=item.location.warehouse_id):
        return shown.goods_feedback(expected_goods(item), code)
    if item.remaining == 1 and item.product.base_unit == "pcs":
        return _pick(request, actor, item, step | {"product": code}, "1", task.version)
    # What is confirmed is what was shown: of two confirmations at once only the first counts.
    keep(request, item, location=step["location"], product=code, version=str(task.version))
    return Feedback(RIGHT, _("Right product"))


def _pick(request: HttpRequest, actor: Actor, item: PickingTaskItem, step: dict[str, str], typed: str | None, version: int) -> Feedback:
    amount = item.remaining if typed is None else typed
    done = pick_item(item.pk, amount, actor=actor, location_scan=step["location"], product_scan=step["product"], expected_version=version)
    request.session.pop(STEP, None)
    # Whatever lies in the same place is at hand: its place needs no second scan.
    here = item if done.remaining else next_item(item.task_id)
    if here is not None and here.location_id == item.location_id:
        keep(request, here, location=step["location"])
    taken = shown.quantity_text(done.quantity_picked - item.quantity_picked, item.product.base_unit)
    return close_when_done(actor, item.task_id) or Feedback(RIGHT, _("Picked: %(quantity)s") % {"quantity": taken})


def close_when_done(actor: Actor, task_id: int) -> Feedback | None:
    """Close the task when nothing is left to pick."""
    if next_item(task_id) is not None:
        return None
    complete_picking_task(task_id, actor=actor)
    return Feedback(DONE, _("All picked"))


def _answer(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None) -> HttpResponse:
    return answer(request, partial(_screen, request, actor, task_id), feedback, to=reverse("floor:pick_task", args=[task_id]))


def _screen(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None = None) -> HttpResponse:
    tasks = PickingTask.objects.select_related("order", "packing_location", "worker")
    task = get_object_or_404(tasks, pk=task_id)
    context: dict[str, Any] = {
        "task": task,
        "ways": ways_of("pick_task", "pick", task.pk),
        "mine": is_theirs(task, actor),
        "done": task.picked_items,
        "total": task.total_items,
    }
    item = next_item(task_id) if task.status == PickingStatus.IN_PROGRESS else None
    if item is not None:
        context |= stop_context(request, item, last_pick(task_id)) | {"more": task.total_items - task.picked_items > 1}
    elif task.status == PickingStatus.CANCELLED:
        context["on_bench"] = task.items.filter(quantity_picked__gt=0).exists()
    return show(request, "floor/pick.html", context, feedback)


def stop_context(request: HttpRequest, item: PickingTaskItem, last: Pick | None) -> dict[str, Any]:
    """What the screen shows of the next stop, and of the last scan, which can be undone."""
    step = step_of(request, item)
    ask = request.GET.get("ask", "") if request.method == "GET" else ""
    return {
        "item": item,
        "goods": shown.goods(item.product, item.batch),
        "place": item.location.code,
        "size": shown.size_of(item.location.code),
        "zone": item.location.zone,
        "step": "quantity" if "product" in step else "product" if "location" in step else "place",
        "ask": ask if ask in ("short", "skip") or (ask == "undo" and last) else "",
        "last": last
        and {
            "quantity": shown.quantity_text(last.quantity, last.item.product.base_unit),
            "goods": shown.goods(last.item.product, last.item.batch),
            "place": last.item.location.code,
            "size": shown.size_of(last.item.location.code),
        },
        "quantity": shown.quantity_text(item.remaining, item.product.base_unit),
        "number": shown.plain(item.remaining),
        "unit": shown.UNITS.get(item.product.base_unit, item.product.base_unit),
        "remaining": plain(item.remaining),
        "step_size": plain(shown.step_of(item.product)),
        "picked": shown.quantity_text(item.quantity_picked, item.product.base_unit) if item.quantity_picked > Decimal(0) else "",
    }
