"""An account at the microservice whose orders take what lies on our shelf, for tests from the first reading to the last acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fulfillment.models import Order
from inventory.models import Movement, Product, Reservation
from stocksync.enums import Fulfilment, OperationStatus
from stocksync.flows.acknowledging import ProcessingResult, process_pending_operations
from stocksync.flows.reading import ReadResult, read_channel
from stocksync.models import Channel, ChannelOrder, PendingStockOperation
from tests.factories.fulfillment import reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.stocksync import channel_at
from tests.fulfillment.walks import agrees
from tests.inventory.books import assert_books_balance, totals
from tests.partners.allegro_microservice import ACCOUNT, AllegroMicroservice, line_item
from tests.partners.server import PartnerServer
from tests.stocksync.house import settle

KINDS = sorted(Fulfilment.values)
FLAG = "/api/v1/orders/*/stock-status"


@dataclass
class Account:
    """A channel that is on, with a shelf of fifty of one product in two lots."""

    channel: Channel
    place: Site
    product: Product
    server: PartnerServer
    partner: AllegroMicroservice

    @property
    def by_us(self) -> bool:
        return self.channel.fulfilment == Fulfilment.WAREHOUSE

    def put(self, order_id: str = "A1", quantity: int = 2, **fields: Any) -> None:
        """An order for so much, or what has become of it."""
        self.partner.put_order(order_id, **{"lineItems": [line_item(self.product.sku, quantity)], **fields})

    def read(self) -> ReadResult:
        return read_channel(Channel.objects.get(pk=self.channel.pk))

    def known_as_waiting(self, order_id: str = "A1") -> ChannelOrder:
        """An order that was read before it was ready."""
        self.put(order_id, status="BOUGHT")
        self.read()
        return self.order(order_id)

    def deducted(self, order_id: str = "A1", quantity: int = 2) -> ChannelOrder:
        """An order that was read, deducted, acknowledged, and taken in by fulfilment if that is to send it."""
        self.put(order_id, quantity)
        assert self.read().waiting == 0
        settle()
        return self.order(order_id)

    def order(self, order_id: str = "A1") -> ChannelOrder:
        return ChannelOrder.objects.select_related("channel").get(external_id=order_id)

    def operations(self, order_id: str = "A1") -> list[tuple[str, str]]:
        rows = PendingStockOperation.objects.filter(order__external_id=order_id).order_by("created_at")
        return list(rows.values_list("operation_type", "status"))

    def start_again(self) -> ProcessingResult:
        """What the periodic jobs do after a crash, twice; the claims of the dead have lapsed. What the first telling did."""
        PendingStockOperation.objects.filter(status=OperationStatus.PROCESSING).update(claimed_until=timezone.now())
        self.read()
        settle()
        first = process_pending_operations()
        self.read()
        settle()
        process_pending_operations()
        return first

    def start_again_off(self) -> ProcessingResult:
        """What the jobs do with a channel that is off: nothing is read; what is owed waits."""
        PendingStockOperation.objects.update(claimed_until=None, next_retry_at=timezone.now())
        settle()
        return process_pending_operations()

    def taken(self, order_id: str = "A1") -> Decimal:
        """How much the order takes of the stock, by the ledger and the promises."""
        ref = self.channel.order_ref(order_id)
        gone = -sum((row.quantity_change for row in Movement.objects.filter(order_ref=ref)), Decimal())
        return gone + sum((item.held for row in Reservation.objects.filter(order_ref=ref, status="active") for item in row.items.all()), Decimal())

    def assert_deducted_once(self, order_id: str = "A1", quantity: int = 2) -> None:
        """Deducted once, acknowledged, and with fulfilment once."""
        order = self.order(order_id)
        assert (order.is_deducted, self.operations(order_id)) == (True, [("deduction", "completed")])
        assert self.taken(order_id) == quantity
        assert totals(self.product.pk, self.place.id)[3] == 50 - sum(self.taken(one.external_id) for one in ChannelOrder.objects.all())
        assert Movement.objects.filter(order_ref=order.order_ref, type="sale").count() == (not self.by_us)
        assert Reservation.objects.filter(order_ref=order.order_ref).count() == 1
        assert list(Order.objects.filter(external_id=order_id).values_list("source", "status")) == [(self.channel.code, "accepted")] * self.by_us
        assert self.partner.order(order_id)["is_stock_updated"] is True
        self.assert_sound()

    def assert_given_back(self, order_id: str = "A1") -> None:
        """The shelf has everything again, the marketplace knows, fulfilment has it cancelled."""
        order = self.order(order_id)
        assert order.reversed_at is not None
        assert totals(self.product.pk, self.place.id) == (50, 0, 0, 50)
        assert list(Order.objects.filter(external_id=order_id).values_list("status", flat=True)) == ["cancelled"] * self.by_us
        assert self.operations(order_id)[-1] == ("refund", "completed")
        assert [kind for kind, _ in self.operations(order_id)] == ["deduction", "refund"]
        assert self.partner.order(order_id)["is_stock_updated"] is False
        self.assert_sound()

    def assert_books(self) -> None:
        """The books balance and the product's free stock is what the orders leave."""
        taken = sum(self.taken(order.external_id) for order in ChannelOrder.objects.all())
        assert totals(self.product.pk, self.place.id)[3] == 50 - taken
        assert_books_balance()

    def assert_sound(self) -> None:
        """Both reconciliations find nothing, and nothing waits."""
        agrees()
        assert not PendingStockOperation.objects.filter(status__in=(OperationStatus.PENDING, OperationStatus.PROCESSING)).exists()


def account_at(server: PartnerServer, fulfilment: str, **channel: Any) -> Account:
    """An account whose orders are sent by this warehouse, or by somebody else."""
    place, product = reachable_site(), ProductFactory()
    stocked(product, place.shelf, 30, lot="EARLY", expires_in_days=200)
    stocked(product, place.shelf, 20, lot="LATE", expires_in_days=300)
    made = channel_at(place, fulfilment=fulfilment, token_id=ACCOUNT, **channel)
    assert isinstance(server.partner, AllegroMicroservice)
    return Account(made, place, product, server, server.partner)
