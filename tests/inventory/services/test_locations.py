"""Places that change what they are, with goods in them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import GoodsPromised
from inventory.models import BatchLocation, Location, Product
from inventory.orchestrator import OrderedLine, PlaceNotAllowed, change_phase, move_stock, promise_order
from inventory.services.locations import change_location, create_location
from tests.factories.fulfillment import begun, order_for, person, pick, reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass, keeps_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def apples(house: Site) -> Product:
    return ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})


def test_a_shelf_becomes_a_fridge_and_the_clocks_go_on_in_it(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 10)
    days_pass(7)
    pears = stocked(ProductFactory(lives={"ambient": 10, "chilled": 100}), house.shelf, 1, expires_in_days=3)

    done = change_location(house.shelf.pk, {"condition": "chilled"}, actor=ACTOR, expected_version=1)

    assert (done.condition, done.version) == ("chilled", 2)
    assert keeps_for(shelf) == 28
    shelf.refresh_from_db()
    assert shelf.clock_condition == "chilled"
    assert BatchLocation.objects.get(pk=pears.pk).effective_expires_at == pears.effective_expires_at  # the label is the law
    assert_books_balance()


def test_a_condition_that_lets_goods_expire_sooner_takes_them_from_sale(house: Site) -> None:
    """Three days of ten in the cold are left, of the one outside not enough to be sold."""
    milk = ProductFactory(lives={"chilled": 10, "ambient": 1}, min_remaining_days=1)
    stocked(milk, house.cool, 5)
    days_pass(7)

    with heard() as events:
        change_location(house.cool.pk, {"condition": "ambient"}, actor=ACTOR)

    assert totals(milk.pk, house.id) == (5, 0, 5, 0)
    assert events.types() == ["stock.changed", "stock.out"]
    assert_books_balance()


def test_what_may_not_live_there_keeps_the_condition(apples: Product, house: Site) -> None:
    beef = ProductFactory(sku="BEEF", freezable=True, lives={"chilled": 2, "frozen": 120, ("chilled", "thawed"): 1})
    stocked(apples, house.cool, 1)
    change_phase(stocked(beef, house.cool, 2).pk, Decimal(1), "freeze", house.freezer.pk, actor=ACTOR)

    with pytest.raises(PlaceNotAllowed, match="APPLES has no shelf life for frozen"):
        change_location(house.cool.pk, {"condition": "frozen"}, actor=ACTOR)
    with pytest.raises(PlaceNotAllowed, match="BEEF was frozen: thaw it"):
        change_location(house.freezer.pk, {"condition": "chilled"}, actor=ACTOR)

    assert set(Location.objects.filter(pk__in=[house.cool.pk, house.freezer.pk]).values_list("condition", "version")) == {
        ("chilled", 1),
        ("frozen", 1),
    }
    assert_books_balance()


@pytest.mark.parametrize("field", ["is_active", "is_pickable"])
def test_goods_in_a_place_that_is_closed_are_not_for_sale_and_can_be_moved_out(apples: Product, house: Site, field: str) -> None:
    shelf = stocked(apples, house.shelf, 10)

    with heard() as events:
        change_location(house.shelf.pk, {field: False}, actor=ACTOR)

    assert totals(apples.pk, house.id) == (10, 0, 10, 0)
    shelf.refresh_from_db()
    assert shelf.blocked_reason == "place"
    assert events.types() == ["stock.changed", "stock.out"]
    assert_books_balance()

    move_stock(shelf.pk, Decimal(4), house.cool.pk, actor=ACTOR)
    assert totals(apples.pk, house.id) == (10, 0, 6, 4)
    change_location(house.shelf.pk, {field: True}, actor=ACTOR)
    assert totals(apples.pk, house.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_a_promise_keeps_a_place_open_unless_it_may_move(apples: Product, house: Site) -> None:
    shelf = stocked(apples, house.shelf, 5, expires_in_days=5)
    also_there = stocked(apples, house.shelf, 5, lot="also there", expires_in_days=6)
    elsewhere = stocked(apples, house.cool, 2, expires_in_days=9)
    (promise,) = promise_order("shop:1", [OrderedLine(apples.pk, Decimal(4))], actor=ACTOR)

    with pytest.raises(GoodsPromised) as refusal:
        change_location(house.shelf.pk, {"is_active": False}, actor=ACTOR)

    assert [(entry["order_ref"], entry["quantity"]) for entry in refusal.value.errors] == [("shop:1", "4")]
    assert Location.objects.get(pk=house.shelf.pk).is_active
    assert totals(apples.pk, house.id) == (12, 4, 0, 8)

    with heard() as events:
        change_location(house.shelf.pk, {"is_active": False}, release_reservations=True, actor=ACTOR)

    elsewhere.refresh_from_db()
    assert elsewhere.reserved == 2  # as much as there is outside the place that was closed
    assert totals(apples.pk, house.id) == (12, 2, 10, 0)
    assert events.of("stock.reallocated")[0]["reason"] == "PLACE_CLOSED"
    assert {shelf.pk, also_there.pk} == set(BatchLocation.objects.filter(blocked_reason="place").values_list("pk", flat=True))
    assert promise.reservation_id
    assert_books_balance()


def test_a_bench_with_picked_goods_is_not_closed() -> None:
    here = reachable_site()
    picker = person(Role.PICKER)
    product = ProductFactory()
    stocked(product, here.shelf, 5)
    task = order_for([(product, 2)]).picking_tasks.get()
    begun(task, picker)
    pick(task.items.get(), picker)

    with pytest.raises(GoodsPromised, match="picking has begun"):
        change_location(here.bench.pk, {"is_active": False}, release_reservations=True, actor=ACTOR)

    assert_books_balance()


def test_an_empty_place_and_values_that_stay_the_same(house: Site) -> None:
    change_location(house.freezer.pk, {"condition": "", "is_active": False, "is_pickable": False}, actor=ACTOR)
    with heard() as events:
        done = change_location(house.freezer.pk, {"is_active": False, "zone": "Z", "fixed_product_id": ProductFactory().pk}, actor=ACTOR)

    assert (done.condition, done.is_active, done.is_pickable, done.zone, done.fixed_product is not None, events) == ("", False, False, "Z", True, [])


def test_what_makes_no_sense(house: Site) -> None:
    with pytest.raises(Conflict, match="keeps its kind, warehouse_id"):
        change_location(house.shelf.pk, {"kind": "display", "warehouse_id": 1, "zone": "Z"}, actor=ACTOR)
    with pytest.raises(ValidationFailed, match="no such condition"):
        change_location(house.shelf.pk, {"condition": "lukewarm"}, actor=ACTOR)
    with pytest.raises(ValidationFailed, match="Only storage and display"):
        change_location(house.dock.pk, {"is_pickable": True}, actor=ACTOR)
    with pytest.raises(ValidationFailed, match="Only storage and display"):
        create_location({"warehouse_id": house.id, "code": "X", "barcode": "X", "kind": "receiving", "is_pickable": True}, actor=ACTOR)
    with pytest.raises(StaleVersion):
        change_location(house.shelf.pk, {"is_active": False}, actor=ACTOR, expected_version=7)
    with pytest.raises(NotFound):
        change_location(999_999, {"is_active": False}, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        change_location(house.shelf.pk, {"zone": "Z"}, actor=Actor("r", ActorType.EMPLOYEE, frozenset({Role.RECEIVER, Role.PICKER})))


def test_the_number_of_statements_does_not_grow_with_the_goods(house: Site) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            change_location(house.shelf.pk, {"condition": "chilled", "is_pickable": False}, actor=ACTOR)
        change_location(house.shelf.pk, {"condition": "ambient", "is_pickable": True}, actor=ACTOR)
        return len(queries)

    def fill(count: int) -> int:
        for _ in range(count):
            stocked(ProductFactory(lives={"ambient": 5, "chilled": 9}), house.shelf, 1)
        return statements()

    assert fill(1) == fill(2) == fill(20)
