"""Places that somebody asks to be counted, until it was done."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Audit, BatchLocation, CountRequest, Product
from inventory.orchestrator import (
    WriteOffLine,
    adjust_stock,
    complete_audit,
    count_requested_places,
    create_audit,
    dismiss_count_request,
    record_count,
    remove_stock,
    request_count,
    scan_audit_place,
    start_audit,
    suggest_cycle_count,
)
from inventory.queries.count_requests import places_asked_for
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, site, stocked
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK")


@pytest.fixture
def place(milk: Product, house: Site) -> BatchLocation:
    return stocked(milk, house.shelf, 10, lot="A")


@pytest.fixture
def auditor(db: None) -> Actor:
    return person(Role.AUDITOR)


def ask(place: BatchLocation, reason: str = "two are missing", actor: Actor = ACTOR) -> CountRequest:
    return request_count(place.location_id, place.product_id, reason=reason, actor=actor)


def counted(audit: Audit, place: BatchLocation, quantity: int, actor: Actor) -> None:
    scan_audit_place(audit.pk, place.location_id, actor=actor)
    record_count(audit.pk, audit.lines.get(batch_location=place).pk, Decimal(quantity), actor=actor)


def started(house: Site, **scope: object) -> Audit:
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR, **scope)  # type: ignore[arg-type]
    return start_audit(audit.pk, actor=ACTOR)


def test_a_place_is_asked_for_once_and_asked_again_anew(place: BatchLocation) -> None:
    picker = person(Role.PICKER)
    with heard() as events:
        first = ask(place, actor=picker)
        again = ask(place, "all are missing")
    assert first.pk == again.pk
    row = CountRequest.objects.get()
    assert (row.reason, row.requested_by, row.requested_at > first.requested_at) == ("all are missing", ACTOR.name, True)
    assert events == [
        (
            "inventory.count.requested",
            {
                "request_id": row.pk, "warehouse_id": "1", "location": "A-01", "product_id": place.product_id, "sku": "MILK",
                "reason": "two are missing",
            },
        )
    ]  # fmt: skip


def test_what_can_not_be_asked(place: BatchLocation, house: Site) -> None:
    for reason in ("  ", "x" * 201):
        with pytest.raises(ValidationFailed):
            ask(place, reason)
    with pytest.raises(ValidationFailed):
        request_count(house.transit.pk, place.product_id, reason="x", actor=ACTOR)
    for location, product in ((10**9, place.product_id), (place.location_id, 10**9)):
        with pytest.raises(NotFound):
            request_count(location, product, reason="x", actor=ACTOR)
    for role in (Role.PACKER, Role.SELLER, Role.VIEWER, Role.INTEGRATION):
        with pytest.raises(PermissionDenied):
            ask(place, actor=person(role))


def test_the_audit_that_counts_it_closes_it(place: BatchLocation, milk: Product, house: Site, auditor: Actor) -> None:
    other = stocked(ProductFactory(), house.shelf, 5)
    elsewhere = stocked(milk, house.dock, 5)
    wanted, beside, there = ask(place), ask(other), ask(elsewhere)
    audit = started(house, scope="locations", location_ids=[house.shelf.pk])
    counted(audit, place, 8, auditor)

    complete_audit(audit.pk, actor=ACTOR)

    rows = {row.pk: row for row in CountRequest.objects.all()}
    assert (rows[wanted.pk].audit_id, rows[wanted.pk].closed_at is not None, rows[wanted.pk].closing_note) == (audit.pk, True, "")
    assert rows[beside.pk].closed_at is None  # its line was not counted
    assert rows[there.pk].closed_at is None  # its place was not


def test_all_lots_of_the_product_must_be_counted(place: BatchLocation, milk: Product, house: Site, auditor: Actor) -> None:
    second = stocked(milk, house.shelf, 5, lot="B")
    ask(place)
    audit = started(house)
    counted(audit, place, 10, auditor)
    complete_audit(audit.pk, actor=ACTOR)
    assert CountRequest.objects.get().closed_at is None
    audit = started(house)
    counted(audit, place, 10, auditor)
    counted(audit, second, 5, auditor)
    complete_audit(audit.pk, actor=ACTOR)
    assert CountRequest.objects.get().audit_id == audit.pk


def test_uncounted_lines_taken_for_empty_are_an_answer(place: BatchLocation, house: Site) -> None:
    ask(place)
    audit = started(house)
    complete_audit(audit.pk, uncounted="zero", actor=ACTOR)
    assert CountRequest.objects.get().audit_id == audit.pk


def test_a_count_from_before_it_was_asked_is_no_answer(place: BatchLocation, house: Site, auditor: Actor) -> None:
    ask(place)
    audit = started(house)
    counted(audit, place, 10, auditor)
    ask(place, "and again some are missing")
    complete_audit(audit.pk, actor=ACTOR)
    assert CountRequest.objects.get().closed_at is None


def test_where_nothing_is_left_there_is_nothing_to_count(place: BatchLocation, house: Site, auditor: Actor) -> None:
    other = stocked(ProductFactory(), house.dock, 5)
    ask(place)
    remove_stock(warehouse_id=house.id, line=WriteOffLine(place.pk, Decimal(10), "lost"), actor=ACTOR)
    assert list(places_asked_for(house.id)) == []
    audit = started(house)
    counted(audit, other, 5, auditor)
    complete_audit(audit.pk, actor=ACTOR)
    row = CountRequest.objects.get()
    assert (row.audit_id, row.closing_note) == (None, "nothing of it is there any more, by the books")


def test_a_correction_at_the_desk_is_no_count(place: BatchLocation, house: Site) -> None:
    ask(place)
    adjust_stock(warehouse_id=house.id, product_id=place.product_id, new_quantity=Decimal(7), reason="typo", actor=ACTOR)
    assert CountRequest.objects.get().closed_at is None


def test_an_auditor_may_dismiss_it(place: BatchLocation, auditor: Actor) -> None:
    row = ask(place)
    with pytest.raises(PermissionDenied):
        dismiss_count_request(row.pk, reason="x", actor=person(Role.PICKER))
    with pytest.raises(ValidationFailed):
        dismiss_count_request(row.pk, reason=" ", actor=auditor)
    closed = dismiss_count_request(row.pk, reason="found behind the shelf", actor=auditor)
    assert (closed.closing_note, closed.closed_at is not None, closed.audit_id) == ("found behind the shelf", True, None)
    with pytest.raises(TransitionRefused):
        dismiss_count_request(row.pk, reason="again", actor=auditor)
    with pytest.raises(NotFound):
        dismiss_count_request(10**9, reason="x", actor=auditor)
    assert ask(place).pk != row.pk


def test_what_is_asked_for_is_counted_first(place: BatchLocation, milk: Product, house: Site) -> None:
    far = stocked(milk, LocationFactory(warehouse=house.warehouse, code="Z-99", pick_sequence=10**6), 1)
    for _ in range(3):
        stocked(milk, house.shelf, 1, lot="A")
    assert [s.location for s in suggest_cycle_count(house.id)] == ["A-01", "Z-99"]
    ask(far)
    assert [(s.location, s.asked) for s in suggest_cycle_count(house.id)] == [("Z-99", 1), ("A-01", 0)]


def test_one_step_from_the_requests_to_the_count(place: BatchLocation, milk: Product, house: Site, auditor: Actor) -> None:
    far = stocked(milk, LocationFactory(warehouse=house.warehouse, code="Z-99", pick_sequence=10**6), 1)
    stocked(milk, house.dock, 1)
    ask(far)
    ask(place)
    assert [row.location.code for row in places_asked_for(house.id)] == ["A-01", "Z-99"]

    audit = count_requested_places(house.id, actor=auditor)

    assert (audit.status, audit.scope, audit.blind) == ("in_progress", "locations", True)
    assert sorted(audit.lines.values_list("location__code", flat=True)) == ["A-01", "Z-99"]
    assert list(places_asked_for(house.id)) == []
    with pytest.raises(Conflict):
        count_requested_places(house.id, actor=auditor)
    counted(audit, place, 10, auditor)
    counted(audit, far, 1, auditor)
    complete_audit(audit.pk, actor=ACTOR)
    assert not CountRequest.objects.filter(closed_at=None).exists()
    with pytest.raises(PermissionDenied):
        count_requested_places(house.id, actor=person(Role.PICKER))


def test_statements(place: BatchLocation) -> None:
    ask(place)
    with CaptureQueriesContext(connection) as queries:
        ask(place)
    assert len(queries) - 2 <= 4
