"""Numbers, guarded states, versions, and the locks behind them."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Seller
from inventory.orchestrator import cancel_receiving, create_receiving, start_receiving
from tests.concurrency.threads import race
from tests.factories.inventory import ACTOR, site
from warehouse.core.documents import next_number, next_numbers
from warehouse.core.errors import NotFound, StaleVersion, TransitionRefused
from warehouse.core.locking import lock_row, lock_rows

pytestmark = pytest.mark.django_db(transaction=True)

YEAR = timezone.now().year


@pytest.fixture
def no_sequence() -> str:
    """A kind of document of which there is none in this year."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SEQUENCE IF EXISTS wms_number_tst_{YEAR}")
    return "TST"


def test_numbers_count_up_from_the_first_of_the_year(no_sequence: str) -> None:
    assert [next_number("TST"), *next_numbers("TST", 2)] == [f"TST-{YEAR}-{n:06d}" for n in (1, 2, 3)]


def test_many_numbers_are_one_statement(no_sequence: str) -> None:
    next_number("TST")
    with CaptureQueriesContext(connection) as queries:
        assert len(set(next_numbers("TST", 500))) == 500
    assert len(queries) == 1


def test_no_number_is_given_twice_not_even_the_first_of_the_year(no_sequence: str) -> None:
    house = site()

    outcomes = race([lambda: create_receiving(warehouse_id=house.id, actor=ACTOR).number] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert len({outcome.value for outcome in outcomes}) == 8
    assert all(re.fullmatch(rf"RCV-{YEAR}-\d{{6}}", outcome.value) for outcome in outcomes)


def test_the_first_number_of_the_year_asked_by_many(no_sequence: str) -> None:
    from warehouse.core.transactions import operation

    @operation()
    def draw(*, actor: object) -> str:
        return next_number("TST")

    outcomes = race([lambda: draw(actor=ACTOR)] * 8)

    assert [outcome.error for outcome in outcomes] == [None] * 8
    assert len({outcome.value for outcome in outcomes}) == 8


def test_a_step_that_is_not_possible_says_what_is() -> None:
    receiving = create_receiving(warehouse_id=site().id, actor=ACTOR)
    start_receiving(receiving.pk, actor=ACTOR)

    with pytest.raises(TransitionRefused) as refusal:
        start_receiving(receiving.pk, actor=ACTOR)

    assert refusal.value.detail == f"{receiving.number} is in progress: it is not possible to start it now."
    assert refusal.value.data == {"status": "in_progress", "asked": "start", "possible": ["cancel", "confirm"]}


def test_every_change_counts_the_version_up() -> None:
    receiving = create_receiving(warehouse_id=site().id, actor=ACTOR)
    assert start_receiving(receiving.pk, actor=ACTOR, expected_version=1).version == 2
    with pytest.raises(StaleVersion) as refusal:
        cancel_receiving(receiving.pk, reason="x", actor=ACTOR, expected_version=1)

    assert (refusal.value.status, refusal.value.data) == (412, {"version": 2, "expected": 1})
    assert cancel_receiving(receiving.pk, reason="x", actor=ACTOR, expected_version=2).version == 3


def test_two_managers_pressing_the_same_button() -> None:
    receiving = create_receiving(warehouse_id=site().id, actor=ACTOR)

    outcomes = race([lambda: start_receiving(receiving.pk, actor=ACTOR, expected_version=1)] * 2)

    assert sorted(type(outcome.error).__name__ for outcome in outcomes) == ["NoneType", "StaleVersion"]


# --- locks -------------------------------------------------------------------------------------------------------------------------------


def test_locks_need_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        lock_row(Seller, 1)


def test_rows_are_locked_in_order_and_returned_by_id() -> None:
    rows = [Seller.objects.create(code=code, name=code) for code in "ABC"]

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        locked = lock_rows(Seller, [rows[2].pk, rows[0].pk, rows[2].pk])

    assert locked == {rows[0].pk: rows[0], rows[2].pk: rows[2]}
    assert len(queries) == 1
    assert re.search(r'ORDER BY "inventory_seller"."id" ASC FOR NO KEY UPDATE OF', queries[0]["sql"])


def test_the_first_row_that_is_not_there_is_named() -> None:
    row = Seller.objects.create(code="A", name="A")

    with transaction.atomic(), pytest.raises(NotFound, match=f"There is no seller {row.pk + 1}"):
        lock_rows(Seller, [row.pk + 2, row.pk, row.pk + 1])
