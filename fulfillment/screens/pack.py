"""`/floor/pack`: goods from the bench into boxes. Scan every item, measure the boxes, close; the waybill arrives by itself; hand over.

One address takes every scan and every number. `pack_state` keeps where the packer stands, `pack_view` shows it, `pack_boxes` holds what is done to boxes.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import PackingStatus
from fulfillment.errors import Surplus
from fulfillment.models import PackingTask, PackingTaskItem
from fulfillment.queries import floor
from fulfillment.screens.pack_state import COUNT, WEIGH, ask_number, asked_number, box_at_hand, keep_code, last_code, stop_asking
from fulfillment.screens.pack_view import answered, is_weighed, screen, shipments_of
from fulfillment.services.pack_scans import undo_pack_scan
from fulfillment.services.packages import pack_item
from fulfillment.services.packing_tasks import claim_next_packing_task, complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.scans import scanned_goods
from fulfillment.services.weighing import weigh_item
from inventory import orchestrator
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO
from warehouse.core.screens import (
    DONE,
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    floor_view,
    is_htmx,
    leave,
    nothing_scanned,
    posted_id,
    posted_number,
    scanned_code,
    show,
    site_view,
)


@site_view(pack_item)
def start_screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The task at hand; else scan one or take the next; and what waits for the carrier."""
    assert actor.user_id is not None
    mine = floor.my_packing_task(warehouse, actor.user_id)
    if mine is not None:
        return redirect("floor:pack_task", mine)
    return _start(request, warehouse)


def _start(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    waiting = floor.packs_waiting(warehouse)
    context = {"waiting": waiting.count(), "first": list(waiting[:5]), "packed": list(floor.packed_tasks(warehouse)[:10])}
    return show(request, "floor/pack_start.html", context, feedback)


@site_view(claim_next_packing_task, method="POST")
def claim(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The task at hand, or the most urgent waiting one that nobody else is claiming, begun."""
    task = claim_next_packing_task(warehouse, actor=actor)
    if task is not None:
        return leave(request, None, to=reverse("floor:pack_task", args=[task.pk]))
    nothing = Feedback(DONE, _("Nothing to pack now"), _("No picked order waits on a bench."))
    return leave(request, nothing, to=reverse("floor:pack"))


@site_view(pack_item, method="POST")
def find(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The task that a scanned bench, task, box or order number names; a waiting one is begun."""
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
    return answered(request, actor, task_id, attempt(partial(_begin, task_id, actor)))


@floor_view(pack_item)
def task_screen(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """What is still to be packed, the boxes, or how the shipments stand."""
    return screen(request, actor, task_id)


@floor_view(pack_item, method="POST")
def scan(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """A scanned item goes into the box; `rest` puts in all that is left of the one scanned last, `pad` and `weigh` ask for a number, `confirm` gives it."""
    return answered(request, actor, task_id, attempt(partial(_scanned, request, actor, task_id)))


@floor_view(complete_packing_task, method="POST")
def finish(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Close the boxes: the carrier is asked for a waybill for each."""

    def close() -> Feedback:
        complete_packing_task(task_id, actor=actor)
        return Feedback(DONE, _("Packed"))

    return answered(request, actor, task_id, attempt(close))


@floor_view(ship_packing_task)
def shipments(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """How the shipments stand: what htmx asks every two seconds until all have a waybill."""
    task = get_object_or_404(PackingTask, pk=task_id)
    if not is_htmx(request):
        return redirect("floor:pack_task", task_id)
    return render(request, "floor/pack_shipments.html", shipments_of(task_id) | {"task": task, "polled": True})


@floor_view(ship_packing_task, method="POST")
def ship(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The carrier has taken every box of the task."""

    def hand_over() -> Feedback:
        ship_packing_task(task_id, actor=actor)
        return Feedback(DONE, _("Handed over"))

    return answered(request, actor, task_id, attempt(hand_over))


@floor_view(undo_pack_scan, method="POST")
def undo(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Take the goods of the last scan out again; of two taps only the first counts."""

    def take_out() -> Feedback:
        scans = undo_pack_scan(task_id, actor=actor, expected_version=posted_id(request, "version"))
        product = scans[0].item.product
        quantity = sum((scan.quantity for scan in scans), ZERO)
        return Feedback(RIGHT, _("Taken out: %(quantity)s") % {"quantity": shown.quantity_text(quantity, product.base_unit)}, product.name)

    return answered(request, actor, task_id, attempt(take_out))


def _scanned(request: HttpRequest, actor: Actor, task_id: int) -> Feedback | None:
    task = get_object_or_404(PackingTask, pk=task_id)
    if task.status != PackingStatus.IN_PROGRESS:
        return None  # the screen itself says how the task stands
    asked = asked_number(request, task_id)
    stop_asking(request)
    if "pad" in request.POST or "weigh" in request.POST:
        ask_number(request, task_id, WEIGH if "weigh" in request.POST else COUNT, task.version, posted_id(request, "weigh"))
        return None
    if "leave" in request.POST:
        return None
    if "confirm" in request.POST:
        return _numbered(request, actor, asked) if asked else None
    rest = "rest" in request.POST
    code = last_code(request, task_id) if rest else scanned_code(request)
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
    return _packed(request, actor, task_id, code, amount)


def _numbered(request: HttpRequest, actor: Actor, asked: dict[str, Any]) -> Feedback:
    """The number from the pad: so many pieces of the goods at hand, or what they weigh. A number that can't be is asked for again."""
    task_id, version = asked["task"], asked["version"]
    number = posted_number(request) or ""
    try:
        if asked["what"] == WEIGH:
            item = weigh_item(task_id, asked["item"], number, actor=actor, expected_version=version)
            text = shown.quantity_text(item.actual_quantity or ZERO, item.product.base_unit)
            return Feedback(RIGHT, _("Weighed: %(quantity)s") % {"quantity": text}, item.product.name)
        return _packed(request, actor, task_id, last_code(request, task_id), number, version)
    except (ValidationFailed, Surplus):
        ask_number(request, task_id, asked["what"], version, asked["item"])
        raise


def _packed(request: HttpRequest, actor: Actor, task_id: int, code: str, amount: Decimal | str, version: int | None = None) -> Feedback:
    packed = pack_item(task_id, code, amount, actor=actor, package_id=box_at_hand(request, task_id), expected_version=version)
    keep_code(request, task_id, code)
    text = shown.quantity_text(Decimal(amount), packed.product.base_unit)
    return Feedback(RIGHT, _("Packed: %(quantity)s") % {"quantity": text}, packed.product.name)


def _amount(code: str, fitting: list[PackingTaskItem], warehouse_id: int) -> Decimal:
    """What one scan stands for: a piece, the pack that the barcode names, or all of a weighed item."""
    if is_weighed(fitting[0]):
        return next(item.remaining for item in fitting if item.remaining)
    return orchestrator.find_by_scan(code, warehouse_id=warehouse_id).pack_quantity
