"""Promises with a limit of time: a checkout holds, and what is over is released."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from inventory.models import Product, Reservation
from inventory.orchestrator import Reserved, expire_reservation, expire_reservations, extend_reservation, pick_reserved, release_reservation
from inventory.services.reservations import default_ttl
from tests.factories.inventory import ACTOR, Site
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.promises import line
from warehouse.core.errors import Conflict, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


def in_the_past(reserved: Reserved) -> None:
    Reservation.objects.filter(pk=reserved.reservation_id).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_checkout_holds_for_a_time(milk: Product, house: Site, reserve: Any, settings: Any) -> None:
    settings.RESERVATION_TTL_MINUTES = 45
    before = timezone.now()

    reserved = reserve("shop:1", line(milk, 7), ttl=default_ttl())

    limit = Reservation.objects.get(pk=reserved.reservation_id).expires_at
    assert before + timedelta(minutes=45) <= limit <= timezone.now() + timedelta(minutes=45)


def test_the_job_releases_what_is_over_and_only_that(milk: Product, house: Site, reserve: Any) -> None:
    over, running, endless = (reserve(f"shop:{n}", line(milk, 2), ttl=ttl) for n, ttl in enumerate((timedelta(1), timedelta(1), None)))
    in_the_past(over)

    with heard() as events:
        assert expire_reservations(actor=ACTOR) == 1

    assert [Reservation.objects.get(pk=r.reservation_id).status for r in (over, running, endless)] == ["expired", "active", "active"]
    assert Reservation.objects.get(pk=over.reservation_id).reason == "TIME_LIMIT"
    assert events.of("inventory.reservation.released")[0]["reason"] == "TIME_LIMIT"
    assert totals(milk.pk, house.id) == (10, 4, 0, 6)
    assert expire_reservations(actor=ACTOR) == 0
    assert_books_balance()


def test_the_command(milk: Product, reserve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(2):
        in_the_past(reserve(f"shop:{n}", line(milk, 2), ttl=timedelta(1)))

    call_command("expire_reservations", limit=1)
    call_command("expire_reservations")

    assert capsys.readouterr().out == "1 reservations expired.\n1 reservations expired.\n"


def test_it_is_judged_again_under_the_lock(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 2), ttl=timedelta(1))

    assert expire_reservation(reserved.reservation_id, actor=ACTOR) is False

    in_the_past(reserved)
    extend_reservation(reserved.reservation_id, until=timezone.now() + timedelta(minutes=5), actor=ACTOR)
    assert expire_reservation(reserved.reservation_id, actor=ACTOR) is False
    assert totals(milk.pk, house.id)[1] == 2


def test_what_is_being_picked_never_expires(milk: Product, house: Site, reserve: Any) -> None:
    reserved = reserve("shop:1", line(milk, 2), ttl=timedelta(1))
    pick_reserved(
        reserved.items[0].id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.bench.pk,
        document_type="picking_task", document_id=1, actor=ACTOR,
    )  # fmt: skip
    in_the_past(reserved)

    assert expire_reservations(actor=ACTOR) == 0
    assert expire_reservation(reserved.reservation_id, actor=ACTOR) is False
    assert Reservation.objects.get().status == "active"


def test_extending_only_what_has_a_limit_and_only_forwards(milk: Product, reserve: Any) -> None:
    limited, endless = reserve("shop:1", line(milk, 2), ttl=timedelta(hours=1)), reserve("shop:2", line(milk, 2))
    later = timezone.now() + timedelta(hours=2)

    assert extend_reservation(limited.reservation_id, until=later, actor=ACTOR).expires_at == later
    for until in (later, timezone.now()):
        with pytest.raises(ValidationFailed, match="must be later"):
            extend_reservation(limited.reservation_id, until=until, actor=ACTOR)
    with pytest.raises(Conflict, match="has no time limit"):
        extend_reservation(endless.reservation_id, until=later, actor=ACTOR)
    release_reservation(limited.reservation_id, reason="X", actor=ACTOR)
    with pytest.raises(TransitionRefused):
        extend_reservation(limited.reservation_id, until=later + timedelta(1), actor=ACTOR)
