"""Lots on hold and recalled lots: nothing of them leaves, promises find other goods, and everybody who has some is named."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import UnfitNow
from inventory.models import Batch, BatchLocation, Product, Reservation, ReservationItem
from inventory.orchestrator import (
    Finding,
    InsufficientStock,
    MixSource,
    OrderedLine,
    ReturnLine,
    SaleLine,
    Withdrawal,
    complete_return,
    consume_reservation,
    create_return,
    get_availability,
    hold_batch,
    inspect_return,
    mix_batches,
    pick_reserved,
    process_offline_sale,
    promise_order,
    recall_batch,
    release_hold,
    reserve_for_order,
    split_batch,
)
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import label_says
from tests.inventory.events import heard
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound, PermissionDenied, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(db: None) -> Product:
    product = ProductFactory(sku="MILK")
    StorefrontProductFactory(product=product, external_listing_id="100")
    return product


def promised(ref: str, product: Product, quantity: Any, house: Site | None = None) -> Reservation:
    (made,) = promise_order(ref, [OrderedLine(product.pk, Decimal(quantity), house.id if house else None)], actor=ACTOR)
    return Reservation.objects.get(pk=made.reservation_id)


def pick(reservation: Reservation, house: Site, quantity: Any = 1) -> None:
    item = ReservationItem.objects.filter(reservation=reservation).order_by("pk")[0]
    pick_reserved(
        item.pk,
        Decimal(quantity),
        warehouse_id=house.id,
        product_id=item.product_id,
        to_location_id=house.bench.pk,
        document_type="picking_task",
        document_id=1,
        actor=ACTOR,
    )


def sold(ref: str, product: Product, quantity: Any, house: Site) -> None:
    made = reserve_for_order(ref, [OrderedLine(product.pk, Decimal(quantity))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(made.reservation_id, actor=ACTOR)


def recall(place: BatchLocation, reason: str = "glass in it") -> Withdrawal:
    return recall_batch(place.batch_id, reason=reason, actor=ACTOR)


def hold(place: BatchLocation, reason: str = "a smell") -> Withdrawal:
    return hold_batch(place.batch_id, reason=reason, actor=ACTOR)


def reasons() -> set[str]:
    return set(BatchLocation.objects.filter(has_stock=True).values_list("blocked_reason", flat=True))


def lies(batch: Batch) -> BatchLocation:
    return BatchLocation.objects.get(batch=batch, has_stock=True)


def sellable(product: Product) -> Decimal:
    return sum((row.available for row in get_availability([product.pk])), Decimal(0))


def mixed(house: Site, *places: BatchLocation) -> Batch:
    sources = [MixSource(place.pk, Decimal(2)) for place in places]
    return mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=sources, actor=ACTOR)


# --- one action --------------------------------------------------------------------------------------------------------------------------


def test_a_recall_is_one_action(house: Site, milk: Product) -> None:
    """Shipped to two, being picked for one, promised to two: the older finds other goods, the newer some."""
    bad = stocked(milk, house.shelf, 20, lot="BAD", expires_in_days=9)
    sold("shop:1", milk, 3, house)
    process_offline_sale(warehouse_id=house.id, lines=[SaleLine(milk.pk, Decimal(1))], receipt_number="77", actor=ACTOR)
    picking = promised("shop:2", milk, 4)
    pick(picking, house, 1)
    old, new = promised("shop:3", milk, 5), promised("shop:4", milk, 6)
    other = site()
    stocked(milk, other.shelf, 2, lot="BAD", expires_in_days=9)
    stocked(milk, house.shelf, 7, lot="GOOD", expires_in_days=30)

    with heard() as events:
        done = recall(bad)

    assert (done.batch.status, done.batch.status_reason, done.batch.held_itself) == ("recalled", "glass in it", True)
    assert [(p.order_ref, p.location, p.quantity, p.picking_started) for p in done.stop] == [
        ("shop:2", "PACK", 1, True),
        ("shop:2", "A-01", 3, True),
    ]
    assert [(o.order_ref, o.quantity, o.returned, o.kept) for o in done.shipped] == [("shop:1", 3, 0, 3), ("till:MAIN:77", 1, 0, 1)]
    assert done.reallocated == [
        {"reservation_id": new.pk, "order_ref": "shop:4", "quantity": "2"},
        {"reservation_id": old.pk, "order_ref": "shop:3", "quantity": "5"},
    ]
    assert done.released == [{"reservation_id": new.pk, "order_ref": "shop:4", "quantity": "4"}]
    assert totals(milk.pk, house.id) == (23, 11, 12, 0)
    assert totals(milk.pk, other.id) == (2, 0, 2, 0)
    assert sellable(milk) == 0
    assert set(BatchLocation.objects.filter(batch=bad.batch, has_stock=True).values_list("blocked_reason", flat=True)) == {"recalled"}
    assert_books_balance()

    kinds = events.types()
    assert kinds[-1] == "inventory.batch.recalled"
    first = kinds.index("stock.reallocated")
    assert {"stock.changed", "stock.out"} <= set(kinds[:first])  # the channels are told before anything else
    zeroed = [payload["available"] for kind, payload in events[:first] if kind == "stock.changed"]
    assert zeroed[:2] == ["7", "0"]
    (told,) = events.of("inventory.batch.recalled")
    assert (told["lot_number"], told["reason"], told["lots"]) == ("BAD", "glass in it", [{"batch_id": bad.batch_id, "lot_number": "BAD"}])
    assert [(entry["order_ref"], entry["quantity"]) for entry in told["shipped"]] == [("shop:1", "3"), ("till:MAIN:77", "1")]
    assert [(entry["order_ref"], entry["location"], entry["quantity"]) for entry in told["stop"]] == [
        ("shop:2", "PACK", "1"),
        ("shop:2", "A-01", "3"),
    ]
    assert (told["reallocated"], told["released"]) == (done.reallocated, done.released)


def test_promises_move_where_there_are_other_goods_and_end_where_not(house: Site, milk: Product) -> None:
    bad = stocked(milk, house.shelf, 10, lot="BAD", expires_in_days=9)
    first, second = promised("shop:1", milk, 4), promised("shop:2", milk, 6)
    good = stocked(milk, house.shelf, 6, lot="GOOD", expires_in_days=30)

    with heard() as events:
        done = recall(bad)

    moved = {entry["order_ref"]: entry["quantity"] for entry in done.reallocated}
    gone = {entry["order_ref"]: entry["quantity"] for entry in done.released}
    held = {row.order_ref: sum(item.held for item in row.items.all()) for row in (first, second)}
    assert sum(held.values()) == 6 == sum(Decimal(q) for q in moved.values())
    assert sum(Decimal(q) for q in gone.values()) == 4
    assert set(ReservationItem.objects.exclude(batch_location=bad).values_list("batch_location", flat=True)) == {good.pk}
    for told in events.of("stock.reallocated"):
        assert (told["from"]["lot"], told["to"]["lot"], told["reason"]) == ("BAD", "GOOD", "BATCH_RECALLED")
    assert {told["reason"] for told in events.of("inventory.reservation.released")} == {"BATCH_RECALLED"}
    assert done.stop == ()
    assert totals(milk.pk, house.id) == (16, 6, 10, 0)
    assert_books_balance()


def test_nothing_on_hold_or_recalled_leaves(house: Site, milk: Product) -> None:
    bad = stocked(milk, house.shelf, 9, lot="BAD", expires_in_days=9)
    order = promised("shop:1", milk, 4)
    pick(order, house, 2)
    for withdraw in (hold, recall):
        withdraw(bad)
        with pytest.raises(UnfitNow):
            consume_reservation(order.pk, actor=ACTOR, for_order=True)
        with pytest.raises(UnfitNow):
            pick(order, house, 1)
        with pytest.raises(InsufficientStock):
            reserve_for_order("shop:2", [OrderedLine(milk.pk, Decimal(1))], warehouse_id=house.id, actor=ACTOR)
        with pytest.raises(InsufficientStock):
            process_offline_sale(warehouse_id=house.id, lines=[SaleLine(milk.pk, Decimal(1))], receipt_number="1", actor=ACTOR)
    assert totals(milk.pk, house.id) == (9, 4, 5, 0)
    assert_books_balance()


def test_released_goods_leave_again(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="L", expires_in_days=9)
    order = promised("shop:1", milk, 4)
    pick(order, house, 4)
    hold(place)
    with heard() as events:
        batch = release_hold(place.batch_id, reason="it was the cheese", actor=ACTOR)
    assert (batch.status, batch.status_reason, batch.held_itself) == ("available", "", False)
    assert events.types() == ["stock.changed", "inventory.batch.released"]
    assert (events.of("stock.changed")[0]["available"], events.of("inventory.batch.released")[0]["reason"]) == ("5", "it was the cheese")
    assert totals(milk.pk, house.id) == (9, 4, 0, 5)
    consume_reservation(order.pk, actor=ACTOR, for_order=True)
    assert_books_balance()


def came_back(ref: str, product: Product, quantity: int, house: Site) -> None:
    """A whole return, back to the shelf."""
    lines = [ReturnLine(product.pk, Decimal(quantity), location_id=house.shelf.pk)]
    paper = create_return(warehouse_id=house.id, order_ref=ref, lines=lines, actor=ACTOR)
    findings = [Finding(item.pk, condition="intact", decision="return_to_shelf", freshness_remaining=Decimal("0.5")) for item in paper.items.all()]
    inspect_return(paper.pk, findings=findings, actor=ACTOR)
    complete_return(paper.pk, actor=ACTOR)


def test_what_came_back_is_not_written_to(house: Site, milk: Product) -> None:
    """Also where the return's goods became a child lot, because they kept worse than what lay there."""
    place = stocked(milk, house.shelf, 9, lot="L")
    for ref in ("shop:1", "shop:2", "shop:3"):
        sold(ref, milk, 2, house)
    came_back("shop:1", milk, 2, house)
    came_back("shop:2", milk, 1, house)
    assert BatchLocation.objects.get(batch__parent=place.batch).quantity == 3
    assert [(order.order_ref, order.kept) for order in recall(place).shipped] == [("shop:2", 1), ("shop:3", 2)]
    assert_books_balance()


# --- again, and in which state -----------------------------------------------------------------------------------------------------------


def test_again_changes_nothing_and_lists_again(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="L", expires_in_days=9)
    sold("shop:1", milk, 2, house)
    picking = promised("shop:2", milk, 1)
    pick(picking, house)
    for withdraw, status in ((hold, "on_hold"), (recall, "recalled")):
        first = withdraw(place, "first")
        with heard() as events:
            again = withdraw(place, "second")
        assert events == []
        assert (again.batch.status, again.batch.status_reason) == (status, "first")
        assert (again.stop, again.shipped) == (first.stop, first.shipped)
        assert (len(again.stop), len(again.shipped)) == (1, 1)


def test_a_recall_has_no_way_back(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="L")
    with pytest.raises(TransitionRefused, match="is available"):
        release_hold(place.batch_id, actor=ACTOR)
    recall(place)
    for step in (lambda: hold(place), lambda: release_hold(place.batch_id, actor=ACTOR)):
        with pytest.raises(TransitionRefused, match="is recalled"):
            step()
    for step in (lambda: hold_batch(999999, reason="x", actor=ACTOR), lambda: release_hold(999999, actor=ACTOR)):
        with pytest.raises(NotFound, match="no batch 999999"):
            step()


def test_a_reason_is_asked(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="L")
    for withdraw in (hold, recall):
        with pytest.raises(ValidationFailed, match="Say why"):
            withdraw(place, "  ")
    assert Batch.objects.get().status == "available"


def test_a_hold_becomes_a_recall(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="L")
    hold(place)
    with heard() as events:
        recall(place)
    assert events.types() == ["inventory.batch.recalled"]  # nothing was for sale any more
    assert reasons() == {"recalled"}
    assert_books_balance()


def test_a_lot_that_lies_nowhere(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 2, lot="L")
    sold("shop:1", milk, 2, house)
    done = recall(place)
    assert [(order.order_ref, order.kept) for order in done.shipped] == [("shop:1", 2)]
    assert stocked(milk, house.shelf, 3, lot="L").blocked_reason == "recalled"
    assert totals(milk.pk, house.id) == (3, 0, 3, 0)
    assert_books_balance()


# --- the family --------------------------------------------------------------------------------------------------------------------------


def test_child_lots_and_mixes_are_recalled_too(house: Site, milk: Product) -> None:
    bad, good = (stocked(milk, house.shelf, 9, lot=lot, expires_in_days=9) for lot in ("BAD", "GOOD"))
    child = split_batch(bad.pk, Decimal(3), actor=ACTOR)
    display = mixed(house, lies(child), good)
    of_mix = mixed(house, lies(display), good)
    sold("shop:1", milk, 9, house)

    with heard() as events:
        done = recall(bad)

    assert {lot.lot_number for lot in done.lots} == {"BAD", child.lot_number, display.lot_number, of_mix.lot_number}
    assert {lot.pk: (lot.status, lot.held_itself) for lot in Batch.objects.all()} == {
        bad.batch_id: ("recalled", True),
        good.batch_id: ("available", False),
        child.pk: ("recalled", False),
        display.pk: ("recalled", False),
        of_mix.pk: ("recalled", False),
    }
    assert {lot.status_reason for lot in Batch.objects.exclude(pk=good.batch_id)} == {"glass in it"}
    assert sellable(milk) == Batch.objects.get(pk=good.batch_id).locations.get().quantity
    assert len(events.of("inventory.batch.recalled")) == 1
    assert len(events.of("inventory.batch.recalled")[0]["lots"]) == 4
    assert_books_balance()


def test_the_lots_something_was_made_of_are_not_recalled_with_it(house: Site, milk: Product) -> None:
    one, two = (stocked(milk, house.shelf, 9, lot=lot, expires_in_days=9) for lot in "AB")
    display = mixed(house, one, two)
    recall(lies(display))
    assert set(Batch.objects.filter(status="recalled")) == {display}
    assert totals(milk.pk, house.id) == (18, 0, 4, 14)


def test_who_followed_a_hold_is_released_with_it(house: Site, milk: Product) -> None:
    """Not a lot that was held itself, nor a mix of which another component is still on hold."""
    one, two = (stocked(milk, house.shelf, 20, lot=lot, expires_in_days=9) for lot in "AB")
    follower, own = split_batch(one.pk, Decimal(3), actor=ACTOR), split_batch(one.pk, Decimal(3), actor=ACTOR)
    display = mixed(house, one, two)
    on_top = mixed(house, lies(follower), lies(display))
    hold_batch(own.pk, reason="torn", actor=ACTOR)
    hold(one)
    hold(two)

    def states() -> list[str]:
        return [Batch.objects.get(pk=pk).status for pk in (one.batch_id, two.batch_id, follower.pk, own.pk, display.pk, on_top.pk)]

    assert states() == ["on_hold"] * 6
    with pytest.raises(TransitionRefused, match="lot A \\(on hold\\)"):
        release_hold(follower.pk, actor=ACTOR)
    with heard() as events:
        release_hold(one.batch_id, actor=ACTOR)
    assert states() == ["available", "on_hold", "available", "on_hold", "on_hold", "on_hold"]
    assert {lot["lot_number"] for lot in events.of("inventory.batch.released")[0]["lots"]} == {"A", follower.lot_number}
    release_hold(two.batch_id, actor=ACTOR)
    assert states() == ["available", "available", "available", "on_hold", "available", "available"]
    release_hold(own.pk, actor=ACTOR)
    assert states() == ["available"] * 6
    assert reasons() == {""}
    assert_books_balance()


def test_a_follower_that_is_held_itself_stays(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="A", expires_in_days=9)
    child = split_batch(place.pk, Decimal(3), actor=ACTOR)
    hold(place)
    hold_batch(child.pk, reason="torn", actor=ACTOR)
    release_hold(place.batch_id, actor=ACTOR)
    child = Batch.objects.get(pk=child.pk)
    assert (child.status, child.status_reason) == ("on_hold", "torn")
    assert totals(milk.pk, house.id) == (9, 0, 3, 6)


def test_what_is_made_of_a_lot_on_hold_follows_it(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="A", expires_in_days=9)
    hold(place)
    child = split_batch(place.pk, Decimal(3), actor=ACTOR)
    assert (child.status, lies(child).blocked_reason) == ("on_hold", "held")
    release_hold(place.batch_id, actor=ACTOR)
    assert Batch.objects.get(pk=child.pk).status == "available"
    assert totals(milk.pk, house.id) == (9, 0, 0, 9)
    assert_books_balance()


# --- who, and at what cost ---------------------------------------------------------------------------------------------------------------


def test_who_may(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="A", expires_in_days=9)
    for role in Role:
        if role not in (Role.MANAGER, Role.AUDITOR, Role.RECEIVER):
            with pytest.raises(PermissionDenied):
                hold_batch(place.batch_id, reason="x", actor=person(role))
        if role != Role.MANAGER:
            with pytest.raises(PermissionDenied):
                release_hold(place.batch_id, actor=person(role))
            with pytest.raises(PermissionDenied):
                recall_batch(place.batch_id, reason="x", actor=person(role))
    assert hold_batch(place.batch_id, reason="x", actor=person(Role.AUDITOR)).batch.status == "on_hold"
    assert recall_batch(place.batch_id, reason="x", actor=person(Role.MANAGER)).batch.status == "recalled"


def test_the_statements_do_not_grow_with_the_places_and_lots(house: Site) -> None:
    def cost(count: int) -> list[int]:
        product = ProductFactory()
        place = stocked(product, house.shelf, 200, lot="A", expires_in_days=9)
        for _ in range(count):
            stocked(product, LocationFactory(warehouse=house.warehouse), 2, lot="A", expires_in_days=9)
            stocked(product, site().shelf, 2, lot="A", expires_in_days=9)
            split_batch(place.pk, Decimal(2), actor=ACTOR)
            sold(f"shop:{count}", product, 1, house)
        costs = []
        for step in (hold, lambda place: release_hold(place.batch_id, actor=ACTOR), recall, recall):
            with CaptureQueriesContext(connection) as queries:
                step(place)
            costs.append(len(queries))
        return costs

    assert cost(1) == cost(12)


def test_a_hold_lasts_over_time(house: Site, milk: Product) -> None:
    place = stocked(milk, house.shelf, 9, lot="A", expires_in_days=9)
    hold(place)
    label_says(BatchLocation.objects.all(), place.effective_expires_at - timedelta(days=20))
    release_hold(place.batch_id, actor=ACTOR)
    assert reasons() == {"expired"}
    assert totals(milk.pk, house.id) == (9, 0, 9, 0)
    assert_books_balance()
