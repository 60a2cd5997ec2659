"""What a person says as the reason is kept whole, or refused; never cut without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment.models import Order, PackingTask, PickingTask, PickingTaskItem, QualityCheck, Shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.other_goods import pick_other
from fulfillment.services.packages import set_package_details
from fulfillment.services.packing_tasks import cancel_packing_task
from fulfillment.services.picking_tasks import cancel_picking_task, complete_picking_task
from fulfillment.services.picks import pick_item
from fulfillment.services.put_backs import quarantine_put_back
from fulfillment.services.quality_checks import cancel_quality_check, record_quality_finding
from fulfillment.services.shipments import replace_shipment
from fulfillment.services.shorts import short_item, skip_item
from fulfillment.services.voids import settle_void
from inventory.models import BatchLocation
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from tests.factories.quality import rule, to_check
from warehouse.core.actor import Role
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db
LONG = "x" * 201
SCANS = {"location_scan": "A", "product_scan": "A"}

# Which operation, on what, with which other arguments; where the text goes; whether one is needed.
CASES: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str, bool]] = [
    (cancel_picking_task, ("walk",), {}, "reason", True),
    (complete_picking_task, ("walk",), {"short_rest": True}, "reason", True),
    (pick_item, ("item", 1), SCANS, "notes", False),
    (pick_other, ("item", 1), SCANS, "reason", True),
    (short_item, ("item",), {}, "notes", False),
    (skip_item, ("item",), {}, "notes", False),
    (cancel_quality_check, ("check",), {}, "reason", True),
    (record_quality_finding, ("look",), {"condition_ok": True, "quantity_ok": True}, "note", False),
    (cancel_packing_task, ("packed",), {}, "reason", True),
    (set_package_details, ("packed", 1), {}, "weight_reason", False),
    (replace_shipment, ("shipment",), {}, "reason", True),
    (settle_void, ("shipment",), {}, "reason", True),
    (quarantine_put_back, (0, 1), {}, "reason", True),
]


@pytest.fixture
def house() -> dict[str, int]:
    """A walk that was begun, a check that waits, and a task that is packed; by their names the ids."""
    place, milk = reachable_site(), ProductFactory(sku="MILK")
    stocked(milk, place.shelf, 50)
    done = packed(picked(order_for([(milk, 2)]).picking_tasks.get(), person(Role.PICKER)), person(Role.PACKER))
    rule()
    check = to_check([(milk, 3)], person(Role.PICKER), person(Role.PACKER))
    walk = begun(order_for([(milk, 4)]).picking_tasks.get(), person(Role.PICKER))
    return {
        "walk": walk.pk,
        "item": walk.items.get().pk,
        "check": check.pk,
        "look": check.items.get().pk,
        "packed": done.pk,
        "shipment": Shipment.objects.get().pk,
    }


def everything() -> list[Any]:
    models = (Order, PickingTask, PickingTaskItem, QualityCheck, PackingTask, Shipment, BatchLocation)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_a_text_that_is_too_long_or_missing_changes_nothing(house: dict[str, int]) -> None:
    before = everything()
    for operation, names, more, field, needed in CASES:
        ids = [house.get(name, name) for name in names]
        for text, code in [(LONG, "too_long"), *([("  ", "required")] if needed else [])]:
            with pytest.raises(ValidationFailed) as refused:
                operation(*ids, **more, **{field: text}, actor=ACTOR)
            assert [(fault["field"], fault["code"]) for fault in refused.value.errors] == [(field, code)], operation
    assert everything() == before


def test_what_is_kept_is_all_of_it(house: dict[str, int]) -> None:
    kept = "y" * 200
    cancel_picking_task(house["walk"], f" {kept} ", actor=ACTOR)
    cancel_quality_check(house["check"], kept, actor=ACTOR)
    cancel_packing_task(house["packed"], kept, actor=ACTOR)
    closed = (PickingTask.objects.get(pk=house["walk"]), QualityCheck.objects.get(), PackingTask.objects.get(), Shipment.objects.get())
    assert [(row.status, row.cancellation_reason, row.cancelled_at is not None) for row in closed] == [("cancelled", kept, True)] * 4


def test_a_partners_remark_is_cut_and_may_be_missing(house: dict[str, int]) -> None:
    """Nobody could say it again: that must not keep an order alive."""
    long, none = Order.objects.order_by("pk")[:2]
    process_order_cancelled(long.source, long.external_id, LONG, actor=ACTOR)
    process_order_cancelled(none.source, none.external_id, " ", actor=ACTOR)
    assert list(Order.objects.filter(status="cancelled").order_by("pk").values_list("cancellation_reason", flat=True)) == ["x" * 200, ""]
