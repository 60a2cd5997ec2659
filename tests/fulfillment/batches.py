"""A hall with a map, and batches in it: what tests of batch picking share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from fulfillment.models import PickingBatch, PickingTask, PickingTaskItem, WalkSettings
from fulfillment.queries.picking_batches import remaining_stops
from fulfillment.services.picking_batches import assign_picking_batch, create_picking_batch, settle_picking_batches, start_picking_batch
from fulfillment.services.picks import pick_item
from inventory.models import Location, Product
from tests.factories.fulfillment import ACTOR, order_for, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site, site
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Actor

AISLES, BAYS = "KLM", 4


def hall(**settings: Any) -> tuple[Site, dict[str, Location]]:
    """Three aisles, 3 m apart, of four bays of 2 m each; the bench before the first. The shelves by their codes, such as L-02."""
    here = site(code="HALL", external_id="1")
    shelves = {
        f"{aisle}-{bay:02}": LocationFactory(
            warehouse=here.warehouse,
            code=f"{aisle}-{bay:02}",
            zone="Hall",
            aisle=aisle,
            bay=f"{bay:02}",
            x=Decimal(3 * number),
            y=Decimal(2 * bay),
            pick_sequence=100 * number + bay,
        )
        for number, aisle in enumerate(AISLES)
        for bay in range(1, BAYS + 1)
    }
    Location.objects.filter(pk=here.bench.pk).update(x=0, y=0)
    WalkSettings.objects.create(warehouse=here.warehouse, **settings)
    return here, shelves


def goods_on(shelf: Location, quantity: int = 20, **more: Any) -> Product:
    """A product that lies on this shelf alone, named after it."""
    product = ProductFactory(sku=f"SKU-{shelf.code}", name=f"Goods of {shelf.code}", **more)
    stocked(product, shelf, quantity, lot=f"LOT-{shelf.code}", expires_in_days=60)
    return product


def task_for(*lines: tuple[Product, Any], **more: Any) -> PickingTask:
    return PickingTask.objects.get(order=order_for(list(lines), **more))


def batch_of(tasks: Sequence[PickingTask], picker: Actor | None = None) -> PickingBatch:
    """These tasks in one batch, walked by the picker if there is one."""
    batch = create_picking_batch(tasks[0].warehouse_id, [task.pk for task in tasks], actor=ACTOR)
    if picker is not None:
        assert picker.user_id is not None
        assign_picking_batch(batch.pk, picker.user_id, actor=ACTOR)
        batch = start_picking_batch(batch.pk, actor=picker)
    return batch


def tote(task: PickingTask) -> str:
    return f"TOTE-{task.pk}"


def pick_stop(item: PickingTaskItem, picker: Actor, quantity: Any = None, **more: Any) -> PickingTaskItem:
    """Pick a stop (all that is left of it) with the right scans, into the tote of its order."""
    item = PickingTaskItem.objects.select_related("location", "product", "task").get(pk=item.pk)
    scans = {"location_scan": item.location.barcode, "product_scan": item.product.sku, "tote_scan": tote(item.task)} | more
    return pick_item(item.pk, quantity or item.remaining, actor=picker, **scans)


def pick_rest(batch: PickingBatch, picker: Actor) -> None:
    for stop in remaining_stops(batch.pk):
        pick_stop(stop, picker)


def walk(batch: PickingBatch) -> list[tuple[str, int]]:
    """(place, position on the cart) of the stops that are left, in the order of the walk."""
    return [(stop.location.code, stop.task.tote or 0) for stop in remaining_stops(batch.pk).select_related("location", "task")]


def settled() -> None:
    """Batches have followed their tasks, as the subscriber makes them; then nothing contradicts, and the books balance."""
    settle_picking_batches(list(PickingTask.objects.values_list("pk", flat=True)), actor=ACTOR)
    agrees()
