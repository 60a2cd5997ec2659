"""Orders when goods are withdrawn: picking goes elsewhere, parcels stop, and what is good again is promised again."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
import redis as redis_client

from fulfillment.models import Order, PickingTask, PickingTaskItem, PutBack, Shipment
from fulfillment.services import waybills
from fulfillment.services.orders import retry_order
from fulfillment.services.packing_tasks import cancel_packing_task, ship_packing_task
from fulfillment.services.put_backs import complete_put_back
from inventory.errors import UnfitNow
from inventory.models import BatchLocation, Product, Reservation
from inventory.orchestrator import SaleLine, hold_batch, process_offline_sale, recall_batch, release_hold
from tests.factories.fulfillment import ACTOR, order_for, packed, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Role
from warehouse.outbox import subscribers
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(transactional_db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


def told(redis: redis_client.Redis, *names: str) -> None:
    """The events go out and these subscribers hear them."""
    Relay(redis).drain(threading.Event())
    for name in names:
        subscribers.advance(subscribers.REGISTERED[name])


def test_after_a_recall_the_picker_is_sent_to_other_goods(redis: redis_client.Redis, house: Site, milk: Product) -> None:
    bad = stocked(milk, house.shelf, 10, lot="BAD", expires_in_days=9)
    order_for([(milk, 4)])
    stocked(milk, house.shelf, 10, lot="GOOD", expires_in_days=30)

    recall_batch(bad.batch_id, reason="glass", actor=ACTOR)
    told(redis, "replan-picking")

    items = PickingTaskItem.objects.filter(status="pending").select_related("batch")
    assert [(item.batch.lot_number, item.quantity_required) for item in items] == [("GOOD", 4)]
    picked(PickingTask.objects.get(), person(Role.PICKER))
    assert_books_balance()


def test_a_till_that_takes_from_an_order_leaves_it_to_a_person(redis: redis_client.Redis, house: Site, milk: Product) -> None:
    stocked(milk, house.shelf, 4, lot="A", expires_in_days=9)
    order_for([(milk, 4)])
    named = [Reservation.objects.get().pk]
    lines = [SaleLine(milk.pk, Decimal(3))]

    process_offline_sale(warehouse_id=house.id, lines=lines, receipt_number="1", reservation_ids_to_release=named, actor=ACTOR)
    told(redis, "replan-picking")

    assert (PickingTask.objects.get().status, Order.objects.get().status) == ("cancelled", "needs_attention")
    assert totals(milk.pk, house.id) == (1, 0, 0, 1)
    assert_books_balance()


def test_a_recalled_parcel_is_not_handed_over(house: Site, milk: Product) -> None:
    """Its task is cancelled instead, and the goods go where recalled goods are kept; they are for sale nowhere."""
    bad = stocked(milk, house.shelf, 10, lot="BAD", expires_in_days=9)
    order = order_for([(milk, 4)], provider_code="postexpress")
    task = packed(picked(PickingTask.objects.get(order=order), person(Role.PICKER)), person(Role.PACKER))
    waybills.record_waybill(Shipment.objects.get().pk, waybills.Waybill("17", "PE17RS", "", "created", None), actor=ACTOR)

    done = recall_batch(bad.batch_id, reason="glass", actor=ACTOR)

    assert [(parcel.order_ref, parcel.quantity, parcel.location) for parcel in done.stop] == [(order.order_ref, 4, "PACK")]
    with pytest.raises(UnfitNow, match="recalled"):
        ship_packing_task(task.pk, actor=ACTOR)
    assert Order.objects.get().status != "shipped"
    cancel_packing_task(task.pk, "recalled", actor=ACTOR)
    (back,) = PutBack.objects.all()
    complete_put_back(back.pk, Decimal(4), actor=ACTOR, location_scan=house.shelf.barcode)
    assert totals(milk.pk, house.id) == (10, 0, 10, 0)
    assert set(BatchLocation.objects.filter(has_stock=True).values_list("blocked_reason", flat=True)) == {"recalled"}
    assert_books_balance()


def test_goods_out_of_a_hold_are_promised_to_who_was_refused(redis: redis_client.Redis, house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 10, lot="A", expires_in_days=9)
    hold_batch(place.batch_id, reason="a smell", actor=ACTOR)
    told(redis, "retry-rejected-orders")
    order = order_for([(milk, 4)])
    assert retry_order(order.pk, actor=ACTOR).status == "rejected"
    assert Order.objects.get().retry_due_at is None

    release_hold(place.batch_id, actor=ACTOR)
    told(redis, "retry-rejected-orders")

    assert Order.objects.get().retry_due_at is not None
    assert retry_order(order.pk, actor=ACTOR).status == "accepted"
