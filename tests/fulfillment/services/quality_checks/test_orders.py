"""Orders whose goods are looked at: cancelled, waiting, urgent, and sent for again."""

from __future__ import annotations

import pytest

from fulfillment.models import Order, PackingTask, PickingTask, PutBack, QualityCheck
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import cancel_packing_task, create_packing_task
from fulfillment.services.picking_tasks import complete_picking_task, create_picking_task
from fulfillment.services.priorities import change_priority
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.quality_checks import cancel_quality_check, claim_next_quality_check, pass_quality_check, start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.shorts import short_item
from inventory.models import BatchLocation, Product
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, pick, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import bad, good, rule, to_check, told, walked
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db


def test_a_cancelled_check_leaves_put_backs(milk: Product, picker: Actor, packer: Actor, house: Site) -> None:
    rule()
    check = to_check([(milk, 3)], picker, packer)
    with pytest.raises(ValidationFailed):
        cancel_quality_check(check.pk, " ", actor=ACTOR)
    cancel_quality_check(check.pk, "wrong goods", actor=ACTOR)
    done = QualityCheck.objects.get()
    assert (done.status, done.cancellation_reason, done.cancelled_at is not None) == ("cancelled", "wrong goods", True)
    assert PutBack.objects.values_list("quantity", "status").get() == (3, "pending")
    assert BatchLocation.objects.values_list("quantity", "reserved").get(location=house.bench) == (3, 0)
    assert (Order.objects.get().status, PackingTask.objects.count()) == ("needs_attention", 0)
    assert told("quality.cancelled")[0]["reason"] == "wrong goods"
    # What is put back may be sent for again.
    assert create_picking_task(check.order_id, house.id, [{"sku": "MILK", "quantity": 3}], actor=ACTOR).items.get().quantity_required == 3
    assert_books_balance()


@pytest.mark.parametrize("looking", [True, False])
def test_cancelling_the_order_cancels_its_check(milk: Product, picker: Actor, packer: Actor, house: Site, looking: bool) -> None:
    rule()
    check = to_check([(milk, 3)], picker, packer if looking else None)
    order = check.order
    process_order_cancelled(order.source, order.external_id, "changed my mind", actor=ACTOR)
    done = QualityCheck.objects.get()
    assert (done.status, done.cancellation_reason) == ("cancelled", "changed my mind")
    assert told("quality.cancelled")[0] == {
        "check_id": check.pk,
        "task_id": check.picking_task_id,
        "order_id": order.external_id,
        "reason": "changed my mind",
    }
    assert PutBack.objects.values_list("quantity", "picking_task").get() == (3, check.picking_task_id)
    assert BatchLocation.objects.values_list("quantity", "reserved").get(location=house.bench) == (3, 0)
    process_order_cancelled(order.source, order.external_id, "again", actor=ACTOR)
    assert PutBack.objects.count() == 1
    assert_books_balance()


def test_an_order_waits_for_all_its_checks(house: Site, milk: Product, picker: Actor, packer: Actor) -> None:
    """Packed and shipped in one warehouse, looked at in another: the order is not ready."""
    other = reachable_site(code="TWO", external_id="2")
    stocked(milk, other.shelf, 5)
    rule(product_id=ProductFactory(sku="GLASS").pk)
    glass = Product.objects.get(sku="GLASS")
    stocked(glass, other.shelf, 5)
    order_for([(milk, 1, house), (glass, 1, other)])
    for task in PickingTask.objects.order_by("pk"):
        walked(task, picker)
    assert (QualityCheck.objects.count(), PackingTask.objects.count(), Order.objects.get().status) == (1, 1, "picking")
    packed(PackingTask.objects.get(), packer)
    assert Order.objects.get().status == "picking"
    check = start_quality_check(QualityCheck.objects.get().pk, actor=packer)
    good(check.items.get(), packer)
    pass_quality_check(check.pk, actor=packer)
    assert Order.objects.get().status == "packing"


def test_no_more_picking_is_added_while_somebody_looks(milk: Product, picker: Actor, packer: Actor, house: Site) -> None:
    rule()
    check = to_check([(milk, 3)], picker, packer)
    with pytest.raises(Conflict):
        create_picking_task(check.order_id, house.id, [{"sku": "MILK", "quantity": 1}], actor=ACTOR)


def test_urgency_reaches_a_check_and_what_follows_from_it(milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    first, second = to_check([(milk, 3)], picker), to_check([(milk, 2)], picker)
    before = PickingTask.objects.get(pk=first.picking_task_id).version
    change_priority(second.order_id, "urgent", actor=ACTOR)
    assert PickingTask.objects.get(pk=first.picking_task_id).version == before
    check = claim_next_quality_check(second.warehouse_id, actor=packer)
    assert check is not None
    assert (check.pk, check.priority) == (second.pk, "urgent")
    bad(check.items.get(), packer, 1, decision="repick")
    fail_quality_check(check.pk, actor=packer)
    task = PickingTask.objects.get(pk=second.picking_task_id)
    assert (task.status, task.priority) == ("pending", "urgent")
    walked(task, picker)
    again = QualityCheck.objects.get(picking_task=task, status="pending")
    assert again.priority == "urgent"
    start_quality_check(again.pk, actor=packer)
    good(again.items.get(), packer)
    pass_quality_check(again.pk, actor=packer)
    assert PackingTask.objects.get(order=second.order_id).priority == "urgent"


def test_goods_that_are_to_be_put_back_are_not_packed(milk: Product, picker: Actor, packer: Actor, house: Site) -> None:
    rule()
    check = to_check([(milk, 3)], picker, packer)
    cancel_quality_check(check.pk, "changed my mind", actor=ACTOR)
    with pytest.raises(Conflict, match=r"promised to .* no more"):
        create_packing_task(check.picking_task_id, actor=ACTOR)
    complete_put_back(PutBack.objects.get().pk, 3, actor=picker, location_scan=house.shelf.barcode)
    with pytest.raises(Conflict, match=r"promised to .* no more"):
        create_packing_task(check.picking_task_id, actor=ACTOR)
    assert (PackingTask.objects.count(), Order.objects.get().status) == (0, "needs_attention")
    assert BatchLocation.objects.values_list("quantity", "reserved").get(location=house.shelf) == (20, 0)
    assert_books_balance()


def test_no_picking_is_added_on_the_promise_that_is_looked_at(milk: Product, picker: Actor, packer: Actor, house: Site) -> None:
    """One of two was there; as much is asked for again as lies on the bench."""
    other = ProductFactory(sku="HONEY")
    stocked(other, house.shelf, 2)
    rule()
    order = order_for([(other, 2)])
    task = begun(PickingTask.objects.get(order=order), picker)
    pick(task.items.get(), picker, 1)
    short_item(task.items.get().pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)
    check = QualityCheck.objects.get(order=order)
    stocked(other, house.shelf, 5, lot="NEW")

    def more() -> PickingTask:
        return create_picking_task(order.pk, house.id, [{"sku": "HONEY", "quantity": 1}], actor=ACTOR)

    with pytest.raises(Conflict, match=check.number):
        more()
    start_quality_check(check.pk, actor=packer)
    good(check.items.get(), packer)
    pass_quality_check(check.pk, actor=packer)
    packing = PackingTask.objects.get(order=order)
    with pytest.raises(Conflict, match=packing.number):
        more()
    cancel_packing_task(packing.pk, "wait for the rest", actor=ACTOR)
    assert more().reservation_id != packing.reservation_id
    assert_books_balance()
