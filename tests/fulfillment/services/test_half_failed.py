"""A chain of steps that fails in the middle leaves no orphan: a failure at every single statement of every step, and then the whole way through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from fulfillment.models import Order, PackingTask, PickingTask, PickingTaskItem, PutBack, Shipment
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import complete_packing_task, ship_packing_task
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.waybills import Waybill, claim_shipment, keep_shipment_request, record_waybill
from inventory.models import BatchLocation, Movement, Product, Reservation, ReservationItem, Stock
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


class Lost(Exception):
    """The connection, the disk, the process: whatever it was."""


@contextmanager
def lost_at(number: int) -> Iterator[None]:
    """The statement of this number never comes to its end."""
    seen = 0

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        # What opens and closes the transaction itself is no step of it.
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            seen += 1
            if seen == number:
                raise Lost
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


def everything() -> list[Any]:
    """All rows that a step may write."""
    models = [Order, PickingTask, PickingTaskItem, PackingTask, Shipment, PutBack, BatchLocation, Stock, Reservation, ReservationItem]
    return [list(model.objects.order_by("pk").values()) for model in models] + [Movement.objects.count(), OutboxEvent.objects.count()]


@pytest.fixture
def house(db: None) -> tuple[Site, Product]:
    place, product = reachable_site(code="ONE"), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 20, lot="L-1", expires_in_days=90)
    return place, product


Step = Callable[[], Any]


def taking_in(place: Site, product: Product) -> Step:
    return lambda: order_for([(product, 5)], external_id="7")


def picking(place: Site, product: Product) -> Step:
    order_for([(product, 5)], external_id="7")
    picker = person(Role.PICKER)
    item = begun(PickingTask.objects.get(), picker).items.get()
    return lambda: pick(item, picker, 3)


def closing_the_walk(place: Site, product: Product) -> Step:
    order_for([(product, 5)], external_id="7")
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker)
    return lambda: complete_picking_task(task.pk, actor=picker)


def to_pack(product: Product) -> PackingTask:
    order_for([(product, 5)], external_id="7")
    return picked(PickingTask.objects.get(), person(Role.PICKER))


def closing_the_packing(place: Site, product: Product) -> Step:
    task = packed(to_pack(product), person(Role.PACKER))
    Shipment.objects.all().delete()
    PackingTask.objects.update(status="in_progress")
    return lambda: complete_packing_task(task.pk, actor=ACTOR)


def ready(product: Product) -> Shipment:
    packed(to_pack(product), person(Role.PACKER))
    shipment = Shipment.objects.get()
    claimed = claim_shipment(shipment.pk, actor=ACTOR)
    assert claimed is not None
    keep_shipment_request(claimed, {}, actor=ACTOR)
    return shipment


WAYBILL = Waybill("w-1", "TRACK-1", "", "created", None)


def recording_the_waybill(place: Site, product: Product) -> Step:
    shipment = ready(product)
    return lambda: record_waybill(shipment.pk, WAYBILL, actor=ACTOR)


def handing_over(place: Site, product: Product) -> Step:
    shipment = record_waybill(ready(product).pk, WAYBILL, actor=ACTOR)
    return lambda: ship_packing_task(shipment.packing_task_id, actor=ACTOR)


def cancelling_half_picked(place: Site, product: Product) -> Step:
    picking(place, product)()
    return lambda: process_order_cancelled("listings", "7", "", actor=ACTOR)


def cancelling_with_a_waybill(place: Site, product: Product) -> Step:
    record_waybill(ready(product).pk, WAYBILL, actor=ACTOR)
    return lambda: process_order_cancelled("listings", "7", "", actor=ACTOR)


def putting_back(place: Site, product: Product) -> Step:
    cancelling_half_picked(place, product)()
    return lambda: complete_put_back(PutBack.objects.get().pk, 3, actor=ACTOR, location_scan=place.shelf.code)


STEPS = [
    taking_in, picking, closing_the_walk, closing_the_packing, recording_the_waybill, handing_over, cancelling_half_picked, cancelling_with_a_waybill,
    putting_back,
]  # fmt: skip


@pytest.mark.parametrize("prepare", STEPS, ids=lambda step: step.__name__)
def test_a_failure_at_any_statement_leaves_everything_as_it_was(house: tuple[Site, Product], prepare: Callable[[Site, Product], Step]) -> None:
    step = prepare(*house)
    before = everything()
    number = 0
    while True:
        number += 1
        try:
            with lost_at(number):
                step()
        except Lost:
            assert everything() == before, f"after statement {number}"
        else:
            break
    assert number > 5
    assert everything() != before
    assert_books_balance()
    assert everything_that_contradicts() == []
