"""What is logged at which level, with fields to search by, once it is committed."""

from __future__ import annotations

import logging
from typing import Any

import psycopg.errors
import pytest
from django.db import Error as DatabaseError

from fulfillment.models import PackingTask
from fulfillment.services.other_goods import pick_other
from fulfillment.services.picking_tasks import cancel_picking_task
from fulfillment.tasks import sweep_shipments
from tests.factories.fulfillment import begun, order_for, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.parcels import packed_order
from tests.fulfillment.walks import three_lots, walk_for
from tests.partners.server import PartnerServer
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation

pytestmark = pytest.mark.django_db(transaction=True)


def said(caplog: pytest.LogCaptureFixture, level: int, message: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.levelno == level and record.getMessage() == message]


def test_a_task_from_its_creation_to_the_bench(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    picker, product, place = person(Role.PICKER), ProductFactory(), reachable_site()
    stocked(product, place.shelf, 20)
    order = order_for([(product, 2, place)])
    task = order.picking_tasks.get()
    ids = {"order_id": order.pk, "picking_task_id": task.pk}
    (created,) = said(caplog, logging.INFO, "picking task created")
    assert created.items() >= (ids | {"items_count": 1, "warehouse_id": task.warehouse_id}).items()
    (published,) = [each for each in said(caplog, logging.DEBUG, "event published") if each["event_type"] == "picking.created"]
    assert (published["aggregate_type"], published["aggregate_id"]) == ("picking_task", str(task.pk))

    picked(task, picker)
    (changed,) = said(caplog, logging.INFO, "picking task: in_progress")
    assert changed.items() >= (ids | {"status": "in_progress"}).items()
    (item,) = said(caplog, logging.DEBUG, "item picked")
    assert item.items() >= (ids | {"item_id": task.items.get().pk, "quantity": "2", "remaining": "0"}).items()
    (finished,) = said(caplog, logging.DEBUG, "picking task item: picked")
    assert finished["picking_task_id"] == task.pk
    assert len(said(caplog, logging.INFO, "picking task: completed")) == 1
    (packing,) = said(caplog, logging.INFO, "packing task created")
    assert packing.items() >= (ids | {"packing_task_id": PackingTask.objects.get().pk, "items_count": 1}).items()


def test_other_goods_are_told_like_those_that_were_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    picker, product, place = person(Role.PICKER), ProductFactory(), reachable_site()
    lots = three_lots(place, product, 10, 10, 10)
    task = walk_for(picker, (product, 5))
    pick_other(task.items.get().pk, 2, actor=picker, location_scan="B-10", product_scan="B", reason="torn")
    (item,) = said(caplog, logging.DEBUG, "item picked")
    row = task.items.get(batch=lots.second.batch)
    assert item.items() >= {"picking_task_id": task.pk, "item_id": row.pk, "batch_id": row.batch_id, "quantity": "2", "remaining": "0"}.items()


def test_what_is_rolled_back_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    picker, product, place = person(Role.PICKER), ProductFactory(), reachable_site()
    stocked(product, place.shelf, 20)
    task = begun(order_for([(product, 2, place)]).picking_tasks.get(), picker)

    @operation(Role.PICKER)
    def pick_and_fail(*, actor: Actor) -> None:
        cancel_picking_task.inside(task.pk, "x", actor=actor)
        raise Conflict("no")

    caplog.clear()
    with pytest.raises(Conflict):
        pick_and_fail(actor=picker)
    assert said(caplog, logging.INFO, "picking task: cancelled") == []
    assert said(caplog, logging.DEBUG, "event published") == []
    cancel_picking_task(task.pk, "x", actor=person(Role.MANAGER))
    assert len(said(caplog, logging.INFO, "picking task: cancelled")) == 1


@pytest.mark.usefixtures("redis", "order_system")
def test_a_partner_that_fails_is_a_warning(caplog: pytest.LogCaptureFixture, delivery: PartnerServer) -> None:
    packed_order()
    delivery.fail("status", status=503, times=None)
    sweep_shipments()
    (failed,) = [record for record in caplog.records if record.levelno == logging.WARNING and "failed after" in record.getMessage()]
    assert vars(failed)["partner"] == "delivery service"


def test_an_operation_that_never_gets_through_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    @operation()
    def unlucky(*, actor: Actor) -> None:
        raise DatabaseError("deadlock detected") from psycopg.errors.DeadlockDetected()

    with pytest.raises(Conflict):
        unlucky(actor=Actor.system("test"))
    (given_up,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert given_up.getMessage() == "rolled back for good"
    assert vars(given_up)["attempts"] == 4
