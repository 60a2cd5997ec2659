"""A seller and its own shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Audit, Batch, BatchLocation, Movement, Receiving, Stock, WriteOff
from inventory.orchestrator import OrderedLine, ReceivingLine, adjust_stock, place_stock, receive_at_once, reserve_for_order, write_off_stock
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, StorefrontProductFactory, site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.events import heard
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller(db: None) -> Caller:
    caller = Caller(Role.SELLER)
    SellerFactory(code="OURS").members.add(caller.user)
    return caller


@pytest.fixture
def shop(seller: Caller) -> Any:
    return site(code="SHOP", kind="shop", city="Novi Sad", seller=seller.user.sellers.get())


@pytest.fixture
def other(db: None) -> Any:
    return site(code="OTHER", kind="shop", seller=SellerFactory(code="THEIRS"))


@pytest.fixture
def milk(db: None) -> Any:
    product = ProductFactory(sku="MILK")
    StorefrontProductFactory(product=product, external_listing_id="100")
    return product


STOCK = "seller/shops/SHOP/stock"


def test_goods_come(seller, shop, milk):
    with heard() as events:
        came = seller.post(f"{STOCK}/receive", {"listing_id": 100, "quantity": "12", "purchase_price": "0.80"}, **{"Idempotency-Key": "r"})
    assert came.status_code == 201, came.content
    shown = came.json()
    assert {name: shown["stock"][name] for name in ("warehouse", "city", "sku", "quantity", "available", "status")} == {
        "warehouse": "SHOP", "city": "Novi Sad", "sku": "MILK", "quantity": "12.000", "available": "12.000", "status": "in_stock",
    }  # fmt: skip
    receiving = Receiving.objects.get()
    assert shown["document"] == {"type": "receiving", "id": receiving.pk, "number": receiving.number, "status": "confirmed"}
    assert (BatchLocation.objects.get().location, receiving.created_by) == (shop.shelf, seller.user)  # on the shelf: it may be sold at once
    assert Batch.objects.get().lot_number.startswith(receiving.number)
    assert Movement.objects.get().performed_by_type == "seller"
    assert events.types() == ["stock.received", "stock.changed", "inventory.placed", "inventory.receiving.confirmed"]
    again = seller.post(f"{STOCK}/receive", {"listing_id": 100, "quantity": "12", "purchase_price": "0.80"}, **{"Idempotency-Key": "r"})
    assert (again.status_code, again.json()) == (201, shown)
    cooled = seller.post(f"{STOCK}/receive", {"sku": "milk", "quantity": 1, "location": "DOCK", "lot_number": "L1", "reason": "late"}).json()
    assert (cooled["stock"]["quantity"], cooled["stock"]["available"]) == ("13.000", "12.000")
    assert Receiving.objects.latest("pk").notes == "late"
    assert_books_balance()


def test_goods_go_by_the_order_of_leaving(seller, shop, milk):
    stocked(milk, shop.shelf, 5, lot="LATE", expires_in_days=50)
    soon = stocked(milk, shop.shelf, 2, lot="SOON", expires_in_days=5)
    reserve_for_order("shop:1", [OrderedLine(milk.pk, Decimal(1))], warehouse_id=shop.id, actor=ACTOR)
    with heard() as events:
        gone = seller.post(f"{STOCK}/writeoff", {"sku": "MILK", "quantity": "3", "reason": "damaged", "note": "dropped"})
    assert gone.status_code == 201, gone.content
    paper = WriteOff.objects.get()
    assert gone.json()["document"] == {"type": "write_off", "id": paper.pk, "number": paper.number, "status": "confirmed"}
    assert [(item.batch.lot_number, item.quantity, item.reason) for item in paper.items.order_by("pk")] == [
        ("SOON", 1, "damaged"), ("LATE", 2, "damaged"),
    ]  # fmt: skip
    assert totals(milk.pk, shop.id) == (4, 1, 0, 3)  # the promised one stays
    assert "inventory.writeOff.confirmed" in events.types()
    soon.refresh_from_db()
    assert (soon.quantity, soon.reserved) == (1, 1)
    short = seller.post(f"{STOCK}/writeoff", {"sku": "MILK", "quantity": "4", "reason": "damaged"})
    assert codes(short) == (409, "insufficient_stock")
    assert codes(seller.post(f"{STOCK}/writeoff", {"sku": "MILK", "quantity": "1", "reason": "other"})) == (400, "validation_failed")
    assert totals(milk.pk, shop.id) == (4, 1, 0, 3)
    assert_books_balance()


def test_what_is_there_is_said(seller, shop, milk):
    stocked(milk, shop.shelf, 5, lot="OLD", expires_in_days=5)
    stocked(milk, shop.shelf, 5, lot="NEW", expires_in_days=50)
    less = seller.post(f"{STOCK}/adjust", {"sku": "MILK", "new_quantity": "3", "reason": "counted"})
    assert less.status_code == 201, less.content
    audit = Audit.objects.get()
    assert less.json()["document"] == {"type": "audit", "id": audit.pk, "number": audit.number, "status": "completed"}
    assert less.json()["stock"]["quantity"] == "3.000"
    assert dict(BatchLocation.objects.values_list("batch__lot_number", "quantity")) == {"OLD": 0, "NEW": 3}
    more = seller.post(f"{STOCK}/adjust", {"listing_id": "100", "new_quantity": "4", "reason": "found one"})
    assert dict(BatchLocation.objects.values_list("batch__lot_number", "quantity")) == {"OLD": 0, "NEW": 4}
    assert more.json()["stock"]["status"] == "low_stock"
    assert seller.post(f"{STOCK}/adjust", {"sku": "MILK", "new_quantity": 0, "reason": "gone"}).json()["stock"]["status"] == "out_of_stock"
    assert set(Movement.objects.filter(type="adjustment").values_list("reason", "performed_by_type")) == {
        ("counted", "seller"), ("found one", "seller"), ("gone", "seller"),
    }  # fmt: skip
    assert_books_balance()


@pytest.mark.parametrize(
    ("step", "wrong", "code"),
    [
        ("receive", {"quantity": 1}, (400, "validation_failed")),
        ("receive", {"sku": "NONE", "quantity": 1}, (422, "unknown_product")),
        ("receive", {"listing_id": "9", "quantity": 1}, (422, "unknown_product")),
        ("receive", {"sku": "MILK", "quantity": "0.5"}, (400, "validation_failed")),
        ("receive", {"sku": "MILK", "quantity": "NaN"}, (400, "validation_failed")),
        ("receive", {"sku": "MILK", "quantity": "1e30"}, (400, "validation_failed")),
        ("receive", {"sku": "MILK", "quantity": "1", "location": "NOPE"}, (400, "validation_failed")),
        ("receive", {"sku": "MILK", "quantity": "1", "label_expires_on": "2020-01-01"}, (422, "short_dated")),
        ("writeoff", {"sku": "MILK", "quantity": "-1", "reason": "lost"}, (400, "validation_failed")),
        ("writeoff", {"sku": "MILK", "quantity": "1", "reason": "bored"}, (400, "validation_failed")),
        ("writeoff", {"sku": "MILK", "quantity": "1", "reason": "lost"}, (409, "insufficient_stock")),
        ("adjust", {"sku": "MILK", "new_quantity": "-1", "reason": "x"}, (400, "validation_failed")),
        ("adjust", {"sku": "MILK", "new_quantity": "1"}, (400, "validation_failed")),
        ("adjust", {"sku": "MILK", "new_quantity": "1.5", "reason": "x"}, (400, "validation_failed")),
        ("adjust", {"sku": "MILK", "new_quantity": "1", "reason": "never was here"}, (409, "conflict")),
    ],
)
def test_what_makes_no_sense(seller, shop, milk, step, wrong, code):
    assert codes(seller.post(f"{STOCK}/{step}", wrong)) == code
    assert not Movement.objects.exists()
    assert [model for model in (Receiving, WriteOff, Audit) if model.objects.exists()] == []
    assert shop.id


def test_the_shop_is_looked_at(seller, shop, other, milk):
    bread = ProductFactory(sku="BREAD")
    stocked(milk, shop.shelf, 9)
    stocked(bread, shop.shelf, 2)
    stocked(milk, other.shelf, 7)
    assert {row["sku"]: row["available"] for row in seller.get(STOCK).json()["results"]} == {"MILK": "9.000", "BREAD": "2.000"}
    assert {row["warehouse"] for row in seller.get(f"seller/shops/{shop.id}/stock").json()["results"]} == {"SHOP"}
    assert [row["sku"] for row in seller.get(STOCK, sku="milk", status="in_stock").json()["results"]] == ["MILK"]
    assert [row["sku"] for row in seller.get(f"{STOCK}/low").json()["results"]] == ["BREAD"]
    assert [row["warehouse"] for row in seller.get(f"{STOCK}/movements").json()["results"]] == ["SHOP", "SHOP"]
    assert [row["sku"] for row in seller.get(f"{STOCK}/movements", sku="BREAD", type="receiving").json()["results"]] == ["BREAD"]
    assert codes(seller.get(f"{STOCK}/movements", warehouse="OTHER")) == (400, "validation_failed")
    assert {row["warehouse"] for row in Caller(Role.MANAGER).get("seller/shops/OTHER/stock").json()["results"]} == {"OTHER"}


@pytest.mark.parametrize("address", ["", "/low", "/movements", "/receive", "/writeoff", "/adjust"])
def test_a_strangers_shop_is_no_shop(seller, shop, other, milk, address):
    stocked(milk, other.shelf, 7)
    bodies = {
        "/receive": {"sku": "MILK", "quantity": 1},
        "/writeoff": {"sku": "MILK", "quantity": 1, "reason": "lost"},
        "/adjust": {"sku": "MILK", "new_quantity": 1, "reason": "x"},
    }
    for name in ("OTHER", str(other.id), "NOBODY", "999999", "9" * 40, "²", "%00"):
        path = f"seller/shops/{name}/stock{address}"
        answer = seller.post(path, bodies[address]) if address in bodies else seller.get(path)
        assert codes(answer) == (404, "not_found"), name
    assert totals(milk.pk, other.id) == (7, 0, 0, 7)
    assert not Stock.objects.filter(warehouse=shop.id).exists()


def test_the_operations_ask_for_themselves(seller, shop, other, milk):
    """However they are called: a seller changes nothing in a stranger's shop."""
    stocked(milk, other.shelf, 7)
    line = ReceivingLine(milk.pk, Decimal(1))
    with pytest.raises(NotFound):
        place_stock(warehouse_id=other.id, line=line, actor=seller.actor)
    with pytest.raises(NotFound):
        receive_at_once(warehouse_id=other.id, lines=[line], actor=seller.actor)
    with pytest.raises(NotFound):
        write_off_stock(warehouse_id=other.id, product_id=milk.pk, quantity=Decimal(1), reason="lost", actor=seller.actor)
    with pytest.raises(NotFound):
        adjust_stock(other.id, milk.pk, Decimal(1), reason="x", actor=seller.actor)
    assert codes(seller.post("stock/place", {"warehouse": "OTHER", "sku": "MILK", "quantity": 1})) == (404, "not_found")
    assert totals(milk.pk, other.id) == (7, 0, 0, 7)
    assert seller.post("stock/place", {"warehouse": "SHOP", "sku": "MILK", "quantity": 1}).status_code == 201
