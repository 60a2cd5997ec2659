"""People, orders and their way through the house, for tests. Everything that moves goods goes through the real operations."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from fulfillment.enums import SOURCE_LISTINGS
from fulfillment.models import Order, PackingTask, PickingTask, PickingTaskItem
from fulfillment.services.orders import process_order_confirmed
from fulfillment.services.packages import pack_item, set_package_details
from fulfillment.services.packing_tasks import complete_packing_task, start_packing_task
from fulfillment.services.picking_tasks import assign_picking_task, complete_picking_task, start_picking_task
from fulfillment.services.picks import pick_item
from inventory.models import Product
from tests.factories.inventory import ACTOR, Site, site, stocked
from warehouse.core.actor import Actor, Role

_numbers = count(1)


def person(*roles: Role) -> Actor:
    """A user with these roles, as the actor of operations."""
    user = get_user_model().objects.create_user(f"person-{next(_numbers)}")
    user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in roles])
    return Actor.of_user(user)


def reachable_site(**warehouse: Any) -> Site:
    """A site with an address from which a carrier can fetch."""
    address = {"street": "Bulevar 1", "postal_code": "11000", "contact_name": "Irina", "phone": "+381 11 1234567"}
    return site(**{**address, **warehouse})


def order_for(
    lines: Sequence[tuple[Product, Any] | tuple[Product, Any, Site]], *, external_id: str = "", source: str = SOURCE_LISTINGS, **more: Any
) -> Order:
    """An order for so much of each product (from a certain site), taken in."""
    items = []
    for product, quantity, *where in lines:
        items.append({"sku": product.sku, "quantity": quantity} | ({"warehouse_id": where[0].warehouse.external_id} if where else {}))
    return process_order_confirmed(source, external_id or f"{1000 + next(_numbers)}", items, actor=ACTOR, **more)


def begun(task: PickingTask, picker: Actor) -> PickingTask:
    """The task, given to the picker and started."""
    assert picker.user_id is not None
    assign_picking_task(task.pk, picker.user_id, actor=ACTOR)
    return start_picking_task(task.pk, actor=picker)


def pick(item: PickingTaskItem, picker: Actor, quantity: Any = None) -> PickingTaskItem:
    """Pick an item (all that is left of it) with the right scans."""
    item = PickingTaskItem.objects.select_related("location", "product").get(pk=item.pk)
    return pick_item(item.pk, quantity or item.remaining, actor=picker, location_scan=item.location.barcode, product_scan=item.product.sku)


def picked(task: PickingTask, picker: Actor) -> PackingTask:
    """Pick everything of a pending task; the packing task that follows."""
    begun(task, picker)
    for item in task.items.all():
        pick(item, picker)
    complete_picking_task(task.pk, actor=picker)
    return PackingTask.objects.get(picking_task=task)


def packed(task: PackingTask, packer: Actor) -> PackingTask:
    """Pack everything of a pending task into one measured package."""
    start_packing_task(task.pk, actor=packer)
    for item in task.items.select_related("product"):
        pack_item(task.pk, item.product.sku, item.quantity, actor=packer)
    set_package_details(task.pk, Decimal("2.5"), 30, 20, 10, actor=packer)
    return complete_packing_task(task.pk, actor=packer)


__all__ = ["ACTOR", "begun", "order_for", "packed", "person", "pick", "picked", "reachable_site", "site", "stocked"]
