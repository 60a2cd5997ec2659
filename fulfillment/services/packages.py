"""Goods into packages, and the packages' measures."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Max
from django.utils import timezone

from fulfillment.enums import PackagingType, PackingStatus
from fulfillment.errors import Surplus, WrongScan
from fulfillment.locks import lock_packing_task
from fulfillment.models import Package, PackageItem, PackingTask, PackingTaskItem
from fulfillment.services.scans import scanned_goods
from fulfillment.services.workers import require_worker
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import take
from warehouse.core.errors import Conflict, NotFound, TransitionRefused, ValidationFailed
from warehouse.core.quantities import ZERO, parse_quantity, plain
from warehouse.core.transactions import operation

MAX_WEIGHT_KG, MAX_SIDE_CM = Decimal(10_000), Decimal(10_000)


@operation(Role.PACKER)
def pack_item(
    task_id: int, scan: str, quantity: Any, *, actor: Actor, package_id: int | None = None, expected_version: int | None = None
) -> PackingTaskItem:
    """Put scanned goods into a package: the named one, else the last one, else a first one that is made for them.

    The goods are found by SKU, barcode, lot or GS1 code; a lot in the code must be the one that was picked. Returns the item that got the last of
    them. Locks order and task. Raises WrongScan for goods that are not of this task, Surplus for more than is left to pack.
    """
    amount = parse_quantity(quantity)
    task = _open_task(task_id, actor, expected_version)
    items = list(task.items.select_related("product", "batch"))
    fitting = scanned_goods(scan, items, warehouse_id=task.warehouse_id)
    if not fitting:
        wanted = sorted({item.product.sku for item in items if item.remaining})
        raise WrongScan(f"Scanned {scan.strip()[:80]!r}: that does not belong to {task}.", expected={"sku": wanted}, scanned=scan.strip()[:80])
    left = sum((item.remaining for item in fitting), ZERO)
    if amount > left:
        raise Surplus(
            f"Only {plain(left)} of {fitting[0].product.sku} are still to be packed, not {plain(amount)}.",
            missing=str(left),
            given=str(amount),
        )
    package = _package_for(task, package_id)
    last = fitting[0]
    for item in fitting:
        part = min(amount, item.remaining)
        if part > 0:
            _put(item, part, package)
            amount, last = amount - part, item
            task.packed_items += not item.remaining
    task.save_changes("packed_items")
    return last


@operation(Role.PACKER)
def add_package(
    task_id: int,
    *,
    actor: Actor,
    packaging_type: str = PackagingType.BOX,
    weight: Any = None,
    length: Any = None,
    width: Any = None,
    height: Any = None,
    expected_version: int | None = None,
) -> Package:
    """Begin another package; its number follows by itself. Weight in kilograms, sides in centimetres; they may come later. Locks order and task."""
    task = _open_task(task_id, actor, expected_version)
    package = _new_package(task)
    _measure(package, packaging_type, weight, length, width, height, required=False)
    package.save()
    task.save_changes()
    return package


@operation(Role.PACKER)
def set_package_details(
    task_id: int,
    weight: Any,
    length: Any,
    width: Any,
    height: Any,
    *,
    actor: Actor,
    packaging_type: str = PackagingType.BOX,
    package_id: int | None = None,
    expected_version: int | None = None,
) -> Package:
    """Measure a package: weight in kilograms, sides in centimetres. Without an id: the only one, which is made if there is none yet.

    Locks order and task.
    """
    task = _open_task(task_id, actor, expected_version)
    if package_id is None and task.packages.count() > 1:
        raise ValidationFailed(f"{task} has several packages: say which one.", errors=[{"field": "package_id", "code": "required"}])
    package = _package_for(task, package_id)
    _measure(package, packaging_type, weight, length, width, height, required=True)
    package.save()
    task.save_changes()
    return package


@operation(Role.PACKER)
def remove_package(task_id: int, package_id: int, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """Take away a package with nothing in it. Locks order and task. Raises Conflict when goods are in it."""
    task = _open_task(task_id, actor, expected_version)
    package = _package_for(task, package_id)
    if package.items.exists():
        raise Conflict(f"There are goods in package {package.sequence_number}.", package=package.pk)
    package.delete()
    task.save_changes()
    return task


def _open_task(task_id: int, actor: Actor, expected_version: int | None) -> PackingTask:
    task = lock_packing_task(task_id, expected_version)
    if task.status != PackingStatus.IN_PROGRESS:
        raise TransitionRefused(f"{task} is {task.get_status_display()}: nothing can be packed now.", status=task.status, asked="pack_item")
    require_worker(task, actor)
    return task


def _package_for(task: PackingTask, package_id: int | None) -> Package:
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


def _new_package(task: PackingTask) -> Package:
    last: int = task.packages.aggregate(last=Max("sequence_number"))["last"] or 0
    return Package(packing_task=task, sequence_number=last + 1, barcode=f"{task.number}-{last + 1}")


def _put(item: PackingTaskItem, quantity: Decimal, package: Package) -> None:
    inside = PackageItem.objects.filter(package=package, item=item).first()
    if inside is None:
        PackageItem.objects.create(package=package, item=item, quantity=quantity)
    else:
        inside.quantity += quantity
        inside.save(update_fields=["quantity"])
    item.packed_quantity += quantity
    item.packed_at = timezone.now()
    if not item.remaining:
        take(item, "finish")
    item.save(update_fields=["packed_quantity", "packed_at", "status"])


def _measure(package: Package, packaging_type: str, weight: Any, length: Any, width: Any, height: Any, *, required: bool) -> None:
    errors: list[dict[str, Any]] = []
    if packaging_type not in PackagingType.values:
        errors.append({"field": "packaging_type", "code": "invalid", "asked": str(packaging_type)[:20]})
    given: Sequence[tuple[str, Any, Decimal, str]] = [
        ("weight", weight, MAX_WEIGHT_KG, "0.001"),
        ("length", length, MAX_SIDE_CM, "0.01"),
        ("width", width, MAX_SIDE_CM, "0.01"),
        ("height", height, MAX_SIDE_CM, "0.01"),
    ]
    for name, value, limit, step in given:
        if value is None and not required:
            continue
        number = _positive(value, limit)
        if number is None or number.quantize(Decimal(step)) == 0:
            errors.append({"field": name, "code": "invalid", "asked": str(value)[:20], "limit": str(limit)})
        else:
            setattr(package, name, number.quantize(Decimal(step)))
    if errors:
        raise ValidationFailed(
            f"Not usable: {', '.join(error['field'] for error in errors)}. Weight in kg and sides in cm, above zero.", errors=errors
        )
    package.packaging_type = packaging_type


def _positive(value: Any, limit: Decimal) -> Decimal | None:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 < number <= limit else None
