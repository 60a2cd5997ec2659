"""A comparison of a channel that has more orders than a page: nothing is passed over, and it ends when its time does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from stocksync.enums import DiscrepancyKind, RemoteState
from stocksync.flows.reading import read_channel
from stocksync.flows.reconciling import reconcile_stock_status
from stocksync.models import Channel, ChannelOrder, Discrepancy, PendingStockOperation
from tests.factories.stocksync import elsewhere, operation_of, owed, site, taken_in, told
from tests.partners.allegro_microservice import ACCOUNT, LARGEST_PAGE, AllegroMicroservice
from tests.partners.server import PartnerServer
from tests.stocksync.listings import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


def deducted(shop: Shop, count: int) -> list[str]:
    """Orders that are deducted and acknowledged here, and of which nobody has told the marketplace that there are any."""
    product = shop.stock(count)
    orders = [taken_in(shop.channel, [(product, 1)]).order for _ in range(count)]
    for order in orders:
        told(operation_of(order))
    shop.clock.passes(seconds=5)
    return [order.external_id for order in orders]


def unknown() -> list[str]:
    return list(Discrepancy.objects.filter(kind=DiscrepancyKind.UNKNOWN_THERE).order_by("order").values_list("order__external_id", flat=True))


def test_every_order_that_is_not_listed_is_asked_for_page_by_page_and_once(shop: Shop):
    names = deducted(shop, 5)
    done = reconcile_stock_status(shop.channel, 2, client=shop.client)
    assert (done.at_end, unknown()) == (True, names)
    asked = len(shop.server.requests())
    assert asked == 1 + len(names)
    reconcile_stock_status(shop.channel, 2, client=shop.client)
    assert len(shop.server.requests()) == asked + 1


def test_it_ends_when_its_time_does_and_says_so(shop: Shop):
    names = deducted(shop, 3)
    time = iter([True, False])
    done = reconcile_stock_status(shop.channel, 2, client=shop.client, go_on=lambda: next(time))
    assert (done.at_end, unknown()) == (False, names[:1])


@pytest.mark.slow
def test_as_many_orders_as_there_are_may_be_listed(allegro_microservice: PartnerServer, monkeypatch: pytest.MonkeyPatch):
    """PostgreSQL takes 65,535 parameters in a statement."""
    monkeypatch.setattr("stocksync.marketplaces.microservice.client.PAGE", LARGEST_PAGE)
    partner, channel = allegro_microservice.partner, elsewhere(site(), token_id=ACCOUNT)
    assert isinstance(partner, AllegroMicroservice)
    order = told(owed(channel)).order
    names, began = [f"listed-{number}" for number in range(66_000)], timezone.now() - timedelta(days=1)
    for number, name in enumerate(names):
        partner.put_order(name, updatedAt=(began + timedelta(seconds=number)).isoformat())
    ChannelOrder.objects.bulk_create((ChannelOrder(channel=channel, external_id=name, left_alone=True) for name in names), batch_size=10_000)
    done = reconcile_stock_status(channel, LARGEST_PAGE)
    assert (done.compared, done.at_end) == (done.same, True)
    assert done.compared >= len(names)
    assert unknown() == [order.external_id]


def test_what_was_cancelled_there_after_it_was_known_is_compared_and_at_peace(shop: Shop):
    """Nothing can be told of a cancelled order there: what the seller had said of it before contradicts nothing."""
    product = shop.stock(5)
    shop.allegro.put_offer("77", 5, sku=product.sku)
    shop.allegro.sell("77", order_id="order-1")
    shop.clock.passes(seconds=5)
    read_channel(shop.channel, shop.client)
    assert shop.allegro.fulfilment("order-1") == "PROCESSING"
    shop.allegro.change_order("order-1", status="CANCELLED")
    shop.clock.passes(minutes=5)
    read_channel(Channel.objects.get(pk=shop.channel.pk), shop.client)
    order = ChannelOrder.objects.get()
    assert (order.state, order.reversed_at is not None) == (RemoteState.CANCELLED, True)
    operations = list(PendingStockOperation.objects.values_list("operation_type", "status").order_by("created_at"))
    assert operations == [("deduction", "completed"), ("refund", "completed")]
    for _ in range(2):
        shop.clock.passes(hours=20)
        done = reconcile_stock_status(shop.channel, client=shop.client)
        assert (done.compared, done.same, done.fixed, done.discrepancies) == (1, 1, 0, 0)
    assert list(PendingStockOperation.objects.values_list("operation_type", "status").order_by("created_at")) == operations
