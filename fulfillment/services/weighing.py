"""Goods that are sold by weight: what the scale at the packing bench says, and what follows from it when they leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Min
from django.utils import timezone

from fulfillment.models import Package, PackingTask, PackingTaskItem, Pick, PutBack
from fulfillment.services.packages import contents_changed, open_task
from inventory import orchestrator
from inventory.orchestrator import DocumentType
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, parse_quantity, plain, require_step
from warehouse.core.transactions import operation


@operation(Role.PACKER)
def weigh_item(task_id: int, item_id: int, quantity: Any, *, actor: Actor, expected_version: int | None = None) -> PackingTaskItem:
    """Keep what an item of weighed goods really is: so much leaves the books at the hand-over. It may be weighed again until the task is packed.

    Less than was promised: the rest is released at the hand-over and becomes a put-back. More, within the product's `weight_tolerance`: the surplus, which
    lies on the bench already, moves there in the books too, from the shelf that the goods came from. Locks order and task, then what inventory locks.
    Raises ValidationFailed for goods that are counted and for a weight beyond the tolerance, InsufficientStock when the surplus is promised to others.
    """
    actual = parse_quantity(quantity)
    task = open_task(task_id, actor, expected_version)
    item = task.items.select_related("product", "surplus_pick").filter(pk=item_id).first()
    if item is None:
        raise NotFound(f"{task} has no item {item_id}.", kind="packingtaskitem", id=item_id)
    product = item.product
    if product.quantity_step % 1 == 0:
        raise ValidationFailed(f"{product.sku} is counted, not weighed.", errors=[{"field": "quantity", "code": "not_weighed", "sku": product.sku}])
    require_step(actual, product.quantity_step, sku=product.sku)
    most = item.quantity + product.weight_tolerance
    if actual > most:
        raise ValidationFailed(
            f"{product.sku}: {plain(actual)} {product.base_unit} are more than the {plain(most)} that may be sent for {plain(item.quantity)}. "
            "Take some of it off.",
            errors=[{"field": "quantity", "code": "over_tolerance", "asked": str(actual), "limit": str(most), "sku": product.sku}],
        )
    surplus = max(ZERO, actual - item.quantity)
    if surplus != (item.surplus_pick.quantity if item.surplus_pick else ZERO):
        _take_back_surplus(task, item, actor)
        if surplus:
            item.surplus_pick = _fetch_surplus(task, item, surplus, actor)
    item.actual_quantity = actual
    item.save(update_fields=["actual_quantity", "surplus_pick"])
    contents_changed(Package.objects.filter(items__item=item))
    task.save_changes()
    return item


def actual_weights(task: PackingTask) -> dict[int, Decimal]:
    """What the weighed goods of a locked task really are, by the reservation items that hold them on the bench."""
    weighed = {row.batch_location_id: row for row in task.items.exclude(actual_quantity=None)}
    if not weighed:
        return {}
    actual: dict[int, Decimal] = {}
    left: dict[int, Decimal] = {place: row.actual_quantity or ZERO for place, row in weighed.items()}
    last: dict[int, int] = {}
    for held in orchestrator.get_reserved_items(task.reservation_id):
        place = held.batch_location_id
        if place in left:
            actual[held.id] = min(held.quantity, left[place])
            left[place] -= actual[held.id]
            last[place] = held.id
    for place, surplus in left.items():
        if surplus and place in last:
            actual[last[place]] += surplus
    return actual


def leave_rest_to_be_put_back(task: PackingTask) -> list[PutBack]:
    """Put-backs for what was promised of weighed goods but did not leave: it is released, and the books have it on the bench."""
    rows = [row for row in task.items.exclude(actual_quantity=None) if row.actual_quantity is not None and row.actual_quantity < row.quantity]
    if not rows:
        return []
    picks = Pick.objects.filter(item__task=task.picking_task_id, undone_at=None)
    origins = {
        place: (shelf, since)
        for place, shelf, since in picks.values_list("batch_location_id").annotate(shelf=Min("item__location_id"), since=Min("picked_at"))
    }
    return PutBack.objects.bulk_create(
        PutBack(
            order_id=task.order_id,
            picking_task_id=task.picking_task_id,
            warehouse_id=task.warehouse_id,
            product_id=row.product_id,
            batch_id=row.batch_id,
            batch_location_id=row.batch_location_id,
            from_location_id=origins[row.batch_location_id][0],
            picked_at=origins[row.batch_location_id][1],
            quantity=row.quantity - (row.actual_quantity or ZERO),
        )
        for row in rows
    )


def _fetch_surplus(task: PackingTask, item: PackingTaskItem, surplus: Decimal, actor: Actor) -> Pick:
    """Move the surplus in the books from the shelf to the bench, and keep it as a pick, so that a cancellation brings it back too."""
    picks = list(
        Pick.objects.filter(item__task=task.picking_task_id, batch_location=item.batch_location_id, undone_at=None)
        .select_related("item")
        .order_by("-pk")
    )
    if not picks:
        raise Conflict(f"Nobody knows where {item.product.sku} came from: take the surplus off.", item=item.pk)
    free = orchestrator.free_in(pick.item.batch_location_id for pick in picks)
    pick = max(picks, key=lambda pick: (free.get(pick.item.batch_location_id, ZERO), pick.pk))
    orchestrator.bring_surplus.inside(
        pick.item.batch_location_id,
        surplus,
        warehouse_id=task.warehouse_id,
        product_id=item.product_id,
        bench_batch_location_id=item.batch_location_id,
        document_type=DocumentType.PACKING_TASK,
        document_id=task.pk,
        actor=actor,
    )
    return Pick.objects.create(
        item=pick.item,
        batch_location_id=item.batch_location_id,
        reservation_item_id=pick.reservation_item_id,
        quantity=surplus,
        picked_by_id=actor.user_id,
    )


def _take_back_surplus(task: PackingTask, item: PackingTaskItem, actor: Actor) -> None:
    """A smaller weight after all: the surplus of before goes back to its shelf in the books."""
    pick = item.surplus_pick
    if pick is None:
        return
    orchestrator.put_back.inside(
        item.batch_location_id,
        pick.quantity,
        warehouse_id=task.warehouse_id,
        product_id=item.product_id,
        to_location_id=pick.item.location_id,
        document_id=task.pk,
        actor=actor,
    )
    pick.undone_at = timezone.now()
    pick.save(update_fields=["undone_at"])
    item.surplus_pick = None
