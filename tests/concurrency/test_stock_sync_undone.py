"""A deduction undone while others work on the same order: never both given back and sent, never given back twice."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from django.utils import timezone

from fulfillment.models import Order, PackingTask, PickingTask, PutBack, Shipment
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.waybills import Waybill, claim_shipment, keep_shipment_request, record_waybill
from inventory.models import Batch, BatchLocation, Movement, Return
from stocksync.enums import Fulfilment, OperationStatus
from stocksync.flows.acknowledging import process_pending_operations
from stocksync.models import ChannelOrder, PendingStockOperation
from stocksync.services import reversals
from stocksync.services.reversals import refund, rollback_operation
from tests.concurrency.threads import race
from tests.factories.fulfillment import begun, packed, person, pick, picked
from tests.factories.stocksync import ACTOR, open_kinds, taken_in
from tests.inventory.books import totals
from tests.partners.fixtures import allegro_microservice
from tests.partners.server import PartnerServer
from tests.stocksync.account import FLAG, KINDS, Account, account_at
from tests.stocksync.house import settle
from tests.warehouse.outbox.conftest import wait_for
from warehouse.core.actor import Role
from warehouse.core.errors import TransitionRefused
from warehouse.outbox.models import OutboxEvent

__all__ = ["allegro_microservice"]  # fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis"), pytest.mark.slow]


@pytest.fixture(params=KINDS)
def account(request: pytest.FixtureRequest, allegro_microservice: PartnerServer) -> Account:
    return account_at(allegro_microservice, request.param)


def deduction() -> PendingStockOperation:
    return PendingStockOperation.objects.get(operation_type="deduction")


def roll_back(pk: UUID | None = None) -> PendingStockOperation:
    return rollback_operation(pk or deduction().pk, reason="a mistake", actor=ACTOR)


def refunded() -> ChannelOrder:
    return refund(deduction().order_id, reason="a mistake", actor=ACTOR)


def asked_to_cancel() -> int:
    return OutboxEvent.objects.filter(type="order.cancellation_asked").count()


# --- twice -------------------------------------------------------------------------------------------------------------------------------


def test_rolled_back_by_two_at_once_is_rolled_back_once(account: Account) -> None:
    account.deducted()
    assert [outcome.error for outcome in race([roll_back] * 2)] == [None, None]
    assert asked_to_cancel() == account.by_us
    account.start_again()
    account.assert_given_back()
    assert account.partner.told("A1") == [True, False]
    roll_back()
    settle()
    account.assert_given_back()


def test_refunded_by_two_at_once_is_asked_for_once(account: Account) -> None:
    account.deducted()
    assert [outcome.error for outcome in race([refunded] * 2)] == [None, None]
    assert asked_to_cancel() == account.by_us
    account.start_again()
    account.assert_given_back()


def test_control_without_the_lock_it_is_given_back_by_both(allegro_microservice: PartnerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warehouse is asked twice; that it answers an order once is all that saves the shelf."""
    account = account_at(allegro_microservice, Fulfilment.WAREHOUSE)
    account.deducted()
    both_have_read = threading.Barrier(2)

    def unlocked(pk: int, expected_version: int | None = None) -> ChannelOrder:
        order = ChannelOrder.objects.select_related("channel__warehouse").get(pk=pk)
        both_have_read.wait(30)
        return order

    monkeypatch.setattr(reversals, "lock_order", unlocked)
    race([refunded] * 2)
    assert asked_to_cancel() == 2


# --- against a worker --------------------------------------------------------------------------------------------------------------------


def test_rolled_back_while_a_worker_hears_the_answer(account: Account) -> None:
    """While the worker has it, it can't be rolled back; whoever comes first, the flag is what our books say in the end."""
    account.put()
    taken_in(account.channel, [(account.product, 2)], external_id="A1")
    settle()
    account.server.fail("latency", when="during", seconds=1, path=FLAG)
    pk = deduction().pk

    def at_the_answer() -> PendingStockOperation:
        wait_for(lambda: account.partner.told("A1"), 30)
        return roll_back(pk)

    worker, by_hand = race([process_pending_operations, at_the_answer])
    assert worker.error is None
    assert by_hand.won or isinstance(by_hand.error, TransitionRefused)
    if not by_hand.won:
        assert account.operations() == [("deduction", "completed")]
        roll_back(pk)
    account.start_again()
    account.assert_given_back()


def test_rolled_back_in_the_middle_of_the_call_is_refused(account: Account) -> None:
    account.put()
    taken_in(account.channel, [(account.product, 2)], external_id="A1")
    settle()
    account.server.fail("latency", when="during", seconds=2, path=FLAG)

    def in_the_middle() -> PendingStockOperation:
        wait_for(lambda: deduction().status == OperationStatus.PROCESSING, 30)
        return roll_back()

    worker, by_hand = race([process_pending_operations, in_the_middle])
    assert (worker.error, type(by_hand.error)) == (None, TransitionRefused)
    account.assert_deducted_once()
    assert asked_to_cancel() == 0


# --- against the hand-over ---------------------------------------------------------------------------------------------------------------


def ready_to_leave(account: Account) -> PackingTask:
    """The order, packed, with its waybill."""
    account.deducted()
    task = packed(picked(PickingTask.objects.get(), person(Role.PICKER)), person(Role.PACKER))
    shipment = Shipment.objects.get().pk
    claimed = claim_shipment(shipment, actor=ACTOR)
    assert claimed is not None
    keep_shipment_request(claimed, {"package": {}}, actor=ACTOR)
    record_waybill(shipment, Waybill("w-1", "TRACK-1", "", "created", None), actor=ACTOR)
    return task


@pytest.mark.parametrize("first", ["nobody", "carrier", "rollback"])
def test_rolled_back_while_the_carrier_takes_the_goods(allegro_microservice: PartnerServer, first: str) -> None:
    """Either the goods stay and are put back, or they are gone: then a return awaits them, or a person is told that it came too late. Never both."""
    account = account_at(allegro_microservice, Fulfilment.WAREHOUSE)
    task, shipper = ready_to_leave(account), person(Role.PACKER)

    def hand_over() -> PackingTask:
        return ship_packing_task(task.pk, actor=shipper)

    def undo() -> None:
        roll_back()
        settle()

    if first == "carrier":
        hand_over()
    elif first == "rollback":
        undo()
    carrier, undone = race([hand_over, undo])
    assert undone.error is None
    assert carrier.won or isinstance(carrier.error, TransitionRefused)
    account.start_again()

    order, own = account.order(), Order.objects.get()
    shipped = own.status == "shipped"
    # It is rolled back when it is done, and stands when it came too late.
    assert (own.status in ("shipped", "cancelled"), deduction().status) == (True, "completed" if order.is_deducted else "rolled_back")
    assert Movement.objects.filter(type="sale").count() == shipped
    assert PutBack.objects.exists() is not shipped
    if not shipped:
        assert (order.is_deducted, Return.objects.count(), account.partner.order("A1")["is_stock_updated"]) == (False, 0, False)
    elif order.is_deducted:
        # Asked too late: what the order's goods are worth to the marketplace stays as it was.
        assert (open_kinds(order), Return.objects.count(), account.partner.order("A1")["is_stock_updated"]) == (["refused"], 0, True)
    else:
        assert (open_kinds(order), Return.objects.count(), account.partner.order("A1")["is_stock_updated"]) == ([], 1, False)
    account.assert_sound()


# --- the other way round, from end to end ------------------------------------------------------------------------------------------------


def test_a_half_picked_order_is_rolled_back_and_its_goods_are_put_back(allegro_microservice: PartnerServer) -> None:
    account = account_at(allegro_microservice, Fulfilment.WAREHOUSE)
    account.deducted(quantity=5)
    picker = person(Role.PICKER)
    pick(begun(PickingTask.objects.get(), picker).items.get(), picker, 3)

    roll_back()
    assert (account.order().is_deducted, account.partner.told("A1")) == (True, [True]), "the warehouse has not answered yet"
    account.start_again()

    assert account.operations() == [("deduction", "rolled_back"), ("refund", "completed")]
    assert (account.order().is_deducted, account.partner.told("A1")) == (False, [True, False])
    assert (Order.objects.get().status, totals(account.product.pk, account.place.id)) == ("cancelled", (50, 0, 3, 47))
    back = PutBack.objects.get()
    assert (back.quantity, back.status) == (3, "pending")
    account.assert_sound()

    roll_back()
    account.start_again()
    assert PutBack.objects.count() == asked_to_cancel() == 1
    assert account.partner.told("A1") == [True, False]
    place = account.place.shelf
    complete_put_back(back.pk, 3, actor=picker, location_scan=place.barcode)
    assert totals(account.product.pk, account.place.id) == (50, 0, 0, 50)
    account.assert_sound()


def test_what_somebody_else_was_to_send_comes_back_to_its_very_batches(allegro_microservice: PartnerServer) -> None:
    account = account_at(allegro_microservice, Fulfilment.ELSEWHERE)
    before = {row.batch.lot_number: row.quantity for row in BatchLocation.objects.select_related("batch")}
    account.deducted(quantity=35)
    sold = Movement.objects.filter(type="sale").order_by("id")
    assert [(row.batch.lot_number, row.quantity_change) for row in sold.select_related("batch")] == [("EARLY", -30), ("LATE", -5)]

    for _ in range(2):
        roll_back()
        account.start_again()
        assert {row.batch.lot_number: row.quantity for row in BatchLocation.objects.select_related("batch")} == before
        assert (Batch.objects.count(), Movement.objects.filter(type="return_to_stock").count()) == (2, 2)
        account.assert_given_back()
    assert account.partner.told("A1") == [True, False]
    assert account.order().reversed_at < timezone.now()
