"""Two accounts at Allegro: one behind the microservice whose orders Belgrade sends, one of the REST API that sells Novi Sad's stock and is sent elsewhere.

What they sold stands in `marketplaces.json`, which the small servers of `make run` know too: what is not told yet is told to them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils import timezone

from inventory.models import Warehouse
from stocksync.enums import ChannelKind, ChannelMode, Fulfilment, RemoteState
from stocksync.marketplaces.base import RemoteLine, RemoteOrder
from stocksync.models import Channel, PendingStockOperation
from stocksync.services.channels import create_channel, set_mode
from stocksync.services.credentials import record_connection, store_application
from stocksync.services.intake import take_in_order
from stocksync.services.levels import list_product
from stocksync.services.operations import Claimed, Failure, claim_operations, record_failure, record_success
from warehouse.accounts.models import User
from warehouse.core.actor import Actor
from warehouse.demo.places import BELGRADE, NOVI_SAD

MICROSERVICE, REST = "allegro-pl", "allegro-cz"
# As the small servers of the partners know them; they let everybody in until they have given tokens away.
ACCOUNT, CLIENT_ID, CLIENT_SECRET = "account-1", "warehouse-for-tests", "secret-of-the-application"
TOKENS_LIVE = timedelta(days=3650)
WORKER = Actor.system("stock-sync")
REFUSAL = "Allegro microservice: 422: The order belongs to another account."
SILENCE = "Allegro microservice: no answer within 10 s"
TOOK = timedelta(milliseconds=84)


def open_marketplaces(sites: Mapping[str, Warehouse], users: Mapping[str, User]) -> int:
    """The channels with their orders, unless they are there. How many orders were taken in."""
    if Channel.objects.filter(code__in=(MICROSERVICE, REST)).exists():
        return 0
    sold = json.loads(Path(__file__).with_suffix(".json").read_text())
    manager = Actor.of_user(users["manager"])
    by_flag = _channel(MICROSERVICE, "Allegro Polska", ChannelKind.ALLEGRO_MICROSERVICE, sites[BELGRADE], manager, token_id=ACCOUNT)
    by_quantity = _channel(
        REST, "Allegro Česko", ChannelKind.ALLEGRO_REST, sites[NOVI_SAD], manager, fulfilment=Fulfilment.ELSEWHERE, safety_buffer=2
    )
    store_application(by_quantity.pk, CLIENT_ID, CLIENT_SECRET, actor=manager)
    record_connection(by_quantity.pk, CLIENT_ID, "demo-access", "demo-refresh", int(TOKENS_LIVE.total_seconds()), actor=manager)
    offers = {offer["id"]: offer for offer in sold["offers"]}
    for offer in offers.values():
        list_product(by_quantity.pk, offer["id"], offer["sku"], actor=manager)
    for row in sold["orders"]:
        lines = [(sku, offer, name, quantity) for sku, offer, name, quantity in row["lines"]]
        _take_in(by_flag, row, lines)
    for row in sold["rest_orders"]:
        lines = [(offers[offer]["sku"], offer, offers[offer]["name"], quantity) for offer, quantity in row["lines"]]
        _take_in(by_quantity, row, lines)
    return len(sold["orders"]) + len(sold["rest_orders"])


def _channel(code: str, name: str, kind: ChannelKind, site: Warehouse, manager: Actor, **more: Any) -> Channel:
    made = create_channel(code=code, kind=kind, warehouse_id=site.pk, name=name, actor=manager, **more)
    return set_mode(made.pk, ChannelMode.ON, actor=manager)


def _take_in(channel: Channel, row: Mapping[str, Any], lines: list[tuple[str, str, str, int]]) -> None:
    """An order as the marketplace tells it, and what became of telling the marketplace."""
    at = timezone.now() - timedelta(hours=row["hours_ago"])
    told = tuple(
        RemoteLine(f"line-{number}", offer, sku, name, Decimal(quantity)) for number, (sku, offer, name, quantity) in enumerate(lines, start=1)
    )
    remote = RemoteOrder(row["id"], "00000001", "READY_FOR_PROCESSING", RemoteState.READY, known=False, ordered_at=at, changed_at=at, lines=told)
    operation_id = take_in_order(channel.pk, remote, actor=WORKER).operation_id
    if operation_id is None:
        return
    match row["end"]:
        case "told":
            record_success(_claimed(operation_id), TOOK, actor=WORKER)
        case "waits":
            record_failure(_claimed(operation_id), Failure(SILENCE, answered=False), timedelta(seconds=10), actor=WORKER)
        case "refused":
            for _ in range(PendingStockOperation.objects.get(pk=operation_id).max_retries):
                record_failure(_claimed(operation_id), Failure(REFUSAL, answered=True), TOOK, actor=WORKER)


def _claimed(operation_id: Any) -> Claimed:
    """The operation with a worker, whether it is its time or not."""
    PendingStockOperation.objects.filter(pk=operation_id).update(next_retry_at=timezone.now())
    [claimed] = claim_operations(ids=[operation_id], actor=WORKER)
    return claimed
