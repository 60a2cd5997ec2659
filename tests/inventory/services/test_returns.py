"""Goods that come back: what may, what becomes of it, what is refused, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.errors import MoreThanShipped, ShortDated
from inventory.models import Batch, BatchLocation, Discount, Location, Movement, PastClock, Product, Return, ReturnItem, WriteOff
from inventory.orchestrator import (
    Finding,
    OrderedLine,
    PlaceNotAllowed,
    ReturnLine,
    SaleLine,
    add_return_item,
    attach_return_photo,
    cancel_return,
    change_phase,
    change_return,
    complete_return,
    consume_reservation,
    create_return,
    inspect_return,
    move_stock,
    process_offline_sale,
    remove_return_item,
    reserve_for_order,
    shipped_under,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import about, days_pass, keeps_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.core.photos import PHOTO_BYTES

pytestmark = pytest.mark.django_db
REF = "shop:1"


def ship(house: Site, *lines: tuple[Product, int | str], ref: str = REF) -> None:
    """Sell through the real reservation: the goods leave by FEFO."""
    ordered = [OrderedLine(product.pk, Decimal(quantity)) for product, quantity in lines]
    consume_reservation(reserve_for_order(ref, ordered, warehouse_id=house.id, actor=ACTOR).reservation_id, actor=ACTOR)


def line(product: Product, quantity: int | str, **more: Any) -> ReturnLine:
    return ReturnLine(product.pk, Decimal(quantity), **more)


def draft(house: Site, *lines: ReturnLine, ref: str = REF, place: Location | None = None, **more: Any) -> Return:
    return create_return(warehouse_id=house.id, order_ref=ref, location_id=(place or house.cool).pk, lines=lines, actor=ACTOR, **more)


def found(item: ReturnItem, decision: str = "return_to_shelf", condition: str = "intact", **more: Any) -> Finding:
    return Finding(item.pk, condition, decision, **more)


def looked_at(document: Return, **more: Any) -> Return:
    """Every line inspected alike."""
    return inspect_return(document.pk, findings=[found(item, **more) for item in document.items.order_by("pk")], actor=ACTOR)


def returned(house: Site, *lines: ReturnLine, ref: str = REF, place: Location | None = None, **more: Any) -> Return:
    return complete_return(looked_at(draft(house, *lines, ref=ref, place=place), **more).pk, actor=ACTOR)


def ledger(document: Return) -> list[tuple[Any, ...]]:
    rows = Movement.objects.filter(document_type="return", document_id=document.pk).order_by("pk")
    return list(rows.values_list("type", "batch__lot_number", "location__code", "quantity_change", "order_ref"))


@pytest.fixture
def milk(house: Site) -> Product:
    """Two lots: 5 that expire in 5 days, 5 that expire in 9; the page sells it at 2.00."""
    product = ProductFactory(sku="MILK", lives={"chilled": 14, ("chilled", "opened"): 3, "ambient": 2})
    stocked(product, house.cool, 5, lot="L5", expires_in_days=5)
    stocked(product, house.cool, 5, lot="L9", expires_in_days=9)
    StorefrontProductFactory(product=product, external_listing_id="listing-1", price=Decimal(2))
    return product


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], datetime]:
    """Lets time pass for the programme; the database's own clock stays."""

    def later(by: timedelta) -> datetime:
        now = timezone.now() + by
        monkeypatch.setattr(timezone, "now", lambda: now)
        return now

    return later


# --- the paper ---------------------------------------------------------------------------------------------------------------------------


def test_a_line_without_a_batch_is_split_in_the_order_the_batches_left(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))

    document = draft(house, line(milk, 6), reference="CN-1", customer_reason="too much")

    rows = document.items.order_by("pk").values_list("batch__lot_number", "quantity", "decision", "location")
    assert list(rows) == [("L5", 5, "", None), ("L9", 1, "", None)]
    assert (document.number[:4], document.status, document.version, document.reference) == ("RET-", "draft", 1, "CN-1")
    assert [(row.quantity, row.back, row.claimed, row.free) for row in shipped_under(REF)] == [(5, 0, 5, 0), (2, 0, 1, 1)]
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)


def test_without_a_place_it_goes_to_the_dock(milk: Product, house: Site) -> None:
    ship(house, (milk, 1))

    assert create_return(warehouse_id=house.id, order_ref=REF, actor=ACTOR).location == house.dock


def test_lines_are_added_and_struck_off_and_the_head_is_rewritten(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 1))

    first, second = add_return_item(document.pk, line(milk, 5), actor=ACTOR, expected_version=1)
    assert [(item.batch.lot_number, item.quantity) for item in (first, second)] == [("L5", 4), ("L9", 1)]
    remove_return_item(document.pk, first.pk, actor=ACTOR, expected_version=2)
    change_return(document.pk, {"notes": "a box", "location_id": house.dock.pk, "reference": "CN-2"}, actor=ACTOR, expected_version=3)

    document = Return.objects.get()
    assert (document.version, document.notes, document.location, document.reference) == (4, "a box", house.dock, "CN-2")
    assert [row.free for row in shipped_under(REF)] == [4, 1]
    with pytest.raises(NotFound, match="has no line"):
        remove_return_item(document.pk, first.pk, actor=ACTOR)
    with pytest.raises(ValidationFailed, match="can't be changed"):
        change_return(document.pk, {"order_ref": "shop:2"}, actor=ACTOR)


def test_one_reference_comes_once_per_order(milk: Product, house: Site) -> None:
    ship(house, (milk, 3))
    ship(house, (milk, 3), ref="shop:2")
    known = draft(house, line(milk, 1), reference="CN-1")

    with pytest.raises(Conflict) as refusal:
        draft(house, line(milk, 1), reference="CN-1")
    assert refusal.value.data == {"return_id": known.pk, "number": known.number}
    other = draft(house, line(milk, 1))
    with pytest.raises(Conflict, match="has the reference"):
        change_return(other.pk, {"reference": "CN-1"}, actor=ACTOR)
    change_return(known.pk, {"reference": "CN-1", "notes": "the same"}, actor=ACTOR)
    assert draft(house, line(milk, 1), ref="shop:2", reference="CN-1").reference == "CN-1"


def test_a_cancelled_return_gives_back_what_it_claimed(milk: Product, house: Site) -> None:
    ship(house, (milk, 2))
    document = draft(house, line(milk, 2))
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1))

    with heard() as events:
        cancelled = cancel_return(document.pk, reason="the customer keeps it", actor=ACTOR)

    assert (cancelled.status, cancelled.cancellation_reason, list(events)) == ("cancelled", "the customer keeps it", [])
    assert draft(house, line(milk, 2)).items.get().quantity == 2
    assert not Movement.objects.filter(type="return_to_stock").exists()


# --- never more than was shipped ---------------------------------------------------------------------------------------------------------


def test_more_than_was_shipped_is_refused_naming_every_line(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 5)
    ship(house, (milk, 4), (bread, 2))
    returned(house, line(milk, 1))
    draft(house, line(milk, 1))

    with pytest.raises(MoreThanShipped) as refusal:
        draft(house, line(milk, 3), line(bread, 1), line(bread, 2))

    assert refusal.value.errors == [
        {"field": "lines[0].quantity", "sku": "MILK", "asked": "3", "may_come_back": "2", "shipped": "4", "came_back": "1", "in_open_returns": "1"},
        {"field": "lines[2].quantity", "sku": "BREAD", "asked": "2", "may_come_back": "1", "shipped": "2", "came_back": "0", "in_open_returns": "0"},
    ]
    assert (refusal.value.status, refusal.value.code) == (409, "more_than_shipped")
    assert Return.objects.count() == 2


def test_a_batch_that_did_not_leave_under_the_order(milk: Product, house: Site) -> None:
    ship(house, (milk, 4))
    other = Batch.objects.get(lot_number="L9")

    with pytest.raises(MoreThanShipped, match="asked 1, may come back 0"):
        draft(house, line(milk, 1, batch_id=other.pk))
    with pytest.raises(MoreThanShipped):
        draft(house, line(ProductFactory(), 1))
    with pytest.raises(NotFound, match="Nothing was shipped under 'shop:77'"):
        draft(house, line(milk, 1), ref="shop:77")


def test_it_is_judged_again_when_it_is_completed(milk: Product, house: Site) -> None:
    """Whatever the drafts claim: what the ledger says decides."""
    ship(house, (milk, 2))
    document = looked_at(draft(house, line(milk, 2)))
    ReturnItem.objects.filter(return_document=document).update(quantity=3)

    with heard() as events, pytest.raises(MoreThanShipped) as refusal:
        complete_return(document.pk, actor=ACTOR)

    assert refusal.value.errors == [{"sku": "MILK", "lot": "L5", "asked": "3", "may_come_back": "2"}]
    assert list(events) == []
    assert totals(milk.pk, house.id)[0] == 8


def test_goods_that_came_back_otherwise_count_too(milk: Product, house: Site) -> None:
    """A line of the ledger under the order that no return wrote."""
    ship(house, (milk, 2))
    Movement.objects.create(
        type="return_to_stock", product=milk, batch=Batch.objects.get(lot_number="L5"), batch_location=BatchLocation.objects.get(batch__lot_number="L5"),
        location=house.cool, warehouse=house.warehouse, quantity_change=1, reserved_change=0, quantity_before=0, quantity_after=0, reserved_after=0,
        order_ref=REF, performed_by="x", performed_by_type="system",
    )  # fmt: skip

    with pytest.raises(MoreThanShipped, match="asked 2, may come back 1"):
        draft(house, line(milk, 2))


def test_goods_that_became_a_lot_of_their_own_came_back_all_the_same(milk: Product, house: Site) -> None:
    """Worse by more than a day than what lies there: a child lot in the ledger, the shipped lot in the balance."""
    ship(house, (milk, 2))

    document = returned(house, line(milk, 1), freshness_remaining=Decimal("0.1"))

    assert ledger(document) == [("return_to_stock", "L5/1", "C-01", 1, REF)]
    assert document.items.get().batch.lot_number == "L5"
    assert [(row.quantity, row.back, row.free) for row in shipped_under(REF)] == [(2, 1, 1)]
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 2))
    assert_books_balance()


def test_another_warehouse_takes_it_back(milk: Product, house: Site) -> None:
    shop = site(code="SHOP")
    ship(house, (milk, 2))

    document = returned(shop, line(milk, 2), place=shop.cool)

    assert ledger(document) == [("return_to_stock", "L5", "C-01", 2, REF)]
    assert (totals(milk.pk, shop.id), totals(milk.pk, house.id)[0]) == ((2, 0, 0, 2), 8)
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1))
    assert_books_balance()


# --- what becomes of it ------------------------------------------------------------------------------------------------------------------


def test_back_to_the_shelf(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = looked_at(draft(house, line(milk, 7), reference="CN-1"), temperature=Decimal("5.5"))
    assert (document.status, document.version, document.inspected_at is not None) == ("inspected", 2, True)

    with heard() as events:
        done = complete_return(document.pk, actor=ACTOR, expected_version=2)

    assert (done.status, done.version, done.completed_at is not None) == ("completed", 3, True)
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert ledger(done) == [("return_to_stock", "L5", "C-01", 5, REF), ("return_to_stock", "L9", "C-01", 2, REF)]
    places = {row.batch.lot_number: row for row in BatchLocation.objects.select_related("batch")}
    assert [(item.batch_location, item.new_expires_at, item.temperature) for item in done.items.order_by("pk")] == [
        (places["L5"], places["L5"].effective_expires_at, Decimal("5.5")),
        (places["L9"], places["L9"].effective_expires_at, Decimal("5.5")),
    ]
    assert events.types() == ["stock.changed", "inventory.return.completed"]
    (told,) = events.of("inventory.return.completed")
    assert {name: told[name] for name in told if name != "items"} == {
        "return_id": done.pk, "number": done.number, "reference": "CN-1", "order_ref": REF, "order_id": "1", "warehouse_id": "1", "write_off_id": None,
    }  # fmt: skip
    assert [(i["sku"], i["listing_id"], i["lot"], i["quantity"], i["decision"], i["location"]) for i in told["items"]] == [
        ("MILK", "listing-1", "L5", "5", "return_to_shelf", "C-01"),
        ("MILK", "listing-1", "L9", "2", "return_to_shelf", "C-01"),
    ]
    assert_books_balance()


def test_at_a_discount_on_every_page_until_the_goods_expire(milk: Product, house: Site) -> None:
    second = StorefrontProductFactory(product=milk, price=Decimal(10))
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    short, long = document.items.order_by("pk")
    inspect_return(
        document.pk,
        findings=[found(item, "return_with_discount", "damaged", discount_percent=Decimal(30)) for item in (short, long)],
        actor=ACTOR,
    )

    with heard() as events:
        complete_return(document.pk, actor=ACTOR)

    short.refresh_from_db()
    long.refresh_from_db()
    discounts = Discount.objects.order_by("pk")
    assert [(d.storefront_product.price, d.kind, d.value, d.reason, d.valid_to, d.note) for d in discounts] == [
        (2, "percent", 30, "returned_item", long.new_expires_at, document.number),
        (10, "percent", 30, "returned_item", long.new_expires_at, document.number),
    ]
    assert (short.discount, long.discount) == (discounts[0], discounts[0])
    assert [(e["effective_price"], e["discount_reason"]) for e in events.of("inventory.price.changed")] == [
        ("1.4", "returned_item"),
        ("7", "returned_item"),
    ]
    assert events.types() == ["stock.changed", "inventory.price.changed", "inventory.price.changed", "inventory.return.completed"]
    assert second.discounts.get().value == 30
    assert totals(milk.pk, house.id) == (10, 0, 0, 10)
    assert_books_balance()


def test_what_can_not_be_sold_is_booked_back_and_written_off_at_once(milk: Product, house: Site, settings: Any) -> None:
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(0)  # it needs no approval
    Batch.objects.update(purchase_price=Decimal("1.5"))
    ship(house, (milk, 7))
    document = looked_at(draft(house, line(milk, 7)), decision="write_off", condition="spoiled", inspection_note="sour")
    receiver = Actor("Rada", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))

    with heard() as events:
        done = complete_return(document.pk, actor=receiver)

    paper = WriteOff.objects.get()
    assert (paper.status, paper.origin, paper.approved_by) == ("confirmed", "return", None)
    assert set(done.items.values_list("write_off", flat=True)) == {paper.pk}
    assert list(paper.items.order_by("pk").values_list("batch__lot_number", "quantity", "reason", "note", "unit_cost")) == [
        ("L5", 5, "quality_issue", "sour", Decimal("1.5")),
        ("L9", 2, "quality_issue", "sour", Decimal("1.5")),
    ]
    assert list(Movement.objects.order_by("-pk").values_list("type", "location__code", "quantity_change", "document_type", "order_ref")[:4]) == [
        ("write_off", "QUAR", -2, "write_off", ""),
        ("write_off", "QUAR", -5, "write_off", ""),
        ("return_to_stock", "QUAR", 2, "return", REF),
        ("return_to_stock", "QUAR", 5, "return", REF),
    ]
    assert events.types() == ["inventory.writeOff.confirmed", "inventory.return.completed"]
    assert events.of("inventory.return.completed")[0]["write_off_id"] == paper.pk
    assert totals(milk.pk, house.id) == (3, 0, 0, 3)
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1))
    assert_books_balance()


def test_each_line_goes_its_own_way_and_to_its_own_place(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 5)
    ship(house, (milk, 7), (bread, 2))
    document = draft(house, line(milk, 6), line(bread, 2, location_id=house.shelf.pk))
    first, second, third = document.items.order_by("pk")
    findings = [
        found(first, "write_off", "opened"),
        found(second, "return_with_discount", discount_percent=Decimal(10), location_id=house.dock.pk),
        found(third),
    ]
    inspect_return(document.pk, findings=findings, actor=ACTOR)

    complete_return(document.pk, actor=ACTOR)

    assert ledger(document) == [
        ("return_to_stock", "L5", "QUAR", 5, REF),
        ("return_to_stock", "L9", "DOCK", 1, REF),
        ("return_to_stock", third.batch.lot_number, "A-01", 2, REF),
    ]
    assert totals(milk.pk, house.id) == (4, 0, 1, 3)
    assert totals(bread.pk, house.id) == (5, 0, 0, 5)
    assert [bool(item.write_off) for item in document.items.order_by("pk")] == [True, False, False]
    assert_books_balance()


def test_looking_again_at_some_lines(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = looked_at(draft(house, line(milk, 7)))
    first, second = document.items.order_by("pk")

    inspect_return(document.pk, findings=[found(second, "write_off", "spoiled")], actor=ACTOR, expected_version=2)

    assert list(document.items.order_by("pk").values_list("decision", flat=True)) == ["return_to_shelf", "write_off"]
    assert first.new_expires_at is not None


def test_a_recalled_lot_comes_back_blocked(milk: Product, house: Site) -> None:
    ship(house, (milk, 5))
    Batch.objects.filter(lot_number="L5").update(status="recalled")

    returned(house, line(milk, 5))

    assert totals(milk.pk, house.id) == (10, 0, 5, 5)
    assert BatchLocation.objects.get(batch__lot_number="L5").blocked_reason == "recalled"
    assert_books_balance()


def test_as_many_statements_for_forty_lines_as_for_three(house: Site) -> None:
    counts = []
    for turn, number in enumerate((1, 1, 3, 40)):  # the first documents of the year make their sequences
        products = [ProductFactory(lives={"chilled": 14}) for _ in range(number * 3)]
        for product in products:
            stocked(product, house.cool, 3, expires_in_days=9)
            StorefrontProductFactory(product=product, price=Decimal(10))
        ship(house, *((product, 2) for product in products), ref=f"shop:{turn}")
        with CaptureQueriesContext(connection) as making:
            document = draft(house, *(line(product, 2) for product in products), ref=f"shop:{turn}")
        ways: list[dict[str, Any]] = [{}, {"decision": "return_with_discount", "discount_percent": Decimal(10)}, {"decision": "write_off"}]
        findings = [found(item, **ways[n % 3]) for n, item in enumerate(document.items.order_by("pk"))]
        with CaptureQueriesContext(connection) as looking:
            inspect_return(document.pk, findings=findings, actor=ACTOR)
        with CaptureQueriesContext(connection) as completing:
            complete_return(document.pk, actor=ACTOR)
        counts.append((len(making), len(looking), len(completing)))

    assert counts[1:] == [(10, 10, 36)] * 3
    assert_books_balance()


# --- the clock ---------------------------------------------------------------------------------------------------------------------------


def test_the_clock_ran_on_while_they_were_away(house: Site, clock: Any) -> None:
    """Ten days of forty-two used on the shelf and away; the inspector can't make it better."""
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1)
    start = BatchLocation.objects.get().clock_started_at
    ship(house, (apples, 1))
    clock(timedelta(days=10))

    document = returned(house, line(apples, 1), freshness_remaining=Decimal(1))

    row = BatchLocation.objects.get()
    assert abs(row.effective_expires_at - (start + timedelta(days=42))) < timedelta(seconds=5)
    assert abs(row.consumed_fraction - Decimal(10) / 42) < Decimal("0.0001")
    assert document.items.get().new_expires_at == row.effective_expires_at


def test_what_the_inspector_says_can_make_it_worse(house: Site, clock: Any) -> None:
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1)
    ship(house, (apples, 1))
    now = clock(timedelta(days=10))

    returned(house, line(apples, 1), freshness_remaining=Decimal("0.25"))

    row = BatchLocation.objects.get()
    assert (row.consumed_fraction, row.effective_expires_at) == (Decimal("0.75"), now + timedelta(days=10.5))


def test_into_another_condition(house: Site, clock: Any) -> None:
    """Half of the life in the cold is used; half of the life in ambient is left."""
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1)
    start = BatchLocation.objects.get().clock_started_at
    ship(house, (apples, 1))
    clock(timedelta(days=21))

    returned(house, line(apples, 1), place=house.shelf)

    row = BatchLocation.objects.get(quantity__gt=0)
    assert (row.location, row.clock_condition) == (house.shelf, "ambient")
    assert abs(row.effective_expires_at - (start + timedelta(days=21 + 10.5))) < timedelta(seconds=5)


def test_the_label_is_the_law(milk: Product, house: Site) -> None:
    label = datetime.combine(Batch.objects.get(lot_number="L5").label_expires_on + timedelta(days=1), datetime.min.time(), UTC)
    ship(house, (milk, 5))

    returned(house, line(milk, 5), freshness_remaining=Decimal(1))

    assert BatchLocation.objects.get(batch__lot_number="L5").effective_expires_at == label


def test_opened_goods_keep_for_their_opened_life(milk: Product, house: Site, clock: Any) -> None:
    ship(house, (milk, 7))
    now = clock(timedelta(hours=1))

    returned(house, line(milk, 2, batch_id=Batch.objects.get(lot_number="L9").pk), condition="opened")

    row = BatchLocation.objects.get(phase="opened")
    assert (row.batch.lot_number, row.quantity, row.effective_expires_at) == ("L9", 2, now + timedelta(days=3))
    assert_books_balance()


def test_opened_goods_without_an_opened_life_can_only_be_written_off(house: Site) -> None:
    eggs = ProductFactory(sku="EGGS", lives={"chilled": 28})
    stocked(eggs, house.cool, 2)
    ship(house, (eggs, 2))
    document = draft(house, line(eggs, 2))

    with pytest.raises(ValidationFailed, match="EGGS has no opened life in chilled"):
        looked_at(document, condition="opened")
    complete_return(looked_at(document, condition="opened", decision="write_off").pk, actor=ACTOR)
    assert totals(eggs.pk, house.id)[0] == 0


def test_goods_that_do_not_expire(house: Site) -> None:
    lamp = ProductFactory(tracks_expiry=False, lives={})
    stocked(lamp, house.shelf, 2)
    StorefrontProductFactory(product=lamp, price=Decimal(5))
    ship(house, (lamp, 2))

    document = returned(house, line(lamp, 2), place=house.freezer, condition="opened", decision="return_with_discount", discount_percent=Decimal(5))

    assert BatchLocation.objects.get(quantity__gt=0).effective_expires_at is None
    assert document.items.get().new_expires_at is None
    assert Discount.objects.get().valid_to is None


def test_frozen_goods_go_back_to_the_freezer_only(house: Site) -> None:
    beef = ProductFactory(sku="BEEF", lives={"chilled": 2, "frozen": 120}, freezable=True)
    row = stocked(beef, house.freezer, 2)
    BatchLocation.objects.filter(pk=row.pk).update(frozen_at=timezone.now())
    ship(house, (beef, 2))
    document = draft(house, line(beef, 2))

    with pytest.raises(PlaceNotAllowed, match="BEEF left frozen"):
        looked_at(document)
    change_return(document.pk, {"location_id": house.freezer.pk}, actor=ACTOR)
    complete_return(looked_at(document).pk, actor=ACTOR)
    assert BatchLocation.objects.get(quantity__gt=0).frozen_at is not None


def test_goods_that_came_after_the_sale_lend_their_clock_to_nobody(house: Site) -> None:
    """The shelf was emptied by the sale and filled again from the cold: what comes back is as old as it was."""
    apples = ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
    warm, cold = stocked(apples, house.shelf, 1, lot="L"), stocked(apples, house.cool, 5, lot="L")
    days_pass(20)
    ship(house, (apples, 1))
    assert move_stock(cold.pk, Decimal(4), house.shelf.pk, actor=ACTOR) == warm.pk
    assert keeps_for(warm) == 11

    document = returned(house, line(apples, 1))

    assert about(document.items.get().new_expires_at, 2)
    (past,) = PastClock.objects.all()
    assert (past.batch_location_id, past.clock_condition, past.consumed_fraction) == (warm.pk, "ambient", 0)
    assert_books_balance()


def test_each_sale_has_the_clock_of_its_day(house: Site) -> None:
    """The shelf was emptied and filled three times; each order gets back what it bought. The same clock again makes no past."""
    apples = ProductFactory(sku="APPLES", lives={"ambient": 21, "chilled": 42})
    cold = stocked(apples, house.cool, 9, lot="L")
    for turn in range(3):
        move_stock(cold.pk, Decimal(1), house.shelf.pk, actor=ACTOR)
        ship(house, (apples, 1), ref=f"shop:{turn}")
        days_pass(7)
    assert PastClock.objects.count() == 2
    assert keeps_for(cold) == 21

    # A week uses a third of the life in ambient and a sixth in the cold; the first had all three weeks in ambient.
    for turn, days in ((1, 7), (2, 14)):
        assert about(returned(house, line(apples, 1), ref=f"shop:{turn}").items.get().new_expires_at, days)
    with pytest.raises(ShortDated):
        returned(house, line(apples, 1), ref="shop:0")
    assert_books_balance()


def test_opened_goods_that_came_after_the_sale(house: Site) -> None:
    dogs = ProductFactory(sku="DOGS", lives={"chilled": 14, ("chilled", "opened"): 7})
    sealed = stocked(dogs, house.cool, 5, lot="L")
    opened = change_phase(sealed.pk, Decimal(1), "open", actor=ACTOR)
    days_pass(5)
    ship(house, (dogs, 1))
    assert change_phase(sealed.pk, Decimal(1), "open", actor=ACTOR) == opened
    assert keeps_for(opened) == 7

    document = returned(house, line(dogs, 1), condition="opened")

    assert about(document.items.get().new_expires_at, 2)


def test_goods_frozen_after_the_sale_lend_their_clock_to_nobody(house: Site) -> None:
    """Only freezing lifts the label: what was sold before from the same place has it still."""
    beef = ProductFactory(sku="BEEF", lives={"chilled": 6, "frozen": 120}, freezable=True)
    fresh, sold = (stocked(beef, place, 2, lot="L", expires_in_days=4) for place in (house.cool, house.freezer))
    BatchLocation.objects.filter(pk=sold.pk).update(received_at=fresh.received_at - timedelta(days=1))
    ship(house, (beef, 2))
    assert change_phase(fresh.pk, Decimal(2), "freeze", house.freezer.pk, actor=ACTOR) == sold.pk
    assert keeps_for(sold) > 30

    document = returned(house, line(beef, 2), place=house.freezer)

    assert document.items.get().new_expires_at == sold.effective_expires_at
    assert document.items.get().batch_location.frozen_at is None
    assert_books_balance()


@pytest.mark.parametrize(("share", "days"), [("0.5", 1), ("1", 2)])
def test_what_the_inspector_says_of_thawed_goods(house: Site, share: str, days: float) -> None:
    """No sealed life counts in the cold: it is a share of the life that they have once thawed."""
    document = returned(house, line(thawed_and_sold(house), 2), freshness_remaining=Decimal(share))

    assert about(document.items.get().new_expires_at, days)


def test_thawed_goods_with_nothing_left_are_not_sold_again(house: Site) -> None:
    nuggets = thawed_and_sold(house)

    with pytest.raises(ShortDated, match="NUGGETS lot L expires"):
        returned(house, line(nuggets, 2), freshness_remaining=Decimal(0))


def thawed_and_sold(house: Site) -> Product:
    nuggets = ProductFactory(sku="NUGGETS", lives={"frozen": 90, ("chilled", "thawed"): 2})
    change_phase(stocked(nuggets, house.freezer, 5, lot="L").pk, Decimal(2), "thaw", house.cool.pk, actor=ACTOR)
    ship(house, (nuggets, 2))
    return nuggets


def test_what_a_till_sold(milk: Product, house: Site) -> None:
    sale = process_offline_sale(warehouse_id=house.id, receipt_number="77", lines=[SaleLine(milk.pk, Decimal(6))], actor=ACTOR)

    document = returned(house, line(milk, 6), ref=sale.order_ref)

    assert ledger(document) == [("return_to_stock", "L5", "C-01", 5, "till:MAIN:77"), ("return_to_stock", "L9", "C-01", 1, "till:MAIN:77")]
    with pytest.raises(MoreThanShipped):
        draft(house, line(milk, 1), ref=sale.order_ref)


def test_the_worse_of_two_places_they_left_from(house: Site, clock: Any) -> None:
    """One lot from two places under one order: nobody knows which of the pieces came back. Ten of twenty-one days are used in ambient."""
    apples = ProductFactory(lives={"ambient": 21, "chilled": 42})
    stocked(apples, house.cool, 1, lot="A")
    stocked(apples, house.shelf, 1, lot="A")
    ship(house, (apples, 2))
    now = clock(timedelta(days=10))

    document = returned(house, line(apples, 1))

    assert abs(document.items.get().new_expires_at - (now + timedelta(days=22))) < timedelta(seconds=10)


@pytest.mark.parametrize("decision", ["return_to_shelf", "return_with_discount"])
def test_expired_goods_are_not_sold_again(milk: Product, house: Site, clock: Any, decision: str) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    first, second = document.items.order_by("pk")
    percent = Decimal(10) if decision == "return_with_discount" else None
    clock(timedelta(days=7))

    with pytest.raises(ShortDated) as refusal:
        looked_at(document, decision=decision, discount_percent=percent)

    assert [(e["line"], e["sku"], e["lot"]) for e in refusal.value.errors] == [(first.pk, "MILK", "L5")]
    assert Return.objects.get().status == "draft"
    inspect_return(document.pk, findings=[found(first, "write_off"), found(second)], actor=ACTOR)
    complete_return(document.pk, actor=ACTOR)
    assert_books_balance()


def test_what_expires_between_the_inspection_and_the_end_is_refused_then(milk: Product, house: Site, clock: Any) -> None:
    ship(house, (milk, 5))
    document = looked_at(draft(house, line(milk, 5)))
    clock(timedelta(days=6))

    with heard() as events, pytest.raises(ShortDated):
        complete_return(document.pk, actor=ACTOR)

    assert (Return.objects.get().status, list(events)) == ("inspected", [])
    assert totals(milk.pk, house.id)[0] == 5


def test_too_short_dated_to_be_sold_is_as_good_as_expired(milk: Product, house: Site, clock: Any) -> None:
    ship(house, (milk, 5))
    Product.objects.filter(pk=milk.pk).update(min_remaining_days=6)

    with pytest.raises(ShortDated, match="Write it off"):
        looked_at(draft(house, line(milk, 5)))


# --- refused -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN", "Infinity", "1e30"])
def test_quantities_that_are_none(milk: Product, house: Site, quantity: str) -> None:
    ship(house, (milk, 5))

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, line(milk, 1), line(milk, quantity))

    assert refusal.value.errors[0]["field"] == "lines[1].quantity"
    assert not Return.objects.exists()


def test_every_senseless_line_is_named(milk: Product, house: Site) -> None:
    ship(house, (milk, 5))
    other = site()

    with pytest.raises(ValidationFailed) as refusal:
        draft(house, ReturnLine(999_999, Decimal(1)), line(milk, "0.5"))
    assert [error["field"] for error in refusal.value.errors] == ["lines[0].product", "lines[1].quantity"]
    with pytest.raises(PlaceNotAllowed, match="not an active place of this warehouse; Location 999999 is not") as refusal:
        draft(house, line(milk, 1, location_id=other.cool.pk), line(milk, 1, location_id=999_999))
    assert [error["field"] for error in refusal.value.errors] == ["lines[0].location", "lines[1].location"]
    with pytest.raises(PlaceNotAllowed, match="not an active place"):
        draft(house, place=other.cool)
    with pytest.raises(NotFound, match="no active warehouse"):
        create_return(warehouse_id=999_999, order_ref=REF, actor=ACTOR)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"condition": "wet"}, "condition"),
        ({"decision": "burn"}, "decision"),
        ({"condition": "spoiled"}, "decision"),
        ({"condition": "damaged"}, "decision"),
        ({"condition": "spoiled", "decision": "return_with_discount", "discount_percent": Decimal(5)}, "decision"),
        ({"discount_percent": Decimal(5)}, "discount_percent"),
        ({"decision": "return_with_discount"}, "discount_percent"),
        *(
            ({"decision": "return_with_discount", "discount_percent": Decimal(value)}, "discount_percent")
            for value in ("0", "100", "-5", "NaN", "1e30", "0.001")
        ),
        *(({"temperature": Decimal(value)}, "temperature") for value in ("NaN", "1e30", "-101", "3.14")),
        *(({"freshness_remaining": Decimal(value)}, "freshness_remaining") for value in ("NaN", "1.1", "-0.1", "0.12345")),
        ({"inspection_note": "x" * 201}, "inspection_note"),
        ({"location_id": 999_999}, "location"),
    ],
)
def test_findings_that_make_no_sense(milk: Product, house: Site, wrong: dict[str, Any], field: str) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    first, second = document.items.order_by("pk")

    with pytest.raises(ValidationFailed) as refusal:
        inspect_return(document.pk, findings=[found(first), found(second, **wrong)], actor=ACTOR)

    assert [error["field"] for error in refusal.value.errors] == [f"findings[1].{field}"]
    assert Return.objects.get().status == "draft"


def test_every_line_must_be_looked_at(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 7))
    first, second = document.items.order_by("pk")

    with pytest.raises(ValidationFailed, match=rf"^{document}: {second} \(MILK\) was not inspected yet\. Inspect it, or strike it off\.$") as refusal:
        inspect_return(document.pk, findings=[found(first)], actor=ACTOR)
    assert [error["line"] for error in refusal.value.errors] == [second.pk]
    with pytest.raises(ValidationFailed) as refusal:
        inspect_return(document.pk, findings=[found(first), found(first), Finding(999_999, "intact", "write_off")], actor=ACTOR)
    assert [(e["field"], e["code"]) for e in refusal.value.errors] == [("findings[1].item", "twice"), ("findings[2].item", "unknown")]
    with pytest.raises(ValidationFailed, match=r"has no lines\. Add what came back, or cancel it\.$"):
        inspect_return(draft(house, ref=REF).pk, findings=[], actor=ACTOR)


def test_a_line_added_after_the_inspection_must_be_looked_at_too(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = looked_at(draft(house, line(milk, 5)))
    (late,) = add_return_item(document.pk, line(milk, 1), actor=ACTOR)

    with pytest.raises(ValidationFailed, match=r"was not inspected yet\. Inspect it, or strike it off") as refusal:
        complete_return(document.pk, actor=ACTOR)

    assert [error["line"] for error in refusal.value.errors] == [late.pk]
    remove_return_item(document.pk, late.pk, actor=ACTOR)
    assert complete_return(document.pk, actor=ACTOR).status == "completed"


def test_places_where_it_may_not_live(milk: Product, house: Site) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5), place=house.freezer)

    with pytest.raises(PlaceNotAllowed, match="no shelf life for frozen"):
        looked_at(document)
    looked_at(document, location_id=house.cool.pk)
    Location.objects.filter(pk=house.cool.pk).update(is_active=False)
    with pytest.raises(PlaceNotAllowed, match="not an active place"):
        complete_return(document.pk, actor=ACTOR)
    assert totals(milk.pk, house.id)[0] == 5


def test_states(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 5))
    item = document.items.get()
    with pytest.raises(TransitionRefused, match="it is not possible to complete it now"):
        complete_return(document.pk, actor=ACTOR)
    complete_return(looked_at(document).pk, actor=ACTOR)

    for again in (
        lambda: complete_return(document.pk, actor=ACTOR),
        lambda: looked_at(document),
        lambda: cancel_return(document.pk, reason="too late", actor=ACTOR),
    ):
        with pytest.raises(TransitionRefused):
            again()
    for change in (
        lambda: add_return_item(document.pk, line(milk, 1), actor=ACTOR),
        lambda: remove_return_item(document.pk, item.pk, actor=ACTOR),
        lambda: change_return(document.pk, {"notes": "x"}, actor=ACTOR),
        lambda: attach_return_photo(document.pk, item.pk, JPEG, actor=ACTOR),
    ):
        with pytest.raises(TransitionRefused, match="this is possible only while it is draft or inspected"):
            change()
    assert totals(milk.pk, house.id)[0] == 8


def test_stale_versions(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    document = draft(house, line(milk, 5))
    looked_at(document)

    for step in (
        lambda: complete_return(document.pk, actor=ACTOR, expected_version=1),
        lambda: inspect_return(document.pk, findings=[], actor=ACTOR, expected_version=1),
        lambda: cancel_return(document.pk, reason="x", actor=ACTOR, expected_version=1),
        lambda: add_return_item(document.pk, line(milk, 1), actor=ACTOR, expected_version=1),
    ):
        with pytest.raises(StaleVersion):
            step()


def test_who_may(milk: Product, house: Site) -> None:
    ship(house, (milk, 7))
    receiver = Actor("Rada", ActorType.EMPLOYEE, frozenset({Role.RECEIVER}))
    for role in set(Role) - {Role.MANAGER, Role.RECEIVER}:
        with pytest.raises(PermissionDenied):
            create_return(warehouse_id=house.id, order_ref=REF, actor=Actor("x", ActorType.EMPLOYEE, frozenset({role})))
    document = create_return(warehouse_id=house.id, order_ref=REF, lines=[line(milk, 1)], location_id=house.cool.pk, actor=receiver)
    inspect_return(document.pk, findings=[found(document.items.get())], actor=receiver)
    assert complete_return(document.pk, actor=receiver).status == "completed"
    assert Movement.objects.order_by("-pk").first().performed_by == "Rada"


# --- photos ------------------------------------------------------------------------------------------------------------------------------

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(20)


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.mark.parametrize(("content", "ending"), [(JPEG, "jpg"), (PNG, "png"), (WEBP, "webp")])
def test_a_photo_is_kept_under_a_name_of_ours(milk: Product, house: Site, media: Path, content: bytes, ending: str) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5))

    item = attach_return_photo(document.pk, document.items.get().pk, content, actor=ACTOR, expected_version=1)

    (file,) = [path for path in media.rglob("*") if path.is_file()]
    assert (file.read_bytes(), file.suffix, file.stem.isalnum(), len(file.stem)) == (content, f".{ending}", True, 32)
    assert item.photo.name == str(file.relative_to(media))
    assert Return.objects.get().version == 2


def test_a_new_photo_takes_the_place_of_the_old_one(milk: Product, house: Site, media: Path, django_capture_on_commit_callbacks: Any) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5))
    item = document.items.get()
    with django_capture_on_commit_callbacks(execute=True):
        attach_return_photo(document.pk, item.pk, JPEG, actor=ACTOR)
        attach_return_photo(document.pk, item.pk, PNG, actor=ACTOR)
    assert [path.suffix for path in media.rglob("*") if path.is_file()] == [".png"]
    with django_capture_on_commit_callbacks(execute=True):
        remove_return_item(document.pk, item.pk, actor=ACTOR)
    assert [path for path in media.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"RIFF\x00\x00\x00\x00WAVE", b"\xff\xd8\xff" + bytes(PHOTO_BYTES)],
    ids=["nothing", "gif", "svg", "html", "sound", "too large"],
)
def test_what_is_no_photo(milk: Product, house: Site, media: Path, content: bytes) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5))

    with pytest.raises(ValidationFailed) as refusal:
        attach_return_photo(document.pk, document.items.get().pk, content, actor=ACTOR)

    assert refusal.value.errors[0]["field"] == "photo"
    assert list(media.iterdir()) == []
    with pytest.raises(NotFound, match="has no line"):
        attach_return_photo(document.pk, 999_999, JPEG, actor=ACTOR)
