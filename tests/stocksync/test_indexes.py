"""What is looked for among many orders has an index."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from stocksync.models import ChannelOrder, ChannelOrderLine
from stocksync.queries.timeline import lines_of
from tests.factories.stocksync import ListingLevelFactory

pytestmark = pytest.mark.django_db


def indexes_of(rows: QuerySet) -> set[str]:
    """The indexes that PostgreSQL takes when it may not read a whole table."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    plan = rows.explain(format="text")
    return {line.split(" on ")[1].split()[0] for line in plan.splitlines() if "Bitmap Index Scan on" in line}


def test_an_order_by_its_name_alone() -> None:
    assert indexes_of(ChannelOrder.objects.filter(external_id="A1")) == {"channel_order_named"}


def test_orders_that_changed_in_a_window() -> None:
    now = timezone.now()
    assert indexes_of(ChannelOrder.objects.filter(channel=1, changed_at__gte=now - timedelta(hours=1), changed_at__lt=now)) == {
        "channel_order_changed"
    }


def test_the_lines_of_a_listing() -> None:
    by_any = {"channel_order_line_of_offer", "channel_order_line_of_product", "channel_order_line_of_sku"}
    assert by_any <= indexes_of(lines_of(ListingLevelFactory()))


def test_the_lines_of_an_order() -> None:
    assert indexes_of(ChannelOrderLine.objects.filter(order=1).order_by()) == {"channel_order_line_once"}
