"""Workers and people at the same acknowledgement: each is told once, and whoever comes too late has no say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from stocksync.enums import Fulfilment, OperationStatus, Resolution
from stocksync.flows.acknowledging import attempt, process_pending_operations
from stocksync.models import ChannelOrder, Discrepancy, PendingStockOperation
from stocksync.services import operations, resolutions
from stocksync.services.operations import Failure, cancel_operation, claim_operations, record_failure, record_success, retry_operation
from stocksync.services.resolutions import resolve_discrepancy
from tests.concurrency.threads import race
from tests.factories.fulfillment import person
from tests.factories.stocksync import ACTOR, given_up, steps, taken_in
from tests.partners.fixtures import allegro_microservice
from tests.partners.server import PartnerServer
from tests.stocksync.account import FLAG, Account, account_at
from tests.warehouse.outbox.conftest import wait_for
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, TransitionRefused

__all__ = ["allegro_microservice"]  # fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis"), pytest.mark.slow]
TOOK = timedelta(milliseconds=5)


@pytest.fixture
def account(allegro_microservice: PartnerServer) -> Account:
    return account_at(allegro_microservice, Fulfilment.ELSEWHERE)


def waiting(account: Account, number: int = 1) -> list[PendingStockOperation]:
    """Acknowledgements of so many deducted orders that nobody has tried to tell yet."""
    for each in range(1, number + 1):
        account.put(f"A{each}")
        taken_in(account.channel, [(account.product, 2)], external_id=f"A{each}")
    return list(PendingStockOperation.objects.order_by("created_at"))


def fresh(operation: PendingStockOperation) -> PendingStockOperation:
    return PendingStockOperation.objects.get(pk=operation.pk)


def unlocked(operation_id: UUID, expected_version: int | None = None) -> PendingStockOperation:
    """For controls: an operation as `lock_operation` finds it, without any lock."""
    return PendingStockOperation.objects.select_related("order__channel", "channel").get(pk=operation_id)


# --- workers -----------------------------------------------------------------------------------------------------------------------------


def test_four_workers_tell_each_operation_once(account: Account) -> None:
    rows = waiting(account, 12)
    outcomes = race([process_pending_operations] * 4)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert sum(outcome.value.processed for outcome in outcomes) == sum(outcome.value.succeeded for outcome in outcomes) == 12
    assert account.partner.times_told() == Counter({(f"A{each}", True): 1 for each in range(1, 13)})
    assert {steps(row) == ["created", "sync_success", "completed"] for row in rows} == {True}


def test_control_claimed_without_a_lock_they_are_told_twice(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(account, 3)
    both_have_read = threading.Barrier(2)

    def unlocked_claim(now: datetime, limit: int, ids: Any = None, without: Sequence[int] = ()) -> list[PendingStockOperation]:
        rows = list(PendingStockOperation.objects.filter(status="pending").select_related("order", "channel").order_by("pk"))
        if rows:
            both_have_read.wait(30)
        return rows

    monkeypatch.setattr(operations, "lock_due_operations", unlocked_claim)
    race([lambda: process_pending_operations(3)] * 2)
    assert account.partner.times_told() == Counter({(f"A{each}", True): 2 for each in range(1, 4)})


def test_two_lease_holders_and_the_late_answer_of_the_first_is_ignored(account: Account) -> None:
    """The first one hangs in its call until its claim has lapsed and a second one has told the marketplace."""
    [row] = waiting(account)
    account.server.fail("latency", when="during", seconds=3, path=FLAG)

    def second() -> object:
        wait_for(lambda: fresh(row).status == OperationStatus.PROCESSING and not account.server.faults.as_json(), 30)
        PendingStockOperation.objects.update(claimed_until=timezone.now())
        return process_pending_operations()

    first, other = race([process_pending_operations, second])
    assert (first.error, other.error) == (None, None)
    assert other.value.succeeded == 1
    assert steps(row).count("completed") == steps(row).count("sync_success") == 1
    assert (fresh(row).status, fresh(row).attempts) == (OperationStatus.COMPLETED, 2)
    assert account.partner.told("A1") == [True, True]
    account.assert_deducted_once()


@pytest.mark.parametrize("late", ["success", "failure"])
def test_a_late_answer_neither_completes_nor_fails_what_another_holds(account: Account, late: str) -> None:
    [row] = waiting(account)
    first, second = _two_holders(row)
    if late == "success":
        assert record_success(first, TOOK, actor=ACTOR) is False
    else:
        record_failure(first, Failure("422: no", answered=True), TOOK, actor=ACTOR)
    assert (fresh(row).status, fresh(row).retry_count) == (OperationStatus.PROCESSING, 0)
    assert record_success(second, TOOK, actor=ACTOR) is True


def test_control_without_the_version_a_late_failure_spoils_what_another_has_told(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = waiting(account)
    first, second = _two_holders(row)
    monkeypatch.setattr(operations, "_is_mine", lambda row, claimed: row.status == OperationStatus.PROCESSING)
    record_failure(first, Failure("422: no", answered=True), TOOK, actor=ACTOR)
    assert record_success(second, TOOK, actor=ACTOR) is False
    assert (fresh(row).status, fresh(row).retry_count) == (OperationStatus.PENDING, 1), "the marketplace knows, and we go on asking it"


def _two_holders(row: PendingStockOperation) -> tuple[operations.Claimed, operations.Claimed]:
    [first] = claim_operations(ids=[row.pk], actor=ACTOR)
    PendingStockOperation.objects.update(claimed_until=timezone.now())
    [second] = claim_operations(ids=[row.pk], actor=ACTOR)
    return first, second


# --- a person and a worker ---------------------------------------------------------------------------------------------------------------


def test_tried_again_by_hand_while_a_worker_is_at_it(account: Account) -> None:
    """Whoever comes first: it is told once."""
    rows = waiting(account, 4)
    for row in rows:
        by_hand, worker = race([lambda pk=row.pk: retry_operation(pk, actor=ACTOR), process_pending_operations])
        assert worker.error is None
        assert by_hand.won or isinstance(by_hand.error, TransitionRefused)
        process_pending_operations()
        assert fresh(row).status == OperationStatus.COMPLETED
    assert set(account.partner.times_told().values()) == {1}


def test_cancelled_while_a_worker_is_at_it(account: Account) -> None:
    """Either it is cancelled and never told, or it is told and can't be cancelled."""
    rows = waiting(account, 4)
    for number, row in enumerate(rows, start=1):
        cancel, worker = race([lambda pk=row.pk: cancel_operation(pk, actor=ACTOR), lambda pk=row.pk: attempt(pk)])
        assert worker.error is None
        told = account.partner.told(f"A{number}")
        assert (cancel.won, fresh(row).status, told) in [(True, "cancelled", []), (False, "completed", [True])]
    assert ChannelOrder.objects.filter(deducted_at=None).count() == 0


@pytest.mark.parametrize(("by_hand", "harm"), [(retry_operation, ("completed", [True, True])), (cancel_operation, ("cancelled", [True]))])
def test_control_without_the_lock_a_persons_word_overwrites_the_workers(
    account: Account, monkeypatch: pytest.MonkeyPatch, by_hand: Any, harm: tuple[str, list[bool]]
) -> None:
    """A person decides on what it was before the worker took it: it is told twice, or told and called untold."""
    [row] = waiting(account)
    account.server.fail("latency", when="during", seconds=1, path=FLAG)
    seen = unlocked(row.pk)

    def stale(operation_id: UUID, expected_version: int | None = None) -> PendingStockOperation:
        wait_for(lambda: fresh(row).status == OperationStatus.PROCESSING, 30)
        monkeypatch.undo()
        return seen

    monkeypatch.setattr(operations, "lock_operation", stale)
    race([lambda: by_hand(row.pk, actor=ACTOR), process_pending_operations])
    assert (fresh(row).status, account.partner.told("A1")) == harm


# --- two people --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ones", "others"),
    [(Resolution.RETRY, Resolution.ROLL_BACK), (Resolution.ROLL_BACK, Resolution.ROLL_BACK), (Resolution.ACCEPT, Resolution.RETRY)],
)
def test_two_people_resolve_the_same(account: Account, ones: Resolution, others: Resolution) -> None:
    [row] = waiting(account)
    given_up(row)
    found = Discrepancy.objects.get()
    manager, second = person(Role.MANAGER), person(Role.MANAGER)
    outcomes = race(
        [
            lambda: resolve_discrepancy(found.pk, ones, note="I looked", actor=manager),
            lambda: resolve_discrepancy(found.pk, others, note="I looked too", actor=second),
        ]
    )
    assert sorted(type(outcome.error) for outcome in outcomes if not outcome.won) == [Conflict]
    found.refresh_from_db()
    [winner] = [actor for outcome, actor in zip(outcomes, (manager, second), strict=True) if outcome.won]
    assert (found.resolved_at is not None, found.resolved_by_id) == (True, winner.user_id)
    assert PendingStockOperation.objects.filter(operation_type="refund").count() <= 1
    account.assert_books()


def test_control_without_the_lock_both_people_think_they_decided(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = waiting(account)
    given_up(row)
    found = Discrepancy.objects.get()
    both_have_read = threading.Barrier(2)

    def unlocked_discrepancy(pk: int) -> Discrepancy:
        seen = Discrepancy.objects.select_related("channel").get(pk=pk)
        both_have_read.wait(30)
        return seen

    monkeypatch.setattr(resolutions, "lock_discrepancy", unlocked_discrepancy)
    monkeypatch.setattr(resolutions, "lock_order", lambda pk: ChannelOrder.objects.select_related("channel").get(pk=pk))
    decide = [Resolution.RETRY, Resolution.ACCEPT]
    outcomes = race([lambda what=what: resolve_discrepancy(found.pk, what, note="I looked", actor=person(Role.MANAGER)) for what in decide])
    assert [outcome.won for outcome in outcomes] == [True, True]
