"""Orders, promises, tasks, packages and shipments that contradict one another: each check finds what was broken on purpose, and nothing else is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from fulfillment.models import Order
from fulfillment.queries.reconciliation import CHECKS, everything_that_contradicts
from tests.factories.fulfillment import reachable_site, stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.queries.broken.batches import (
    a_batch_that_is_closed_before_its_tasks,
    a_stop_without_a_place_in_the_walk,
    a_task_that_runs_ahead_of_its_batch,
    a_walk_that_nobody_closes,
    goods_in_no_tote,
    two_orders_in_one_tote,
)
from tests.fulfillment.queries.broken.house import House
from tests.fulfillment.queries.broken.orders import (
    a_cancelled_order_with_open_work,
    a_status_that_nobody_tells,
    an_order_that_goes_without_and_nobody_is_asked,
    an_order_that_is_further_than_its_tasks,
    an_order_that_is_ready_and_does_not_know,
    an_order_that_needs_somebody_for_nothing,
    an_order_that_was_shipped_and_does_not_know,
    more_ordered_than_anybody_brings,
    news_that_was_lost,
    what_is_missing_forgotten,
)
from tests.fulfillment.queries.broken.picking import (
    a_check_of_more_than_was_picked,
    a_promise_on_the_shelf_that_nobody_fetches,
    a_promise_that_nobody_works_on,
    a_put_back_of_goods_that_are_not_there,
    a_scan_that_is_missing,
    a_task_without_its_promise,
    an_item_at_another_shelf_than_its_promise,
    an_item_that_is_done_too_early,
    an_item_without_its_promise,
    counters_that_are_wrong,
    goods_on_a_bench_that_nobody_puts_back,
    less_promised_on_the_bench_than_was_picked,
    less_promised_than_is_asked_for,
    more_picked_than_ordered,
)
from tests.fulfillment.queries.broken.shipments import (
    a_label_of_another_waybill,
    a_living_shipment_of_a_cancelled_task,
    a_package_without_a_shipment,
    a_shipment_of_another_tasks_package,
    a_shipment_that_nobody_asks_for,
    a_task_with_another_label_than_its_package,
    a_task_with_another_waybill_than_its_package,
    a_waybill_without_a_number,
    goods_that_came_back_unseen,
    handed_over_before_it_was_shipped,
    more_scanned_than_lies_in_the_package,
    more_to_pack_than_was_picked,
    packed_but_in_no_package,
    packed_to_the_half,
    shipped_but_not_handed_over,
    shipped_but_still_promised,
    shipped_less_than_was_packed,
    two_living_shipments_of_a_package,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> House:
    made = House(reachable_site(code="ONE"), ProductFactory(sku="APPLE"))
    stocked(made.product, made.site.shelf, 20, lot="L-1")
    return made


BROKEN: list[Callable[[House], set[str]]] = [
    a_task_without_its_promise, a_promise_that_nobody_works_on, less_promised_than_is_asked_for, a_promise_on_the_shelf_that_nobody_fetches,
    less_promised_on_the_bench_than_was_picked, a_scan_that_is_missing, an_item_that_is_done_too_early, more_picked_than_ordered,
    counters_that_are_wrong, more_to_pack_than_was_picked, packed_but_in_no_package, packed_to_the_half, a_package_without_a_shipment,
    two_living_shipments_of_a_package, handed_over_before_it_was_shipped, shipped_but_not_handed_over, a_living_shipment_of_a_cancelled_task,
    a_shipment_of_another_tasks_package, a_waybill_without_a_number, a_label_of_another_waybill, shipped_but_still_promised,
    shipped_less_than_was_packed, an_order_that_is_further_than_its_tasks, a_cancelled_order_with_open_work,
    an_order_that_was_shipped_and_does_not_know, goods_on_a_bench_that_nobody_puts_back, a_put_back_of_goods_that_are_not_there,
    a_status_that_nobody_tells, a_shipment_that_nobody_asks_for, a_walk_that_nobody_closes, a_batch_that_is_closed_before_its_tasks,
    a_task_that_runs_ahead_of_its_batch, a_stop_without_a_place_in_the_walk, goods_in_no_tote, two_orders_in_one_tote,
    a_status_that_nobody_tells, a_shipment_that_nobody_asks_for, a_task_with_another_label_than_its_package,
    a_task_with_another_waybill_than_its_package, news_that_was_lost, an_order_that_is_ready_and_does_not_know,
    an_order_that_needs_somebody_for_nothing, an_order_that_goes_without_and_nobody_is_asked, more_ordered_than_anybody_brings,
    what_is_missing_forgotten, an_item_at_another_shelf_than_its_promise, an_item_without_its_promise, a_check_of_more_than_was_picked,
    more_scanned_than_lies_in_the_package, goods_that_came_back_unseen,
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda way: way.__name__)
def test_what_is_broken_is_found(house: House, broken: Callable[[House], set[str]]) -> None:
    names = broken(house)
    assert names <= {check.name for check in CHECKS}
    assert {found.check for found in everything_that_contradicts()} == names


def test_every_check_was_broken_once() -> None:
    assert len(BROKEN) >= len(CHECKS)


def test_nothing_is_found_at_the_end_of_the_way(house: House) -> None:
    house.shipped()
    assert everything_that_contradicts() == []


def test_what_a_finding_says(house: House) -> None:
    goods_on_a_bench_that_nobody_puts_back(house)
    (found,) = everything_that_contradicts()
    assert str(found) == (
        "put_backs: bench PACK of ONE: APPLE L-1: free there is 7, should be 0. Count the bench. Too much there: move it by a count. Too little: look "
        "for it, or write it off."
    )


@pytest.mark.django_db(transaction=True)
def test_the_command_says_what_it_found_and_fails(house: House) -> None:
    out, progress = StringIO(), StringIO()
    call_command("reconcile_fulfillment", "--wait=0", stdout=out, stderr=progress)
    assert out.getvalue() == "Fulfilment agrees with itself.\n"
    assert progress.getvalue().count("agrees") == len(CHECKS)

    a_cancelled_order_with_open_work(house)
    out = StringIO()
    with pytest.raises(CommandError, match="1 findings") as failed:
        call_command("reconcile_fulfillment", "--json", "--wait=0.01", stdout=out, stderr=StringIO())
    told = json.loads(out.getvalue())
    assert (failed.value.returncode, told["count"], told["ok"]) == (1, 1, False)
    assert told["findings"][0] == {
        "check": "order_status",
        "subject": "order 7",
        "order_ref": "listings:7",
        "field": "status",
        "found": "cancelled",
        "expected": "open: there is open work",
        "todo": "Look at the order's tasks: cancel it, or make the task that is missing.",
    }


@pytest.mark.django_db(transaction=True)
def test_what_is_gone_at_the_second_look_is_not_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    a_cancelled_order_with_open_work(house)
    monkeypatch.setattr("time.sleep", lambda seconds: Order.objects.update(status="accepted", updated_at=timezone.now()))
    out = StringIO()
    call_command("reconcile_fulfillment", stdout=out, stderr=StringIO())
    assert out.getvalue() == "Fulfilment agrees with itself.\n"
