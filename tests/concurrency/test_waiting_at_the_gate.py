"""Who waits at the gate behind somebody else finds, behind it, what is there then: no more and no less."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from inventory.models import BatchLocation, Product, Receiving
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    ReceivingLine,
    confirm_receiving,
    consume_reservation,
    create_receiving,
    pick_reserved,
    promise_order,
    put_back,
    release_reservation,
    reserve_for_order,
)
from inventory.services.expiry import judge_by_time
from inventory.stock.gate import StockKey
from tests.concurrency.threads import Outcome, Started, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ham(house: Site) -> Product:
    """5 free on the shelf, 3 free on the bench."""
    product = ProductFactory(sku="HAM", quantity_step=Decimal("0.001"), weight_tolerance=Decimal(1), lives={"chilled": 30})
    stocked(product, house.cool, 5, lot="A", expires_in_days=9)
    stocked(product, house.bench, 3, lot="B", expires_in_days=9)
    return product


def behind(move: Callable[[], Any], ask: Callable[[], Any]) -> Outcome:
    """Ask while the move is done but not yet committed: the asker waits at the gate."""
    with transaction.atomic():
        move()
        waiting = Started(ask)
        wait_for_waiter()
    return waiting.finish()


def reserve(product: Product, house: Site, quantity: int | str, ref: str = "shop:late") -> Callable[[], Any]:
    return lambda: reserve_for_order(ref, [OrderedLine(product.pk, Decimal(quantity))], warehouse_id=house.id, actor=ACTOR)


def available(outcome: Outcome) -> Decimal:
    assert isinstance(outcome.error, InsufficientStock), outcome
    return outcome.error.shortages[0].available


def test_behind_a_reservation(ham: Product, house: Site) -> None:
    outcome = behind(lambda: promise_order.inside("shop:1", [OrderedLine(ham.pk, Decimal(4))], actor=ACTOR), reserve(ham, house, 2))

    assert available(outcome) == 1


def test_behind_a_release(ham: Product, house: Site) -> None:
    first = promise_order("shop:1", [OrderedLine(ham.pk, Decimal(5))], actor=ACTOR)[0]

    outcome = behind(lambda: release_reservation.inside(first.reservation_id, reason="X", actor=ACTOR, for_order=True), reserve(ham, house, 5))

    assert outcome.won
    assert totals(ham.pk, house.id) == (8, 5, 3, 0)


def test_behind_goods_put_back(ham: Product, house: Site) -> None:
    """8 are asked for; before the move only 5 are for sale. What came to the shelf meanwhile, in a place that did not exist, is found."""
    bench = BatchLocation.objects.get(location=house.bench)

    def move() -> None:
        put_back.inside(
            bench.pk, Decimal(3), warehouse_id=house.id, product_id=ham.pk, to_location_id=house.cool.pk, document_id=1, actor=ACTOR
        )  # fmt: skip

    outcome = behind(move, reserve(ham, house, 8))

    assert outcome.won
    assert totals(ham.pk, house.id) == (8, 8, 0, 0)
    assert_books_balance()


def test_behind_a_delivery(ham: Product, house: Site) -> None:
    receiving = create_receiving(
        warehouse_id=house.id, location_id=house.cool.pk, lines=[ReceivingLine(ham.pk, Decimal(4), lot_number="NEW")], actor=ACTOR
    )

    outcome = behind(lambda: confirm_receiving.inside(receiving.pk, actor=ACTOR), reserve(ham, house, 9))

    assert outcome.won
    assert totals(ham.pk, house.id) == (12, 9, 3, 0)


def test_behind_the_first_delivery_of_a_product(house: Site) -> None:
    """There is no gate yet to wait at: the asker sees nothing, at once."""
    tea = ProductFactory()
    receiving = create_receiving(warehouse_id=house.id, location_id=house.shelf.pk, lines=[ReceivingLine(tea.pk, Decimal(4))], actor=ACTOR)

    with transaction.atomic():
        confirm_receiving.inside(receiving.pk, actor=ACTOR)
        early = Started(reserve(tea, house, 1)).finish()
    late = Started(reserve(tea, house, 4)).finish()

    assert available(early) == 0
    assert late.won


def test_behind_a_pick(ham: Product, house: Site) -> None:
    """The pick takes goods and promise from the shelf: what stays is what was free."""
    (item,) = promise_order("shop:1", [OrderedLine(ham.pk, Decimal(3))], actor=ACTOR)[0].items

    def move() -> None:
        pick_reserved.inside(
            item.id, Decimal(3), warehouse_id=house.id, product_id=ham.pk, to_location_id=house.bench.pk,
            document_type="picking_task", document_id=1, actor=ACTOR,
        )  # fmt: skip

    assert available(behind(move, reserve(ham, house, 3))) == 2
    assert_books_balance()


def test_behind_a_sale_that_weighed_more(ham: Product, house: Site) -> None:
    first = promise_order("shop:1", [OrderedLine(ham.pk, Decimal(3))], actor=ACTOR)[0]

    def move() -> None:
        consume_reservation.inside(first.reservation_id, actual={first.items[0].id: Decimal("3.5")}, actor=ACTOR, for_order=True)

    assert available(behind(move, reserve(ham, house, 2))) == Decimal("1.5")
    assert_books_balance()


def test_behind_the_job_that_blocks_what_expired(ham: Product, house: Site) -> None:
    BatchLocation.objects.filter(location=house.cool).update(effective_expires_at=timezone.now())

    outcome = behind(lambda: judge_by_time.inside([StockKey(house.id, ham.pk)], actor=ACTOR), reserve(ham, house, 1))

    assert available(outcome) == 0


def test_a_sale_that_weighed_more_behind_a_reservation(ham: Product, house: Site) -> None:
    first = promise_order("shop:1", [OrderedLine(ham.pk, Decimal(3))], actor=ACTOR)[0]

    outcome = behind(
        lambda: promise_order.inside("shop:2", [OrderedLine(ham.pk, Decimal(2))], actor=ACTOR),
        lambda: consume_reservation(first.reservation_id, actual={first.items[0].id: Decimal("3.5")}, actor=ACTOR, for_order=True),
    )

    assert available(outcome) == 0
    assert totals(ham.pk, house.id) == (8, 5, 3, 0)


def test_a_delivery_behind_a_reservation(ham: Product, house: Site) -> None:
    receiving = create_receiving(
        warehouse_id=house.id, location_id=house.cool.pk, lines=[ReceivingLine(ham.pk, Decimal(4), lot_number="A")], actor=ACTOR
    )

    outcome = behind(
        lambda: promise_order.inside("shop:1", [OrderedLine(ham.pk, Decimal(5))], actor=ACTOR), lambda: confirm_receiving(receiving.pk, actor=ACTOR)
    )

    assert outcome.won
    assert totals(ham.pk, house.id) == (12, 5, 3, 4)
    assert Receiving.objects.get(pk=receiving.pk).status == "confirmed"
    assert_books_balance()


def test_a_put_back_behind_the_same_put_back(ham: Product, house: Site) -> None:
    bench = BatchLocation.objects.get(location=house.bench)

    def move(call: Any) -> Callable[[], Any]:
        return lambda: call(
            bench.pk, Decimal(3), warehouse_id=house.id, product_id=ham.pk, to_location_id=house.cool.pk, document_id=1, actor=ACTOR
        )  # fmt: skip

    assert available(behind(move(put_back.inside), move(put_back))) == 0
    assert totals(ham.pk, house.id) == (8, 0, 0, 8)


def test_a_pick_behind_a_release(ham: Product, house: Site) -> None:
    first = promise_order("shop:1", [OrderedLine(ham.pk, Decimal(3))], actor=ACTOR)[0]

    def pick() -> Any:
        return pick_reserved(
            first.items[0].id, Decimal(3), warehouse_id=house.id, product_id=ham.pk, to_location_id=house.bench.pk,
            document_type="picking_task", document_id=1, actor=ACTOR,
        )  # fmt: skip

    outcome = behind(lambda: release_reservation.inside(first.reservation_id, reason="X", actor=ACTOR, for_order=True), pick)

    assert type(outcome.error).__name__ == "TransitionRefused"
    assert totals(ham.pk, house.id) == (8, 0, 3, 5)


def test_a_release_behind_a_pick_takes_back_what_is_on_the_bench(ham: Product, house: Site) -> None:
    first = promise_order("shop:1", [OrderedLine(ham.pk, Decimal(3))], actor=ACTOR)[0]

    def pick() -> Any:
        return pick_reserved.inside(
            first.items[0].id, Decimal(2), warehouse_id=house.id, product_id=ham.pk, to_location_id=house.bench.pk,
            document_type="picking_task", document_id=1, actor=ACTOR,
        )  # fmt: skip

    outcome = behind(pick, lambda: release_reservation(first.reservation_id, reason="X", actor=ACTOR, for_order=True))

    assert outcome.won
    assert totals(ham.pk, house.id) == (8, 0, 5, 3)
    assert_books_balance()
