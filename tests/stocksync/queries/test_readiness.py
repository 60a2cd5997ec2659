"""What there is to deduct at a channel, as its page says it before and after it is switched on."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stocksync.enums import ChannelMode, RemoteState
from stocksync.models import ChannelOrder, ListingLevel
from stocksync.queries.readiness import Readiness, readiness
from tests.factories.inventory import ProductFactory, site
from tests.factories.office import dialog, office, page, take
from tests.factories.stocksync import channel_at, elsewhere, owed, taken_in
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]

NOTHING = Readiness(seen=0, deducted=0, waiting=0, dealt_with=0, ready=0, without_sku=0, unknown_skus=())


def test_orders_in_shadow_are_counted_by_what_would_become_of_them():
    channel, product = channel_at(site(), mode=ChannelMode.SHADOW), ProductFactory(sku="HON-1")
    assert readiness(channel) == NOTHING
    taken_in(channel, [(product, 1)])
    taken_in(channel, [("hon-1", 1), (" HON-1 ", 2)])
    taken_in(channel, [(product, 1), ("NOT-OURS", 1)])
    taken_in(channel, [("", 1)])
    taken_in(channel)
    taken_in(channel, [(product, 1)], state=RemoteState.WAITING)
    taken_in(channel, [(product, 1)], known=True)
    taken_in(channel, [(product, 1)], state=RemoteState.CANCELLED)
    taken_in(channel_at(site(), mode=ChannelMode.SHADOW), [("ELSEWHERE", 1)])
    found = readiness(channel)
    assert found == Readiness(seen=8, deducted=0, waiting=1, dealt_with=1, ready=5, without_sku=3, unknown_skus=("", "NOT-OURS"))
    assert found.deductible == 2


def test_what_is_deducted_or_left_alone_is_no_longer_to_be():
    channel = channel_at(site())
    owed(channel)
    taken_in(channel, [("NOT-OURS", 1)])
    ChannelOrder.objects.filter(deducted_at=None).update(left_alone=True)
    assert readiness(channel) == Readiness(seen=2, deducted=1, waiting=0, dealt_with=0, ready=0, without_sku=0, unknown_skus=())


def test_the_same_statements_for_any_number():
    channel, product = channel_at(site(), mode=ChannelMode.SHADOW), ProductFactory()
    counts = []
    for number in (1, 10):
        for each in range(number):
            taken_in(channel, [(product, 1), (f"NOT-OURS-{number}-{each}", 1)])
        with CaptureQueriesContext(connection) as queries:
            readiness(channel)
        counts.append(len(queries))
    assert counts == [5, 5]


def test_the_page_of_a_channel_says_it_in_shadow_and_when_it_is_on():
    viewer = office(Role.VIEWER)
    channel = channel_at(site(), mode=ChannelMode.SHADOW)
    taken_in(channel, [("NOT-OURS", 1)])
    shown = viewer.get(page(channel)).content.decode()
    assert "what would be deducted" in shown
    assert "<b>NOT-OURS</b>" in shown
    assert "Sold there, not listed here" not in shown
    on = channel_at(site())
    assert "Its orders" in viewer.get(page(on)).content.decode()
    assert "ordered in the last 7 days" not in viewer.get(page(channel_at(site(), mode=ChannelMode.OFF))).content.decode()


def test_a_listing_that_is_sold_there_is_listed_by_a_button():
    manager = office(Role.MANAGER)
    product = ProductFactory(sku="HON-1", name="Honey")
    channel = elsewhere(site(), kind="allegro_rest", token_id="", mode=ChannelMode.SHADOW)
    taken_in(channel, [(product, 1)])
    way = f"{dialog(channel, 'list_product')}?offer_id=offer-1&amp;sku=HON-1"
    assert way in manager.get(page(channel)).content.decode()
    assert way not in office(Role.VIEWER).get(page(channel)).content.decode()
    asked = manager.get(way.replace("&amp;", "&")).context["form"]
    assert [asked[name].value() for name in ("offer_id", "sku", "safety_buffer")] == ["offer-1", "HON-1", None]
    take(manager, channel, "list_product", version=-1, offer_id="offer-1", sku="HON-1")
    assert ListingLevel.objects.get().offer_id == "offer-1"
    assert "Every listing that was sold from is listed here." in manager.get(page(channel)).content.decode()


def test_the_form_asks_only_what_the_kind_of_channel_uses():
    manager = office(Role.MANAGER)
    flags, quantities = channel_at(site()), elsewhere(site(), kind="allegro_rest", token_id="")

    def fields(row: object) -> set[str]:
        return set(manager.get(page(row)).context["adminform"].form.fields)

    assert fields(flags) & {"token_id", "safety_buffer"} == {"token_id"}
    assert fields(quantities) & {"token_id", "safety_buffer"} == {"safety_buffer"}
