"""Quality checks that several people, and the order's cancellation, want at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from fulfillment.locks import lock_order
from fulfillment.models import Order, PackingTask, PickingTask, PutBack, QualityCheck
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.quality_checks import claim_next_quality_check, pass_quality_check, start_quality_check
from fulfillment.services.quality_failures import fail_quality_check, hold_failed_lots
from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import hold_batch
from tests.concurrency.threads import Outcome, Started, race, wait_for_waiter
from tests.factories.fulfillment import ACTOR, person
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.quality import bad, good, rule, to_check
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, DomainError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def milk(house: Site) -> Product:
    rule()
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 30, lot="L")
    return product


def people(count: int) -> list[Actor]:
    return [person(Role.PACKER) for _ in range(count)]


def won(outcomes: list[Outcome]) -> int:
    for outcome in outcomes:
        assert outcome.won or isinstance(outcome.error, DomainError), outcome.error
    return sum(outcome.won for outcome in outcomes)


def test_one_of_two_inspectors_begins(milk: Product) -> None:
    check = to_check([(milk, 1)], person(Role.PICKER))
    first, second = people(2)
    outcomes = race([lambda: start_quality_check(check.pk, actor=first), lambda: start_quality_check(check.pk, actor=second)])
    assert won(outcomes) == 1


def test_those_who_claim_at_once_get_different_checks(house: Site, milk: Product) -> None:
    for _ in range(3):
        to_check([(milk, 1)], person(Role.PICKER))

    def claim(actor: Actor) -> Any:
        return lambda: claim_next_quality_check(house.id, actor=actor)

    outcomes = race([claim(actor) for actor in people(4)])
    got = [outcome.value.pk for outcome in outcomes if outcome.value is not None]
    assert all(outcome.won for outcome in outcomes)
    assert (len(got), len(set(got))) == (3, 3)


def test_pass_and_fail_pressed_at_once(house: Site, milk: Product) -> None:
    packer = person(Role.PACKER)
    check = to_check([(milk, 4)], person(Role.PICKER), packer)
    bad(check.items.get(), packer, 1, decision="repick")
    fails = [lambda: fail_quality_check(check.pk, actor=packer)] * 3
    assert won(race([*fails, lambda: pass_quality_check(check.pk, actor=packer)])) == 1
    assert BatchLocation.objects.get(location=house.quarantine).quantity == 1
    assert (QualityCheck.objects.get().status, PickingTask.objects.get().total_items) == ("failed", 2)
    assert_books_balance()


def test_the_packing_task_is_made_once(milk: Product) -> None:
    packer = person(Role.PACKER)
    check = to_check([(milk, 4)], person(Role.PICKER), packer)
    good(check.items.get(), packer)
    assert won(race([lambda: pass_quality_check(check.pk, actor=packer)] * 4)) == 1
    assert PackingTask.objects.count() == 1


@pytest.mark.parametrize("decision", ["repick", "write_off"])
def test_cancelled_while_it_fails(house: Site, milk: Product, decision: str) -> None:
    packer = person(Role.PACKER)
    check = to_check([(milk, 4)], person(Role.PICKER), packer)
    bad(check.items.get(), packer, 1)
    order = check.order
    outcomes = race(
        [
            lambda: fail_quality_check(check.pk, decision=decision, actor=packer),
            lambda: process_order_cancelled(order.source, order.external_id, "", actor=ACTOR),
        ]
    )
    assert outcomes[1].won
    failed = outcomes[0].won
    assert failed or isinstance(outcomes[0].error, Conflict)
    assert (Order.objects.get().status, QualityCheck.objects.get().status) == ("cancelled", "failed" if failed else "cancelled")
    assert PickingTask.objects.get().status == ("cancelled" if failed else "completed")
    assert PutBack.objects.get().quantity == (3 if failed else 4)
    assert totals(milk.pk, house.id)[1] == 0
    assert_books_balance()


def test_who_fails_a_check_waits_for_the_cancellation(house: Site, milk: Product) -> None:
    packer = person(Role.PACKER)
    check = to_check([(milk, 4)], person(Role.PICKER), packer)
    bad(check.items.get(), packer, 1)
    order = check.order
    with transaction.atomic():
        lock_order(order.pk)
        failing = Started(lambda: fail_quality_check(check.pk, decision="repick", actor=packer))
        wait_for_waiter()
        process_order_cancelled.inside(order.source, order.external_id, "", actor=ACTOR)
    failing.join()
    assert isinstance(failing.outcome.error, Conflict)
    assert not BatchLocation.objects.filter(location=house.quarantine).exists()
    assert_books_balance()


def test_checks_fail_while_their_lot_is_held(house: Site, milk: Product) -> None:
    """A hold locks the lot and then the gates; what fails shares the lot first: nobody waits in a circle."""
    packer = person(Role.PACKER)
    checks = [to_check([(milk, 3)], person(Role.PICKER), packer) for _ in range(4)]
    for check in checks:
        bad(check.items.get(), packer, 1)
    batch = Batch.objects.get()

    def fail(check: QualityCheck, decision: str) -> Any:
        return lambda: fail_quality_check(check.pk, decision=decision, actor=packer)

    works: list[Any] = [fail(check, decision) for check, decision in zip(checks, ["repick", "write_off", "hold", "write_off"], strict=True)]
    works += [lambda: hold_batch(batch.pk, reason="glass", actor=ACTOR), lambda: hold_failed_lots({batch.pk: "glass"}, actor=ACTOR)]
    outcomes = race(works)
    assert [outcome.error for outcome in outcomes] == [None] * 6
    assert set(QualityCheck.objects.values_list("status", flat=True)) == {"failed"}
    assert Batch.objects.get(pk=batch.pk).status == "on_hold"
    assert_books_balance()
