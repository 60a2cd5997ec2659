"""What is put off, how far one is, what is urgent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.models import Order, PackingTask, PickingTask
from fulfillment.queries.picking_tasks import ZoneLeft, next_item, progress_of
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import claim_next_picking_task
from fulfillment.services.picks import defer_item
from fulfillment.services.priorities import change_picking_priority, change_priority
from fulfillment.services.shorts import skip_item
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, order_for, person, pick, picked, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.walks import shelf, stops, walk_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def goods(house: Site) -> list[Product]:
    """Three products on three shelves of two zones, in walking order."""
    rows = [ProductFactory(sku=sku) for sku in ("MILK", "BREAD", "JAM")]
    for walk, (product, zone) in enumerate(zip(rows, ("", "Hall", "Hall"), strict=True), start=1):
        stocked(product, shelf(house, f"S-{walk}", walk, zone=zone), 20, lot=product.sku[0])
    return rows


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


def manager() -> Actor:
    return person(Role.MANAGER)


def test_an_item_that_is_put_off_comes_last(goods: list[Product], picker: Actor) -> None:
    milk, bread, jam = goods
    task = walk_for(picker, (milk, 1), (bread, 1), (jam, 1))
    first = task.items.get(product=milk)
    deferred = defer_item(first.pk, actor=picker, expected_version=task.version)
    assert (deferred.status, deferred.deferred_at is not None) == ("pending", True)
    assert [code for _, code, *_ in stops(task)] == ["S-2", "S-3", "S-1"]
    assert PickingTask.objects.get().version == task.version + 1
    defer_item(task.items.get(product=bread).pk, actor=picker)
    assert [code for _, code, *_ in stops(task)] == ["S-3", "S-1", "S-2"]
    pick(task.items.get(product=jam), picker)
    upcoming = next_item(task.pk)
    assert upcoming == first
    defer_item(first.pk, actor=picker)
    assert next_item(task.pk).product_id == bread.pk  # type: ignore[union-attr]


def test_the_last_item_can_not_be_put_off(goods: list[Product], picker: Actor) -> None:
    milk, bread, _ = goods
    task = walk_for(picker, (milk, 1), (bread, 1))
    pick(task.items.get(product=milk), picker)
    with pytest.raises(TransitionRefused):
        defer_item(task.items.get(product=milk).pk, actor=picker)
    with pytest.raises(Conflict) as refusal:
        defer_item(task.items.get(product=bread).pk, actor=picker)
    assert "all that is left" in refusal.value.detail
    with pytest.raises(PermissionDenied):
        defer_item(task.items.get(product=bread).pk, actor=person(Role.PICKER))
    with pytest.raises(StaleVersion):
        defer_item(task.items.get(product=bread).pk, actor=picker, expected_version=1)


def test_how_far_a_walk_is(goods: list[Product], picker: Actor) -> None:
    milk, bread, jam = goods
    task = walk_for(picker, (milk, 4), (bread, 3), (jam, 2))
    pick(task.items.get(product=milk), picker, 1)
    skip_item(task.items.get(product=jam).pk, actor=picker)
    with CaptureQueriesContext(connection) as queries:
        far = progress_of(task.items.select_related("location").order_by("sequence"))
    assert (far.items, far.done, far.picked, far.remaining) == (3, 1, Decimal(1), Decimal(6))
    assert far.percent == 41  # (1 + 1/4) of 3
    assert far.zones == (ZoneLeft("", 1, Decimal(3)), ZoneLeft("Hall", 1, Decimal(3)))
    assert len(queries) == 1
    assert progress_of([]).percent == 100


def test_an_urgent_order_is_picked_next(goods: list[Product], house: Site) -> None:
    milk = goods[0]
    soon = timezone.now() + timedelta(hours=1)
    order_for([(milk, 1)], ship_by=soon)
    late = order_for([(milk, 1)])

    with heard() as events:
        task = change_picking_priority(late.picking_tasks.get().pk, "urgent", actor=manager())

    assert (task.priority, task.urgency, Order.objects.get(pk=late.pk).priority) == ("urgent", 0, "urgent")
    assert events.of("order.priority_changed") == [
        {"order_id": late.external_id, "order_source": "listings", "order_number": "", "priority": "urgent", "before": "normal"}
    ]
    assert claim_next_picking_task(house.id, actor=person(Role.PICKER)).order_id == late.pk  # type: ignore[union-attr]


def test_all_open_work_of_an_order_is_as_urgent(goods: list[Product], house: Site, picker: Actor) -> None:
    milk, other = goods[0], site(code="B2", external_id="2")
    stocked(milk, other.shelf, 5)
    order = order_for([(milk, 1, house), (milk, 1, other)])
    done, waiting = PickingTask.objects.order_by("pk")
    picked(done, picker)
    packing = PackingTask.objects.get()

    changed = change_priority(order.pk, "high", actor=manager(), expected_version=Order.objects.get().version)

    assert changed.priority == "high"
    assert list(PickingTask.objects.order_by("pk").values_list("priority", flat=True)) == ["normal", "high"]
    assert PackingTask.objects.get().priority == "high"
    assert PickingTask.objects.get(pk=waiting.pk).version == waiting.version + 1
    assert PackingTask.objects.get().version == packing.version + 1
    with heard() as events:
        change_priority(order.pk, "high", actor=manager())
    assert events.types() == []


def test_who_may_not_and_when_not(goods: list[Product], picker: Actor) -> None:
    order = order_for([(goods[0], 1)])
    task = order.picking_tasks.get()
    for nobody in (picker, person(Role.PACKER), person(Role.INTEGRATION)):
        with pytest.raises(PermissionDenied):
            change_priority(order.pk, "high", actor=nobody)
        with pytest.raises(PermissionDenied):
            change_picking_priority(task.pk, "high", actor=nobody)
    with pytest.raises(ValidationFailed):
        change_priority(order.pk, "at once", actor=manager())
    with pytest.raises(StaleVersion):
        change_picking_priority(task.pk, "high", actor=manager(), expected_version=7)
    process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)
    with pytest.raises(Conflict):
        change_priority(order.pk, "high", actor=manager())
