"""Who opens a transaction, what is tried again, and what has its effect once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from inventory.models import Seller, Supplier
from tests.concurrency.threads import Started, race
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, PermissionDenied, Unprocessable, ValidationFailed
from warehouse.core.transactions import ATTEMPTS, Claim, Operation, StartAgain, operation, require_transaction, run_once
from warehouse.outbox.claims import REPEATED, IdempotencyClaim, InboxClaim, fingerprint_of
from warehouse.outbox.events import Event, publish
from warehouse.outbox.models import IdempotencyKey, InboxEntry, OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)

BOSS = Actor.system("tests")
PICKER = Actor("Pera", ActorType.EMPLOYEE, frozenset({Role.PICKER}))


@operation(Role.PICKER)
def found_seller(code: str, *, actor: Actor) -> str:
    """Make a row and an event: what an operation does."""
    Seller.objects.create(code=code, name=actor.name)
    publish([Event("seller.founded", "seller", code, {})], actor=actor)
    return code


def failing(errors: list[str]) -> Operation[..., int]:
    """An operation that leaves a row and then fails with these SQLSTATEs, one at each attempt, before it succeeds."""

    @operation()
    def attempt(*, actor: Actor) -> int:
        Seller.objects.create(code=f"attempt-{len(errors)}", name="x")
        if errors:
            with connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{errors.pop(0)}'; END $$")
        return Seller.objects.count()

    return attempt


# --- opening and joining -----------------------------------------------------------------------------------------------------------------


def test_a_call_opens_a_transaction_and_commits() -> None:
    assert found_seller("A", actor=BOSS) == "A"

    assert not connection.in_atomic_block
    assert (Seller.objects.count(), OutboxEvent.objects.count()) == (1, 1)


def test_a_call_within_a_transaction_is_a_mistake() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        found_seller("A", actor=BOSS)


def test_inside_needs_an_open_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError, match="open transaction"):
        found_seller.inside("A", actor=BOSS)
    with pytest.raises(transaction.TransactionManagementError):
        require_transaction()

    with transaction.atomic():
        found_seller.inside("A", actor=BOSS)
        transaction.set_rollback(True)
    assert not Seller.objects.exists()


def test_a_refusal_leaves_nothing_and_is_not_tried_again() -> None:
    attempts = []

    @operation()
    def refuse(*, actor: Actor) -> None:
        attempts.append(1)
        found_seller.inside("A", actor=actor)
        raise ValidationFailed("no")

    with pytest.raises(ValidationFailed):
        refuse(actor=BOSS)

    assert len(attempts) == 1
    assert (Seller.objects.count(), OutboxEvent.objects.count()) == (0, 0)


def test_an_operation_says_what_it_is() -> None:
    assert (found_seller.name, found_seller.__doc__) == ("found_seller", "Make a row and an event: what an operation does.")


# --- who may -----------------------------------------------------------------------------------------------------------------------------


def test_who_may_call_it() -> None:
    packer = Actor("Paja", ActorType.EMPLOYEE, frozenset({Role.PACKER}))

    assert found_seller("A", actor=PICKER) == "A"
    assert found_seller("B", actor=Actor("b", ActorType.EMPLOYEE, frozenset({Role.MANAGER}))) == "B"
    with pytest.raises(PermissionDenied) as refusal:
        found_seller("C", actor=packer)
    assert refusal.value.detail == "Paja may not found seller: it needs one of the roles picker, warehouse-manager."
    assert (refusal.value.status, refusal.value.data) == (403, {"roles": ["picker", "warehouse-manager"]})
    assert [found_seller.allowed(actor) for actor in (PICKER, packer, BOSS)] == [True, False, True]
    assert Seller.objects.count() == 2


def test_without_roles_only_a_manager_may() -> None:
    with pytest.raises(PermissionDenied):
        failing([])(actor=PICKER)


def test_inside_trusts_the_one_who_asked() -> None:
    with transaction.atomic():
        failing([]).inside(actor=PICKER)


# --- trying again ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["40P01", "40001", "55P03"], ids=["deadlock", "serialisation", "lock timeout"])
def test_what_the_database_asks_to_try_again_is_tried_again_from_the_beginning(state: str) -> None:
    assert failing([state] * (ATTEMPTS - 1))(actor=BOSS) == 1


@pytest.mark.parametrize("state", ["40P01", "40001", "55P03"])
def test_after_the_last_attempt_it_is_a_conflict(state: str) -> None:
    with pytest.raises(Conflict, match="Stock updated concurrently, please retry") as refusal:
        failing([state] * ATTEMPTS)(actor=BOSS)

    assert refusal.value.status == 409
    assert not Seller.objects.exists()


def test_another_failure_is_not_tried_again() -> None:
    errors = ["22012", "22012"]

    with pytest.raises(DatabaseError):
        failing(errors)(actor=BOSS)

    assert errors == ["22012"]


def test_a_number_that_no_column_holds_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="larger than the books can hold"):
        failing(["22003"])(actor=BOSS)
    assert not Seller.objects.exists()


def test_a_real_deadlock_is_survived_by_both() -> None:
    """Two that lock two rows in opposite order: one is the victim, starts again, and both are done."""
    first, second = (Seller.objects.create(code=code, name="0") for code in "AB")
    met = threading.Barrier(2)

    @operation()
    def touch(pks: list[int], wait: list[int], *, actor: Actor) -> None:
        for number, pk in enumerate(pks):
            Seller.objects.select_for_update().get(pk=pk)
            if number == 0 and wait:
                wait.pop()
                met.wait(10)
        Seller.objects.filter(pk__in=pks).update(name=actor.name)

    outcomes = race([lambda: touch([first.pk, second.pk], [1], actor=BOSS), lambda: touch([second.pk, first.pk], [1], actor=BOSS)])

    assert [outcome.error for outcome in outcomes] == [None, None]


def test_a_lock_that_is_never_given_is_a_conflict_not_a_wait_for_ever() -> None:
    row = Seller.objects.create(code="A", name="0")

    @operation()
    def impatient(*, actor: Actor) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '30ms'")
        Seller.objects.select_for_update().get(pk=row.pk)

    with transaction.atomic():
        Seller.objects.select_for_update().get(pk=row.pk)
        outcome = Started(lambda: impatient(actor=BOSS)).finish()

    assert isinstance(outcome.error, Conflict)


def test_every_session_gives_up_on_a_lock_after_a_while() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("5s",)


def test_starting_again_on_request() -> None:
    attempts: list[int] = []

    @operation()
    def unlucky(succeed_at: int, *, actor: Actor) -> int:
        attempts.append(1)
        Supplier.objects.create(code=f"S{len(attempts)}", name="x")
        if len(attempts) < succeed_at:
            raise StartAgain
        return Supplier.objects.count()

    assert unlucky(3, actor=BOSS) == 1
    with pytest.raises(Conflict, match="please retry"):
        unlucky(99, actor=BOSS)
    assert (len(attempts), Supplier.objects.count()) == (3 + ATTEMPTS, 1)


def test_a_unique_constraint_is_a_lost_race_only_where_it_was_named() -> None:
    found_seller("A", actor=BOSS)

    with pytest.raises(IntegrityError):
        found_seller("A", actor=BOSS)


# --- once --------------------------------------------------------------------------------------------------------------------------------


def once(key: str, body: Any, code: str, actor: Actor = BOSS) -> Any:
    claim = IdempotencyClaim("client", key, fingerprint_of(body))
    return run_once(claim, found_seller, code, actor=actor, render=lambda made: {"code": made})


def test_a_repeated_call_gets_the_first_answer_and_has_no_second_effect() -> None:
    assert once("k1", {"a": 1, "b": 2}, "A") == {"code": "A"}
    assert once("k1", {"b": 2, "a": 1}, "A") == {"code": "A"}

    assert (Seller.objects.count(), OutboxEvent.objects.count(), IdempotencyKey.objects.count()) == (1, 1, 1)


def test_a_key_with_another_body_is_refused() -> None:
    once("k1", {"a": 1}, "A")

    with pytest.raises(Unprocessable, match="another request") as refusal:
        once("k1", {"a": 2}, "B")

    assert refusal.value.status == 422
    assert Seller.objects.count() == 1


def test_the_same_key_of_another_client_is_another_key() -> None:
    once("k1", {}, "A")

    assert run_once(IdempotencyClaim("other", "k1", fingerprint_of({})), found_seller, "B", actor=BOSS, render=str) == "B"


def test_while_the_first_call_runs_the_second_is_told_so() -> None:
    inside, release = threading.Event(), threading.Event()

    @operation()
    def slow(*, actor: Actor) -> str:
        inside.set()
        release.wait(20)
        return "done"

    def call() -> Any:
        return run_once(IdempotencyClaim("client", "k1", fingerprint_of({})), slow, actor=BOSS, render=str)

    first = Started(call)
    assert inside.wait(20)
    with pytest.raises(Conflict, match="still running"):
        call()
    release.set()

    assert first.finish().value == "done"
    assert call() == "done"


def test_a_failure_keeps_nothing_so_it_may_be_tried_again() -> None:
    found_seller("A", actor=BOSS)
    with pytest.raises(IntegrityError):
        once("k1", {}, "A")
    assert not IdempotencyKey.objects.exists()

    Seller.objects.all().delete()
    assert once("k1", {}, "A") == {"code": "A"}


class TornClaim:
    """The power goes out once, while the answer is being kept: a claim, an effect and an answer that do not commit together come apart here."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.torn = False

    def take(self) -> Any | None:
        return self.claim.take()

    def keep(self, answer: Any) -> None:
        if not self.torn:
            self.torn = True
            raise RuntimeError("the power went out")
        self.claim.keep(answer)


@pytest.mark.parametrize("claim", [IdempotencyClaim("client", "k1", fingerprint_of({})), InboxClaim("orders", "1-0")], ids=["key", "entry"])
def test_the_effect_is_gone_when_its_answer_can_not_be_kept_and_the_repeated_call_has_it_once(claim: Claim) -> None:
    torn = TornClaim(claim)

    def call() -> Any:
        return run_once(torn, found_seller, "A", actor=BOSS, render=str)

    with pytest.raises(RuntimeError, match="power"):
        call()
    assert (Seller.objects.count(), OutboxEvent.objects.count(), IdempotencyKey.objects.count(), InboxEntry.objects.count()) == (0, 0, 0, 0)

    assert [call(), call()] in (["A", "A"], ["A", REPEATED])
    assert (Seller.objects.count(), OutboxEvent.objects.count()) == (1, 1)


def test_who_may_not_claims_nothing() -> None:
    with pytest.raises(PermissionDenied):
        once("k1", {}, "A", actor=Actor("x", ActorType.EMPLOYEE))

    assert not IdempotencyKey.objects.exists()


def test_a_stream_entry_has_its_effect_once() -> None:
    def take_in() -> Any:
        return run_once(InboxClaim("orders", "1-0"), found_seller, "A", actor=BOSS, render=str)

    assert [take_in(), take_in()] == ["A", REPEATED]
    assert (Seller.objects.count(), InboxEntry.objects.count()) == (1, 1)


def test_the_same_entry_by_eight_consumers_at_once() -> None:
    outcomes = race([lambda: run_once(InboxClaim("orders", "1-0"), found_seller, "A", actor=BOSS, render=str)] * 8)

    assert sorted(str(outcome.value) for outcome in outcomes) == sorted(["A", *[str(REPEATED)] * 7])
    assert (Seller.objects.count(), OutboxEvent.objects.count()) == (1, 1)


def test_the_same_key_by_eight_calls_at_once() -> None:
    outcomes = race([lambda: once("k1", {}, "A")] * 8)

    assert {type(outcome.error) for outcome in outcomes} <= {type(None), Conflict}
    assert [outcome.value for outcome in outcomes if outcome.won].count({"code": "A"}) >= 1
    assert (Seller.objects.count(), OutboxEvent.objects.count()) == (1, 1)
