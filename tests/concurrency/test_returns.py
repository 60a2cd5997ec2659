"""The last piece that was shipped, brought back by several at once, at several sites: it comes back once. And what happens without the lock."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from inventory.errors import MoreThanShipped
from inventory.models import Movement, Product, Return, ReturnItem
from inventory.orchestrator import (
    Finding,
    OrderedLine,
    ReturnLine,
    complete_return,
    consume_reservation,
    create_return,
    inspect_return,
    reserve_for_order,
)
from inventory.services import return_completion, returns
from tests.concurrency.threads import race
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db(transaction=True)
REF = "shop:1"


@pytest.fixture
def product(house: Site) -> Product:
    """One piece of it left under the order."""
    product = ProductFactory()
    stocked(product, house.shelf, 3)
    promised = reserve_for_order(REF, [OrderedLine(product.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(promised.reservation_id, actor=ACTOR)
    return product


def bring_back(product: Product, here: Site) -> Return:
    return create_return(warehouse_id=here.id, order_ref=REF, location_id=here.shelf.pk, lines=[ReturnLine(product.pk, Decimal(1))], actor=ACTOR)


def two_inspected(product: Product, *places: Site) -> list[int]:
    """Returns that all claim the one piece, as no operation would let them."""
    batch = product.batches.get()
    ids = []
    for here in places:
        document = create_return(warehouse_id=here.id, order_ref=REF, location_id=here.shelf.pk, actor=ACTOR)
        item = ReturnItem.objects.create(return_document=document, product=product, batch=batch, quantity=1)
        inspect_return(document.pk, findings=[Finding(item.pk, "intact", "return_to_shelf")], actor=ACTOR)
        ids.append(document.pk)
    return ids


def test_of_many_papers_for_one_piece_one_is_written(product: Product, house: Site) -> None:
    places = [house, site(), house, site(), house, site()]

    outcomes = race([lambda here=here: bring_back(product, here) for here in places])

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {MoreThanShipped}
    assert ReturnItem.objects.count() == 1


def test_nobody_reads_the_balance_beside_another(product: Product, house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    read, inside, met = returns.shipped_under, threading.Semaphore(1), []

    def read_alone(order_ref: str) -> Any:
        if not inside.acquire(blocking=False):
            met.append(order_ref)
            return read(order_ref)
        time.sleep(0.1)
        found = read(order_ref)
        inside.release()
        return found

    monkeypatch.setattr(returns, "shipped_under", read_alone)
    race([lambda: bring_back(product, house) for _ in range(4)])

    assert met == []


@pytest.mark.parametrize("elsewhere", [False, True])
def test_of_two_completed_at_once_one_comes_back(product: Product, house: Site, elsewhere: bool) -> None:
    ids = two_inspected(product, house, site() if elsewhere else house)

    outcomes = race([lambda pk=pk: complete_return(pk, actor=ACTOR) for pk in ids])

    assert [type(outcome.error) for outcome in outcomes if not outcome.won] == [MoreThanShipped]
    assert Movement.objects.filter(type="return_to_stock").count() == 1
    assert sorted(Return.objects.values_list("status", flat=True)) == ["completed", "inspected"]
    assert_books_balance()


def test_a_completion_and_a_new_paper_at_once(product: Product, house: Site) -> None:
    (first,) = two_inspected(product, house)

    outcomes = race([lambda: complete_return(first, actor=ACTOR), lambda: bring_back(product, house)])

    assert [type(outcome.error) for outcome in outcomes] == [type(None), MoreThanShipped]
    assert totals(product.pk, house.id)[0] == 3


def test_returns_of_other_orders_do_not_wait(product: Product, house: Site) -> None:
    """Both stand behind their own lock at the same moment."""
    promised = reserve_for_order("shop:2", [OrderedLine(product.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(promised.reservation_id, actor=ACTOR)
    both = threading.Barrier(2)

    def slowly(order_ref: str) -> None:
        returns.create_return(warehouse_id=house.id, order_ref=order_ref, actor=_Meeting(both))

    outcomes = race([lambda ref=ref: slowly(ref) for ref in (REF, "shop:2")])

    assert [outcome.error for outcome in outcomes] == [None, None]


class _Meeting:
    """An actor who, asked for its number behind the lock, waits for another one to be asked."""

    name, type, roles, own_sites_only = "tests", "system", ACTOR.roles, False

    def __init__(self, both: threading.Barrier) -> None:
        self.both = both

    def require(self, *args: Any) -> None:
        return None

    @property
    def user_id(self) -> None:
        self.both.wait(20)


# --- controls: the lock is what makes it so ----------------------------------------------------------------------------------------------


def read_together(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Without the lock, and when both have seen the same balance before one of them writes."""
    read = module.shipped_under
    seen = threading.Barrier(2)

    def both(order_ref: str) -> Any:
        found = read(order_ref)
        seen.wait(20)
        return found

    monkeypatch.setattr(module, "lock_returns_of", lambda order_ref: None)
    monkeypatch.setattr(module, "shipped_under", both)


def test_control_without_the_lock_one_piece_is_claimed_twice(product: Product, house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    read_together(monkeypatch, returns)

    outcomes = race([lambda: bring_back(product, house) for _ in range(2)])

    assert [outcome.error for outcome in outcomes] == [None, None]
    assert ReturnItem.objects.count() == 2


def test_control_the_gates_of_two_sites_do_not_see_each_other(product: Product, house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = two_inspected(product, house, site())
    read_together(monkeypatch, return_completion)

    outcomes = race([lambda pk=pk: complete_return(pk, actor=ACTOR) for pk in ids])

    assert [outcome.error for outcome in outcomes] == [None, None]
    assert Movement.objects.filter(type="return_to_stock").count() == 2
