"""Goods that fail a quality check: quarantine first, then others, a write-off or a hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_client
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment import flows
from fulfillment.errors import WorkLeft
from fulfillment.models import Order, PackingTask, Pick, PickingTask, PickingTaskItem, PutBack, QualityCheck, QualityCheckItem, Shipment
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.picking_tasks import cancel_picking_task, complete_picking_task, create_picking_task
from fulfillment.services.quality_checks import pass_quality_check, record_quality_finding, start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.undo import undo_pick
from inventory.models import Batch, BatchLocation, CountRequest, Location, Movement, Product, Reservation, WriteOff
from inventory.orchestrator import recall_batch
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, reachable_site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.factories.quality import bad, good, rule, to_check, told, walked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.outbox import subscribers
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_contradicts(db: None) -> Iterator[None]:
    """Whatever a test did, orders, tasks, checks and promises agree afterwards."""
    yield
    with transaction.atomic():
        assert everything_that_contradicts() == []


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


@pytest.fixture
def packer(db: None) -> Actor:
    return person(Role.PACKER)


def lying(place: Location) -> dict[str, tuple[Decimal, Decimal]]:
    """quantity and reserved by lot of what lies there."""
    rows = BatchLocation.objects.filter(location=place, has_stock=True).values_list("batch__lot_number", "quantity", "reserved")
    return {lot: (quantity, reserved) for lot, quantity, reserved in rows}


def stops(task: PickingTask) -> list[tuple[str, str, Decimal, Decimal, str]]:
    items = task.items.select_related("location", "batch").order_by("sequence")
    return [(i.location.code, i.batch.lot_number, i.quantity_required, i.quantity_picked, i.status) for i in items]


def failed(check: QualityCheck, packer: Actor, quantity: Any, decision: str) -> QualityCheck:
    for item in check.items.all():
        bad(item, packer, quantity, decision=decision)
    return fail_quality_check(check.pk, actor=packer)


def test_failed_goods_go_to_quarantine_and_others_are_fetched(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 5, lot="OLD", expires_in_days=9)
    stocked(milk, house.shelf, 5, lot="NEW", expires_in_days=30)
    check = to_check([(milk, 5)], picker, packer)
    done = failed(check, packer, 2, "repick")

    assert (done.status, done.finished_at is not None) == ("failed", True)
    assert lying(house.quarantine) == {"OLD": (2, 0)}
    assert lying(house.bench) == {"OLD": (3, 3)}
    assert lying(house.shelf) == {"NEW": (5, 2)}
    assert totals(milk.pk, house.id) == (10, 5, 2, 3)
    item = QualityCheckItem.objects.select_related("quarantined_in__location").get()
    assert (item.quarantined_quantity, item.decision, item.quarantined_in and item.quarantined_in.location) == (2, "repick", house.quarantine)
    task = PickingTask.objects.get()
    assert (task.status, task.worker, task.started_at, task.completed_at, task.picked_items, task.total_items) == ("pending", None, None, None, 1, 2)
    assert stops(task) == [("A-01", "OLD", 5, 3, "short"), ("A-01", "NEW", 2, 0, "pending")]
    assert (Order.objects.get().status, PackingTask.objects.count()) == ("picking", 0)
    lines = Movement.objects.filter(document_type="quality_check").order_by("pk")
    assert list(lines.values_list("type", "location__code", "quantity_change", "document_id", "order_ref")) == [
        ("transfer_out", "PACK", -2, check.pk, check.order.order_ref),
        ("transfer_in", "QUAR", 2, check.pk, check.order.order_ref),
    ]
    (event,) = told("quality.failed")
    assert event == {
        "check_id": check.pk,
        "task_id": task.pk,
        "order_id": check.order.external_id,
        "picking_again": True,
        "items": [
            {
                "sku": "MILK",
                "batch_id": item.batch_id,
                "lot_number": "OLD",
                "failed": "2",
                "quarantined": "2",
                "decision": "repick",
                "note": "",
            }
        ],
    }
    assert [(e["quantity"], e["reason"]) for e in told("stock.reallocated")] == [("2", "QUALITY_FAILED")]
    assert (told("picking.short"), told("order.needs_attention")) == ([], [])
    assert_books_balance()


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_that_differ_do_not_hide_what_was_fetched(house: Site, milk: Product, picker: Actor, packer: Actor, minutes: int) -> None:
    """The web server that the packer's phone speaks to is ahead of the picker's, or behind it."""
    rule()
    stocked(milk, house.shelf, 9)
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 2, "repick")
    QualityCheck.objects.update(finished_at=timezone.now() + timedelta(minutes=minutes))
    task = PickingTask.objects.get()
    begun(task, picker)
    with pytest.raises(Conflict, match="nothing to undo"):
        undo_pick(task.pk, actor=picker)
    pick(task.items.get(status="pending"), picker)
    undo_pick(task.pk, actor=picker)
    pick(task.items.get(status="pending"), picker)
    complete_picking_task(task.pk, actor=picker)
    again = QualityCheck.objects.get(status="pending")
    assert [(item.product_id, item.quantity) for item in again.items.all()] == [(milk.pk, 2)]
    start_quality_check(again.pk, actor=packer)
    failed(again, packer, 1, "repick")
    assert lying(house.quarantine) == {check.items.get().batch.lot_number: (3, 0)}
    assert sum(Pick.objects.filter(undone_at=None).values_list("quantity", flat=True)) == 4
    assert_books_balance()


def test_what_was_fetched_instead_is_looked_at_and_all_is_packed_together(
    house: Site, milk: Product, picker: Actor, packer: Actor, delivery: Any, order_system: Any
) -> None:
    rule(share=100)
    stocked(milk, house.shelf, 20, lot="L", expires_in_days=30)
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 2, "repick")

    walked(PickingTask.objects.get(), person(Role.PICKER))
    second = QualityCheck.objects.exclude(pk=check.pk).get()
    assert (second.reason, second.status) == (f"instead of what failed {check.number}", "pending")
    assert second.items.values_list("quantity", flat=True).get() == 2
    assert PackingTask.objects.count() == 0
    start_quality_check(second.pk, actor=packer)
    failed(second, packer, 1, "repick")
    walked(PickingTask.objects.get(), person(Role.PICKER))
    third = start_quality_check(QualityCheck.objects.get(status="pending").pk, actor=packer)
    assert third.items.values_list("quantity", flat=True).get() == 1
    good(third.items.get(), packer)
    pass_quality_check(third.pk, actor=packer)

    packing = PackingTask.objects.get()
    assert packing.items.values_list("quantity", flat=True).get() == 5
    assert lying(house.quarantine) == {"L": (3, 0)}
    assert sum(Pick.objects.filter(undone_at=None).values_list("quantity", flat=True)) == 5
    assert sum(PickingTaskItem.objects.values_list("quantity_picked", flat=True)) == 5
    packed(packing, packer)
    for shipment in Shipment.objects.all():
        flows.request_shipment(shipment.pk)
    ship_packing_task(packing.pk, actor=packer)
    assert (Order.objects.get().status, Reservation.objects.get().status) == ("shipped", "fulfilled")
    assert totals(milk.pk, house.id) == (15, 0, 3, 12)
    assert_books_balance()


def test_nothing_to_fetch_the_good_part_is_packed_and_a_person_is_asked(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 5, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 2, "repick")
    assert (PickingTask.objects.get().status, Order.objects.get().status) == ("completed", "needs_attention")
    assert PackingTask.objects.get().items.values_list("quantity", flat=True).get() == 3
    ((short,), (event,)) = told("picking.short"), told("quality.failed")
    assert (short["quantity"], short["reason"], event["picking_again"]) == ("2", "QUALITY_FAILED", False)
    assert len(told("order.needs_attention")) == 1
    assert_books_balance()


def test_nothing_good_and_nothing_to_fetch(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 5, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 5, "repick")
    assert (PackingTask.objects.count(), Order.objects.get().status) == (0, "needs_attention")
    assert Reservation.objects.get().status == "released"
    assert (lying(house.quarantine), lying(house.bench)) == ({"L": (5, 0)}, {})
    stocked(milk, house.shelf, 5, lot="M")
    task = create_picking_task(check.order_id, house.id, [{"sku": "MILK", "quantity": 5}], actor=ACTOR)
    assert task.items.get().quantity_required == 5
    assert_books_balance()


def test_some_can_be_fetched_and_some_not(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 6, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 3, "repick")
    task = PickingTask.objects.get()
    assert (task.status, Order.objects.get().status) == ("pending", "needs_attention")
    assert stops(task) == [("A-01", "L", 5, 2, "short"), ("A-01", "L", 1, 0, "pending")]
    assert told("picking.short")[0]["quantity"] == "2"
    walked(task, picker)
    second = start_quality_check(QualityCheck.objects.get(status="pending").pk, actor=packer)
    good(second.items.get(), packer)
    pass_quality_check(second.pk, actor=packer)
    assert PackingTask.objects.get().items.values_list("quantity", flat=True).get() == 3
    assert_books_balance()


def test_failed_goods_are_written_off(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 9, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    bad(check.items.get(), packer, 2, note="crushed")
    fail_quality_check(check.pk, decision="write_off", actor=packer)
    written = WriteOff.objects.get()
    assert (written.status, written.origin, written.notes) == ("confirmed", "manual", f"{check.number} of {check.order.order_ref}")
    assert written.items.values_list("reason", "quantity", "note").get() == ("quality_issue", 2, "crushed")
    assert QualityCheckItem.objects.get().write_off == written
    assert lying(house.quarantine) == {}
    assert totals(milk.pk, house.id) == (7, 5, 0, 2)
    assert stops(PickingTask.objects.get())[1] == ("A-01", "L", 2, 0, "pending")
    assert_books_balance()


def test_an_expensive_write_off_waits_for_a_manager(house: Site, milk: Product, picker: Actor, packer: Actor, settings: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(10)
    rule()
    row = stocked(milk, house.shelf, 9, lot="L")
    Batch.objects.filter(pk=row.batch_id).update(purchase_price=Decimal(6))
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 2, "write_off")
    assert WriteOff.objects.get().status == "awaiting_approval"
    assert lying(house.quarantine) == {"L": (2, 0)}
    assert_books_balance()


def relayed(redis: redis_client.Redis) -> None:
    Relay(redis).drain(threading.Event())
    for name in ("hold-failed-lots", "replan-picking"):
        subscribers.advance(subscribers.REGISTERED[name])


@pytest.mark.django_db(transaction=True)
def test_a_lot_is_held_and_nothing_of_it_stays_in_the_order(redis: redis_client.Redis) -> None:
    house, milk, tea = reachable_site(code="MAIN", external_id="1"), ProductFactory(sku="MILK"), ProductFactory(sku="TEA")
    picker, packer = person(Role.PICKER), person(Role.PACKER)
    rule()
    stocked(milk, house.shelf, 9, lot="BAD", expires_in_days=9)
    stocked(milk, LocationFactory(warehouse=house.warehouse, code="B-01"), 9, lot="NEW", expires_in_days=30)
    stocked(tea, house.shelf, 9, lot="T")
    check = to_check([(milk, 5), (tea, 1)], picker, packer)
    good(check.items.get(product=tea), packer)
    bad(check.items.get(product=milk), packer, 1, decision="hold", note="glass in it")
    fail_quality_check(check.pk, actor=packer)

    assert lying(house.quarantine) == {"BAD": (5, 0)}
    assert stops(PickingTask.objects.get())[2] == ("B-01", "NEW", 5, 0, "pending")
    item = check.items.get(product=milk)
    assert (item.failed_quantity, item.quarantined_quantity) == (1, 5)
    assert Batch.objects.get(lot_number="BAD").status == "available"
    relayed(redis)
    held = Batch.objects.get(lot_number="BAD")
    assert (held.status, held.status_reason) == ("on_hold", f"quality check of order {check.order.external_id}: glass in it")
    relayed(redis)
    assert PickingTask.objects.get().total_items == 3
    walked(PickingTask.objects.get(), picker)
    second = start_quality_check(QualityCheck.objects.get(status="pending").pk, actor=packer)
    good(second.items.get(), packer)
    pass_quality_check(second.pk, actor=packer)
    assert sorted(PackingTask.objects.get().items.values_list("batch__lot_number", "quantity")) == [("NEW", 5), ("T", 1)]
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
def test_a_lot_that_was_recalled_meanwhile_stays_so(redis: redis_client.Redis) -> None:
    house, milk = reachable_site(code="MAIN", external_id="1"), ProductFactory(sku="MILK")
    packer = person(Role.PACKER)
    rule()
    row = stocked(milk, house.shelf, 9, lot="BAD")
    check = to_check([(milk, 5)], person(Role.PICKER), packer)
    failed(check, packer, 1, "hold")
    recall_batch(row.batch_id, reason="glass", actor=ACTOR)
    relayed(redis)
    assert Batch.objects.get().status == "recalled"
    assert subscribers.Subscription.objects.get(pk="hold-failed-lots").last_error == ""


def test_what_is_missing_goes_the_same_way(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 9, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    record_quality_finding(check.items.get().pk, condition_ok=True, quantity_ok=False, failed_quantity=1, decision="repick", actor=packer)
    fail_quality_check(check.pk, actor=packer)
    assert lying(house.quarantine) == {"L": (1, 0)}
    asked = CountRequest.objects.get()
    assert (asked.location, asked.product, asked.reason) == (house.shelf, milk, f"{check.number}: 1 of MILK missing")
    assert_books_balance()


def test_what_can_not_fail_now_is_refused(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    tea = ProductFactory(sku="TEA")
    stocked(milk, house.shelf, 9, lot="L")
    stocked(tea, house.shelf, 9, lot="T")
    check = to_check([(milk, 5), (tea, 1)], picker)
    with pytest.raises(TransitionRefused):
        fail_quality_check(check.pk, actor=packer)
    start_quality_check(check.pk, actor=packer)
    item = check.items.get(product=milk)
    bad(item, packer, 2)
    with pytest.raises(WorkLeft) as caught:
        fail_quality_check(check.pk, actor=packer, decision="repick")
    assert [(e["sku"], e["code"]) for e in caught.value.errors] == [("TEA", "not_checked")]
    good(check.items.get(product=tea), packer)
    with pytest.raises(WorkLeft) as caught:
        fail_quality_check(check.pk, actor=packer)
    assert [(e["sku"], e["code"]) for e in caught.value.errors] == [("MILK", "undecided")]
    with pytest.raises(ValidationFailed):
        fail_quality_check(check.pk, actor=packer, decision="eat")
    with pytest.raises(PermissionDenied):
        fail_quality_check(check.pk, actor=person(Role.PACKER), decision="repick")
    with pytest.raises(StaleVersion):
        fail_quality_check(check.pk, actor=packer, decision="repick", expected_version=1)
    Location.objects.filter(pk=house.quarantine.pk).update(is_active=False)
    with pytest.raises(NotFound, match="no active quarantine"):
        fail_quality_check(check.pk, actor=packer, decision="repick")
    Location.objects.filter(pk=house.quarantine.pk).update(is_active=True)
    good(item, packer)
    with pytest.raises(WorkLeft, match="all of it is good"):
        fail_quality_check(check.pk, actor=packer)
    assert (lying(house.quarantine), QualityCheck.objects.get().status) == ({}, "in_progress")


@pytest.mark.parametrize("way", ["order", "task"])
def test_cancelled_while_others_are_fetched(house: Site, milk: Product, picker: Actor, packer: Actor, way: str) -> None:
    rule()
    stocked(milk, house.shelf, 20, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 2, "repick")
    if way == "order":
        process_order_cancelled(check.order.source, check.order.external_id, "", actor=ACTOR)
    else:
        cancel_picking_task(check.picking_task_id, "enough", actor=ACTOR)
    assert PutBack.objects.values_list("quantity", flat=True).get() == 3
    assert (lying(house.bench), lying(house.quarantine), lying(house.shelf)) == ({"L": (3, 0)}, {"L": (2, 0)}, {"L": (15, 0)})
    assert (QualityCheck.objects.get().status, PickingTask.objects.get().status) == ("failed", "cancelled")
    assert_books_balance()


def test_goods_of_several_picks_fail_from_the_newest_on(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 20, lot="L")
    order_for([(milk, 6)])
    task = begun(PickingTask.objects.get(), picker)
    for quantity in (1, 2, 3):
        pick(task.items.get(), picker, quantity)
    complete_picking_task(task.pk, actor=picker)
    check = start_quality_check(QualityCheck.objects.get().pk, actor=packer)
    failed(check, packer, 4, "repick")
    picks = Pick.objects.order_by("pk").values_list("quantity", "undone_at")
    assert [(quantity, undone is None) for quantity, undone in picks] == [(1, True), (1, True), (3, False), (1, False)]
    assert stops(task)[0] == ("A-01", "L", 6, 2, "short")
    assert_books_balance()


def test_what_was_looked_at_is_not_undone_on_the_walk_for_others(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    stocked(milk, house.shelf, 20, lot="L")
    check = to_check([(milk, 5)], picker, packer)
    failed(check, packer, 2, "repick")
    task = begun(PickingTask.objects.get(), picker)
    with pytest.raises(Conflict, match="nothing to undo"):
        undo_pick(task.pk, actor=picker)
    assert lying(house.bench) == {"L": (3, 3)}
    pick(task.items.get(status="pending"), picker)
    assert undo_pick(task.pk, actor=picker).quantity == 2
    with pytest.raises(Conflict, match="nothing to undo"):
        undo_pick(task.pk, actor=picker)
    assert_books_balance()


def test_statements_do_not_grow_with_the_goods(house: Site, picker: Actor, packer: Actor) -> None:
    rule()
    products = [ProductFactory() for _ in range(5)]
    for product in products:
        stocked(product, house.shelf, 90)

    def statements(count: int, decision: str) -> int:
        check = to_check([(product, 3) for product in products[:count]], picker, packer)
        for item in check.items.all():
            bad(item, packer, 1)
        with CaptureQueriesContext(connection) as queries:
            fail_quality_check(check.pk, decision=decision, actor=packer)
        return len(queries)

    for decision in ("repick", "write_off", "hold"):
        statements(1, decision)
        assert statements(1, decision) == statements(5, decision), decision
