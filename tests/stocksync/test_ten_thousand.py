"""Ten thousand orders in half a day, half of them sent by this warehouse and half elsewhere, told to a marketplace that fails, is away, and lies about it."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from fulfillment.models import Order, PickingTask
from inventory.models import Movement, Stock
from stocksync.enums import DiscrepancyKind, OperationStatus, Resolution
from stocksync.flows.acknowledging import process_pending_operations
from stocksync.flows.reading import read_channel
from stocksync.flows.reconciling import reconcile_stock_status
from stocksync.models import Channel, ChannelOrder, Discrepancy, PendingStockOperation
from stocksync.queries.reports import sync_figures
from stocksync.services.resolutions import resolve_discrepancy
from tests.factories.fulfillment import reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.factories.stocksync import channel_at, elsewhere
from tests.fulfillment.parcels import Clock
from tests.inventory.books import assert_books_balance
from tests.partners.allegro_microservice import line_item
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import RetryableFailure
from warehouse.outbox.relay import Relay
from warehouse.outbox.resilience import connect_redis
from warehouse.outbox.subscribers import run_pass

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis"), pytest.mark.slow, pytest.mark.timeout(3000)]

ORDERS, PRODUCTS = 10_000, 40
MINUTES = 12 * 60
FLAG = "/api/v1/orders/*/stock-status"
SHORT_OUTAGE = range(60, 70)
LONG_OUTAGE = range(120, 120 + 7 * 60)
# Of the seven hours, those in which its orders can't be read either.
NOTHING_AT_ALL = range(300, 120 + 7 * 60)
TOO_MANY = range(90, 91)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, allegro_microservice: PartnerServer) -> Clock:
    made = Clock(monkeypatch)
    allegro_microservice.partner.now = lambda: made.now
    return made


@pytest.fixture
def channels(clock: Clock) -> list[Channel]:
    place: Site = reachable_site()
    for number in range(PRODUCTS):
        product = ProductFactory(sku=f"SKU-{number:02d}")
        for days in (40, 20, 60):
            stocked(product, place.shelf, 400, lot=f"L{days}", expires_in_days=days)
    return [channel_at(place, token_id="ours"), elsewhere(place, token_id="theirs")]


def test_ten_thousand_orders(allegro_microservice: PartnerServer, clock: Clock, channels: list[Channel]) -> None:
    lots = random.Random(7)
    asked: Counter[str] = Counter()
    began, made = clock.now, 0
    for minute in range(MINUTES + 90):
        clock.now += timedelta(minutes=1)
        _misbehave(allegro_microservice, minute)
        while made < min(ORDERS, ORDERS * (minute + 1) // MINUTES):
            asked.update(_buy(allegro_microservice, made, lots))
            made += 1
        _work(channels, minute)
    figures = sync_figures(began, clock.now + timedelta(minutes=1))

    # After seven hours without an answer, what waited longer than six is laid before a person; the rest got through by itself.
    given_up = Discrepancy.objects.filter(kind=DiscrepancyKind.GIVEN_UP, resolved_at=None)
    assert set(PendingStockOperation.objects.values_list("status", flat=True)) == {OperationStatus.COMPLETED, OperationStatus.FAILED}
    assert given_up.count() == PendingStockOperation.objects.filter(status=OperationStatus.FAILED).count() > 0
    for row in given_up:
        resolve_discrepancy(row.pk, Resolution.RETRY, note="The marketplace is back.", actor=ACTOR)
    for minute in range(0, 60, 5):
        clock.now += timedelta(minutes=5)
        _work(channels, minute)

    _nothing_is_lost(allegro_microservice)
    _ledger_is_the_orders(asked)
    _fulfilment_has_them(channels[0])
    assert_books_balance()
    outside = figures["all"]["outside"]
    assert outside["first_try_share"] >= 0.99
    assert 0 < outside["retry_seconds_mean"] < 300
    assert figures["all"]["fault_windows"] >= 2


def _misbehave(partner: PartnerServer, minute: int) -> None:
    """One in two hundred calls fails, before the work or after it. For ten minutes it is away, and for seven hours: first it answers nothing that changes
    anything, then nothing at all."""
    partner.faults.clear()
    if minute in SHORT_OUTAGE:
        partner.fail("drop", times=None)
    elif minute in NOTHING_AT_ALL:
        partner.fail("status", status=503, times=None)
    elif minute in LONG_OUTAGE:
        partner.fail("status", status=503, times=None, method="PATCH", path=FLAG)
    elif minute in TOO_MANY:
        partner.fail("status", status=429, retry_after="30", times=None, method="PATCH", path=FLAG)
    else:
        partner.fail("drop", when="after", times=None, share=0.0025, method="PATCH", path=FLAG)
        partner.fail("status", status=500, times=None, share=0.0025, method="PATCH", path=FLAG)


def _buy(partner: PartnerServer, number: int, lots: random.Random) -> Counter[str]:
    """An order: one piece of one product in nineteen of twenty cases; every other one is sent elsewhere. What it asks for."""
    lines = [(f"SKU-{lots.randrange(PRODUCTS):02d}", 1)] if lots.random() < 0.95 else [(f"SKU-{lots.randrange(PRODUCTS):02d}", 2) for _ in range(2)]
    items = [line_item(sku, quantity, number=place) for place, (sku, quantity) in enumerate(lines, start=1)]
    bought = partner.partner.now().isoformat()
    partner.partner.put_order(f"order-{number:05d}", account="ours" if number % 2 else "theirs", lineItems=items, boughtAt=bought)
    wanted: Counter[str] = Counter()
    for sku, quantity in lines:
        wanted[sku] += quantity
    return wanted


def _work(channels: list[Channel], minute: int) -> None:
    """What the jobs do in this minute."""
    for channel in channels:
        channel.refresh_from_db()
        with suppress(RetryableFailure):
            read_channel(channel)
    if minute % 5 == 0:
        process_pending_operations(ORDERS)
    if minute % 30 == 0:
        for channel in channels:
            with suppress(RetryableFailure):
                reconcile_stock_status(channel, window=timedelta(hours=1))


def _nothing_is_lost(partner: PartnerServer) -> None:
    assert ChannelOrder.objects.filter(deducted_at__isnull=False, reversed_at=None).count() == ORDERS
    assert PendingStockOperation.objects.exclude(status=OperationStatus.COMPLETED).count() == 0
    assert len(partner.partner.flagged()) == ORDERS
    assert not Discrepancy.objects.filter(resolved_at=None).exists()


def _ledger_is_the_orders(asked: Counter[str]) -> None:
    """Each order once: sold, or promised to be sent."""
    sold_refs = Movement.objects.filter(type="sale").values("order_ref")
    sold = _units(Movement.objects.filter(type="sale"), "quantity_change")
    promised = _units(Movement.objects.filter(type="reservation").exclude(order_ref__in=sold_refs), "reserved_change")
    assert {sku: -sold.get(sku, Decimal(0)) + promised.get(sku, Decimal(0)) for sku in asked} == asked
    assert sum(row["reserved"] for row in Stock.objects.values("reserved")) == sum(promised.values())


def _units(rows: QuerySet[Movement], field: str) -> dict[str, Decimal]:
    return dict(rows.values_list("product__sku").annotate(units=Sum(field)))


def _fulfilment_has_them(channel: Channel) -> None:
    relay = Relay(connect_redis(settings.REDIS_URL, decode=False))
    while relay.publish_batch().published:
        continue
    while run_pass():
        continue
    assert Order.objects.filter(source=channel.code).count() == ORDERS // 2
    assert PickingTask.objects.filter(order__source=channel.code).values("order").annotate(n=Count("pk")).filter(n=1).count() == ORDERS // 2
