"""Picking: the right goods from the right place, once."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.errors import Surplus, WorkLeft, WrongScan
from fulfillment.models import Order, PackingTask, Pick, PickingTask, PickingTaskItem, PutBack
from fulfillment.queries.picking_tasks import next_item
from fulfillment.services.missing import accept_missing
from fulfillment.services.orders import process_order_confirmed
from fulfillment.services.packing_tasks import cancel_packing_task
from fulfillment.services.picking_tasks import (
    assign_picking_task,
    cancel_picking_task,
    claim_next_picking_task,
    complete_picking_task,
    create_picking_task,
    start_picking_task,
)
from fulfillment.services.picks import pick_item
from fulfillment.services.shorts import short_item, skip_item
from inventory import orchestrator
from inventory.models import Batch, BatchLocation, Movement, Reservation, Stock
from inventory.orchestrator import InsufficientStock, UnfitNow
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, picked, site, stocked
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_task_goes_through_its_states_and_leaves_a_packing_task():
    place, product, other = site(), ProductFactory(), ProductFactory()
    stocked(product, place.shelf, 10)
    stocked(other, place.shelf, 10)
    order = order_for([(product, 2), (other, 1)], priority="urgent")
    picker = person(Role.PICKER)
    task = PickingTask.objects.get()

    assigned = assign_picking_task(task.pk, picker.user_id, actor=picker)
    assert (assigned.status, assigned.worker_id, assigned.version) == ("assigned", picker.user_id, 2)
    started = start_picking_task(task.pk, actor=picker)
    assert (started.status, started.packing_location_id) == ("in_progress", place.bench.pk)
    assert Order.objects.get().status == "picking"
    first = next_item(task.pk)
    assert first.sequence == 1
    pick(first, picker)
    second = next_item(task.pk)
    assert second.sequence == 2
    pick(second, picker)
    assert next_item(task.pk) is None
    done = complete_picking_task(task.pk, actor=picker)

    assert (done.status, done.picked_items, done.total_items) == ("completed", 2, 2)
    packing = PackingTask.objects.get()
    assert (packing.order_id, packing.picking_task_id, packing.status, packing.priority) == (order.pk, task.pk, "pending", "urgent")
    assert (packing.reservation_id, packing.total_items, packing.provider.code) == (task.reservation_id, 2, "postexpress")
    assert sorted(packing.items.values_list("product", "quantity")) == sorted([(product.pk, Decimal(2)), (other.pk, Decimal(1))])
    assert Order.objects.get().status == "packing"
    ours = {"task_id": task.pk, "order_id": order.external_id}
    assert events("picking.assigned", "picking.completed", "packing.started") == [
        ("picking.assigned", {**ours, "worker_id": picker.user_id}),
        ("picking.completed", ours),
        ("packing.started", {"task_id": packing.pk, "order_id": order.external_id}),
    ]


def test_a_pick_moves_goods_and_promise_to_the_bench():
    task, item, picker, place, order = one_item(10)

    after = pick_item(item.pk, "7", actor=picker, location_scan=" a-01 ", product_scan="4006381333931")

    assert (after.status, after.quantity_picked, after.remaining) == ("pending", Decimal(7), Decimal(3))
    rows = BatchLocation.objects.order_by("location__kind").values_list("location__kind", "quantity", "reserved")
    assert list(rows) == [("packing", Decimal(7), Decimal(7)), ("storage", Decimal(13), Decimal(3))]
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved, stock.blocked) == (Decimal(20), Decimal(10), Decimal(0))
    lines = Movement.objects.filter(type="pick").order_by("quantity_change")
    assert list(lines.values_list("quantity_change", "reserved_change", "document_type", "document_id", "order_ref")) == [
        (Decimal(-7), Decimal(-7), "picking_task", task.pk, order.order_ref),
        (Decimal(7), Decimal(7), "picking_task", task.pk, order.order_ref),
    ]
    assert PickingTask.objects.get().picked_items == 0
    last = pick_item(item.pk, 3, actor=picker, location_scan=place.shelf.barcode, product_scan="LOT-1")
    assert (last.status, last.reservation_item_id) == ("picked", None)
    assert PickingTask.objects.get().picked_items == 1
    assert list(Pick.objects.order_by("pk").values_list("quantity", "picked_by")) == [(Decimal(7), picker.user_id), (Decimal(3), picker.user_id)]


@pytest.mark.parametrize(
    "scan", ["4006381333931", "apple", "LOT-1", "0104006381333931\x1d10LOT-1", "(01)04006381333931(10)LOT-1", "(01)04006381333931"]
)
def test_scans_that_name_the_goods(scan):
    _, item, picker, place, _ = one_item()
    assert pick_item(item.pk, 1, actor=picker, location_scan=place.shelf.barcode, product_scan=scan).quantity_picked == 1


@pytest.mark.parametrize(
    ("location", "product", "expected"),
    [
        ("C-01", "APPLE", {"location": "A-01"}),
        ("", "APPLE", {"location": "A-01"}),
        ("A-01", "PEAR", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "LOT-2", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "(01)04006381333931(10)LOT-2", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "4000000000999", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "nonsense", {"sku": "APPLE", "lot_number": "LOT-1"}),
        ("A-01", "A-01", {"sku": "APPLE", "lot_number": "LOT-1"}),
    ],
)
def test_a_wrong_scan_is_refused_with_what_was_expected(location, product, expected):
    _, item, picker, place, _ = one_item()
    pear = ProductFactory(sku="PEAR")
    BarcodeFactory(product=pear, code="4000000000999")
    stocked(pear, place.shelf, 5, lot="LOT-2")

    with pytest.raises(WrongScan) as caught:
        pick_item(item.pk, 1, actor=picker, location_scan=location, product_scan=product)

    assert caught.value.as_problem()["code"] == "wrong_scan"
    assert expected.items() <= caught.value.data["expected"].items()
    assert PickingTaskItem.objects.get(pk=item.pk).quantity_picked == 0


def test_more_than_is_asked_for_is_refused():
    _, item, picker, _, _ = one_item(10)
    pick(item, picker, 8)
    with pytest.raises(Surplus) as caught:
        pick(item, picker, 3)
    assert caught.value.data == {"missing": "2.000", "given": "3.000"}


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "1e30", "0.5", None, "three"])
def test_a_quantity_that_is_none_is_refused(quantity):
    _, item, picker, place, _ = one_item()
    with pytest.raises(ValidationFailed):
        pick_item(item.pk, quantity, actor=picker, location_scan=place.shelf.barcode, product_scan="APPLE")


def test_a_task_that_is_not_being_picked_is_refused():
    task, item, picker, _place, _ = one_item()
    cancel_picking_task(task.pk, "the shelf fell over", actor=ACTOR)
    for act in (lambda: pick(item, picker), lambda: short_item(item.pk, actor=picker), lambda: skip_item(item.pk, actor=picker)):
        with pytest.raises(TransitionRefused) as caught:
            act()
        assert caught.value.data["status"] == "cancelled"
    with pytest.raises(TransitionRefused):
        complete_picking_task(task.pk, actor=picker)


def test_an_item_that_is_done_stays_done():
    _, item, picker, _, _ = one_item()
    pick(item, picker)
    with pytest.raises(TransitionRefused):
        pick(item, picker, 1)
    with pytest.raises(TransitionRefused):
        short_item(item.pk, actor=picker)


def test_somebody_elses_task_is_refused_but_not_to_a_manager():
    task, item, _, _, _ = one_item()
    with pytest.raises(PermissionDenied):
        pick(item, person(Role.PICKER), 1)
    assert pick(item, person(Role.MANAGER)).status == "picked"
    with pytest.raises(PermissionDenied):
        complete_picking_task(task.pk, actor=person(Role.PICKER))
    with pytest.raises(PermissionDenied):
        pick(item, person(Role.PACKER), 1)


def test_a_short_item_releases_the_rest_and_the_order_goes_on_with_less():
    task, item, picker, _place, order = one_item(10)
    pick(item, picker, 7)

    short = short_item(item.pk, actor=picker, notes="two were squashed")
    complete_picking_task(task.pk, actor=picker)

    assert (short.status, short.quantity_picked, short.notes) == ("short", Decimal(7), "two were squashed")
    assert Stock.objects.get().reserved == 7
    assert PackingTask.objects.get().items.get().quantity == 7
    assert Order.objects.get().status == "needs_attention"
    assert events("picking.short") == [
        (
            "picking.short",
            {
                "task_id": task.pk,
                "order_id": order.external_id,
                "item_id": item.pk,
                "listing_id": "",
                "product_id": item.product_id,
                "quantity": "3",
                "reallocated": "0",
                "missing": "3",
                "location": "A-01",
                "reason": "PICKING_SHORT",
            },
        )
    ]
    assert [payload["quantity"] for _, payload in events("inventory.released")] == ["3"]


def test_a_skipped_item_is_final_and_releases_and_nothing_picked_needs_attention():
    task, item, picker, _, _ = one_item(10)

    skipped = skip_item(item.pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)

    assert (skipped.status, skipped.quantity_picked) == ("skipped", Decimal(0))
    assert (Stock.objects.get().reserved, Reservation.objects.get().status) == (Decimal(0), "released")
    assert PackingTask.objects.count() == 0
    assert Order.objects.get().status == "needs_attention"
    assert [name for name, _ in events("order.needs_attention", "packing.started")] == ["order.needs_attention"]


def test_an_item_of_which_some_was_picked_is_short_not_skipped():
    _, item, picker, _, _ = one_item(10)
    pick(item, picker, 1)
    with pytest.raises(Conflict):
        skip_item(item.pk, actor=picker)


def test_a_task_with_items_left_is_not_complete():
    task, item, picker, _, _ = one_item(10)
    pick(item, picker, 4)
    with pytest.raises(WorkLeft) as caught:
        complete_picking_task(task.pk, actor=picker)
    assert caught.value.errors == [{"item": item.pk, "sku": "APPLE", "location": "A-01", "remaining": "6"}]
    assert PickingTask.objects.get().status == "in_progress"


def test_goods_that_may_not_leave_are_refused():
    _, item, picker, _, _ = one_item()
    Batch.objects.update(status="on_hold")
    BatchLocation.objects.update(blocked_reason="held")
    with pytest.raises(UnfitNow):
        pick(item, picker, 1)
    assert short_item(item.pk, actor=picker).status == "short"


def test_a_cancelled_task_gives_back_what_it_holds_and_the_order_needs_attention():
    task, item, picker, place, _ = one_item(10)
    pick(item, picker, 7)

    cancelled = cancel_picking_task(task.pk, "wrong goods", actor=person(Role.MANAGER))

    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "wrong goods")
    back = PutBack.objects.get()
    assert (back.quantity, back.from_location_id, back.status) == (Decimal(7), place.shelf.pk, "pending")
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved, stock.blocked) == (Decimal(20), Decimal(0), Decimal(7))
    assert Order.objects.get().status == "needs_attention"
    assert [name for name, _ in events("picking.cancelled")] == ["picking.cancelled"]
    with pytest.raises(PermissionDenied):
        cancel_picking_task(task.pk, "again", actor=picker)
    with pytest.raises(ValidationFailed):
        cancel_picking_task(task.pk, " ", actor=ACTOR)


def test_what_was_short_can_be_sent_for_again():
    task, item, picker, place, order = one_item(10)
    skip_item(item.pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)
    with pytest.raises(Surplus):
        create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 11}], actor=ACTOR)
    with pytest.raises(InsufficientStock):
        Stock.objects.all().update(reserved=0)
        BatchLocation.objects.update(blocked_reason="held")
        create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 10}], actor=ACTOR)
    BatchLocation.objects.update(blocked_reason="")

    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 10}], actor=ACTOR, priority="high")

    assert (again.status, again.priority, again.items.get().quantity_required) == ("pending", "high", Decimal(10))
    assert Order.objects.get().status == "picking"
    begun(again, picker)
    assert Order.objects.get().status == "picking"
    with pytest.raises(Conflict):
        create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 1}], actor=ACTOR)


def test_the_best_next_task_is_by_priority_then_ship_by_then_age():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    soon, later = timezone.now() + timedelta(hours=2), timezone.now() + timedelta(days=2)
    wanted = [
        order_for([(product, 1)], priority="low", ship_by=soon),
        order_for([(product, 1)]),
        order_for([(product, 1)], ship_by=later),
        order_for([(product, 1)], ship_by=soon),
        order_for([(product, 1)], priority="urgent"),
    ]
    got = [claim_next_picking_task(place.id, actor=person(Role.PICKER)).order_id for _ in wanted]
    assert got == [wanted[i].pk for i in (4, 3, 2, 1, 0)]
    assert claim_next_picking_task(place.id, actor=person(Role.PICKER)) is None


def test_who_has_a_task_at_hand_gets_that_one_again():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    order_for([(product, 1)])
    picker = person(Role.PICKER)
    mine = claim_next_picking_task(place.id, actor=picker)
    order_for([(product, 1)], priority="urgent")
    assert claim_next_picking_task(place.id, actor=picker).pk == mine.pk
    with pytest.raises(PermissionDenied):
        assign_picking_task(mine.pk, person(Role.PICKER).user_id, actor=picker)
    with pytest.raises(PermissionDenied):
        start_picking_task(mine.pk, actor=person(Role.PICKER))


def test_a_stale_version_is_refused():
    task, item, picker, _place, _ = one_item()
    with pytest.raises(StaleVersion):
        pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan="APPLE", expected_version=task.version - 1)
    pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan="APPLE", expected_version=task.version)


def at_once(*calls):
    """Run the calls in threads that begin together; what each returned or raised."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index, call):
        try:
            barrier.wait(10)
            results[index] = call()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_one_picker_who_claims_at_four_scanners_at_once_gets_one_task():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    for _ in range(4):
        order_for([(product, 1)])
    picker = person(Role.PICKER)
    claimed = at_once(*[lambda: claim_next_picking_task(place.id, actor=picker)] * 4)
    assert len({task.pk for task in claimed}) == 1
    assert PickingTask.objects.filter(worker=picker.user_id).count() == 1


def test_what_is_sent_for_again_is_good_until_the_order_ships():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 10, expires_in_days=5)
    good = stocked(product, LocationFactory(warehouse=place.warehouse), 10, expires_in_days=60)
    order = order_for([(product, 4)], ship_by=timezone.now() + timedelta(days=20))
    assert order.picking_tasks.get().items.get().batch_location_id == good.pk
    cancel_picking_task(order.picking_tasks.get().pk, "again", actor=ACTOR)
    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 4}], actor=ACTOR)
    assert again.items.get().batch_location_id == good.pk


def test_what_is_sent_for_again_keeps_the_days_that_the_customer_wants():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 10, expires_in_days=20)
    good = stocked(product, LocationFactory(warehouse=place.warehouse), 10, expires_in_days=90)
    lines = [{"sku": "APPLE", "quantity": 4, "min_remaining_days": 60}]
    order = process_order_confirmed("listings", "60", lines, actor=ACTOR)
    cancel_picking_task(order.picking_tasks.get().pk, "again", actor=ACTOR)
    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 4}], actor=ACTOR)
    assert again.items.get().batch_location_id == good.pk


def test_the_promise_of_a_task_is_released_by_its_fulfilment_only():
    task, _item, _picker, place, order = one_item(10)
    cancel_picking_task(task.pk, "again", actor=ACTOR)
    again = create_picking_task(order.pk, place.id, [{"sku": "APPLE", "quantity": 10}], actor=ACTOR)
    with pytest.raises(Conflict):
        orchestrator.release_reservation(again.reservation_id, reason="mine", actor=ACTOR)
    assert cancel_picking_task(again.pk, "enough", actor=ACTOR).status == "cancelled"
    assert Stock.objects.get().reserved == 0


def test_an_order_on_the_bench_is_being_picked_again_while_somebody_walks_for_the_rest():
    task, item, picker, place, order = one_item(10)
    pick(item, picker, 4)
    short_item(item.pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)
    cancel_packing_task(PackingTask.objects.get().pk, "squashed", actor=ACTOR)
    other = site(code="B2")
    stocked(item.product, other.shelf, 10)
    for where in (place, other):
        create_picking_task(order.pk, where.id, [{"sku": "APPLE", "quantity": 3}], actor=ACTOR)
    first, second = PickingTask.objects.filter(status="pending").order_by("pk")
    picked(first, picker)
    cancel_picking_task(second.pk, "not there", actor=ACTOR)
    assert Order.objects.get().status == "needs_attention"
    accept_missing(order.pk, "three will do", actor=ACTOR)
    assert Order.objects.get().status == "packing"
    third = create_picking_task(order.pk, other.id, [{"sku": "APPLE", "quantity": 3}], actor=ACTOR)
    begun(third, picker)
    assert Order.objects.get().status == "picking"
    cancel_picking_task(third.pk, "not there either", actor=ACTOR)
    # Three more are missing than were agreed to.
    assert Order.objects.get().status == "needs_attention"
    accept_missing(order.pk, "three will do after all", actor=ACTOR)
    assert Order.objects.get().status == "packing"


def test_two_pickers_who_claim_at_once_get_two_tasks():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    for _ in range(4):
        order_for([(product, 1)])
    pickers = [person(Role.PICKER) for _ in range(4)]
    claimed = at_once(*[lambda picker=picker: claim_next_picking_task(place.id, actor=picker) for picker in pickers])
    assert {task.pk for task in claimed} == set(PickingTask.objects.values_list("pk", flat=True))


def test_two_scans_of_the_last_goods_at_once_pick_them_once():
    _, item, _, place, _ = one_item(10)
    manager = person(Role.MANAGER)

    def scan():
        return pick_item(item.pk, 10, actor=manager, location_scan="A-01", product_scan="APPLE")

    results = at_once(scan, scan)

    assert sorted(type(result).__name__ for result in results) == ["PickingTaskItem", "TransitionRefused"]
    assert Pick.objects.get().quantity == 10
    assert BatchLocation.objects.get(location=place.bench).quantity == 10


def test_two_managers_who_complete_and_cancel_at_once():
    task, item, picker, _, _ = one_item(10)
    pick(item, picker)
    manager = person(Role.MANAGER)
    results = at_once(
        lambda: complete_picking_task(task.pk, actor=manager),
        lambda: complete_picking_task(task.pk, actor=manager),
        lambda: cancel_picking_task(task.pk, "stop", actor=manager),
    )
    assert sorted(type(result).__name__ for result in results) == ["PickingTask", "TransitionRefused", "TransitionRefused"]
    done = PickingTask.objects.get().status
    assert PackingTask.objects.count() == (done == "completed")
    assert PutBack.objects.count() == (done == "cancelled")


@pytest.mark.parametrize("lines", [1, 3])
def test_statements_of_a_pick_do_not_grow_with_the_task(lines):
    place = site()
    products = [ProductFactory() for _ in range(lines)]
    for product in products:
        stocked(product, place.shelf, 10, expires_in_days=30)
        BarcodeFactory(product=product, code=f"C{product.pk}")
    order_for([(product, 4) for product in products])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    item = task.items.first()
    pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan=f"C{item.product_id}")
    with CaptureQueriesContext(connection) as queries:
        pick_item(item.pk, 1, actor=picker, location_scan="A-01", product_scan=f"C{item.product_id}")
    # Besides BEGIN and COMMIT.
    assert len(queries) - 2 <= 12
    with CaptureQueriesContext(connection) as queries:
        pick_item(item.pk, 2, actor=picker, location_scan="A-01", product_scan=f"C{item.product_id}")
    assert len(queries) - 2 <= 12


def test_statements_of_a_completion_do_not_grow_with_the_items():
    counts = []
    for lines in (1, 3):
        place = site()
        products = [ProductFactory() for _ in range(lines)]
        for product in products:
            stocked(product, place.shelf, 10)
        order = order_for([(product, 1) for product in products])
        picker = person(Role.PICKER)
        task = begun(PickingTask.objects.get(order=order), picker)
        for item in task.items.all():
            pick(item, picker)
        with CaptureQueriesContext(connection) as queries:
            complete_picking_task(task.pk, actor=picker)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 18
