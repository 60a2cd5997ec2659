"""Waybills that nobody needs: voided at the carrier, whatever happened before; packages with a second shipment. Against the partner's own ledger."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment import flows
from fulfillment.models import Order, PackingTask, Shipment, StatusReport
from fulfillment.partners.delivery import DeliveryClient
from fulfillment.queries import stuck
from fulfillment.queries.reconciliation import Contradiction, everything_that_contradicts
from fulfillment.services import waybills
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packages import set_package_details
from fulfillment.services.packing_tasks import complete_packing_task, ship_packing_task
from fulfillment.services.providers import change_provider
from fulfillment.services.shipments import replace_shipment, retry_shipment
from fulfillment.services.voids import claim_void, settle_void
from fulfillment.tasks import sweep_shipments, sweep_voids
from tests.factories.fulfillment import ACTOR, person
from tests.fulfillment.parcels import due_now, one_living_each, open_alerts, packed_in_two, packed_order, shipments
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]
MADE = "/api/v1/shipments"
VOIDED = "/api/v1/shipments/*/void"


def contradictions() -> list[Contradiction]:
    with transaction.atomic():
        return everything_that_contradicts()


def cancel(external_id: str = "4711") -> None:
    process_order_cancelled("listings", external_id, "not wanted", actor=ACTOR)


def test_a_cancelled_order_leaves_no_waybill_behind(delivery):
    packed_in_two()
    sweep_shipments()
    cancel()
    assert [row.status for row in shipments()] == ["void_requested", "void_requested"]
    sweep_voids()
    assert [row.status for row in shipments()] == ["voided", "voided"]
    assert all(row.voided_at and row.next_attempt_at is None and row.leased_until is None for row in shipments())
    assert delivery.partner.voids() == [row.external_id for row in shipments()]
    one_living_each(delivery, [])
    sweep_voids()
    assert len(delivery.partner.voids()) == 2


def test_one_that_was_never_asked_for_is_simply_cancelled(delivery):
    packed_order()
    cancel()
    sweep_voids()
    sweep_shipments()
    assert [row.status for row in shipments()] == ["cancelled"]
    assert delivery.requests("POST") == []


def test_the_address_was_asked_for_and_nothing_more(delivery):
    packed_order()
    delivery.fail("status", status=500, path="/api/v1/delivery/*")
    sweep_shipments()
    assert (shipments()[0].attempts, shipments()[0].in_doubt) == (1, False)
    cancel()
    assert shipments()[0].status == "cancelled"


def test_a_request_whose_answer_was_lost_is_repeated_to_learn_what_to_void(delivery):
    packed_order()
    delivery.fail("drop", when="after", path=MADE)
    sweep_shipments()
    row = shipments()[0]
    assert (row.status, row.in_doubt, row.external_id) == ("requested", True, "")
    one_living_each(delivery, [row.package.barcode])
    cancel()
    sweep_voids()
    row = shipments()[0]
    assert (row.status, row.external_id, row.in_doubt) == ("voided", str(delivery.partner.shipments()[0]["answer"]["id"]), False)
    assert len(delivery.partner.shipments()) == 1
    one_living_each(delivery, [])


def test_a_request_that_was_never_heard_is_made_and_voided(delivery):
    packed_order()
    delivery.fail("status", status=500, path=MADE)
    sweep_shipments()
    cancel()
    sweep_voids()
    assert [row.status for row in shipments()] == ["voided"]
    one_living_each(delivery, [])


def test_a_refusal_of_the_same_words_says_that_there_is_none(delivery):
    packed_order()
    delivery.fail("status", status=500, path=MADE)
    sweep_shipments()
    cancel()
    delivery.fail("status", status=422, path=MADE)
    sweep_voids()
    assert [(row.status, row.external_id) for row in shipments()] == [("voided", "")]
    assert delivery.partner.shipments() == []


def test_cancelled_while_the_request_is_in_flight(delivery, monkeypatch):
    """The answer comes after the cancellation: the waybill is kept, and voided; nobody is told of a shipment."""
    packed_order()
    row = shipments()[0]
    ask = DeliveryClient.create_shipment

    def ask_slowly(self, request, key):
        made = ask(self, request, key)
        cancel()
        # The one that asks still holds it.
        assert shipments()[0].status == "void_requested"
        flows.void_shipment(row.pk)
        assert shipments()[0].status == "void_requested"
        return made

    with monkeypatch.context() as slow:
        slow.setattr(DeliveryClient, "create_shipment", ask_slowly)
        flows.request_shipment(row.pk)
    row = shipments()[0]
    assert (row.status, row.external_id != "", row.leased_until) == ("void_requested", True, None)
    assert PackingTask.objects.get().tracking_number == ""
    sweep_voids()
    assert shipments()[0].status == "voided"
    one_living_each(delivery, [])


def test_cancelled_between_the_address_and_the_request(delivery, monkeypatch):
    packed_order()
    row = shipments()[0]
    ask = DeliveryClient.address_for_order

    def ask_slowly(self, order_id):
        address = ask(self, order_id)
        cancel()
        return address

    with monkeypatch.context() as slow:
        slow.setattr(DeliveryClient, "address_for_order", ask_slowly)
        flows.request_shipment(row.pk)
    assert shipments()[0].status == "cancelled"
    assert delivery.requests("POST") == []


def test_cancelled_in_flight_and_the_carrier_refuses(delivery, monkeypatch):
    packed_order()
    row = shipments()[0]
    ask = DeliveryClient.create_shipment
    delivery.fail("status", status=422, path=MADE)

    def ask_slowly(self, request, key):
        cancel()
        return ask(self, request, key)

    with monkeypatch.context() as slow:
        slow.setattr(DeliveryClient, "create_shipment", ask_slowly)
        flows.request_shipment(row.pk)
    assert shipments()[0].status == "voided"
    assert delivery.partner.shipments() == []
    assert open_alerts() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "drop"},
        {"kind": "drop", "when": "after"},
        {"kind": "wrong_json"},
        {"kind": "status", "status": 429},
    ],
    ids=str,
)
def test_a_void_that_fails_is_tried_again(delivery, fault):
    packed_order()
    sweep_shipments()
    cancel()
    delivery.fail(path=VOIDED, **fault)
    sweep_voids()
    row = shipments()[0]
    assert (row.status, row.last_error != "", row.leased_until) == ("void_requested", True, None)
    assert row.next_attempt_at is not None
    due_now()
    sweep_voids()
    assert (shipments()[0].status, shipments()[0].last_error) == ("voided", "")
    assert len(delivery.partner.voids()) == 1


def test_a_waybill_that_the_carrier_does_not_know_any_more_is_gone(delivery):
    packed_order()
    sweep_shipments()
    cancel()
    delivery.fail("status", status=404, path=VOIDED)
    sweep_voids()
    assert shipments()[0].status == "voided"
    assert open_alerts() == []


def test_a_parcel_that_the_carrier_has_already_asks_a_person(delivery):
    packed_order()
    sweep_shipments()
    row = shipments()[0]
    cancel()
    delivery.partner.put_status(row.external_id, "in_transit")
    sweep_voids()
    row = shipments()[0]
    assert (row.status, row.next_attempt_at) == ("void_requested", None)
    alert = open_alerts()[0]
    assert (alert.subject, alert.severity) == (f"shipment:{row.pk}", "critical")
    assert "its waybill is not voided" in alert.message
    with pytest.raises(PermissionDenied):
        settle_void(row.pk, "they send it back", actor=person(Role.PACKER))
    with pytest.raises(ValidationFailed):
        settle_void(row.pk, " ", actor=person(Role.MANAGER))
    settle_void(row.pk, "they send it back", actor=person(Role.MANAGER))
    row = shipments()[0]
    assert (row.status, row.notes, open_alerts()) == ("voided", "they send it back", [])
    with pytest.raises(Conflict):
        settle_void(row.pk, "again", actor=ACTOR)


def test_a_void_is_tried_again_by_hand(delivery):
    packed_order()
    sweep_shipments()
    cancel()
    delivery.fail("status", status=403, path=VOIDED)
    sweep_voids()
    assert len(open_alerts()) == 1
    retry_shipment(shipments()[0].pk, actor=person(Role.PACKER))
    assert open_alerts() == []
    sweep_voids()
    assert shipments()[0].status == "voided"


def test_a_waybill_is_replaced_only_after_it_was_voided(delivery):
    task = packed_order()
    sweep_shipments()
    old, before = shipments()[0], Order.objects.get().status
    packer = person(Role.PACKER)

    new = replace_shipment(old.pk, "label torn", actor=packer, provider="bex")

    assert (new.status, new.replaces_id, new.next_attempt_at, new.provider.code) == ("requested", old.pk, None, "bex")
    assert (PackingTask.objects.get().tracking_number, Shipment.objects.get(pk=old.pk).cancellation_reason) == ("", "label torn")
    assert (before, Order.objects.get().status, contradictions()) == ("ready_for_shipment", "packing", [])
    sweep_shipments()
    assert shipments()[1].status == "requested"
    for refused in (retry_shipment, lambda pk, **kw: replace_shipment(pk, "no", **kw)):
        with pytest.raises(Conflict, match="still being voided"):
            refused(new.pk, actor=packer)
    with pytest.raises(Conflict, match="no waybill yet"):
        ship_packing_task(task.pk, actor=packer)
    sweep_voids()
    sweep_shipments()
    assert [row.status for row in shipments()] == ["voided", "created"]
    made = delivery.partner.shipments()
    assert made[0]["key"] != made[1]["key"]
    assert made[1]["request"]["provider"] == "bex"
    one_living_each(delivery, [old.package.barcode])
    assert PackingTask.objects.get().tracking_number == shipments()[1].tracking_number
    assert (Order.objects.get().status, StatusReport.objects.count()) == ("ready_for_shipment", 1)
    assert open_alerts() == []
    ship_packing_task(task.pk, actor=packer)
    assert Order.objects.get().status == "shipped"
    with pytest.raises(Conflict, match="can't be replaced"):
        replace_shipment(new.pk, "too late", actor=packer)


def test_the_successor_is_locked_before_the_alert(delivery):
    packed_order()
    sweep_shipments()
    replace_shipment(shipments()[0].pk, "torn", actor=ACTOR)
    with CaptureQueriesContext(connection) as captured:
        settle_void(shipments()[0].pk, "told by telephone", actor=ACTOR)
    said = [query["sql"] for query in captured]
    locks = [place for place, sql in enumerate(said) if "FOR NO KEY UPDATE" in sql]
    alert = next(place for place, sql in enumerate(said) if sql.startswith('UPDATE "inventory_alert"'))
    assert (len(locks), max(locks) < alert) == (2, True)
    sweep_shipments()
    assert [row.status for row in shipments()] == ["voided", "created"]


def test_one_that_is_refused_goes_with_another_carrier(delivery):
    packed_order()
    delivery.fail("status", status=422, path=MADE)
    sweep_shipments()
    assert len(open_alerts()) == 1
    replace_shipment(shipments()[0].pk, "refused", actor=person(Role.PACKER), provider="acs")
    assert open_alerts() == []
    sweep_shipments()
    assert [row.status for row in shipments()] == ["cancelled", "created"]
    assert [row["request"]["provider"] for row in delivery.partner.living()] == ["acs"]


def test_one_in_doubt_is_voided_before_another_carrier_is_asked(delivery):
    packed_order()
    delivery.fail("drop", when="after", path=MADE)
    sweep_shipments()
    replace_shipment(shipments()[0].pk, "no answer", actor=person(Role.PACKER), provider="acs")
    due_now()
    sweep_shipments()
    assert [row.status for row in shipments()] == ["void_requested", "requested"]
    sweep_voids()
    sweep_shipments()
    assert [row.status for row in shipments()] == ["voided", "created"]
    one_living_each(delivery, [shipments()[0].package.barcode])


def test_an_order_that_is_cancelled_while_a_waybill_is_replaced(delivery):
    packed_order()
    sweep_shipments()
    replace_shipment(shipments()[0].pk, "torn", actor=ACTOR)
    cancel()
    sweep_voids()
    sweep_shipments()
    assert [row.status for row in shipments()] == ["voided", "cancelled"]
    one_living_each(delivery, [])


def test_the_carrier_of_a_task_is_changed_as_long_as_there_is_no_waybill(delivery):
    task = packed_in_two()
    packer = person(Role.PACKER)
    delivery.fail("status", status=422, path=MADE, times=2)
    sweep_shipments()
    changed = change_provider(task.pk, "dexpress", actor=packer, expected_version=PackingTask.objects.get().version)
    assert changed.provider.code == "dexpress"
    sweep_shipments()
    assert sorted(row.status for row in shipments()) == ["cancelled", "cancelled", "created", "created"]
    one_living_each(delivery, [package.barcode for package in task.packages.all()])
    with pytest.raises(Conflict, match="has a waybill already"):
        change_provider(task.pk, "acs", actor=packer)
    with pytest.raises(NotFound):
        change_provider(task.pk, "pigeon", actor=packer)
    with pytest.raises(PermissionDenied):
        change_provider(task.pk, "acs", actor=person(Role.PICKER))


def test_one_that_waits_for_a_void_is_not_stuck_itself_and_asking_for_one_or_for_all_says_the_same(delivery):
    packed_order()
    sweep_shipments()
    delivery.fail("status", status=422, path=VOIDED)
    replace_shipment(shipments()[0].pk, "torn", actor=ACTOR)
    Shipment.objects.update(waiting_since=timezone.now() - stuck.PATIENCE)
    sweep_voids()
    old, new = shipments()
    assert (old.status, new.status, new.next_attempt_at) == ("void_requested", "requested", None)
    assert [row.pk for row in stuck.stuck_shipments()] == [old.pk]
    assert (stuck.is_stuck(old), stuck.is_stuck(new)) == (True, False)
    assert [alert.subject for alert in open_alerts()] == [f"shipment:{old.pk}"]


def test_the_carrier_is_not_changed_while_the_waybill_before_is_being_voided(delivery):
    task, packer = packed_order(), person(Role.PACKER)
    sweep_shipments()
    replace_shipment(shipments()[0].pk, "wrong address", actor=packer, provider="bex")
    with pytest.raises(Conflict, match="still being voided"):
        change_provider(task.pk, "acs", actor=packer)
    due_now()
    sweep_shipments()
    assert [(row.status, row.provider.code) for row in shipments()] == [("void_requested", "postexpress"), ("requested", "bex")]
    assert PackingTask.objects.get().provider.code == "postexpress"
    one_living_each(delivery, [shipments()[0].package.barcode])
    sweep_voids()
    change_provider(task.pk, "acs", actor=packer)
    sweep_shipments()
    assert [row.status for row in shipments()] == ["voided", "cancelled", "created"]
    assert [row["request"]["provider"] for row in delivery.partner.living()] == ["acs"]
    one_living_each(delivery, [shipments()[0].package.barcode])


@pytest.mark.parametrize(
    ("weight", "sides", "code", "limit"),
    [("30.001", (10, 10, 10), "too_heavy", "30.00"), ("1", (121, 10, 10), "too_long", "120.00"), ("1", (100, 60, 41), "too_big", "300.00")],
)
def test_a_carrier_takes_only_what_it_carries(delivery, weight, sides, code, limit):
    task = packed_order()
    task.packages.update(weight=weight, length=sides[0], width=sides[1], height=sides[2])
    with pytest.raises(ValidationFailed) as refused:
        change_provider(task.pk, "yunexpress", actor=ACTOR)
    assert [(fault["code"], fault["limit"]) for fault in refused.value.errors] == [(code, limit)]
    change_provider(task.pk, "dexpress", actor=ACTOR)


def test_a_box_that_is_too_much_is_not_closed(delivery):
    task = packed_order()
    # As it was before it was closed.
    PackingTask.objects.filter(pk=task.pk).update(status="in_progress")
    Shipment.objects.all().delete()
    set_package_details(task.pk, 51, 30, 20, 10, actor=ACTOR)
    with pytest.raises(Conflict) as refused:
        complete_packing_task(task.pk, actor=ACTOR)
    assert [(fault["code"], fault["is"]) for fault in refused.value.errors] == [("too_heavy", "51.000")]


def test_a_worker_that_died_holds_a_void_only_for_a_while(delivery):
    packed_order()
    sweep_shipments()
    cancel()
    row = shipments()[0]
    assert claim_void(row.pk, actor=ACTOR) is not None
    assert claim_void(row.pk, actor=ACTOR) is None
    sweep_voids()
    assert delivery.partner.voids() == []
    due_now()
    sweep_voids()
    assert shipments()[0].status == "voided"
    assert waybills.claim_shipment(row.pk, actor=ACTOR) is None
