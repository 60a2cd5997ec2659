"""Everything that partners do wrong. At the end the partner's own ledger has exactly one living shipment for each package, and nothing is stuck untold."""

from __future__ import annotations

import importlib
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.apps import apps
from django.utils import timezone

from fulfillment import flows
from fulfillment.models import DeliveryProvider, Order, Shipment, StatusReport
from fulfillment.services import waybills
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.shipments import retry_shipment
from fulfillment.services.status_reports import report_order_status
from fulfillment.services.stuck import watch_partners
from fulfillment.tasks import sweep_shipments, sweep_status_reports, sweep_voids
from tests.concurrency.threads import race
from tests.factories.fulfillment import ACTOR, person
from tests.fulfillment.parcels import Clock, due_now, one_living_each, open_alerts, packed_in_two, packed_order, shipments
from warehouse.core.actor import Role
from warehouse.core.partners.errors import CircuitOpen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]
MADE = "/api/v1/shipments"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def barcodes() -> list[str]:
    return [row.package.barcode for row in shipments()]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop", "when": "after"},
        {"kind": "latency", "when": "during", "seconds": 0.8},
        {"kind": "truncated"},
        {"kind": "wrong_json"},
        {"kind": "html"},
        {"kind": "wrong_order"},
        {"kind": "missing", "field": "tracking_number"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 409},
        {"kind": "status", "status": 429, "retry_after": "99999999999"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_one_waybill_for_each_package_whatever_goes_wrong(delivery, settings, fault):
    """Each of two packages meets the fault, on its first and its second try."""
    settings.PARTNER_TIMEOUT_SECONDS = (1, 0.4)
    packed_in_two()
    delivery.fail(path=MADE, method="POST", times=4, **fault)
    for _ in range(3):
        due_now()
        sweep_shipments()
        # A key whose first request is still being worked on is answered with 409.
        time.sleep(fault.get("seconds", 0))
    assert [row.status for row in shipments()] == ["created", "created"]
    one_living_each(delivery, barcodes())
    assert {row.external_id for row in shipments()} == {str(row["answer"]["id"]) for row in delivery.partner.living()}
    assert Order.objects.get().status == "ready_for_shipment"
    assert open_alerts() == []


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("90", 90, 90),
        ("in five minutes", 298, 300),
        ("Fri, 20 Nov 2020 12:00:00 GMT", 0, 5),
        ("99999999999", 600, 600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 600, 600),
        ("soon", 0, 5),
        ("-7", 0, 5),
    ],
)
def test_the_partners_wish_to_wait(delivery, clock, header, least, most):
    if header == "in five minutes":
        header = format_datetime(clock.now + timedelta(minutes=5), usegmt=True)
    packed_order()
    delivery.fail("status", status=429, retry_after=header, path=MADE)
    sweep_shipments()
    row = shipments()[0]
    assert (row.status, row.attempts, row.answered, row.in_doubt) == ("requested", 1, 0, False)
    assert least <= (row.next_attempt_at - clock.now).total_seconds() <= most
    clock.passes(seconds=most + 1)
    sweep_shipments()
    assert shipments()[0].status == "created"


def test_an_hour_of_500(delivery, clock, settings):
    """Two workers' sweeps for an hour: the partner is asked seldom, no attempt is used up, and then everything is made once."""
    settings.PARTNER_CIRCUIT_FAILURES, settings.PARTNER_CIRCUIT_SECONDS = 5, 30
    tasks = [packed_in_two(str(4711 + n)) for n in range(3)]
    delivery.fail("status", status=500, times=None)
    for _ in range(360):
        sweep_shipments()
        clock.passes(seconds=10)
    assert [row.status for row in shipments()] == ["requested"] * 6
    assert all(row.answered == 0 and row.last_error and row.next_attempt_at for row in shipments())
    # One try per half-opening (every 30 s at most) and the few that opened the circuit.
    assert len(delivery.requests()) <= 3600 / 30 + 10
    assert open_alerts() == []
    delivery.faults.clear()
    for _ in range(120):
        sweep_shipments()
        clock.passes(seconds=10)
    assert [row.status for row in shipments()] == ["created"] * 6
    one_living_each(delivery, [package.barcode for task in tasks for package in task.packages.all()])
    assert set(Order.objects.values_list("status", flat=True)) == {"ready_for_shipment"}


def test_a_partner_that_is_away_for_long_is_an_alert_and_goes_on_by_itself(delivery, clock):
    packed_order()
    delivery.fail("status", status=503, times=None)
    for _ in range(40):
        sweep_shipments()
        clock.passes(minutes=10)
    row = shipments()[0]
    alert = open_alerts()[0]
    assert (alert.severity, alert.subject, row.next_attempt_at is not None) == ("warning", f"shipment:{row.pk}", True)
    assert "no waybill, since" in alert.message
    delivery.faults.clear()
    clock.passes(minutes=11)
    sweep_shipments()
    clock.passes(minutes=11)
    sweep_shipments()
    assert (shipments()[0].status, open_alerts()) == ("created", [])


def test_answers_that_can_not_be_used_are_counted_and_then_a_person_looks(delivery, settings):
    settings.SHIPMENT_MAX_ATTEMPTS = 3
    packed_order()
    delivery.fail("wrong_json", path=MADE, times=None)
    for _ in range(5):
        due_now()
        sweep_shipments()
    row = shipments()[0]
    assert (row.answered, row.attempts, row.next_attempt_at, row.in_doubt) == (3, 3, None, True)
    assert [(alert.subject, alert.severity) for alert in open_alerts()] == [(f"shipment:{row.pk}", "critical")]
    delivery.faults.clear()
    retry_shipment(row.pk, actor=person(Role.PACKER))
    assert (shipments()[0].answered, open_alerts()) == (0, [])
    sweep_shipments()
    assert shipments()[0].status == "created"
    one_living_each(delivery, barcodes())


def test_a_refusal_is_an_alert_at_once(delivery):
    packed_order()
    delivery.fail("status", status=422, path=MADE)
    sweep_shipments()
    assert [alert.data["shipment"] for alert in open_alerts()] == [shipments()[0].number]
    assert "refused with 422" in open_alerts()[0].message


def test_a_refusal_after_a_lost_answer_does_not_forget_what_was_asked(delivery):
    """Else the second request would differ from the first one, which was heard, and the carrier would refuse it for ever."""
    packed_order()
    delivery.fail("drop", when="after", path=MADE)
    delivery.fail("status", status=403, path=MADE)
    sweep_shipments()
    due_now()
    sweep_shipments()
    row = shipments()[0]
    assert (row.next_attempt_at, row.in_doubt, row.request is not None) == (None, True, True)
    delivery.partner.put_address(4711, {**row.request["to_address"], "street": "Elsewhere 9"})
    retry_shipment(row.pk, actor=ACTOR)
    sweep_shipments()
    assert shipments()[0].status == "created"
    one_living_each(delivery, barcodes())


def test_an_open_circuit_uses_up_no_attempt(delivery, clock, settings):
    settings.PARTNER_CIRCUIT_FAILURES, settings.PARTNER_CIRCUIT_SECONDS = 1, 60
    packed_in_two()
    delivery.fail("status", status=500, path="/api/v1/delivery/*")
    first, second = shipments()
    flows.request_shipment(first.pk)
    flows.request_shipment(second.pk)
    second = shipments()[1]
    assert (second.attempts, second.answered, second.leased_until) == (0, 0, None)
    assert 59 <= (second.next_attempt_at - clock.now).total_seconds() <= 81
    assert "left alone" in second.last_error


def test_the_order_system_is_told_as_patiently(delivery, order_system, clock, settings):
    settings.SHIPMENT_MAX_ATTEMPTS = 2
    packed_order()
    sweep_shipments()
    order_system.fail("status", status=503, times=None)
    for _ in range(40):
        sweep_status_reports()
        clock.passes(minutes=10)
    assert [alert.severity for alert in open_alerts("status_report_stuck")] == ["warning"]
    order_system.faults.clear()
    order_system.fail("wrong_json", times=None)
    for _ in range(6):
        clock.passes(minutes=11)
        sweep_status_reports()
    report = StatusReport.objects.get()
    assert (report.answered, report.next_attempt_at, report.sent_at) == (2, None, None)
    assert [alert.severity for alert in open_alerts("status_report_stuck")] == ["critical"]
    order_system.faults.clear()
    report_order_status(report.order_id, actor=ACTOR)
    assert open_alerts("status_report_stuck") == []
    sweep_status_reports()
    assert StatusReport.objects.get().sent_at is not None


def test_a_try_that_never_came_to_an_end_is_found_by_the_watch(delivery, clock):
    """No operation saw it fail: the job opens the alert, and resolves it when it is over."""
    packed_order()
    watch_partners(actor=ACTOR)
    assert open_alerts() == []
    clock.passes(hours=7)
    assert watch_partners(actor=ACTOR) == 1
    assert watch_partners(actor=ACTOR) == 0
    assert len(open_alerts()) == 1
    Shipment.objects.update(waiting_since=timezone.now())
    watch_partners(actor=ACTOR)
    assert open_alerts() == []


def test_what_a_cancelled_order_was_not_told_is_nobodys_trouble(delivery, order_system):
    packed_order()
    sweep_shipments()
    order_system.fail("status", status=400)
    sweep_status_reports()
    assert len(open_alerts("status_report_stuck")) == 1
    process_order_cancelled("listings", "4711", "x", actor=ACTOR)
    watch_partners(actor=ACTOR)
    assert open_alerts("status_report_stuck") == []


@pytest.mark.parametrize("step", ["claim_shipment", "keep_shipment_request", "record_waybill"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_chain_that_breaks_at_any_step_leaves_no_orphan(delivery, monkeypatch, step, when):
    """The process fails before or after each of its transactions; whoever comes next finds everything as it has to be."""
    packed_in_two()
    real = getattr(waybills, step)

    def broken(*args, **kwargs):
        if when == "after":
            real(*args, **kwargs)
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(waybills, step, broken)
        sweep_shipments()
    assert len(delivery.partner.living()) == (2 if step == "record_waybill" else 0)
    due_now()
    sweep_shipments()
    assert [row.status for row in shipments()] == ["created", "created"]
    one_living_each(delivery, barcodes())
    assert {row.external_id for row in shipments()} == {str(row["answer"]["id"]) for row in delivery.partner.living()}
    assert StatusReport.objects.count() == 1
    process_order_cancelled("listings", "4711", "x", actor=ACTOR)
    sweep_voids()
    one_living_each(delivery, [])


def test_what_was_cancelled_before_there_was_a_worker_is_voided(delivery):
    """The migration of the data frees old rows, and gives limits to carriers that nobody gave any."""
    packed_order()
    sweep_shipments()
    process_order_cancelled("listings", "4711", "x", actor=ACTOR)
    Shipment.objects.update(next_attempt_at=None)
    migration = importlib.import_module("fulfillment.migrations.0006_provider_limits")
    migration.free_voids(apps, None)
    sweep_voids()
    assert shipments()[0].status == "voided"
    ours = DeliveryProvider.objects.filter(code__in=["acs", "bex", "dexpress", "postexpress", "yunexpress"]).order_by("code")
    limits = list(ours.values_list("code", "max_weight", "max_length", "max_girth"))
    ours.update(max_weight=None, max_length=None, max_girth=None)
    migration.give_limits(apps, None)
    assert list(ours.values_list("code", "max_weight", "max_length", "max_girth")) == limits
    assert len(limits) == 5
    assert all(None not in row for row in limits)


def test_polling_stops_at_an_open_circuit(delivery, settings):
    settings.PARTNER_CIRCUIT_FAILURES = 1
    packed_order()
    sweep_shipments()
    Shipment.objects.update(status="handed_over")
    delivery.fail("status", status=500)
    flows.poll_carrier(shipments()[0].pk)
    Shipment.objects.update(polled_at=None)
    with pytest.raises(CircuitOpen):
        flows.poll_carrier(shipments()[0].pk)


def test_two_workers_at_once_ask_once(delivery):
    packed_order()
    pk = shipments()[0].pk
    assert all(outcome.won for outcome in race([lambda: flows.request_shipment(pk)] * 4))
    assert [row.status for row in shipments()] == ["created"]
    assert len(delivery.requests("POST")) == 1


def test_what_one_worker_asks_no_other_one_asks_before_its_lease_is_over(delivery):
    packed_order()
    pk = shipments()[0].pk
    assert waybills.claim_shipment(pk, actor=ACTOR) is not None  # and dies

    flows.request_shipment(pk)
    assert delivery.requests("POST") == []

    Shipment.objects.update(leased_until=timezone.now())
    flows.request_shipment(pk)
    assert ([row.status for row in shipments()], len(delivery.requests("POST"))) == (["created"], 1)
