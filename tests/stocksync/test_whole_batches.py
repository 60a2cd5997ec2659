"""From the marketplace to the ledger, many orders at once: a journal that can't be trusted, and one bad order among a thousand."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from inventory.models import Movement
from stocksync.enums import Fulfilment, OperationStatus, OperationType
from stocksync.flows.acknowledging import process_pending_operations
from stocksync.flows.reading import read_channel
from stocksync.models import Channel, ChannelOrder, PendingStockOperation
from tests.factories.inventory import stocked
from tests.factories.stocksync import many_operations, open_kinds
from tests.inventory.books import assert_books_balance, totals
from tests.partners.allegro_microservice import line_item
from tests.partners.server import PartnerServer
from tests.stocksync.account import Account, account_at
from tests.stocksync.listings import Shop

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 1000


# --- a journal with gaps, duplicates and disorder ----------------------------------------------------------------------------------------


def taken(order: ChannelOrder) -> Decimal:
    """How much the ledger says that the order took, what came back taken off."""
    return -sum((row.quantity_change for row in Movement.objects.filter(order_ref=order.order_ref)), Decimal())


def read_to_the_end(shop: Shop) -> None:
    """Twice: our own acknowledgements are changes, too."""
    for _ in range(2):
        shop.clock.passes(minutes=4)
        assert read_channel(Channel.objects.get(pk=shop.channel.pk), shop.client).at_end


@pytest.mark.slow
def test_gaps_duplicates_and_disorder_make_one_row_and_one_deduction_of_every_order(shop: Shop) -> None:
    product = shop.stock(1000)
    shop.allegro.clock = shop.client._now = lambda: shop.clock.now
    shop.allegro.put_offer("77", 1000, sku=product.sku)
    shop.allegro.duplicate = shop.allegro.disorder = True
    wanted: dict[str, int] = {}
    for number in range(40):
        name = f"order-{number}"
        shop.allegro.sell("77", 2, order_id=name, status="BOUGHT")
        wanted[name] = 0
        if number % 4 == 0:
            # Read as bought, and the event of its being ready is lost.
            read_channel(Channel.objects.get(pk=shop.channel.pk), shop.client)
            shop.allegro.lose(1)
        if number % 2 == 0:
            shop.allegro.change_order(name, status="READY_FOR_PROCESSING")
            wanted[name] = 2
        if number % 5 == 4:
            read_channel(Channel.objects.get(pk=shop.channel.pk), shop.client)
        shop.clock.passes(seconds=20)
        before = f"order-{number - 6}"
        if wanted.get(before) and number % 12 == 0:
            shop.allegro.change_order(before, status="CANCELLED")
            wanted[before] = 0
        elif wanted.get(before) and number % 8 == 0:
            [line] = shop.allegro.form(before)["lineItems"]
            shop.allegro.change_order(before, lineItems=[line | {"quantity": 5}])
            wanted[before] = 5
    read_to_the_end(shop)

    orders = {order.external_id: order for order in ChannelOrder.objects.select_related("channel")}
    assert ChannelOrder.objects.count() == len(orders) == 40
    assert {name: order.revision for name, order in orders.items()} == {
        form["id"]: form["revision"] for form in shop.allegro.ledger.newest("forms", "id")
    }
    assert {name: taken(order) for name, order in orders.items()} == wanted
    assert Counter(wanted.values()) == Counter({0: 23, 2: 14, 5: 3})
    made = Counter(PendingStockOperation.objects.filter(operation_type=OperationType.DEDUCTION).values_list("order__external_id", flat=True))
    assert made == Counter({name: 1 for name, order in orders.items() if order.deducted_at})
    assert {name for name, order in orders.items() if order.is_deducted} == {name for name, quantity in wanted.items() if quantity}
    assert totals(product.pk, shop.place.id)[3] == 1000 - sum(wanted.values())
    assert not PendingStockOperation.objects.exclude(status__in=(OperationStatus.COMPLETED, OperationStatus.CANCELLED)).exists()
    assert_books_balance()


# --- one bad one among a thousand --------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(allegro_microservice: PartnerServer) -> Account:
    made = account_at(allegro_microservice, Fulfilment.ELSEWHERE)
    stocked(made.product, made.place.shelf, MANY, lot="MANY", expires_in_days=400)
    return made


@pytest.mark.slow
def test_one_unknown_sku_among_a_thousand_orders(account: Account) -> None:
    began = timezone.now()
    for number in range(MANY):
        sku = "NOBODY-KNOWS-IT" if number == 500 else account.product.sku
        account.partner.put_order(f"A{number}", lineItems=[line_item(sku)], updatedAt=(began - timedelta(seconds=number)).isoformat())
    result = account.read()
    while not result.at_end:
        result = account.read()

    assert ChannelOrder.objects.count() == MANY
    [bad] = ChannelOrder.objects.filter(deducted_at=None)
    assert (bad.external_id, open_kinds(bad)) == ("A500", ["no_sku"])
    assert totals(account.product.pk, account.place.id)[3] == 50 + MANY - 999
    assert account.partner.times_told() == Counter({(f"A{number}", True): 1 for number in range(MANY) if number != 500})
    account.assert_sound()


@pytest.mark.slow
def test_one_refused_operation_among_a_thousand(account: Account, settings: Settings) -> None:
    settings.STOCK_SYNC_RETRY_MAX_ATTEMPTS = 1
    rows = many_operations(account.channel, MANY, product=account.product, max_retries=1)
    names = dict(PendingStockOperation.objects.values_list("pk", "order__external_id"))
    for row in rows:
        account.partner.put_order(names[row.pk])
    bad = names[rows[500].pk]
    account.server.fail("status", status=422, times=None, path=f"/api/v1/orders/{bad}/stock-status")

    result = process_pending_operations(MANY)

    assert (result.processed, result.succeeded, result.failed, result.max_retries_reached) == (MANY, 999, 0, 1)
    assert account.partner.flagged() == set(names.values()) - {bad}
    [failed] = PendingStockOperation.objects.exclude(status=OperationStatus.COMPLETED)
    assert (failed.order.external_id, failed.status, open_kinds(failed.order)) == (bad, OperationStatus.FAILED, ["given_up"])
