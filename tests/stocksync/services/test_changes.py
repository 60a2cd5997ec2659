"""Quantities that the marketplace has changed after the deduction."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fulfillment.models import OrderLine
from inventory.models import Movement, Product
from stocksync.enums import OperationType
from stocksync.models import ChannelOrder, PendingStockOperation
from tests.factories.inventory import ProductFactory
from tests.factories.stocksync import channel_at, elsewhere, open_kinds, operation_of, stocked, taken_in, told
from tests.inventory.books import assert_books_balance, totals
from tests.stocksync.house import said, settle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def quantities(order: ChannelOrder) -> dict[str, Decimal]:
    return dict(order.lines.values_list("sku", "quantity"))


@pytest.mark.parametrize(("to", "left"), [(7, 3), (2, 8)])
def test_sent_by_somebody_else_the_difference_is_sold_or_given_back_at_once(place, apple, to, left):
    channel = elsewhere(place)
    first = told(operation_of(taken_in(channel, [(apple, 5)], external_id="A1").order))
    taken = taken_in(channel, [(apple, to)], external_id="A1", revision="r2")
    order, made = ChannelOrder.objects.get(), operation_of(first.order)
    assert (taken.operation_id, made.operation_type, made.revision, made.wanted_there) == (made.pk, OperationType.ADJUSTMENT, "r2", True)
    assert (quantities(order), totals(apple.pk, place.id)) == ({"APPLE": Decimal(to)}, (left, 0, 0, left))
    ledger = Movement.objects.count()
    assert taken_in(channel, [(apple, to)], external_id="A1", revision="r2").operation_id is None
    assert taken_in(channel, [(apple, to)], external_id="A1", revision="r3").operation_id is None
    assert (Movement.objects.count(), PendingStockOperation.objects.count()) == (ledger, 2)
    assert_books_balance()


def test_another_product_instead(place, apple):
    pear: Product = ProductFactory(sku="PEAR")
    stocked(pear, place.shelf, 3)
    channel = elsewhere(place)
    taken_in(channel, [(apple, 5)], external_id="A1")
    taken_in(channel, [(pear, 2), (apple, 1)], external_id="A1", revision="r2")
    assert quantities(ChannelOrder.objects.get()) == {"PEAR": 2, "APPLE": 1}
    assert (totals(apple.pk, place.id)[0], totals(pear.pk, place.id)[0]) == (9, 1)
    assert_books_balance()


def test_more_than_there_is_changes_nothing_and_waits_for_a_person(place, apple):
    pear: Product = ProductFactory(sku="PEAR")
    channel = elsewhere(place)
    taken_in(channel, [(apple, 5)], external_id="A1")
    ledger = Movement.objects.count()
    taken = taken_in(channel, [(apple, 1), (pear, 1)], external_id="A1", revision="r2")
    order = ChannelOrder.objects.get()
    assert (taken.operation_id, open_kinds(order), quantities(order)) == (None, ["refused"], {"APPLE": Decimal(5)})
    found = order.discrepancies.get()
    assert (found.here, found.there) == ({"APPLE": "5"}, {"APPLE": "1", "PEAR": "1"})
    assert (Movement.objects.count(), totals(apple.pk, place.id)[0]) == (ledger, 5)

    stocked(pear, place.shelf, 1)
    taken_in(channel, [(apple, 1), (pear, 1)], external_id="A1", revision="r3")
    assert (open_kinds(order), quantities(order)) == ([], {"APPLE": 1, "PEAR": 1})
    assert_books_balance()


def test_with_nothing_left_in_it_all_is_given_back(place, apple):
    channel = elsewhere(place)
    taken_in(channel, [(apple, 5)], external_id="A1")
    taken_in(channel, [], external_id="A1", revision="r2")
    order = ChannelOrder.objects.get()
    assert (order.is_deducted, operation_of(order).operation_type, totals(apple.pk, place.id)[0]) == (False, "refund", 10)


def test_this_warehouse_is_asked_and_the_lines_change_with_its_answer(place, apple):
    channel = channel_at(place, code="shop")
    told(operation_of(taken_in(channel, [(apple, 5)], external_id="A1").order))
    settle()
    for _ in range(2):
        taken_in(channel, [(apple, 3)], external_id="A1", revision="r2")
    order = ChannelOrder.objects.get()
    assert quantities(order) == {"APPLE": Decimal(5)}
    assert said("order.changed") == [{"order_source": "shop", "order_id": "A1", "lines": [{"sku": "APPLE", "quantity": "3", "warehouse": "ONE"}]}]
    settle()
    assert quantities(order) == {"APPLE": Decimal(3)}
    assert list(OrderLine.objects.values_list("quantity", flat=True)) == [3]
    assert totals(apple.pk, place.id) == (10, 3, 0, 7)
    assert operation_of(order).operation_type == "adjustment"
    assert_books_balance()


def test_this_warehouse_refuses_and_a_person_has_to_look(place, apple):
    channel = channel_at(place, code="shop")
    taken_in(channel, [(apple, 5)], external_id="A1")
    settle()
    taken_in(channel, [(apple, 50)], external_id="A1", revision="r2")
    settle()
    order = ChannelOrder.objects.get()
    assert (open_kinds(order), quantities(order), totals(apple.pk, place.id)) == (["refused"], {"APPLE": Decimal(5)}, (10, 5, 0, 5))
    assert_books_balance()
