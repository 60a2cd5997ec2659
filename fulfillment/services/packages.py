"""Packages: begun, chosen a box for, weighed and measured, taken away; and goods scanned into them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Max
from django.utils import timezone

from fulfillment.enums import PackagingType, PackingStatus
from fulfillment.errors import Surplus, WrongScan
from fulfillment.locks import lock_packing_task
from fulfillment.models import BoxType, Package, PackageItem, PackingTask, PackingTaskItem, PackScan
from fulfillment.queries.package_weights import require_weight
from fulfillment.services.measures import measure
from fulfillment.services.scans import scanned_goods
from fulfillment.services.workers import require_worker
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason, take
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed
from warehouse.core.quantities import ZERO, parse_quantity, plain, require_step
from warehouse.core.transactions import operation


@operation(Role.PACKER)
def pack_item(
    task_id: int, scan: str, quantity: Any, *, actor: Actor, package_id: int | None = None, expected_version: int | None = None
) -> PackingTaskItem:
    """Put scanned goods into a package: the named one, else the last one, else a first one that is made for them.

    The goods are found by SKU, barcode, lot or GS1 code; a lot in the code must be the one that was picked. Returns the item that got the last of
    them. The scan is kept, to be undone by `undo_pack_scan`. Locks order and task. Raises WrongScan for goods that are not of this task, Surplus for
    more than is left to pack.
    """
    amount = parse_quantity(quantity)
    task = open_task(task_id, actor, expected_version)
    items = list(task.items.select_related("product", "batch"))
    fitting = scanned_goods(scan, items, warehouse_id=task.warehouse_id)
    if not fitting:
        wanted = sorted({item.product.sku for item in items if item.remaining})
        raise WrongScan(f"Scanned {scan.strip()[:80]!r}: that does not belong to {task}.", expected={"sku": wanted}, scanned=scan.strip()[:80])
    require_step(amount, fitting[0].product.quantity_step, sku=fitting[0].product.sku)
    left = sum((item.remaining for item in fitting), ZERO)
    if amount > left:
        raise Surplus(
            f"Only {plain(left)} of {fitting[0].product.sku} are still to be packed, not {plain(amount)}.",
            missing=str(left),
            given=str(amount),
        )
    package = package_for(task, package_id)
    last, key, now = fitting[0], uuid.uuid4(), timezone.now()
    scans = []
    for item in fitting:
        part = min(amount, item.remaining)
        if part > 0:
            put(package, item, part)
            _count_packed(task, item, part)
            scans.append(PackScan(key=key, package=package, item=item, quantity=part, scanned_by_id=actor.user_id, scanned_at=now))
            amount, last = amount - part, item
    PackScan.objects.bulk_create(scans)
    contents_changed([package])
    task.save_changes("packed_items")
    return last


@operation(Role.PACKER)
def add_package(
    task_id: int,
    *,
    actor: Actor,
    box_type_id: int | None = None,
    packaging_type: str = "",
    weight: Any = None,
    length: Any = None,
    width: Any = None,
    height: Any = None,
    expected_version: int | None = None,
) -> Package:
    """Begin another package; its number follows by itself. Weight in kilograms, sides in centimetres; they may come later.

    A box type gives kind, sides and own weight. Locks order and task. Raises ValidationFailed, NotFound for a box type that there is not.
    """
    task = open_task(task_id, actor, expected_version)
    package = _new_package(task)
    if box_type_id is not None:
        _become(package, _box_type(box_type_id))
    measure(package, packaging_type, weight, length, width, height, required=False)
    package.save()
    task.save_changes()
    return package


@operation(Role.PACKER)
def choose_box(task_id: int, box_type_id: int, *, actor: Actor, package_id: int | None = None, expected_version: int | None = None) -> Package:
    """Take a box of this type for a package (the named one, else the last one, else a first one): it gives kind, sides and own weight.

    Locks order and task. Raises NotFound, Conflict for a type that is not in use any more.
    """
    task = open_task(task_id, actor, expected_version)
    package = package_for(task, package_id)
    _become(package, _box_type(box_type_id))
    # Another box weighs something else: it goes onto the scale again.
    package.weight, package.weight_reason = None, ""
    package.save()
    task.save_changes()
    return package


@operation(Role.PACKER)
def set_package_details(
    task_id: int,
    weight: Any,
    length: Any = None,
    width: Any = None,
    height: Any = None,
    *,
    actor: Actor,
    packaging_type: str = "",
    box_type_id: int | None = None,
    weight_reason: str = "",
    package_id: int | None = None,
    expected_version: int | None = None,
) -> Package:
    """Weigh and measure a package: kilograms, centimetres. Without an id: the only one, which is made if there is none yet.

    A side that is left out stays what it was, or what the box type says. The weight is held against what goods and box should weigh: a difference above
    the tolerance is refused with WeightDiffers unless `weight_reason` says why it is right. Locks order and task.
    """
    weight_reason = require_reason(weight_reason, needed=False, field="weight_reason")
    task = open_task(task_id, actor, expected_version)
    if package_id is None and task.packages.count() > 1:
        raise ValidationFailed(f"{task} has several packages: say which one.", errors=[{"field": "package_id", "code": "required"}])
    package = package_for(task, package_id)
    if box_type_id is not None:
        _become(package, _box_type(box_type_id))
    measure(package, packaging_type, weight, length, width, height, required=True)
    package.weight_reason = weight_reason
    require_weight(package)
    package.save()
    task.save_changes()
    return package


@operation(Role.PACKER)
def remove_package(task_id: int, package_id: int, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """Take away a package with nothing in it; the scans of goods that were taken out of it are kept. Locks order and task.

    Raises Conflict when goods are in it.
    """
    task = open_task(task_id, actor, expected_version)
    package = package_for(task, package_id)
    if package.items.exists():
        raise Conflict(f"There are goods in package {package.sequence_number}.", package=package.pk)
    package.scans.update(package=None, removed_package=package.barcode)
    package.delete()
    task.save_changes()
    return task


def open_task(task_id: int, actor: Actor, expected_version: int | None) -> PackingTask:
    """Lock a task that the actor is packing. Raises TransitionRefused when nobody packs it, PermissionDenied when somebody else does."""
    task = lock_packing_task(task_id, expected_version)
    if task.status != PackingStatus.IN_PROGRESS:
        raise TransitionRefused(f"{task} is {task.get_status_display()}: nothing can be packed now.", status=task.status, asked="pack_item")
    require_worker(task, actor)
    return task


def package_for(task: PackingTask, package_id: int | None) -> Package:
    """A package of a locked task: the named one, else the last one, else a first one that is made now. Raises NotFound."""
    packages = task.packages.order_by("-sequence_number")
    if package_id is not None:
        package = packages.filter(pk=package_id).first()
        if package is None:
            raise NotFound(f"{task} has no package {package_id}.", kind="package", id=package_id)
        return package
    package = packages.first()
    if package is None:
        package = _new_package(task)
        package.save()
    return package


def put(package: Package, item: PackingTaskItem, quantity: Decimal) -> None:
    """So much of an item into a package; a negative quantity comes out of it."""
    inside = PackageItem.objects.filter(package=package, item=item).first()
    if inside is None:
        PackageItem.objects.create(package=package, item=item, quantity=quantity)
    elif inside.quantity + quantity == 0:
        inside.delete()
    else:
        inside.quantity += quantity
        inside.save(update_fields=["quantity"])


def contents_changed(packages: Iterable[Package]) -> None:
    """Why they weighed what they did is no answer any more: it is asked for again when they are closed."""
    for package in packages:
        if package.weight_reason:
            package.weight_reason = ""
            package.save(update_fields=["weight_reason", "updated_at"])


def _count_packed(task: PackingTask, item: PackingTaskItem, quantity: Decimal) -> None:
    item.packed_quantity += quantity
    item.packed_at = timezone.now()
    if not item.remaining:
        take(item, "finish")
        task.packed_items += 1
    item.save(update_fields=["packed_quantity", "packed_at", "status"])


def _new_package(task: PackingTask) -> Package:
    last: int = task.packages.aggregate(last=Max("sequence_number"))["last"] or 0
    return Package(packing_task=task, sequence_number=last + 1, barcode=f"{task.number}-{last + 1}", packaging_type=PackagingType.BOX)


def _box_type(box_type_id: int) -> BoxType:
    box = BoxType.objects.filter(pk=box_type_id).first()
    if box is None:
        raise NotFound(f"There is no box type {box_type_id}.", kind="boxtype", id=box_type_id)
    if not box.is_active:
        raise Conflict(f"{box} is not in use any more. Choose another.", box_type=box.pk)
    return box


def _become(package: Package, box: BoxType) -> None:
    package.box_type, package.packaging_type, package.own_weight = box, box.packaging_type, box.own_weight or None
    package.length, package.width, package.height = box.outer
