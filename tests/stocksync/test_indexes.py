"""What is looked for among many orders has an index."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from stocksync.models import ChannelOrder, ChannelOrderLine, ListingLevel
from stocksync.queries.timeline import lines_of
from tests.factories.stocksync import ListingLevelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def level() -> ListingLevel:
    """A listing of a channel with many orders of many products, an hour apart."""
    made, now = ListingLevelFactory(), timezone.now()
    orders = ChannelOrder.objects.bulk_create(
        ChannelOrder(channel=made.channel, external_id=f"A{number}", changed_at=now - timedelta(hours=number)) for number in range(3_000)
    )
    ChannelOrderLine.objects.bulk_create(
        ChannelOrderLine(order=order, external_id="1", offer_id=f"offer-{number % 500}", sku=f"SKU-{number % 500}", quantity=1)
        for number, order in enumerate(orders)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE stocksync_channelorder; ANALYZE stocksync_channelorderline")
    return made


def indexes_of(rows: QuerySet) -> set[str]:
    """The indexes that PostgreSQL reads the rows by."""
    return set(re.findall(r"Index (?:Only )?Scan (?:using|on) (\w+)", rows.explain(format="text")))


def test_an_order_by_its_name_alone(level: ListingLevel) -> None:
    assert indexes_of(ChannelOrder.objects.filter(external_id="A1")) == {"channel_order_named"}


def test_orders_that_changed_in_a_window(level: ListingLevel) -> None:
    now = timezone.now()
    assert indexes_of(ChannelOrder.objects.filter(channel=level.channel, changed_at__gte=now - timedelta(hours=1), changed_at__lt=now)) == {
        "channel_order_changed"
    }


def test_the_lines_of_a_listing(level: ListingLevel) -> None:
    by_any = {"channel_order_line_of_offer", "channel_order_line_of_product", "channel_order_line_of_sku"}
    assert by_any <= indexes_of(lines_of(level))


def test_the_lines_of_an_order(level: ListingLevel) -> None:
    assert indexes_of(ChannelOrderLine.objects.filter(order=ChannelOrder.objects.latest("pk")).order_by()) == {"channel_order_line_once"}
