"""A task with one item in a picker's hands, and what was said of it: what tests of picking share."""

from __future__ import annotations

from fulfillment.models import PickingTask
from tests.factories.fulfillment import begun, order_for, person, site, stocked
from tests.factories.inventory import BarcodeFactory, ProductFactory
from warehouse.core.actor import Role
from warehouse.outbox.models import OutboxEvent


def events(*types: str) -> list[tuple[str, dict]]:
    return [(row.type, row.payload) for row in OutboxEvent.objects.order_by("sequence") if row.type in types]


def one_item(quantity: int = 10):
    """A started task with one item of so many, its picker and its site."""
    place, product = site(), ProductFactory(sku="APPLE")
    BarcodeFactory(product=product, code="4006381333931")
    stocked(product, place.shelf, 20, lot="LOT-1", expires_in_days=30)
    order = order_for([(product, quantity)])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    return task, task.items.get(), picker, place, order
