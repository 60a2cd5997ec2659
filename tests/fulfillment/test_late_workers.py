"""Workers that come back late, when another one has taken what they held: they change nothing of it, and no waybill is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from fulfillment import flows
from fulfillment.models import PackingTask, Shipment, StatusReport
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.shipments import replace_shipment
from fulfillment.services.status_reports import ClaimedReport, claim_status_report, postpone_status_report, record_status_sent
from fulfillment.services.voids import claim_void, learn_waybill, record_void, settle_void
from fulfillment.services.waybills import (
    ClaimedShipment,
    Waybill,
    claim_shipment,
    give_back_shipment,
    keep_shipment_request,
    postpone_shipment,
    record_waybill,
    stop_shipment,
)
from fulfillment.tasks import sweep_shipments, sweep_status_reports, sweep_voids
from tests.concurrency.processes import ROOT
from tests.concurrency.threads import Started
from tests.factories.fulfillment import ACTOR
from tests.fulfillment.parcels import due_now, one_living_each, open_alerts, packed_order, shipments
from tests.partners.server import PartnerServer
from tests.warehouse.outbox.conftest import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]
MADE = "/api/v1/shipments"
WAYBILL = Waybill("w-1", "TRACK-1", "https://labels.example/1", "created", None)


def cancel() -> None:
    process_order_cancelled("listings", "4711", "not wanted", actor=ACTOR)


def lapse() -> None:
    """Who holds something held it for too long."""
    past = timezone.now() - timedelta(seconds=1)
    Shipment.objects.exclude(leased_until=None).update(leased_until=past)
    StatusReport.objects.exclude(leased_until=None).update(leased_until=past)


def taken() -> ClaimedShipment:
    claimed = claim_shipment(shipments()[0].pk, actor=ACTOR)
    assert claimed is not None
    return claimed


def taken_to_void() -> ClaimedShipment:
    claimed = claim_void(shipments()[0].pk, actor=ACTOR)
    assert claimed is not None
    return claimed


def as_it_stands() -> tuple[object, ...]:
    row = shipments()[0]
    return (row.status, row.leased_until, row.in_doubt, row.request, row.attempts, row.answered, row.next_attempt_at, row.last_error, row.version)


def test_a_late_refusal_does_not_lose_the_waybill_that_another_worker_has_made(delivery: PartnerServer) -> None:
    """The first is refused after its claim lapsed; the second one's waybill is made, its answer under way, when the order is cancelled."""
    packed_order()
    pk = shipments()[0].pk
    delivery.fail("status", status=400, seconds=2, path=MADE)
    delivery.fail("latency", when="after", seconds=5, path=MADE)
    late = Started(lambda: flows.request_shipment(pk))
    wait_for(lambda: len(delivery.faults.as_json()) == 1, 20)
    lapse()
    other = Started(lambda: flows.request_shipment(pk))
    wait_for(lambda: len(delivery.partner.living()) == 1, 20)

    assert late.finish().won
    assert shipments()[0].leased_until > timezone.now()
    cancel()
    assert shipments()[0].status == "void_requested"
    assert other.finish().won

    sweep_voids()
    row = shipments()[0]
    assert (row.status, [row.external_id]) == ("voided", delivery.partner.voids())
    one_living_each(delivery, [])


@pytest.mark.parametrize(
    "lay_down",
    [
        lambda mine, soon: postpone_shipment(mine, "no answer", soon, actor=ACTOR, answered=True),
        lambda mine, soon: give_back_shipment(mine, "not asked", soon, actor=ACTOR),
        lambda mine, _: stop_shipment(mine, "refused", actor=ACTOR),
        lambda mine, _: keep_shipment_request(mine, {"another": "request"}, actor=ACTOR),
    ],
    ids=["postponed", "given back", "stopped", "asked"],
)
@pytest.mark.usefixtures("delivery")
def test_what_another_worker_took_since_stays_as_that_one_has_it(lay_down: Callable[[ClaimedShipment, datetime], object]) -> None:
    packed_order()
    mine = taken()
    lapse()
    other = taken()
    keep_shipment_request(other, {"package": {}}, actor=ACTOR)
    before = as_it_stands()

    assert lay_down(mine, timezone.now()) is None
    assert (as_it_stands(), open_alerts()) == (before, [])

    stop_shipment(other, "refused", actor=ACTOR)
    assert (shipments()[0].leased_until, shipments()[0].last_error) == (None, "refused")


@pytest.mark.usefixtures("delivery")
def test_a_claim_that_lapsed_and_that_nobody_else_took_is_still_laid_down() -> None:
    packed_order()
    mine = taken()
    lapse()
    mine = ClaimedShipment(mine.id, mine.attempt, shipments()[0].leased_until, mine.shipment)
    stop_shipment(mine, "refused", actor=ACTOR)
    assert (shipments()[0].leased_until, shipments()[0].last_error) == (None, "refused")


def test_who_knows_of_no_waybill_does_not_close_what_another_one_voids(delivery: PartnerServer) -> None:
    packed_order()
    delivery.fail("drop", when="after", path=MADE)
    sweep_shipments()
    cancel()
    mine = taken_to_void()
    lapse()
    other = taken_to_void()
    made = delivery.partner.shipments()[0]["answer"]
    learn_waybill(other, Waybill(str(made["id"]), made["tracking_number"], "", "created", None), actor=ACTOR)

    record_void(mine, actor=ACTOR)
    assert (shipments()[0].status, shipments()[0].leased_until) == ("void_requested", other.lease)

    due_now()
    sweep_voids()
    assert shipments()[0].status == "voided"
    one_living_each(delivery, [])


@pytest.mark.parametrize("closed", ["cancelled", "voided", "settled"])
def test_an_answer_about_one_that_is_closed_is_kept_and_voided(delivery: PartnerServer, closed: str) -> None:
    """However it came to be closed: the carrier has made a waybill, and says so now."""
    packed_order()
    if closed != "cancelled":
        delivery.fail("drop", when="after", path=MADE)
        sweep_shipments()
    cancel()
    if closed == "settled":
        settle_void(shipments()[0].pk, "They have none, they say.", actor=ACTOR)
    elif closed == "voided":
        record_void(taken_to_void(), actor=ACTOR)
    assert (shipments()[0].status, shipments()[0].external_id) == ("cancelled" if closed == "cancelled" else "voided", "")
    delivery.partner.put_address(4711, {"street": "Elsewhere 9", "city": "Novi Sad", "postal_code": "21000", "country": "RS"})

    record_waybill(shipments()[0].pk, WAYBILL, actor=ACTOR)

    row = shipments()[0]
    assert (row.status, row.external_id, row.tracking_number, row.attempts, row.last_error) == ("void_requested", "w-1", "TRACK-1", 0, "")
    assert row.next_attempt_at is not None
    assert PackingTask.objects.get().tracking_number == ""
    sweep_voids()
    assert shipments()[0].status == "voided"
    assert [row["path"] for row in delivery.requests("POST")][-1] == f"{MADE}/w-1/void"
    record_waybill(shipments()[0].pk, WAYBILL, actor=ACTOR)
    assert shipments()[0].status == "voided"


def test_what_is_learnt_after_it_was_settled_is_voided_all_the_same(delivery: PartnerServer) -> None:
    packed_order()
    delivery.fail("drop", when="after", path=MADE)
    sweep_shipments()
    cancel()
    mine = taken_to_void()
    settle_void(shipments()[0].pk, "They have none, they say.", actor=ACTOR)
    made = delivery.partner.shipments()[0]["answer"]
    learn_waybill(mine, Waybill(str(made["id"]), made["tracking_number"], "", "created", None), actor=ACTOR)
    assert shipments()[0].status == "void_requested"
    sweep_voids()
    assert shipments()[0].status == "voided"
    one_living_each(delivery, [])


def test_the_one_that_replaces_it_is_not_hurt_by_a_late_waybill(delivery: PartnerServer) -> None:
    packed_order()
    old = shipments()[0].pk
    replace_shipment(old, "another box", actor=ACTOR)
    sweep_shipments()
    assert [row.status for row in shipments()] == ["cancelled", "created"]
    record_waybill(old, WAYBILL, actor=ACTOR)
    sweep_voids()
    first, second = shipments()
    assert (first.status, second.status) == ("voided", "created")
    assert PackingTask.objects.get().tracking_number == second.tracking_number
    one_living_each(delivery, [second.package.barcode])


@pytest.mark.parametrize(
    "lay_down",
    [
        lambda mine: postpone_status_report(mine, "refused", None, actor=ACTOR, answered=True),
        lambda mine: postpone_status_report(mine, "not asked", timezone.now(), actor=ACTOR, asked=False),
        lambda mine: record_status_sent(mine, actor=ACTOR),
    ],
    ids=["refused", "not asked", "sent"],
)
@pytest.mark.usefixtures("delivery")
def test_a_report_that_another_worker_took_since_stays_as_that_one_has_it(lay_down: Callable[[ClaimedReport], None]) -> None:
    packed_order()
    sweep_shipments()
    pk = StatusReport.objects.get().pk
    mine = claim_status_report(pk, actor=ACTOR)
    lapse()
    other = claim_status_report(pk, actor=ACTOR)
    assert mine is not None
    assert other is not None
    before = StatusReport.objects.values().get()

    lay_down(mine)
    assert (StatusReport.objects.values().get(), open_alerts("status_report_stuck")) == (before, [])

    record_status_sent(other, actor=ACTOR)
    lay_down(mine)
    lay_down(other)
    row = StatusReport.objects.get()
    assert (row.sent_at is not None, row.next_attempt_at, row.leased_until, row.last_error) == (True, None, None, "")


def test_a_wish_to_be_asked_later_uses_up_no_try(delivery: PartnerServer, order_system: PartnerServer) -> None:
    """408, 425 and 429 alike, at both partners."""
    packed_order()
    for partner in (delivery, order_system):
        for status in (408, 425, 429):
            partner.fail("status", status=status, times=4)
    for _ in range(12):
        due_now()
        sweep_shipments()
    row = shipments()[0]
    assert (row.attempts, row.answered, row.next_attempt_at is not None, open_alerts()) == (12, 0, True, [])
    due_now()
    sweep_shipments()
    assert shipments()[0].status == "created"
    for _ in range(12):
        due_now()
        sweep_status_reports()
    report = StatusReport.objects.get()
    assert (report.attempts, report.answered, report.next_attempt_at is not None) == (12, 0, True)


@pytest.mark.parametrize("seconds", ["10", "120"])
def test_a_claim_outlasts_the_calls_made_under_it_however_slow_a_partner_may_be(seconds: str) -> None:
    """An address and a waybill; one status: each connects, waits for an answer and for its end."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django; django.setup(); from fulfillment.services import status_reports as r, sweep as s, waybills as w;"
            "print(w.LEASE.total_seconds(), r.LEASE.total_seconds(), s.LEASE.total_seconds())",
        ],
        cwd=ROOT,
        env=os.environ | {"PARTNER_READ_TIMEOUT": seconds},
        capture_output=True,
        text=True,
        check=True,
    )
    waybill, report, sweep = (float(word) for word in said.stdout.split())
    call = 3 + 2 * int(seconds)
    assert waybill > 2 * call
    assert report > call
    assert sweep > call
