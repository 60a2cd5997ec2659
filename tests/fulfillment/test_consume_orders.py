"""Orders from the order system's stream."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from functools import partial

import pytest
from django.conf import settings

from fulfillment.models import Order, PickingTask
from fulfillment.services.stream_orders import handle_entry
from fulfillment.subscribers import retry_rejected_orders
from fulfillment.tasks import retry_due_orders
from inventory.models import Stock
from inventory.orchestrator import put_away
from tests.factories.fulfillment import ACTOR, order_for, site, stocked
from tests.factories.inventory import ProductFactory, StorefrontFactory, StorefrontProductFactory
from warehouse.outbox import subscribers
from warehouse.outbox.consumer import StreamConsumer
from warehouse.outbox.models import InboxEntry, OutboxEvent
from warehouse.outbox.relay import Relay
from warehouse.outbox.resilience import connect_redis

pytestmark = pytest.mark.django_db(transaction=True)

STREAM = settings.ORDERS_STREAM


@pytest.fixture
def consumer(redis) -> StreamConsumer:
    return StreamConsumer(settings.LISTINGS_REDIS_URL, STREAM, settings.ORDERS_GROUP, "test", partial(handle_entry, STREAM))


@pytest.fixture
def listings() -> dict[str, object]:
    """Two warehouses, 1 and 2, with ten of listing 100 in each."""
    storefront, product = StorefrontFactory(external_id="10"), ProductFactory(sku="APPLE")
    StorefrontProductFactory(storefront=storefront, product=product, external_listing_id="100")
    for number in ("1", "2"):
        stocked(product, site(external_id=number).shelf, 10)
    return {"product": product}


def confirmed(order_id: object, items: object, **more: str) -> dict[str, str]:
    return {
        "type": "order.confirmed",
        "order_id": str(order_id),
        "storefront_id": "10",
        "items": json.dumps(items),
        "timestamp": "1700000000",
        **more,
    }


def test_an_order_for_two_warehouses(consumer, listings, redis):
    redis.xadd(
        STREAM, confirmed(123, [{"listing_id": 100, "quantity": 2, "warehouse_id": 1}, {"listing_id": "100", "quantity": "3", "warehouse_id": "2"}])
    )
    counters = consumer.drain()
    assert (counters.handled, counters.dead) == (1, 0)
    order = Order.objects.get()
    assert (order.order_ref, order.storefront_external_id, order.status) == ("listings:123", "10", "accepted")
    tasks = PickingTask.objects.order_by("warehouse__external_id")
    assert [(task.warehouse.external_id, task.items.get().quantity_required) for task in tasks] == [("1", Decimal(2)), ("2", Decimal(3))]
    assert redis.xpending(STREAM, settings.ORDERS_GROUP)["pending"] == 0


def test_quoted_ids_unknown_fields_and_repetitions(consumer, listings, redis):
    redis.xadd(STREAM, confirmed('"123"', [{"listing_id": "100", "quantity": 2.0, "warehouse_id": 1, "price": 3.5}], colour="blue"))
    redis.xadd(STREAM, confirmed(123, [{"listing_id": 100, "quantity": 2, "warehouse_id": 1}]))
    assert consumer.drain().handled == 2
    assert (Order.objects.get().external_id, PickingTask.objects.count(), InboxEntry.objects.count()) == ("123", 1, 2)


def test_cancelled_before_confirmed_and_after(consumer, listings, redis):
    items = [{"listing_id": 100, "quantity": 2, "warehouse_id": 1}]
    for entry in (
        {"type": "order.cancelled", "order_id": "1", "reason": "early"},
        confirmed(1, items),
        confirmed(2, items),
        {"type": "order.cancelled", "order_id": "2", "reason": "late", "timestamp": "1700000000"},
    ):
        redis.xadd(STREAM, entry)
    assert consumer.drain().handled == 4
    assert list(Order.objects.order_by("external_id").values_list("external_id", "status", "cancellation_reason")) == [
        ("1", "cancelled", "early"),
        ("2", "cancelled", "late"),
    ]
    assert set(Stock.objects.values_list("reserved", flat=True)) == {Decimal(0)}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "order.exploded", "order_id": "1"}, "validation_failed"),
        ({"order_id": "1"}, "validation_failed"),
        ({"type": "order.confirmed", "items": "[]"}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1"}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": "[{"}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": "[]"}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": "{}"}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": "[1]"}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": '[{"listing_id": 100, "quantity": NaN}]'}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": '[{"listing_id": 100, "quantity": 1e30}]'}, "validation_failed"),
        ({"type": "order.confirmed", "order_id": "1", "items": '[{"listing_id": 999, "quantity": 1}]'}, "unknown_product"),
        ({"type": "order.confirmed", "order_id": "1", "items": '[{"listing_id": 100, "quantity": 1, "warehouse_id": 9}]'}, "unknown_warehouse"),
        ({"type": "order.cancelled"}, "validation_failed"),
    ],
)
def test_what_can_not_be_read_goes_to_the_dead_letters_at_once(consumer, listings, redis, fields, code):
    entry = redis.xadd(STREAM, fields)
    redis.xadd(STREAM, confirmed(2, [{"listing_id": 100, "quantity": 1}]))
    counters = consumer.drain()
    assert (counters.dead, counters.handled) == (1, 1)
    ((_, letter),) = redis.xrange(f"{STREAM}:dlq")
    assert (letter["entry_id"], letter["error_code"]) == (entry, code)
    assert fields.items() <= letter.items()
    assert Order.objects.get().external_id == "2"
    assert OutboxEvent.objects.filter(payload__order_id="1").count() == 0


def test_a_shortage_is_an_answer_and_no_error(consumer, listings, redis):
    redis.xadd(STREAM, confirmed(1, [{"listing_id": 100, "quantity": 11, "warehouse_id": 1}]))
    assert consumer.drain().handled == 1
    assert Order.objects.get().status == "rejected"
    event = OutboxEvent.objects.get(type="order.rejected")
    assert [(line["sku"], line["asked"], line["available"]) for line in event.payload["shortages"]] == [("APPLE", "11.000", "10.000")]


def hear_what_happened():
    relay = Relay(connect_redis(settings.REDIS_URL, decode=False))
    while relay.publish_batch().published:
        pass
    mine = next(each for each in subscribers.REGISTERED.values() if each.handle is retry_rejected_orders)
    while subscribers.advance(mine):
        pass


def test_stock_that_arrives_has_rejected_orders_tried_again(consumer, listings, redis):
    order = order_for([(listings["product"], 25)])
    assert order.status == "rejected"
    stocked(listings["product"], site(external_id="3").shelf, 10)
    hear_what_happened()
    assert Order.objects.get().retry_due_at is not None

    retry_due_orders()

    assert Order.objects.get().status == "accepted"
    assert sum(PickingTask.objects.values_list("total_items", flat=True)) == 3


def test_goods_that_leave_the_dock_have_rejected_orders_tried_again(consumer, listings, redis):
    """They were on the books before, but not for sale."""
    order_for([(listings["product"], 25)])
    dock = stocked(listings["product"], site(external_id="3").dock, 10)
    hear_what_happened()
    retry_due_orders()
    assert Order.objects.get().status == "rejected"

    put_away(dock.pk, Decimal(10), actor=ACTOR)
    hear_what_happened()
    retry_due_orders()

    assert Order.objects.get().status == "accepted"


def test_the_command_takes_in_what_there_is(environment, listings, redis):
    redis.xadd(STREAM, confirmed(1, [{"listing_id": 100, "quantity": 1}]))
    command = [sys.executable, "manage.py", "consume_orders", "--drain", "--name", "t"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "handled=1" in done.stdout
    assert Order.objects.get().status == "accepted"
