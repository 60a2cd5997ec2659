"""The packer's taps as plain forms: what tests of the pack screen share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fulfillment.models import Package, PackingTask, PickingTask
from tests.factories.fulfillment import order_for, person, picked
from tests.fulfillment.screens.conftest import Handheld
from warehouse.core.actor import Role

Make = Callable[..., Handheld]


def on_the_bench(lines: Any, **order: Any) -> PackingTask:
    taken = order_for(lines, **order)
    return picked(PickingTask.objects.get(order=taken), person(Role.PICKER))


def scan(packer: Handheld, task: PackingTask, code: str = "", **more: Any) -> str:
    return packer.send(f"/floor/pack/{task.pk}/scan", code=code, **more)


def measure(packer: Handheld, task: PackingTask, package: Package, **changes: str) -> str:
    values = {"weight": "2.5", "length": "30", "width": "20", "height": "10", "packaging_type": "box"} | changes
    return packer.send(f"/floor/pack/{task.pk}/measure/{package.pk}/save", **values)


def ready(packer: Handheld, task: PackingTask) -> None:
    packer.send(f"/floor/pack/{task.pk}/start")
    for item in task.items.select_related("product"):
        scan(packer, task, item.product.sku)
        if item.quantity > 1:
            scan(packer, task, rest="1")
    measure(packer, task, Package.objects.get(packing_task=task))
