"""`/floor/pack`: goods from the bench into boxes. Scan every item, measure the boxes, close; the waybill arrives by itself; hand over.

One address takes every scan. Which box is being filled is kept in the session; `pack_boxes` holds what is done to boxes.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import PackingItemStatus, PackingStatus, ShipmentStatus
from fulfillment.models import Package, PackingTask, PackingTaskItem
from fulfillment.queries import floor
from fulfillment.services.packages import pack_item
from fulfillment.services.packing_tasks import complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.scans import scanned_goods
from inventory import orchestrator
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.errors import TransitionRefused
from warehouse.core.quantities import ZERO
from warehouse.core.screens import (
    DONE,
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    chosen_warehouse,
    floor_view,
    is_htmx,
    leave,
    nothing_scanned,
    scanned_code,
    show,
)

_LAST, _BOX = "floor_pack_last", "floor_pack_box"


@floor_view(pack_item)
def start_screen(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The task at hand; else scan one or take the next; and what waits for the carrier."""
    warehouse = chosen_warehouse(request)
    if warehouse is None:
        return redirect("floor:home")
    assert actor.user_id is not None
    mine = floor.my_packing_task(warehouse, actor.user_id)
    if mine is not None:
        return redirect("floor:pack_task", mine)
    return _start(request, warehouse)


def _start(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    waiting = floor.packs_waiting(warehouse)
    context = {"waiting": waiting.count(), "first": list(waiting[:5]), "packed": list(floor.packed_tasks(warehouse)[:10])}
    return show(request, "floor/pack_start.html", context, feedback)


@floor_view(pack_item, method="POST")
def claim(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Begin with the most urgent waiting task; one that somebody else has just begun is passed over."""
    warehouse = chosen_warehouse(request)
    if warehouse is None:
        return redirect("floor:home")
    for task in floor.packs_waiting(warehouse)[:5]:
        try:
            start_packing_task(task.pk, actor=actor)
        except TransitionRefused:
            continue
        return leave(request, None, to=reverse("floor:pack_task", args=[task.pk]))
    nothing = Feedback(DONE, _("Nothing to pack now"), _("No picked order waits on a bench."))
    return leave(request, nothing, to=reverse("floor:pack"))


@floor_view(pack_item, method="POST")
def find(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The task that a scanned bench, task, box or order number names; a waiting one is begun."""
    warehouse = chosen_warehouse(request)
    if warehouse is None:
        return redirect("floor:home")
    code = scanned_code(request)
    place = orchestrator.find_by_scan(code, warehouse_id=warehouse).location_id if code else None
    task = floor.packing_task_by_scan(warehouse, code, place) if code else None
    if task is None:
        missing = Feedback(WRONG, _("No task found"), _("Scan the number of an order or a task, or the bench."), scanned=code)
        return answer(request, partial(_start, request, warehouse), missing if code else nothing_scanned(), to=reverse("floor:pack"))
    begun = attempt(partial(_begin, task.pk, actor)) if task.status == PackingStatus.PENDING else None
    return leave(request, begun, to=reverse("floor:pack_task", args=[task.pk]))


def _begin(task_id: int, actor: Actor) -> None:
    start_packing_task(task_id, actor=actor)


@floor_view(pack_item, method="POST")
def start(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Begin to pack this task."""
    return _answer(request, actor, task_id, attempt(partial(_begin, task_id, actor)))


@floor_view(pack_item)
def task_screen(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """What is still to be packed, the boxes, or how the shipments stand."""
    return screen(request, actor, task_id)


@floor_view(pack_item, method="POST")
def scan(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """A scanned item goes into the box; `rest` puts in all that is left of the one scanned last."""
    return _answer(request, actor, task_id, attempt(partial(_scanned, request, actor, task_id)))


@floor_view(complete_packing_task, method="POST")
def finish(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Close the boxes: the carrier is asked for a waybill for each."""

    def close() -> Feedback:
        complete_packing_task(task_id, actor=actor)
        return Feedback(DONE, _("Packed"), _("The carrier is asked for a waybill."))

    return _answer(request, actor, task_id, attempt(close))


@floor_view(ship_packing_task)
def shipments(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """How the shipments stand: what htmx asks every two seconds until all have a waybill."""
    task = get_object_or_404(PackingTask, pk=task_id)
    if not is_htmx(request):
        return redirect("floor:pack_task", task_id)
    return render(request, "floor/pack_shipments.html", _shipments(task_id) | {"task": task, "polled": True})


@floor_view(ship_packing_task, method="POST")
def ship(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The carrier has taken every box of the task."""

    def hand_over() -> Feedback:
        ship_packing_task(task_id, actor=actor)
        return Feedback(DONE, _("Handed over"))

    return _answer(request, actor, task_id, attempt(hand_over))


def _scanned(request: HttpRequest, actor: Actor, task_id: int) -> Feedback | None:
    task = get_object_or_404(PackingTask, pk=task_id)
    if task.status != PackingStatus.IN_PROGRESS:
        return None  # the screen itself says how the task stands
    rest = "rest" in request.POST
    code = request.session.get(_LAST, {}).get(str(task_id), "") if rest else scanned_code(request)
    if not code:
        return nothing_scanned()
    items = list(task.items.select_related("product", "batch"))
    fitting = scanned_goods(code, items, warehouse_id=task.warehouse_id)
    if not fitting:
        return Feedback(WRONG, _("Not in this order"), _("Nothing was packed. Put it aside."), scanned=code)
    left = sum((item.remaining for item in fitting), ZERO)
    name = fitting[0].product.name
    if not left:
        return Feedback(WRONG, _("All of these are packed already"), _("Put this one aside."), scanned=name)
    amount = left if rest else _amount(code, fitting, task.warehouse_id)
    packed = pack_item(task_id, code, amount, actor=actor, package_id=box_at_hand(request, task_id))
    request.session[_LAST] = {str(task_id): code}
    text = shown.quantity_text(amount, packed.product.base_unit)
    return Feedback(RIGHT, _("Packed: %(quantity)s") % {"quantity": text}, name)


def _amount(code: str, fitting: list[PackingTaskItem], warehouse_id: int) -> Decimal:
    """What one scan stands for: a piece, the pack that the barcode names, or all of a weighed item."""
    if fitting[0].product.quantity_step < 1:
        return next(item.remaining for item in fitting if item.remaining)
    return orchestrator.find_by_scan(code, warehouse_id=warehouse_id).pack_quantity


def box_at_hand(request: HttpRequest, task_id: int) -> int | None:
    """The box that this person fills; the last one when none was chosen."""
    chosen: int | None = request.session.get(_BOX, {}).get(str(task_id))
    if chosen is not None and Package.objects.filter(pk=chosen, packing_task=task_id).exists():
        return chosen
    return None


def choose_box(request: HttpRequest, task_id: int, package_id: int) -> None:
    """Fill this box from now on."""
    request.session[_BOX] = {str(task_id): package_id}


def _answer(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None) -> HttpResponse:
    return answer(request, partial(screen, request, actor, task_id), feedback, to=reverse("floor:pack_task", args=[task_id]))


def screen(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None = None) -> HttpResponse:
    """The packing screen of a task as it stands now."""
    tasks = PackingTask.objects.select_related("order", "worker", "provider", "picking_task__packing_location")
    task = get_object_or_404(tasks, pk=task_id)
    context: dict[str, Any] = {
        "task": task,
        "mine": task.worker_id == actor.user_id or actor.may(frozenset()),
        "bench": task.picking_task and task.picking_task.packing_location,
    }
    if task.status == PackingStatus.IN_PROGRESS:
        context |= _filling(request, task)
    elif task.status in (PackingStatus.PACKED, PackingStatus.SHIPPED):
        context |= _shipments(task_id)
    return show(request, "floor/pack.html", context, feedback)


def _filling(request: HttpRequest, task: PackingTask) -> dict[str, Any]:
    rows = list(task.items.select_related("product", "batch").order_by("-status", "pk"))  # what is open comes first
    boxes = list(task.packages.prefetch_related("items"))
    chosen = box_at_hand(request, task.pk) or (boxes[-1].pk if boxes else None)
    last_code = request.session.get(_LAST, {}).get(str(task.pk), "")
    last = scanned_goods(last_code, rows, warehouse_id=task.warehouse_id) if last_code else []
    rest = sum((row.remaining for row in last), ZERO)
    open_rows = [row for row in rows if row.status == PackingItemStatus.PENDING]
    return {
        "rows": [_row(row) for row in rows],
        "open": len(open_rows),
        "done": len(rows) - len(open_rows),
        "total": len(rows),
        "boxes": [{"row": box, "chosen": box.pk == chosen, "count": len(box.items.all())} for box in boxes],
        "unmeasured": next((box for box in boxes if not box.is_measured), None),
        "empty": next((box for box in boxes if not box.items.all()), None),
        "rest": shown.quantity_text(rest, last[0].product.base_unit) if rest > 1 else "",
        "rest_name": last[0].product.name if rest else "",
    }


def _row(row: PackingTaskItem) -> dict[str, Any]:
    return shown.goods(row.product, row.batch) | {
        "left": shown.quantity_text(row.remaining, row.product.base_unit),
        "number": shown.plain(row.remaining),
        "all": shown.quantity_text(row.quantity, row.product.base_unit),
        "packed": not row.remaining,
        "progress": int(row.progress),
    }


def _shipments(task_id: int) -> dict[str, Any]:
    rows = floor.living_shipments(task_id)
    stuck = [row for row in rows if row.status == ShipmentStatus.REQUESTED and row.next_attempt_at is None and row.last_error]
    return {
        "shipments": rows,
        "waiting": [row for row in rows if row.status == ShipmentStatus.REQUESTED],
        "stuck": stuck,
        "ready": bool(rows) and all(row.status == ShipmentStatus.CREATED for row in rows),
    }
