"""Goods that change their place, their phase or their lot inside a warehouse."""

from __future__ import annotations

import pytest

from inventory.models import Batch, BatchLocation
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, SellerFactory, site, stocked
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(db):
    return Caller(Role.RECEIVER)


@pytest.fixture
def here(db):
    return site(code="A", external_id="1")


@pytest.fixture
def apples(here):
    return stocked(ProductFactory(sku="APPLES", lives={"ambient": 20, "chilled": 40, ("ambient", "opened"): 3}), here.shelf, 10, lot="L1")


def test_goods_move(receiver, apples):
    body = {"batch_location": apples.pk, "quantity": "4", "to_location": "C-01", "reason": "cooler"}
    done = receiver.post("stock/move", body, **{"Idempotency-Key": "m1"})
    assert done.status_code == 200, done.content
    assert (done.json()["location"], done.json()["quantity"], done.json()["free"], done.json()["lot_number"]) == ("C-01", "4.000", "4.000", "L1")
    assert receiver.post("stock/move", body, **{"Idempotency-Key": "m1"}).json() == done.json()
    assert BatchLocation.objects.get(pk=apples.pk).quantity == 6
    assert codes(receiver.post("stock/move", body | {"quantity": "7"})) == (409, "insufficient_stock")
    assert codes(receiver.post("stock/move", body | {"to_location": "F-01"})) == (422, "place_not_allowed")
    assert codes(receiver.post("stock/move", body | {"to_location": "NOPE"})) == (400, "validation_failed")
    assert codes(receiver.post("stock/move", body | {"batch_location": 999_999})) == (404, "not_found")
    assert codes(receiver.post("stock/move", body, **{"If-Match": '"99"'})) == (412, "stale_version")
    assert_books_balance()


def test_several_moves_at_once(receiver, here, apples):
    pears = stocked(ProductFactory(sku="PEARS"), here.shelf, 3)
    items = [
        {"batch_location": apples.pk, "quantity": "1", "to_location": "C-01"},
        {"batch_location": pears.pk, "quantity": "2", "to_location": "QUAR"},
    ]
    assert [row["location"] for row in receiver.post("stock/moves", {"items": items}).json()] == ["C-01", "QUAR"]
    wrong = receiver.post("stock/moves", {"items": [*items, items[0] | {"to_location": "NOPE"}]})
    assert codes(wrong) == (400, "validation_failed")
    assert [error["field"] for error in wrong.json()["errors"]] == ["items[2].to_location"]
    short = receiver.post("stock/moves", {"items": [items[0], items[1] | {"quantity": "5"}]})
    assert codes(short) == (409, "insufficient_stock")
    assert BatchLocation.objects.get(pk=apples.pk).quantity == 9
    assert_books_balance()


def test_goods_are_put_away(receiver, here, apples):
    dock = stocked(apples.product, here.dock, 5, lot="L2")
    places = receiver.get("stock/put-away", batch_location=dock.pk).json()
    assert [(place["code"], place["reason"]) for place in places] == [
        ("A-01", "goods of the same product lie there"),
        ("C-01", "the nearest empty place of the right kind"),
    ]
    assert codes(receiver.get("stock/put-away")) == (400, "validation_failed")
    assert codes(receiver.get("stock/put-away", batch_location=999_999)) == (404, "not_found")
    assert receiver.post("stock/put-away", {"batch_location": dock.pk, "quantity": "2"}).json()["location"] == "A-01"
    assert receiver.post("stock/put-away", {"batch_location": dock.pk, "quantity": "3", "to_location": "C-01"}).json()["location"] == "C-01"
    assert codes(receiver.post("stock/put-away", {"batch_location": apples.pk, "quantity": "1"})) == (422, "place_not_allowed")
    assert_books_balance()


def test_goods_are_opened_and_frozen(receiver, here, apples):
    opened = receiver.post("stock/change-phase", {"batch_location": apples.pk, "quantity": "1", "change": "open"}).json()
    assert (opened["phase"], opened["location"], opened["quantity"]) == ("opened", "A-01", "1.000")
    refused = receiver.post("stock/change-phase", {"batch_location": apples.pk, "quantity": "1", "change": "freeze", "to_location": "F-01"})
    assert codes(refused) == (400, "validation_failed")
    assert "may not be frozen" in refused.json()["detail"]
    assert codes(receiver.post("stock/change-phase", {"batch_location": apples.pk, "quantity": "1", "change": "boil"})) == (400, "validation_failed")
    assert_books_balance()


def test_a_lot_is_split(receiver, here, apples):
    done = receiver.post(f"batches/{apples.batch_id}/split", {"batch_location": apples.pk, "quantity": "3", "lot_number": "L1-B"})
    assert done.status_code == 201, done.content
    assert (done.json()["lot_number"], done.json()["parent"], done.json()["sku"]) == ("L1-B", apples.batch_id, "APPLES")
    again = receiver.post(f"batches/{apples.batch_id}/split", {"batch_location": apples.pk, "quantity": "3", "lot_number": "L1-B"})
    assert codes(again) == (409, "conflict")
    assert codes(receiver.post("batches/999999/split", {"batch_location": apples.pk, "quantity": "3"})) == (404, "not_found")
    assert Batch.objects.count() == 2
    assert_books_balance()


def test_a_seller_moves_nothing(here, apples):
    """A seller is nothing but a seller, whatever else its groups say: it moves nothing, not even in its own site."""
    here.warehouse.seller = SellerFactory()
    here.warehouse.save()
    seller = Caller(Role.SELLER, Role.RECEIVER)
    here.warehouse.seller.members.add(seller.user)
    move = {"batch_location": apples.pk, "quantity": "1", "to_location": "C-01"}
    assert codes(seller.post("stock/move", move)) == (403, "permission_denied")
    assert codes(seller.post("stock/moves", {"items": [move]})) == (403, "permission_denied")


# --- places ------------------------------------------------------------------------------------------------------------------------------


def test_a_place_is_changed_with_goods_in_it(manager, here, apples):
    path = f"locations/{here.shelf.pk}"
    read = manager.get(path)
    assert (read.json()["condition"], read.json()["is_active"], read.json()["fixed_product"]) == ("ambient", True, None)
    cooler = manager.patch(path, {"condition": "chilled", "fixed_product": "apples"}, **{"If-Match": read["ETag"]})
    assert cooler.status_code == 200, cooler.content
    assert (cooler.json()["condition"], cooler.json()["fixed_product"]) == ("chilled", "APPLES")
    assert BatchLocation.objects.get(pk=apples.pk).clock_condition == "chilled"
    assert codes(manager.patch(path, {"condition": "frozen"}, **{"If-Match": cooler["ETag"]})) == (422, "place_not_allowed")
    assert codes(manager.patch(path, {"kind": "display"}, **{"If-Match": cooler["ETag"]})) == (400, "validation_failed")
    order = {"order_ref": "x:1", "warehouse": "A", "items": [{"sku": "APPLES", "quantity": "2"}]}
    assert manager.post("reservations", order).status_code == 201
    promised = manager.patch(path, {"is_active": False}, **{"If-Match": cooler["ETag"]})
    assert codes(promised) == (409, "goods_promised")
    closed = manager.patch(path, {"is_active": False, "release_reservations": True, "fixed_product": None}, **{"If-Match": cooler["ETag"]})
    assert (closed.status_code, closed.json()["is_active"], closed.json()["fixed_product"]) == (200, False, None)
    row = BatchLocation.objects.get(pk=apples.pk)
    assert (row.reserved, row.blocked_reason) == (0, "place")
    assert_books_balance()
