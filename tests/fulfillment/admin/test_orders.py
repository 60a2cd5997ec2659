"""Orders at the back office: cancel, retry, and what is shown to whom."""

from __future__ import annotations

import pytest
from django.test import Client

from fulfillment.models import MissingGoods, Order, PickingTask, StatusReport
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.shorts import short_item
from tests.factories.fulfillment import begun, order_for, person, pick, reachable_site
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


def test_an_order_is_cancelled_with_a_reason(manager: Client, house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    order = order_for([(product, 4)])
    assert steps_offered(manager, order) == ["cancel", "priority"]
    take(manager, order, "cancel", reason="customer called")
    order = Order.objects.get()
    assert (order.status, order.cancellation_reason) == ("cancelled", "customer called")
    assert PickingTask.objects.get().status == "cancelled"
    assert steps_offered(manager, order) == []


def test_an_order_that_changed_meanwhile_is_not_cancelled(manager: Client, house: Site) -> None:
    product, picker = ProductFactory(), person(Role.PICKER)
    stocked(product, house.shelf, 9)
    order = order_for([(product, 4)])
    begun(PickingTask.objects.get(), picker)
    answer = take(manager, order, "cancel", reason="late")
    assert answer.context["error"].code == "stale_version"
    assert Order.objects.get().status == "picking"


def test_a_rejected_order_is_tried_again(manager: Client, house: Site) -> None:
    product = ProductFactory(sku="RARE")
    stocked(product, house.shelf, 1)
    order = order_for([(product, 4)])
    assert "RARE: asked 4" in manager.get(page(order)).content.decode()
    assert steps_offered(manager, order) == ["cancel", "retry", "priority"]
    stocked(product, house.shelf, 5)
    take(manager, order, "retry")
    assert Order.objects.get().status == "accepted"


def test_what_an_order_goes_without_is_shown_sent_later_or_accepted(manager: Client, house: Site) -> None:
    honey, milk = ProductFactory(sku="HONEY", name="Acacia honey"), ProductFactory(sku="MILK")
    stocked(honey, house.shelf, 4)
    stocked(milk, house.shelf, 9)
    order = order_for([(honey, 4), (milk, 2)])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(product=milk), picker)
    short_item(task.items.get(product=honey).pk, actor=picker)
    complete_picking_task(task.pk, actor=picker)
    order = Order.objects.get()
    assert steps_offered(manager, order) == ["cancel", "send-rest", "accept-missing", "priority"]
    assert "what it goes without" in manager.get(page(order)).content.decode().lower()
    form = manager.get(dialog(order, "send_rest")).content.decode()
    assert "HONEY Acacia honey" in form
    assert "4 missing" in form

    gap = MissingGoods.objects.get()
    refused = take(manager, order, "send_rest", warehouse=house.id, **{f"missing-{gap.pk}": "1"})
    assert refused.context["error"].code == "conflict"  # it is packed there: one part of an order at a time
    other = reachable_site(code="SHOP", external_id="2")
    stocked(honey, other.shelf, 1)
    take(manager, order, "send_rest", warehouse=other.id, **{f"missing-{gap.pk}": "1"})

    assert PickingTask.objects.get(warehouse=other.id).items.get().quantity_required == 1
    assert (MissingGoods.objects.get().quantity, Order.objects.get().status) == (3, "needs_attention")
    take(manager, Order.objects.get(), "accept_missing", reason="the customer knows")
    gap = MissingGoods.objects.get()
    assert (gap.accepted, gap.reason, Order.objects.get().status) == (3, "the customer knows", "picking")
    # What is accepted may be sent all the same.
    assert steps_offered(manager, order) == ["cancel", "send-rest", "priority"]


def test_only_managers_cancel(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    order = order_for([(product, 4)])
    for role in (Role.PICKER, Role.PACKER, Role.AUDITOR, Role.VIEWER):
        client = office(role)
        assert steps_offered(client, order) == []
        assert take(client, order, "cancel", reason="mine").status_code == 403
    for role in (Role.SELLER, Role.RECEIVER):
        assert office(role).get(page(order)).status_code == 403
        assert office(role).get(dialog(order, "cancel")).status_code == 403
    assert Order.objects.get().status == "accepted"


def test_an_order_is_found_by_id_and_by_number(manager: Client, house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    order = order_for([(product, 1)], external_id="777", order_number="SO-9")
    order_for([(product, 1)], external_id="778", order_number="777")

    def found(term: str) -> list[str]:
        return [row.external_id for row in manager.get(f"{listing(Order)}?q={term}").context["cl"].result_list]

    assert (found("777"), found("so-9"), found("listings:778"), found("77")) == (["777"], ["777"], ["778"], [])
    assert order.external_id == "777"


def test_goods_that_were_picked_are_put_back(house: Site) -> None:
    product, picker = ProductFactory(), person(Role.PICKER)
    stocked(product, house.shelf, 9)
    order = order_for([(product, 4)])
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker)
    client = office(Role.MANAGER)
    take(client, Order.objects.get(), "cancel", reason="late")
    put_back = order.put_backs.get()
    receiver = office(Role.RECEIVER)
    assert steps_offered(receiver, put_back) == ["complete", "quarantine"]
    wrong = take(receiver, put_back, "complete", location_scan="NOWHERE", quantity="4")
    assert wrong.context["error"].code == "wrong_scan"
    take(receiver, put_back, "complete", location_scan=house.shelf.barcode, quantity="4")
    assert order.put_backs.get().status == "done"


def test_a_status_that_was_refused_is_told_again(manager: Client, house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    order = order_for([(product, 4)])
    report = StatusReport.objects.create(order=order, status="ready_for_shipment", attempts=3, last_error="400: no")
    assert steps_offered(manager, order) == ["cancel", "priority", "report-status"]
    take(manager, order, "report_status")
    report.refresh_from_db()
    assert report.next_attempt_at is not None
    StatusReport.objects.update(sent_at=report.next_attempt_at)
    assert steps_offered(manager, order) == ["cancel", "priority"]
