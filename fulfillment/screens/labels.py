"""`/floor/pack/<task>/labels`: labels and the packing slip of a task that is packed. One tap on a printer; what came of it shows by itself."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import LabelKind, PackingStatus, PrintStatus, ShipmentStatus
from fulfillment.models import LabelPrint, Package, PackingTask, Printer
from fulfillment.queries import floor
from fulfillment.services.label_prints import queue_labels
from fulfillment.services.labels import LABELLED, print_label
from fulfillment.services.packing_slips import STATES, print_packing_slip
from warehouse.core.actor import Actor
from warehouse.core.errors import DomainError
from warehouse.core.files import file_response
from warehouse.core.screens import DONE, Feedback, answer, attempt, feedback_of, floor_view, is_htmx, leave, posted_id, show

OPEN = (PrintStatus.QUEUED, PrintStatus.SENDING)


@floor_view(queue_labels)
def screen(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The printers of the house, and how far the labels are."""
    return _screen(request, task_id)


@floor_view(queue_labels)
def state(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """How far the labels are: what htmx asks every two seconds while a printer has not taken them all."""
    if not is_htmx(request):
        return redirect("floor:pack_labels", task_id)
    task = get_object_or_404(PackingTask, pk=task_id)
    return render(request, "floor/label_states.html", _states(task) | _buttons(task) | {"polled": True})


@floor_view(queue_labels, method="POST")
def print_labels(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Have the labels printed: all, or those of one box (`package`); the way back's with `kind=return`."""
    kind = LabelKind.RETURN if request.POST.get("kind") == LabelKind.RETURN else LabelKind.SHIPPING

    def queue() -> Feedback:
        rows = queue_labels([task_id], posted_id(request, "printer"), kind=kind, package_id=posted_id(request, "package") or None, actor=actor)
        name = Printer.objects.get(pk=rows[0].printer_id).name
        return Feedback(DONE, _("Labels on their way: %(count)s") % {"count": len(rows)}, name)

    return answer(request, partial(_screen, request, task_id), attempt(queue), to=reverse("floor:pack_labels", args=[task_id]))


@floor_view(print_label)
def labels_pdf(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The labels as PDF, for a printer of the handheld's own."""
    try:
        return file_response(print_label(task_id, actor=actor).rendered("pdf"), f"labels-{task_id}.pdf", "application/pdf")
    except DomainError as error:
        return leave(request, feedback_of(error), to=reverse("floor:pack_labels", args=[task_id]))


@floor_view(print_packing_slip)
def slip_pdf(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """The packing slip as PDF."""
    try:
        return file_response(print_packing_slip(task_id, actor=actor).pdf, f"packing-slip-{task_id}.pdf", "application/pdf")
    except DomainError as error:
        return leave(request, feedback_of(error), to=reverse("floor:pack_labels", args=[task_id]))


def _screen(request: HttpRequest, task_id: int, feedback: Feedback | None = None) -> HttpResponse:
    task = get_object_or_404(PackingTask.objects.select_related("order"), pk=task_id)
    return show(request, "floor/labels.html", _states(task) | _buttons(task) | {"with_slip": task.status in STATES}, feedback)


def _buttons(task: PackingTask) -> dict[str, Any]:
    return {"printers": list(Printer.objects.filter(warehouse=task.warehouse_id, is_active=True)), "printable": task.status in LABELLED}


def _states(task: PackingTask) -> dict[str, Any]:
    """Each box with its waybill and the last print of its label, and of the label for the way back."""
    living = floor.living_shipments(task.pk)
    # What was printed of a waybill that was replaced since is no label any more.
    since = {row.package_id: row.created_at for row in living}
    latest: dict[tuple[int, str], LabelPrint] = {}
    for row in LabelPrint.objects.filter(package__packing_task=task).select_related("printer").order_by("pk"):
        if row.package_id not in since or row.requested_at > since[row.package_id]:
            latest[row.package_id, row.kind] = row
    ready = {row.package_id for row in living if row.status in (ShipmentStatus.CREATED, ShipmentStatus.HANDED_OVER)}
    boxes: list[dict[str, Any]] = [
        {
            "row": box,
            "ready": box.pk in ready,
            "print": latest.get((box.pk, LabelKind.SHIPPING)),
            "way_back": latest.get((box.pk, LabelKind.RETURN)),
        }
        for box in Package.objects.filter(packing_task=task)
    ]
    shipping = [box["print"] for box in boxes]
    return {
        "task": task,
        "boxes": boxes,
        "printed": bool(shipping) and all(row is not None and row.status == PrintStatus.PRINTED for row in shipping),
        "moving": any(row.status in OPEN for row in latest.values()) or (task.status == PackingStatus.PACKED and len(ready) < len(boxes)),
    }
