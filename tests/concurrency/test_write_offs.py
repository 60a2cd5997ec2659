"""Writing off what somebody else wants at the same moment: one wins, and who loses is told why."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from inventory.errors import GoodsPromised
from inventory.models import Batch, BatchLocation, Movement, Product, Reservation, WriteOff
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    WriteOffLine,
    approve_write_off,
    confirm_write_off,
    create_write_off,
    draft_expired_write_offs,
    pick_reserved,
    promise_order,
    remove_stock,
    write_off_stock,
)
from inventory.services.write_off_drafts import draft_expired
from tests.concurrency.threads import Started, race, wait_for_waiter
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, StaleVersion, TransitionRefused
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK")


def written(place: BatchLocation, quantity: int, **more: Any) -> WriteOff:
    lines = [WriteOffLine(place.pk, Decimal(quantity), "damaged")]
    return create_write_off(warehouse_id=place.warehouse_id, lines=lines, actor=ACTOR, **more)


def order(product: Product, quantity: int, ref: str) -> Callable[[], Any]:
    return lambda: promise_order(ref, [OrderedLine(product.pk, Decimal(quantity))], actor=ACTOR)


def confirmations() -> int:
    return OutboxEvent.objects.filter(type="inventory.writeOff.confirmed").count()


# --- the last unit -----------------------------------------------------------------------------------------------------------------------


def test_the_last_unit_is_written_off_or_promised(house: Site) -> None:
    for _ in range(5):
        product = ProductFactory()
        place = stocked(product, house.shelf, 1)
        papers = [written(place, 1) for _ in range(3)]
        writers: list[Callable[[], Any]] = [lambda paper=paper: confirm_write_off(paper.pk, actor=ACTOR) for paper in papers]  # type: ignore[misc]
        by_product: list[Callable[[], Any]] = [
            lambda p=product: write_off_stock(  # type: ignore[misc]
                warehouse_id=house.id, product_id=p.pk, quantity=Decimal(1), reason="lost", actor=ACTOR
            )
        ] * 2
        outcomes = race([*writers, *by_product, *(order(product, 1, f"shop:{product.pk}-{n}") for n in range(5))])

        assert [outcome.won for outcome in outcomes].count(True) == 1
        assert {type(outcome.error) for outcome in outcomes if not outcome.won} <= {InsufficientStock, GoodsPromised}
        quantity, reserved, _, available = totals(product.pk, house.id)
        assert (quantity, reserved, available) in {(0, 0, 0), (1, 1, 0)}
    assert_books_balance()


def test_who_waits_at_the_gate_sees_what_was_promised_meanwhile(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 5)
    paper = written(place, 5)
    with transaction.atomic():
        promise_order.inside("shop:1", [OrderedLine(milk.pk, Decimal(2))], actor=ACTOR)
        waiting = Started(lambda: confirm_write_off(paper.pk, actor=ACTOR))
        wait_for_waiter()

    assert isinstance(waiting.finish().error, GoodsPromised)
    assert totals(milk.pk, house.id) == (5, 2, 0, 3)


def test_promises_give_way_to_one_and_the_next_sees_it(milk: Product, house: Site) -> None:
    """Two write-offs that take promised goods, and orders that come at the same time: nothing is promised twice."""
    place = stocked(milk, house.shelf, 20, lot="A", expires_in_days=30)
    for n in range(4):
        order(milk, 5, f"shop:{n}")()
    stocked(milk, house.shelf, 12, lot="B", expires_in_days=60)
    papers = [written(place, 10, release_reservations=True) for _ in range(2)]

    outcomes = race(
        [*(lambda p=p: confirm_write_off(p.pk, actor=ACTOR) for p in papers), *(order(milk, 1, f"late:{n}") for n in range(4))]  # type: ignore[misc]
    )

    assert all(outcome.won or isinstance(outcome.error, InsufficientStock) for outcome in outcomes)
    assert [outcome.won for outcome in outcomes[:2]] == [True, True]
    quantity, reserved, _, available = totals(milk.pk, house.id)
    assert (quantity, available) == (12, 0)
    assert reserved == 12
    assert_books_balance()


def test_a_write_off_against_a_picker(milk: Product, house: Site) -> None:
    """Either the goods are picked first, and the write-off is refused; or they are gone, and the picker is told so."""
    for n in range(5):
        product = ProductFactory()
        place = stocked(product, house.shelf, 4)
        (made,) = order(product, 4, f"shop:{n}")()
        item = made.items[0]
        paper = written(place, 4, release_reservations=True)

        def picks(item: Any = item, product: Product = product) -> Any:
            return pick_reserved(
                item.id, Decimal(4), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk, document_type="picking_task",
                document_id=1, actor=ACTOR,
            )  # fmt: skip

        picker, writer = race([picks, lambda paper=paper: confirm_write_off(paper.pk, actor=ACTOR)])  # type: ignore[misc]

        assert picker.won != writer.won
        assert isinstance(picker.error or writer.error, (TransitionRefused, InsufficientStock, GoodsPromised))
        assert totals(product.pk, house.id)[0] == (4 if picker.won else 0)
        assert Reservation.objects.get(pk=made.reservation_id).status == ("active" if picker.won else "released")
    assert_books_balance()


# --- two who press the same button -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [None, 1], ids=["blindly", "with the version they saw"])
def test_two_managers_press_confirm(milk: Product, house: Site, seen: int | None) -> None:
    place = stocked(milk, house.shelf, 10)
    managers = [person(Role.MANAGER) for _ in range(4)]
    paper = written(place, 4)

    outcomes = race([lambda m=m: confirm_write_off(paper.pk, actor=m, expected_version=seen) for m in managers])  # type: ignore[misc]

    assert [outcome.won for outcome in outcomes].count(True) == 1
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused if seen is None else StaleVersion}
    assert (totals(milk.pk, house.id)[0], Movement.objects.filter(type="write_off").count(), confirmations()) == (6, 1, 1)
    assert_books_balance()


def test_two_managers_press_approve(milk: Product, house: Site, settings: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(1)
    place = stocked(milk, house.shelf, 10)
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=1)
    paper = confirm_write_off(written(place, 4).pk, actor=person(Role.RECEIVER))
    assert paper.status == "awaiting_approval"
    managers = [person(Role.MANAGER) for _ in range(4)]

    outcomes = race([lambda m=m: approve_write_off(paper.pk, actor=m) for m in managers])  # type: ignore[misc]

    (winner,) = [outcome.value for outcome in outcomes if outcome.won]
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} == {TransitionRefused}
    assert WriteOff.objects.get(pk=paper.pk).approved_by_id == winner.approved_by_id
    assert (totals(milk.pk, house.id)[0], confirmations()) == (6, 1)


def test_papers_with_the_same_goods_in_opposite_order(house: Site) -> None:
    """No deadlock: the batches and the gates are taken in one order, whatever the order of the lines."""
    places = [stocked(ProductFactory(), house.shelf, 50) for _ in range(6)]
    papers = []
    for n in range(8):
        lines = [WriteOffLine(place.pk, Decimal(1), "lost") for place in (places if n % 2 else places[::-1])]
        papers.append(create_write_off(warehouse_id=house.id, lines=lines, actor=ACTOR))

    outcomes = race([lambda p=p: confirm_write_off(p.pk, actor=ACTOR) for p in papers])  # type: ignore[misc]

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert {totals(place.product_id, house.id)[0] for place in places} == {42}
    assert_books_balance()


# --- jobs ------------------------------------------------------------------------------------------------------------------------------------


def test_two_runs_of_the_job_make_one_draft(milk: Product, house: Site) -> None:
    for n in range(3):
        stocked(milk, house.shelf, 2, lot=f"L{n}", expires_in_days=-1)

    outcomes = race([lambda: draft_expired_write_offs(actor=ACTOR)] * 4)

    assert sorted(outcome.value for outcome in outcomes) == [0, 0, 0, 3]
    assert WriteOff.objects.get().items.count() == 3


def test_a_run_waits_for_the_run_before_it(milk: Product, house: Site) -> None:
    stocked(milk, house.shelf, 2, expires_in_days=-1)
    with transaction.atomic():
        assert draft_expired.inside(house.id, actor=ACTOR) == 1
        waiting = Started(lambda: draft_expired(house.id, actor=ACTOR))
        wait_for_waiter()

    assert waiting.finish().value == 0
    assert WriteOff.objects.get().items.count() == 1


def test_by_the_order_of_leaving_while_others_take_the_same(milk: Product, house: Site) -> None:
    for n in range(4):
        stocked(milk, house.shelf, 5, lot=f"L{n}", expires_in_days=10 + n)

    def shop() -> Any:
        return write_off_stock(warehouse_id=house.id, product_id=milk.pk, quantity=Decimal(3), reason="sample", actor=ACTOR)

    outcomes = race([*[shop] * 4, *(order(milk, 2, f"shop:{n}") for n in range(4))])

    # Who is overtaken too often is told to try again, nothing else.
    assert {type(outcome.error) for outcome in outcomes if not outcome.won} <= {Conflict}
    gone = 3 * [outcome.won for outcome in outcomes[:4]].count(True)
    assert totals(milk.pk, house.id)[:2] == (20 - gone, 2 * [outcome.won for outcome in outcomes[4:]].count(True))
    assert_books_balance()


def test_one_line_is_a_write_off_like_any_other(milk: Product, house: Site) -> None:
    place = stocked(milk, house.shelf, 3)
    line = WriteOffLine(place.pk, Decimal(2), "theft")

    outcomes = race([lambda: remove_stock(warehouse_id=house.id, line=line, actor=ACTOR)] * 3)

    assert [type(outcome.error) for outcome in outcomes if not outcome.won] == [InsufficientStock] * 2
    assert WriteOff.objects.count() == 1
    assert totals(milk.pk, house.id)[0] == 1
