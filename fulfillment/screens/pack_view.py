"""What the packing screen shows of a task as it stands now."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from fulfillment.enums import LabelKind, PackingItemStatus, PackingStatus, PrintStatus, ShipmentStatus
from fulfillment.models import LabelPrint, Package, PackingTask, PackingTaskItem, PackScan
from fulfillment.queries import floor
from fulfillment.queries.box_suggestions import Suggestion, suggest_boxes
from fulfillment.queries.package_weights import weight_faults
from fulfillment.queries.ranks import ranked
from fulfillment.screens.pack_state import WEIGH, asked_number, box_at_hand, last_code, stop_asking
from fulfillment.services.scans import scanned_goods
from fulfillment.services.workers import is_theirs
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import ZERO
from warehouse.core.screens import Feedback, answer, show


def answered(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None) -> HttpResponse:
    """The screen after an action."""
    return answer(request, partial(screen, request, actor, task_id), feedback, to=reverse("floor:pack_task", args=[task_id]))


def screen(request: HttpRequest, actor: Actor, task_id: int, feedback: Feedback | None = None) -> HttpResponse:
    """The packing screen of a task: what is still to be packed, the number that is asked for, or how the shipments stand."""
    tasks = PackingTask.objects.select_related("order", "worker", "provider", "picking_task__packing_location")
    task = get_object_or_404(tasks, pk=task_id)
    context: dict[str, Any] = {
        "task": task,
        "mine": is_theirs(task, actor),
        "bench": task.picking_task.packing_location,
    }
    if task.status == PackingStatus.IN_PROGRESS:
        rows = list(task.items.select_related("product", "batch").order_by(ranked(PackingItemStatus.PENDING), "pk"))
        asked = _asked(request, task, rows) if context["mine"] else None
        if asked is not None:
            return show(request, "floor/pack_number.html", context | asked, feedback)
        context |= _filling(request, task, rows)
    elif task.status in (PackingStatus.PACKED, PackingStatus.SHIPPED):
        context |= shipments_of(task_id)
    return show(request, "floor/pack.html", context, feedback)


def _asked(request: HttpRequest, task: PackingTask, rows: list[PackingTaskItem]) -> dict[str, Any] | None:
    """The number that is asked for, with the goods that it is about; None when nothing is, or the goods are gone."""
    asked = asked_number(request, task.pk)
    if asked is None:
        return None
    if asked["what"] == WEIGH:
        fitting = [row for row in rows if row.pk == asked["item"]]
        number = sum((row.quantity for row in fitting), ZERO)
    else:
        fitting = [row for row in _at_hand(request, task, rows) if row.remaining]
        number = sum((row.remaining for row in fitting), ZERO)
    if not fitting:
        stop_asking(request)
        return None
    item = fitting[0]
    unit = item.product.base_unit
    lots = {row.batch_id for row in fitting}
    return {
        "weighing": asked["what"] == WEIGH,
        # Of several lots none is named: the number is of all of them.
        "goods": shown.goods(item.product, item.batch) | ({} if len(lots) == 1 else {"lot": ""}),
        "most": shown.quantity_text(number, unit),
        "unit": shown.UNITS.get(unit, unit),
        "point": item.product.quantity_step < 1,
    }


def _at_hand(request: HttpRequest, task: PackingTask, rows: list[PackingTaskItem]) -> list[PackingTaskItem]:
    code = last_code(request, task.pk)
    return scanned_goods(code, rows, warehouse_id=task.warehouse_id) if code else []


def _filling(request: HttpRequest, task: PackingTask, rows: list[PackingTaskItem]) -> dict[str, Any]:
    boxes = list(task.packages.select_related("box_type").prefetch_related("items"))
    chosen = box_at_hand(request, task.pk) or (boxes[-1].pk if boxes else None)
    at_hand = _at_hand(request, task, rows)
    rest = sum((row.remaining for row in at_hand), ZERO)
    open_rows = [row for row in rows if row.status == PackingItemStatus.PENDING]
    box = next((box for box in boxes if box.pk == chosen), None)
    faults = set() if open_rows else _misweighed(boxes)
    suggested = suggest_boxes(task, box, rows) if open_rows and (box is None or box.box_type is None) else None
    return {
        "rows": [_row(row) for row in rows],
        "open": len(open_rows),
        "done": len(rows) - len(open_rows),
        "total": len(rows),
        "boxes": [{"row": each, "chosen": each.pk == chosen, "count": len(each.items.all())} for each in boxes],
        "box": box,
        "unmeasured": next((each for each in boxes if not each.is_measured or each.sequence_number in faults), None),
        "empty": next((each for each in boxes if not each.items.all()), None),
        "rest": shown.quantity_text(rest, at_hand[0].product.base_unit) if rest > 1 else "",
        "rest_name": at_hand[0].product.name if rest else "",
        "weigh": next((_row(row) for row in at_hand if is_weighed(row) and row.packed_quantity and row.actual_quantity is None), None),
        "last": _last_scan(task),
        **_suggested(suggested),
    }


def _misweighed(boxes: list[Package]) -> set[int]:
    """The numbers of the boxes that weigh otherwise than they should."""
    prefetch_related_objects(boxes, "items__item__product")
    return {fault["package"] for fault in weight_faults(boxes)}


def _row(row: PackingTaskItem) -> dict[str, Any]:
    unit = row.product.base_unit
    return shown.goods(row.product, row.batch) | {
        "pk": row.pk,
        "left": shown.quantity_text(row.remaining, unit),
        "number": shown.plain(row.remaining),
        "all": shown.quantity_text(row.quantity if row.actual_quantity is None else row.actual_quantity, unit),
        "packed": not row.remaining,
        "weighed": is_weighed(row),
        "on_scale": row.actual_quantity is not None,
        "progress": int(row.progress),
    }


def is_weighed(row: PackingTaskItem) -> bool:
    """Whether a scale decides how much of it there is."""
    return row.product.quantity_step % 1 != 0


def _last_scan(task: PackingTask) -> dict[str, Any] | None:
    """What an undo would take out."""
    scans = PackScan.objects.filter(package__packing_task=task, undone_at=None).select_related("item__product", "package")
    last = scans.order_by("-scanned_at", "-pk").first()
    if last is None or last.package is None:
        return None
    quantity = sum((scan.quantity for scan in scans.filter(key=last.key)), ZERO)
    product = last.item.product
    return {"name": product.name, "quantity": shown.quantity_text(quantity, product.base_unit), "box": last.package.sequence_number}


def _suggested(found: Suggestion | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "suggested": found.boxes[0].box_type if found.boxes else None,
        "suggested_all": [each.box_type for each in found.boxes],
        "unsized": sorted({item.product.name for item in found.unsized}),
        "too_big": sorted({item.product.name for item in found.too_big}),
    }


def shipments_of(task_id: int) -> dict[str, Any]:
    """How the shipments of a packed task stand."""
    rows = floor.living_shipments(task_id)
    stuck = [row for row in rows if row.status == ShipmentStatus.REQUESTED and row.next_attempt_at is None and row.last_error]
    sent = LabelPrint.objects.filter(package__packing_task=task_id, kind=LabelKind.SHIPPING, status=PrintStatus.PRINTED)
    printed = dict(sent.order_by("requested_at").values_list("package_id", "requested_at"))
    return {
        "shipments": rows,
        "waiting": [row for row in rows if row.status == ShipmentStatus.REQUESTED],
        "stuck": stuck,
        "ready": bool(rows) and all(row.status == ShipmentStatus.CREATED for row in rows),
        # The label of a waybill that was replaced since is none.
        "labelled": all(row.package_id in printed and printed[row.package_id] > row.created_at for row in rows),
    }


def contents_of(package: Package) -> list[dict[str, Any]]:
    """What lies in a box."""
    parts = package.items.select_related("item__product", "item__batch").order_by("pk")
    return [
        shown.goods(part.item.product, part.item.batch)
        | {
            "pk": part.item_id,
            "quantity": shown.quantity_text(part.quantity, part.item.product.base_unit),
            "splits": part.quantity > 1 and part.item.product.quantity_step % 1 == 0,
        }
        for part in parts
    ]
