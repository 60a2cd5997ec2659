"""Which carrier takes a package: its limits, and choosing another one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fulfillment.enums import OPEN_PACKING, ShipmentStatus
from fulfillment.locks import lock_packing_task, lock_shipments_of
from fulfillment.models import DeliveryProvider, Package, PackingTask, Shipment
from fulfillment.queries.providers import active_provider
from fulfillment.queries.stuck import WAITS_FOR_VOID
from fulfillment.services import waybills
from fulfillment.services.background import REQUEST_SHIPMENT
from fulfillment.services.progress import settle
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation

Fault = dict[str, Any]
OVER = {"too_heavy": "too heavy", "too_long": "too long", "too_big": "too big around"}


@operation(Role.PACKER)
def change_provider(task_id: int, provider: str, *, actor: Actor, expected_version: int | None = None) -> PackingTask:
    """Have the packages of a packing task carried by another provider, before or after they are packed, as long as none has a waybill.

    Locks order, task and shipments. Shipments that were asked for already are replaced (see `replace_shipment`). Raises Conflict for one that has its
    waybill, for one that waits until another's is voided and for a task that is closed, NotFound for a provider that there is not, ValidationFailed
    naming every package beyond its limits.
    """
    task = lock_packing_task(task_id, expected_version)
    if task.status not in OPEN_PACKING:
        raise Conflict(f"{task} is {task.get_status_display()}: nobody carries it any more.", status=task.status)
    chosen = active_provider(provider)
    packages = list(task.packages.all())
    require_within_limits(chosen, packages)
    living = [row for row in lock_shipments_of([task]) if row.status in (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED)]
    with_waybill = [row.number for row in living if row.status == ShipmentStatus.CREATED and row.provider_id != chosen.pk]
    if with_waybill:
        raise Conflict(
            f"{', '.join(with_waybill)} of {task} has a waybill already. Replace that shipment: its waybill is voided first.", shipments=with_waybill
        )
    others = [row for row in living if row.provider_id != chosen.pk]
    for shipment in others:
        require_none_to_void(shipment)
    task.provider = chosen
    task.save_changes("provider")
    by_id = {package.pk: package for package in packages}
    for shipment in others:
        shipment.order, shipment.packing_task, shipment.package = task.order, task, by_id[shipment.package_id]
        replace(shipment, chosen, f"carried by {chosen.name}", actor=actor)
    settle(task.order, actor=actor)
    return task


def require_none_to_void(shipment: Shipment) -> None:
    """Raise Conflict while the carrier still has the waybill of the shipment that this locked one replaces: another now would be a second one."""
    if Shipment.objects.filter(WAITS_FOR_VOID, pk=shipment.pk).exists():
        raise Conflict(f"{shipment} replaces one whose waybill is still being voided. Settle that one first.", shipment=shipment.replaces_id)


def replace(shipment: Shipment, provider: DeliveryProvider, reason: str, *, actor: Actor) -> Shipment:
    """Give up a locked shipment and make the one that replaces it: asked for now, or when the old one's waybill is voided."""
    waybills.give_up(shipment, reason, actor=actor)
    waybills.unlabel(shipment.packing_task, shipment.package)
    voided = shipment.status != ShipmentStatus.VOID_REQUESTED
    successor = Shipment.objects.create(
        created_by_id=actor.user_id,
        order=shipment.order,
        packing_task=shipment.packing_task,
        package=shipment.package,
        provider=provider,
        replaces=shipment,
        next_attempt_at=timezone.now() if voided else None,
    )
    if voided:
        soon(REQUEST_SHIPMENT, successor.pk)
    return successor


def limit_faults(provider: DeliveryProvider, packages: Iterable[Package]) -> list[Fault]:
    """What of these measured packages the provider doesn't carry: weight, the longest side, length and girth (the longest side and twice the others)."""
    faults: list[Fault] = []
    for package in packages:
        if package.weight is None or package.length is None or package.width is None or package.height is None:
            continue
        longest, *others = sorted((package.length, package.width, package.height), reverse=True)
        measured: tuple[tuple[str, Decimal, Decimal | None, str], ...] = (
            ("too_heavy", package.weight, provider.max_weight, "kg"),
            ("too_long", longest, provider.max_length, "cm"),
            ("too_big", longest + 2 * sum(others, Decimal(0)), provider.max_girth, "cm"),
        )
        for code, is_, limit, unit in measured:
            if limit is not None and is_ > limit:
                faults.append({"package": package.sequence_number, "code": code, "is": str(is_), "limit": str(limit), "unit": unit})
    return faults


def require_within_limits(provider: DeliveryProvider, packages: Iterable[Package]) -> None:
    """Raise ValidationFailed naming every measured package that the provider doesn't carry, and why."""
    faults = limit_faults(provider, packages)
    if faults:
        told = "; ".join(f"package {f['package']} is {OVER[f['code']]} ({f['is']} {f['unit']}, limit {f['limit']})" for f in faults)
        raise ValidationFailed(f"{provider.name} does not carry this: {told}. Choose another provider, or pack differently.", errors=faults)
