"""What stops the packer: a carrier that refuses, a cancelled order, no token or no role."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from fulfillment.enums import SOURCE_LISTINGS, PackingStatus, ShipmentStatus
from fulfillment.models import PackageItem, PackingTask, Shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import cancel_packing_task
from inventory.models import Movement
from tests.factories.fulfillment import ACTOR
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.packing import Make, on_the_bench, ready, scan
from warehouse.core.actor import Role


def test_a_carrier_that_refuses_is_shown_with_what_to_do(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)])
    ready(packer, task)
    packer.send(f"/floor/pack/{task.pk}/finish")
    Shipment.objects.update(next_attempt_at=None, last_error="422: no such street", attempts=1)
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "The carrier refused." in page
    assert "no such street" in page
    Shipment.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1), last_error="timeout")
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "does not answer yet" in page
    page = packer.send(f"/floor/pack/{task.pk}/ship")
    assert "Not possible now" in page
    assert Shipment.objects.get().status == ShipmentStatus.REQUESTED
    assert not Movement.objects.filter(type="sale").exists()


def test_a_cancelled_order_stops_the_packer(packer: Handheld, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 2)])
    packer.send(f"/floor/pack/{task.pk}/start")
    process_order_cancelled(SOURCE_LISTINGS, task.order.external_id, "", actor=ACTOR)
    for page in (scan(packer, task, milk.sku), packer.send(f"/floor/pack/{task.pk}/finish"), packer.send(f"/floor/pack/{task.pk}/box", new="1")):
        assert "The order was cancelled. Stop packing." in page
    assert not PackageItem.objects.exists()


def test_a_cancelled_task_of_a_living_order_says_so(packer: Handheld, goods: Any) -> None:
    task = on_the_bench([(goods[0], 2)])
    packer.send(f"/floor/pack/{task.pk}/start")
    cancel_packing_task(task.pk, "the box got wet", actor=ACTOR)
    page = packer.see(f"/floor/pack/{task.pk}")
    assert "This task was cancelled. Stop packing." in page
    assert "The order was cancelled" not in page


def test_nothing_changes_by_get_without_a_token_or_without_the_role(handheld: Make, place: Any, packer: Handheld, goods: Any) -> None:
    task = on_the_bench([(goods[0], 1)])
    picker = handheld(place, Role.PICKER)
    for path in ("claim", "find", *(f"{task.pk}/{step}" for step in ("start", "scan", "box", "finish", "ship", "measure/1/save"))):
        assert packer.get(f"/floor/pack/{path}").status_code == 405
        assert packer.post(f"/floor/pack/{path}").status_code == 403
        assert picker.post(f"/floor/pack/{path}", {"csrfmiddlewaretoken": picker.cookies["csrftoken"].value}).status_code == 403
    for path in ("", f"/{task.pk}", f"/{task.pk}/shipments", f"/{task.pk}/measure/1"):
        assert picker.get(f"/floor/pack{path}").status_code == 403
    assert packer.get("/floor/pack/99999").status_code == packer.get(f"/floor/pack/{task.pk}/measure/99999").status_code == 404
    assert PackingTask.objects.get().status == PackingStatus.PENDING
