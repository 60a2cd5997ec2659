"""Where a lot comes from, where it is, who got it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import (
    MixSource,
    OrderedLine,
    SaleLine,
    WriteOffLine,
    confirm_write_off,
    consume_reservation,
    create_write_off,
    mix_batches,
    move_stock,
    process_offline_sale,
    promise_order,
    reserve_for_order,
    split_batch,
    trace_batch,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site, SupplierFactory, stocked
from warehouse.core.errors import NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK")


def sold(ref: str, product: Product, quantity: int, house: Site) -> None:
    made = reserve_for_order(ref, [OrderedLine(product.pk, Decimal(quantity))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(made.reservation_id, actor=ACTOR)


def lies(batch: Batch) -> BatchLocation:
    return BatchLocation.objects.get(batch=batch, has_stock=True)


def mix(house: Site, *places: tuple[BatchLocation, int]) -> Batch:
    sources = [MixSource(place.pk, Decimal(quantity)) for place, quantity in places]
    return mix_batches(warehouse_id=house.id, to_location_id=house.shelf.pk, sources=sources, actor=ACTOR)


def test_the_whole_way_of_a_lot(house: Site, milk: Product) -> None:
    lot = stocked(milk, house.shelf, 30, lot="A", expires_in_days=5)
    other = stocked(milk, house.shelf, 10, lot="B", expires_in_days=9)
    Batch.objects.filter(pk=lot.batch_id).update(supplier=SupplierFactory(code="DAIRY"))
    sold("shop:1", milk, 4, house)
    process_offline_sale(warehouse_id=house.id, lines=[SaleLine(milk.pk, Decimal(1))], receipt_number="77", actor=ACTOR)
    paper = create_write_off(warehouse_id=house.id, lines=[WriteOffLine(lot.pk, Decimal(2), "damaged")], actor=ACTOR)
    confirm_write_off(paper.pk, actor=ACTOR)
    child = split_batch(lot.pk, Decimal(3), actor=ACTOR)
    display = mix(house, (lot, 5), (other, 6))
    on_top = mix(house, (lies(display), 2), (lies(child), 1))
    move_stock(lies(child).pk, Decimal(1), house.quarantine.pk, actor=ACTOR)
    promise_order("shop:2", [OrderedLine(milk.pk, Decimal(1))], actor=ACTOR)

    trace = trace_batch(lot.batch_id)

    assert (trace.lot.lot_number, trace.lot.supplier, trace.lot.sku, trace.made_of) == ("A", "DAIRY", "MILK", ())
    assert [(made.lot_number, made.made_of) for made in trace.made_into] == [
        (child.lot_number, ((lot.batch_id, "A", None),)),
        (display.lot_number, ((lot.batch_id, "A", 5), (other.batch_id, "B", 6))),
        (on_top.lot_number, ((child.pk, child.lot_number, 1), (display.pk, display.lot_number, 2))),
    ]
    assert [(step.lot_number, step.quantity, step.document[:4]) for step in trace.received] == [("A", 30, "RCV-")]
    assert [(place.lot_number, place.location, place.quantity, place.reserved, place.blocked_reason) for place in trace.places] == [
        ("A", "A-01", 15, 1, ""),
        (child.lot_number, "A-01", 1, 0, ""),
        (display.lot_number, "A-01", 9, 0, ""),
        (on_top.lot_number, "A-01", 3, 0, ""),
        (child.lot_number, "QUAR", 1, 0, "place"),
    ]
    assert [(promise.order_ref, promise.lot_number, promise.quantity, promise.picking_started) for promise in trace.promised] == [
        ("shop:2", "A", 1, False)
    ]
    assert [(order.order_ref, order.lot_number, order.quantity, order.returned) for order in trace.shipped] == [
        ("shop:1", "A", 4, 0),
        ("till:MAIN:77", "A", 1, 0),
    ]
    assert [(step.type, step.lot_number, step.quantity, step.document) for step in trace.steps if step.type == "write_off"] == [
        ("write_off", "A", -2, paper.number)
    ]
    assert sum(step.quantity for step in trace.steps if step.type == "mix_out" and step.lot_number == "A") == -8
    assert {step.type for step in trace.steps} == {"write_off", "mix_out", "mix_in"}


def test_back_from_a_mix_to_its_deliveries(house: Site, milk: Product) -> None:
    one, two, three = (stocked(milk, house.shelf, 9, lot=lot, expires_in_days=days) for lot, days in (("A", 5), ("B", 6), ("C", 7)))
    display = mix(house, (one, 9), (two, 9))
    on_top = mix(house, (lies(display), 18), (three, 3))
    sold("shop:1", milk, 10, house)

    back = trace_batch(on_top.pk)
    assert [lot.lot_number for lot in back.made_of] == ["A", "B", "C", display.lot_number]
    assert [(step.lot_number, step.quantity) for step in back.received] == [("A", 9), ("B", 9), ("C", 9)]
    assert back.made_into == ()
    for place in (one, two):
        assert [(order.order_ref, order.lot_number, order.quantity) for order in trace_batch(place.batch_id).shipped] == [
            ("shop:1", on_top.lot_number, 10)
        ]


def test_nothing_of_others(house: Site, milk: Product) -> None:
    one, two = stocked(milk, house.shelf, 9, lot="A", expires_in_days=5), stocked(milk, house.shelf, 9, lot="B", expires_in_days=9)
    sold("shop:1", milk, 3, house)
    trace = trace_batch(two.batch_id)
    assert (trace.made_of, trace.made_into, trace.shipped, trace.promised, trace.steps) == ((), (), (), (), ())
    assert [place.batch_location_id for place in trace.places] == [two.pk]
    assert one.pk != two.pk
    with pytest.raises(NotFound):
        trace_batch(999999)


def test_the_statements_do_not_grow(house: Site) -> None:
    def cost(count: int) -> int:
        product = ProductFactory()
        lot = stocked(product, house.shelf, 100, lot="A", expires_in_days=5)
        other = stocked(product, house.shelf, 100, lot="B", expires_in_days=9)
        for n in range(count):
            split_batch(lot.pk, Decimal(2), actor=ACTOR)
            mix(house, (lot, 1), (other, 1))
            sold(f"shop:{count}-{n}", product, 1, house)
            confirm_write_off(
                create_write_off(warehouse_id=house.id, lines=[WriteOffLine(other.pk, Decimal(1), "damaged")], actor=ACTOR).pk, actor=ACTOR
            )
            promise_order(f"web:{count}-{n}", [OrderedLine(product.pk, Decimal(1))], actor=ACTOR)
        with CaptureQueriesContext(connection) as queries:
            trace_batch(lot.batch_id)
        return len(queries)

    assert cost(1) == cost(6) <= 14
