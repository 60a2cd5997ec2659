"""The queue at the back office: steps of an operation, many at once, refund of an order."""

from __future__ import annotations

import pytest

from inventory.models import Stock
from stocksync.models import ChannelOrder, PendingStockOperation
from tests.factories.inventory import ProductFactory, site, stocked
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from tests.factories.stocksync import channel_at, elsewhere, given_up, many_operations, operation_of, owed, steps, told, unanswered
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def test_only_the_steps_that_are_possible_are_offered():
    manager, viewer, channel = office(Role.MANAGER), office(Role.VIEWER), channel_at(site())
    waits, failed, done = owed(channel), given_up(owed(channel)), told(owed(channel))
    assert steps_offered(manager, waits) == ["retry", "cancel", "roll-back"]
    assert steps_offered(manager, failed) == ["retry", "cancel", "roll-back"]
    assert steps_offered(manager, done) == ["roll-back"]
    assert steps_offered(viewer, waits) == []
    assert steps_offered(manager, done.order) == ["refund"]


def test_a_failed_operation_is_retried_and_counts_from_the_beginning():
    manager = office(Role.MANAGER)
    row = given_up(owed(channel_at(site())))
    shown = manager.get(page(row)).content.decode()
    assert "5 of 5" in shown
    assert "422: no" in shown
    assert "12 ms" in shown
    take(manager, row, "retry")
    row = PendingStockOperation.objects.get()
    assert (row.status, row.retry_count) == ("pending", 0)
    assert steps(row)[-1] == "manual_retry"


def test_who_comes_second_is_told_so():
    manager = office(Role.MANAGER)
    row = given_up(owed(channel_at(site())))
    answer = take(manager, row, "cancel", version=row.version - 1, reason="wrong account")
    assert "changed meanwhile" in answer.content.decode()
    assert PendingStockOperation.objects.get().status == "failed"


def test_cancelled_stays_deducted_and_rolled_back_comes_back():
    manager, house = office(Role.MANAGER), site()
    product = ProductFactory()
    stocked(product, house.shelf, 10)
    channel = elsewhere(house)
    cancelled, undone = owed(channel, [(product, 2)]), told(owed(channel, [(product, 3)]))
    take(manager, cancelled, "cancel", reason="told by telephone")
    assert operation_of(cancelled.order).status == "cancelled"
    assert Stock.objects.get(product=product).quantity == 5
    take(manager, undone, "roll_back", reason="a test order")
    assert PendingStockOperation.objects.get(pk=undone.pk).status == "rolled_back"
    assert Stock.objects.get(product=product).quantity == 8
    assert "roll-back" not in steps_offered(manager, PendingStockOperation.objects.get(pk=undone.pk))
    assert_books_balance()


def test_an_order_is_refunded_from_its_page():
    manager, house = office(Role.MANAGER), site()
    product = ProductFactory()
    stocked(product, house.shelf, 10)
    order = told(owed(elsewhere(house), [(product, 4)])).order
    order.refresh_from_db()
    shown = manager.get(page(order)).content.decode()
    assert "sold" in shown
    assert "Movements" in shown
    take(manager, order, "refund", reason="returned unopened")
    assert ChannelOrder.objects.get().reversed_at is not None
    assert operation_of(order).operation_type == "refund"
    assert Stock.objects.get(product=product).quantity == 10


def test_an_order_that_this_warehouse_sends_leads_there():
    manager, channel = office(Role.MANAGER), channel_at(site())
    order = owed(channel).order
    assert f"/admin/fulfillment/order/?q={order.external_id}" in manager.get(page(order)).content.decode()


def chosen(action, rows, **more):
    return {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}


def test_many_are_retried_after_asking():
    manager, channel = office(Role.MANAGER), channel_at(site())
    failed = many_operations(channel, 3, product=ProductFactory(), status="failed")
    done = many_operations(channel, 1, product=ProductFactory(), status="completed")
    asked = manager.post(listing(PendingStockOperation), chosen("retry_chosen", failed + done))
    assert asked.status_code == 200
    assert set(PendingStockOperation.objects.values_list("status", flat=True)) == {"failed", "completed"}
    answer = manager.post(listing(PendingStockOperation), chosen("retry_chosen", failed + done, confirmed="yes"), follow=True).content.decode()
    assert "Retry: 3 of 4 done." in answer
    assert "Only one that waits or failed can be." in answer
    assert PendingStockOperation.objects.filter(status="pending").count() == 3


def test_all_that_the_filters_leave_are_cancelled_with_a_reason():
    manager, channel = office(Role.MANAGER), channel_at(site())
    failed = many_operations(channel, 60, product=ProductFactory(), status="failed")
    waiting = many_operations(channel, 2, product=ProductFactory())
    address = listing(PendingStockOperation) + "?status__exact=failed"
    refused = manager.post(address, chosen("cancel_chosen", failed[:1], confirmed="yes", everything="on"))
    assert "This field is required" in refused.content.decode()
    manager.post(address, chosen("cancel_chosen", failed[:1], confirmed="yes", everything="on", reason="an account that is closed"))
    assert PendingStockOperation.objects.filter(status="cancelled").count() == 60
    assert {row.status for row in PendingStockOperation.objects.filter(pk__in=[row.pk for row in waiting])} == {"pending"}


def test_a_viewer_is_offered_no_action_and_is_refused_one():
    viewer, channel = office(Role.VIEWER), channel_at(site())
    rows = many_operations(channel, 1, product=ProductFactory(), status="failed")
    assert "retry_chosen" not in viewer.get(listing(PendingStockOperation)).content.decode()
    viewer.post(listing(PendingStockOperation), chosen("retry_chosen", rows, confirmed="yes"))
    assert PendingStockOperation.objects.get().status == "failed"
    assert viewer.post(dialog(rows[0], "retry"), {"expected_version": 1}).status_code == 403


def test_what_is_tried_without_an_answer_says_when_it_is_tried_again():
    viewer = office(Role.VIEWER)
    row = unanswered(owed(channel_at(site())))
    shown = viewer.get(listing(PendingStockOperation)).content.decode()
    assert "1 try, none answered" in shown
    assert "no answer" in viewer.get(page(row)).content.decode()
