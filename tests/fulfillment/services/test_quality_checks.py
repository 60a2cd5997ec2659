"""Picked goods are looked at before they are packed, when a rule says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.errors import Surplus, WorkLeft
from fulfillment.models import Order, PackingTask, PickingTask, PutBack, QualityCheck, QualityCheckItem, QualityRule
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import cancel_packing_task, create_packing_task
from fulfillment.services.picking_tasks import complete_picking_task, create_picking_task
from fulfillment.services.priorities import change_priority
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.quality_checks import (
    attach_quality_photo,
    cancel_quality_check,
    claim_next_quality_check,
    pass_quality_check,
    record_quality_finding,
    start_quality_check,
)
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.quality_rules import change_quality_rule, create_quality_rule, delete_quality_rule, reason_to_check
from fulfillment.services.shorts import short_item, skip_item
from inventory.models import BatchLocation, Product
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import bad, good, rule, to_check, told, walked
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + b"0" * 20, b"\xff\xd8\xff" + b"0" * 20


@pytest.fixture(autouse=True)
def nothing_contradicts(db: None) -> Iterator[None]:
    """Whatever a test did, orders, tasks, checks and promises agree afterwards."""
    yield
    with transaction.atomic():
        assert everything_that_contradicts() == []


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 20, lot="M-1", expires_in_days=30)
    return product


@pytest.fixture
def tea(house: Site) -> Product:
    product = ProductFactory(sku="TEA")
    stocked(product, house.shelf, 20, lot="T-1")
    return product


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


@pytest.fixture
def packer(db: None) -> Actor:
    return person(Role.PACKER)


def test_without_a_rule_goods_are_packed_at_once(milk: Product, picker: Actor) -> None:
    order_for([(milk, 1)])
    walked(PickingTask.objects.get(), picker)
    assert (PackingTask.objects.count(), QualityCheck.objects.count(), Order.objects.get().status) == (1, 0, "packing")


def test_a_check_that_passes_makes_the_packing_task(milk: Product, tea: Product, picker: Actor, packer: Actor) -> None:
    rule()
    order = order_for([(milk, 3), (tea, 1)], priority="high", ship_by=timezone.now() + timedelta(days=1))
    task = walked(PickingTask.objects.get(), picker)
    check = QualityCheck.objects.get()
    ours = {"check_id": check.pk, "task_id": task.pk, "order_id": order.external_id}
    assert told("quality.created") == [{**ours, "reason": "All"}]
    assert (check.number[:4], check.reason, check.status, check.total_items) == ("QCK-", "All", "pending", 2)
    assert (check.priority, check.ship_by, check.reservation_id) == ("high", order.ship_by, task.reservation_id)
    assert sorted(check.items.values_list("product__sku", "batch__lot_number", "quantity")) == [("MILK", "M-1", 3), ("TEA", "T-1", 1)]
    assert (PackingTask.objects.count(), Order.objects.get().status) == (0, "picking")

    start_quality_check(check.pk, actor=packer)
    for item in check.items.all():
        good(item, packer)
    done = pass_quality_check(check.pk, actor=packer)

    assert (done.status, done.checked_items, done.worker_id, done.finished_at is not None) == ("passed", 2, packer.user_id, True)
    packing = PackingTask.objects.get()
    assert sorted(packing.items.values_list("product__sku", "quantity")) == [("MILK", 3), ("TEA", 1)]
    assert (told("quality.passed"), told("packing.started")) == ([ours], [{"task_id": packing.pk, "order_id": order.external_id}])
    assert Order.objects.get().status == "packing"
    assert packed(packing, packer).status == "packed"
    assert_books_balance()


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


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ({"condition_ok": True, "quantity_ok": True, "failed_quantity": 1}, ValidationFailed),
        ({"condition_ok": True, "quantity_ok": True, "decision": "repick"}, ValidationFailed),
        ({"condition_ok": False, "quantity_ok": True}, ValidationFailed),
        ({"condition_ok": True, "quantity_ok": False, "failed_quantity": 0}, ValidationFailed),
        ({"condition_ok": False, "quantity_ok": True, "failed_quantity": "0.5"}, ValidationFailed),
        ({"condition_ok": False, "quantity_ok": True, "failed_quantity": -1}, ValidationFailed),
        ({"condition_ok": False, "quantity_ok": True, "failed_quantity": "NaN"}, ValidationFailed),
        ({"condition_ok": False, "quantity_ok": True, "failed_quantity": 1, "decision": "eat"}, ValidationFailed),
        ({"condition_ok": False, "quantity_ok": True, "failed_quantity": 4}, Surplus),
    ],
)
def test_findings_that_make_no_sense_are_refused(milk: Product, picker: Actor, packer: Actor, found: dict[str, Any], error: type[Exception]) -> None:
    rule()
    check = to_check([(milk, 3)], picker, packer)
    with pytest.raises(error):
        record_quality_finding(check.items.get().pk, actor=packer, **found)
    assert not QualityCheckItem.objects.get().is_checked


def test_somebody_may_look_again(milk: Product, tea: Product, picker: Actor, packer: Actor) -> None:
    rule()
    check = to_check([(milk, 3), (tea, 1)], picker, packer)
    item = check.items.get(product=milk)
    bad(item, packer, 2, decision="hold", note="x" * 200)
    item.refresh_from_db()
    assert (item.failed_quantity, item.good_quantity, item.decision, len(item.note)) == (2, 1, "hold", 200)
    with pytest.raises(WorkLeft) as caught:
        pass_quality_check(check.pk, actor=packer)
    assert [(e["sku"], e["code"]) for e in caught.value.errors] == [("TEA", "not_checked")]
    good(check.items.get(product=tea), packer)
    with pytest.raises(WorkLeft) as caught:
        pass_quality_check(check.pk, actor=packer)
    assert [(e["sku"], e["failed"]) for e in caught.value.errors] == [("MILK", "2")]
    good(item, packer)
    item.refresh_from_db()
    assert (item.failed_quantity, item.decision, item.note) == (0, "", "")
    assert QualityCheck.objects.get().checked_items == 2
    pass_quality_check(check.pk, actor=packer)


def test_who_may_look(milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    check = to_check([(milk, 1)], picker)
    item = check.items.get()
    with pytest.raises(PermissionDenied):
        start_quality_check(check.pk, actor=picker)
    with pytest.raises(TransitionRefused):
        good(item, packer)  # nobody has begun
    start_quality_check(check.pk, actor=packer)
    with pytest.raises(TransitionRefused):
        start_quality_check(check.pk, actor=packer)
    other = person(Role.PACKER)
    for step in (lambda: good(item, other), lambda: attach_quality_photo(item.pk, PNG, actor=other)):
        with pytest.raises(PermissionDenied):
            step()
    good(item, person(Role.MANAGER))
    with pytest.raises(PermissionDenied):
        pass_quality_check(check.pk, actor=other)
    with pytest.raises(PermissionDenied):
        cancel_quality_check(check.pk, "no", actor=packer)
    pass_quality_check(check.pk, actor=packer)
    with pytest.raises(TransitionRefused):
        good(item, packer)


def test_versions_are_checked(milk: Product, picker: Actor, packer: Actor) -> None:
    rule()
    check = to_check([(milk, 1)], picker, packer)
    item = check.items.get()
    assert check.version == 2
    record_quality_finding(item.pk, condition_ok=True, quantity_ok=True, actor=packer, expected_version=2)
    with pytest.raises(StaleVersion):
        record_quality_finding(item.pk, condition_ok=True, quantity_ok=True, actor=packer, expected_version=2)
    with pytest.raises(StaleVersion):
        pass_quality_check(check.pk, actor=packer, expected_version=2)
    pass_quality_check(check.pk, actor=packer, expected_version=3)


def test_the_best_check_is_claimed(milk: Product, picker: Actor, packer: Actor, house: Site) -> None:
    rule()
    first = to_check([(milk, 1)], picker)
    urgent = to_check([(milk, 1)], picker, priority="urgent")
    claimed = claim_next_quality_check(house.id, actor=packer)
    assert claimed is not None
    assert (claimed.pk, claimed.status, claimed.worker_id) == (urgent.pk, "in_progress", packer.user_id)
    assert getattr(claim_next_quality_check(house.id, actor=packer), "pk", None) == urgent.pk  # the one at hand
    assert getattr(claim_next_quality_check(house.id, actor=person(Role.PACKER)), "pk", None) == first.pk
    assert claim_next_quality_check(house.id, actor=person(Role.PACKER)) is None
    with pytest.raises(ValidationFailed):
        claim_next_quality_check(house.id, actor=ACTOR)


def test_a_photo_is_kept(milk: Product, picker: Actor, packer: Actor, tmp_path: Path, settings: Any, django_capture_on_commit_callbacks: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    rule()
    check = to_check([(milk, 1)], picker, packer)
    item = check.items.get()
    attach_quality_photo(item.pk, PNG, actor=packer)
    attach_quality_photo(item.pk, JPEG, actor=packer)
    item.refresh_from_db()
    assert item.photo.name.startswith("quality/")
    assert item.photo.name.endswith(".jpg")
    assert QualityCheck.objects.get().version == 4
    with pytest.raises(ValidationFailed):
        attach_quality_photo(item.pk, b"<html>", actor=packer)


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


def test_statements_do_not_grow_with_the_goods(house: Site, picker: Actor, packer: Actor) -> None:
    rule()
    products = [ProductFactory() for _ in range(5)]
    for product in products:
        stocked(product, house.shelf, 9)

    def statements(count: int) -> list[int]:
        order = order_for([(product, 1) for product in products[:count]])
        task = begun(PickingTask.objects.get(order=order), picker)
        for item in task.items.all():
            pick(item, picker)
        counts = []
        with CaptureQueriesContext(connection) as queries:
            complete_picking_task(task.pk, actor=picker)
        counts.append(len(queries))
        check = start_quality_check(QualityCheck.objects.get(order=order).pk, actor=packer)
        for item in check.items.all():
            with CaptureQueriesContext(connection) as queries:
                good(item, packer)
        counts.append(len(queries))
        with CaptureQueriesContext(connection) as queries:
            pass_quality_check(check.pk, actor=packer)
        return [*counts, len(queries)]

    statements(1)  # the year's first numbers are drawn
    assert statements(1) == statements(5) == [14, 5, 15]
