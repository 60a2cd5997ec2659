"""The sweep of the order system's orders, against a real partner that loses, lies and goes away."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from fulfillment import order_sweep
from fulfillment.models import Order, OrderDisagreement, PickingTask, PutBack, SweepCursor
from fulfillment.order_sweep import SweepReport, sweep_orders
from fulfillment.services import sweep
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.packing_tasks import ship_packing_task
from fulfillment.services.waybills import Waybill, claim_shipment, keep_shipment_request, record_waybill
from inventory.models import Alert, Product, Stock, StorefrontProduct
from tests.factories.fulfillment import ACTOR, begun, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, StorefrontFactory, StorefrontProductFactory
from tests.partners.server import PartnerServer
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
def milk(transactional_db: None) -> Product:
    """A hundred pieces of one product, listed as 100 on storefront 1."""
    place, product = reachable_site(code="MAIN", external_id="1"), ProductFactory(sku="MILK")
    stocked(product, place.shelf, 100)
    StorefrontProductFactory(product=product, external_listing_id="100", storefront=StorefrontFactory(external_id="1"))
    return product


def theirs(server: PartnerServer, order_id: int, minutes: float = 0, **fields: Any) -> None:
    """An order as the order system has it, changed so many minutes after two hours ago."""
    at = (LONG_AGO + timedelta(minutes=minutes)).isoformat()
    server.partner.put_order(order_id, **{"items": [{"listing_id": 100, "quantity": 2}], "updated_at": at, **fields})


def ours() -> dict[str, str]:
    return dict(Order.objects.values_list("external_id", "status"))


def due() -> None:
    """Whatever waits for its time may be tried now."""
    SweepCursor.objects.update(next_attempt_at=None)
    Order.objects.update(compared_at=None, created_at=timezone.now() - timedelta(hours=1))


def counts(report: SweepReport) -> dict[str, Any]:
    return {name: value for name, value in report.as_data().items() if value}


def disagreements() -> list[tuple[str, str, str, str]]:
    rows = OrderDisagreement.objects.filter(resolved_at=None).order_by("external_id")
    return list(rows.values_list("external_id", "kind", "ours", "theirs"))


def alerts() -> list[str]:
    return list(Alert.objects.filter(kind=sweep.DISAGREEMENT, resolved_at=None).order_by("subject").values_list("subject", flat=True))


def shipped(order_id: str) -> None:
    task = packed(picked(PickingTask.objects.get(order__external_id=order_id), person(Role.PICKER)), person(Role.PACKER))
    shipment = task.shipments.get()
    claimed = claim_shipment(shipment.pk, actor=ACTOR)
    assert claimed is not None
    keep_shipment_request(claimed, {}, actor=ACTOR)
    record_waybill(shipment.pk, Waybill("w", "T", "", "created", None), actor=ACTOR)
    ship_packing_task(task.pk, actor=ACTOR)


# --- what the stream lost ----------------------------------------------------------------------------------------------------------------


def test_orders_that_the_stream_lost_are_taken_in_page_by_page(order_system: PartnerServer, milk: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_sweep, "PAGE", 2)
    for number in range(5):
        theirs(
            order_system, number, minutes=number, items=[{"listing_id": 100, "quantity": number + 1, "warehouse_id": "1"}], order_number=f"S-{number}"
        )

    report = sweep_orders()

    assert counts(report) == {"listed": 5, "taken_in": 5}
    assert ours() == dict.fromkeys("01234", "accepted")
    taken = Order.objects.get(external_id="4")
    assert (taken.source, taken.order_number, taken.storefront_external_id, taken.lines.get().quantity) == ("listings", "S-4", "1", 5)
    assert Stock.objects.get().reserved == 15
    assert SweepCursor.objects.get(pk="confirmed").updated_after == LONG_AGO + timedelta(minutes=4)
    asked = [row["path"] for row in order_system.requests("GET")]
    assert asked == ["/api/v1/orders"] * 4  # three pages of the confirmed ones, one of the cancelled ones

    # Again, from five minutes before: nothing is taken in twice.
    assert counts(sweep_orders()) == {"listed": 5, "agrees": 5}
    assert (Order.objects.count(), PickingTask.objects.count(), Stock.objects.get().reserved) == (5, 5, 15)


def test_what_there_is_not_enough_of_is_kept_as_rejected(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1, items=[{"listing_id": 100, "quantity": 101}])
    assert counts(sweep_orders()) == {"listed": 1, "rejected": 1}
    assert (ours(), disagreements()) == ({"1": "rejected"}, [])


def test_a_cancellation_that_the_stream_lost_is_made(order_system: PartnerServer, milk: Product) -> None:
    for number in (1, 2, 3):
        theirs(order_system, number)
    sweep_orders()
    picker = person(Role.PICKER)
    pick(begun(PickingTask.objects.get(order__external_id="2"), picker).items.get(), picker, 1)
    theirs(order_system, 2, minutes=30, status="cancelled")
    theirs(order_system, 9, minutes=31, status="cancelled")  # never confirmed, so that we need not know it

    report = sweep_orders()

    assert counts(report)["cancelled"] == 1
    assert ours() == {"1": "accepted", "2": "cancelled", "3": "accepted"}
    assert Order.objects.get(external_id="2").cancellation_reason == "cancelled in the order system"
    assert PutBack.objects.get().quantity == 1
    assert counts(sweep_orders()).get("cancelled") is None


def test_without_a_list_the_orders_that_we_know_are_asked_for(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    theirs(order_system, 2)
    sweep_orders()
    order_system.partner.listing = False
    theirs(order_system, 1, minutes=5, status="cancelled")
    theirs(order_system, 3, minutes=6)
    due()

    report = sweep_orders()

    assert counts(report) == {"compared": 2, "agrees": 1, "cancelled": 1, "not_offered": ["confirmed", "cancelled"]}
    assert ours() == {"1": "cancelled", "2": "accepted"}
    # Nobody asks for the lists before an hour has passed, nor for an order that was compared just now.
    before = len(order_system.requests())
    assert counts(sweep_orders()) == {"busy": ["confirmed", "cancelled"]}
    assert len(order_system.requests()) == before
    # The list comes to be: nothing that happened meanwhile is lost.
    order_system.partner.listing = True
    due()
    assert counts(sweep_orders())["taken_in"] == 1
    assert ours()["3"] == "accepted"


def test_what_has_only_just_changed_is_left_to_the_stream(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    theirs(order_system, 2, updated_at=datetime.now(UTC).isoformat())
    sweep_orders()
    assert ours() == {"1": "accepted"}
    assert SweepCursor.objects.get(pk="confirmed").updated_after == LONG_AGO

    theirs(order_system, 2, updated_at=(datetime.now(UTC) - timedelta(seconds=61)).isoformat())
    sweep_orders()
    assert ours() == {"1": "accepted", "2": "accepted"}


def test_a_clock_that_runs_ahead_does_not_carry_the_cursor_away(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1, updated_at=(datetime.now(UTC) + timedelta(days=900)).isoformat())
    sweep_orders()
    assert ours() == {"1": "accepted"}
    reached = SweepCursor.objects.get(pk="confirmed").updated_after
    assert reached is not None
    assert reached <= timezone.now()


# --- what no rule settles ------------------------------------------------------------------------------------------------------------------


def test_a_bad_order_does_not_keep_the_others_and_is_not_lost(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    theirs(order_system, 2, minutes=1, items=[{"listing_id": 777, "quantity": 1}])
    theirs(order_system, 3, minutes=2, items=[{"listing_id": 100, "quantity": "many"}])
    theirs(order_system, 4, minutes=3)

    assert counts(sweep_orders()) == {"listed": 4, "taken_in": 2, "disagrees": 4, "compared": 2}
    assert ours() == {"1": "accepted", "4": "accepted"}
    assert disagreements() == [("2", "not_taken_in", "", "confirmed"), ("3", "unreadable", "", "")]
    assert "777" in OrderDisagreement.objects.get(external_id="2").detail
    assert alerts() == ["order:2", "order:3"]

    # Mended on either side, they come in with the next sweep, long after the cursor has passed them.
    SweepCursor.objects.update(updated_after=timezone.now())
    StorefrontProduct.objects.create(storefront=StorefrontProduct.objects.get().storefront, product=milk, external_listing_id="777")
    theirs(order_system, 3)
    assert counts(sweep_orders()) == {"taken_in": 2, "compared": 2}
    assert (disagreements(), alerts()) == ([], [])
    assert len(ours()) == 4


def test_a_cancellation_that_came_too_late_is_told(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    sweep_orders()
    shipped("1")
    theirs(order_system, 1, minutes=30, status="cancelled")

    sweep_orders()
    sweep_orders()

    assert disagreements() == [("1", "gone_already", "shipped", "cancelled")]
    row = OrderDisagreement.objects.get()
    assert "return" in row.detail
    assert row.count > 1
    assert (ours(), alerts()) == ({"1": "shipped"}, ["order:1"])
    theirs(order_system, 1, minutes=40, status="shipped")
    sweep_orders()
    assert (disagreements(), alerts()) == ([], [])


def test_what_is_wanted_there_and_cancelled_here_is_told(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    sweep_orders()
    process_order_cancelled("listings", "1", "by mistake", actor=ACTOR)
    sweep_orders()
    assert disagreements() == [("1", "cancelled_here", "cancelled", "confirmed")]
    theirs(order_system, 1, minutes=30, status="cancelled")
    sweep_orders()
    assert disagreements() == []


def test_what_is_over_or_unknown_there_and_open_here_is_told(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    theirs(order_system, 2)
    sweep_orders()
    order_system.partner.strict = True
    order_system.ledger.reset()
    theirs(order_system, 1, minutes=5, status="delivered")
    due()
    sweep_orders()
    assert disagreements() == [("1", "closed_there", "accepted", "delivered"), ("2", "unknown_there", "accepted", "")]


def test_an_answer_about_another_order_changes_nothing(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    theirs(order_system, 2)
    sweep_orders()
    theirs(order_system, 2, status="cancelled")
    order_system.fail("wrong_order", path="/api/v1/orders/1")
    SweepCursor.objects.update(updated_after=timezone.now())
    due()
    assert counts(sweep_orders()) == {"compared": 2, "cancelled": 1, "disagrees": 1}
    assert (ours(), disagreements()) == ({"1": "accepted", "2": "cancelled"}, [("1", "unreadable", "accepted", "")])
    assert counts(sweep_orders()) == {"compared": 1, "agrees": 1}
    assert disagreements() == []


# --- a partner that goes away ----------------------------------------------------------------------------------------------------------------

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": "120"},
    {"kind": "drop"},
    {"kind": "truncated"},
    {"kind": "wrong_json"},
    {"kind": "html"},
    {"kind": "oversized"},
    {"kind": "missing", "field": "orders"},
    {"kind": "replace", "values": {"orders": [{"id": 1}]}},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}")
def test_a_page_that_does_not_come_loses_nothing(
    order_system: PartnerServer, milk: Product, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    monkeypatch.setattr(order_sweep, "PAGE", 1)
    for number in (1, 2, 3):
        theirs(order_system, number, minutes=10 * number)
    order_system.fail("latency", seconds=0.001)  # the first page comes
    order_system.fail(**fault)

    report = sweep_orders()

    assert report.unreachable
    assert ours() == {"1": "accepted"}
    cursor = SweepCursor.objects.get(pk="confirmed")
    assert (cursor.updated_after, cursor.leased_until, cursor.attempts) == (LONG_AGO + timedelta(minutes=10), None, 1)
    assert cursor.next_attempt_at is not None
    if fault.get("retry_after"):
        assert cursor.next_attempt_at >= timezone.now() + timedelta(seconds=110)
    # Not before its time; then from where it stood.
    SweepCursor.objects.filter(pk="confirmed").update(next_attempt_at=timezone.now() + timedelta(seconds=60))
    assert "confirmed" in sweep_orders().busy
    due()
    assert counts(sweep_orders())["taken_in"] == 2
    assert ours() == dict.fromkeys("123", "accepted")
    assert SweepCursor.objects.get(pk="confirmed").attempts == 0


def test_a_wrong_token_is_told_and_tried_again(order_system: PartnerServer, milk: Product, settings: Any) -> None:
    settings.ORDER_SYSTEM_TOKEN = "another"
    theirs(order_system, 1)
    assert "401" in sweep_orders().unreachable
    settings.ORDER_SYSTEM_TOKEN = "token-for-tests"
    due()
    sweep_orders()
    assert ours() == {"1": "accepted"}


def test_a_page_that_says_it_is_followed_by_itself_ends(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    order_system.fail("replace", values={"next": "0"}, times=None, path="/api/v1/orders")
    assert counts(sweep_orders())["taken_in"] == 1
    assert len(order_system.requests()) <= 6


# --- two at once, and one that died ------------------------------------------------------------------------------------------------------------


def test_two_sweeps_at_once_take_in_each_order_once(order_system: PartnerServer, milk: Product) -> None:
    for number in range(6):
        theirs(order_system, number, minutes=number)
    barrier, reports = threading.Barrier(2), []

    def run() -> None:
        try:
            barrier.wait(10)
            reports.append(sweep_orders())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(report.outcomes["taken_in"] for report in reports) == 6
    assert (Order.objects.count(), PickingTask.objects.count(), Stock.objects.get().reserved) == (6, 6, 12)


def test_one_that_died_is_followed_and_moves_nothing_any_more(order_system: PartnerServer, milk: Product) -> None:
    dead = sweep.claim_sweep("confirmed", actor=ACTOR)
    assert dead is not None
    assert sweep.claim_sweep("confirmed", actor=ACTOR) is None
    SweepCursor.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    after = sweep.claim_sweep("confirmed", actor=ACTOR)
    assert after is not None

    assert not sweep.advance_sweep(dead, timezone.now(), actor=ACTOR)
    sweep.finish_sweep(dead, actor=ACTOR)
    sweep.postpone_sweep(dead, "late", timezone.now() + timedelta(days=1), actor=ACTOR)

    cursor = SweepCursor.objects.get()
    assert (cursor.updated_after, cursor.turn, cursor.next_attempt_at, cursor.succeeded_at) == (None, after.turn, None, None)
    assert sweep.advance_sweep(after, LONG_AGO, actor=ACTOR)
    assert sweep.advance_sweep(after, LONG_AGO - timedelta(days=1), actor=ACTOR)
    assert SweepCursor.objects.get().updated_after == LONG_AGO  # never back


def test_killed_after_the_orders_and_before_the_cursor(order_system: PartnerServer, milk: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs(order_system, 1)

    def killed(*args: Any, **kwargs: Any) -> bool:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "advance_sweep", killed)
        with pytest.raises(SystemExit):
            sweep_orders()
    assert (ours(), SweepCursor.objects.get().updated_after) == ({"1": "accepted"}, None)
    SweepCursor.objects.update(leased_until=timezone.now())
    assert counts(sweep_orders()) == {"listed": 1, "agrees": 1}
    assert (PickingTask.objects.count(), Stock.objects.get().reserved) == (1, 2)


def test_a_sweep_without_time_goes_on_next_time(order_system: PartnerServer, milk: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_sweep, "PAGE", 1)
    for number in (1, 2):
        theirs(order_system, number, minutes=10 * number)
    sweep_orders(seconds=0)
    assert ours() == {"1": "accepted"}
    cursor = SweepCursor.objects.get(pk="confirmed")
    assert (cursor.leased_until, cursor.next_attempt_at, cursor.attempts) == (None, None, 0)
    sweep_orders()
    assert ours() == {"1": "accepted", "2": "accepted"}


# --- by hand -------------------------------------------------------------------------------------------------------------------------------------


def test_the_command(order_system: PartnerServer, milk: Product) -> None:
    theirs(order_system, 1)
    out = StringIO()
    call_command("sweep_orders", stdout=out)
    assert out.getvalue() == "1 listed, 0 asked for one by one: 1 taken in.\n"

    theirs(order_system, 2, items=[{"listing_id": 5, "quantity": 1}])
    out = StringIO()
    with pytest.raises(CommandError, match="1 orders") as failed:
        call_command("sweep_orders", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert (failed.value.returncode, told["ok"], told["listed"]) == (1, False, 2)
    assert [(row["external_id"], row["kind"], row["theirs"]) for row in told["disagreements"]] == [("2", "not_taken_in", "confirmed")]

    order_system.fail("status", status=503, times=None)
    with pytest.raises(CommandError, match="Not compared to the end: order system: answered 503") as failed:
        call_command("sweep_orders", stdout=StringIO())
    assert failed.value.returncode == 2


def test_the_job_is_planned(settings: Any) -> None:
    from fulfillment import tasks

    planned = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert planned[tasks.sweep_orders.name] == 180.0
