"""The same call with the same key has its effect once."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, connections, transaction

from inventory.models import Reservation, Stock
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.core.actor import Role
from warehouse.outbox.models import IdempotencyKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def goods():
    product, here = ProductFactory(), site()
    stocked(product, here.shelf, 10)
    return {"order_ref": "shop:1", "warehouse": here.warehouse.code, "items": [{"sku": product.sku, "quantity": "3"}]}


def test_a_repetition_gets_the_first_answer(integration, goods):
    first = integration.post("reservations", goods, **{"Idempotency-Key": "k1"})
    assert first.status_code == 201
    Reservation.objects.update(reason="changed since")
    again = integration.post("reservations", dict(reversed(goods.items())), **{"Idempotency-Key": '"k1"'})
    assert (again.status_code, again.content, again["ETag"]) == (201, first.content, first["ETag"])
    assert integration.post("reservations/", goods, **{"Idempotency-Key": "k1"}).content == first.content
    assert Stock.objects.get().reserved == 3
    assert IdempotencyKey.objects.count() == 1


def test_another_request_with_the_key_is_refused(integration, goods):
    integration.post("reservations", goods, **{"Idempotency-Key": "k1"})
    assert codes(integration.post("reservations", goods | {"order_ref": "shop:2"}, **{"Idempotency-Key": "k1"})) == (422, "unprocessable")
    assert codes(integration.post("reservations/1/release", {"reason": "x"}, **{"Idempotency-Key": "k1"})) == (422, "unprocessable")
    assert Reservation.objects.count() == 1


def test_keys_of_two_clients_do_not_meet(integration, goods):
    integration.post("reservations", goods, **{"Idempotency-Key": "k1"})
    other = Caller(Role.INTEGRATION).post("reservations", goods | {"order_ref": "shop:2"}, **{"Idempotency-Key": "k1"})
    assert other.status_code == 201
    assert Reservation.objects.count() == 2


def test_a_failure_keeps_nothing(integration, goods):
    short = goods | {"items": [goods["items"][0] | {"quantity": "11"}]}
    assert codes(integration.post("reservations", short, **{"Idempotency-Key": "k1"})) == (409, "insufficient_stock")
    assert not IdempotencyKey.objects.exists()
    stocked(ProductFactory._meta.model.objects.get(), Stock.objects.get().warehouse.locations.get(code="A-01"), 10)
    assert integration.post("reservations", short, **{"Idempotency-Key": "k1"}).status_code == 201


def test_a_key_that_is_too_long(integration, goods):
    assert codes(integration.post("reservations", goods, **{"Idempotency-Key": "k" * 256})) == (400, "validation_failed")
    assert integration.post("reservations", goods, **{"Idempotency-Key": "k" * 255}).status_code == 201


def test_who_may_not_learns_nothing_of_the_key(integration, goods):
    integration.post("reservations", goods, **{"Idempotency-Key": "k1"})
    integration.user.groups.clear()
    assert codes(integration.post("reservations", goods, **{"Idempotency-Key": "k1"})) == (403, "permission_denied")


@pytest.mark.django_db(transaction=True)
def test_while_the_first_call_runs_the_second_is_told_to_wait():
    product, here = ProductFactory(), site()
    stocked(product, here.shelf, 10)
    body = {"order_ref": "shop:1", "warehouse": here.warehouse.code, "items": [{"sku": product.sku, "quantity": "3"}]}
    caller = Caller(Role.INTEGRATION)
    answers: list[int] = []

    def call() -> None:
        answers.append(caller.post("reservations", body, **{"Idempotency-Key": "k1"}).status_code)
        connections.close_all()

    first = threading.Thread(target=call)
    with transaction.atomic():
        Stock.objects.select_for_update(no_key=True).get()
        first.start()
        _wait_for_a_waiter()
        assert codes(caller.post("orders", {"order_id": "1", "items": []}, **{"Idempotency-Key": "k2"})) == (400, "validation_failed")
        second = threading.Thread(target=call)
        second.start()
        second.join(10)
        assert answers == [409]
    first.join(10)
    assert answers == [409, 201]
    assert caller.post("reservations", body, **{"Idempotency-Key": "k1"}).status_code == 201
    assert Stock.objects.get().reserved == 3


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_at_once_have_one_effect():
    product, here = ProductFactory(), site()
    stocked(product, here.shelf, 100)
    caller = Caller(Role.INTEGRATION)
    body = {"order_id": "1", "items": [{"sku": product.sku, "quantity": "3"}]}
    answers: list[int] = []

    def call() -> None:
        answers.append(caller.post("orders", body, **{"Idempotency-Key": "k1"}).status_code)
        connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert Stock.objects.get().reserved == 3


def _wait_for_a_waiter() -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("Nobody waits for the gate.")
