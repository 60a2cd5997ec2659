"""A channel read to its end: no order is passed over, and none stops the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest
from django.db import connection, transaction

from stocksync.flows.reading import read_channel
from stocksync.marketplaces.base import Changes, ChannelClient, OrderPage, Position, RemoteOrder
from stocksync.models import Channel, ChannelOrder
from tests.concurrency.threads import Started
from tests.factories.stocksync import elsewhere, open_kinds, remote, taken_in
from tests.inventory.books import totals
from tests.partners.allegro_microservice import ACCOUNT, line_item

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


class OnePage(ChannelClient):
    """A marketplace with one page of orders, which takes every flag."""

    def __init__(self, orders: Sequence[RemoteOrder]) -> None:
        self.orders = orders

    def read_changes(self, position: Position) -> Changes:
        return Changes(self.orders, Position("the-end"), at_end=True)

    def list_orders(self, since: datetime, until: datetime, *, page: str | None = None, limit: int = 100) -> OrderPage:
        return OrderPage(self.orders, None)

    def get_order(self, external_id: str) -> RemoteOrder | None:
        return next((order for order in self.orders if order.external_id == external_id), None)

    def set_deducted(self, external_id: str, deducted: bool) -> None:
        assert deducted

    def close(self) -> None:
        self.orders = ()


@pytest.fixture
def impatient() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


def cursor_of(channel: Channel) -> tuple[str, bool]:
    channel.refresh_from_db()
    return channel.journal_cursor, channel.read_to_end_at is not None


def test_an_order_that_somebody_holds_is_read_again(place, apple, impatient):
    channel = elsewhere(place)
    held = taken_in(channel, [(apple, 1)], external_id="HELD").order
    client = OnePage([remote([(apple, 2)], external_id="HELD", revision="r2"), remote([(apple, 3)], external_id="FREE")])

    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            ChannelOrder.objects.select_for_update().get(pk=held.pk)
            locked.set()
            assert done.wait(60)

    holder = Started(hold)
    assert locked.wait(60)
    result = read_channel(channel, client)
    done.set()
    holder.join()

    assert (result.at_end, cursor_of(channel)) == (False, ("", False))
    assert totals(apple.pk, place.id)[0] == 6
    assert read_channel(channel, client).at_end
    assert cursor_of(channel) == ("the-end", True)
    assert totals(apple.pk, place.id)[0] == 5


def test_a_defect_of_ours_about_one_order_stops_no_other_and_is_found_by_a_person(place, apple):
    channel = elsewhere(place)
    too_long = RemoteOrder("ODD", status="x" * 41)
    result = read_channel(channel, OnePage([too_long, remote([(apple, 3)], external_id="FINE")]))
    assert (result.seen, result.waiting, result.at_end) == (2, 1, True)
    odd = ChannelOrder.objects.get(external_id="ODD")
    assert open_kinds(odd) == ["unreadable"]
    assert "DataError" in odd.discrepancies.get().detail
    assert totals(apple.pk, place.id)[0] == 7


@pytest.mark.parametrize("bought", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_at_the_edge_of_the_calendar_stops_its_own_order_only(place, apple, allegro_microservice, bought):
    """The database keeps such a time and can't give it back: every later look at the row would fail."""
    channel = elsewhere(place, token_id=ACCOUNT)
    partner = allegro_microservice.partner
    partner.put_order("EDGE", boughtAt=bought, lineItems=[line_item("APPLE")])
    partner.put_order("FINE", lineItems=[line_item("APPLE", 2)])
    assert read_channel(channel).at_end
    assert {order.external_id: open_kinds(order) for order in ChannelOrder.objects.all()} == {"EDGE": ["unreadable"], "FINE": []}
    assert totals(apple.pk, place.id)[0] == 8
    assert partner.flagged() == {"FINE"}
