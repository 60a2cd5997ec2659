"""Both sides compared: what is small and clear is made alike, the rest is laid before a person; alike again, it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Movement
from stocksync.enums import RemoteState
from stocksync.marketplaces.base import RemoteOrder
from stocksync.models import Channel, ChannelOrder, Discrepancy, PendingStockOperation
from stocksync.queries.comparison import Finding, compare, deducted_between
from stocksync.services.intake import take_in_order
from stocksync.services.operations import cancel_operation
from stocksync.services.reconciliation import acknowledge_again, deduct_late, note_same, note_told, note_unknown_there
from stocksync.services.reversals import refund
from tests.factories.inventory import Site
from tests.factories.stocksync import ACTOR, claimed, elsewhere, given_up, open_kinds, operation_of, remote, steps, told
from tests.fulfillment.parcels import Clock
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(place: Site) -> Channel:
    return elsewhere(place, code="shop")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def known(channel: Channel, news: RemoteOrder) -> ChannelOrder:
    return take_in_order(channel.pk, news, actor=ACTOR).order


def again(news: RemoteOrder, **changed: object) -> RemoteOrder:
    """The same order, told once more with something else in it."""
    return RemoteOrder(**{name: getattr(news, name) for name in RemoteOrder.__slots__} | changed)  # type: ignore[arg-type]


def finding(channel: Channel, news: RemoteOrder) -> Finding:
    return compare(channel, [news])[0].finding


def test_every_finding(channel, apple):
    news = remote([(apple, 1)])
    assert finding(channel, news) == Finding.NEWS
    order = known(channel, news)
    assert finding(channel, news) == Finding.UNDER_WAY
    assert finding(channel, again(news, known=True)) == Finding.TOLD
    told(operation_of(order))
    assert finding(channel, again(news, known=True)) == Finding.SAME
    assert finding(channel, news) == Finding.FORGOTTEN
    assert finding(channel, again(news, known=True, revision="r2")) == Finding.NEWS
    assert finding(channel, again(news, fault="torn")) == Finding.NEWS
    refund(order.pk, reason="x", actor=ACTOR)
    told(operation_of(order))
    assert finding(channel, again(news, known=True)) == Finding.STILL_KNOWN
    assert finding(channel, again(news, known=None, state=RemoteState.CANCELLED)) == Finding.SAME
    assert finding(channel, news) == Finding.SAME
    other = remote([(apple, 1)], state=RemoteState.WAITING)
    assert finding(channel, other) == Finding.NEWS
    known(channel, other)
    assert finding(channel, other) == Finding.SAME
    assert finding(channel, again(other, known=True)) == Finding.NEWS
    assert finding(channel, again(other, revision="r2")) == Finding.NEWS
    assert finding(channel, again(other, state=RemoteState.READY, known=True)) == Finding.NOT_DEDUCTED
    ChannelOrder.objects.update(left_alone=True)
    assert finding(channel, again(other, state=RemoteState.READY, known=True)) == Finding.SAME


def test_comparing_costs_the_same_for_one_and_for_many(channel, apple):
    def statements(number: int) -> int:
        news = [remote([(apple, 1)]) for _ in range(number)]
        for each in news:
            known(channel, each)
        with CaptureQueriesContext(connection) as queries:
            assert len(compare(channel, news)) == number
        return len(queries)

    assert statements(1) == statements(6) == 2


def test_what_was_forgotten_is_told_again_while_it_is_young(channel, apple, clock):
    news = remote([(apple, 1)])
    order = known(channel, news)
    operation = told(operation_of(order))
    ledger = Movement.objects.count()
    clock.passes(hours=24)
    assert acknowledge_again(order.pk, news, actor=ACTOR) == operation.pk
    row = operation_of(order)
    assert (row.pk, row.status, row.completed_at, row.retry_count) == (operation.pk, "pending", None, 0)
    assert steps(row)[-1] == "reopened"
    assert acknowledge_again(order.pk, news, actor=ACTOR) is None
    assert (Movement.objects.count(), PendingStockOperation.objects.count(), open_kinds(order)) == (ledger, 1, [])


def test_what_was_forgotten_long_ago_is_for_a_person(channel, apple, clock):
    news = remote([(apple, 1)])
    order = known(channel, news)
    told(operation_of(order))
    clock.passes(hours=24, seconds=1)
    assert acknowledge_again(order.pk, news, actor=ACTOR) is None
    [found] = order.discrepancies.all()
    assert (found.kind, found.here["deducted"], found.there["known"]) == ("not_acknowledged", True, False)
    assert operation_of(order).status == "completed"
    seen = found.seen_at
    clock.passes(minutes=30)
    acknowledge_again(order.pk, news, actor=ACTOR)
    assert order.discrepancies.get().seen_at > seen

    assert note_same({order.pk: True}, actor=ACTOR) == 1
    assert (open_kinds(order), order.discrepancies.get().resolution) == ([], "Both sides are alike.")


def test_what_a_person_cancelled_stays_untold(channel, apple):
    news = remote([(apple, 1)])
    order = known(channel, news)
    cancel_operation(operation_of(order).pk, actor=ACTOR)
    assert acknowledge_again(order.pk, news, actor=ACTOR) is None
    assert (operation_of(order).status, open_kinds(order)) == ("cancelled", [])


@pytest.mark.parametrize("before", [lambda row: row, given_up])
def test_what_the_marketplace_has_heard_without_our_knowing_is_completed(channel, apple, before):
    news = remote([(apple, 1)])
    order = known(channel, news)
    before(operation_of(order))
    assert note_told(order.pk, replace(news, known=True), actor=ACTOR)
    row = operation_of(order)
    assert (row.status, row.error_message, row.completed_at is not None, open_kinds(order)) == ("completed", "", True, [])
    assert steps(row)[-1] == "completed"
    assert row.order.known_there
    assert not note_told(order.pk, news, actor=ACTOR)


def test_what_is_with_a_worker_is_left_to_the_worker(channel, apple):
    news = remote([(apple, 1)])
    order = known(channel, news)
    claimed(operation_of(order))
    assert not note_told(order.pk, news, actor=ACTOR)
    assert operation_of(order).status == "processing"


def test_known_there_and_not_deducted_here_is_deducted_while_it_is_young(channel, apple, place, clock):
    news = remote([(apple, 3)], known=True, ordered_at=clock.now - timedelta(hours=24))
    order = known(channel, news)
    assert totals(apple.pk, place.id)[0] == 10
    made = deduct_late(order.pk, news, actor=ACTOR)
    assert made == operation_of(order).pk
    assert totals(apple.pk, place.id)[0] == 7
    assert deduct_late(order.pk, news, actor=ACTOR) is None
    assert totals(apple.pk, place.id)[0] == 7
    assert_books_balance()


def test_known_there_and_long_ago_is_for_a_person(channel, apple, place, clock):
    news = remote([(apple, 3)], known=True, ordered_at=clock.now - timedelta(hours=24, seconds=1))
    order = known(channel, news)
    assert deduct_late(order.pk, news, actor=ACTOR) is None
    assert (open_kinds(order), totals(apple.pk, place.id)[0]) == (["not_deducted"], 10)


def test_known_there_without_stock_here_is_for_a_person(channel, apple):
    news = remote([(apple, 30)], known=True)
    order = known(channel, news)
    assert deduct_late(order.pk, news, actor=ACTOR) is None
    assert open_kinds(order) == ["no_stock"]


def test_what_was_ordered_before_the_channel_was_on_is_left_alone(place, apple):
    channel = elsewhere(place, deducts_since=timezone.now())
    news = remote([(apple, 3)], known=True, ordered_at=timezone.now() - timedelta(seconds=1))
    order = known(channel, news)
    assert deduct_late(order.pk, news, actor=ACTOR) is None
    order.refresh_from_db()
    assert (order.left_alone, open_kinds(order), totals(apple.pk, place.id)[0]) == (True, [], 10)


def test_what_the_marketplace_does_not_list_is_unknown_there(channel, apple):
    first, second, waiting = remote([(apple, 1)]), remote([(apple, 1)]), remote([(apple, 1)], state=RemoteState.WAITING)
    orders = [known(channel, news) for news in (first, second, waiting)]
    now = timezone.now()
    window = (now - timedelta(hours=1), now + timedelta(hours=1))
    assert deducted_between(channel, *window, 0, 100) == orders[:2]
    assert deducted_between(channel, *window, 0, 1) == orders[:1]
    assert deducted_between(channel, *window, orders[0].pk, 100) == [orders[1]]
    for order in orders[1:]:
        note_unknown_there(order.pk, actor=ACTOR)
    assert deducted_between(channel, *window, 0, 100) == orders[:1]
    assert list(Discrepancy.objects.values_list("order", "kind")) == [(orders[1].pk, "unknown_there")]
    assert orders[1].lines.get().quantity == Decimal(1)
