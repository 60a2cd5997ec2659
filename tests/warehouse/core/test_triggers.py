"""What is written once stays as it is written."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from inventory.models import Movement
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history() -> int:
    house = site()
    stocked(ProductFactory(), house.shelf, 5)
    return Movement.objects.get().pk


REFUSED = [
    "UPDATE inventory_movement SET reason = 'x'",
    "UPDATE inventory_movement SET quantity_change = 9",
    "DELETE FROM inventory_movement",
    "TRUNCATE inventory_movement",
    "UPDATE outbox_outboxevent SET payload = '{}'",
    "UPDATE outbox_outboxevent SET type = 'x'",
    "UPDATE outbox_outboxevent SET occurred_at = now()",
    "DELETE FROM outbox_outboxevent",
    "TRUNCATE outbox_outboxevent",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_it_is_refused(history: int, statement: str) -> None:
    before = list(Movement.objects.values()), list(OutboxEvent.objects.values())

    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="is append-only"):
        cursor.execute(statement)

    assert (list(Movement.objects.values()), list(OutboxEvent.objects.values())) == before


def test_djangos_own_ways_are_refused_too(history: int) -> None:
    line = Movement.objects.get()
    line.reason = "x"
    for change in (line.save, line.delete, Movement.objects.all().delete, lambda: Movement.objects.update(reason="x")):
        with pytest.raises(IntegrityError, match="is append-only"):
            change()


def test_an_event_may_be_marked_as_published(history: int) -> None:
    assert OutboxEvent.objects.update(position=None, attempts=1, last_error="x") > 0


@pytest.mark.parametrize("statement", [statement for statement in REFUSED if "movement" in statement])
def test_the_one_privileged_way_ends_with_its_transaction(history: int, statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL wms.archiving = 'on'")
        cursor.execute(statement)
        transaction.set_rollback(True)

    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="is append-only"):
        cursor.execute(statement)
