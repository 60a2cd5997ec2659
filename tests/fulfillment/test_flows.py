"""Between the transactions: the carrier and the order system, with everything that goes wrong there. Against the partners' real small servers."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from fulfillment import flows
from fulfillment.models import Order, Package, PackingTask, PickingTask, Shipment, StatusReport
from fulfillment.services import waybills
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.shipments import hand_over_shipment, retry_shipment
from fulfillment.services.status_reports import report_order_status
from fulfillment.tasks import sweep_shipments, sweep_status_reports
from inventory.models import Movement, Reservation, Stock
from tests.factories.fulfillment import ACTOR, order_for, packed, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from tests.partners.faults import Fault
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, PermissionDenied
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


def events(*types: str) -> list[tuple[str, dict]]:
    return [(row.type, row.payload) for row in OutboxEvent.objects.order_by("sequence") if row.type in types]


@pytest.fixture
def order(order_system, delivery) -> Order:
    """An order for two warehouses, packed in both; nothing was asked of the carrier yet."""
    product = ProductFactory(sku="APPLE")
    one, two = reachable_site(external_id="1"), reachable_site(external_id="2")
    stocked(product, one.shelf, 10)
    stocked(product, two.shelf, 10)
    order = order_for([(product, 2, one), (product, 3, two)], external_id="4711")
    for task in PickingTask.objects.order_by("pk"):
        packed(picked(task, person(Role.PICKER)), person(Role.PACKER))
    return order


def due_now() -> None:
    Shipment.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())
    StatusReport.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())


def test_every_package_gets_a_waybill_and_the_order_system_is_told(order, delivery, order_system):
    first, second = Shipment.objects.order_by("pk")

    flows.request_shipment(first.pk)

    first = Shipment.objects.get(pk=first.pk)
    made = delivery.partner.shipments()[0]
    assert (first.status, first.tracking_number, first.external_id) == ("created", made["answer"]["tracking_number"], str(made["answer"]["id"]))
    assert (first.label_url, first.attempts, first.leased_until, first.last_error) == (made["answer"]["label_url"], 1, None, "")
    package = Package.objects.get(pk=first.package_id)
    task = PackingTask.objects.get(pk=first.packing_task_id)
    assert made["key"] == str(package.key)
    assert package.tracking_number == task.tracking_number == first.tracking_number
    assert made["request"]["order_id"] == 4711
    assert made["request"]["warehouse_id"] == 1
    assert made["request"]["provider"] == "postexpress"
    assert made["request"]["user_id"] == task.worker_id
    assert made["request"]["package"] == {"weight": 2.5, "length": 30, "width": 20, "height": 10, "description": package.barcode}
    assert Order.objects.get().status == "packing"
    assert not StatusReport.objects.exists()

    flows.request_shipment(second.pk)

    assert Order.objects.get().status == "ready_for_shipment"
    assert [payload for _, payload in events("shipment.created")] == [
        {
            "shipment_id": shipment.pk,
            "order_id": "4711",
            "tracking_number": shipment.tracking_number,
            "carrier_shipment_id": shipment.external_id,
            "task_id": shipment.packing_task_id,
        }
        for shipment in Shipment.objects.order_by("pk")
    ]
    report = StatusReport.objects.get()
    assert (report.status, report.sent_at, order_system.partner.statuses(4711)) == ("ready_for_shipment", None, [])
    flows.report_status(report.pk)
    report.refresh_from_db()
    assert (report.attempts, report.next_attempt_at, report.last_error) == (1, None, "")
    assert report.sent_at is not None
    flows.report_status(report.pk)
    assert order_system.partner.statuses(4711) == ["ready_for_shipment"]


def test_the_carrier_takes_it_and_the_goods_leave_the_books(order):
    sweep_shipments()
    sweep_status_reports()
    one, two = PackingTask.objects.order_by("pk")
    packer = person(Role.PACKER)

    shipped = ship_packing_task(one.pk, actor=packer)

    assert (shipped.status, Order.objects.get().status) == ("shipped", "ready_for_shipment")
    with pytest.raises(Conflict):
        process_order_cancelled("listings", "4711", "too late", actor=ACTOR)
    handed = hand_over_shipment(Shipment.objects.get(packing_task=two).pk, actor=packer)

    assert (handed.status, Order.objects.get().status) == ("handed_over", "shipped")
    assert Order.objects.get().shipped_at is not None
    assert set(Reservation.objects.values_list("status", flat=True)) == {"fulfilled"}
    assert sorted(Stock.objects.values_list("quantity", "reserved", "blocked")) == [
        (Decimal(7), Decimal(0), Decimal(0)),
        (Decimal(8), Decimal(0), Decimal(0)),
    ]
    sales = Movement.objects.filter(type="sale").order_by("pk").values_list("quantity_change", "document_type", "document_id", "order_ref")
    assert list(sales) == [(Decimal(-2), "packing_task", one.pk, "listings:4711"), (Decimal(-3), "packing_task", two.pk, "listings:4711")]
    assert [name for name, _ in events("shipment.handed_over", "order.shipped", "stock.sold")] == [
        "stock.sold",
        "shipment.handed_over",
        "stock.sold",
        "shipment.handed_over",
        "order.shipped",
    ]
    with pytest.raises(Conflict):
        process_order_cancelled("listings", "4711", "too late", actor=ACTOR)
    with pytest.raises(Conflict):
        ship_packing_task(one.pk, actor=packer)


def test_a_crash_after_the_carriers_answer_finds_the_same_waybill(order, delivery, monkeypatch):
    shipment = Shipment.objects.order_by("pk").first()

    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(waybills, "record_waybill", crash)
        with pytest.raises(KeyboardInterrupt):
            flows.request_shipment(shipment.pk)
    shipment = Shipment.objects.get(pk=shipment.pk)
    assert (shipment.status, shipment.tracking_number) == ("requested", "")
    made = delivery.partner.shipments()
    assert len(made) == 1
    # Meanwhile the customer moves: what was asked is asked again all the same.
    delivery.partner.put_address(4711, {**made[0]["request"]["to_address"], "street": "Elsewhere 9"})

    sweep_shipments()
    assert len([row for row in delivery.partner.shipments() if row["key"] == made[0]["key"]]) == 1
    shipment = Shipment.objects.get(pk=shipment.pk)
    # The one that died still holds it.
    assert shipment.status == "requested"
    Shipment.objects.filter(pk=shipment.pk).update(leased_until=timezone.now() - timedelta(seconds=1))
    sweep_shipments()

    shipment = Shipment.objects.get(pk=shipment.pk)
    assert (shipment.status, shipment.tracking_number, shipment.attempts) == ("created", made[0]["answer"]["tracking_number"], 2)
    assert len([row for row in delivery.partner.shipments() if row["key"] == made[0]["key"]]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500, path="/api/v1/shipments"),
        Fault("drop", when="after", path="/api/v1/shipments"),
        Fault("wrong_json", path="/api/v1/shipments"),
        Fault("wrong_order", path="/api/v1/shipments"),
        Fault("drop", path="/api/v1/delivery/*"),
        Fault("status", status=429, retry_after="120", path="/api/v1/shipments"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.when}-{fault.path[-9:]}",
)
def test_what_may_succeed_later_is_tried_again_with_the_same_key(order, delivery, fault):
    shipment = Shipment.objects.order_by("pk").first()
    delivery.faults.add(fault)
    before = timezone.now()

    flows.request_shipment(shipment.pk)

    shipment = Shipment.objects.get(pk=shipment.pk)
    assert (shipment.status, shipment.attempts, shipment.leased_until) == ("requested", 1, None)
    assert shipment.last_error
    least = 120 if fault.retry_after else 0
    assert before + timedelta(seconds=least) <= shipment.next_attempt_at <= timezone.now() + timedelta(seconds=max(least, 5) + 1)
    due_now()
    flows.request_shipment(shipment.pk)
    shipment = Shipment.objects.get(pk=shipment.pk)
    assert (shipment.status, shipment.last_error) == ("created", "")
    assert len(delivery.partner.shipments()) == 1


def test_a_refusal_waits_for_a_person(order, delivery):
    shipment = Shipment.objects.order_by("pk").first()
    delivery.partner.put_address(4711, None)

    sweep_shipments()
    sweep_shipments()

    shipment = Shipment.objects.get(pk=shipment.pk)
    assert (shipment.status, shipment.attempts, shipment.next_attempt_at) == ("requested", 1, None)
    assert "404" in shipment.last_error
    delivery.partner.put_address(
        4711, {"street": "Main 1", "city": "Novi Sad", "postal_code": "21000", "country": "RS", "contact_name": "Ana", "phone": "1"}
    )
    with pytest.raises(PermissionDenied):
        retry_shipment(shipment.pk, actor=person(Role.PICKER))
    retry_shipment(shipment.pk, actor=person(Role.PACKER))
    sweep_shipments()
    shipment = Shipment.objects.get(pk=shipment.pk)
    assert shipment.status == "created"
    assert delivery.partner.shipments()[0]["request"]["to_address"]["street"] == "Main 1"
    with pytest.raises(Conflict):
        retry_shipment(shipment.pk, actor=ACTOR)


def test_a_status_that_can_not_be_told_stays_owed(order, order_system):
    sweep_shipments()
    report = StatusReport.objects.get()
    order_system.faults.add(Fault("status", status=503), Fault("status", status=400))
    sweep_status_reports()
    report.refresh_from_db()
    assert (report.sent_at, report.attempts) == (None, 1)
    assert "503" in report.last_error
    due_now()
    sweep_status_reports()
    report.refresh_from_db()
    assert (report.sent_at, report.next_attempt_at) == (None, None)
    assert "400" in report.last_error
    due_now()
    sweep_status_reports()
    assert order_system.partner.statuses(4711) == []
    report_order_status(report.order_id, actor=ACTOR)
    sweep_status_reports()
    assert order_system.partner.statuses(4711) == ["ready_for_shipment"]
    with pytest.raises(Conflict):
        report_order_status(report.order_id, actor=ACTOR)


def test_an_order_of_another_source_owes_the_order_system_nothing(delivery):
    product, place = ProductFactory(), reachable_site()
    stocked(product, place.shelf, 10)
    order_for([(product, 2)], source="shop")
    packed(picked(PickingTask.objects.get(), person(Role.PICKER)), person(Role.PACKER))
    sweep_shipments()
    assert (Order.objects.get().status, StatusReport.objects.count()) == ("ready_for_shipment", 0)
