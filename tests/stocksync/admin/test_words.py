"""Words of the back office that a person decides by: how often an operation was tried, what leaving it as it is means, and the way back."""

from __future__ import annotations

import pytest

from stocksync.admin.base import ordinal
from stocksync.admin.shown import tries_of
from stocksync.models import ChannelOrder, Discrepancy, PendingStockOperation
from tests.factories.inventory import ProductFactory, site
from tests.factories.office import dialog, office, page, steps_offered, take
from tests.factories.stocksync import channel_at, claimed, elsewhere, given_up, owed, refused, taken_in, told, unanswered
from warehouse.core.actor import Role
from warehouse.core.texts import counted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def test_tries_are_told_by_how_they_ended():
    channel = channel_at(site())
    assert tries_of(owed(channel)) == "none"
    assert tries_of(told(owed(channel))) == "told at once"
    assert tries_of(told(unanswered(owed(channel), 2))) == "told at the 3rd try"
    assert tries_of(unanswered(owed(channel))) == "1 try, none answered"
    assert tries_of(unanswered(owed(channel), 12)) == "12 tries, none answered"
    assert tries_of(refused(unanswered(owed(channel), 2))) == "1 of 5 refused, 2 not answered"
    assert tries_of(given_up(owed(channel))) == "5 of 5 refused"


def test_a_try_that_goes_on_is_not_one_without_an_answer():
    row = owed(channel_at(site()))
    claimed(row)
    assert tries_of(PendingStockOperation.objects.get(pk=row.pk)) == "the first one now"


def test_one_and_many():
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 21, 112)] == ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]
    assert [counted(0, "try", "tries"), counted(1, "try", "tries"), counted(2, "order")] == ["0 tries", "1 try", "2 orders"]


def test_leaving_an_order_alone_says_that_it_is_for_good_and_there_is_a_way_back():
    manager = office(Role.MANAGER)
    order = taken_in(elsewhere(site()), [(ProductFactory(), 3)]).order
    row = Discrepancy.objects.get()
    assert "is left alone for good" in manager.get(dialog(row, "accept")).content.decode()
    assert "follow-again" not in steps_offered(manager, order)
    take(manager, row, "accept", version=-1, reason="sold by hand")
    order = ChannelOrder.objects.get()
    assert "whatever the marketplace says" in manager.get(page(order)).content.decode()
    assert steps_offered(manager, order) == ["follow-again"]
    assert steps_offered(office(Role.VIEWER), order) == []
    take(manager, order, "follow_again")
    assert not ChannelOrder.objects.get().left_alone


def test_leaving_untold_what_is_deducted_says_that_its_news_is_followed():
    manager = office(Role.MANAGER)
    given_up(owed(channel_at(site())))
    row = Discrepancy.objects.get()
    assert "What it says of the order later is followed." in manager.get(dialog(row, "accept")).content.decode()
    take(manager, row, "accept", version=-1, reason="told by telephone")
    assert PendingStockOperation.objects.get().status == "cancelled"
    assert not ChannelOrder.objects.get().left_alone
