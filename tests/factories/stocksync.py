"""Channels and their orders, for tests. Orders come in and are deducted by the real operations; what they are told in is built here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from inventory.models import Product
from stocksync.enums import ChannelKind, ChannelMode, Fulfilment, LogAction, OperationStatus, OperationType, RemoteState
from stocksync.marketplaces.base import RemoteLine, RemoteOrder
from stocksync.models import Channel, ChannelOrder, ChannelOrderLine, ListingLevel, PendingStockOperation, StockSynchronizationLog
from stocksync.services.intake import TakenIn, take_in_order
from stocksync.services.operations import Claimed, Failure, claim_operations, record_failure, record_success
from tests.factories.inventory import ACTOR, ProductFactory, Site, WarehouseFactory, site, stocked
from warehouse.core.actor import Actor

_numbers = count(1)

# A line: a product or the SKU as it is told ("" for none), and how much of it.
Line = tuple[Product | str, Any]


class ChannelFactory(DjangoModelFactory):
    """An account at the microservice that has been on for a month, whose orders this warehouse sends, unless told otherwise."""

    class Meta:
        model = Channel

    code = factory.Sequence(lambda n: f"allegro-{n}")
    name = factory.LazyAttribute(lambda o: f"Channel {o.code}")
    kind = ChannelKind.ALLEGRO_MICROSERVICE
    mode = ChannelMode.ON
    mode_since = factory.LazyFunction(lambda: timezone.now() - timedelta(days=30))
    fulfilment = Fulfilment.WAREHOUSE
    warehouse = factory.SubFactory(WarehouseFactory)
    token_id = factory.Sequence(lambda n: f"00000000-0000-4000-8000-{n:012d}")


class ListingLevelFactory(DjangoModelFactory):
    """A listing that was told nothing yet."""

    class Meta:
        model = ListingLevel

    channel = factory.SubFactory(ChannelFactory, kind=ChannelKind.ALLEGRO_REST)
    offer_id = factory.Sequence(lambda n: f"{7_000_000_000 + n}")
    product = factory.SubFactory(ProductFactory)


def channel_at(place: Site, **more: Any) -> Channel:
    """A channel that sells the stock of this site."""
    made: Channel = ChannelFactory(warehouse=place.warehouse, **more)
    return made


def elsewhere(place: Site, **more: Any) -> Channel:
    """A channel that sells the stock of this site and whose orders somebody else sends."""
    return channel_at(place, fulfilment=Fulfilment.ELSEWHERE, **more)


def remote(
    lines: Sequence[Line] = (),
    *,
    external_id: str = "",
    revision: str = "r1",
    state: RemoteState = RemoteState.READY,
    known: bool | None = False,
    changed_at: datetime | None = None,
    ordered_at: datetime | None = None,
    fault: str = "",
) -> RemoteOrder:
    """An order as a marketplace tells it: ready, with a line for each product or SKU; ordered and changed just now unless told otherwise."""
    told = [
        RemoteLine(f"line-{number}", f"offer-{number}", goods if isinstance(goods, str) else goods.sku, f"Goods {number}", Decimal(str(quantity)))
        for number, (goods, quantity) in enumerate(lines, start=1)
    ]
    return RemoteOrder(
        external_id=external_id or f"order-{next(_numbers)}",
        revision=revision,
        status={RemoteState.READY: "READY_FOR_PROCESSING", RemoteState.CANCELLED: "CANCELLED"}.get(state, "BOUGHT"),
        state=state,
        known=known,
        ordered_at=ordered_at or timezone.now(),
        changed_at=changed_at or timezone.now(),
        lines=tuple(told),
        fault=fault,
    )


def taken_in(channel: Channel, lines: Sequence[Line] = (), *, actor: Actor = ACTOR, **more: Any) -> TakenIn:
    """An order for these lines, taken in as the marketplace tells it; nobody has told the marketplace anything yet."""
    return take_in_order(channel.pk, remote(lines, **more), actor=actor)


def owed(channel: Channel, lines: Sequence[Line] | None = None, **more: Any) -> PendingStockOperation:
    """The acknowledgement that waits after an order was taken in and deducted; of one new product with stock unless lines are given."""
    if lines is None:
        product = ProductFactory()
        stocked(product, channel.warehouse.locations.get(code="A-01"), 10)
        lines = [(product, 1)]
    taken = taken_in(channel, lines, **more)
    assert taken.operation_id is not None, list(taken.order.discrepancies.values("kind", "detail"))
    return operation_of(taken.order)


def operation_of(order: ChannelOrder) -> PendingStockOperation:
    """The newest operation of an order, its order and channel loaded."""
    return PendingStockOperation.objects.select_related("order", "channel").filter(order=order).latest("created_at")


def claimed(operation: PendingStockOperation) -> Claimed:
    """The operation with a worker; what waits for its next try waits no longer."""
    PendingStockOperation.objects.filter(pk=operation.pk).update(next_retry_at=timezone.now())
    [one] = claim_operations(ids=[operation.pk], actor=ACTOR)
    return one


def told(operation: PendingStockOperation) -> PendingStockOperation:
    """The operation, tried with success."""
    assert record_success(claimed(operation), timedelta(milliseconds=12), actor=ACTOR)
    return PendingStockOperation.objects.get(pk=operation.pk)


def refused(operation: PendingStockOperation, times: int = 1, *, error: str = "422: no", **more: Any) -> PendingStockOperation:
    """The operation, tried and answered with a refusal so many times."""
    for _ in range(times):
        record_failure(claimed(operation), Failure(error, answered=True, **more), timedelta(milliseconds=12), actor=ACTOR)
    return PendingStockOperation.objects.get(pk=operation.pk)


def unanswered(operation: PendingStockOperation, times: int = 1, *, error: str = "no answer", **more: Any) -> PendingStockOperation:
    """The operation, tried so many times without any answer."""
    for _ in range(times):
        record_failure(claimed(operation), Failure(error, answered=False, **more), timedelta(milliseconds=12), actor=ACTOR)
    return PendingStockOperation.objects.get(pk=operation.pk)


def given_up(operation: PendingStockOperation) -> PendingStockOperation:
    """The operation after its last answered try: a person has to look."""
    return refused(operation, operation.max_retries)


def many_operations(
    channel: Channel, number: int, *, product: Product, status: str = OperationStatus.PENDING, **more: Any
) -> list[PendingStockOperation]:
    """So many orders of one line each with their operation and its first log row, written at once: for pages and counts, not for stock."""
    now = timezone.now()
    first = next(_numbers)
    orders = ChannelOrder.objects.bulk_create(
        ChannelOrder(
            channel=channel, external_id=f"bulk-{first}-{each}", revision="r1", status="READY_FOR_PROCESSING", state=RemoteState.READY,
            ordered_at=now - timedelta(seconds=each), changed_at=now - timedelta(seconds=each), fulfilment=channel.fulfilment, deducted_at=now,
        )
        for each in range(number)
    )  # fmt: skip
    ChannelOrderLine.objects.bulk_create(
        ChannelOrderLine(
            order=order, external_id="line-1", offer_id="offer-1", sku=product.sku, name=product.name, product=product, quantity=Decimal(1)
        )
        for order in orders
    )
    values = {"operation_type": OperationType.DEDUCTION, "revision": "r1", "status": status, "next_retry_at": now, **more}
    rows = PendingStockOperation.objects.bulk_create(PendingStockOperation(channel=channel, order=order, **values) for order in orders)
    StockSynchronizationLog.objects.bulk_create(
        StockSynchronizationLog(
            operation=row, action=LogAction.CREATED, status=OperationStatus.PENDING, details={"message": "Operation created"}, performed_by="tests"
        )
        for row in rows
    )
    return rows


def steps(operation: PendingStockOperation) -> list[str]:
    """The actions in the log of an operation, in their order."""
    return list(operation.log.order_by("timestamp").values_list("action", flat=True))


def open_kinds(order: ChannelOrder) -> list[str]:
    """What waits for a person about an order."""
    return sorted(order.discrepancies.filter(resolved_at=None).values_list("kind", flat=True))


__all__ = [
    "ACTOR",
    "ChannelFactory",
    "ListingLevelFactory",
    "channel_at",
    "claimed",
    "elsewhere",
    "given_up",
    "many_operations",
    "open_kinds",
    "operation_of",
    "owed",
    "refused",
    "remote",
    "site",
    "steps",
    "stocked",
    "taken_in",
    "told",
    "unanswered",
]
