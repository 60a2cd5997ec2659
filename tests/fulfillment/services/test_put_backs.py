"""Put-backs whose goods are not on the bench any more."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
import redis as redis_client

from fulfillment.models import PickingTask, PutBack
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.put_backs import close_lost_put_backs, complete_put_back
from inventory.models import BatchLocation, Product
from inventory.orchestrator import WriteOffLine, remove_stock
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role
from warehouse.core.errors import PermissionDenied, TransitionRefused
from warehouse.outbox import subscribers
from warehouse.outbox.relay import Relay

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 50, lot="A")
    return product


def given_back(product: Product, quantity: int) -> PutBack:
    """So much, picked for an order that was cancelled then."""
    order = order_for([(product, quantity)])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(order=order), picker)
    pick(task.items.get(), picker)
    process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)
    return PutBack.objects.get(order=order)


def bench() -> BatchLocation:
    return BatchLocation.objects.get(location__kind="packing")


def lost(quantity: int) -> None:
    remove_stock(warehouse_id=bench().warehouse_id, line=WriteOffLine(bench().pk, Decimal(quantity), "damaged"), actor=ACTOR)


def shown() -> list[tuple[Decimal, Decimal, str]]:
    return list(PutBack.objects.order_by("pk").values_list("quantity", "done_quantity", "status"))


def test_what_was_written_off_on_the_bench_is_not_looked_for(milk: Product, house: Site) -> None:
    first, second, third = (given_back(milk, n) for n in (2, 3, 4))
    complete_put_back(second.pk, 1, actor=ACTOR, location_scan="A-01")
    lost(5)

    assert close_lost_put_backs(actor=ACTOR) == 2
    assert shown() == [(2, 0, "pending"), (2, 1, "pending"), (4, 0, "done")]
    assert close_lost_put_backs(actor=ACTOR) == 0
    assert PutBack.objects.get(pk=third.pk).done_at is not None
    for row in (first, second):
        complete_put_back(row.pk, PutBack.objects.get(pk=row.pk).remaining, actor=ACTOR, location_scan="A-01")
    with pytest.raises(TransitionRefused):
        complete_put_back(third.pk, 1, actor=ACTOR, location_scan="A-01")
    assert bench().quantity == 0
    assert_books_balance()


def test_what_lies_there_stays_to_be_put_back(milk: Product, house: Site) -> None:
    given_back(milk, 2)
    order = order_for([(milk, 5)])
    picker = person(Role.PICKER)
    pick(begun(PickingTask.objects.get(order=order), picker).items.get(), picker)

    assert close_lost_put_backs(actor=ACTOR) == 0
    assert shown() == [(2, 0, "pending")]
    lost(1)
    assert (close_lost_put_backs(actor=ACTOR), shown()) == (1, [(1, 0, "pending")])
    with pytest.raises(PermissionDenied):
        close_lost_put_backs(actor=picker)


@pytest.mark.django_db(transaction=True)
def test_the_event_brings_it_about(redis: redis_client.Redis) -> None:
    house, milk = site(code="MAIN", external_id="1"), ProductFactory(sku="MILK")
    stocked(milk, house.shelf, 5)
    given_back(milk, 2)
    lost(2)

    Relay(redis).drain(threading.Event())
    subscribers.advance(subscribers.REGISTERED["close-lost-put-backs"])

    assert shown() == [(2, 0, "done")]
    assert_books_balance()
