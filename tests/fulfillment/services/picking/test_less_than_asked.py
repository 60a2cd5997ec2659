"""Items that are short or skipped."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fulfillment.models import Order, PackingTask
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.shorts import short_item, skip_item
from inventory.models import Reservation, Stock
from tests.factories.fulfillment import pick
from tests.fulfillment.picking import events, one_item
from warehouse.core.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_short_item_releases_the_rest_and_the_order_goes_on_with_less():
    task, item, picker, _place, order = one_item(10)
    pick(item, picker, 7)

    short = short_item(item.pk, actor=picker, notes="two were squashed")
    complete_picking_task(task.pk, actor=picker)

    assert (short.status, short.quantity_picked, short.notes) == ("short", Decimal(7), "two were squashed")
    assert Stock.objects.get().reserved == 7
    assert PackingTask.objects.get().items.get().quantity == 7
    assert Order.objects.get().status == "needs_attention"
    assert events("picking.short") == [
        (
            "picking.short",
            {
                "task_id": task.pk,
                "order_id": order.external_id,
                "item_id": item.pk,
                "listing_id": "",
                "product_id": item.product_id,
                "quantity": "3",
                "reallocated": "0",
                "missing": "3",
                "location": "A-01",
                "reason": "PICKING_SHORT",
            },
        )
    ]
    assert [payload["quantity"] for _, payload in events("inventory.released")] == ["3"]


def test_a_skipped_item_is_final_and_releases_and_nothing_picked_needs_attention():
    task, item, picker, _, _ = one_item(10)

    skipped = skip_item(item.pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)

    assert (skipped.status, skipped.quantity_picked) == ("skipped", Decimal(0))
    assert (Stock.objects.get().reserved, Reservation.objects.get().status) == (Decimal(0), "released")
    assert PackingTask.objects.count() == 0
    assert Order.objects.get().status == "needs_attention"
    assert [name for name, _ in events("order.needs_attention", "packing.started")] == ["order.needs_attention"]


def test_an_item_of_which_some_was_picked_is_short_not_skipped():
    _, item, picker, _, _ = one_item(10)
    pick(item, picker, 1)
    with pytest.raises(Conflict):
        skip_item(item.pk, actor=picker)
