"""What becomes of goods that come back: the shelf, a discount, a write-off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import MoreThanShipped
from inventory.models import Batch, BatchLocation, Discount, Movement, Product, WriteOff
from inventory.orchestrator import complete_return, inspect_return
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from tests.inventory.returns import REF, draft, found, ledger, line, looked_at, returned, ship
from warehouse.core.actor import Actor, ActorType, Role

pytestmark = pytest.mark.django_db


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
