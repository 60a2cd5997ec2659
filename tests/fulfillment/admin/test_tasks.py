"""Picking, packing and shipments at the back office, by their steps."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from fulfillment.models import BoxType, Order, PackingTask, PickingTask, PutBack, Shipment
from tests.factories.fulfillment import begun, order_for, packed, person, pick, picked, reachable_site
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.office import clerk, dialog, listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def task(house: Site) -> PickingTask:
    product = ProductFactory(sku="TEA")
    stocked(product, house.shelf, 9)
    order_for([(product, 4)])
    return PickingTask.objects.get()


def test_a_manager_chooses_the_picker(manager: Client, task: PickingTask) -> None:
    ann, gone = clerk(Role.PICKER), clerk(Role.PICKER)
    gone.is_active = False
    gone.save()
    clerk(Role.PACKER)
    choices = manager.get(dialog(task, "assign")).context["form"].fields["worker_id"].choices
    assert [pk for pk, _ in choices] == [ann.pk]
    take(manager, task, "assign", worker_id=ann.pk)
    task = PickingTask.objects.get()
    assert (task.status, task.worker) == ("assigned", ann)
    assert "worker_id" in take(manager, task, "assign", worker_id=gone.pk).context["form"].errors


def test_a_picker_takes_a_task_for_oneself_only(task: PickingTask) -> None:
    ann, other = clerk(Role.PICKER), clerk(Role.PICKER)
    client = Client()
    client.force_login(ann)
    assert [pk for pk, _ in client.get(dialog(task, "assign")).context["form"].fields["worker_id"].choices] == [ann.pk]
    assert "worker_id" in take(client, task, "assign", worker_id=other.pk).context["form"].errors
    take(client, task, "assign", worker_id=ann.pk)
    assert PickingTask.objects.get().worker == ann
    assert steps_offered(client, task) == ["assign", "start"]


def test_a_task_that_is_not_done_says_what_is_left(manager: Client, task: PickingTask) -> None:
    task = begun(task, person(Role.PICKER))
    assert steps_offered(manager, task) == ["complete", "close-short", "undo", "hand-on", "priority", "cancel"]
    answer = take(manager, task, "complete")
    assert (answer.context["error"].code, answer.context["error_data"]) == ("work_left", ["sku: TEA, location: A-01, remaining: 4"])
    assert PickingTask.objects.get().status == "in_progress"


def test_a_manager_gives_a_walk_that_is_begun_to_another_picker(manager: Client, task: PickingTask) -> None:
    first, second = person(Role.PICKER), person(Role.PICKER)
    assert "hand-on" not in steps_offered(manager, task)
    task = begun(task, first)
    assert "hand-on" not in steps_offered(office(Role.PICKER), task)
    take(manager, task, "hand_on", worker_id=second.user_id)
    assert PickingTask.objects.values_list("status", "worker").get() == ("in_progress", second.user_id)


def test_a_walk_ends_in_packing(manager: Client, task: PickingTask) -> None:
    picker = person(Role.PICKER)
    begun(task, picker)
    pick(task.items.get(), picker)
    take(manager, PickingTask.objects.get(), "complete")
    assert PackingTask.objects.get().status == "pending"


def test_a_picking_task_is_cancelled_by_a_manager_only(manager: Client, task: PickingTask) -> None:
    assert take(office(Role.PICKER), task, "cancel", reason="no").status_code == 403
    take(manager, task, "cancel", reason="damaged shelf")
    task = PickingTask.objects.get()
    assert (task.status, task.cancellation_reason) == ("cancelled", "damaged shelf")


def test_packing_by_steps(manager: Client, task: PickingTask) -> None:
    packing = picked(task, person(Role.PICKER))
    packer = office(Role.PACKER)
    assert {"start", "change-provider"} <= set(steps_offered(packer, packing))
    assert "cancel" not in steps_offered(packer, packing)
    assert {"start", "cancel"} <= set(steps_offered(manager, packing))
    take(packer, packing, "start")
    packing = PackingTask.objects.get()
    assert {"add-package", "complete"} <= set(steps_offered(packer, packing))
    assert "start" not in steps_offered(packer, packing)
    take(packer, packing, "add_package", packaging_type="bag", weight="1.5", length="30", width="20", height="10")
    package = packing.packages.get()
    assert (package.packaging_type, package.weight, package.chargeable_weight) == ("bag", 1.5, 1.5)
    packing = PackingTask.objects.get()
    take(packer, packing, "measure", package_id=package.pk, packaging_type="box", weight="2", length="50", width="40", height="30")
    package.refresh_from_db()
    assert (package.packaging_type, package.volumetric_weight) == ("box", 12)
    answer = take(packer, PackingTask.objects.get(), "complete")
    assert answer.context["error"].code == "work_left"
    shown = packer.get(page(packing)).content.decode()
    assert "50 × 40 × 30" in shown


def test_a_shipment_is_asked_for_again_and_not_handed_over_without_a_waybill(manager: Client, task: PickingTask) -> None:
    packer = person(Role.PACKER)
    packing = packed(picked(task, person(Role.PICKER)), packer)
    shipment = Shipment.objects.get()
    assert {"retry", "replace"} <= set(steps_offered(manager, shipment))
    Shipment.objects.update(next_attempt_at=None, last_error="refused")
    take(manager, shipment, "retry")
    shipment = Shipment.objects.get()
    assert shipment.next_attempt_at is not None
    assert take(manager, packing, "ship").context["error"].code == "conflict"
    assert PackingTask.objects.get().status == "packed"
    assert take(office(Role.PICKER), shipment, "retry").status_code == 403


def test_tasks_are_found_by_number_and_order(manager: Client, task: PickingTask) -> None:
    def found(model: type, term: str) -> int:
        return len(manager.get(f"{listing(model)}?q={term}").context["cl"].result_list)

    assert found(PickingTask, task.number.lower()) == found(PickingTask, task.order.external_id) == 1
    assert found(PickingTask, "PCK-1") == 0
    Order.objects.filter(pk=task.order_id).update(order_number="ORD-77")
    assert found(PickingTask, "ord-77") == found(Order, "ORD-77") == 1
    packed(picked(task, person(Role.PICKER)), person(Role.PACKER))
    assert found(PackingTask, "ORD-77") == found(Shipment, "ord-77") == 1
    assert found(PackingTask, "ORD-7") == found(Shipment, "ORD-7") == found(PutBack, "ORD-77") == 0


def test_a_box_stays_what_it_is_when_only_its_weight_is_said(task: PickingTask) -> None:
    packing = picked(task, person(Role.PICKER))
    packer = office(Role.PACKER)
    take(packer, packing, "start")
    box = BoxType.objects.create(code="M", name="Medium", length=30, width=20, height=10, wall="0.3", own_weight="0.2", max_weight=9)
    take(packer, PackingTask.objects.get(), "add_package", box_type_id=box.pk)
    package = packing.packages.get()
    fields = packer.get(dialog(PackingTask.objects.get(), "measure")).context["form"].fields
    assert [fields[name].choices[0][1] for name in ("box_type_id", "packaging_type", "package_id")] == ["as it is", "as it is", "1: empty"]
    take(packer, PackingTask.objects.get(), "measure", package_id=package.pk, weight="0.2")
    package.refresh_from_db()
    assert (package.box_type, package.weight, package.length) == (box, Decimal("0.2"), Decimal("30.6"))


def test_a_pick_list_shows_what_is_left(task: PickingTask) -> None:
    client = office(Role.PICKER)
    url = dialog(task, "pick_list")
    text = client.get(url).content.decode()
    assert "TEA" in text
    assert "4 pieces" in text
    assert f'aria-label="{task.number}"' in text
    begun(task, (picker := person(Role.PICKER)))
    pick(task.items.get(), picker)
    assert "Nothing is left to pick." in client.get(url).content.decode()
    assert office(Role.RECEIVER).get(url).status_code == 404
    assert client.get(page(task)).context["actions_detail"][0]["title"] == "Pick list"
