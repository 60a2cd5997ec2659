"""Changed rules of a product: what is in stock is counted and judged by them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import BatchLocation, Product
from inventory.orchestrator import get_availability
from inventory.services.expiry import expire_stock
from inventory.services.locations import change_location, create_location
from inventory.services.products import change_barcode, change_product, create_barcode, create_product
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.errors import Conflict, NotFound

pytestmark = pytest.mark.django_db


def days_left(place: BatchLocation) -> float:
    place.refresh_from_db()
    assert place.effective_expires_at is not None
    return round((place.effective_expires_at - timezone.now()).total_seconds() / 86400, 2)


@pytest.mark.parametrize("values", [{"quantity_step": Decimal(7)}, {"base_unit": "kg"}])
def test_the_unit_and_step_of_what_has_lots_are_fixed(house: Site, values: dict[str, object]) -> None:
    product = ProductFactory()
    change_product(product.pk, values, actor=ACTOR)
    stocked(product, house.shelf, 7)
    change_product(product.pk, values | {"name": "The same unit"}, actor=ACTOR)

    for wrong in ({"quantity_step": Decimal("0.5")}, {"base_unit": "m"}):
        with pytest.raises(Conflict, match="There are lots of"):
            change_product(product.pk, {"name": "Not this", **wrong}, actor=ACTOR)

    product.refresh_from_db()
    assert product.name == "The same unit"


def test_goods_that_a_milder_rule_lets_go_are_for_sale_at_once(house: Site) -> None:
    cheese = ProductFactory(lives={"chilled": 30}, min_remaining_days=10)
    stocked(cheese, house.cool, 5, expires_in_days=4)
    assert totals(cheese.pk, house.id) == (5, 0, 5, 0)

    with heard() as events:
        change_product(cheese.pk, {"min_remaining_days": 0}, actor=ACTOR)

    assert totals(cheese.pk, house.id) == (5, 0, 0, 5)
    assert [answer.available for answer in get_availability([cheese.pk])] == [5]
    assert events.types() == ["stock.changed"]
    assert expire_stock(actor=ACTOR) == 0
    assert_books_balance()


def test_goods_that_a_stricter_rule_keeps_leave_the_figures_of_all_sites(house: Site) -> None:
    cheese = ProductFactory(lives={"chilled": 30})
    there = site(code="OTHER", external_id="2")
    for here in (house, there):
        stocked(cheese, here.cool, 8, expires_in_days=4)

    change_product(cheese.pk, {"min_remaining_days": 10}, actor=ACTOR)

    assert [totals(cheese.pk, here.id) for here in (house, there)] == [(8, 0, 8, 0)] * 2
    assert_books_balance()


def test_a_shorter_life_is_that_of_the_goods_in_stock(house: Site) -> None:
    honey = ProductFactory(lives={"ambient": 365}, min_remaining_days=5)
    place = stocked(honey, house.shelf, 8)
    assert days_left(place) == 365

    change_product(honey.pk, {}, shelf_lives=[{"condition": "ambient", "days": Decimal(3)}], actor=ACTOR)

    assert days_left(place) == 3
    assert (place.blocked_reason, totals(honey.pk, house.id)) == ("expired", (8, 0, 8, 0))
    change_product(honey.pk, {}, shelf_lives=[{"condition": "ambient", "days": Decimal(365)}], actor=ACTOR)
    assert (days_left(place), totals(honey.pk, house.id)) == (365, (8, 0, 0, 8))
    assert_books_balance()


def test_what_does_not_track_expiry_any_more_keeps_for_ever(house: Site) -> None:
    honey = ProductFactory(lives={"ambient": 3})
    place = stocked(honey, house.shelf, 8)
    change_product(honey.pk, {"min_remaining_days": 5}, actor=ACTOR)
    assert totals(honey.pk, house.id) == (8, 0, 8, 0)
    change_product(honey.pk, {"tracks_expiry": False}, actor=ACTOR)
    place.refresh_from_db()
    assert (place.effective_expires_at, totals(honey.pk, house.id)) == (None, (8, 0, 0, 8))


def test_the_life_that_goods_rely_on_stays(house: Site) -> None:
    milk = ProductFactory(lives={"chilled": 30, "ambient": 2})
    stocked(milk, house.cool, 8)

    with pytest.raises(Conflict, match="leave the life of that"):
        change_product(milk.pk, {}, shelf_lives=[{"condition": "ambient", "days": Decimal(3)}], actor=ACTOR)

    assert milk.shelf_lives.count() == 2
    change_product(milk.pk, {}, shelf_lives=[{"condition": "chilled", "days": Decimal(3)}], actor=ACTOR)


def test_many_lots_in_a_constant_number_of_statements(house: Site) -> None:
    milk = ProductFactory(lives={"chilled": 30})

    def statements() -> int:
        days = Decimal(20) if milk.shelf_lives.get().days == 30 else Decimal(30)
        with CaptureQueriesContext(connection) as queries:
            change_product(
                milk.pk, {"min_remaining_days": 25 if days == 20 else 0}, shelf_lives=[{"condition": "chilled", "days": days}], actor=ACTOR
            )
        return len(queries)

    stocked(milk, house.cool, 8, expires_in_days=28)
    statements()
    few = statements()
    for n in range(7):
        stocked(milk, house.cool, 8, lot=f"L{n}", expires_in_days=28)
    statements()
    assert statements() == few
    assert_books_balance()


def test_a_product_that_is_none() -> None:
    for values in ({"name": "x"}, {"min_remaining_days": 1}):
        with pytest.raises(NotFound):
            change_product(404, values, actor=ACTOR)


def test_a_new_one_with_its_lives() -> None:
    product = create_product({"sku": "A", "name": "B"}, shelf_lives=[{"condition": "chilled", "days": 3}], actor=ACTOR)
    assert Product.objects.get().shelf_lives.get().days == 3
    with pytest.raises(Conflict, match="Another product has this SKU"):
        create_product({"sku": "a", "name": "B"}, actor=ACTOR)
    assert product.sku == "A"


# --- one code, one meaning ---------------------------------------------------------------------------------------------------------------


def test_a_code_is_not_two_things(house: Site) -> None:
    milk = create_product({"sku": "MILK", "name": "Milk"}, actor=ACTOR)
    bread = create_product({"sku": "BREAD", "name": "Bread"}, actor=ACTOR)
    code = create_barcode({"code": "4006381333931", "product_id": milk.pk}, actor=ACTOR)

    for taken in ("bread", "a-01", house.shelf.barcode.lower()):
        with pytest.raises(Conflict, match="two things"):
            create_barcode({"code": taken, "product_id": milk.pk}, actor=ACTOR)
        with pytest.raises(Conflict, match="two things"):
            change_barcode(code.pk, {"code": taken}, actor=ACTOR)
    with pytest.raises(Conflict, match="two things"):
        change_barcode(code.pk, {"code": "MILK", "product_id": bread.pk}, actor=ACTOR)
    for values in ({"sku": "4006381333931", "name": "x"}, {"sku": "A-01", "name": "x"}):
        with pytest.raises(Conflict, match="two things"):
            create_product(values, actor=ACTOR)
        with pytest.raises(Conflict, match="two things"):
            change_product(bread.pk, {"sku": values["sku"]}, actor=ACTOR)
    for values in ({"code": "MILK", "barcode": "LOC-9"}, {"code": "Z-01", "barcode": "4006381333931"}):
        with pytest.raises(Conflict, match="two things"):
            create_location({"warehouse_id": house.id, **values}, actor=ACTOR)
    with pytest.raises(Conflict, match="two things"):
        change_location(house.shelf.pk, {"barcode": "Bread"}, actor=ACTOR)

    change_barcode(code.pk, {"code": "MILK"}, actor=ACTOR)  # its own SKU
    change_product(milk.pk, {"sku": "milk"}, actor=ACTOR)
    change_location(house.shelf.pk, {"barcode": house.shelf.barcode, "zone": "Z"}, actor=ACTOR)
