"""What a packer takes back or lays elsewhere: the last scan undone, goods moved from one package to another."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fulfillment.enums import PackingItemStatus
from fulfillment.errors import Surplus
from fulfillment.models import Package, PackageItem, PackingTask, PackScan
from fulfillment.services.packages import contents_changed, open_task, package_for, put
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import parse_quantity, plain, require_step
from warehouse.core.transactions import operation


@operation(Role.PACKER)
def undo_pack_scan(task_id: int, *, actor: Actor, expected_version: int | None = None) -> list[PackScan]:
    """Take the goods of the last scan out again, wherever they have been moved since. Returns what came out, item by item.

    Locks order and task. Raises Conflict when nothing is packed.
    """
    task = open_task(task_id, actor, expected_version)
    last = _scans(task).order_by("-scanned_at", "-pk").values_list("key", flat=True).first()
    if last is None:
        raise Conflict(f"Nothing is packed in {task}: there is nothing to undo.", task=task.pk)
    scans = list(_scans(task).filter(key=last).select_related("package", "item__product").order_by("pk"))
    items = {scan.item_id: scan.item for scan in scans}
    for scan in scans:
        item = items[scan.item_id]
        put(scan.package, item, -scan.quantity)
        item.packed_quantity -= scan.quantity
        scan.undone_at = timezone.now()
    for item in items.values():
        if item.status == PackingItemStatus.FULLY_PACKED:
            take(item, "reopen")
            task.packed_items -= 1
        item.save(update_fields=["packed_quantity", "status"])
    PackScan.objects.bulk_update(scans, ["undone_at"])
    contents_changed({scan.package_id: scan.package for scan in scans}.values())
    task.save_changes("packed_items")
    return scans


@operation(Role.PACKER)
def move_packed(
    task_id: int,
    from_package_id: int,
    item_id: int,
    quantity: Any = None,
    *,
    actor: Actor,
    to_package_id: int,
    expected_version: int | None = None,
) -> PackingTask:
    """Lay goods of an item from one package into another one of the task: all that is there of it, or so much.

    Their scans go with them, so that an undo finds them. Locks order and task. Raises Surplus when less is in the package, NotFound, ValidationFailed.
    """
    amount = None if quantity is None else parse_quantity(quantity)
    task = open_task(task_id, actor, expected_version)
    if from_package_id == to_package_id:
        raise ValidationFailed("The goods are in this package already.", errors=[{"field": "to_package", "code": "same"}])
    source, target = package_for(task, from_package_id), package_for(task, to_package_id)
    inside = PackageItem.objects.filter(package=source, item=item_id).select_related("item__product").first()
    if inside is None:
        raise NotFound(f"Nothing of item {item_id} is in package {source.sequence_number}.", kind="packageitem", id=item_id)
    amount = inside.quantity if amount is None else amount
    require_step(amount, inside.item.product.quantity_step, sku=inside.item.product.sku)
    if amount > inside.quantity:
        raise Surplus(
            f"Only {plain(inside.quantity)} of {inside.item.product.sku} are in package {source.sequence_number}, not {plain(amount)}.",
            missing=str(inside.quantity),
            given=str(amount),
        )
    put(source, inside.item, -amount)
    put(target, inside.item, amount)
    _carry(_scans(task).filter(package=source, item=item_id).order_by("-scanned_at", "-pk"), target, amount)
    contents_changed([source, target])
    task.save_changes()
    return task


def _scans(task: PackingTask) -> Any:
    return PackScan.objects.filter(package__packing_task=task, undone_at=None)


def _carry(scans: Iterable[PackScan], target: Package, quantity: Decimal) -> None:
    """The newest scans follow their goods; the one that only a part of goes is split."""
    for scan in scans:
        if not quantity:
            return
        part = min(quantity, scan.quantity)
        quantity -= part
        if part == scan.quantity:
            scan.package = target
            scan.save(update_fields=["package"])
            continue
        scan.quantity -= part
        scan.save(update_fields=["quantity"])
        key: uuid.UUID = scan.key
        PackScan.objects.create(
            key=key, package=target, item_id=scan.item_id, quantity=part, scanned_by_id=scan.scanned_by_id, scanned_at=scan.scanned_at
        )
