"""A house with shelves in walking order, and what a walk looks like: what tests of picking share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from fulfillment.enums import OPEN_PICKING
from fulfillment.models import PickingTask, PickingTaskItem
from fulfillment.queries.reconciliation import everything_that_contradicts
from inventory.models import BatchLocation, Location, Product, Reservation
from tests.factories.fulfillment import begun, order_for, stocked
from tests.factories.inventory import LocationFactory, Site
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Actor


class Lots(NamedTuple):
    """A product in three lots on three shelves, the shortest dated first."""

    first: BatchLocation
    second: BatchLocation
    third: BatchLocation


def shelf(house: Site, code: str, walk: int, **more: Any) -> Location:
    return LocationFactory(warehouse=house.warehouse, code=code, pick_sequence=walk, **more)


def three_lots(house: Site, product: Product, *quantities: int) -> Lots:
    """Lots A, B, C in M-50, B-10, Z-90: the best one in the middle of the walk."""
    places = [("M-50", 50, "A"), ("B-10", 10, "B"), ("Z-90", 90, "C")]
    rows = [
        stocked(product, shelf(house, code, walk), quantity, lot=lot, expires_in_days=30 + walk_no)
        for walk_no, ((code, walk, lot), quantity) in enumerate(zip(places, quantities, strict=True))
    ]
    return Lots(*rows)


def walk_for(picker: Actor, *lines: tuple[Product, Any], **more: Any) -> PickingTask:
    """An order, and its task begun by the picker."""
    return begun(PickingTask.objects.get(order=order_for(list(lines), **more)), picker)


def stops(task: PickingTask) -> list[tuple[int, str, str, Decimal, Decimal, str]]:
    """(sequence, place, lot, required, picked, status) of the items, in the order of the walk."""
    items = PickingTaskItem.objects.select_related("location", "batch").filter(task=task).order_by("sequence")
    return [(i.sequence, i.location.code, i.batch.lot_number, i.quantity_required, i.quantity_picked, i.status) for i in items]


def counts(task: PickingTask) -> tuple[int, int]:
    return PickingTask.objects.values_list("picked_items", "total_items").get(pk=task.pk)


def held(place: BatchLocation) -> tuple[Decimal, Decimal]:
    """quantity and reserved of a place now."""
    return BatchLocation.objects.values_list("quantity", "reserved").get(pk=place.pk)


def agrees() -> None:
    """Every pending item of an open task asks for what its promise holds, where it lies; counts are those of the rows; books and tasks contradict
    nothing."""
    for item in PickingTaskItem.objects.filter(status="pending", task__status__in=sorted(OPEN_PICKING)).select_related("task", "batch_location"):
        (part,) = [row for row in Reservation.objects.get(pk=item.task.reservation_id).items.all() if row.pk == item.reservation_item_id]
        assert (part.held, part.batch_location_id) == (item.remaining, item.batch_location_id)
        assert (item.batch_location.location_id, item.batch_location.batch_id) == (item.location_id, item.batch_id)
    for task in PickingTask.objects.all():
        done = task.items.exclude(status="pending").count()
        assert (task.picked_items, task.total_items) == (done, task.items.count())
    with transaction.atomic():
        assert [str(found) for found in everything_that_contradicts()] == []
    assert_books_balance()
