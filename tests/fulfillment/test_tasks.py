"""What beat sends, and what a message does when it is lost."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from fulfillment import tasks
from fulfillment.models import PickingTask, Shipment
from fulfillment.services import background
from tests.factories.fulfillment import order_for, packed, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory
from warehouse.celery import app
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_task_that_is_sent_by_name_exists():
    app.loader.import_default_modules()
    soon = {value for name, value in vars(background).items() if name.isupper() and isinstance(value, str)}
    assert {background.VOID_SHIPMENT, background.PRINT_QUEUED} < soon
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} | soon <= set(app.tasks)


def test_beat_knows_the_sweeps_and_their_messages_do_not_pile_up():
    DatabaseScheduler(app=app).setup_schedule()
    sweeps = PeriodicTask.objects.filter(name__in=settings.CELERY_BEAT_SCHEDULE)
    assert sweeps.count() == len(settings.CELERY_BEAT_SCHEDULE)
    assert [task.expire_seconds for task in sweeps] == [task.interval.every for task in sweeps]


def test_a_broker_that_is_away_does_not_stop_the_packer(monkeypatch):
    product, place = ProductFactory(), reachable_site()
    stocked(product, place.shelf, 10)
    order_for([(product, 2)])
    task = picked(PickingTask.objects.get(), person(Role.PICKER))
    monkeypatch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    with app.pool.acquire() as kept:
        kept.close()
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)

    packed(task, person(Role.PACKER))

    shipment = Shipment.objects.get()
    assert (shipment.status, shipment.next_attempt_at is not None) == ("requested", True)


def test_a_mistake_does_not_stop_a_sweep_but_an_outage_does():
    """Else each of two hundred would meet the same lost connection, and say so."""
    tried = []

    def work(pk: int) -> None:
        tried.append(pk)
        if pk == 1:
            raise ValueError("a mistake about this one")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    try:
        with pytest.raises(OperationalError):
            tasks._each([1, 2, 3], work)
    finally:
        connection.close()
    assert tried == [1, 2]
