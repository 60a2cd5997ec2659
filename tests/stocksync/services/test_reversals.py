"""A deduction undone: the very batches, once, in every state; what this warehouse has begun to pick is put back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fulfillment.models import Order, PickingTask, PutBack
from inventory.models import Location, Movement, Reservation, Return
from stocksync.enums import OperationStatus, RemoteState, Resolution
from stocksync.models import ChannelOrder, Discrepancy, PendingStockOperation
from stocksync.services.answers import note_answers
from stocksync.services.operations import cancel_operation, claim_operations
from stocksync.services.resolutions import possible, resolve_discrepancy
from stocksync.services.reversals import refund, rollback_operation
from tests.factories.fulfillment import begun, person, pick
from tests.factories.stocksync import (
    ACTOR,
    channel_at,
    claimed,
    elsewhere,
    given_up,
    open_kinds,
    operation_of,
    owed,
    refused,
    taken_in,
    told,
)
from tests.inventory.books import assert_books_balance, totals
from tests.stocksync.house import said, settle
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def came_back(order: ChannelOrder) -> dict[str, Decimal]:
    rows = Movement.objects.filter(type="return_to_stock", order_ref=order.order_ref).values_list("batch__lot_number", "quantity_change")
    return dict(rows)


def state(operation: PendingStockOperation) -> tuple[str, int]:
    row = PendingStockOperation.objects.get(pk=operation.pk)
    return row.status, row.log.count()


@pytest.mark.parametrize("before", [lambda row: row, refused, told, given_up, lambda row: cancel_operation(row.pk, actor=ACTOR)])
def test_rolled_back_in_every_state_the_very_batches_are_back(place, apple, before):
    operation = owed(elsewhere(place), [(apple, 5)])
    before(operation)
    row = rollback_operation(operation.pk, reason="a test order", actor=ACTOR)
    order = ChannelOrder.objects.get()
    assert (row.status, order.reversed_at is not None, order.is_deducted) == ("rolled_back", True, False)
    assert came_back(order) == {"EARLY": Decimal(4), "LATE": Decimal(1)}
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)
    newest = operation_of(order)
    assert (newest.operation_type, newest.wanted_there, newest.status) == ("refund", False, "pending")
    assert row.log.get(action="rollback_asked").details["message"] == "a test order"
    assert row.log.filter(action="rolled_back").count() == 1
    assert open_kinds(order) == []
    assert_books_balance()


def test_twice_is_once(place, apple):
    operation = told(owed(elsewhere(place), [(apple, 5)]))
    rollback_operation(operation.pk, reason="once", actor=ACTOR)
    before = state(operation), Movement.objects.count(), PendingStockOperation.objects.count()
    assert rollback_operation(operation.pk, reason="twice", actor=ACTOR).status == "rolled_back"
    refund(operation.order_id, reason="thrice", actor=ACTOR)
    assert (state(operation), Movement.objects.count(), PendingStockOperation.objects.count()) == before


def test_what_a_worker_has_and_what_is_no_deduction_is_not_rolled_back(place, apple):
    operation = owed(elsewhere(place), [(apple, 5)])
    claimed(operation)
    before = state(operation)
    with pytest.raises(TransitionRefused, match="right now"):
        rollback_operation(operation.pk, reason="x", actor=ACTOR)
    assert state(operation) == before
    refund(operation.order_id, reason="x", actor=ACTOR)
    with pytest.raises(TransitionRefused, match="only a deduction"):
        rollback_operation(operation_of(operation.order).pk, reason="x", actor=ACTOR)


def test_it_needs_a_reason_a_manager_and_the_version_that_was_seen(place, apple):
    operation = owed(elsewhere(place), [(apple, 5)])
    with pytest.raises(ValidationFailed):
        rollback_operation(operation.pk, reason="  ", actor=ACTOR)
    with pytest.raises(PermissionDenied):
        rollback_operation(operation.pk, reason="x", actor=person(Role.INTEGRATION))
    with pytest.raises(StaleVersion):
        rollback_operation(operation.pk, reason="x", actor=ACTOR, expected_version=99)
    assert state(operation) == ("pending", 1)


def test_cancelled_there_the_goods_are_back_and_that_is_owed(place, apple):
    channel = elsewhere(place)
    order = told(owed(channel, [(apple, 5)], external_id="A1")).order
    taken = taken_in(channel, [(apple, 5)], external_id="A1", revision="r2", state=RemoteState.CANCELLED)
    assert taken.operation_id == operation_of(order).pk
    assert operation_of(order).revision == "r2"
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_this_warehouse_is_asked_and_answers_and_then_that_is_owed(place, apple):
    operation = told(owed(channel_at(place, code="shop"), [(apple, 5)], external_id="A1"))
    settle()
    assert Order.objects.get().status == "accepted"

    row = rollback_operation(operation.pk, reason="a test order", actor=ACTOR)
    assert (row.status, row.rollback_asked_at is not None) == ("completed", True)
    assert claim_operations(actor=ACTOR) == []
    order = ChannelOrder.objects.get()
    assert (order.reversal_asked_at is not None, order.reversed_at, operation_of(order).pk) == (True, None, operation.pk)
    assert [row["reason"] for row in said("order.cancellation_asked")] == ["Rolled back: a test order"]
    refund(order.pk, reason="once more", actor=ACTOR)
    settle()

    order = ChannelOrder.objects.get()
    assert (order.is_deducted, Order.objects.get().status, Reservation.objects.get().status) == (False, "cancelled", "released")
    assert state(operation)[0] == "rolled_back"
    assert (operation_of(order).operation_type, operation_of(order).wanted_there) == ("refund", False)
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)
    assert open_kinds(order) == []
    assert_books_balance()


def test_asked_already_refunding_again_changes_nothing_and_is_not_offered(place, apple):
    operation = given_up(owed(channel_at(place, code="shop"), [(apple, 5)], external_id="A1"))
    refund(operation.order_id, reason="a test order", actor=ACTOR)
    before = ChannelOrder.objects.values().get(), said("order.cancellation_asked"), state(operation)
    refund(operation.order_id, reason="once more", actor=ACTOR)
    assert (ChannelOrder.objects.values().get(), said("order.cancellation_asked"), state(operation)) == before
    row = Discrepancy.objects.select_related("order").get()
    assert possible(row) == {Resolution.RETRY, Resolution.ACCEPT}
    with pytest.raises(ValidationFailed):
        resolve_discrepancy(row.pk, Resolution.ROLL_BACK, note="x", actor=ACTOR)


def test_half_picked_what_was_picked_is_put_back(place, apple):
    operation = told(owed(channel_at(place, code="shop"), [(apple, 5)]))
    settle()
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.order_by("pk")[0], picker)

    rollback_operation(operation.pk, reason="a test order", actor=ACTOR)
    settle()
    order = ChannelOrder.objects.get()
    assert (order.is_deducted, order.operations.get(operation_type="refund").wanted_there) == (False, False)
    assert sum(row.quantity for row in PutBack.objects.all()) == 4
    assert Order.objects.get().status == "cancelled"
    assert_books_balance()


def test_what_is_not_deducted_has_nothing_to_give_back(place, apple):
    order = taken_in(elsewhere(place), [(apple, 5)], state=RemoteState.WAITING).order
    with pytest.raises(Conflict, match="not deducted"):
        refund(order.pk, reason="x", actor=ACTOR)
    assert Movement.objects.filter(type="return_to_stock").count() == 0


def test_reconciliation_of_the_books_finds_nothing_and_no_return_is_made_for_what_never_left(place, apple):
    operation = owed(elsewhere(place), [(apple, 5)])
    rollback_operation(operation.pk, reason="x", actor=ACTOR)
    assert Return.objects.count() == 0
    assert not PendingStockOperation.objects.filter(status=OperationStatus.FAILED).exists()
    assert_books_balance()


def test_what_the_warehouse_refuses_to_cancel_may_be_rolled_back_again(place, apple):
    operation = told(owed(channel_at(place, code="shop"), [(apple, 5)], external_id="A1"))
    settle()
    rollback_operation(operation.pk, reason="first", actor=ACTOR)
    order = ChannelOrder.objects.select_related("channel").get()
    refusal = {"order_source": "shop", "order_id": "A1", "asked": "order.cancellation_asked", "detail": "It was handed over."}
    note_answers([("order.refused", refusal), ("order.refused", {**refusal, "order_id": "none of ours"})], actor=ACTOR)

    row = operation_of(order)
    assert (row.status, row.rollback_asked_at) == ("completed", None)
    assert row.log.latest("timestamp").action == "rollback_refused"
    order.refresh_from_db()
    assert (order.is_deducted, order.reversal_asked_at, open_kinds(order)) == (True, None, ["refused"])
    # The warehouse had not answered yet in truth: its own answer comes now.
    settle()
    assert (operation_of(order).operation_type, ChannelOrder.objects.get().is_deducted) == ("refund", False)


def test_a_long_revision_has_room_in_the_operation_that_follows(place, apple):
    channel, revision = elsewhere(place), "r" * 80
    told(owed(channel, [(apple, 5)], external_id="A1", revision=revision))
    taken = taken_in(channel, [(apple, 5)], external_id="A1", revision=revision, state=RemoteState.CANCELLED)
    assert operation_of(taken.order).revision == revision
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)


@pytest.mark.parametrize("news", [{"state": RemoteState.CANCELLED, "lines": True}, {"state": RemoteState.READY, "lines": False}])
def test_goods_that_can_not_be_given_back_are_laid_before_a_person(place, apple, news):
    """Cancelled, or everything taken out of it: the reading of the channel goes on in both cases."""
    channel = elsewhere(place)
    order = told(owed(channel, [(apple, 5)], external_id="A1")).order
    Location.objects.filter(pk=place.shelf.pk).update(condition="frozen")
    lines = [(apple, 5)] if news["lines"] else []
    assert taken_in(channel, lines, external_id="A1", revision="r2", state=news["state"]).operation_id is None
    order.refresh_from_db()
    assert (order.is_deducted, open_kinds(order)) == (True, ["refused"])
    assert totals(apple.pk, place.id)[0] == 5
