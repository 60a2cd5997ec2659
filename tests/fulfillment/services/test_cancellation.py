"""Cancelling an order wherever it is, and bringing goods back."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import Surplus, WrongScan
from fulfillment.models import Order, PackingTask, PickingTask, PutBack, Shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picks import pick_item
from fulfillment.services.put_backs import complete_put_back
from inventory.models import BatchLocation, Movement, Reservation, Stock
from inventory.orchestrator import OrderedLine, PlaceNotAllowed, reserve_for_order
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked, reachable_site, site, stocked
from tests.factories.inventory import ProductFactory
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, TransitionRefused
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def cancel(order: Order, reason: str = "not wanted") -> Order:
    return process_order_cancelled(order.source, order.external_id, reason, actor=ACTOR)


def names() -> list[str]:
    return list(OutboxEvent.objects.order_by("sequence").values_list("type", flat=True))


def test_seven_of_ten_picked_three_are_released_and_seven_are_to_be_put_back():
    place, product = site(), ProductFactory(sku="APPLE")
    shelf = stocked(product, place.shelf, 20, expires_in_days=30)
    order = order_for([(product, 10)])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker, 7)

    cancelled = cancel(order)

    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "not wanted")
    assert PickingTask.objects.get().status == "cancelled"
    assert Reservation.objects.get().status == "released"
    back = PutBack.objects.get()
    assert (back.quantity, back.order_id, back.picking_task_id, back.warehouse_id) == (Decimal(7), order.pk, task.pk, place.id)
    stock = Stock.objects.get()
    assert (stock.quantity, stock.reserved, stock.blocked, stock.available) == (Decimal(20), Decimal(0), Decimal(7), Decimal(13))
    released = Movement.objects.filter(type="release").values_list("batch_location__location__kind", "reserved_change").order_by("reserved_change")
    assert list(released) == [("packing", Decimal(-7)), ("storage", Decimal(-3))]

    before, version = names(), Order.objects.get().version
    assert cancel(order, "again").cancellation_reason == "not wanted"
    assert (names(), PutBack.objects.count(), Order.objects.get().version) == (before, 1, version)
    assert before[-2:] == ["picking.cancelled", "order.cancelled"]

    half = complete_put_back(back.pk, 4, actor=picker, location_scan="A-01")
    assert (half.status, half.done_quantity, half.remaining) == ("pending", Decimal(4), Decimal(3))
    done = complete_put_back(back.pk, "3", actor=picker, location_scan=place.shelf.barcode)
    assert done.status == "done"
    stock.refresh_from_db()
    assert (stock.quantity, stock.reserved, stock.blocked, stock.available) == (Decimal(20), Decimal(0), Decimal(0), Decimal(20))
    shelf.refresh_from_db()
    assert (shelf.quantity, shelf.reserved) == (Decimal(20), Decimal(0))
    lines = Movement.objects.filter(type="put_back", document_type="put_back", document_id=back.pk)
    assert sorted(lines.values_list("quantity_change", flat=True)) == [Decimal(-4), Decimal(-3), Decimal(3), Decimal(4)]
    with pytest.raises(TransitionRefused):
        complete_put_back(back.pk, 1, actor=picker, location_scan="A-01")


def test_put_backs_refuse_what_is_wrong():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 20)
    order = order_for([(product, 10)])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker, 7)
    cancel(order)
    back = PutBack.objects.get()
    with pytest.raises(WrongScan) as caught:
        complete_put_back(back.pk, 7, actor=picker, location_scan="APPLE")
    assert caught.value.data["expected"] == {"location": "A-01"}
    with pytest.raises(Surplus):
        complete_put_back(back.pk, 8, actor=picker, location_scan="A-01")
    # There is no shelf life for the freezer.
    with pytest.raises(PlaceNotAllowed):
        complete_put_back(back.pk, 7, actor=picker, location_scan="F-01")
    with pytest.raises(PlaceNotAllowed):
        complete_put_back(back.pk, 7, actor=picker, location_scan=site().shelf.barcode)
    with pytest.raises(PermissionDenied):
        complete_put_back(back.pk, 7, actor=person(Role.PACKER), location_scan="A-01")
    assert PutBack.objects.get().done_quantity == 0


def test_an_order_that_nobody_has_begun_is_simply_released():
    one, two, product = site(), site(), ProductFactory()
    stocked(product, one.shelf, 5)
    stocked(product, two.shelf, 5)
    order = order_for([(product, 5, one), (product, 5, two)])
    cancel(order)
    assert set(PickingTask.objects.values_list("status", flat=True)) == {"cancelled"}
    assert set(Stock.objects.values_list("reserved", "available")) == {(Decimal(0), Decimal(5))}
    assert PutBack.objects.count() == 0
    assert names().count("picking.cancelled") == 2
    assert names().count("inventory.released") == 2


def test_a_packed_order_comes_back_and_its_shipment_is_never_asked_for():
    place, product = reachable_site(), ProductFactory()
    stocked(product, place.shelf, 5)
    order = order_for([(product, 5)])
    task = packed(picked(PickingTask.objects.get(), person(Role.PICKER)), person(Role.PACKER))
    cancel(order)
    assert (PickingTask.objects.get().status, PackingTask.objects.get().status) == ("completed", "cancelled")
    assert (Shipment.objects.get().status, Shipment.objects.get().next_attempt_at) == ("cancelled", None)
    assert PutBack.objects.get().quantity == 5
    assert Stock.objects.get().reserved == 0
    assert names()[-2:] == ["packing.cancelled", "order.cancelled"]
    assert task.status == "packed"


def test_a_rejected_order_and_an_unknown_one():
    product = ProductFactory()
    site()
    order = order_for([(product, 1)])
    assert (order.status, cancel(order).status) == ("rejected", "cancelled")
    stone = process_order_cancelled("listings", "unknown", "x" * 500, actor=ACTOR)
    assert (stone.status, len(stone.cancellation_reason), stone.lines.count()) == ("cancelled", 200, 0)
    assert process_order_cancelled("listings", "unknown", "again", actor=ACTOR).pk == stone.pk
    assert Order.objects.count() == 2


def at_once(*calls):
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


def test_a_scan_and_a_cancellation_at_once_lose_no_goods():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 100)
    picker = person(Role.PICKER)
    for _ in range(5):
        order = order_for([(product, 10)])
        task = begun(PickingTask.objects.get(order=order), picker)
        item = task.items.get()

        results = at_once(lambda i=item: pick_item(i.pk, 10, actor=picker, location_scan="A-01", product_scan="APPLE"), lambda o=order: cancel(o))

        assert type(results[0]).__name__ in {"PickingTaskItem", "TransitionRefused"}
        assert results[1].status == "cancelled"
        back = PutBack.objects.filter(order=order).first()
        on_bench = 10 if type(results[0]).__name__ == "PickingTaskItem" else 0
        assert (back.quantity if back else 0) == on_bench
        assert Stock.objects.get().reserved == 0
    bench = BatchLocation.objects.filter(location=place.bench).first()
    assert (bench.quantity if bench else 0) == sum(PutBack.objects.values_list("quantity", flat=True))


def test_two_cancellations_and_the_confirmation_at_once():
    place, product = site(), ProductFactory(sku="APPLE")
    stocked(product, place.shelf, 100)
    for number in range(5):
        results = at_once(
            lambda n=number: order_for([(product, 1)], external_id=f"race-{n}"),
            lambda n=number: process_order_cancelled("listings", f"race-{n}", "x", actor=ACTOR),
            lambda n=number: process_order_cancelled("listings", f"race-{n}", "x", actor=ACTOR),
        )
        assert {result.pk for result in results} == {Order.objects.get(external_id=f"race-{number}").pk}
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
    assert (Stock.objects.get().reserved, set(PickingTask.objects.values_list("status", flat=True)) <= {"cancelled"}) == (Decimal(0), True)


def test_a_cancellation_releases_what_no_task_holds():
    one, two = site(code="B1"), site(code="B2")
    product = ProductFactory()
    stocked(product, one.shelf, 10)
    stocked(product, two.shelf, 10)
    order = order_for([(product, 4, one)])
    reserve_for_order(order.order_ref, [OrderedLine(product.pk, Decimal(3), two.id)], warehouse_id=two.id, actor=ACTOR)
    cancel(order)
    assert set(Reservation.objects.values_list("status", flat=True)) == {"released"}
    assert set(Stock.objects.values_list("reserved", flat=True)) == {Decimal(0)}


def test_a_tombstone_releases_what_was_promised_before_the_order_came():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    reserve_for_order("listings:88", [OrderedLine(product.pk, Decimal(3), place.id)], warehouse_id=place.id, actor=ACTOR)
    process_order_cancelled("listings", "88", "never mind", actor=ACTOR)
    assert (Reservation.objects.get().status, Stock.objects.get().reserved) == ("released", Decimal(0))


def test_the_stock_of_all_sites_is_locked_in_one_statement():
    one, two, product = site(code="B1"), site(code="B2"), ProductFactory()
    stocked(product, one.shelf, 10)
    stocked(product, two.shelf, 10)
    order = order_for([(product, 4, one), (product, 4, two)])
    with CaptureQueriesContext(connection) as queries:
        cancel(order)
    gates = [query["sql"] for query in queries if "inventory_stock" in query["sql"] and "FOR NO KEY UPDATE" in query["sql"]]
    assert len(gates) == 1
    assert set(Stock.objects.values_list("reserved", flat=True)) == {Decimal(0)}


def test_the_version_of_a_cancellation_is_judged_under_the_lock():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    order = order_for([(product, 4)])
    with pytest.raises(StaleVersion):
        process_order_cancelled("listings", order.external_id, "", actor=ACTOR, expected_version=order.version + 1)
    assert Order.objects.get().status == "accepted"
    with pytest.raises(NotFound):
        process_order_cancelled("listings", "nobody's", "", actor=ACTOR, expected_version=1)
    assert process_order_cancelled("listings", order.external_id, "", actor=ACTOR, expected_version=order.version).status == "cancelled"


def test_of_two_who_cancel_what_they_saw_at_once_one_is_told():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 10)
    order = order_for([(product, 4)])
    barrier, told = threading.Barrier(2), []

    def run() -> None:
        try:
            barrier.wait(10)
            process_order_cancelled("listings", order.external_id, "", actor=ACTOR, expected_version=order.version)
            told.append("done")
        except StaleVersion:
            told.append("stale")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(told) == ["done", "stale"]
