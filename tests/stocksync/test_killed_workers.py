"""Workers as processes, killed with SIGKILL in the worst moments: afterwards every order is deducted once, acknowledged, and with fulfilment once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connection, transaction

from inventory.models import Movement
from stocksync.enums import Fulfilment, OperationStatus
from stocksync.models import ChannelOrder, PendingStockOperation
from tests.concurrency.processes import Process, died, kill, somebody_else_works, somebody_waits_for_us, worker
from tests.partners.fixtures import TOKEN, allegro_microservice
from tests.partners.server import PartnerServer
from tests.stocksync.account import FLAG, KINDS, Account, account_at
from tests.stocksync.house import settle
from tests.warehouse.outbox.conftest import wait_for

__all__ = ["allegro_microservice"]  # fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis"), pytest.mark.slow]
IMPORTS = """
import os, signal
from stocksync.flows import acknowledging, reading
from stocksync.models import Channel
from stocksync.services.reversals import rollback_operation
from warehouse.core.actor import Actor
"""
READ = "reading.read_channel(Channel.objects.get(pk={channel}))"
PROCESS = "acknowledging.process_pending_operations()"
ROLL_BACK = "rollback_operation('{operation}', reason='a test', actor=Actor.system('tests'))"
DIE = "os.kill(os.getpid(), signal.SIGKILL)"
Start = Callable[[str], Process]


@pytest.fixture(params=KINDS)
def account(request: pytest.FixtureRequest, allegro_microservice: PartnerServer) -> Account:
    return account_at(allegro_microservice, request.param)


@pytest.fixture
def start(account: Account, environment: dict[str, str]) -> Iterator[Start]:
    """Starts a process that does the work, as a worker would."""
    env = environment | {"ALLEGRO_MICROSERVICE_BASE_URL": account.server.url, "ALLEGRO_MICROSERVICE_JWT_TOKEN": TOKEN}
    with ExitStack() as processes:

        def started(work: str) -> Process:
            operation = PendingStockOperation.objects.values_list("pk", flat=True).first()
            return processes.enter_context(worker(env, IMPORTS + work.format(channel=account.channel.pk, operation=operation)))

        yield started


@contextmanager
def log_held() -> Iterator[None]:
    """Nobody can write a step: every transaction of an operation stops before its end, with everything else written."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE stocksync_stocksynchronizationlog IN SHARE MODE")
        yield


def with_a_worker() -> bool:
    return PendingStockOperation.objects.filter(status=OperationStatus.PROCESSING).exists()


def flags(account: Account) -> list[bool]:
    return account.partner.told("A1")


# --- an order taken in -------------------------------------------------------------------------------------------------------------------


def test_killed_before_the_deduction_commits(account: Account, start: Start) -> None:
    account.put()
    with log_held():
        process = start(READ)
        wait_for(somebody_waits_for_us, 90)
        kill(process)
    wait_for(lambda: not somebody_else_works(), 30)
    assert (ChannelOrder.objects.count(), Movement.objects.filter(type="sale").count(), flags(account)) == (0, 0, [])
    account.start_again()
    account.assert_deducted_once()
    assert flags(account) == [True]


def test_killed_between_the_deduction_and_the_claim(account: Account, start: Start) -> None:
    account.put()
    died(start(f"acknowledging.claim_operations = lambda **asked: {DIE}\n{READ}"))
    assert (account.order().is_deducted, account.operations(), flags(account)) == (True, [("deduction", "pending")], [])
    account.start_again()
    account.assert_deducted_once()
    assert flags(account) == [True]


def test_killed_between_the_claim_and_the_request(account: Account, start: Start) -> None:
    account.put()
    account.server.fail("latency", seconds=60, path=FLAG)
    process = start(READ)
    wait_for(lambda: with_a_worker() and not account.server.faults.as_json(), 90)
    kill(process)
    assert flags(account) == []
    _is_told_after_the_lease(account)


def test_killed_while_the_partner_works(account: Account, start: Start) -> None:
    account.put()
    account.server.fail("latency", when="during", seconds=2, path=FLAG)
    process = start(READ)
    wait_for(lambda: with_a_worker() and not account.server.faults.as_json(), 90)
    kill(process)
    wait_for(lambda: flags(account) == [True], 30)
    _is_told_after_the_lease(account)


def test_killed_after_the_partners_answer(account: Account, start: Start) -> None:
    """Marking it waits for the order, which we hold: the flag is set there, and nothing of it is written here."""
    account.put()
    account.server.fail("latency", when="during", seconds=2, path=FLAG)
    process = start(READ)
    wait_for(with_a_worker, 90)
    with transaction.atomic():
        list(ChannelOrder.objects.select_for_update())
        wait_for(lambda: flags(account) == [True], 30)
        wait_for(somebody_waits_for_us, 30)
        kill(process)
    _is_told_after_the_lease(account)


def test_killed_before_the_marking_commits(account: Account, start: Start) -> None:
    """The operation and the order are written as told, and the log waits for us: all of it is rolled back."""
    account.put()
    account.server.fail("latency", when="during", seconds=2, path=FLAG)
    process = start(READ)
    wait_for(with_a_worker, 90)
    with log_held():
        wait_for(lambda: flags(account) == [True], 30)
        wait_for(somebody_waits_for_us, 30)
        kill(process)
    _is_told_after_the_lease(account)


# --- given back --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", [READ, ROLL_BACK], ids=["cancelled there", "rolled back"])
def test_killed_before_giving_back_commits(account: Account, start: Start, work: str) -> None:
    account.deducted()
    if work == READ:
        account.put(status="CANCELLED")
    with transaction.atomic(), connection.cursor() as cursor:
        # Where this warehouse sends it only an event is written for a cancellation; for all others a log row too.
        cursor.execute("LOCK TABLE outbox_outboxevent IN SHARE MODE")
        process = start(work)
        wait_for(somebody_waits_for_us, 90)
        kill(process)
    wait_for(lambda: not somebody_else_works(), 30)
    order = account.order()
    assert (order.reversed_at, order.reversal_asked_at, account.operations()) == (None, None, [("deduction", "completed")])
    account.assert_deducted_once()
    if work == READ:
        account.start_again()
        _is_given_back(account, "completed")
    else:
        start(work).wait(90)
        start(work).wait(90)
        account.start_again()
        _is_given_back(account, "rolled_back")


def test_killed_after_a_rollback_has_committed(account: Account, start: Start) -> None:
    account.deducted()
    died(start(f"{ROLL_BACK}\n{DIE}"))
    # What this warehouse sends is rolled back when fulfilment has cancelled it.
    here = account.channel.fulfilment == Fulfilment.WAREHOUSE
    assert account.operations()[0] == ("deduction", "completed" if here else "rolled_back")
    assert flags(account) == [True]
    account.start_again()
    _is_given_back(account, "rolled_back")


@pytest.mark.parametrize("moment", ["before", "during"])
@pytest.mark.parametrize("first", ["completed", "rolled_back"], ids=["cancelled there", "rolled back"])
def test_killed_while_the_flag_is_taken_back(account: Account, start: Start, moment: str, first: str) -> None:
    order = account.deducted()
    if first == "rolled_back":
        start(ROLL_BACK).wait(90)
    else:
        account.put(status="CANCELLED")
        # Nobody has told the marketplace yet when the order is read: it is away.
        account.server.fail("status", status=503, path=FLAG)
        account.read()
    settle()
    PendingStockOperation.objects.filter(order=order, status=OperationStatus.PENDING).update(next_retry_at=order.deducted_at)
    account.server.faults.clear()
    account.server.fail("latency", when=moment, seconds=2 if moment == "during" else 60, path=FLAG)
    process = start(PROCESS)
    wait_for(lambda: with_a_worker() and not account.server.faults.as_json(), 90)
    kill(process)
    wait_for(lambda: flags(account) == ([True] if moment == "before" else [True, False]), 30)
    assert account.operations()[1] == ("refund", "processing")
    account.start_again()
    _is_given_back(account, first)


def _is_told_after_the_lease(account: Account) -> None:
    """The claim of the dead worker holds for a while; then the same is told again, and nothing is deducted a second time."""
    assert (account.order().is_deducted, account.operations()) == (True, [("deduction", "processing")])
    account.read()
    assert account.operations() == [("deduction", "processing")]
    before = len(flags(account))
    result = account.start_again()
    assert (result.processed, result.succeeded) == (1, 1)
    assert flags(account) == [True] * (before + 1)
    account.assert_deducted_once()


def _is_given_back(account: Account, first: str) -> None:
    account.assert_given_back()
    assert account.operations() == [("deduction", first), ("refund", "completed")]
    back = Movement.objects.filter(order_ref=account.order().order_ref, type="return_to_stock")
    assert back.count() == (not account.by_us)
