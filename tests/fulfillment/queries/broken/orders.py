"""Orders that contradict their tasks, and news of them that was lost."""

from __future__ import annotations

from fulfillment.models import MissingGoods, Order, OrderLine, StatusReport
from fulfillment.services.shorts import short_item
from tests.factories.fulfillment import ACTOR
from tests.fulfillment.queries.broken.house import House


def an_order_that_is_further_than_its_tasks(house: House) -> set[str]:
    house.half_picked()
    Order.objects.update(status="packing")
    return {"order_status"}


def a_cancelled_order_with_open_work(house: House) -> set[str]:
    house.accepted()
    Order.objects.update(status="cancelled")
    return {"order_status"}


def an_order_that_was_shipped_and_does_not_know(house: House) -> set[str]:
    house.shipped()
    Order.objects.update(status="ready_for_shipment")
    return {"order_status"}


def news_that_was_lost(house: House) -> set[str]:
    house.ready()
    StatusReport.objects.all().delete()
    return {"status_reports"}


def an_order_that_is_ready_and_does_not_know(house: House) -> set[str]:
    house.ready()
    Order.objects.update(status="packing")
    return {"order_status"}


def an_order_that_needs_somebody_for_nothing(house: House) -> set[str]:
    house.half_picked()
    Order.objects.update(status="needs_attention")
    return {"order_status"}


def an_order_that_goes_without_and_nobody_is_asked(house: House) -> set[str]:
    task = house.half_picked()
    short_item(task.items.get().pk, actor=ACTOR)
    Order.objects.update(status="picking")
    return {"order_status"}


def more_ordered_than_anybody_brings(house: House) -> set[str]:
    house.half_picked()
    OrderLine.objects.update(quantity=15)
    return {"missing"}


def what_is_missing_forgotten(house: House) -> set[str]:
    task = house.half_picked()
    short_item(task.items.get().pk, actor=ACTOR)
    MissingGoods.objects.all().delete()
    return {"missing", "order_status"}


def a_status_that_nobody_tells(house: House) -> set[str]:
    house.ready()
    StatusReport.objects.update(next_attempt_at=None, last_error="409: no")
    return {"given_up"}
