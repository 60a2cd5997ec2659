"""Orders of marketplaces taken in at once: deducted once whoever reads them, and the last unit goes to one of all who want it."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from fulfillment.models import Order
from inventory.models import Movement, Reservation
from stocksync.enums import ChannelMode, Fulfilment, OperationType, RemoteState
from stocksync.flows.acknowledging import process_pending_operations
from stocksync.flows.reconciling import reconcile_stock_status
from stocksync.models import Channel, ChannelOrder, PendingStockOperation, StockSynchronizationLog
from stocksync.services import intake, reconciliation
from stocksync.services.channels import set_mode
from stocksync.services.intake import take_in_order
from tests.concurrency.threads import race
from tests.factories.fulfillment import order_for, reachable_site
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ACTOR, channel_at, elsewhere, open_kinds, remote, stocked, taken_in
from tests.inventory.books import assert_books_balance, totals
from tests.partners.fixtures import allegro_microservice
from tests.partners.server import PartnerServer
from tests.stocksync.account import KINDS, Account, account_at
from tests.stocksync.house import settle
from warehouse.core.errors import Conflict
from warehouse.outbox.models import OutboxEvent

__all__ = ["allegro_microservice"]  # fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis"), pytest.mark.slow]
ORDERS = [f"A{number}" for number in range(1, 7)]


@pytest.fixture(params=KINDS)
def account(request: pytest.FixtureRequest, allegro_microservice: PartnerServer) -> Account:
    return account_at(allegro_microservice, request.param)


# --- readers -----------------------------------------------------------------------------------------------------------------------------


def test_two_readers_of_the_same_orders_deduct_each_once(account: Account) -> None:
    """Half of them were known before they were ready."""
    for order_id in ORDERS[:3]:
        account.known_as_waiting(order_id)
    for order_id in ORDERS:
        account.put(order_id, status="READY_FOR_PROCESSING")
    assert [outcome.error for outcome in race([account.read] * 2)] == [None, None]
    settle()
    for order_id in ORDERS:
        account.assert_deducted_once(order_id)
    assert account.partner.times_told() == Counter({(order_id, True): 1 for order_id in ORDERS})
    assert OutboxEvent.objects.filter(type="order.confirmed").count() == (len(ORDERS) if account.by_us else 0)
    assert totals(account.product.pk, account.place.id)[3] == 50 - 2 * len(ORDERS)


def test_control_without_the_lock_of_the_order_two_readers_deduct_it_twice(
    allegro_microservice: PartnerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_at(allegro_microservice, Fulfilment.ELSEWHERE)
    account.known_as_waiting()
    both_have_read = threading.Barrier(2)

    def unlocked(channel: Channel, external_id: str) -> ChannelOrder:
        order = ChannelOrder.objects.get(external_id=external_id)
        order.channel = channel
        both_have_read.wait(30)
        return order

    monkeypatch.setattr(intake, "find_and_lock_order", unlocked)
    news = remote([(account.product, 2)], external_id="A1", revision="r2")
    assert [outcome.error for outcome in race([lambda: take_in_order(account.channel.pk, news, actor=ACTOR)] * 2)] == [None, None]
    assert totals(account.product.pk, account.place.id)[3] == 46, "the goods of one order left twice"


# --- both sides compared -----------------------------------------------------------------------------------------------------------------


def forgotten_there(account: Account) -> None:
    """Half of the orders are deducted here and unknown there; half are known there and not deducted here."""
    for order_id in ORDERS[:3]:
        account.deducted(order_id)
        account.partner.put_order(order_id, is_stock_updated=False, revision=account.partner.order(order_id)["revision"])
    for order_id in ORDERS[3:]:
        account.put(order_id, is_stock_updated=True)
        account.read()


def test_two_comparisons_at_once_do_nothing_twice(account: Account) -> None:
    forgotten_there(account)
    told_before = account.partner.times_told()
    outcomes = race([lambda: reconcile_stock_status(Channel.objects.get(pk=account.channel.pk))] * 2)
    assert [outcome.error for outcome in outcomes] == [None, None]
    settle()
    # What one of them looked at in the moment in which the other one wanted to claim it waits for the workers.
    process_pending_operations()
    for order_id in ORDERS:
        account.assert_deducted_once(order_id)
    reopened = StockSynchronizationLog.objects.filter(action="reopened").values_list("operation__order__external_id", flat=True)
    assert sorted(reopened) == ORDERS[:3]
    assert account.partner.times_told() - told_before == Counter({(order_id, True): 1 for order_id in ORDERS})


def test_what_was_seen_before_somebody_else_mended_it_mends_nothing_again(account: Account) -> None:
    """Two have compared the same page; the second one acts when the first one is done."""
    account.deducted()
    order = account.order()
    seen = remote([(account.product, 2)], external_id="A1", revision=order.revision, known=False)
    first = reconciliation.acknowledge_again(order.pk, seen, seen_version=order.version, actor=ACTOR)
    assert first is not None
    account.start_again()
    assert reconciliation.acknowledge_again(order.pk, seen, seen_version=order.version, actor=ACTOR) is None
    assert account.operations() == [("deduction", "completed")]
    assert account.partner.told("A1") == [True, True]


# --- switched off meanwhile --------------------------------------------------------------------------------------------------------------


def test_switched_off_while_a_reader_deducts(account: Account) -> None:
    """What was deducted is owed and waits; what was not is not read any more. Switched on again, everything is told once."""
    for order_id in ORDERS:
        account.put(order_id)
    # One is deducted and owed already.
    taken_in(account.channel, [(account.product, 2)], external_id=ORDERS[0], revision=account.partner.order(ORDERS[0])["revision"])
    off, reader = race([lambda: set_mode(account.channel.pk, ChannelMode.OFF, actor=ACTOR), account.read])
    assert (off.error, reader.error) == (None, None)
    deducted = ChannelOrder.objects.exclude(deducted_at=None)
    assert PendingStockOperation.objects.filter(operation_type=OperationType.DEDUCTION).count() == deducted.count()
    told = account.partner.times_told()
    account.start_again_off()
    assert account.partner.times_told() == told, "nothing is told of a channel that is off"
    assert_books_balance()
    set_mode(account.channel.pk, ChannelMode.ON, actor=ACTOR)
    account.start_again()
    for order_id in ORDERS:
        account.assert_deducted_once(order_id)
    assert account.partner.times_told() == Counter({(order_id, True): 1 for order_id in ORDERS})


# --- the last unit -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", range(4))
def test_the_last_unit_wanted_by_two_channels_and_an_order_of_our_own(round_: int) -> None:
    place, product = reachable_site(external_id="1"), ProductFactory()
    stocked(product, place.shelf, 1)
    ours, theirs = channel_at(place), elsewhere(place)
    outcomes = race(
        [
            lambda: take_in_order(ours.pk, remote([(product, 1)], external_id="OURS"), actor=ACTOR),
            lambda: take_in_order(theirs.pk, remote([(product, 1)], external_id="THEIRS"), actor=ACTOR),
            lambda: order_for([(product, 1, place)], external_id="4711"),
        ]
    )
    assert [outcome.error for outcome in outcomes] == [None] * 3
    channels = list(ChannelOrder.objects.order_by("external_id"))
    own = Order.objects.get(external_id="4711")
    assert [order.is_deducted for order in channels].count(True) + (own.status == "accepted") == 1
    for order in channels:
        assert open_kinds(order) == ([] if order.is_deducted else ["no_stock"])
        assert order.operations.count() == order.is_deducted
    assert own.status in ("accepted", "rejected")
    assert totals(product.pk, place.id)[3] == 0
    sold = -sum(row.quantity_change for row in Movement.objects.filter(type="sale"))
    held = sum(item.held for row in Reservation.objects.filter(status="active") for item in row.items.all())
    assert sold + held == 1
    assert_books_balance()


# --- changed and cancelled ---------------------------------------------------------------------------------------------------------------


def test_changed_quantities_and_a_cancellation_at_once(account: Account) -> None:
    """Both are read by somebody; whichever comes first, the shelf has everything in the end and the flag is taken back."""
    account.deducted()
    order = account.order()
    changed = remote([(account.product, 5)], external_id="A1", revision="r8", known=True)
    account.put(status="CANCELLED")
    cancelled = remote(
        [(account.product, 2)], external_id="A1", revision=account.partner.order("A1")["revision"], known=True, state=RemoteState.CANCELLED
    )
    outcomes = race([lambda news=news: take_in_order(account.channel.pk, news, actor=ACTOR) for news in (changed, cancelled)])
    assert {type(outcome.error) for outcome in outcomes} <= {type(None), Conflict}
    settle()
    account.start_again()
    order.refresh_from_db()
    assert order.reversed_at is not None
    assert totals(account.product.pk, account.place.id) == (50, 0, 0, 50)
    assert account.taken() == 0
    assert account.partner.order("A1")["is_stock_updated"] is False
    assert PendingStockOperation.objects.filter(operation_type=OperationType.REFUND).count() == 1
    account.assert_sound()
