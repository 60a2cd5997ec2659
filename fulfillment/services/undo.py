"""Taking back the last scan of a walk."""

from __future__ import annotations

from django.utils import timezone

from fulfillment.enums import PickingItemStatus
from fulfillment.locks import lock_picking_task
from fulfillment.models import Pick, PickingTaskItem
from fulfillment.queries.picking_tasks import last_pick
from fulfillment.services.walks import added_stop, require_walking, stops_of, write_walk
from inventory import orchestrator
from inventory.orchestrator import DocumentType, UnpickedItem
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation


@operation(Role.PICKER)
def undo_pick(task_id: int, *, actor: Actor, expected_version: int | None = None) -> Pick:
    """Take back the last scan of a walk that is not undone yet: goods and promise go back to the shelf they came from, and are to be picked again.

    The scan is kept (`undone_at`). Of an item that was short since, what went back becomes a stop of its own. Where no goods are left in a tote
    of a batch, not even what a failed check found good, another one may stand there. Locks order and task, then what inventory locks (ledger `put_back`, two
    lines). Raises TransitionRefused once the task is closed, Conflict when nothing is left to undo, PlaceNotAllowed when the shelf was closed meanwhile.
    """
    task = lock_picking_task(task_id, expected_version)
    require_walking(task, actor)
    pick = last_pick(task.pk)
    if pick is None:
        raise Conflict(f"Nothing of {task} lies on the bench that was not checked yet: there is nothing to undo.", task=task.pk)
    item = pick.item
    item.task = task
    back = orchestrator.unpick_reserved.inside(
        pick.reservation_item_id,
        pick.quantity,
        warehouse_id=task.warehouse_id,
        product_id=item.product_id,
        to_location_id=item.location_id,
        document_type=DocumentType.PICKING_TASK,
        document_id=task.pk,
        shelf_item_id=item.reservation_item_id,
        out_since=pick.picked_at,
        actor=actor,
    )
    pick.undone_at = timezone.now()
    pick.save(update_fields=["undone_at"])
    item.quantity_picked -= pick.quantity
    if not item.quantity_picked:
        item.picked_at = None
    if task.tote_code and not Pick.objects.filter(item__task=task, undone_at=None).exists():
        task.tote_code = ""
        task.save(update_fields=["tote_code"])
    if _belongs_to(item, back):
        _ask_again(item, back)
    else:
        _ask_apart(item, pick, back)
    return pick


def _belongs_to(item: PickingTaskItem, back: UnpickedItem) -> bool:
    """Whether what came back can be picked as a part of its old item: it is open, and the goods are held together with what is left of it, as one lot."""
    same_lot = item.batch_id == back.batch_id or not item.quantity_picked
    return item.status != PickingItemStatus.SHORT and item.reservation_item_id in (None, back.item_id) and same_lot


def _ask_again(item: PickingTaskItem, back: UnpickedItem) -> None:
    task = item.task
    if item.status == PickingItemStatus.PICKED:
        take(item, "reopen")
        task.picked_items -= 1
    item.reservation_item_id, item.batch_id, item.batch_location_id = back.item_id, back.batch_id, back.batch_location_id
    item.save(update_fields=["status", "quantity_picked", "picked_at", "reservation_item_id", "batch", "batch_location"])
    task.save_changes("picked_items")


def _ask_apart(item: PickingTaskItem, pick: Pick, back: UnpickedItem) -> None:
    item.quantity_required -= pick.quantity
    stops = stops_of(item.task, item)
    added_stop(item, stops, pick.quantity, back.item_id, batch_id=back.batch_id, batch_location_id=back.batch_location_id)
    write_walk(item.task, stops, standing_at=item.location_id)
