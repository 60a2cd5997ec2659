"""Workers as processes, killed with SIGKILL in the worst moments: afterwards there is the same waybill, once."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from django.db import transaction

from fulfillment.models import Order, StatusReport
from fulfillment.services.orders import process_order_cancelled
from fulfillment.tasks import sweep_shipments, sweep_voids
from tests.concurrency.processes import Process, kill, somebody_waits_for_us, worker
from tests.factories.fulfillment import ACTOR
from tests.fulfillment.parcels import due_now, one_living_each, packed_order, shipments
from tests.partners.fixtures import TOKEN
from tests.partners.server import PartnerServer
from tests.warehouse.outbox.conftest import wait_for
from warehouse.outbox.models import OutboxEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system"), pytest.mark.slow]
MADE = "/api/v1/shipments"


def flow(environment: dict[str, str], delivery: PartnerServer, name: str, pk: int) -> AbstractContextManager[Process]:
    """A process that does one flow, as a worker would."""
    return worker(environment | {"DELIVERY_URL": delivery.url, "DELIVERY_TOKEN": TOKEN}, f"from fulfillment import flows\nflows.{name}({pk})")


def posts(delivery: PartnerServer) -> list[dict[str, Any]]:
    return delivery.requests("POST")


def test_killed_before_the_request(delivery, environment):
    packed_order()
    pk = shipments()[0].pk
    delivery.fail("latency", seconds=20, path="/api/v1/delivery/*")
    with flow(environment, delivery, "request_shipment", pk) as process:
        wait_for(lambda: shipments()[0].leased_until is not None and not delivery.faults.as_json(), 30)
        kill(process)
    assert posts(delivery) == []
    _is_made_once(delivery)


def test_killed_while_the_carrier_works(delivery, environment):
    packed_order()
    pk = shipments()[0].pk
    delivery.fail("latency", when="during", seconds=2, path=MADE)
    with flow(environment, delivery, "request_shipment", pk) as process:
        wait_for(lambda: shipments()[0].in_doubt, 30)
        kill(process)
    wait_for(lambda: len(delivery.partner.shipments()) == 1, 30)
    _is_made_once(delivery)


def test_killed_after_the_carriers_answer(delivery, environment):
    """Recording it waits for the order, which we hold: the answer is there, and nothing of it is written."""
    packed_order()
    pk = shipments()[0].pk
    delivery.fail("latency", when="during", seconds=1, path=MADE)
    with flow(environment, delivery, "request_shipment", pk) as process:
        wait_for(lambda: shipments()[0].in_doubt, 30)
        with transaction.atomic():
            list(Order.objects.select_for_update())
            wait_for(lambda: len(posts(delivery)) == 1, 30)
            wait_for(somebody_waits_for_us, 30)
            kill(process)
    _is_made_once(delivery)


def test_killed_before_the_commit(delivery, environment):
    """Everything is written, and the last row waits for one like it of ours: all of it is rolled back."""
    packed_order()
    pk = shipments()[0].pk
    with ExitStack() as stack:
        stack.enter_context(transaction.atomic())
        # Under way, not yet committed: the worker's own insertion waits for it.
        StatusReport.objects.create(order_id=shipments()[0].order_id, status="ready_for_shipment")
        process = stack.enter_context(flow(environment, delivery, "request_shipment", pk))
        wait_for(somebody_waits_for_us, 30)
        assert len(posts(delivery)) == 1
        kill(process)
        transaction.set_rollback(True)
    _is_made_once(delivery)
    assert OutboxEvent.objects.filter(type="shipment.created").count() == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_waybill_is_voided(delivery, environment, moment):
    packed_order()
    sweep_shipments()
    process_order_cancelled("listings", "4711", "not wanted", actor=ACTOR)
    pk = shipments()[0].pk
    delivery.fail("latency", when="before" if moment == "before" else "after", seconds=20, path="/api/v1/shipments/*/void")
    with flow(environment, delivery, "void_shipment", pk) as process:
        wait_for(lambda: shipments()[0].leased_until is not None and not delivery.faults.as_json(), 30)
        if moment == "after":
            wait_for(lambda: len(delivery.partner.voids()) == 1, 30)
        kill(process)
    sweep_voids()
    assert shipments()[0].status == "void_requested"
    due_now()
    sweep_voids()
    assert shipments()[0].status == "voided"
    assert set(delivery.partner.voids()) == {shipments()[0].external_id}
    one_living_each(delivery, [])


def _is_made_once(delivery: PartnerServer) -> None:
    """The claim of the dead worker holds for a while; then the next one finds the same waybill."""
    before = [row["answer"]["tracking_number"] for row in delivery.partner.shipments()]
    row = shipments()[0]
    assert (row.status, row.tracking_number, row.leased_until is not None) == ("requested", "", True)
    sweep_shipments()
    assert shipments()[0].status == "requested"
    due_now()
    sweep_shipments()
    row = shipments()[0]
    made = [shipment["answer"]["tracking_number"] for shipment in delivery.partner.shipments()]
    assert (row.status, made) == ("created", before or [row.tracking_number])
    assert made == [row.tracking_number]
    one_living_each(delivery, [row.package.barcode])
    assert Order.objects.get().status == "ready_for_shipment"
