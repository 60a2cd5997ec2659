"""Orders that those who take them from customers ask for by events: each is answered, and one that can't be done stops no other."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fulfillment.enums import SOURCE_LISTINGS
from fulfillment.models import Order, PickingTask, PutBack, Shipment
from fulfillment.services.channel_orders import answer_channel_order
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.waybills import Waybill, claim_shipment, keep_shipment_request, record_waybill
from inventory import orchestrator
from inventory.models import Product, Reservation, Stock
from inventory.orchestrator import OrderedLine
from tests.factories.fulfillment import ACTOR, begun, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.fulfillment.walks import agrees
from warehouse.core.actor import Role
from warehouse.core.order_events import ORDER_CANCELLATION_ASKED, ORDER_CHANGED, ORDER_CONFIRMED, RESERVED_SOURCES
from warehouse.outbox.events import Event, publish
from warehouse.outbox.models import OutboxEvent, Subscription
from warehouse.outbox.relay import Relay
from warehouse.outbox.resilience import connect_redis
from warehouse.outbox.subscribers import REGISTERED, advance

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def ask(asked: str, order_id: str, **more: Any) -> None:
    """What the one who took the order says, as `stocksync` does."""
    with transaction.atomic():
        publish([Event(asked, "channel_order", order_id, {"order_source": "shop", "order_id": order_id, **more})], actor=ACTOR)


def confirm(order_id: str, product: Product, quantity: int, place: Site) -> None:
    """The promise first, then the question, in one transaction."""
    lines = [{"sku": product.sku, "quantity": str(quantity), "warehouse": place.warehouse.code}]
    with transaction.atomic():
        orchestrator.promise_order.inside(f"shop:{order_id}", orchestrator.resolve_lines(lines), actor=ACTOR)
        publish([Event(ORDER_CONFIRMED, "channel_order", order_id, {"order_source": "shop", "order_id": order_id, "lines": lines})], actor=ACTOR)


def relay_all() -> None:
    relay = Relay(connect_redis(settings.REDIS_URL, decode=False))
    while relay.publish_batch().published:
        pass


def hear() -> None:
    """Everything that was asked is answered."""
    relay_all()
    mine = REGISTERED["take-in-channel-orders"]
    while advance(mine):
        pass
    assert Subscription.objects.get(pk=mine.name).attempts == 0


def answers() -> list[tuple[str, str]]:
    """What was said of orders, in order, without what was asked."""
    rows = OutboxEvent.objects.filter(type__startswith="order.").exclude(aggregate_type="channel_order").order_by("sequence")
    return [(row.type, row.payload["order_id"]) for row in rows]


def refusals() -> list[dict[str, Any]]:
    return [row.payload for row in OutboxEvent.objects.filter(type="order.refused").order_by("sequence")]


@pytest.fixture
def place() -> Site:
    return reachable_site(code="ONE")


@pytest.fixture
def product(place: Site) -> Product:
    made = ProductFactory(sku="APPLE")
    stocked(made, place.shelf, 20, expires_in_days=60)
    return made


@pytest.fixture(autouse=True)
def books(db: None) -> Iterator[None]:
    """Whatever a test did, fulfilment and inventory agree afterwards."""
    yield
    agrees()


def test_a_confirmed_order_is_picked_from_the_promise_that_was_made_for_it(place, product):
    confirm("A1", product, 4, place)
    promised = Reservation.objects.get()
    item = promised.items.get()

    hear()

    order = Order.objects.get()
    assert (order.source, order.external_id, order.status, order.order_ref) == ("shop", "A1", "accepted", promised.order_ref)
    task = PickingTask.objects.get()
    assert (task.reservation_id, task.warehouse_id, task.total_items) == (promised.pk, place.warehouse.pk, 1)
    assert list(task.items.values_list("reservation_item_id", "batch_location_id", "quantity_required")) == [
        (item.pk, item.batch_location_id, Decimal(4))
    ]
    assert (Reservation.objects.count(), Stock.objects.get().reserved) == (1, Decimal(4))
    assert answers() == [("order.accepted", "A1")]


def test_the_same_again_changes_nothing(place, product):
    confirm("A1", product, 4, place)
    hear()
    before = Order.objects.get().version
    ask(ORDER_CONFIRMED, "A1", lines=[{"sku": "APPLE", "quantity": "4", "warehouse": "ONE"}])
    hear()
    assert (answers(), Order.objects.get().version, PickingTask.objects.count()) == ([("order.accepted", "A1")], before, 1)


def test_one_that_can_not_be_taken_in_is_refused_and_stops_no_other(place, product):
    ask(ORDER_CONFIRMED, "A1", lines=[{"sku": "GONE", "quantity": "4", "warehouse": "ONE"}])
    ask(ORDER_CONFIRMED, "A2", lines=[{"sku": "APPLE", "quantity": "many", "warehouse": "ONE"}])
    confirm("A3", product, 4, place)
    with transaction.atomic():
        orchestrator.promise_order.inside("shop:A4", [OrderedLine(product.pk, Decimal(2))], actor=ACTOR)
    ask(ORDER_CONFIRMED, "A4", lines=[{"sku": "APPLE", "quantity": "3", "warehouse": "ONE"}])

    hear()

    assert answers() == [("order.refused", "A1"), ("order.refused", "A2"), ("order.accepted", "A3"), ("order.refused", "A4")]
    assert [(row["order_source"], row["asked"], row["code"]) for row in refusals()] == [
        ("shop", "order.confirmed", "unknown_product"),
        ("shop", "order.confirmed", "validation_failed"),
        ("shop", "order.confirmed", "conflict"),
    ]
    assert "GONE" in refusals()[0]["detail"]
    assert list(Order.objects.values_list("external_id", flat=True)) == ["A3"]
    # What is promised to the one that was refused is its own affair: whoever promised it hears the refusal.
    with transaction.atomic():
        orchestrator.release_order.inside("shop:A4", reason="refused", actor=ACTOR)


def test_a_promise_that_is_gone_is_made_anew_or_the_order_waits_for_stock(place, product):
    for order_id, quantity in (("A1", 5), ("A2", 15)):
        confirm(order_id, product, quantity, place)
        with transaction.atomic():
            orchestrator.release_order.inside(f"shop:{order_id}", reason="by hand", actor=ACTOR)
    with transaction.atomic():
        orchestrator.promise_order.inside("shop:B", [OrderedLine(product.pk, Decimal(10))], actor=ACTOR)

    hear()

    assert answers() == [("order.accepted", "A1"), ("order.rejected", "A2")]
    assert list(Order.objects.order_by("pk").values_list("status", "retry_when_stocked")) == [("accepted", True), ("rejected", True)]
    with transaction.atomic():
        orchestrator.release_order.inside("shop:B", reason="by hand", actor=ACTOR)


def test_a_half_picked_order_is_cancelled_and_its_goods_go_back(place, product):
    confirm("A1", product, 10, place)
    hear()
    picker = person(Role.PICKER)
    pick(begun(PickingTask.objects.get(), picker).items.get(), picker, 7)

    ask(ORDER_CANCELLATION_ASKED, "A1", reason="The customer changed their mind")
    hear()

    order = Order.objects.get()
    assert (order.status, order.cancellation_reason) == ("cancelled", "The customer changed their mind")
    assert [(back.quantity, back.status) for back in PutBack.objects.all()] == [(Decimal(7), "pending")]
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved, stock.blocked) == (Decimal(20), Decimal(0), Decimal(7))
    assert answers() == [("order.accepted", "A1"), ("order.cancelled", "A1")]
    told = OutboxEvent.objects.get(type="order.cancelled").payload
    assert (told["order_source"], told["reason"]) == ("shop", "The customer changed their mind")


def test_each_cancellation_is_answered_once(place, product):
    """Also of an order that is cancelled already, or never came; and what is confirmed after that is cancelled, its promise released."""
    confirm("A1", product, 4, place)
    hear()
    process_order_cancelled("shop", "A1", "by the manager", actor=ACTOR)
    ask(ORDER_CANCELLATION_ASKED, "A1", reason="late")
    ask(ORDER_CANCELLATION_ASKED, "A2", reason="early")
    hear()
    assert answers() == [("order.accepted", "A1"), ("order.cancelled", "A1"), ("order.cancelled", "A1"), ("order.cancelled", "A2")]
    assert list(Order.objects.order_by("pk").values_list("status", "cancellation_reason")) == [
        ("cancelled", "by the manager"),
        ("cancelled", "early"),
    ]

    confirm("A2", product, 4, place)
    hear()

    assert answers()[4:] == [("order.cancelled", "A2")]
    assert (PickingTask.objects.filter(order__external_id="A2").count(), Stock.objects.get().reserved) == (0, Decimal(0))


def test_what_was_handed_over_is_refused(place, product):
    confirm("A1", product, 4, place)
    hear()
    packer = person(Role.PACKER)
    task = packed(picked(PickingTask.objects.get(), person(Role.PICKER)), packer)
    shipment = Shipment.objects.get().pk
    claimed = claim_shipment(shipment, actor=ACTOR)
    assert claimed is not None
    keep_shipment_request(claimed, {"package": {}}, actor=ACTOR)
    record_waybill(shipment, Waybill("w-1", "TRACK-1", "", "created", None), actor=ACTOR)
    ship_packing_task(task.pk, actor=packer)

    ask(ORDER_CANCELLATION_ASKED, "A1", reason="too late")
    hear()

    (refusal,) = refusals()
    assert (refusal["order_id"], refusal["asked"], refusal["code"]) == ("A1", "order.cancellation_asked", "transition_refused")
    assert "Take it back as a return" in refusal["detail"]
    assert Order.objects.get().status == "shipped"


def test_a_changed_order_is_revised(place, product):
    confirm("A1", product, 4, place)
    lines = [{"sku": "apple", "quantity": "7", "warehouse": "ONE"}]
    ask(ORDER_CHANGED, "A1", lines=lines)
    hear()
    assert answers() == [("order.accepted", "A1"), ("order.revised", "A1")]
    assert PickingTask.objects.get(status="pending").items.get().quantity_required == Decimal(7)
    assert (Stock.objects.get().reserved, Reservation.objects.count()) == (Decimal(7), 1)
    # In the words of the one who asked.
    assert OutboxEvent.objects.get(type="order.revised").payload["lines"] == lines

    # It is so already, and that is said again.
    before = Order.objects.get().version
    ask(ORDER_CHANGED, "A1", lines=lines)
    hear()
    assert answers()[2:] == [("order.revised", "A1")]
    assert (Order.objects.get().version, PickingTask.objects.filter(status="pending").count()) == (before, 1)


def test_a_change_that_can_not_be_is_refused_and_leaves_everything(place, product):
    confirm("A1", product, 4, place)
    confirm("A2", product, 4, place)
    hear()
    begun(PickingTask.objects.get(order__external_id="A2"), person(Role.PICKER))
    tasks = list(PickingTask.objects.order_by("pk").values())
    ask(ORDER_CHANGED, "A1", lines=[{"sku": "APPLE", "quantity": "17", "warehouse": "ONE"}])
    ask(ORDER_CHANGED, "A2", lines=[{"sku": "APPLE", "quantity": "5", "warehouse": "ONE"}])
    ask(ORDER_CHANGED, "A3", lines=[{"sku": "APPLE", "quantity": "5", "warehouse": "ONE"}])
    hear()
    assert [(row["order_id"], row["asked"], row["code"]) for row in refusals()] == [
        ("A1", "order.changed", "insufficient_stock"),
        ("A2", "order.changed", "transition_refused"),
        ("A3", "order.changed", "not_found"),
    ]
    assert refusals()[0]["detail"] == "Not enough stock. APPLE: asked 17, available 16."
    assert list(PickingTask.objects.order_by("pk").values()) == tasks
    assert Stock.objects.get().reserved == Decimal(8)


def test_what_is_no_refusal_fails_and_is_tried_again(place, product):
    ask(ORDER_CONFIRMED, "A1")
    relay_all()
    mine = REGISTERED["take-in-channel-orders"]
    advance(mine)
    subscription = Subscription.objects.get(pk=mine.name)
    assert (subscription.attempts, subscription.last_error) == (1, "KeyError: 'lines'")
    assert (Order.objects.count(), answers()) == (0, [])


def test_an_order_of_the_order_system_is_named_by_nobody_else():
    assert SOURCE_LISTINGS in RESERVED_SOURCES


@pytest.mark.parametrize("many", [1, 12])
def test_statements_do_not_grow_with_the_lines(place, many):
    lines = []
    for number in range(many):
        made = ProductFactory(sku=f"P-{number}")
        stocked(made, place.shelf, 5)
        lines.append({"sku": made.sku, "quantity": "2", "warehouse": "ONE"})
    with transaction.atomic():
        orchestrator.promise_order.inside("shop:A1", orchestrator.resolve_lines(lines), actor=ACTOR)
    asked = {"order_source": "shop", "order_id": "A1"}
    counts = []
    for kind, more in ((ORDER_CONFIRMED, {"lines": lines}), (ORDER_CANCELLATION_ASKED, {"reason": "x"})):
        with transaction.atomic(), CaptureQueriesContext(connection) as statements:
            answer_channel_order.inside(kind, {**asked, **more}, actor=ACTOR)
        counts.append(len(statements))
    assert counts == [18, 22]
