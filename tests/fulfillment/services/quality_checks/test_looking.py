"""Picked goods are looked at: findings, people, versions, claims, photos."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.errors import Surplus, WorkLeft
from fulfillment.models import Order, PackingTask, PickingTask, QualityCheck, QualityCheckItem
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.quality_checks import (
    attach_quality_photo,
    cancel_quality_check,
    claim_next_quality_check,
    pass_quality_check,
    record_quality_finding,
    start_quality_check,
)
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import bad, good, rule, to_check, told, walked
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + b"0" * 20, b"\xff\xd8\xff" + b"0" * 20


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
    assert (item.failed_quantity, item.decision, len(item.note)) == (2, "hold", 200)
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
