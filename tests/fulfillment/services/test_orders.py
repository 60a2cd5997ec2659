"""Orders taken in: once, whole, or not at all."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.enums import OrderStatus
from fulfillment.models import Order, OrderLine, PickingTask, PickingTaskItem
from fulfillment.queries.owed import orders_to_retry
from fulfillment.services.orders import mark_orders_for_retry, process_order_cancelled, process_order_confirmed, retry_order
from fulfillment.tasks import retry_due_orders
from inventory.errors import UnknownProduct, UnknownWarehouse
from inventory.models import BatchLocation, Reservation, Stock
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.factories.fulfillment import ACTOR, order_for, person, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, StorefrontProductFactory
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound, PermissionDenied, TransitionRefused, ValidationFailed
from warehouse.core.transactions import run_once
from warehouse.outbox.claims import InboxClaim
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def events(*types: str) -> list[tuple[str, dict]]:
    rows = OutboxEvent.objects.order_by("sequence")
    return [(row.type, row.payload) for row in rows if row.type in types]


def test_an_order_is_promised_and_gets_a_picking_task_in_walking_order():
    place = site(code="B", external_id="7")
    near = LocationFactory(warehouse=place.warehouse, code="A-00", pick_sequence=1)
    far = LocationFactory(warehouse=place.warehouse, code="Z-99", pick_sequence=900)
    apples, pears = ProductFactory(sku="APPLE"), ProductFactory(sku="PEAR")
    old = stocked(apples, far, 3, expires_in_days=30)
    new = stocked(apples, near, 10, expires_in_days=60)
    stocked(pears, near, 5)
    listing = StorefrontProductFactory(product=apples, external_listing_id="100")

    order = process_order_confirmed(
        "listings",
        "5001",
        [{"listing_id": 100, "quantity": "5", "warehouse_id": 7}, {"sku": "pear", "quantity": 2}],
        actor=ACTOR,
        storefront_external_id=listing.storefront.external_id,
        priority="high",
        order_number="ORD-5001",
    )

    assert (order.status, order.order_ref, order.priority) == (OrderStatus.ACCEPTED, "listings:5001", "high")
    assert list(OrderLine.objects.order_by("pk").values_list("product__sku", "quantity", "listing_id", "warehouse__external_id")) == [
        ("APPLE", Decimal(5), "100", "7"),
        ("PEAR", Decimal(2), "", None),
    ]
    task = PickingTask.objects.get()
    assert (task.order, task.warehouse_id, task.priority, task.total_items, task.picked_items) == (order, place.id, "high", 3, 0)
    assert task.number.startswith(f"PCK-{timezone.now().year}-")
    # APPLE leaves first expired first, but the walk begins at the near shelf.
    assert list(task.items.values_list("sequence", "location__code", "product__sku", "quantity_required", "batch_location", "listing_id")) == [
        (1, "A-00", "APPLE", Decimal(2), new.pk, "100"),
        (2, "A-00", "PEAR", Decimal(2), BatchLocation.objects.get(product=pears).pk, ""),
        (3, "Z-99", "APPLE", Decimal(3), old.pk, "100"),
    ]
    held = Reservation.objects.get()
    assert (held.pk, held.order_ref, held.expires_at) == (task.reservation_id, "listings:5001", None)
    assert set(task.items.values_list("reservation_item_id", flat=True)) == set(held.items.values_list("pk", flat=True))
    assert events("order.accepted", "picking.created") == [
        ("order.accepted", {"order_id": "5001", "order_source": "listings", "order_number": "ORD-5001"}),
        ("picking.created", {"task_id": task.pk, "order_id": "5001", "warehouse_id": "7"}),
    ]


def test_the_same_order_twice_is_taken_in_once():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    first = order_for([(product, 2)], external_id="77")
    before = OutboxEvent.objects.count()

    again = order_for([(product, 5)], external_id="77")

    assert again.pk == first.pk
    assert (Order.objects.count(), PickingTask.objects.count(), OrderLine.objects.get().quantity) == (1, 1, Decimal(2))
    assert Stock.objects.get().reserved == 2
    assert OutboxEvent.objects.count() == before


def test_a_repetition_whose_lines_are_not_known_any_more_is_no_news():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    first = order_for([(product, 2)], external_id="77")
    assert process_order_confirmed("listings", "77", [{"sku": "GONE", "quantity": 1}], actor=ACTOR).pk == first.pk


def test_the_same_id_of_another_source_is_another_order():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    assert order_for([(product, 2)], external_id="77").pk != order_for([(product, 2)], external_id="77", source="shop").pk


def test_an_order_for_two_warehouses_gets_a_task_in_each():
    one, two = site(code="B1"), site(code="B2")
    product, other = ProductFactory(), ProductFactory()
    stocked(product, one.shelf, 10)
    stocked(product, two.shelf, 10)
    stocked(other, two.shelf, 10)

    order_for([(product, 4, one), (product, 3, two), (other, 1, two)])

    tasks = PickingTask.objects.order_by("warehouse__code")
    assert [(task.warehouse_id, sorted(task.items.values_list("quantity_required", flat=True))) for task in tasks] == [
        (one.id, [Decimal(4)]),
        (two.id, [Decimal(1), Decimal(3)]),
    ]


def test_not_enough_for_one_line_keeps_nothing_but_the_rejected_order():
    place, plenty, scarce = site(), ProductFactory(sku="PLENTY"), ProductFactory(sku="SCARCE")
    stocked(plenty, place.shelf, 10)
    stocked(scarce, place.shelf, 1)

    order = order_for([(plenty, 2), (scarce, 3)], external_id="9")

    order = Order.objects.get(pk=order.pk)
    assert order.status == OrderStatus.REJECTED
    assert [(line["sku"], line["asked"], line["available"]) for line in order.shortages] == [("SCARCE", "3.000", "1.000")]
    assert (PickingTask.objects.count(), Reservation.objects.count()) == (0, 0)
    assert set(Stock.objects.values_list("reserved", flat=True)) == {Decimal(0)}
    assert [name for name, _ in events("order.accepted", "order.rejected", "picking.created", "inventory.reserved")] == ["order.rejected"]
    assert order.lines.count() == 2


def test_a_rejected_order_is_tried_again_when_stock_arrives():
    place, product = site(), ProductFactory()
    order = order_for([(product, 3)])
    other = order_for([(product, 30)])
    final = order_for([(product, 1)], retry_when_stocked=False)
    assert retry_order(order.pk, actor=ACTOR).status == OrderStatus.REJECTED
    stocked(product, place.shelf, 5)
    assert mark_orders_for_retry([product.pk], actor=ACTOR) == 2

    retry_due_orders()

    assert [Order.objects.get(pk=row.pk).status for row in (order, other, final)] == ["accepted", "rejected", "rejected"]
    assert Order.objects.get(pk=order.pk).shortages == []
    assert not Order.objects.exclude(retry_due_at=None).exists()
    assert PickingTask.objects.get().order_id == order.pk
    with pytest.raises(TransitionRefused):
        retry_order(order.pk, actor=ACTOR)


def test_a_cancellation_that_came_first_is_respected():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    process_order_cancelled("listings", "88", "changed my mind", actor=ACTOR)

    order = order_for([(product, 2)], external_id="88")

    assert (order.status, order.cancellation_reason, order.lines.count()) == ("cancelled", "changed my mind", 0)
    assert (PickingTask.objects.count(), Stock.objects.get().reserved) == (0, Decimal(0))


@pytest.mark.parametrize(
    ("line", "error", "code"),
    [
        ({"listing_id": 999, "quantity": 1}, UnknownProduct, "unknown_product"),
        ({"sku": "GOOD", "quantity": 1, "warehouse_id": 99}, UnknownWarehouse, "unknown_warehouse"),
        ({"sku": "GOOD", "quantity": 0}, ValidationFailed, "validation_failed"),
        ({"sku": "GOOD", "quantity": -1}, ValidationFailed, "validation_failed"),
        ({"sku": "GOOD", "quantity": "NaN"}, ValidationFailed, "validation_failed"),
        ({"sku": "GOOD", "quantity": "1e30"}, ValidationFailed, "validation_failed"),
        ({"sku": "GOOD", "quantity": "0.5"}, ValidationFailed, "validation_failed"),
        ("GOOD", ValidationFailed, "validation_failed"),
    ],
)
def test_a_bad_line_is_refused_and_nothing_is_written(line, error, code):
    place, product = site(), ProductFactory(sku="GOOD")
    stocked(product, place.shelf, 10)
    with pytest.raises(error) as caught:
        process_order_confirmed("listings", "1", [{"sku": "GOOD", "quantity": 1}, line], actor=ACTOR)
    assert caught.value.code == code
    assert (Order.objects.count(), PickingTaskItem.objects.count(), Stock.objects.get().reserved) == (0, 0, Decimal(0))


@pytest.mark.parametrize(
    ("source", "external_id"),
    [
        ("", "1"),
        ("a:b", "1"),
        ("till\u202e", "1"),
        ("till\n", "1"),
        ("till", "1"),
        (" till", "1"),
        ("listings", ""),
        ("listings", " 1"),
        ("listings", "x" * 81),
        ("listings", "a\x00"),
    ],
)
def test_a_key_that_names_no_order_is_refused(source, external_id):
    with pytest.raises(ValidationFailed):
        process_order_confirmed(source, external_id, [{"sku": "X", "quantity": 1}], actor=ACTOR)
    with pytest.raises(ValidationFailed):
        process_order_cancelled(source, external_id, "", actor=ACTOR)


def test_a_carrier_and_a_time_may_be_asked_for():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    tomorrow = timezone.now() + timedelta(days=1)
    order = order_for([(product, 1)], provider_code="dexpress", ship_by=tomorrow)
    assert (order.provider.name, PickingTask.objects.get().ship_by) == ("D Express", tomorrow)
    with pytest.raises(NotFound):
        order_for([(product, 1)], provider_code="pigeon")


def test_who_may():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    items = [{"sku": product.sku, "quantity": 1}]
    assert process_order_confirmed("api", "1", items, actor=person(Role.INTEGRATION)).status == "accepted"
    with pytest.raises(PermissionDenied):
        process_order_confirmed("api", "2", items, actor=person(Role.PICKER))


def test_the_last_unit_goes_to_one_of_many_orders_at_once():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 1)
    barrier, results = threading.Barrier(8), []

    def buy(number: int) -> None:
        try:
            barrier.wait(10)
            results.append(order_for([(product, 1)], external_id=f"race-{number}").status)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["accepted"] + ["rejected"] * 7
    assert (PickingTask.objects.count(), Stock.objects.get().reserved) == (1, Decimal(1))


@pytest.mark.parametrize("lines", [1, 3])
def test_statements_of_the_intake_do_not_grow_with_the_lines(lines):
    place = site()
    products = [ProductFactory() for _ in range(lines)]
    for product in products:
        stocked(product, place.shelf, 10)
        StorefrontProductFactory(product=product, external_listing_id=f"L{product.pk}")
    order_for([(products[0], 1)])
    items = [{"listing_id": f"L{product.pk}", "quantity": 1, "warehouse_id": place.warehouse.external_id} for product in products]
    with CaptureQueriesContext(connection) as queries:
        run_once(InboxClaim("s", "1-1"), process_order_confirmed, "listings", "1", items, actor=ACTOR, render=lambda order: {"order": order.pk})
    # BEGIN, inbox, 2 to resolve, the order, SAVEPOINT, 4 to promise, RELEASE, places, number, tasks, events, COMMIT.
    assert len(queries) == 16


def test_stock_that_arrives_while_the_order_is_being_rejected_is_not_missed(monkeypatch):
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 1)
    judged, arrived = threading.Event(), threading.Event()
    reject = Order.reject

    def slowly(order: Order) -> None:
        # The gates are free again, the rejection is not committed: the stock that comes now finds no rejected order.
        judged.set()
        arrived.wait(20)
        reject(order)

    slowly._django_fsm = reject._django_fsm
    monkeypatch.setattr(Order, "reject", slowly)
    rejected = []

    def take_in() -> None:
        try:
            rejected.append(order_for([(product, 3)]))
        finally:
            connections.close_all()

    thread = threading.Thread(target=take_in)
    thread.start()
    assert judged.wait(20)
    stocked(product, LocationFactory(warehouse=place.warehouse), 5)
    assert mark_orders_for_retry([product.pk], actor=ACTOR) == 0
    arrived.set()
    thread.join(30)
    assert Order.objects.get().status == OrderStatus.REJECTED
    monkeypatch.undo()

    retry_due_orders()

    assert Order.objects.get().status == OrderStatus.ACCEPTED


def test_a_rejected_order_is_tried_once_more_and_then_only_when_stock_arrives():
    site()
    product = ProductFactory()
    tried, final = order_for([(product, 1)]), order_for([(product, 1)], retry_when_stocked=False)
    assert Order.objects.get(pk=final.pk).retry_due_at is None
    assert orders_to_retry(10) == [tried.pk]
    retry_due_orders()
    assert (Order.objects.get(pk=tried.pk).status, orders_to_retry(10)) == ("rejected", [])


def test_a_retry_still_adopts_the_checkout_of_its_order():
    place, product, other = site(), ProductFactory(), ProductFactory()
    stocked(product, place.shelf, 2)
    lines = [OrderedLine(product.pk, Decimal(2), place.id)]
    checkout = reserve_for_order("cart:7", lines, warehouse_id=place.id, actor=ACTOR)
    order = order_for([(product, 2), (other, 1)], reservation_ref="cart:7")
    assert order.status == OrderStatus.REJECTED
    assert Reservation.objects.get().order_ref == "cart:7"
    stocked(other, LocationFactory(warehouse=place.warehouse), 1)

    assert retry_order(order.pk, actor=ACTOR).status == OrderStatus.ACCEPTED

    held = Reservation.objects.get()
    assert (held.pk, held.order_ref) == (checkout.reservation_id, order.order_ref)


def test_numbers_of_orders_are_found_through_an_index():
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        plan = Order.objects.filter(order_number__iexact="so-9").explain()
        cursor.execute("RESET enable_seqscan")
    assert "order_by_number" in plan
