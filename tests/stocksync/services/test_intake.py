"""What a marketplace says of an order, noted: the same again and older news change nothing, shadow touches no stock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Movement, Product
from stocksync.enums import ChannelMode, RemoteState
from stocksync.models import Channel, ChannelOrder, PendingStockOperation
from stocksync.queries.comparison import Finding, compare, without_repetitions
from stocksync.services.intake import take_in_order
from tests.concurrency.threads import race
from tests.factories.fulfillment import person
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import ACTOR, channel_at, elsewhere, open_kinds, remote, site, stocked, taken_in
from tests.inventory.books import assert_books_balance, totals
from tests.stocksync.house import said, settle
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, PermissionDenied
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db


def everything() -> tuple[int, int, int, list[object]]:
    """What may not change by no news at all."""
    orders = list(ChannelOrder.objects.order_by("pk").values_list("pk", "version", "revision", "status", "deducted_at", "reversed_at"))
    return Movement.objects.count(), OutboxEvent.objects.count(), PendingStockOperation.objects.count(), orders


def test_what_it_says_is_noted(place, apple):
    channel = elsewhere(place)
    news = remote([(apple, 2), ("", 1)], external_id="A1", revision="r5", state=RemoteState.WAITING, known=False)
    taken = take_in_order(channel.pk, news, actor=ACTOR)
    order = ChannelOrder.objects.get()
    assert (taken.order.pk, taken.operation_id) == (order.pk, None)
    assert (order.external_id, order.revision, order.status, order.state, order.known_there) == ("A1", "r5", "BOUGHT", "waiting", False)
    assert (order.ordered_at, order.changed_at, order.is_deducted) == (news.ordered_at, news.changed_at, False)
    assert [(line.external_id, line.offer_id, line.sku, line.product_id, line.name, line.quantity) for line in order.lines.all()] == [
        ("line-1", "offer-1", "APPLE", apple.pk, "Goods 1", 2),
        ("line-2", "offer-2", "", None, "Goods 2", 1),
    ]
    assert open_kinds(order) == []


def test_a_product_that_is_known_later_is_named_with_the_next_news(place, apple):
    channel = elsewhere(place, mode=ChannelMode.SHADOW)
    order = taken_in(channel, [(apple, 2), ("PEAR", 1)], external_id="A1").order
    before = [(line.pk, line.product_id) for line in order.lines.all()]
    assert [product for _, product in before] == [apple.pk, None]
    taken_in(channel, [(apple, 2), ("PEAR", 1)], external_id="A1", revision="r2")
    assert [(line.pk, line.product_id) for line in order.lines.all()] == before
    pear: Product = ProductFactory(sku="PEAR")
    taken_in(channel, [(apple, 2), ("PEAR", 1)], external_id="A1", revision="r3")
    assert [line.product_id for line in order.lines.all()] == [apple.pk, pear.pk]


def test_it_is_deducted_when_it_is_ready_and_not_before(place, apple):
    channel = elsewhere(place)
    for revision in ("r1", "r2"):
        assert taken_in(channel, [(apple, 2)], external_id="A1", revision=revision, state=RemoteState.WAITING).operation_id is None
    assert totals(apple.pk, place.id)[0] == 10
    assert taken_in(channel, [(apple, 3)], external_id="A1", revision="r3").operation_id is not None
    assert totals(apple.pk, place.id)[0] == 7
    assert_books_balance()


@pytest.mark.parametrize("kind", [channel_at, elsewhere])
def test_the_same_again_changes_nothing(place, apple, kind):
    channel = kind(place)
    news = remote([(apple, 2)])
    assert take_in_order(channel.pk, news, actor=ACTOR).operation_id is not None
    before = everything()
    for _ in range(3):
        assert take_in_order(channel.pk, news, actor=ACTOR).operation_id is None
    assert everything() == before


@pytest.mark.parametrize("older", [{"revision": "r0"}, {"revision": "r0", "state": RemoteState.CANCELLED}, {"fault": "it is torn"}])
def test_older_news_changes_nothing(place, apple, older):
    channel, now = elsewhere(place), timezone.now()
    taken_in(channel, [(apple, 2)], external_id="A1", changed_at=now)
    before = everything()
    taken_in(channel, [(apple, 5)], external_id="A1", changed_at=now - timedelta(seconds=1), **older)
    assert everything() == before
    assert open_kinds(ChannelOrder.objects.get()) == ([] if "fault" not in older else ["unreadable"])


def test_in_shadow_it_is_only_noted(place, apple):
    channel = elsewhere(place, mode=ChannelMode.SHADOW)
    before = Movement.objects.count(), OutboxEvent.objects.count()
    for revision, state in (("r1", RemoteState.READY), ("r2", RemoteState.CANCELLED)):
        order = taken_in(channel, [(apple, 2), ("", 1)], external_id="A1", revision=revision, state=state).order
        # What would stop it is said, as long as it would.
        assert open_kinds(order) == (["no_sku"] if state == RemoteState.READY else [])
    order.refresh_from_db()
    assert (order.revision, order.state, order.is_deducted, order.lines.count()) == ("r2", "cancelled", False, 2)
    assert (order.operations.count(), open_kinds(order)) == (0, [])
    assert (Movement.objects.count(), OutboxEvent.objects.count()) == before


def test_what_was_deducted_before_shadow_is_not_followed_in_shadow(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, [(apple, 2)], external_id="A1").order
    Channel.objects.update(mode=ChannelMode.SHADOW)
    taken_in(channel, [(apple, 9)], external_id="A1", revision="r2")
    taken_in(channel, [(apple, 9)], external_id="A1", revision="r3", state=RemoteState.CANCELLED)
    assert totals(apple.pk, place.id)[0] == 8
    assert [line.quantity for line in order.lines.all()] == [2]
    # On again, the cancellation is still news.
    Channel.objects.update(mode=ChannelMode.ON)
    cancelled = remote([(apple, 9)], external_id="A1", revision="r3", state=RemoteState.CANCELLED)
    assert without_repetitions(channel, [cancelled]) == [cancelled]
    take_in_order(channel.pk, cancelled, actor=ACTOR)
    assert totals(apple.pk, place.id)[0] == 10


def test_a_channel_that_is_off_takes_nothing_in(place, apple):
    with pytest.raises(Conflict, match="is off"):
        taken_in(elsewhere(place, mode=ChannelMode.OFF), [(apple, 2)])
    assert ChannelOrder.objects.count() == 0


def test_what_is_left_alone_stays_so(place, apple):
    channel = elsewhere(place)
    taken_in(channel, [(apple, 2)], external_id="A1", state=RemoteState.WAITING)
    ChannelOrder.objects.update(left_alone=True)
    assert taken_in(channel, [(apple, 2)], external_id="A1", revision="r2").operation_id is None
    assert totals(apple.pk, place.id)[0] == 10


def test_one_that_the_marketplace_calls_deducted_is_left_to_the_comparison(place, apple):
    order = taken_in(elsewhere(place), [(apple, 2)], known=True).order
    order.refresh_from_db()
    assert (order.is_deducted, order.known_there, open_kinds(order)) == (False, True, [])


def test_one_that_can_not_be_read_waits_for_a_person_until_it_can(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, external_id="A1", fault="lineItems is not a list").order
    assert open_kinds(order) == ["unreadable"]
    assert "lineItems is not a list" in order.discrepancies.get().detail
    taken_in(channel, external_id="A1", fault="lineItems is not a list")
    assert order.discrepancies.count() == 1
    taken_in(channel, [(apple, 2)], external_id="A1")
    order.refresh_from_db()
    assert (order.is_deducted, open_kinds(order)) == (True, [])


def test_cancelled_before_it_was_deducted_nothing_waits_any_more(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, [(apple, 20)], external_id="A1").order
    assert open_kinds(order) == ["no_stock"]
    assert taken_in(channel, [(apple, 20)], external_id="A1", revision="r2", state=RemoteState.CANCELLED).operation_id is None
    order.refresh_from_db()
    assert (open_kinds(order), order.state, order.is_deducted) == ([], "cancelled", False)


def test_what_was_given_back_is_not_deducted_again(place, apple):
    channel = elsewhere(place)
    for revision, state in (("r1", RemoteState.READY), ("r2", RemoteState.CANCELLED), ("r3", RemoteState.READY)):
        order = taken_in(channel, [(apple, 2)], external_id="A1", revision=revision, state=state).order
    order.refresh_from_db()
    assert (order.reversed_at is not None, totals(apple.pk, place.id)[0]) == (True, 10)
    assert_books_balance()


def test_who_may(place, apple):
    channel = elsewhere(place)
    for role in set(Role) - {Role.MANAGER, Role.INTEGRATION}:
        with pytest.raises(PermissionDenied):
            taken_in(channel, [(apple, 1)], actor=person(role))
    assert taken_in(channel, [(apple, 1)], actor=person(Role.INTEGRATION)).operation_id is not None


@pytest.mark.parametrize("kind", [channel_at, elsewhere])
def test_the_statements_do_not_grow_with_the_lines(place, kind):
    def statements(count: int) -> int:
        goods: list[Product] = [ProductFactory() for _ in range(count)]
        for product in goods:
            stocked(product, place.shelf, 5)
        news = remote([(product, 1) for product in goods])
        with CaptureQueriesContext(connection) as queries:
            assert take_in_order(channel.pk, news, actor=ACTOR).operation_id is not None
        return len(queries)

    channel = kind(place)
    statements(1)
    assert statements(1) == statements(9)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [channel_at, elsewhere])
def test_two_that_take_it_in_at_once_deduct_it_once(kind):
    place = site(code="ONE")
    apple: Product = ProductFactory(sku="APPLE")
    stocked(apple, place.shelf, 10)
    channel = kind(place)
    news = remote([(apple, 2)])
    outcomes = race([lambda: take_in_order(channel.pk, news, actor=ACTOR)] * 4)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert sum(outcome.value.operation_id is not None for outcome in outcomes) == 1
    assert totals(apple.pk, place.id)[3] == 8
    assert (ChannelOrder.objects.count(), PendingStockOperation.objects.count()) == (1, 1)
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
def test_what_fails_leaves_nothing_behind():
    place = site(code="ONE")
    apple: Product = ProductFactory(sku="APPLE")
    stocked(apple, place.shelf, 10)
    channel = elsewhere(place)
    before = everything()

    class Broken(Exception):
        """Something after the deduction goes wrong."""

    with pytest.raises(Broken), transaction.atomic():
        take_in_order.inside(channel.pk, remote([(apple, 2)]), actor=ACTOR)
        raise Broken
    assert everything() == before
    assert_books_balance()


@pytest.mark.parametrize("quantity", [4, 5])
def test_a_change_of_a_change_is_seen_before_the_first_is_answered(place, apple, quantity):
    """Five, four, and five again (or four once more) while the warehouse has answered nothing: in the end both sides say the same."""
    channel = channel_at(place, code="shop")
    taken_in(channel, [(apple, 5)], external_id="A1")
    settle()
    for revision, told in (("r2", 4), ("r3", quantity)):
        taken_in(channel, [(apple, told)], external_id="A1", revision=revision)
    settle()
    order = ChannelOrder.objects.get()
    assert ([line.quantity for line in order.lines.all()], order.asked) == ([quantity], {})
    assert totals(apple.pk, place.id)[1] == quantity
    assert len(said("order.changed")) == (2 if quantity == 5 else 1)
    assert_books_balance()


def test_quantities_change_although_the_revision_repeats(place, apple):
    channel = elsewhere(place)
    for quantity in (2, 1, 3, 2):
        taken_in(channel, [(apple, quantity)], external_id="A1", revision="r1")
        assert totals(apple.pk, place.id)[0] == 10 - quantity
    again = remote([(apple, 1)], external_id="A1", revision="r1", known=True)
    ChannelOrder.objects.get().operations.all().update(status="completed")
    assert [each.finding for each in compare(channel, [again])] == [Finding.NEWS]
    assert_books_balance()


def test_the_case_of_a_sku_means_nothing(place, apple):
    channel = elsewhere(place)
    taken_in(channel, [("APPLE", 2)], external_id="A1")
    ledger = Movement.objects.count()
    assert taken_in(channel, [("apple", 2)], external_id="A1", revision="r2").operation_id is None
    assert Movement.objects.count() == ledger


def test_news_without_a_time_about_an_order_whose_last_change_is_known_is_refused(place, apple):
    channel = elsewhere(place)
    taken_in(channel, [(apple, 5)], external_id="A1")
    with pytest.raises(Conflict, match="say when this is from"):
        take_in_order(channel.pk, replace(remote([(apple, 1)], external_id="A1", revision="old"), changed_at=None), actor=ACTOR)
    assert totals(apple.pk, place.id)[0] == 5


def test_a_change_that_lies_ahead_freezes_nothing(place, apple):
    channel = elsewhere(place)
    ahead = timezone.now() + timedelta(days=400)
    order = taken_in(channel, [(apple, 2)], external_id="A1", changed_at=ahead).order
    assert (order.is_deducted, open_kinds(order)) == (False, ["unreadable"])
    taken_in(channel, [(apple, 2)], external_id="A1", revision="r2")
    order.refresh_from_db()
    assert (order.is_deducted, open_kinds(order)) == (True, [])


def test_what_stands_again_after_it_was_cancelled_is_for_a_person(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, [(apple, 2)], external_id="A1").order
    taken_in(channel, [(apple, 2)], external_id="A1", revision="r2", state=RemoteState.CANCELLED)
    assert open_kinds(order) == []
    taken_in(channel, [(apple, 2)], external_id="A1", revision="r3")
    assert open_kinds(order) == ["refused"]
    assert totals(apple.pk, place.id)[0] == 10
