"""Which picked goods are looked at before they are packed: the rules."""

from __future__ import annotations

import pytest

from fulfillment.models import Order, PackingTask, PickingTask, QualityCheck, QualityRule
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.quality_rules import change_quality_rule, create_quality_rule, delete_quality_rule, reason_to_check
from fulfillment.services.shorts import skip_item
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, begun, order_for, pick
from tests.factories.quality import rule, walked
from warehouse.core.actor import Actor
from warehouse.core.errors import NotFound, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db


def test_without_a_rule_goods_are_packed_at_once(milk: Product, picker: Actor) -> None:
    order_for([(milk, 1)])
    walked(PickingTask.objects.get(), picker)
    assert (PackingTask.objects.count(), QualityCheck.objects.count(), Order.objects.get().status) == (1, 0, "packing")


def test_which_goods_are_looked_at(milk: Product, tea: Product, picker: Actor) -> None:
    rule(name="Milk", product_id=milk.pk)
    rule(name="Web", storefront_external_id="web")
    rule(name="Milk of the web", storefront_external_id="web", product_id=milk.pk)
    rule(name="Off", is_active=False)

    def reasons(product: Product, storefront: str) -> list[str]:
        order = order_for([(product, 1)], storefront_external_id=storefront)
        walked(PickingTask.objects.get(order=order), picker)
        return list(QualityCheck.objects.filter(order=order).values_list("reason", flat=True))

    assert reasons(tea, "shop") == []
    assert reasons(tea, "web") == ["Web"]
    assert reasons(milk, "shop") == ["Milk"]
    assert reasons(milk, "web") == ["Milk; Web; Milk of the web"]


def test_a_share_is_drawn_once_for_each_rule_and_kept(milk: Product, picker: Actor) -> None:
    rule(name="Some", share=10)
    rule(name="Half", share=50)
    order_for([(milk, 1)])
    task = walked(PickingTask.objects.get(), picker)
    task.order = Order.objects.get()

    def says(*drawn: float) -> str:
        numbers = iter(drawn)
        reason = reason_to_check(task, lambda: next(numbers))
        assert list(numbers) == []
        return reason

    assert says(0.1, 0.5) == ""
    assert says(0.0999, 0.5) == "Some (10 %, drawn 9)"
    assert says(0.0, 0.49) == "Some (10 %, drawn 0); Half (50 %, drawn 49)"
    assert says(0.999, 0.0) == "Half (50 %, drawn 0)"


def test_what_was_not_picked_is_not_looked_at(milk: Product, tea: Product, picker: Actor) -> None:
    rule(product_id=milk.pk)
    order_for([(milk, 1), (tea, 1)])
    task = begun(PickingTask.objects.get(), picker)
    for item in task.items.select_related("product"):
        if item.product == milk:
            skip_item(item.pk, actor=picker)
        else:
            pick(item, picker)
    complete_picking_task(task.pk, actor=picker)
    assert (QualityCheck.objects.count(), PackingTask.objects.count()) == (0, 1)


def test_rules_are_kept_by_managers(milk: Product, packer: Actor) -> None:
    made = rule(name="Milk", product_id=milk.pk, share=20)
    assert (made.version, made.share, made.is_active) == (1, 20, True)
    changed = change_quality_rule(made.pk, {"share": 30, "is_active": False}, actor=ACTOR, expected_version=1)
    assert (changed.version, changed.share, changed.is_active) == (2, 30, False)
    with pytest.raises(StaleVersion):
        change_quality_rule(made.pk, {"share": 40}, actor=ACTOR, expected_version=1)
    for values in ({"share": 0}, {"share": 101}, {"name": ""}, {"product_id": 0}, {"nonsense": 1}):
        with pytest.raises(ValidationFailed) as caught:
            change_quality_rule(made.pk, values, actor=ACTOR)
        assert caught.value.errors, values
    for step in (
        lambda: create_quality_rule({"name": "x"}, actor=packer),
        lambda: change_quality_rule(made.pk, {}, actor=packer),
        lambda: delete_quality_rule(made.pk, actor=packer),
    ):
        with pytest.raises(PermissionDenied):
            step()
    delete_quality_rule(made.pk, actor=ACTOR)
    assert not QualityRule.objects.exists()
    with pytest.raises(NotFound):
        delete_quality_rule(made.pk, actor=ACTOR)
