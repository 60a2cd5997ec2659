"""Packing slips of tasks: for each order a sheet of its own, with what is in which package, lot by lot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch

from fulfillment.enums import PackingStatus
from fulfillment.labels.content import clean
from fulfillment.labels.slip import Slip, SlipLine, SlipPackage, slips_pdf
from fulfillment.models import Package, PackageItem, PackingTask, PackingTaskItem, Shipment
from fulfillment.services import labels
from warehouse.core.actor import Actor, Role
from warehouse.core.quantities import plain
from warehouse.core.shown import day_text, quantity_text
from warehouse.core.transactions import operation

STATES = (PackingStatus.IN_PROGRESS, *labels.LABELLED)


@dataclass(frozen=True, slots=True)
class PackingSlips:
    """What stands on the slips, for whoever draws them when the transaction is over."""

    slips: list[Slip]

    @property
    def pdf(self) -> bytes:
        """All of them, each from a new page."""
        return slips_pdf(self.slips)


@operation(Role.PACKER)
def print_packing_slips(task_ids: Sequence[int], *, actor: Actor) -> PackingSlips:
    """The packing slips of these tasks. While a task is being packed its slip says what is not packed yet.

    Locks nothing. Raises NotFound, TransitionRefused for tasks that nobody packs, ValidationFailed for none or too many.
    """
    tasks = labels.tasks_in(task_ids, STATES, "A packing slip is printed when it is being packed.")
    inside = PackageItem.objects.select_related("item__product", "item__batch").prefetch_related("item__package_items").order_by("item")
    packages = list(
        Package.objects.filter(packing_task__in=tasks)
        .prefetch_related(Prefetch("items", queryset=inside))
        .order_by("packing_task", "sequence_number")
    )
    items = list(PackingTaskItem.objects.filter(task__in=tasks).select_related("product", "batch").order_by("pk"))
    shipments = labels.living_shipments(tasks)
    return PackingSlips(
        [
            _slip(
                task,
                [package for package in packages if package.packing_task_id == task.pk],
                [item for item in items if item.task_id == task.pk and item.remaining],
                shipments,
            )
            for task in tasks
        ]
    )


@operation(Role.PACKER)
def print_packing_slip(task_id: int, *, actor: Actor) -> PackingSlips:
    """The packing slip of one task, as `print_packing_slips` makes it. Locks nothing. Raises NotFound, TransitionRefused."""
    return print_packing_slips.inside([task_id], actor=actor)


def _slip(task: PackingTask, packages: list[Package], left: list[PackingTaskItem], shipments: dict[int, Shipment]) -> Slip:
    first = next((shipments[package.pk] for package in packages if package.pk in shipments), None)
    provider = first.provider if first else task.provider
    return Slip(
        number=task.number,
        order=labels.order_name(task.order),
        day=day_text(task.packed_at or task.created_at),
        sender=labels.house_of(task).lines,
        receiver=labels.customer_of(first).lines,
        carrier=clean(provider.name) if provider else "",
        packages=[_package(package, number, shipments.get(package.pk)) for number, package in enumerate(packages, 1)],
        not_packed=[_line(item, quantity_text(item.remaining, item.product.base_unit)) for item in left],
    )


def _package(package: Package, number: int, shipment: Shipment | None) -> SlipPackage:
    return SlipPackage(
        number=number,
        code=package.barcode,
        weight=f"{plain(package.weight)} kg" if package.weight else "",
        tracking_number=clean(shipment.tracking_number) if shipment else "",
        lines=[_line(part.item, quantity_text(part.real_quantity, part.item.product.base_unit)) for part in package.items.all()],
    )


def _line(item: PackingTaskItem, quantity: str) -> SlipLine:
    expires = item.batch.label_expires_on
    return SlipLine(
        sku=clean(item.product.sku),
        name=clean(item.product.name),
        lot=clean(item.batch.lot_number),
        best_before=day_text(expires) if expires else "",
        quantity=quantity,
    )
