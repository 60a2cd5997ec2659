"""Discrepancies at the back office: both sides next to each other, what can be done about each kind, many looked at again."""

from __future__ import annotations

import pytest

from stocksync.admin.sides import MEANING, Fact, facts
from stocksync.enums import DiscrepancyKind
from stocksync.models import Discrepancy, PendingStockOperation
from tests.factories.inventory import ProductFactory, site, stocked
from tests.factories.office import listing, office, page, steps_offered, take
from tests.factories.stocksync import channel_at, elsewhere, given_up, owed, taken_in
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def test_both_sides_are_put_next_to_each_other():
    here = {"deducted": True, "deducted_at": None, "wanted_there": True}
    assert facts(here, {"known": False, "status": "SENT"}) == [
        Fact("deducted", "yes", "no", True),
        Fact("deducted at", "–", "–", False),
        Fact("to be known there as deducted", "yes", "–", False),
        Fact("status", "–", "SENT", False),
    ]
    assert facts({"A": "2", "B": "1"}, {"A": "3"}) == [Fact("A", "2", "3", True), Fact("B", "1", "0", True)]
    assert facts({"sent": 7, "wanted": 7}, {"shown": 8, "on_sale": True})[0] == Fact("quantity", "7", "8", True)
    assert facts({}, {}) == []


def test_every_kind_says_what_it_means():
    assert set(MEANING) == set(DiscrepancyKind.values)


def test_a_refused_one_is_told_again_and_what_was_seen_is_shown():
    manager = office(Role.MANAGER)
    given_up(owed(channel_at(site())))
    row = Discrepancy.objects.get()
    shown = manager.get(page(row)).content.decode()
    assert "differs" in shown
    assert MEANING["given_up"] in shown
    assert steps_offered(manager, row) == ["retry", "roll-back", "accept"]
    assert steps_offered(office(Role.VIEWER), row) == []
    take(manager, row, "retry", version=-1, reason="the account is right again")
    row.refresh_from_db()
    assert row.resolution == "tell the marketplace again: the account is right again"
    assert PendingStockOperation.objects.get().status == "pending"
    assert steps_offered(manager, row) == []


def test_what_could_not_be_deducted_is_deducted_once_there_is_stock():
    manager, house = office(Role.MANAGER), site()
    product = ProductFactory()
    taken_in(elsewhere(house), [(product, 3)])
    row = Discrepancy.objects.get()
    assert steps_offered(manager, row) == ["deduct", "accept"]
    take(manager, row, "deduct", version=-1, reason="try")
    assert Discrepancy.objects.get().resolved_at is None
    stocked(product, house.shelf, 5)
    take(manager, row, "deduct", version=-1, reason="the delivery is here")
    assert Discrepancy.objects.get().resolved_at is not None
    assert PendingStockOperation.objects.get().status == "pending"


def test_open_ones_come_first_and_by_themselves():
    manager, channel = office(Role.MANAGER), channel_at(site())
    given_up(owed(channel))
    taken_in(channel, [(ProductFactory(), 1)])
    first, second = Discrepancy.objects.order_by("pk")
    take(manager, second, "accept", version=-1, reason="sold out")

    def rows(**query: str) -> list[int]:
        return [row.pk for row in manager.get(listing(Discrepancy), query).context["cl"].result_list]

    assert rows() == [first.pk]
    assert rows(state="resolved") == [second.pk]
    assert rows(state="all") == [first.pk, second.pk]
    assert rows(kind__exact="no_stock", state="all") == [second.pk]


def test_many_are_looked_at_again():
    manager, house = office(Role.MANAGER), site()
    channel, product, scarce = elsewhere(house), ProductFactory(), ProductFactory()
    given_up(owed(channel))
    taken_in(channel, [(product, 1)])
    taken_in(channel, [(scarce, 1)])
    stocked(product, house.shelf, 5)
    rows = list(Discrepancy.objects.all())
    asked = {"action": "look_again", "_selected_action": [row.pk for row in rows], "confirmed": "yes"}
    answer = manager.post(listing(Discrepancy), asked, follow=True).content.decode()
    assert "Look again: 2 of 3 done." in answer
    assert scarce.sku in answer
    assert [row.kind for row in Discrepancy.objects.filter(resolved_at=None)] == ["no_stock"]
