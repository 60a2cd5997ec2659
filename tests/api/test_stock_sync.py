"""`/stock-sync`: how it stands, the queue, and what people and programs do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Movement, Product
from stocksync.api.sync import StatisticsOut
from stocksync.enums import ChannelMode, DiscrepancyKind, RemoteState
from stocksync.models import Channel, Discrepancy, PendingStockOperation, SyncReport
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, Site
from tests.factories.stocksync import (
    ChannelFactory,
    ListingLevelFactory,
    claimed,
    elsewhere,
    given_up,
    many_operations,
    operation_of,
    owed,
    refused,
    site,
    stocked,
    taken_in,
    told,
)
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Site:
    return site(code="ONE")


@pytest.fixture
def apple(place: Site) -> Product:
    made: Product = ProductFactory(sku="APPLE", name="Apple")
    stocked(made, place.shelf, 10)
    return made


@pytest.fixture
def channel(place: Site) -> Channel:
    return elsewhere(place, code="shop", name="Shop")


@pytest.fixture
def operation(channel: Channel, apple: Product) -> PendingStockOperation:
    return owed(channel, [(apple, 2)], external_id="A1")


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [str(row["id"]) for row in response.json()["results"]]


def test_status_says_how_it_stands(integration, channel, apple):
    for ending in (told, given_up, refused):
        ending(owed(channel, [(apple, 1)]))
    body = integration.get("stock-sync/status").json()
    assert (set(body), body["status"]) == ({"status", "statistics", "problems", "last_updated"}, "critical")
    figures = body["statistics"]
    assert (figures["pending_operations"], figures["failed_operations"], figures["completed_today"]) == (1, 1, 1)
    assert (figures["stale_operations"], figures["open_discrepancies"], figures["manual_reviews"]) == (0, 0, 1)
    assert set(figures) == set(StatisticsOut().fields)
    ChannelFactory(code="quiet", read_to_end_at=timezone.now())
    quiet = integration.get("stock-sync/status", channel="quiet").json()
    assert (quiet["status"], quiet["problems"], quiet["statistics"]["pending_operations"]) == ("healthy", [], 0)
    assert codes(integration.get("stock-sync/status", channel="none")) == (400, "validation_failed")
    assert codes(integration.get("stock-sync/status", token_id="1")) == (400, "validation_failed")


def test_the_queue_shows_what_is_owed_and_why_not_yet(integration, operation):
    operation = refused(operation, error="422: not this way")
    row = integration.get("stock-sync/pending").json()["results"][0]
    assert row["id"] == str(operation.pk)
    assert (row["channel"], row["order"], row["order_id"], row["operation_type"], row["status"]) == (
        "shop",
        operation.order_id,
        "A1",
        "deduction",
        "pending",
    )
    assert [(line["sku"], line["quantity"]) for line in row["lines"]] == [("APPLE", "2.000")]
    assert (row["retry_count"], row["max_retries"], row["attempts"], row["error_message"]) == (1, 5, 1, "422: not this way")
    assert (row["warehouse"], row["wanted_there"], row["completed_at"]) == ("ONE", True, None)
    assert row["next_retry_at"] == operation.next_retry_at.isoformat().replace("+00:00", "Z")
    told(operation)
    done = integration.get("stock-sync/pending", status="completed").json()["results"][0]
    assert (done["next_retry_at"], done["completed_at"] is not None) == (None, True)


def test_the_queue_is_filtered_searched_and_paged(integration, channel, apple, operation):
    failed = given_up(owed(channel, [(apple, 1)], external_id="B2"))
    taken_in(channel, [(apple, 1)], external_id="C3")
    taken = taken_in(channel, [], external_id="C3", revision="r2", state=RemoteState.CANCELLED)
    pear, elsewhere_too = ProductFactory(sku="PEAR"), site()
    stocked(pear, elsewhere_too.shelf, 1)
    other = owed(elsewhere(elsewhere_too, code="other"), [(pear, 1)], external_id="A1")

    assert len(ids(integration.get("stock-sync/pending"))) == 5
    assert ids(integration.get("stock-sync/pending", status="failed")) == [str(failed.pk)]
    assert ids(integration.get("stock-sync/pending", kind="refund")) == [str(taken.operation_id)]
    assert ids(integration.get("stock-sync/pending", channel="other")) == [str(other.pk)]
    assert set(ids(integration.get("stock-sync/pending", order="A1"))) == {str(operation.pk), str(other.pk)}
    assert ids(integration.get("stock-sync/pending", order="A1", channel="shop")) == [str(operation.pk)]
    assert ids(integration.get("stock-sync/pending", search="B2")) == [str(failed.pk)]
    assert ids(integration.get("stock-sync/pending", search="pear")) == [str(other.pk)]
    assert ids(integration.get("stock-sync/pending", created_to=operation.created_at.isoformat())) == []
    assert codes(integration.get("stock-sync/pending", status="waiting")) == (400, "validation_failed")
    assert codes(integration.get("stock-sync/pending", state="failed")) == (400, "validation_failed")

    seen, link = [], "stock-sync/pending?page_size=2"
    while link:
        page = integration.get(link).json()
        seen += [row["id"] for row in page["results"]]
        link = page["next"]
    assert seen == ids(integration.get("stock-sync/pending"))


def test_lists_cost_the_same_for_one_and_for_many(manager, channel, apple):
    report = {"ends_at": timezone.now(), "figures": {"success_rate": 1}}

    def counts() -> list[int]:
        found = []
        for path in ("pending", "orders", "discrepancies", "levels", "channels", "reports", "status"):
            with CaptureQueriesContext(connection) as queries:
                response = manager.get(f"stock-sync/{path}")
            assert path == "status" or response.json()["results"], path
            found.append(len(queries))
        return found

    def more(number: int) -> None:
        for row in many_operations(channel, number, product=apple):
            Discrepancy.objects.create(channel=channel, order=row.order, operation=row, kind=DiscrepancyKind.GIVEN_UP, detail="x")
            ListingLevelFactory()
            SyncReport.objects.create(begins_at=timezone.now(), **report)

    more(1)
    first = counts()
    more(6)
    assert counts() == first
    assert max(first) <= 12


def test_one_operation_and_its_log(manager, operation):
    refused(operation)
    answer = manager.get(f"stock-sync/operations/{operation.pk}")
    assert (answer.json()["id"], answer["ETag"]) == (str(operation.pk), f'"{PendingStockOperation.objects.get().version}"')
    log = manager.get(f"stock-sync/operations/{operation.pk}/log").json()["results"]
    assert [(row["action"], row["status"], row["execution_time_ms"]) for row in log] == [
        ("created", "pending", None),
        ("sync_failed", "pending", 12),
        ("retry_failed", "pending", None),
    ]
    assert (log[0]["performed_by"], log[1]["details"]["message"]) == ("tests", "422: no")
    first = manager.get(f"stock-sync/operations/{operation.pk}/log", page_size=1).json()
    assert manager.get(first["next"]).json()["results"][0]["action"] == "sync_failed"
    for unknown in (uuid4(), 17, "nothing"):
        for path in (f"operations/{unknown}", f"operations/{unknown}/log"):
            assert codes(manager.get(f"stock-sync/{path}")) == (404, "not_found")
        assert codes(manager.post(f"stock-sync/retry/{unknown}")) == (404, "not_found")
        assert codes(manager.post(f"stock-sync/rollback/{unknown}", {"reason": "x"})) == (404, "not_found")
        assert codes(manager.delete(f"stock-sync/cancel/{unknown}")) == (404, "not_found")


def test_retried_by_hand(manager, operation):
    given_up(operation)
    version = PendingStockOperation.objects.get().version
    path = f"stock-sync/retry/{operation.pk}"
    assert codes(manager.post(path, **{"If-Match": f'"{version - 1}"'})) == (412, "stale_version")
    answer = manager.post(path, **{"If-Match": f'"{version}"', "Idempotency-Key": "k1"})
    body = answer.json()
    assert (answer.status_code, body["status"], body["retry_count"], body["error_message"]) == (200, "pending", 0, "")
    assert answer["ETag"] == f'"{version + 1}"'
    again = manager.post(path, **{"If-Match": f'"{version}"', "Idempotency-Key": "k1"})
    assert (again.json(), PendingStockOperation.objects.get().version) == (body, version + 1)
    told(operation)
    assert codes(manager.post(path)) == (409, "transition_refused")


def test_cancelled_by_hand(manager, operation, apple, place):
    held = claimed(operation)
    path = f"stock-sync/cancel/{operation.pk}"
    assert codes(manager.delete(path)) == (409, "transition_refused")
    PendingStockOperation.objects.filter(pk=held.id).update(status="pending", claimed_until=None)
    answer = manager.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert manager.get(f"stock-sync/operations/{operation.pk}").json()["status"] == "cancelled"
    assert manager.delete(path).status_code == 204
    assert totals(apple.pk, place.id)[0] == 8


def test_rolled_back_once(manager, operation, apple, place):
    told(operation)
    path = f"stock-sync/rollback/{operation.pk}"
    assert codes(manager.post(path, {})) == (400, "validation_failed")
    for _ in range(2):
        answer = manager.post(path, {"reason": "a test order"})
        assert (answer.status_code, answer.json()["status"]) == (200, "rolled_back")
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)
    newest = operation_of(operation.order)
    assert (newest.operation_type, newest.wanted_there, newest.status) == ("refund", False, "pending")
    assert codes(manager.post(f"stock-sync/rollback/{newest.pk}", {"reason": "x"})) == (409, "transition_refused")
    assert_books_balance()


def test_an_order_with_all_about_it(manager, operation):
    given_up(operation)
    body = manager.get(f"stock-sync/orders/{operation.order_id}").json()
    assert (body["order_id"], body["order_ref"], body["state"], body["fulfilment"], body["is_deducted"]) == (
        "A1",
        "shop:A1",
        "ready",
        "elsewhere",
        True,
    )
    assert [(row["id"], row["status"]) for row in body["operations"]] == [(str(operation.pk), "failed")]
    assert [(row["kind"], row["possible"]) for row in body["discrepancies"]] == [("given_up", ["accept", "retry", "roll_back"])]


def test_orders_are_filtered(manager, channel, operation, apple):
    waiting = taken_in(channel, [(apple, 1)], external_id="W1", state=RemoteState.WAITING).order
    back = owed(channel, [(apple, 1)], external_id="R1").order
    taken_in(channel, [], external_id="R1", revision="r2", state=RemoteState.CANCELLED)
    for query, expected in (
        ({}, {operation.order_id, waiting.pk, back.pk}),
        ({"deducted": True}, {operation.order_id, back.pk}),
        ({"deducted": False}, {waiting.pk}),
        ({"reversed": True}, {back.pk}),
        ({"state": "waiting"}, {waiting.pk}),
        ({"order_id": "A1"}, {operation.order_id}),
        ({"search": "W1"}, {waiting.pk}),
        ({"channel": "shop", "fulfilment": "elsewhere"}, {operation.order_id, back.pk}),
        ({"channel": "nobody"}, set()),
    ):
        assert set(ids(manager.get("stock-sync/orders", **query))) == {str(pk) for pk in expected}, query


def test_an_order_is_refunded_once(integration, operation, apple, place):
    path = f"stock-sync/orders/{operation.order_id}/refund"
    assert codes(integration.post(path, {})) == (400, "validation_failed")
    assert codes(integration.post(path, {"reason": "broken"}, **{"If-Match": '"99"'})) == (412, "stale_version")
    for key in ("a", "a", "b"):
        answer = integration.post(path, {"reason": "broken"}, **{"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["is_deducted"]) == (200, False)
    assert totals(apple.pk, place.id) == (10, 0, 0, 10)
    assert Movement.objects.filter(type="return_to_stock").count() == 1
    assert [row["operation_type"] for row in answer.json()["operations"]] == ["deduction", "refund"]
    assert codes(integration.post("stock-sync/orders/999999/refund", {"reason": "x"})) == (404, "not_found")
    assert_books_balance()


def test_what_is_not_deducted_is_not_refunded(integration, channel, apple):
    order = taken_in(channel, [(apple, 1)], state=RemoteState.WAITING).order
    assert codes(integration.post(f"stock-sync/orders/{order.pk}/refund", {"reason": "x"})) == (409, "conflict")


def test_discrepancies_are_filtered_and_resolved(manager, channel, operation, apple):
    given_up(operation)
    short = taken_in(channel, [(apple, 99)], external_id="S1").order
    assert len(ids(manager.get("stock-sync/discrepancies", open=True))) == 2
    [row] = manager.get("stock-sync/discrepancies", kind="no_stock").json()["results"]
    assert (row["channel"], row["order_id"], row["here"], row["possible"]) == ("shop", "S1", {"deducted": False}, ["accept", "deduct"])
    assert ids(manager.get("stock-sync/discrepancies", order="S1", channel="shop")) == [str(row["id"])]

    path = f"stock-sync/discrepancies/{row['id']}/resolve"
    for bad in ({}, {"resolution": "accept"}, {"resolution": "push", "note": "x"}, {"resolution": "shrug", "note": "x"}):
        assert codes(manager.post(path, bad)) == (400, "validation_failed")
    still = manager.post(path, {"resolution": "deduct", "note": "they were found"}).json()
    assert (still["resolved_at"], still["possible"]) == (None, ["accept", "deduct"])
    stocked(apple, channel.warehouse.locations.get(code="A-01"), 100)
    done = manager.post(path, {"resolution": "deduct", "note": "they were found"}).json()
    assert (done["resolved_by"], done["resolution"], done["possible"]) == (manager.user.username, "deduct it now: they were found", [])
    assert codes(manager.post(path, {"resolution": "deduct", "note": "again"})) == (409, "conflict")
    short.refresh_from_db()
    assert short.is_deducted
    assert len(ids(manager.get("stock-sync/discrepancies", open=True))) == 1
    assert len(ids(manager.get("stock-sync/discrepancies", open=False))) == 1
    assert codes(manager.post("stock-sync/discrepancies/999999/resolve", {"resolution": "accept", "note": "x"})) == (404, "not_found")
    assert_books_balance()


def test_channels_levels_and_reports_are_read(manager, channel, apple):
    level = ListingLevelFactory(channel=channel, product=apple, offer_id="77")
    now = timezone.now()
    report = SyncReport.objects.create(begins_at=now - timedelta(days=7), ends_at=now, figures={"success_rate": 0.99})
    [row] = manager.get("stock-sync/channels").json()["results"]
    assert (row["code"], row["mode"], row["fulfilment"], row["warehouse"]) == ("shop", "on", "elsewhere", "ONE")
    assert manager.get(f"stock-sync/channels/{channel.pk}")["ETag"] == f'"{channel.version}"'
    assert ids(manager.get("stock-sync/channels", mode=ChannelMode.OFF)) == []
    [row] = manager.get("stock-sync/levels", sku="APPLE", channel="shop").json()["results"]
    assert (row["id"], row["offer_id"], row["wanted"], row["sent"]) == (level.pk, "77", 0, None)
    shown = manager.get(f"stock-sync/levels/{level.pk}/timeline").json()
    assert (shown["level"]["offer_id"], bool(shown["why"])) == ("77", True)
    assert [(row["kind"], row["quantity"]) for row in shown["entries"]][:1] == [("ledger", "10.000")]
    since = (now + timedelta(days=1)).isoformat()
    assert manager.get(f"stock-sync/levels/{level.pk}/timeline", since=since).json()["entries"] == []
    assert codes(manager.get(f"stock-sync/levels/{level.pk}/timeline", since="yesterday")) == (400, "validation_failed")
    assert codes(manager.get("stock-sync/levels/999999/timeline")) == (404, "not_found")
    assert manager.get(f"stock-sync/reports/{report.pk}").json()["figures"] == {"success_rate": 0.99}


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.MANAGER}))
def test_who_may_what(role, operation):
    given_up(operation)
    caller, order = Caller(role), operation.order_id
    calls = {
        "status": caller.get("stock-sync/status"),
        "pending": caller.get("stock-sync/pending"),
        "operation": caller.get(f"stock-sync/operations/{operation.pk}"),
        "log": caller.get(f"stock-sync/operations/{operation.pk}/log"),
        "order": caller.get(f"stock-sync/orders/{order}"),
        "retry": caller.post(f"stock-sync/retry/{operation.pk}"),
        "rollback": caller.post(f"stock-sync/rollback/{operation.pk}", {"reason": "x"}),
        "resolve": caller.post(f"stock-sync/discrepancies/{Discrepancy.objects.get().pk}/resolve", {"resolution": "accept", "note": "x"}),
        "cancel": caller.delete(f"stock-sync/cancel/{operation.pk}"),
        "reconcile": caller.post("stock-sync/reconcile", {}),
        "process": caller.post("stock-sync/orders/process", {"bogus": 1}),
        "refund": caller.post(f"stock-sync/orders/{order}/refund", {}),
    }
    allowed = {
        Role.INTEGRATION: {"status", "pending", "reconcile", "process", "refund"},
        Role.VIEWER: {"status", "pending", "operation", "log", "order"},
    }.get(role, set())
    assert {name for name, answer in calls.items() if answer.status_code != 403} == allowed


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_filters_at_the_edges_of_the_calendar_are_refused(manager, moment):
    assert codes(manager.get("stock-sync/pending", created_from=moment)) == (400, "validation_failed")
    assert codes(manager.get("receivings", created_to=moment)) == (400, "validation_failed")


def test_a_channel_whose_name_no_database_keeps_is_unknown(manager):
    assert codes(manager.get("stock-sync/status", channel="\x00")) == (400, "validation_failed")
