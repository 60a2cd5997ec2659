"""Promises, picks and put-backs that contradict one another."""

from __future__ import annotations

from decimal import Decimal

from fulfillment.models import OrderLine, PackingTask, Pick, PickingTask, PickingTaskItem, PutBack, QualityCheckItem
from inventory.models import Reservation, ReservationItem
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.factories.fulfillment import ACTOR, person, stocked
from tests.factories.quality import rule, walked
from tests.fulfillment.queries.broken.house import House
from tests.fulfillment.walks import shelf
from warehouse.core.actor import Role


def a_task_without_its_promise(house: House) -> set[str]:
    house.accepted()
    Reservation.objects.update(status="released")
    return {"task_without_promise", "to_be_picked"}


def a_promise_that_nobody_works_on(house: House) -> set[str]:
    order = house.shipped().order
    stocked(house.product, house.site.shelf, 5, lot="L-2")
    reserve_for_order(
        order.order_ref, [OrderedLine(house.product.pk, Decimal(2), house.site.id)], warehouse_id=house.site.id, confirmed=True, actor=ACTOR
    )
    return {"promise_without_task"}


def less_promised_than_is_asked_for(house: House) -> set[str]:
    house.half_picked()
    ReservationItem.objects.filter(batch_location__location__kind="storage").update(released=1)
    return {"to_be_picked"}


def a_promise_on_the_shelf_that_nobody_fetches(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(quantity_required=8)
    return {"to_be_picked", "missing"}


def less_promised_on_the_bench_than_was_picked(house: House) -> set[str]:
    house.half_picked()
    ReservationItem.objects.filter(batch_location__location__kind="packing").update(released=2)
    return {"on_the_bench"}


def a_scan_that_is_missing(house: House) -> set[str]:
    house.half_picked()
    Pick.objects.all().delete()
    return {"picked", "on_the_bench"}


def an_item_that_is_done_too_early(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(status="picked")
    PickingTask.objects.update(picked_items=1)
    return {"picked", "to_be_picked", "missing"}


def more_picked_than_ordered(house: House) -> set[str]:
    house.half_picked()
    OrderLine.objects.update(quantity=5)
    return {"picked_too_much"}


def counters_that_are_wrong(house: House) -> set[str]:
    house.to_pack()
    PickingTask.objects.update(total_items=2)
    PackingTask.objects.update(total_items=3)
    return {"counters"}


def an_item_at_another_shelf_than_its_promise(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(batch_location=stocked(house.product, shelf(house.site, "Z-90", 90), 5, lot="L-2"))
    return {"pick_places"}


def an_item_without_its_promise(house: House) -> set[str]:
    house.half_picked()
    PickingTaskItem.objects.update(reservation_item_id=999_999_999)
    return {"pick_places"}


def a_check_of_more_than_was_picked(house: House) -> set[str]:
    rule()
    house.accepted()
    walked(PickingTask.objects.get(), person(Role.PICKER))
    QualityCheckItem.objects.update(quantity=11)
    return {"to_be_checked"}


def goods_on_a_bench_that_nobody_puts_back(house: House) -> set[str]:
    house.put_back()
    PutBack.objects.all().delete()
    return {"put_backs"}


def a_put_back_of_goods_that_are_not_there(house: House) -> set[str]:
    house.put_back()
    PutBack.objects.update(quantity=9)
    return {"put_backs"}
