"""Batches poured together: one clock, one cost, every component kept."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.enums import BatchStatus, Phase
from inventory.errors import InsufficientStock, PlaceNotAllowed, UnfitNow
from inventory.models import Batch, BatchComponent, BatchLocation, MixedBatch, Movement, Product
from inventory.orchestrator import (
    MixSource,
    OrderedLine,
    change_phase,
    hold_batch,
    mix_batches,
    move_stock,
    promise_order,
    recall_batch,
    split_mixed_batch,
)
from inventory.queries.mixed_batches import mixed_batches
from tests.factories.fulfillment import person
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, Site, SupplierFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import days_pass, keeps_for
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.fixture
def apples(db: None) -> Product:
    return ProductFactory(sku="APPLES", quantity_step=Decimal("0.001"), lives={"ambient": 21, "chilled": 42})


def mix(house: Site, *sources: tuple[BatchLocation, Any], to: Any = None, actor: Actor = ACTOR, lot: str = "") -> Batch:
    return mix_batches(
        warehouse_id=house.id,
        to_location_id=(to or house.shelf).pk,
        sources=[MixSource(place.pk, Decimal(quantity)) for place, quantity in sources],
        lot_number=lot,
        actor=actor,
    )


def priced(place: BatchLocation, price: str, currency: str = "EUR") -> BatchLocation:
    Batch.objects.filter(pk=place.batch_id).update(purchase_price=Decimal(price), currency=currency)
    return place


def lies(batch: Batch) -> BatchLocation:
    return BatchLocation.objects.get(batch=batch, has_stock=True)


# --- the mix -----------------------------------------------------------------------------------------------------------------------------


def test_a_mix_expires_with_its_first_component_and_costs_the_mean(house: Site, apples: Product) -> None:
    early = priced(stocked(apples, house.shelf, 4, lot="EARLY", expires_in_days=6), "1.00")
    late = priced(stocked(apples, house.shelf, 8, lot="LATE", expires_in_days=19), "1.50")
    supplier = SupplierFactory()
    Batch.objects.update(supplier=supplier)
    display = LocationFactory(warehouse=house.warehouse, code="BIN", kind="display")

    with heard() as events:
        mixed = mix(house, (late, "5.5"), (early, 4), to=display)

    place = lies(mixed)
    assert place.effective_expires_at == early.effective_expires_at != late.effective_expires_at
    assert (place.not_after, place.clock_condition, place.blocked_reason) == (early.not_after, "ambient", "")
    assert (place.location_id, place.quantity, place.received_at) == (display.pk, Decimal("9.5"), early.received_at)
    assert (mixed.label_expires_on, mixed.label_life, mixed.label_condition) == (
        early.batch.label_expires_on,
        early.batch.label_life,
        early.batch.label_condition,
    )
    assert mixed.purchase_price == Decimal("1.2895")  # (4 × 1.00 + 5.5 × 1.50) / 9.5 = 1.28947…
    assert (mixed.status, mixed.supplier, mixed.parent_id, mixed.currency) == ("available", supplier, None, "EUR")
    assert mixed.lot_number.startswith("MIX-")
    assert list(mixed.components.order_by("pk").values_list("source", "quantity")) == [(early.batch_id, 4), (late.batch_id, Decimal("5.5"))]
    assert totals(apples.pk, house.id) == (12, 0, 0, 12)
    moves = Movement.objects.filter(document_type="mixed_batch", document_id=mixed.pk).order_by("pk")
    assert [(m.type, m.batch_id, m.quantity_change) for m in moves] == [
        ("mix_out", early.batch_id, -4),
        ("mix_out", late.batch_id, Decimal("-5.5")),
        ("mix_in", mixed.pk, Decimal("9.5")),
    ]
    assert events.types() == ["inventory.batch.mixed"]
    (told,) = events.of("inventory.batch.mixed")
    assert (told["lot_number"], told["quantity"], told["location"]) == (mixed.lot_number, "9.5", "BIN")
    assert [(part["lot"], part["quantity"], part["location"]) for part in told["components"]] == [("EARLY", "4", "A-01"), ("LATE", "5.5", "A-01")]
    assert list(mixed_batches()) == [MixedBatch.objects.get(pk=mixed.pk)]
    assert_books_balance()


def test_the_order_of_the_sources_does_not_matter(house: Site, apples: Product) -> None:
    for turn, names in enumerate((("X", "Y", "Z"), ("Z", "X", "Y"))):
        places = {lot: stocked(apples, house.shelf, 2, lot=f"{lot}{turn}", expires_in_days=days) for lot, days in (("X", 3), ("Y", 9), ("Z", 30))}
        mixed = mix(house, *((places[name], 1) for name in names))
        assert lies(mixed).effective_expires_at == places["X"].effective_expires_at


def test_the_first_to_expire_is_judged_in_the_place_of_the_mix(house: Site, apples: Product) -> None:
    """In the shelf's warmth the lot without a label is the first; in the cold, where it keeps twice as long, the label is."""

    def two(turn: str) -> tuple[BatchLocation, BatchLocation]:
        return stocked(apples, house.shelf, 4, lot=f"BARE-{turn}"), stocked(apples, house.shelf, 4, lot=f"LABEL-{turn}", expires_in_days=30)

    bare, labelled = two("warm")
    assert bare.effective_expires_at < labelled.effective_expires_at
    warm = lies(mix(house, (bare, 1), (labelled, 1)))
    assert warm.effective_expires_at == bare.effective_expires_at
    cold = lies(mix(house, (bare, 1), (labelled, 1), to=house.cool))
    assert (cold.clock_condition, cold.effective_expires_at) == ("chilled", labelled.not_after)


def test_the_earliest_label_stays_the_law_after_the_mix(house: Site, apples: Product) -> None:
    """The clock is the bare lot's, but no move to the cold may bring the mix past the date on the other's label."""
    bare, labelled = stocked(apples, house.shelf, 4, lot="BARE"), stocked(apples, house.shelf, 4, lot="LABEL", expires_in_days=30)
    mixed = mix(house, (bare, 4), (labelled, 4))
    moved = move_stock(lies(mixed).pk, Decimal(8), house.cool.pk, actor=ACTOR)
    assert BatchLocation.objects.get(pk=moved).effective_expires_at == labelled.not_after
    assert (mixed.label_expires_on, mixed.label_life) == (labelled.batch.label_expires_on, None)


def test_a_mix_outlives_none_of_its_components_elsewhere(house: Site) -> None:
    """One has the nearer label, the other has used more of its life: brought into the warmth, the mix expires with that."""
    ham = ProductFactory(sku="HAM", lives={"chilled": 14, "ambient": 2})
    old = stocked(ham, house.cool, 5, lot="OLD", expires_in_days=39)
    days_pass(34)
    near = stocked(ham, house.cool, 5, lot="NEAR", expires_in_days=4)
    mixed = mix(house, (near, 2), (old, 2), to=house.cool)
    assert lies(mixed).effective_expires_at == near.effective_expires_at

    warm = [move_stock(place.pk, Decimal(1), house.shelf.pk, actor=ACTOR) for place in (near, old, lies(mixed))]

    assert keeps_for(warm[2]) == pytest.approx(keeps_for(warm[1]), abs=0.002)
    assert keeps_for(warm[2]) < keeps_for(warm[0])


def test_goods_that_never_expire(house: Site) -> None:
    bags = ProductFactory(sku="BAGS", tracks_expiry=False, lives={})
    one, two = stocked(bags, house.shelf, 4, lot="A"), stocked(bags, house.shelf, 4, lot="B")
    assert lies(mix(house, (one, 4), (two, 4))).effective_expires_at is None


def test_the_same_place_twice_is_summed_and_several_places_of_a_batch_are_one_component(house: Site, apples: Product) -> None:
    shelf = LocationFactory(warehouse=house.warehouse)
    one, other = stocked(apples, house.shelf, 5, lot="A", expires_in_days=9), stocked(apples, shelf, 5, lot="A", expires_in_days=9)
    two = stocked(apples, house.shelf, 5, lot="B", expires_in_days=9)
    with pytest.raises(InsufficientStock):
        mix(house, (one, 3), (two, 1), (one, 3))
    mixed = mix(house, (one, 2), (two, 1), (one, 3), (other, 1))
    assert list(mixed.components.order_by("source").values_list("source", "quantity")) == [(one.batch_id, 6), (two.batch_id, 1)]
    assert lies(mixed).quantity == 7
    assert_books_balance()


def test_goods_from_the_dock_come_for_sale(house: Site, apples: Product) -> None:
    shelf, dock = stocked(apples, house.shelf, 5, lot="A", expires_in_days=9), stocked(apples, house.dock, 5, lot="B", expires_in_days=9)
    assert totals(apples.pk, house.id) == (10, 0, 5, 5)
    with heard() as events:
        mix(house, (shelf, 5), (dock, 4))
    assert totals(apples.pk, house.id) == (10, 0, 1, 9)
    assert "stock.changed" in events.types()
    assert_books_balance()


def test_a_mix_of_mixes_keeps_all(house: Site, apples: Product) -> None:
    one, two, three = (stocked(apples, house.shelf, 6, lot=lot, expires_in_days=days) for lot, days in (("A", 9), ("B", 12), ("C", 5)))
    first = mix(house, (one, 6), (two, 6))
    second = mix(house, (lies(first), 3), (three, 2), lot="BIN-7")
    assert (second.lot_number, lies(second).effective_expires_at) == ("BIN-7", three.effective_expires_at)
    assert set(BatchComponent.objects.values_list("mixed", "source", "quantity")) == {
        (first.pk, one.batch_id, 6),
        (first.pk, two.batch_id, 6),
        (second.pk, first.pk, 3),
        (second.pk, three.batch_id, 2),
    }
    assert lies(first).quantity == 9
    assert_books_balance()


# --- what is refused ---------------------------------------------------------------------------------------------------------------------


def test_what_can_not_be_poured_together(house: Site, apples: Product) -> None:
    one = stocked(apples, house.shelf, 5, lot="A", expires_in_days=9)
    pears = stocked(ProductFactory(sku="PEARS"), house.shelf, 5, lot="P")
    dinars = priced(stocked(apples, house.shelf, 5, lot="RSD", expires_in_days=9), "120", "RSD")
    quarantined = stocked(apples, house.quarantine, 5, lot="Q", expires_in_days=9)
    benched = stocked(apples, house.bench, 5, lot="BENCH", expires_in_days=9)
    far = stocked(apples, site().shelf, 5, lot="FAR", expires_in_days=9)
    with heard() as events:
        for sources, why in (
            ([(one, 1)], "at least two batches"),
            ([], "at least two batches"),
            ([(one, 1), (one, 1)], "at least two batches"),
            ([(one, 1), (pears, 1)], "one product, not of APPLES, PEARS"),
            ([(one, 1), (dinars, 1)], "one currency, not of EUR, RSD"),
            ([(one, 1), (quarantined, 1)], "not in a place of this warehouse from which goods are mixed"),
            ([(one, 1), (benched, 1)], "not in a place"),
            ([(one, 1), (far, 1)], "not in a place"),
            ([(one, "0.0005"), (dinars, 1)], "APPLES|currency"),
        ):
            with pytest.raises(ValidationFailed, match=why):
                mix(house, *sources)
    assert events == []
    assert (MixedBatch.objects.filter(components__isnull=False).count(), Movement.objects.filter(type__startswith="mix").count()) == (0, 0)
    assert_books_balance()


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "1e30", "0.0001"])
def test_what_is_no_quantity(house: Site, apples: Product, quantity: str) -> None:
    one, two = (stocked(apples, house.shelf, 5, lot=lot, expires_in_days=9) for lot in "AB")
    with pytest.raises(ValidationFailed):
        mix(house, (one, 1), (two, quantity))
    assert not BatchComponent.objects.exists()


def test_phases_and_frozen_goods_are_not_mixed(house: Site) -> None:
    beef = ProductFactory(sku="BEEF", freezable=True, lives={"chilled": 9, "frozen": 120, ("chilled", Phase.OPENED): 2})
    one, two, three = (stocked(beef, house.cool, 6, lot=lot, expires_in_days=5) for lot in "ABC")
    opened = change_phase(one.pk, Decimal(3), "open", actor=ACTOR)
    with pytest.raises(ValidationFailed, match="one phase, not of opened, sealed"):
        mix(house, (BatchLocation.objects.get(batch=one.batch, phase=Phase.OPENED), 1), (two, 1), to=house.cool)
    change_phase(two.pk, Decimal(6), "freeze", to_location_id=house.freezer.pk, actor=ACTOR)
    frozen = lies(two.batch)
    with pytest.raises(ValidationFailed, match="were frozen"):
        mix(house, (frozen, 1), (three, 1), to=house.freezer)
    assert opened


def test_unfit_goods_would_spoil_the_mix(house: Site, apples: Product) -> None:
    good, held, recalled, old, docked = (
        stocked(apples, place, 5, lot=lot, expires_in_days=9)
        for lot, place in (("GOOD", house.shelf), ("HELD", house.shelf), ("RECALLED", house.shelf), ("OLD", house.shelf), ("DOCKED", house.dock))
    )
    hold_batch(held.batch_id, reason="x", actor=ACTOR)
    recall_batch(recalled.batch_id, reason="x", actor=ACTOR)
    BatchLocation.objects.filter(pk__in=[old.pk, docked.pk]).update(effective_expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(UnfitNow) as refused:
        mix(house, (good, 1), (held, 1), (recalled, 1), (old, 1), (docked, 1))
    assert [(entry["lot"], entry["reason"]) for entry in refused.value.errors] == [
        ("HELD", "on hold"),
        ("RECALLED", "recalled"),
        ("OLD", "too short dated"),
        ("DOCKED", "too short dated"),
    ]
    assert not BatchComponent.objects.exists()


def test_promised_goods_stay(house: Site, apples: Product) -> None:
    one, two = (stocked(apples, house.shelf, 5, lot=lot, expires_in_days=9) for lot in "AB")
    promise_order("shop:1", [OrderedLine(apples.pk, Decimal(7))], actor=ACTOR)
    with pytest.raises(InsufficientStock) as refused:
        mix(house, (one, 1), (two, 4))
    assert [(s.asked, s.available) for s in refused.value.shortages] == [(1, 0), (4, 3)]
    assert not BatchComponent.objects.exists()


def test_places_where_nothing_is_mixed(house: Site, apples: Product) -> None:
    one, two = (stocked(apples, house.shelf, 5, lot=lot, expires_in_days=9) for lot in "AB")
    closed = LocationFactory(warehouse=house.warehouse, is_active=False)
    for place in (house.bench, house.quarantine, house.transit, house.freezer, closed, site().shelf):
        with pytest.raises(PlaceNotAllowed):
            mix(house, (one, 1), (two, 1), to=place)
    assert not BatchComponent.objects.exists()


def test_a_lot_number_is_one_lot(house: Site, apples: Product) -> None:
    one, two = (stocked(apples, house.shelf, 5, lot=lot, expires_in_days=9) for lot in "AB")
    with pytest.raises(ValidationFailed, match="may have 60 characters"):
        mix(house, (one, 1), (two, 1), lot="L" * 61)
    with pytest.raises(Conflict, match="has a lot A already"):
        mix(house, (one, 1), (two, 1), lot="A")
    with pytest.raises(NotFound):
        mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=[MixSource(999999, Decimal(1))], actor=ACTOR)


def test_who_may_mix(house: Site, apples: Product) -> None:
    one, two = (stocked(apples, house.shelf, 5, lot=lot, expires_in_days=9) for lot in "AB")
    for role in (Role.PICKER, Role.AUDITOR, Role.INTEGRATION, Role.SELLER, Role.VIEWER):
        with pytest.raises(PermissionDenied):
            mix(house, (one, 1), (two, 1), actor=person(role))
    mixed = mix(house, (one, 1), (two, 1), actor=person(Role.RECEIVER))
    with pytest.raises(PermissionDenied):
        split_mixed_batch(mixed.pk, lies(mixed).pk, Decimal(1), actor=person(Role.PICKER))


def test_the_statements_do_not_grow_with_the_sources(house: Site) -> None:
    def cost(count: int) -> int:
        product = ProductFactory()
        places = [stocked(product, house.shelf, 3, lot=f"L{n}", expires_in_days=9 + n) for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            mix(house, *((place, 1) for place in places))
        return len(queries)

    cost(2)  # draws the first number of the year
    assert cost(2) == cost(30)


# --- a part of a mix ---------------------------------------------------------------------------------------------------------------------


def test_a_part_of_a_mix_becomes_a_lot_of_its_own(house: Site, apples: Product) -> None:
    one, two = (stocked(apples, house.shelf, 6, lot=lot, expires_in_days=days) for lot, days in (("A", 6), ("B", 12)))
    mixed = mix(house, (one, 6), (two, 6))
    child = split_mixed_batch(mixed.pk, lies(mixed).pk, Decimal(5), lot_number="PART", actor=ACTOR)
    assert (child.parent_id, child.lot_number, child.components.count()) == (mixed.pk, "PART", 0)
    assert (child.purchase_price, child.label_expires_on, child.status) == (mixed.purchase_price, mixed.label_expires_on, BatchStatus.AVAILABLE)
    assert (lies(child).quantity, lies(child).effective_expires_at) == (5, one.effective_expires_at)
    assert lies(mixed).quantity == 7
    assert totals(apples.pk, house.id) == (12, 0, 0, 12)
    assert_books_balance()


def test_only_a_mix_is_split_so(house: Site, apples: Product) -> None:
    one, two, three = (stocked(apples, house.shelf, 6, lot=lot, expires_in_days=9) for lot in "ABC")
    mixed = mix(house, (one, 2), (two, 2))
    for batch, place in ((one.batch_id, one.pk), (mixed.pk, three.pk), (mixed.pk, 999999), (999999, one.pk)):
        with pytest.raises(NotFound):
            split_mixed_batch(batch, place, Decimal(1), actor=ACTOR)
    with pytest.raises(InsufficientStock):
        split_mixed_batch(mixed.pk, lies(mixed).pk, Decimal(5), actor=ACTOR)
