"""How parcels fare that the carrier has: told, asked for, and come back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment import flows
from fulfillment.models import PackingTask, Shipment
from fulfillment.services.carrier_news import record_carrier_status, return_shipment
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.tasks import poll_carriers, sweep_shipments
from inventory.models import Return
from inventory.orchestrator import ReturnLine, cancel_return, create_return
from tests.concurrency.threads import Started, race
from tests.factories.fulfillment import ACTOR, person
from tests.fulfillment.parcels import open_alerts, packed_in_two, packed_order, shipments
from tests.warehouse.outbox.conftest import wait_for
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, PermissionDenied, ValidationFailed
from warehouse.outbox.models import OutboxEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]


@pytest.fixture
def under_way(delivery) -> list[Shipment]:
    """Two parcels of one order, with the carrier."""
    task = packed_in_two()
    sweep_shipments()
    ship_packing_task(task.pk, actor=ACTOR)
    return shipments()


def facts(type: str) -> list[dict]:
    return [row.payload for row in OutboxEvent.objects.filter(type=type).order_by("sequence")]


def test_the_carrier_tells_how_it_fares(under_way):
    program, pk = person(Role.INTEGRATION), under_way[0].pk
    row = record_carrier_status(pk, "In transit", actor=program)
    assert (row.status, row.carrier_status) == ("handed_over", "In transit")
    at = timezone.now() - timedelta(minutes=5)
    row = record_carrier_status(pk, "Delivered", at=at, actor=program)
    assert (row.status, row.delivered_at) == ("delivered", at)
    version = row.version
    assert record_carrier_status(pk, "delivered", at=at, actor=program).version == version
    assert record_carrier_status(pk, "in_transit", at=at - timedelta(hours=1), actor=program).status == "delivered"
    (told,) = facts("shipment.delivered")
    assert (told["shipment_id"], told["order_id"], told["at"]) == (pk, "4711", at.isoformat())
    for wrong in ("", " ", "x" * 51, "\x00"):
        with pytest.raises(ValidationFailed):
            record_carrier_status(pk, wrong, actor=program)
    with pytest.raises(PermissionDenied):
        record_carrier_status(pk, "lost", actor=person(Role.PACKER))


def test_a_parcel_that_comes_back_writes_its_return(under_way):
    one, two = under_way
    row = record_carrier_status(two.pk, "return-to-sender", actor=ACTOR)
    document = Return.objects.get()
    assert (row.status, row.return_id) == ("returned", document.pk)
    assert (document.order_ref, document.reference, document.status) == ("listings:4711", two.tracking_number, "draft")
    assert [item.quantity for item in document.items.all()] == [Decimal(3)]
    assert [fact["return_id"] for fact in facts("shipment.returned")] == [document.pk]
    # Twice is once, by whatever way.
    return_shipment(two.pk, actor=person(Role.RECEIVER))
    record_carrier_status(two.pk, "returned", actor=ACTOR)
    assert (Return.objects.count(), len(facts("shipment.returned"))) == (1, 1)
    assert record_carrier_status(two.pk, "delivered", actor=ACTOR).status == "returned"
    # The other parcel was delivered, and comes back all the same.
    record_carrier_status(one.pk, "delivered", actor=ACTOR)
    return_shipment(one.pk, actor=ACTOR)
    assert sorted(item.quantity for item in Return.objects.get(reference=one.tracking_number).items.all()) == [Decimal(2)]


def test_two_tell_it_at_once(under_way):
    pk = under_way[0].pk
    outcomes = race([lambda: return_shipment(pk, actor=ACTOR), lambda: record_carrier_status(pk, "returned", actor=ACTOR)] * 2)
    assert all(outcome.won for outcome in outcomes)
    assert Return.objects.count() == 1


def test_a_return_that_somebody_wrote_for_the_parcel_is_the_one(under_way):
    row = under_way[0]
    item = row.package.items.get().item
    document = create_return(
        warehouse_id=row.packing_task.warehouse_id,
        order_ref="listings:4711",
        lines=[ReturnLine(item.product_id, Decimal(2))],
        reference=row.tracking_number,
        actor=ACTOR,
    )
    assert return_shipment(row.pk, actor=ACTOR).return_id == document.pk
    assert Return.objects.count() == 1


def test_goods_that_stand_in_another_return_ask_a_person(under_way):
    row = under_way[0]
    item = row.package.items.get().item
    other = create_return(
        warehouse_id=row.packing_task.warehouse_id, order_ref="listings:4711", lines=[ReturnLine(item.product_id, Decimal(5))], actor=ACTOR
    )
    back = return_shipment(row.pk, actor=ACTOR)
    assert (back.status, back.return_id, Return.objects.count()) == ("returned", None, 1)
    assert [alert.subject for alert in open_alerts("return_unclear")] == [f"shipment:{row.pk}"]
    cancel_return(other.pk, reason="mistake", actor=ACTOR)


def test_what_was_never_handed_over_can_not_come_back(delivery):
    packed_order()
    sweep_shipments()
    pk = shipments()[0].pk
    assert record_carrier_status(pk, "label printed", actor=ACTOR).carrier_status == "label printed"
    for end in ("delivered", "returned"):
        with pytest.raises(Conflict, match="never handed over"):
            record_carrier_status(pk, end, actor=ACTOR)
    process_order_cancelled("listings", "4711", "not wanted", actor=ACTOR)
    with pytest.raises(Conflict):
        return_shipment(pk, actor=ACTOR)
    assert Return.objects.count() == 0


def test_the_carrier_is_asked_for_what_is_under_way(delivery, under_way):
    one, two = under_way
    delivery.partner.put_status(one.external_id, "delivered", (timezone.now() - timedelta(hours=1)).isoformat())
    delivery.partner.put_status(two.external_id, "in_transit")
    poll_carriers()
    assert [(row.status, row.carrier_status) for row in shipments()] == [("delivered", "delivered"), ("handed_over", "in_transit")]
    asked = len(delivery.requests("GET"))
    poll_carriers()
    assert len(delivery.requests("GET")) == asked
    Shipment.objects.update(polled_at=timezone.now() - timedelta(minutes=31))
    delivery.partner.put_status(two.external_id, "returned")
    poll_carriers()
    assert shipments()[1].status == "returned"
    # What has come to its end is not asked for any more.
    Shipment.objects.update(polled_at=None)
    asked = len(delivery.requests("GET"))
    poll_carriers()
    assert len(delivery.requests("GET")) == asked
    assert Return.objects.count() == 1


@pytest.mark.parametrize(
    "fault", [{"kind": "wrong_json"}, {"kind": "status", "status": 404}, {"kind": "status", "status": 500}, {"kind": "html"}], ids=str
)
def test_an_answer_that_says_nothing_changes_nothing(delivery, under_way, fault):
    delivery.fail(path="/api/v1/shipments/*", times=2, **fault)
    delivery.partner.put_status(under_way[0].external_id, "delivered")
    poll_carriers()
    assert [row.status for row in shipments()] == ["handed_over", "handed_over"]
    Shipment.objects.update(polled_at=None)
    poll_carriers()
    assert [row.status for row in shipments()] == ["delivered", "handed_over"]


def test_statements_of_a_return_do_not_grow_with_the_parcel(under_way):
    with CaptureQueriesContext(connection) as queries:
        return_shipment(under_way[0].pk, actor=ACTOR)
    assert len(queries) <= 26, len(queries)
    assert PackingTask.objects.count() == 1


def test_an_answer_that_comes_late_is_older_than_what_was_told_meanwhile(under_way, delivery):
    """It names no time of its own."""
    row = under_way[0]
    delivery.partner.put_status(row.external_id, "in transit")
    delivery.fail("replace", seconds=2, values={"status_at": None})
    late = Started(lambda: flows.poll_carrier(row.pk))
    wait_for(lambda: not delivery.faults.as_json(), 20)
    record_carrier_status(row.pk, "out for delivery", actor=ACTOR)
    assert late.finish().won
    assert Shipment.objects.get(pk=row.pk).carrier_status == "out for delivery"
