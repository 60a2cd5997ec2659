"""Lists and pages of stock synchronisation: who sees them, and as many statements for many rows as for one; no big table is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stocksync.enums import DiscrepancyKind, OperationStatus
from stocksync.models import Channel, ChannelOrder, Discrepancy, ListingLevel, PendingStockOperation, StockSynchronizationLog, SyncReport
from stocksync.services.levels import list_product
from stocksync.services.reports import generate_sync_report
from tests.factories.inventory import ACTOR, ProductFactory, site
from tests.factories.office import listing, office, page
from tests.factories.stocksync import channel_at, given_up, many_operations, owed
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]

MODELS = [PendingStockOperation, StockSynchronizationLog, Discrepancy, ChannelOrder, ListingLevel, SyncReport, Channel]
BIG = [PendingStockOperation, StockSynchronizationLog, Discrepancy, ChannelOrder, ListingLevel]


def house() -> Channel:
    """A channel with one of everything."""
    channel = channel_at(site(), kind="allegro_rest")
    given_up(owed(channel))
    list_product(channel.pk, "offer-1", ProductFactory().sku, actor=ACTOR)
    week_ago = timezone.now() - timedelta(days=7)
    generate_sync_report(week_ago, week_ago + timedelta(hours=1), actor=ACTOR)
    return channel


def grow(channel: Channel, number: int = 30) -> None:
    """Many more of everything in the same channel."""
    product = ProductFactory()
    rows = many_operations(channel, number, product=product, status=OperationStatus.FAILED)
    Discrepancy.objects.bulk_create(
        Discrepancy(channel=channel, order=row.order, operation=row, kind=DiscrepancyKind.GIVEN_UP, detail="No.", here={}, there={}) for row in rows
    )
    ListingLevel.objects.bulk_create(ListingLevel(channel=channel, offer_id=f"more-{each}", product=product) for each in range(number))


def statements(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200, url
    return [query["sql"] for query in queries]


def test_a_list_costs_the_same_with_many_rows_as_with_one():
    client, channel = office(Role.MANAGER), house()
    for model in MODELS:
        statements(client, listing(model))
    costs = {model: len(statements(client, listing(model))) for model in MODELS}
    grow(channel)
    assert {model: len(statements(client, listing(model))) for model in MODELS} == costs
    assert max(costs.values()) <= 12, costs


def test_big_tables_are_never_counted():
    client, channel = office(Role.MANAGER), house()
    grow(channel)
    order = ChannelOrder.objects.latest("pk").external_id
    for model in BIG:
        for query in ("", f"?q={order}", "?p=2", f"?channel__id__exact={channel.pk}" if model is not StockSynchronizationLog else ""):
            url = listing(model) + query
            assert [sql for sql in statements(client, url) if "COUNT(" in sql and f'"{model._meta.db_table}"' in sql] == [], url


def test_a_page_costs_the_same_whatever_is_on_it():
    client, channel = office(Role.MANAGER), house()
    operation, level = PendingStockOperation.objects.get(), ListingLevel.objects.get()
    pages = [operation, operation.order, Discrepancy.objects.get(), level, channel, SyncReport.objects.get()]
    for row in pages:
        statements(client, page(row))
    before = [len(statements(client, page(row))) for row in pages]
    grow(channel)
    StockSynchronizationLog.objects.bulk_create(
        StockSynchronizationLog(operation=operation, action="retry", status="pending", performed_by="tests") for _ in range(20)
    )
    assert [len(statements(client, page(row))) for row in pages] == before
    assert max(before) <= 24, before


def test_managers_and_viewers_see_them_and_nobody_else():
    channel = house()
    rows = [PendingStockOperation.objects.get(), Discrepancy.objects.get(), ListingLevel.objects.get(), channel]
    for role, status in ((Role.MANAGER, 200), (Role.VIEWER, 200), (Role.AUDITOR, 403), (Role.PICKER, 403), (Role.SELLER, 403)):
        client = office(role)
        assert {client.get(listing(model)).status_code for model in MODELS} == {status}, role
        assert {client.get(page(row)).status_code for row in rows} == {status}, role
        assert ("Discrepancies" in client.get("/admin/").content.decode()) == (status == 200), role


def test_an_order_is_found_by_its_id_in_every_list():
    client, channel = office(Role.VIEWER), house()
    grow(channel, 3)
    wanted = PendingStockOperation.objects.exclude(order__external_id__startswith="bulk").get().order
    for model, found in (
        (PendingStockOperation, 1),
        (ChannelOrder, 1),
        (Discrepancy, 1),
        (StockSynchronizationLog, wanted.operations.get().log.count()),
    ):
        for term in (wanted.external_id, wanted.order_ref):
            shown = client.get(listing(model), {"q": term}).context["cl"].result_list
            assert len(shown) == found, (model, term)
        assert len(client.get(listing(model), {"q": wanted.external_id[:-1]}).context["cl"].result_list) == 0


def test_the_lists_are_filtered_by_what_they_wait_for():
    client, channel = office(Role.VIEWER), channel_at(site())
    product, now = ProductFactory(), timezone.now()
    many_operations(channel, 1, product=product, next_retry_at=now - timedelta(minutes=1))
    many_operations(channel, 2, product=product, next_retry_at=now + timedelta(hours=1))
    many_operations(channel, 3, product=product, status="processing", claimed_until=now + timedelta(minutes=3))
    many_operations(channel, 4, product=product, status="processing", claimed_until=now - timedelta(minutes=3))
    many_operations(channel, 5, product=product, status="completed")
    for due, number in (("now", 1), ("later", 2), ("worker", 3), ("lost", 4), ("open", 10)):
        assert len(client.get(listing(PendingStockOperation), {"due": due}).context["cl"].result_list) == number, due
    assert len(client.get(listing(PendingStockOperation), {"status__exact": "completed"}).context["cl"].result_list) == 5
    assert len(client.get(listing(ChannelOrder), {"stock": "deducted"}).context["cl"].result_list) == 15
    assert len(client.get(listing(StockSynchronizationLog), {"call": "slow"}).context["cl"].result_list) == 0
