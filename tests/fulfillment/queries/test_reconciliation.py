"""Orders, promises, tasks, packages and shipments that contradict one another: each check finds what was broken on purpose, and nothing else is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from fulfillment.models import (
    MissingGoods,
    Order,
    OrderLine,
    Package,
    PackageItem,
    PackingTask,
    PackingTaskItem,
    PackScan,
    Pick,
    PickingBatch,
    PickingTask,
    PickingTaskItem,
    PutBack,
    QualityCheckItem,
    Shipment,
    StatusReport,
)
from fulfillment.queries.reconciliation import CHECKS, everything_that_contradicts
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.shorts import short_item
from fulfillment.services.waybills import Waybill, claim_shipment, keep_shipment_request, record_waybill
from inventory.models import Product, Reservation, ReservationItem
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import rule, walked
from tests.fulfillment.batches import batch_of, pick_stop
from tests.fulfillment.walks import shelf
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@dataclass
class House:
    site: Site
    product: Product

    def accepted(self) -> Order:
        return order_for([(self.product, 10)], external_id="7")

    def half_picked(self) -> PickingTask:
        self.accepted()
        picker = person(Role.PICKER)
        task = begun(PickingTask.objects.get(), picker)
        pick(task.items.get(), picker, 7)
        return task

    def to_pack(self) -> PackingTask:
        self.accepted()
        return picked(PickingTask.objects.get(), person(Role.PICKER))

    def packed(self) -> Shipment:
        packed(self.to_pack(), person(Role.PACKER))
        return Shipment.objects.get()

    def ready(self) -> Shipment:
        shipment = self.packed()
        claim_shipment(shipment.pk, actor=ACTOR)
        keep_shipment_request(shipment.pk, {}, actor=ACTOR)
        return record_waybill(shipment.pk, Waybill("w-1", "TRACK-1", "", "created", None), actor=ACTOR)

    def shipped(self) -> PackingTask:
        return ship_packing_task(self.ready().packing_task_id, actor=ACTOR)

    def put_back(self) -> PutBack:
        self.half_picked()
        process_order_cancelled("listings", "7", "", actor=ACTOR)
        return PutBack.objects.get()


@pytest.fixture
def house(db: None) -> House:
    made = House(reachable_site(code="ONE"), ProductFactory(sku="APPLE"))
    stocked(made.product, made.site.shelf, 20, lot="L-1")
    return made


def a_task_without_its_promise(house: House) -> set[str]:
    house.accepted()
    Reservation.objects.update(status="released")
    return {"task_without_promise", "to_be_picked"}


def a_promise_that_nobody_works_on(house: House) -> set[str]:
    order = house.shipped().order
    stocked(house.product, house.site.shelf, 5, lot="L-2")
    reserve_for_order(
        order.order_ref, [OrderedLine(house.product.pk, Decimal(2), house.site.id)], warehouse_id=house.site.id, confirmed=True, actor=ACTOR
    )
    return {"promise_without_task"}


def less_promised_than_is_asked_for(house: House) -> set[str]:
    house.half_picked()
    ReservationItem.objects.filter(batch_location__location__kind="storage").update(released=1)
    return {"to_be_picked"}


def a_promise_on_the_shelf_that_nobody_fetches(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(quantity_required=8)
    return {"to_be_picked", "missing"}


def less_promised_on_the_bench_than_was_picked(house: House) -> set[str]:
    house.half_picked()
    ReservationItem.objects.filter(batch_location__location__kind="packing").update(released=2)
    return {"on_the_bench"}


def a_scan_that_is_missing(house: House) -> set[str]:
    house.half_picked()
    Pick.objects.all().delete()
    return {"picked", "on_the_bench"}


def an_item_that_is_done_too_early(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(status="picked")
    PickingTask.objects.update(picked_items=1)
    return {"picked", "to_be_picked", "missing"}


def more_picked_than_ordered(house: House) -> set[str]:
    house.half_picked()
    OrderLine.objects.update(quantity=5)
    return {"picked_too_much"}


def counters_that_are_wrong(house: House) -> set[str]:
    house.to_pack()
    PickingTask.objects.update(total_items=2)
    PackingTask.objects.update(total_items=3)
    return {"counters"}


def more_to_pack_than_was_picked(house: House) -> set[str]:
    house.to_pack()
    PackingTaskItem.objects.update(quantity=11)
    return {"to_be_packed"}


def packed_but_in_no_package(house: House) -> set[str]:
    house.packed()
    PackageItem.objects.update(quantity=4)
    return {"in_packages", "pack_scans"}


def packed_to_the_half(house: House) -> set[str]:
    house.packed()
    PackingTaskItem.objects.update(packed_quantity=4)
    PackageItem.objects.update(quantity=4)
    PackingTask.objects.update(packed_items=0)
    return {"in_packages", "pack_scans"}


def a_package_without_a_shipment(house: House) -> set[str]:
    house.packed()
    Shipment.objects.update(status="voided")
    return {"package_shipments"}


def two_living_shipments_of_a_package(house: House) -> set[str]:
    shipment = house.ready()
    with connection.cursor() as cursor:
        # The database itself refuses it: what a lost index would let through.
        cursor.execute("DROP INDEX one_living_shipment_per_package")
    copy = Shipment.objects.get(pk=shipment.pk)
    copy.pk, copy.number, copy._state.adding = None, "SHP-COPY", True
    copy.tracking_number, copy.external_id = "TRACK-2", "w-2"
    copy.save()
    return {"package_shipments", "waybills"}


def handed_over_before_it_was_shipped(house: House) -> set[str]:
    house.ready()
    Shipment.objects.update(status="handed_over")
    return {"package_shipments"}


def shipped_but_not_handed_over(house: House) -> set[str]:
    house.shipped()
    Shipment.objects.update(status="created")
    return {"package_shipments"}


def a_living_shipment_of_a_cancelled_task(house: House) -> set[str]:
    house.ready()
    process_order_cancelled("listings", "7", "", actor=ACTOR)
    Shipment.objects.update(status="created")
    return {"stray_shipments"}


def a_shipment_of_another_tasks_package(house: House) -> set[str]:
    first = house.ready()
    second = order_for([(house.product, 1)], external_id="8")
    other = packed(picked(PickingTask.objects.get(order=second), person(Role.PICKER)), person(Role.PACKER))
    Shipment.objects.filter(packing_task=other).update(package=Package.objects.get(packing_task=first.packing_task_id), status="voided")
    return {"stray_shipments", "package_shipments"}


def a_waybill_without_a_number(house: House) -> set[str]:
    house.ready()
    Shipment.objects.update(tracking_number="")
    Package.objects.update(tracking_number="")
    return {"waybills"}


def a_label_of_another_waybill(house: House) -> set[str]:
    house.ready()
    Package.objects.update(tracking_number="TRACK-0")
    return {"waybills"}


def shipped_but_still_promised(house: House) -> set[str]:
    house.shipped()
    Reservation.objects.update(status="released")
    return {"shipped_promises"}


def shipped_less_than_was_packed(house: House) -> set[str]:
    house.shipped()
    ReservationItem.objects.update(consumed=F("consumed") - 1, released=1, actual=None)
    return {"shipped_promises"}


def an_order_that_is_further_than_its_tasks(house: House) -> set[str]:
    house.half_picked()
    Order.objects.update(status="packing")
    return {"order_status"}


def a_cancelled_order_with_open_work(house: House) -> set[str]:
    house.accepted()
    Order.objects.update(status="cancelled")
    return {"order_status"}


def an_order_that_was_shipped_and_does_not_know(house: House) -> set[str]:
    house.shipped()
    Order.objects.update(status="ready_for_shipment")
    return {"order_status"}


def a_task_with_another_label_than_its_package(house: House) -> set[str]:
    house.ready()
    PackingTask.objects.update(label_url="https://labels.example/other")
    return {"waybills"}


def a_task_with_another_waybill_than_its_package(house: House) -> set[str]:
    house.shipped()
    PackingTask.objects.update(tracking_number="TRACK-0")
    return {"waybills"}


def news_that_was_lost(house: House) -> set[str]:
    house.ready()
    StatusReport.objects.all().delete()
    return {"status_reports"}


def an_order_that_is_ready_and_does_not_know(house: House) -> set[str]:
    house.ready()
    Order.objects.update(status="packing")
    return {"order_status"}


def an_order_that_needs_somebody_for_nothing(house: House) -> set[str]:
    house.half_picked()
    Order.objects.update(status="needs_attention")
    return {"order_status"}


def an_order_that_goes_without_and_nobody_is_asked(house: House) -> set[str]:
    task = house.half_picked()
    short_item(task.items.get().pk, actor=ACTOR)
    Order.objects.update(status="picking")
    return {"order_status"}


def more_ordered_than_anybody_brings(house: House) -> set[str]:
    house.half_picked()
    OrderLine.objects.update(quantity=15)
    return {"missing"}


def what_is_missing_forgotten(house: House) -> set[str]:
    task = house.half_picked()
    short_item(task.items.get().pk, actor=ACTOR)
    MissingGoods.objects.all().delete()
    return {"missing", "order_status"}


def an_item_at_another_shelf_than_its_promise(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(batch_location=stocked(house.product, shelf(house.site, "Z-90", 90), 5, lot="L-2"))
    return {"pick_places"}


def an_item_without_its_promise(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(reservation_item_id=999_999_999)
    return {"pick_places"}


def a_check_of_more_than_was_picked(house: House) -> set[str]:
    rule()
    house.accepted()
    walked(PickingTask.objects.get(), person(Role.PICKER))
    QualityCheckItem.objects.update(quantity=11)
    return {"to_be_checked"}


def more_scanned_than_lies_in_the_package(house: House) -> set[str]:
    house.packed()
    PackScan.objects.update(quantity=11)
    return {"pack_scans"}


def goods_that_came_back_unseen(house: House) -> set[str]:
    house.shipped()
    Shipment.objects.update(status="returned", returned_at=timezone.now())
    return {"returns"}


def goods_on_a_bench_that_nobody_puts_back(house: House) -> set[str]:
    house.put_back()
    PutBack.objects.all().delete()
    return {"put_backs"}


def a_put_back_of_goods_that_are_not_there(house: House) -> set[str]:
    house.put_back()
    PutBack.objects.update(quantity=9)
    return {"put_backs"}


def a_status_that_nobody_tells(house: House) -> set[str]:
    house.ready()
    StatusReport.objects.update(next_attempt_at=None, last_error="409: no")
    return {"given_up"}


def a_shipment_that_nobody_asks_for(house: House) -> set[str]:
    house.packed()
    Shipment.objects.update(next_attempt_at=None, last_error="422: no such street")
    return {"given_up"}


def half_a_batch(house: House) -> PickingTask:
    """Two orders in one walk, something of the first in its tote; that task."""
    tasks = [PickingTask.objects.get(order=order_for([(house.product, 4)])) for _ in range(2)]
    batch_of(tasks, picker := person(Role.PICKER))
    pick_stop(tasks[0].items.get(), picker, 1)
    return tasks[0]


def a_walk_that_nobody_closes(house: House) -> set[str]:
    half_a_batch(house)
    for order in Order.objects.all():
        process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)
    return {"picking_batches"}


def a_batch_that_is_closed_before_its_tasks(house: House) -> set[str]:
    half_a_batch(house)
    PickingBatch.objects.update(status="completed")
    return {"picking_batches"}


def a_task_that_runs_ahead_of_its_batch(house: House) -> set[str]:
    PickingTask.objects.filter(pk=half_a_batch(house).pk).update(worker=None)
    return {"picking_batches"}


def a_stop_without_a_place_in_the_walk(house: House) -> set[str]:
    half_a_batch(house)
    PickingTaskItem.objects.filter(quantity_picked=0).update(walk_position=None)
    return {"picking_batches"}


def goods_in_no_tote(house: House) -> set[str]:
    PickingTask.objects.filter(pk=half_a_batch(house).pk).update(tote_code="")
    return {"picking_batches"}


def two_orders_in_one_tote(house: House) -> set[str]:
    packing = house.to_pack()
    task = half_a_batch(house)
    PickingTask.objects.filter(pk=packing.picking_task_id).update(tote_code=PickingTask.objects.get(pk=task.pk).tote_code)
    return {"picking_batches"}


BROKEN: list[Callable[[House], set[str]]] = [
    a_task_without_its_promise, a_promise_that_nobody_works_on, less_promised_than_is_asked_for, a_promise_on_the_shelf_that_nobody_fetches,
    less_promised_on_the_bench_than_was_picked, a_scan_that_is_missing, an_item_that_is_done_too_early, more_picked_than_ordered,
    counters_that_are_wrong, more_to_pack_than_was_picked, packed_but_in_no_package, packed_to_the_half, a_package_without_a_shipment,
    two_living_shipments_of_a_package, handed_over_before_it_was_shipped, shipped_but_not_handed_over, a_living_shipment_of_a_cancelled_task,
    a_shipment_of_another_tasks_package, a_waybill_without_a_number, a_label_of_another_waybill, shipped_but_still_promised,
    shipped_less_than_was_packed, an_order_that_is_further_than_its_tasks, a_cancelled_order_with_open_work,
    an_order_that_was_shipped_and_does_not_know, goods_on_a_bench_that_nobody_puts_back, a_put_back_of_goods_that_are_not_there,
    a_status_that_nobody_tells, a_shipment_that_nobody_asks_for, a_walk_that_nobody_closes, a_batch_that_is_closed_before_its_tasks,
    a_task_that_runs_ahead_of_its_batch, a_stop_without_a_place_in_the_walk, goods_in_no_tote, two_orders_in_one_tote,
    a_status_that_nobody_tells, a_shipment_that_nobody_asks_for, a_task_with_another_label_than_its_package,
    a_task_with_another_waybill_than_its_package, news_that_was_lost, an_order_that_is_ready_and_does_not_know,
    an_order_that_needs_somebody_for_nothing, an_order_that_goes_without_and_nobody_is_asked, more_ordered_than_anybody_brings,
    what_is_missing_forgotten, an_item_at_another_shelf_than_its_promise, an_item_without_its_promise, a_check_of_more_than_was_picked,
    more_scanned_than_lies_in_the_package, goods_that_came_back_unseen,
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda way: way.__name__)
def test_what_is_broken_is_found(house: House, broken: Callable[[House], set[str]]) -> None:
    names = broken(house)
    assert names <= {check.name for check in CHECKS}
    assert {found.check for found in everything_that_contradicts()} == names


def test_every_check_was_broken_once() -> None:
    assert len(BROKEN) >= len(CHECKS)


def test_nothing_is_found_at_the_end_of_the_way(house: House) -> None:
    house.shipped()
    assert everything_that_contradicts() == []


def test_what_a_finding_says(house: House) -> None:
    goods_on_a_bench_that_nobody_puts_back(house)
    (found,) = everything_that_contradicts()
    assert str(found) == (
        "put_backs: bench PACK of ONE: APPLE L-1: free there is 7, should be 0. Count the bench. Too much there: move it by a count. Too little: look "
        "for it, or write it off."
    )


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_found_and_fails(house: House) -> None:
    out, progress = StringIO(), StringIO()
    call_command("reconcile_fulfillment", "--wait=0", stdout=out, stderr=progress)
    assert out.getvalue() == "Fulfilment agrees with itself.\n"
    assert progress.getvalue().count("agrees") == len(CHECKS)

    a_cancelled_order_with_open_work(house)
    out = StringIO()
    with pytest.raises(CommandError, match="1 findings") as failed:
        call_command("reconcile_fulfillment", "--json", "--wait=0.01", stdout=out, stderr=StringIO())
    told = json.loads(out.getvalue())
    assert (failed.value.returncode, told["count"], told["ok"]) == (1, 1, False)
    assert told["findings"][0] == {
        "check": "order_status",
        "subject": "order 7",
        "order_ref": "listings:7",
        "field": "status",
        "found": "cancelled",
        "expected": "open: there is open work",
        "todo": "Look at the order's tasks: cancel it, or make the task that is missing.",
    }


@pytest.mark.django_db(transaction=True)
def test_what_is_gone_at_the_second_look_is_not_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    a_cancelled_order_with_open_work(house)
    monkeypatch.setattr("time.sleep", lambda seconds: Order.objects.update(status="accepted", updated_at=timezone.now()))
    out = StringIO()
    call_command("reconcile_fulfillment", stdout=out, stderr=StringIO())
    assert out.getvalue() == "Fulfilment agrees with itself.\n"
