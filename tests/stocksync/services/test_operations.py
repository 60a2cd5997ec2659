"""What is owed to a marketplace: claimed, laid down, tried again, given up; retried and cancelled by hand in every state."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Movement
from stocksync.enums import OperationStatus, OperationType, RemoteState
from stocksync.models import PendingStockOperation
from stocksync.services.operations import (
    BATCH,
    LEASE,
    Failure,
    cancel_operation,
    claim_operations,
    give_up_unanswered,
    record_failure,
    record_success,
    retry_operation,
)
from stocksync.services.reversals import refund
from tests.concurrency.threads import race
from tests.factories.inventory import Site
from tests.factories.stocksync import (
    ACTOR,
    claimed,
    elsewhere,
    given_up,
    open_kinds,
    operation_of,
    owed,
    refused,
    site,
    steps,
    taken_in,
    told,
    unanswered,
)
from tests.fulfillment.parcels import Clock
from warehouse.core.errors import NotFound, StaleVersion, TransitionRefused

pytestmark = pytest.mark.django_db
TOOK = timedelta(milliseconds=1234)
NO = Failure("422: no", answered=True)
SILENCE = Failure("no answer", answered=False)


@pytest.fixture
def operation(place: Site) -> PendingStockOperation:
    return owed(elsewhere(place))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def fresh(operation: PendingStockOperation) -> PendingStockOperation:
    return PendingStockOperation.objects.select_related("order").get(pk=operation.pk)


# --- claimed -----------------------------------------------------------------------------------------------------------------------------


def test_a_worker_takes_what_is_due_for_a_while(operation, clock):
    [one] = claim_operations(actor=ACTOR)
    row = fresh(operation)
    assert (one.id, one.order_external_id, one.wanted_there, one.version) == (row.pk, row.order.external_id, True, row.version)
    assert (row.status, row.attempts, row.claimed_until, row.retry_count) == ("processing", 1, clock.now + LEASE, 0)
    assert claim_operations(actor=ACTOR) == []
    clock.passes(seconds=LEASE.total_seconds() - 1)
    assert claim_operations(actor=ACTOR) == []


def test_what_a_dead_worker_held_is_taken_by_another_and_the_dead_one_has_no_say(operation, clock):
    first = claimed(operation)
    clock.passes(seconds=LEASE.total_seconds())
    [second] = claim_operations(actor=ACTOR)
    assert second.id == first.id
    assert not record_success(first, TOOK, actor=ACTOR)
    assert record_failure(first, NO, TOOK, actor=ACTOR) == OperationStatus.PROCESSING
    assert (fresh(operation).status, fresh(operation).attempts) == ("processing", 2)
    assert record_success(second, TOOK, actor=ACTOR)
    assert steps(operation) == ["created", "retry", "sync_success", "completed"]


def test_what_waits_for_its_time_is_not_taken(operation, clock):
    refused(operation)
    assert claim_operations(actor=ACTOR) == []
    clock.now = fresh(operation).next_retry_at
    assert len(claim_operations(actor=ACTOR)) == 1


def test_while_a_worker_tells_something_of_an_order_nothing_else_of_it_is_due(operation):
    held = claimed(operation)
    order = operation.order
    taken_in(operation.channel, external_id=order.external_id, revision="r2", state=RemoteState.CANCELLED)
    assert operation_of(order).operation_type == "refund"
    assert claim_operations(actor=ACTOR) == []
    record_success(held, TOOK, actor=ACTOR)
    assert [(one.id, one.wanted_there) for one in claim_operations(actor=ACTOR)] == [(operation_of(order).pk, False)]


def test_claiming_costs_the_same_for_one_and_for_many(place):
    channel = elsewhere(place)

    def statements(number: int) -> int:
        for _ in range(number):
            owed(channel)
        with CaptureQueriesContext(connection) as queries:
            assert len(claim_operations(actor=ACTOR)) == number
        return len(queries)

    assert statements(1) == statements(BATCH) <= 8


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same():
    channel = elsewhere(site())
    for _ in range(12):
        owed(channel)
    outcomes = race([lambda: claim_operations(actor=ACTOR, limit=3)] * 4)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    taken = [one.id for outcome in outcomes for one in outcome.value]
    assert len(taken) == len(set(taken))
    while more := claim_operations(actor=ACTOR, limit=3):
        taken += [one.id for one in more]
    assert len(taken) == len(set(taken)) == 12


# --- laid down ---------------------------------------------------------------------------------------------------------------------------


def test_the_marketplace_knows(operation, clock):
    assert record_success(claimed(operation), TOOK, actor=ACTOR)
    row = fresh(operation)
    assert (row.status, row.completed_at, row.claimed_until, row.error_message, row.retry_count) == ("completed", clock.now, None, "", 0)
    assert (row.order.known_there, row.order.compared_at) == (True, clock.now)
    log = list(row.log.order_by("timestamp").values_list("action", "status", "execution_time_ms"))
    assert log == [("created", "pending", None), ("sync_success", "completed", 1234), ("completed", "completed", None)]
    assert row.log.latest("timestamp").details["message"] == "Immediate sync successful"


def test_after_a_refusal_it_succeeds(operation):
    refused(operation)
    row = told(operation)
    assert (row.status, row.retry_count, row.attempts, row.error_message) == ("completed", 1, 2, "")
    assert steps(row) == ["created", "sync_failed", "retry_failed", "retry", "sync_success", "completed"]
    assert row.log.latest("timestamp").details["message"] == "Retry 1 successful"


def test_five_answered_tries_and_a_person_has_to_look(operation):
    for count in range(1, 5):
        row = refused(operation)
        assert (row.status, row.retry_count, row.error_message) == ("pending", count, "422: no")
    row = refused(operation)
    assert (row.status, row.retry_count, row.claimed_until) == ("failed", 5, None)
    assert steps(row) == ["created", *(["sync_failed", "retry_failed", "retry"] * 4), "sync_failed", "max_retries"]
    assert row.log.latest("timestamp").details == {"message": "Max retries reached: 5"}
    assert claim_operations(ids=[row.pk], actor=ACTOR) == []
    [found] = operation.order.discrepancies.all()
    assert (found.kind, found.operation_id, found.here) == ("given_up", row.pk, {"deducted": True, "wanted_there": True})
    assert "422: no" in found.detail


def test_the_limit_is_the_one_of_the_settings(place, settings):
    settings.STOCK_SYNC_RETRY_MAX_ATTEMPTS = 2
    operation = owed(elsewhere(place))
    assert operation.max_retries == 2
    assert [refused(operation).status for _ in range(2)] == ["pending", "failed"]


def test_tries_without_an_answer_never_count_but_have_their_time(operation, clock):
    for _ in range(60):
        row = unanswered(operation)
        assert (row.status, row.retry_count) == ("pending", 0)
    since = row.failing_since
    assert (since, row.attempts) == (clock.now, 60)
    clock.passes(hours=6, seconds=-1)
    assert unanswered(operation).status == "pending"
    assert give_up_unanswered(actor=ACTOR) == 0
    clock.passes(seconds=1)
    assert give_up_unanswered(actor=ACTOR) == 1
    row = PendingStockOperation.objects.get(pk=operation.pk)
    assert (row.status, row.retry_count, row.failing_since) == ("failed", 0, since)
    assert steps(row)[-1] == "failed"
    assert row.log.latest("timestamp").details["message"] == f"No answer since {since:%Y-%m-%d %H:%M} UTC"
    assert give_up_unanswered(actor=ACTOR) == 0
    assert open_kinds(operation.order) == ["given_up"]


def test_an_answer_in_between_starts_the_time_anew(operation, clock):
    unanswered(operation)
    clock.passes(hours=5)
    assert refused(operation).failing_since is None
    clock.passes(hours=5)
    assert (unanswered(operation).status, fresh(operation).failing_since) == ("pending", clock.now)


def test_an_open_circuit_is_no_try_at_all(operation):
    row = unanswered(operation, 7, asked=False)
    assert (row.attempts, row.retry_count, row.status) == (0, 0, "pending")
    assert steps(row) == ["created"] + ["retry_failed"] * 7
    assert row.log.latest("timestamp").details["message"] == "Not asked: no answer"
    assert told(operation).log.latest("timestamp").details["message"] == "Immediate sync successful"


def test_success_settles_what_had_been_given_up(operation):
    given_up(operation)
    retry_operation(operation.pk, actor=ACTOR)
    told(operation)
    assert open_kinds(operation.order) == []


# --- when to try again -------------------------------------------------------------------------------------------------------------------


def waits(operation: PendingStockOperation, clock: Clock, tries: int, failure: Failure = SILENCE) -> list[float]:
    """Seconds to the next try after each of so many tries."""
    found = []
    for _ in range(tries):
        record_failure(claimed(operation), failure, TOOK, actor=ACTOR)
        found.append((fresh(operation).next_retry_at - clock.now).total_seconds())
    return found


def test_without_jitter_it_doubles_from_a_minute_to_an_hour(operation, clock, settings):
    settings.STOCK_SYNC_RETRY_JITTER = False
    assert waits(operation, clock, 8) == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_delays_are_the_ones_of_the_settings(operation, clock, settings):
    settings.STOCK_SYNC_RETRY_JITTER = False
    settings.STOCK_SYNC_RETRY_INITIAL_DELAY, settings.STOCK_SYNC_RETRY_MAX_DELAY, settings.STOCK_SYNC_RETRY_EXPONENTIAL_BASE = 10, 500, 3.0
    assert waits(operation, clock, 5) == [10, 30, 90, 270, 500]


def test_with_jitter_it_is_anything_up_to_that(operation, clock):
    random.seed(20261120)
    highest = [60, 120, 240, 480, 960, 1920, 3600, 3600]
    expected = random.Random(20261120)
    found = waits(operation, clock, len(highest))
    assert found == pytest.approx([expected.uniform(0, most) for most in highest], abs=1e-5)
    assert all(0 <= wait <= most for wait, most in zip(found, highest, strict=True))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(("wish", "at_least"), [(45, 45), (3000, 3000), (7200, 3600)])
def test_the_marketplaces_wish_is_honoured(operation, clock, wish, at_least):
    random.seed(1)
    [wait] = waits(operation, clock, 1, Failure("429", answered=False, retry_after=wish))
    assert at_least <= wait <= max(at_least, 60)


# --- newer news --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [lambda operation: operation, refused, given_up])
def test_newer_news_takes_the_place_of_what_waits(operation, before):
    before(operation)
    order = operation.order
    taken_in(operation.channel, external_id=order.external_id, revision="r2", state=RemoteState.CANCELLED)
    newer = operation_of(order)
    assert (newer.operation_type, newer.wanted_there, newer.status) == ("refund", False, "pending")
    assert fresh(operation).status == "cancelled"
    last = operation.log.latest("timestamp")
    assert (last.action, last.details) == ("cancelled", {"message": "Newer news took its place.", "superseded_by": str(newer.pk)})
    assert open_kinds(order) == []


@pytest.mark.parametrize("failure", [NO, SILENCE])
def test_newer_news_takes_the_place_of_what_was_with_a_worker_when_that_fails(operation, failure):
    held = claimed(operation)
    taken_in(operation.channel, external_id=operation.order.external_id, revision="r2", state=RemoteState.CANCELLED)
    assert fresh(operation).status == "processing"
    assert record_failure(held, failure, TOOK, actor=ACTOR) == OperationStatus.CANCELLED
    assert (fresh(operation).status, operation_of(operation.order).status) == ("cancelled", "pending")


# --- by hand -----------------------------------------------------------------------------------------------------------------------------


def in_state(operation: PendingStockOperation, status: str) -> PendingStockOperation:
    ways: dict[str, Any] = {
        "pending": refused,
        "processing": claimed,
        "completed": told,
        "failed": given_up,
        "cancelled": lambda row: cancel_operation(row.pk, actor=ACTOR),
    }
    if status in ways:
        ways[status](operation)
    else:
        PendingStockOperation.objects.filter(pk=operation.pk).update(status=status)
    return fresh(operation)


@pytest.mark.parametrize("status", OperationStatus.values)
def test_retried_by_hand_in_every_state(operation, clock, status):
    before = in_state(operation, status)
    ledger = Movement.objects.count()
    clock.passes(minutes=1)
    if status not in ("pending", "failed"):
        with pytest.raises(TransitionRefused, match=f"is {status}: it can't be retried"):
            retry_operation(operation.pk, actor=ACTOR)
        assert (fresh(operation).version, fresh(operation).log.count()) == (before.version, before.log.count())
        return
    row = retry_operation(operation.pk, actor=ACTOR)
    assert (row.status, row.retry_count, row.error_message, row.next_retry_at, row.failing_since) == ("pending", 0, "", clock.now, None)
    assert row.log.latest("timestamp").action == "manual_retry"
    assert len(claim_operations(ids=[row.pk], actor=ACTOR)) == 1
    assert Movement.objects.count() == ledger


@pytest.mark.parametrize("by_hand", [retry_operation, cancel_operation])
def test_what_a_dead_worker_held_is_free(operation, clock, by_hand):
    in_state(operation, "processing")
    clock.passes(seconds=LEASE.total_seconds() + 1)
    row = by_hand(operation.pk, actor=ACTOR)
    assert (row.status, row.claimed_until) == ("pending" if by_hand is retry_operation else "cancelled", None)


def test_newer_news_takes_the_place_of_what_a_dead_worker_held(place, clock):
    """A lease that has lapsed does not let older news follow newer."""
    operation = owed(elsewhere(place))
    claimed(operation)
    clock.passes(seconds=LEASE.total_seconds() + 1)
    refund(operation.order_id, reason="cancelled", actor=ACTOR)
    assert fresh(operation).status == "cancelled"
    assert [each.wanted_there for each in claim_operations(actor=ACTOR)] == [False]


@pytest.mark.parametrize("status", OperationStatus.values)
def test_cancelled_by_hand_in_every_state(operation, status):
    before = in_state(operation, status)
    ledger = Movement.objects.count()
    if status in ("processing", "completed", "rolled_back"):
        with pytest.raises(TransitionRefused, match=f"is {status}: it can't be cancelled"):
            cancel_operation(operation.pk, actor=ACTOR)
        assert (fresh(operation).version, fresh(operation).log.count()) == (before.version, before.log.count())
        return
    row = cancel_operation(operation.pk, actor=ACTOR, reason="They know by telephone.")
    assert row.status == "cancelled"
    assert row.log.filter(action="cancelled").count() == 1
    assert claim_operations(ids=[row.pk], actor=ACTOR) == []
    assert (open_kinds(operation.order), Movement.objects.count(), fresh(operation).order.is_deducted) == ([], ledger, True)


def test_what_something_newer_has_replaced_is_not_retried(operation):
    given_up(operation)
    newer = PendingStockOperation(channel=operation.channel, order=operation.order, operation_type=OperationType.REFUND, wanted_there=False)
    newer.save(force_insert=True)
    with pytest.raises(TransitionRefused, match="newer"):
        retry_operation(operation.pk, actor=ACTOR)


@pytest.mark.parametrize("by_hand", [retry_operation, cancel_operation])
def test_the_version_that_was_seen_is_judged_and_what_is_unknown_said(operation, by_hand):
    row = refused(operation)
    with pytest.raises(StaleVersion):
        by_hand(row.pk, expected_version=row.version - 1, actor=ACTOR)
    assert fresh(operation).version == row.version
    by_hand(row.pk, expected_version=row.version, actor=ACTOR)
    with pytest.raises(NotFound):
        by_hand(uuid4(), actor=ACTOR)
