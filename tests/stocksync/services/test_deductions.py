"""An order is deducted once, whatever becomes of its acknowledgement; what stops it stops it alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from inventory.models import Movement, Reservation
from stocksync.enums import ChannelMode, OperationStatus
from stocksync.models import ChannelOrder, PendingStockOperation
from stocksync.services.deductions import sync_stock_deduction
from tests.factories.fulfillment import person
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import (
    ACTOR,
    channel_at,
    elsewhere,
    given_up,
    open_kinds,
    operation_of,
    refused,
    remote,
    stocked,
    taken_in,
    told,
    unanswered,
)
from tests.inventory.books import assert_books_balance, totals
from tests.stocksync.house import said
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


def sold(order: ChannelOrder) -> list[tuple[str, str, Decimal]]:
    """What left the books on the order's account: SKU, lot, quantity."""
    rows = Movement.objects.filter(type="sale", order_ref=order.order_ref).order_by("id")
    return [(row.product.sku, row.batch.lot_number, row.quantity_change) for row in rows.select_related("product", "batch")]


def test_sent_by_somebody_else_the_goods_leave_the_books_at_once_first_expired_first(place, apple):
    pear = ProductFactory(sku="PEAR")
    stocked(pear, place.shelf, 5, lot="P")
    order = taken_in(elsewhere(place, code="shop"), [(apple, 5), (pear, "2")], external_id="A1").order

    order.refresh_from_db()
    assert (order.order_ref, order.fulfilment, order.is_deducted) == ("shop:A1", "elsewhere", True)
    assert sold(order) == [("APPLE", "EARLY", Decimal(-4)), ("APPLE", "LATE", Decimal(-1)), ("PEAR", "P", Decimal(-2))]
    assert totals(apple.pk, place.id) == (5, 0, 0, 5)
    assert totals(pear.pk, place.id) == (3, 0, 0, 3)
    assert said("order.confirmed") == []
    assert_books_balance()


def test_sent_by_this_warehouse_the_goods_are_promised_and_it_is_asked_to_send_them(place, apple):
    order = taken_in(channel_at(place, code="shop"), [(apple, 5)], external_id="A1").order

    order.refresh_from_db()
    assert (order.fulfilment, order.is_deducted, sold(order)) == ("warehouse", True, [])
    assert totals(apple.pk, place.id) == (10, 5, 0, 5)
    assert list(Reservation.objects.values_list("order_ref", "status", "expires_at")) == [("shop:A1", "active", None)]
    lines = [{"sku": "APPLE", "quantity": "5", "warehouse": "ONE"}]
    assert said("order.confirmed") == [{"order_source": "shop", "order_id": "A1", "lines": lines}]
    assert_books_balance()


@pytest.mark.parametrize("kind", [channel_at, elsewhere])
def test_what_is_owed_by_it_is_one_operation_with_its_log(place, apple, kind):
    taken = taken_in(kind(place), [(apple, 5)], revision="r7")
    operation = operation_of(taken.order)
    assert (operation.pk, operation.operation_type, operation.revision, operation.wanted_there) == (taken.operation_id, "deduction", "r7", True)
    assert (operation.status, operation.retry_count, operation.max_retries, operation.attempts) == ("pending", 0, 5, 0)
    assert operation.next_retry_at <= timezone.now()
    [row] = operation.log.all()
    assert (row.action, row.status, row.performed_by, row.details["message"]) == ("created", "pending", "tests", "Operation created")


@pytest.mark.parametrize("kind", [channel_at, elsewhere])
@pytest.mark.parametrize("ending", [refused, unanswered, given_up, told])
def test_it_is_deducted_once_however_the_acknowledgement_ends(place, apple, kind, ending):
    """The defect of earlier attempts: the whole order was done again because the marketplace could not be told."""
    channel = kind(place)
    news = remote([(apple, 5)])
    order = taken_in(channel, [(apple, 5)], external_id=news.external_id).order
    before, ledger, events = totals(apple.pk, place.id), Movement.objects.count(), OutboxEvent.objects.count()

    ending(operation_of(order))
    assert sync_stock_deduction(order.pk, actor=ACTOR) is None
    for revision in ("r1", "r2"):
        assert taken_in(channel, [(apple, 5)], external_id=news.external_id, revision=revision).operation_id is None

    assert (totals(apple.pk, place.id), Movement.objects.count(), OutboxEvent.objects.count()) == (before, ledger, events)
    assert PendingStockOperation.objects.count() == 1
    assert_books_balance()


@pytest.mark.parametrize("kind", [channel_at, elsewhere])
@pytest.mark.parametrize(
    ("sku", "quantity", "why"), [("", 1, "no_sku"), ("NOBODY-KNOWS", 1, "no_sku"), ("APPLE", 11, "no_stock"), ("APPLE", "0.5", "refused")]
)
def test_a_line_that_can_not_be_deducted_stops_its_order_and_no_other(place, apple, kind, sku, quantity, why):
    channel = kind(place)
    before = Movement.objects.count()
    stopped = taken_in(channel, [(apple, 1), (sku, quantity)]).order
    assert (Movement.objects.count(), totals(apple.pk, place.id)) == (before, (10, 0, 0, 10))
    stopped.refresh_from_db()
    assert (stopped.is_deducted, stopped.operations.count(), open_kinds(stopped)) == (False, 0, [why])
    [row] = stopped.discrepancies.all()
    assert (row.channel_id, row.here, row.there["status"]) == (channel.pk, {"deducted": False}, "READY_FOR_PROCESSING")
    assert (sku or "Goods 2") in row.detail

    following = taken_in(channel, [(apple, 3)]).order
    following.refresh_from_db()
    assert following.is_deducted
    assert totals(apple.pk, place.id)[3] == 7
    assert_books_balance()


def test_an_order_without_lines_waits_for_a_person(place):
    order = taken_in(elsewhere(place), []).order
    assert open_kinds(order) == ["no_sku"]
    assert order.discrepancies.get().detail == "It has no lines."


def test_it_is_deducted_when_the_obstacle_is_gone_and_the_discrepancy_is_over(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, [(apple, 12)]).order
    assert open_kinds(order) == ["no_stock"]
    seen = order.discrepancies.get().seen_at
    assert sync_stock_deduction(order.pk, actor=ACTOR) is None
    assert (order.discrepancies.count(), open_kinds(order)) == (1, ["no_stock"])
    assert order.discrepancies.get().seen_at > seen

    stocked(apple, place.shelf, 2)
    made = sync_stock_deduction(order.pk, actor=ACTOR)
    assert made is not None
    assert (made.status, made.order_id) == ("pending", order.pk)
    assert (open_kinds(order), order.discrepancies.get().resolution) == ([], "The cause is gone.")
    assert totals(apple.pk, place.id) == (0, 0, 0, 0)
    assert_books_balance()


def test_another_reason_takes_the_place_of_the_one_before(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, [(apple, 11)], external_id="A1").order
    assert open_kinds(order) == ["no_stock"]
    taken_in(channel, [("", 1)], external_id="A1", revision="r2")
    assert open_kinds(order) == ["no_sku"]
    assert order.discrepancies.count() == 2


def test_the_same_goods_on_two_lines_are_deducted_together(place, apple):
    order = taken_in(elsewhere(place), [(apple, 3), ("apple", 3)]).order
    order.refresh_from_db()
    assert order.is_deducted
    assert sum((row[2] for row in sold(order)), Decimal(0)) == -6
    assert set(order.lines.values_list("product", flat=True)) == {apple.pk}
    assert_books_balance()


def test_who_may_not_and_when_not(place, apple):
    channel = elsewhere(place, mode=ChannelMode.SHADOW)
    order = taken_in(channel, [(apple, 1)]).order
    for role in set(Role) - {Role.MANAGER, Role.INTEGRATION}:
        with pytest.raises(PermissionDenied):
            sync_stock_deduction(order.pk, actor=person(role))
    with pytest.raises(Conflict, match="shadow"):
        sync_stock_deduction(order.pk, actor=ACTOR)
    channel.mode = ChannelMode.ON
    channel.save()
    ChannelOrder.objects.update(left_alone=True)
    with pytest.raises(Conflict, match="left alone"):
        sync_stock_deduction(order.pk, actor=ACTOR)
    with pytest.raises(NotFound):
        sync_stock_deduction(order.pk + 1, actor=ACTOR)
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)
    assert PendingStockOperation.objects.filter(status=OperationStatus.PENDING).count() == 0
