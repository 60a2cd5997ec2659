"""Goods that arrive: what comes onto the books, what is refused, and what is said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.errors import LotMismatch, ShortDated
from inventory.models import Batch, BatchLocation, Location, Movement, Product, Receiving, Stock
from inventory.orchestrator import (
    PlaceNotAllowed,
    ReceivingLine,
    add_item,
    cancel_audit,
    cancel_receiving,
    cancel_transfer,
    cancel_write_off,
    change_item,
    change_receiving,
    confirm_receiving,
    create_audit,
    create_receiving,
    create_return,
    create_transfer,
    create_write_off,
    find_by_scan,
    place_stock,
    receive_at_once,
    receive_item,
    start_receiving,
)
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, Site, StorefrontProductFactory, SupplierFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db

TODAY = timezone.now().date


def on(days: int) -> Any:
    return TODAY() + timedelta(days=days)


@pytest.fixture
def milk(house: Site) -> Product:
    return ProductFactory(sku="MILK", lives={"chilled": 14}, min_remaining_days=2)


def draft(house: Site, *lines: ReceivingLine, **more: Any) -> Receiving:
    return create_receiving(warehouse_id=house.id, location_id=house.cool.pk, lines=lines, actor=ACTOR, **more)


def line(product: Product, quantity: int | str = 10, **more: Any) -> ReceivingLine:
    return ReceivingLine(product.pk, Decimal(quantity), **more)


# --- what comes onto the books -----------------------------------------------------------------------------------------------------------


def test_a_delivery_comes_onto_the_books(milk: Product, house: Site) -> None:
    StorefrontProductFactory(product=milk, external_listing_id="listing-1")
    supplier = SupplierFactory()
    receiving = draft(
        house,
        line(milk, 10, lot_number="L1", label_expires_on=on(9), purchase_price=Decimal("1.25"), currency="RSD"),
        line(milk, 6, actual_quantity=Decimal(4), lot_number="L2", label_expires_on=on(5)),
        supplier_id=supplier.pk,
    )

    with heard() as events:
        done = confirm_receiving(receiving.pk, actor=ACTOR)

    assert (done.status, done.version, done.confirmed_at is not None) == ("confirmed", 2, True)
    assert totals(milk.pk, house.id) == (14, 0, 0, 14)
    batch = Batch.objects.get(lot_number="L1")
    assert (batch.supplier, batch.purchase_price, batch.currency, batch.label_condition) == (supplier, Decimal("1.25"), "RSD", "chilled")
    assert batch.label_life == timedelta(days=14)
    place = BatchLocation.objects.get(batch=batch)
    end = datetime.combine(on(10), datetime.min.time(), UTC)
    assert (place.effective_expires_at, place.not_after, place.clock_condition, place.blocked_reason) == (end, end, "chilled", "")
    assert [item.batch for item in done.items.order_by("pk")] == [batch, Batch.objects.get(lot_number="L2")]
    assert list(Movement.objects.order_by("pk").values_list("type", "quantity_change", "document_type", "document_id")) == [
        ("receiving", 10, "receiving", receiving.pk),
        ("receiving", 4, "receiving", receiving.pk),
    ]
    assert events.types() == ["stock.received", "stock.changed", "inventory.placed", "inventory.placed", "inventory.receiving.confirmed"]
    assert events.of("inventory.placed")[1] == {
        "listing_id": "listing-1", "warehouse_id": "1", "quantity": "4", "location": "C-01", "product_id": milk.pk,
        "batch_id": Batch.objects.get(lot_number="L2").pk,
    }  # fmt: skip
    assert events.of("inventory.receiving.confirmed") == [
        {
            "receiving_id": receiving.pk, "number": done.number, "warehouse_id": "1",
            "differences": [{"sku": "MILK", "expected": "6.000", "actual": "4.000"}],
        }
    ]  # fmt: skip
    assert_books_balance()


def test_the_damaged_part_goes_to_quarantine_and_is_not_for_sale(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 10, damaged_quantity=Decimal(3), label_expires_on=on(9)))

    with heard() as events:
        confirm_receiving(receiving.pk, actor=ACTOR)

    assert totals(milk.pk, house.id) == (10, 0, 3, 7)
    assert list(BatchLocation.objects.order_by("pk").values_list("location__code", "quantity", "blocked_reason")) == [
        ("C-01", 7, ""),
        ("QUAR", 3, "place"),
    ]
    assert [(e["location"], e["quantity"]) for e in events.of("inventory.placed")] == [("C-01", "7"), ("QUAR", "3")]
    assert_books_balance()


def test_all_of_it_damaged(milk: Product, house: Site) -> None:
    """Short dated too, but nothing of it is for sale: there is nothing to refuse."""
    confirm_receiving(draft(house, line(milk, 2, damaged_quantity=Decimal(2), label_expires_on=on(1))).pk, actor=ACTOR)

    assert totals(milk.pk, house.id) == (2, 0, 2, 0)


def test_a_lot_number_is_made_up(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 1), line(milk, 2))

    confirm_receiving(receiving.pk, actor=ACTOR)

    items = list(receiving.items.order_by("pk"))
    assert [item.batch.lot_number for item in items] == [f"{receiving.number}-{item.pk}" for item in items]
    assert Batch.objects.count() == 2


def test_the_same_lot_in_two_lines_and_two_places_is_one_batch(milk: Product, house: Site) -> None:
    other = ProductFactory(lives={"chilled": 14})
    lines = [line(milk, n, lot_number="L1", label_expires_on=on(9)) for n in (1, 2)]
    confirm_receiving(
        draft(house, *lines, line(milk, 4, lot_number="L1", location_id=house.dock.pk), line(other, 8, lot_number="L1")).pk, actor=ACTOR
    )

    assert list(BatchLocation.objects.filter(product=milk).order_by("pk").values_list("location__code", "quantity")) == [("C-01", 3), ("DOCK", 4)]
    assert Batch.objects.filter(product=milk).count() == 1
    # The same code on another product is another lot.
    assert set(Batch.objects.filter(lot_number="L1").values_list("product_id", flat=True)) == {milk.pk, other.pk}
    assert_books_balance()


def test_goods_without_a_date_keep_for_their_life_from_their_production(house: Site) -> None:
    apples = ProductFactory(lives={"ambient": 21})
    confirm_receiving(
        draft(house, line(apples, 1, location_id=house.shelf.pk), line(apples, 1, location_id=house.shelf.pk, produced_on=on(-8))).pk, actor=ACTOR
    )

    fresh, old = BatchLocation.objects.order_by("pk")
    assert fresh.effective_expires_at - fresh.clock_started_at == timedelta(days=21)
    produced = datetime.combine(on(-7), datetime.min.time(), UTC)
    assert abs(old.effective_expires_at - (produced + timedelta(days=21))) < timedelta(milliseconds=1)


def test_goods_that_do_not_expire_go_anywhere(house: Site) -> None:
    lamp = ProductFactory(tracks_expiry=False, lives={})
    confirm_receiving(draft(house, line(lamp, 1, location_id=house.freezer.pk)).pk, actor=ACTOR)

    assert BatchLocation.objects.get().effective_expires_at is None


@pytest.mark.parametrize(
    ("zone", "hours_before_utc"),
    [("Pacific/Honolulu", -10), ("America/New_York", None), ("UTC", 0), ("Europe/Belgrade", None), ("Pacific/Kiritimati", 14)],
)
def test_a_label_ends_with_the_day_of_the_warehouse(zone: str, hours_before_utc: int | None) -> None:
    """On the last day of a month, seen from both ends of the world."""
    house = site(code=zone, time_zone=zone)
    milk = ProductFactory(lives={"chilled": 14})
    last = datetime(2999, 1, 31).date()  # noqa: DTZ001
    confirm_receiving(draft(house, line(milk, 1, label_expires_on=last)).pk, actor=ACTOR)

    place = BatchLocation.objects.get()
    assert place.batch.label_expires_on == last
    if hours_before_utc is not None:
        assert place.effective_expires_at == datetime(2999, 2, 1, tzinfo=UTC) - timedelta(hours=hours_before_utc)


def test_purchase_prices_follow_the_last_delivery(milk: Product, house: Site) -> None:
    page = StorefrontProductFactory(product=milk, purchase_price=Decimal(1))
    confirm_receiving(draft(house, line(milk, 1, purchase_price=Decimal(3)), line(milk, 9, purchase_price=Decimal(2))).pk, actor=ACTOR)
    confirm_receiving(draft(house, line(milk, 1)).pk, actor=ACTOR)

    page.refresh_from_db()
    assert page.purchase_price == 2


@pytest.mark.parametrize("policy", ["last", "weighted_average"])
def test_a_price_in_another_currency_is_not_the_storefronts(milk: Product, house: Site, settings: Any, policy: str) -> None:
    settings.PURCHASE_PRICE_POLICY = policy
    euros = StorefrontProductFactory(product=milk, purchase_price=Decimal(1))
    dinars = StorefrontProductFactory(product=milk, currency="RSD")
    lines = [line(milk, 2, purchase_price=Decimal(117), currency="RSD"), line(milk, 2, purchase_price=Decimal(1), currency="EUR")]
    confirm_receiving(draft(house, *lines).pk, actor=ACTOR)

    for page in (euros, dinars):
        page.refresh_from_db()
    assert (euros.purchase_price, dinars.purchase_price) == (1, 117)
    confirm_receiving(draft(house, line(milk, 2, purchase_price=Decimal(500), currency="USD")).pk, actor=ACTOR)
    euros.refresh_from_db()
    assert euros.purchase_price == 1


def test_purchase_prices_as_a_weighted_average(milk: Product, house: Site, settings: Any) -> None:
    settings.PURCHASE_PRICE_POLICY = "weighted_average"
    page = StorefrontProductFactory(product=milk)
    confirm_receiving(draft(house, line(milk, 10, purchase_price=Decimal(1))).pk, actor=ACTOR)
    confirm_receiving(draft(house, line(milk, 20, purchase_price=Decimal(3)), line(milk, 10, purchase_price=Decimal(5))).pk, actor=ACTOR)

    page.refresh_from_db()
    assert page.purchase_price == Decimal(10 * 1 + 20 * 3 + 10 * 5) / 40


def test_as_many_statements_for_a_thousand_lines_as_for_three(house: Site) -> None:
    counts = []
    for number in (3, 1000):
        products = [ProductFactory(lives={"chilled": 14}) for _ in range(number)]
        lines = [line(p, 2, damaged_quantity=Decimal(1), label_expires_on=on(9), purchase_price=Decimal(1)) for p in products]
        receiving = draft(house, *lines)
        with CaptureQueriesContext(connection) as queries:
            confirm_receiving(receiving.pk, actor=ACTOR)
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert_books_balance()


# --- refused -----------------------------------------------------------------------------------------------------------------------------


def test_a_known_lot_with_another_date_is_probably_a_typing_error(milk: Product, house: Site) -> None:
    confirm_receiving(draft(house, line(milk, 1, lot_number="L1", label_expires_on=on(9))).pk, actor=ACTOR)
    wrong = draft(house, line(milk, 1, lot_number="L1", label_expires_on=on(8)), line(milk, 1, lot_number="L1"))

    with pytest.raises(LotMismatch) as refusal:
        confirm_receiving(wrong.pk, actor=ACTOR)

    assert refusal.value.errors == [{"sku": "MILK", "lot": "L1", "field": "label_expires_on", "known": str(on(9)), "given": str(on(8))}]
    assert refusal.value.status == 409
    assert Receiving.objects.get(pk=wrong.pk).status == "draft"
    assert totals(milk.pk, house.id)[0] == 1


def test_a_known_lot_was_made_when_it_was_made(house: Site) -> None:
    """What comes later of a lot is as old as what came first, whether the line says so or not."""
    apples = ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
    first = draft(house, line(apples, 1, lot_number="L1", produced_on=on(-15), location_id=house.shelf.pk))
    confirm_receiving(first.pk, actor=ACTOR)
    confirm_receiving(draft(house, line(apples, 1, lot_number="L1")).pk, actor=ACTOR)
    again = draft(house, line(apples, 1, lot_number="L1", produced_on=on(0)))

    with pytest.raises(LotMismatch, match=f"APPLES lot L1 is known with day of production {on(-15)}, not {on(0)}") as refusal:
        confirm_receiving(again.pk, actor=ACTOR)

    assert refusal.value.errors == [{"sku": "APPLES", "lot": "L1", "field": "produced_on", "known": str(on(-15)), "given": str(on(0))}]
    warm, cold = BatchLocation.objects.order_by("pk")
    made = datetime.combine(on(-14), datetime.min.time(), UTC)
    assert abs(warm.effective_expires_at - made - timedelta(days=21)) < timedelta(seconds=1)
    assert abs(cold.effective_expires_at - cold.clock_started_at - 2 * (warm.effective_expires_at - warm.clock_started_at)) < timedelta(seconds=5)
    assert totals(apples.pk, house.id)[0] == 2


def test_a_lot_that_was_known_without_a_day_of_production_takes_one(house: Site) -> None:
    apples = ProductFactory(sku="APPLES", lives={"chilled": 42})
    confirm_receiving(draft(house, line(apples, 1, lot_number="L1")).pk, actor=ACTOR)

    confirm_receiving(draft(house, line(apples, 1, lot_number="L1", produced_on=on(-15))).pk, actor=ACTOR)

    older = BatchLocation.objects.get(batch__lot_number="L1/1")
    assert abs(older.effective_expires_at - datetime.combine(on(28), datetime.min.time(), UTC)) < timedelta(seconds=1)


def test_two_lines_that_contradict_each_other(milk: Product, house: Site) -> None:
    wrong = draft(house, line(milk, 1, lot_number="L1", label_expires_on=on(9)), line(milk, 1, lot_number="L1", label_expires_on=on(8)))

    with pytest.raises(LotMismatch):
        confirm_receiving(wrong.pk, actor=ACTOR)

    assert not Batch.objects.exists()
    assert not Stock.objects.exists()


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_what_keeps_for_less_than_the_product_asks_is_refused_naming_every_line(milk: Product, house: Site, days: int) -> None:
    receiving = draft(house, line(milk, 1, lot_number="A", label_expires_on=on(days)), line(milk, 1, lot_number="OK", label_expires_on=on(9)),
                      line(milk, 1, lot_number="B", label_expires_on=on(days)))  # fmt: skip

    with pytest.raises(ShortDated) as refusal:
        confirm_receiving(receiving.pk, actor=ACTOR)

    first, _, last = receiving.items.order_by("pk")
    assert [(e["line"], e["lot"]) for e in refusal.value.errors] == [(first.pk, "A"), (last.pk, "B")]
    assert not Movement.objects.exists()
    assert not Batch.objects.exists()


def test_short_dated_goods_are_accepted_with_a_reason(milk: Product, house: Site) -> None:
    confirm_receiving(
        draft(house, line(milk, 5, label_expires_on=on(1), accept_short_dated=True, short_dated_reason="for the staff")).pk, actor=ACTOR
    )

    assert totals(milk.pk, house.id) == (5, 0, 5, 0)
    assert BatchLocation.objects.get().blocked_reason == "expired"


def test_accepting_without_a_reason_is_refused(milk: Product, house: Site) -> None:
    with pytest.raises(ValidationFailed, match="say why"):
        draft(house, line(milk, 5, label_expires_on=on(1), accept_short_dated=True))


def test_a_place_where_the_product_may_not_live(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    receiving = draft(house, line(milk, 1, location_id=house.shelf.pk), line(milk, 1, location_id=house.dock.pk), line(bread, 1))

    with pytest.raises(PlaceNotAllowed) as refusal:
        confirm_receiving(receiving.pk, actor=ACTOR)

    assert [(e["sku"], e["location"], e["condition"]) for e in refusal.value.errors] == [("MILK", "A-01", "ambient"), ("BREAD", "C-01", "chilled")]
    assert not Stock.objects.exists()


def test_a_place_of_another_warehouse(milk: Product, house: Site) -> None:
    other = site()

    with pytest.raises(PlaceNotAllowed, match="not an active place") as refusal:
        draft(house, line(milk, 1), line(milk, 1, location_id=other.cool.pk), line(milk, 1, location_id=house.cool.pk))
    assert [error["field"] for error in refusal.value.errors] == ["lines[1].location"]
    with pytest.raises(PlaceNotAllowed):
        create_receiving(warehouse_id=house.id, location_id=other.cool.pk, actor=ACTOR)
    assert not Receiving.objects.exists()
    receiving = draft(house, line(milk, 1))
    for change in (
        lambda: add_item(receiving.pk, line(milk, 1, location_id=other.cool.pk), actor=ACTOR),
        lambda: change_item(receiving.pk, receiving.items.get().pk, {"location_id": other.cool.pk}, actor=ACTOR),
        lambda: change_receiving(receiving.pk, {"location_id": other.cool.pk}, actor=ACTOR),
        lambda: receive_item(receiving.pk, scan="MILK", location_id=other.cool.pk, actor=ACTOR),
    ):
        with pytest.raises(PlaceNotAllowed, match="C-01 is not an active place of this warehouse"):
            change()
    assert Receiving.objects.get().version == 1


def test_a_place_that_was_closed_meanwhile(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 1, location_id=house.cool.pk))
    Location.objects.filter(pk=house.cool.pk).update(is_active=False)

    with pytest.raises(PlaceNotAllowed, match="C-01 is not an active place"):
        confirm_receiving(receiving.pk, actor=ACTOR)
    assert not Movement.objects.exists()


def test_only_what_may_change_is_changed(milk: Product, house: Site) -> None:
    bread, other = ProductFactory(sku="BREAD"), site()
    receiving = draft(house, line(milk, 1))
    for values in ({"number": "X"}, {"warehouse_id": other.id}, {"status": "confirmed", "notes": "x"}, {"created_by_id": 1}):
        with pytest.raises(ValidationFailed, match="can't be changed") as refusal:
            change_receiving(receiving.pk, values, actor=ACTOR)
        assert [error["field"] for error in refusal.value.errors] == [next(iter(values))]
    for values in ({"product_id": bread.pk}, {"receiving_id": 1}, {"batch_id": 1}):
        with pytest.raises(ValidationFailed, match="can't be changed"):
            change_item(receiving.pk, receiving.items.get().pk, values, actor=ACTOR)
    receiving = Receiving.objects.get()
    assert (receiving.version, receiving.warehouse_id, receiving.items.get().product) == (1, house.id, milk)


@pytest.mark.parametrize(("reason", "code"), [("", "required"), ("  ", "required"), ("x" * 201, "too_long")])
def test_a_reason_that_is_none_or_too_long_gives_up_nothing(house: Site, reason: str, code: str) -> None:
    home = {"warehouse_id": house.id, "actor": ACTOR}
    receiving, write_off, audit = create_receiving(**home), create_write_off(**home), create_audit(**home)
    transfer = create_transfer(source_warehouse_id=house.id, target_warehouse_id=house.id, actor=ACTOR)
    for document, give_up in ((receiving, cancel_receiving), (write_off, cancel_write_off), (audit, cancel_audit), (transfer, cancel_transfer)):
        with pytest.raises(ValidationFailed) as refusal:
            give_up(document.pk, reason=reason, actor=ACTOR)
        assert [(error["field"], error["code"]) for error in refusal.value.errors] == [("reason", code)]
        assert type(document).objects.get().status == "draft"
        kept = give_up(document.pk, reason=f" {'y' * 200} ", actor=ACTOR)
        assert (kept.status, kept.cancellation_reason) == ("cancelled", "y" * 200)


def test_nothing_is_written_for_a_closed_site(house: Site) -> None:
    house.warehouse.is_active = False
    house.warehouse.save()
    home = {"warehouse_id": house.id, "actor": ACTOR}
    for write in (
        lambda: create_receiving(**home),
        lambda: create_audit(**home),
        lambda: create_return(order_ref="shop:1", **home),
        lambda: create_transfer(source_warehouse_id=house.id, target_warehouse_id=site().id, actor=ACTOR),
        lambda: create_transfer(source_warehouse_id=site().id, target_warehouse_id=house.id, actor=ACTOR),
    ):
        with pytest.raises(NotFound, match=f"There is no active warehouse {house.id}"):
            write()


def test_places_warehouses_suppliers_and_products_that_do_not_exist(milk: Product, house: Site) -> None:
    with pytest.raises(PlaceNotAllowed, match="Location 999999 is not an active place"):
        create_receiving(warehouse_id=house.id, location_id=999_999, actor=ACTOR)
    with pytest.raises(PlaceNotAllowed, match="Location 999999 is not an active place"):
        draft(house, line(milk, 1, location_id=999_999))
    with pytest.raises(NotFound, match="no active warehouse"):
        create_receiving(warehouse_id=999_999, actor=ACTOR)
    with pytest.raises(NotFound, match="no supplier"):
        draft(house, supplier_id=999_999)
    with pytest.raises(ValidationFailed, match="no active product 999999"):
        draft(house, ReceivingLine(999_999, Decimal(1)))
    retired = ProductFactory(is_active=False)
    with pytest.raises(ValidationFailed, match="no active product"):
        draft(house, line(retired))


@pytest.mark.parametrize(
    "amounts",
    [
        {"expected_quantity": Decimal("0.5")}, {"actual_quantity": Decimal("1.5")}, {"actual_quantity": Decimal(-1)}, {"damaged_quantity": Decimal(-1)},
        {"expected_quantity": Decimal("NaN")}, {"actual_quantity": Decimal("1e30")}, {"expected_quantity": Decimal("Infinity")},
        {"actual_quantity": Decimal(2), "damaged_quantity": Decimal(3)},
    ],
)  # fmt: skip
def test_quantities_that_are_none(milk: Product, house: Site, amounts: dict[str, Decimal]) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        draft(house, ReceivingLine(milk.pk, **amounts))

    assert refusal.value.errors[0]["field"].startswith("lines[0].")


def test_nothing_has_arrived(milk: Product, house: Site) -> None:
    with pytest.raises(ValidationFailed, match="nothing has arrived"):
        confirm_receiving(draft(house, line(milk, 5, actual_quantity=Decimal(0))).pk, actor=ACTOR)


def test_a_warehouse_without_a_quarantine(milk: Product, house: Site) -> None:
    house.quarantine.is_active = False
    house.quarantine.save()

    with pytest.raises(NotFound, match="has no active quarantine"):
        confirm_receiving(draft(house, line(milk, 5, damaged_quantity=Decimal(1))).pk, actor=ACTOR)


def test_a_date_that_people_write_for_never(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5, label_expires_on=date.max))

    with pytest.raises(ValidationFailed, match="Leave it empty for goods that do not expire"):
        confirm_receiving(receiving.pk, actor=ACTOR)


# --- states ------------------------------------------------------------------------------------------------------------------------------


def test_twice_is_refused_and_once(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5))
    confirm_receiving(receiving.pk, actor=ACTOR)

    for step in (confirm_receiving, start_receiving):
        with pytest.raises(TransitionRefused):
            step(receiving.pk, actor=ACTOR)
    with pytest.raises(TransitionRefused):
        cancel_receiving(receiving.pk, reason="too late", actor=ACTOR)
    with pytest.raises(Conflict):
        add_item(receiving.pk, line(milk, 1), actor=ACTOR)
    assert totals(milk.pk, house.id)[0] == 5


def test_a_cancelled_one_books_nothing(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5))
    with heard() as events:
        cancelled = cancel_receiving(receiving.pk, reason="never came", actor=ACTOR)

    assert (cancelled.status, cancelled.cancellation_reason, list(events)) == ("cancelled", "never came", [])
    with pytest.raises(TransitionRefused):
        confirm_receiving(receiving.pk, actor=ACTOR)
    assert not Stock.objects.exists()


def test_a_stale_version_is_refused(milk: Product, house: Site) -> None:
    receiving = draft(house, line(milk, 5))
    add_item(receiving.pk, line(milk, 1), actor=ACTOR, expected_version=1)

    with pytest.raises(StaleVersion) as refusal:
        confirm_receiving(receiving.pk, actor=ACTOR, expected_version=1)

    assert refusal.value.data == {"version": 2, "expected": 1}


def test_who_may_receive(milk: Product, house: Site) -> None:
    picker = Actor("Pera", ActorType.EMPLOYEE, frozenset({Role.PICKER}))
    receiver = Actor("Rada", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))

    with pytest.raises(PermissionDenied, match="receiver, seller, warehouse-manager"):
        place_stock(warehouse_id=house.id, line=line(milk, 1), actor=picker)
    assert place_stock(warehouse_id=house.id, line=line(milk, 1), actor=receiver).status == "confirmed"
    assert Movement.objects.get().performed_by == "Rada"


# --- by scan -----------------------------------------------------------------------------------------------------------------------------

GTIN = "04006381333931"
GS1 = "]C1" + "01" + GTIN + "17" + "{expiry}" + "10" + "{lot}"


def gs1(lot: str, days: int) -> str:
    return GS1.format(expiry=on(days).strftime("%y%m%d"), lot=lot)


def test_one_gs1_code_gives_product_lot_and_expiry(milk: Product, house: Site) -> None:
    BarcodeFactory(code=GTIN, product=milk)
    receiving = draft(house, line(milk, 3, actual_quantity=Decimal(0)))

    for _ in range(2):
        receive_item(receiving.pk, scan=gs1("L7", 9), actor=ACTOR)
    receive_item(receiving.pk, scan=gs1("L8", 8), quantity=Decimal(4), actor=ACTOR)

    rows = receiving.items.order_by("pk").values_list("lot_number", "label_expires_on", "expected_quantity", "actual_quantity")
    assert list(rows) == [("L7", on(9), 3, 2), ("L8", on(8), 0, 4)]
    assert Receiving.objects.get(pk=receiving.pk).status == "in_progress"
    confirm_receiving(receiving.pk, actor=ACTOR)
    assert totals(milk.pk, house.id)[0] == 6


def test_a_scan_completes_the_line_of_its_lot(milk: Product, house: Site) -> None:
    BarcodeFactory(code=GTIN, product=milk)
    receiving = draft(house, line(milk, 3, actual_quantity=Decimal(0), lot_number="L7"))

    item = receive_item(receiving.pk, scan=gs1("L7", 9), actor=ACTOR)

    assert (item.label_expires_on, item.actual_quantity, receiving.items.count()) == (on(9), 1, 1)


def test_a_case_counts_what_is_in_it(milk: Product, house: Site) -> None:
    BarcodeFactory(code="CASE-12", product=milk, pack_quantity=12)
    receiving = draft(house)

    receive_item(receiving.pk, scan="CASE-12", actor=ACTOR)
    item = receive_item(receiving.pk, scan="CASE-12", actor=ACTOR, location_id=house.dock.pk)

    assert (item.actual_quantity, item.location) == (24, house.dock)


def test_a_plain_code_does_not_guess_between_lots(milk: Product, house: Site) -> None:
    BarcodeFactory(code="PLAIN", product=milk)
    receiving = draft(house, *(line(milk, 3, actual_quantity=Decimal(0), lot_number=lot) for lot in ("L1", "L2")))

    item = receive_item(receiving.pk, scan="PLAIN", actor=ACTOR)

    assert (item.lot_number, receiving.items.count()) == ("", 3)


@pytest.mark.parametrize("scan", ["", "nonsense", "LOC-MAIN-C-01", "]C10104006381333931"])
def test_a_code_that_is_no_product(milk: Product, house: Site, scan: str) -> None:
    receiving = draft(house)

    with pytest.raises(ValidationFailed, match="is no product's barcode"):
        receive_item(receiving.pk, scan=scan, actor=ACTOR)


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN", "1e30"])
def test_a_count_that_is_none(milk: Product, house: Site, quantity: str) -> None:
    BarcodeFactory(code="PLAIN", product=milk)
    receiving = draft(house)

    with pytest.raises(ValidationFailed):
        receive_item(receiving.pk, scan="PLAIN", quantity=Decimal(quantity), actor=ACTOR)


# --- lots whose case differs -------------------------------------------------------------------------------------------------------------


def test_the_case_of_a_lot_number_does_not_count(house: Site) -> None:
    milk, bread = ProductFactory(sku="MILK"), ProductFactory(sku="BREAD")
    stocked(milk, house.shelf, 5, lot="l1", expires_in_days=9)
    stocked(milk, house.shelf, 3, lot="L1", expires_in_days=9)
    stocked(bread, house.shelf, 2, lot="L1")

    assert sorted(Batch.objects.values_list("product__sku", "lot_number")) == [("BREAD", "L1"), ("MILK", "l1")]
    assert totals(milk.pk, house.id)[0] == 8
    with pytest.raises(LotMismatch, match="MILK lot l1 is known with expiry"):
        stocked(milk, house.shelf, 1, lot="L1", expires_in_days=10)
    assert find_by_scan("l1").kind == "unknown"  # two products have it
    assert_books_balance()


def test_one_delivery_with_a_lot_in_both_cases(house: Site) -> None:
    milk = ProductFactory(sku="MILK")
    lines = [ReceivingLine(milk.pk, Decimal(1), lot_number=number, location_id=house.shelf.pk) for number in ("Abc", "aBC", "ABC")]

    receive_at_once(warehouse_id=house.id, lines=lines, actor=ACTOR)

    assert Batch.objects.get().lot_number == "Abc"
    assert BatchLocation.objects.get().quantity == 3
