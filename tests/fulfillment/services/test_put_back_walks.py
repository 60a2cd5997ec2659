"""Put-backs in somebody's hand: claimed for one walk, brought in parts, to other places and to quarantine; and what their time on the bench costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import Surplus, WrongScan
from fulfillment.models import Pick, PickingTask, PutBack
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.picking_tasks import cancel_picking_task
from fulfillment.services.put_backs import CLAIM, claim_put_backs, complete_put_back, lay_down_put_backs, quarantine_put_back
from fulfillment.services.undo import undo_pick
from inventory.enums import Condition, LocationKind
from inventory.models import BatchLocation, Location, Movement, Product, Stock
from inventory.orchestrator import PlaceNotAllowed, TooLongOut
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.inventory.books import assert_books_balance
from tests.inventory.clocks import days_pass, keeps_for
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db

MILK = {Condition.CHILLED: 7, Condition.AMBIENT: 1}
FISH = {Condition.CHILLED: 2}


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


def left_over(house: Site, products: Sequence[tuple[Product, int]], shelf: Location | None = None) -> list[PutBack]:
    """So much of each on the bench, of a cancelled order."""
    for product, _ in products:
        if not Stock.objects.filter(product=product).exists():
            stocked(product, shelf or house.shelf, 20)
    order = order_for(products)
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(order=order), picker)
    for item in task.items.all():
        pick(item, picker)
    process_order_cancelled(order.source, order.external_id, "", actor=ACTOR)
    return list(PutBack.objects.filter(order=order).order_by("pk"))


def minutes_pass(minutes: float) -> None:
    """Everything that has happened is so much longer ago."""
    days_pass(minutes / 24 / 60)
    earlier = timedelta(minutes=minutes)
    PutBack.objects.update(picked_at=F("picked_at") - earlier, claimed_until=F("claimed_until") - earlier)
    Pick.objects.update(picked_at=F("picked_at") - earlier)


def lying(place: Location) -> dict[str, Decimal]:
    return dict(BatchLocation.objects.filter(location=place, quantity__gt=0).values_list("product__sku", "quantity"))


# --- one walk ------------------------------------------------------------------------------------------------------------------------------


def test_one_walk_takes_several_in_walking_order_and_nobody_else_takes_them(house: Site) -> None:
    far = LocationFactory(warehouse=house.warehouse, code="Z-09", pick_sequence=1_000_000)
    tea, jam = ProductFactory(sku="TEA"), ProductFactory(sku="JAM")
    (of_tea,) = left_over(house, [(tea, 2)], far)
    (of_jam,) = left_over(house, [(jam, 3)])
    one, two = person(Role.PICKER), person(Role.RECEIVER)

    walk = claim_put_backs(house.id, actor=one)

    assert [row.pk for row in walk] == [of_jam.pk, of_tea.pk]
    assert {(row.worker_id, row.version) for row in PutBack.objects.all()} == {(one.user_id, 2)}
    assert claim_put_backs(house.id, actor=two) == []
    assert [row.pk for row in claim_put_backs(house.id, actor=one)] == [of_jam.pk, of_tea.pk]
    with pytest.raises(Conflict, match="in hand"):
        complete_put_back(of_jam.pk, 1, actor=two, location_scan="A-01")
    assert complete_put_back(of_jam.pk, 3, actor=one, location_scan="A-01").status == "done"
    assert lay_down_put_backs(house.id, actor=one) == 1
    assert lay_down_put_backs(house.id, actor=one) == 0
    assert [row.pk for row in claim_put_backs(house.id, actor=two)] == [of_tea.pk]


def test_a_walk_that_is_not_finished_is_anybodys_after_half_an_hour_and_a_managers_at_once(house: Site) -> None:
    first, second = left_over(house, [(ProductFactory(), 2), (ProductFactory(), 3)])
    one, two = person(Role.PICKER), person(Role.PICKER)
    claim_put_backs(house.id, actor=one)
    complete_put_back(first.pk, 2, actor=person(Role.MANAGER), location_scan="A-01")

    minutes_pass(CLAIM.total_seconds() / 60 + 1)

    assert [row.pk for row in claim_put_backs(house.id, actor=two)] == [second.pk]
    with pytest.raises(Conflict):
        complete_put_back(second.pk, 3, actor=one, location_scan="A-01")


def test_a_walk_of_one_bench_and_of_so_many(house: Site) -> None:
    left_over(house, [(ProductFactory(), 1), (ProductFactory(), 1), (ProductFactory(), 1)])
    picker = person(Role.PICKER)

    assert claim_put_backs(house.id, actor=picker, bench="NOT-THIS-ONE") == []
    assert len(claim_put_backs(house.id, actor=picker, bench=house.bench.code, limit=2)) == 2
    assert len(claim_put_backs(house.id, actor=picker, limit=2)) == 2
    assert len(claim_put_backs(house.id, actor=picker)) == 3
    for wrong in (0, 21):
        with pytest.raises(ValidationFailed):
            claim_put_backs(house.id, actor=picker, limit=wrong)
    with pytest.raises(ValidationFailed):
        claim_put_backs(house.id, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        claim_put_backs(house.id, actor=person(Role.PACKER))


def test_the_statements_of_a_walk_do_not_grow_with_it(house: Site) -> None:
    def statements(count: int) -> int:
        left_over(house, [(ProductFactory(), 1) for _ in range(count)])
        picker = person(Role.PICKER)
        with CaptureQueriesContext(connection) as queries:
            assert len(claim_put_backs(house.id, actor=picker)) == count
        return len(queries)

    assert statements(1) == statements(3) <= 8


# --- in parts, to other places, to quarantine ------------------------------------------------------------------------------------------------


def test_a_part_to_the_shelf_a_part_to_another_and_the_rest_to_quarantine(house: Site) -> None:
    other = LocationFactory(warehouse=house.warehouse, code="B-07")
    (row,) = left_over(house, [(ProductFactory(sku="TEA"), 9)])
    picker = person(Role.PICKER)

    complete_put_back(row.pk, 4, actor=picker, location_scan="A-01")
    complete_put_back(row.pk, 3, actor=picker, location_scan=other.barcode)
    done = quarantine_put_back(row.pk, 2, "crushed", actor=picker)

    assert (done.status, done.done_quantity, done.quarantined_quantity, done.note) == ("done", 9, 2, "crushed")
    assert (lying(other), lying(house.quarantine), lying(house.bench)) == ({"TEA": 3}, {"TEA": 2}, {})
    stock = Stock.objects.get()
    assert (stock.quantity, stock.blocked, stock.available) == (20, 2, 18)
    assert set(Movement.objects.filter(location=house.quarantine).values_list("type", "reason", "document_id")) == {("put_back", "crushed", row.pk)}
    assert_books_balance()


def test_quarantine_is_asked_for_by_name_and_with_a_reason(house: Site) -> None:
    (row,) = left_over(house, [(ProductFactory(sku="TEA"), 3)])
    picker = person(Role.PICKER)
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (ValidationFailed, {"quantity": 1, "reason": "  "}),
        (WrongScan, {"quantity": 1, "reason": "wet", "location_scan": "A-01"}),
        (WrongScan, {"quantity": 1, "reason": "wet", "location_scan": "nowhere"}),
        (Surplus, {"quantity": 4, "reason": "wet"}),
    ]
    for error, words in wrong:
        with pytest.raises(error):
            quarantine_put_back(row.pk, **words, actor=picker)
    with pytest.raises(ValidationFailed, match="Say why"):
        complete_put_back(row.pk, 1, actor=picker, location_scan=house.quarantine.code)
    with pytest.raises(PlaceNotAllowed, match="bring the goods to a shelf"):
        complete_put_back(
            row.pk, 1, actor=picker, location_scan=LocationFactory(warehouse=house.warehouse, kind=LocationKind.PACKING, condition="").code
        )
    assert quarantine_put_back(row.pk, 1, "wet", actor=picker, location_scan=house.quarantine.barcode).quarantined_quantity == 1
    Location.objects.filter(pk=house.quarantine.pk).update(is_active=False)
    with pytest.raises(NotFound, match="no active quarantine"):
        quarantine_put_back(row.pk, 1, "wet", actor=picker)
    assert lying(house.bench) == {"TEA": 2}


# --- out of the cold --------------------------------------------------------------------------------------------------------------------------


def picked_from_the_cold(house: Site, product: Product, quantity: int) -> PutBack:
    (row,) = left_over(house, [(product, quantity)], house.cool)
    return row


def test_two_hours_on_a_warm_bench_cost_the_milk_half_a_day(house: Site) -> None:
    row = picked_from_the_cold(house, ProductFactory(sku="MILK", lives=MILK), 5)
    minutes_pass(120)
    shelf = BatchLocation.objects.get(location=house.cool)
    before = keeps_for(shelf)

    complete_put_back(row.pk, 5, actor=ACTOR, location_scan=house.cool.code)

    # Of the one day that it lives in the warmth two hours are used, of the seven of the cold two hours had been charged: 14 h - 2 h.
    assert keeps_for(shelf) == pytest.approx(before - 0.5, abs=0.002)
    shelf.refresh_from_db()
    assert (shelf.quantity, shelf.clock_condition) == (20, Condition.CHILLED)
    assert_books_balance()


def test_what_the_rest_would_lose_more_than_a_day_by_comes_back_as_a_lot_of_its_own(house: Site) -> None:
    row = picked_from_the_cold(house, ProductFactory(sku="MILK", lives=MILK), 5)
    minutes_pass(360)

    complete_put_back(row.pk, 5, actor=ACTOR, location_scan=house.cool.code)

    kept, poor = BatchLocation.objects.filter(location=house.cool).select_related("batch").order_by("pk")
    assert (kept.quantity, poor.quantity, poor.batch.parent_id) == (15, 5, kept.batch_id)
    assert keeps_for(poor) == pytest.approx(keeps_for(kept) - 1.5, abs=0.002)


def test_on_a_chilled_bench_nothing_is_charged(house: Site) -> None:
    row = picked_from_the_cold(house, ProductFactory(sku="MILK", lives=MILK), 5)
    Location.objects.filter(pk=house.bench.pk).update(exposure=Condition.CHILLED)
    minutes_pass(360)
    before = BatchLocation.objects.get(location=house.cool).effective_expires_at

    complete_put_back(row.pk, 5, actor=ACTOR, location_scan=house.cool.code)

    assert BatchLocation.objects.get(location=house.cool).effective_expires_at == before


def test_what_can_not_live_on_the_bench_goes_to_quarantine_after_half_an_hour(house: Site) -> None:
    row = picked_from_the_cold(house, ProductFactory(sku="FISH", lives=FISH), 5)
    picker = person(Role.PICKER)
    minutes_pass(29)
    complete_put_back(row.pk, 1, actor=picker, location_scan=house.cool.code)
    minutes_pass(2)

    with pytest.raises(TooLongOut, match="31 minutes on") as refused:
        complete_put_back(row.pk, 4, actor=picker, location_scan=house.cool.code)
    done = quarantine_put_back(row.pk, 4, "too warm", actor=picker)

    assert refused.value.data == {"minutes": 31, "limit": 30, "location": house.bench.code}
    assert (done.status, lying(house.quarantine)) == ("done", {"FISH": 4})
    assert_books_balance()


def test_the_oldest_scan_counts_for_all_that_lies_together(house: Site) -> None:
    product = ProductFactory(sku="FISH", lives=FISH)
    stocked(product, house.cool, 20)
    order = order_for([(product, 10)])
    picker = person(Role.PICKER)
    task = begun(PickingTask.objects.get(order=order), picker)
    pick(task.items.get(), picker, 4)
    minutes_pass(20)
    pick(task.items.get(), picker, 6)
    cancel_picking_task(task.pk, "broken cart", actor=ACTOR)
    minutes_pass(11)

    with pytest.raises(TooLongOut, match="31 minutes"):
        complete_put_back(PutBack.objects.get().pk, 10, actor=picker, location_scan=house.cool.code)


def test_a_pick_that_is_taken_back_pays_too(house: Site) -> None:
    product = ProductFactory(sku="FISH", lives=FISH)
    stocked(product, house.cool, 20)
    order = order_for([(product, 10)])
    picker: Actor = person(Role.PICKER)
    task = begun(PickingTask.objects.get(order=order), picker)
    pick(task.items.get(), picker, 4)
    minutes_pass(31)

    with pytest.raises(TooLongOut):
        undo_pick(task.pk, actor=picker)
    assert lying(house.bench) == {"FISH": 4}
