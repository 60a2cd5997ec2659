"""The only writer of quantities: grouped, counted, with a ledger that joins up and events that say enough."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.enums import DocumentType, MovementType
from inventory.errors import BooksDisagree
from inventory.models import BatchLocation, Movement, Product, Stock
from inventory.orchestrator import set_low_stock_threshold
from inventory.stock.post import Entry, Header, block, post
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType
from warehouse.core.errors import ValidationFailed
from warehouse.outbox.events import Event

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)
BY = Header(actor=Actor("Ana", ActorType.EMPLOYEE), document_type=DocumentType.RECEIVING, document_id=5, order_ref="shop:9", reason="a test")


def entry(place: BatchLocation, quantity: int | str, reserved: int | str = 0, kind: MovementType = MovementType.ADJUSTMENT) -> Entry:
    return Entry(place.pk, kind, Decimal(quantity), Decimal(reserved))


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK", lives={"ambient": 100, "chilled": 14})


def test_lines_of_the_same_place_are_summed_and_each_has_its_own_line_in_the_ledger(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)

    post([entry(place, 2), entry(place, 3, 4), entry(place, -1), entry(place, 0, -2)], BY)

    place.refresh_from_db()
    assert (place.quantity, place.reserved, place.version) == (14, 2, 3)
    lines = Movement.objects.filter(document_id=5).order_by("pk")
    assert list(lines.values_list("quantity_before", "quantity_change", "quantity_after", "reserved_change", "reserved_after")) == [
        (10, 2, 12, 0, 0),
        (12, 3, 15, 4, 4),
        (15, -1, 14, 0, 4),
        (14, 0, 14, -2, 2),
    ]
    assert totals(milk.pk, house.id) == (14, 2, 0, 12)


def test_a_line_of_the_ledger_says_what_who_why_and_where(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10, lot="L1")

    post([entry(place, 1, kind=MovementType.RETURN_TO_STOCK)], BY)

    line = Movement.objects.get(document_id=5)
    assert (line.type, line.product, line.batch, line.batch_location, line.location, line.warehouse) == (
        "return_to_stock", milk, place.batch, place, house.cool, house.warehouse,
    )  # fmt: skip
    assert (line.document_type, line.document_id, line.order_ref, line.reason) == ("receiving", 5, "shop:9", "a test")
    assert (line.performed_by, line.performed_by_type, line.reservation_id) == ("Ana", "employee", None)
    assert line.occurred_at is not None


def test_several_places_and_products_in_one_statement(milk: Product, house: Site) -> None:
    bread = ProductFactory()
    places = [stocked(milk, house.cool, 10), stocked(milk, house.shelf, 10), stocked(bread, house.shelf, 10)]

    with CaptureQueriesContext(connection) as queries:
        post([entry(place, -n) for n, place in enumerate(places, start=1)], BY)

    assert len(queries) == 1
    assert totals(milk.pk, house.id)[0] == 17
    assert totals(bread.pk, house.id)[0] == 7


def test_nothing_to_write_is_no_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        post([], BY)
        block({}, BY)
    assert len(queries) == 0


def test_a_place_that_is_not_there_writes_nothing(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)

    with pytest.raises(BooksDisagree) as refusal, transaction.atomic():
        post([entry(place, 1), Entry(place.pk + 1000, MovementType.ADJUSTMENT, Decimal(1), ZERO)], BY)

    assert refusal.value.data == {"places": 2, "found": 1, "totals": 1}
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_a_total_that_is_not_there_writes_nothing(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)
    Stock.objects.all().delete()

    with pytest.raises(BooksDisagree), transaction.atomic():
        post([entry(place, 1)], BY)

    place.refresh_from_db()
    assert place.quantity == 10


@pytest.mark.parametrize(("quantity", "reserved"), [(-11, 0), (0, -1), (0, 11), (-6, 5)])
def test_the_database_refuses_what_would_break_the_rule(milk: Product, house: Site, quantity: int, reserved: int) -> None:
    place = stocked(milk, house.cool, 10)

    with pytest.raises(IntegrityError, match=r"reserved_within_quantity|reserved_and_blocked_within_quantity"), transaction.atomic():
        post([entry(place, quantity, reserved)], BY)

    assert totals(milk.pk, house.id) == (10, 0, 0, 10)


def test_blocked_goods_count_in_the_total_but_are_not_available(milk: Product, house: Site) -> None:
    stocked(milk, house.cool, 10)
    bench = stocked(milk, house.bench, 4)

    assert bench.blocked_reason == "place"
    assert totals(milk.pk, house.id) == (14, 0, 4, 10)

    post([entry(bench, 0, 3)], BY)
    assert totals(milk.pk, house.id) == (14, 3, 1, 10)

    post([entry(bench, -3, -3)], BY)
    assert totals(milk.pk, house.id) == (11, 0, 1, 10)
    assert_books_balance()


def test_what_is_blocked_and_freed_again(milk: Product, house: Site) -> None:
    place, other = stocked(milk, house.cool, 10), stocked(milk, house.shelf, 3)
    post([entry(place, 0, 4)], BY)

    with heard() as events:
        block({place.pk: "held"}, Header(actor=ACTOR))
    assert totals(milk.pk, house.id) == (13, 4, 6, 3)
    assert events.types() == ["stock.changed", "stock.low"]

    with heard() as events:
        block({place.pk: "recalled", other.pk: "held"}, Header(actor=ACTOR))
    assert totals(milk.pk, house.id) == (13, 4, 9, 0)
    assert events.types() == ["stock.changed", "stock.out"]

    with heard() as events:
        block({place.pk: "", other.pk: ""}, Header(actor=ACTOR))
    assert totals(milk.pk, house.id) == (13, 4, 0, 9)
    assert events.types() == ["stock.changed"]


def test_blocking_what_is_blocked_changes_and_says_nothing(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)
    block({place.pk: "held"}, Header(actor=ACTOR))

    with heard() as events:
        block({place.pk: "recalled"}, Header(actor=ACTOR))

    assert (totals(milk.pk, house.id), events.types()) == ((10, 0, 10, 0), [])


# --- events ------------------------------------------------------------------------------------------------------------------------------


def change(place: BatchLocation, *amounts: int) -> list[list[str]]:
    result = []
    for amount in amounts:
        with heard() as events:
            post([entry(place, amount)], Header(actor=ACTOR))
        result.append(events.types())
    return result


def test_low_and_out_are_said_on_crossing_only(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)  # the threshold is 5

    assert change(place, -4, -1, -1, -3, -1, 1, 4, 1, -6) == [
        ["stock.changed"],  # 6
        ["stock.changed", "stock.low"],  # 5
        ["stock.changed"],  # 4
        ["stock.changed"],  # 1
        ["stock.changed", "stock.out"],  # 0
        ["stock.changed"],  # 1
        ["stock.changed"],  # 5
        ["stock.changed"],  # 6
        ["stock.changed", "stock.out"],  # from 6 to 0 at once
    ]


def test_the_status_follows(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 6)
    seen = [Stock.objects.get().status]
    for amount in (-1, -5, 1, 5):
        post([entry(place, amount)], Header(actor=ACTOR))
        seen.append(Stock.objects.get().status)

    assert seen == ["in_stock", "low_stock", "out_of_stock", "low_stock", "in_stock"]


def test_the_threshold_of_the_row_counts(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)
    set_low_stock_threshold(Stock.objects.get().pk, Decimal(8), actor=ACTOR)

    assert change(place, -2) == [["stock.changed", "stock.low"]]


def test_a_threshold_below_nothing_is_refused(milk: Product, house: Site) -> None:
    stocked(milk, house.cool, 10)
    with pytest.raises(ValidationFailed):
        set_low_stock_threshold(Stock.objects.get().pk, Decimal(-5), actor=ACTOR)
    assert set_low_stock_threshold(Stock.objects.get().pk, Decimal(0), actor=ACTOR).settings_version == 2


def test_what_changes_nothing_available_says_only_its_fact(milk: Product, house: Site) -> None:
    place = stocked(milk, house.cool, 10)
    post([entry(place, 0, 4)], Header(actor=ACTOR))

    with heard() as events:
        post([entry(place, -4, -4)], Header(actor=ACTOR, fact="stock.sold"))

    assert events.types() == ["stock.sold"]


def test_what_an_event_carries(milk: Product, house: Site) -> None:
    stocked(milk, house.cool, 10)
    page = StorefrontProductFactory(product=milk, external_listing_id="listing-77")
    StorefrontProductFactory(product=milk)
    place = BatchLocation.objects.get()

    with heard() as events:
        post([entry(place, "-0.5", 0)], Header(actor=ACTOR, fact="stock.sold"), [Event("inventory.moved", "stock", 3, {"to_location": "X"})])

    payload = {
        "stock_id": Stock.objects.get().pk,
        "shop_product_id": page.pk,
        "listing_id": "listing-77",
        "product_id": milk.pk,
        "warehouse_id": "1",
        "available": "9.5",
        "status": "in_stock",
    }
    assert list(events) == [("stock.sold", payload), ("stock.changed", payload), ("inventory.moved", {"to_location": "X"})]


def test_a_product_without_a_listing_is_announced_too(milk: Product, house: Site) -> None:
    with heard() as events:
        stocked(milk, house.cool, 1)

    assert {payload["listing_id"] for payload in events.of("stock.changed")} == {None}
