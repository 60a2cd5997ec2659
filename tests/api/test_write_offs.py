"""Goods that leave the books without being sold."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import Batch, BatchLocation, Stock, WriteOff
from inventory.orchestrator import OrderedLine, promise_order
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(db):
    return Caller(Role.RECEIVER)


@pytest.fixture
def here(db):
    return site(code="A", external_id="1")


@pytest.fixture
def milk(here):
    return ProductFactory(sku="MILK")


@pytest.fixture
def place(milk, here):
    found = stocked(milk, here.shelf, 10, lot="L1")
    Batch.objects.filter(pk=found.batch_id).update(purchase_price=Decimal("1.2"))
    return found


def test_of_a_closed_site(receiver, here, milk, place):
    here.warehouse.is_active = False
    here.warehouse.save()
    body = {"warehouse": "A", "items": [{"batch_location": place.pk, "quantity": "10", "reason": "damaged"}]}
    made = receiver.post("write-offs", body)
    assert made.status_code == 201, made.content
    assert receiver.post(f"write-offs/{made.json()['id']}/confirm").json()["status"] == "confirmed"
    assert Stock.objects.get().quantity == 0


def test_from_the_paper_to_the_books(receiver, here, milk, place):
    body = {"warehouse": "A", "notes": "wet", "items": [{"batch_location": place.pk, "quantity": "2", "reason": "damaged"}]}
    made = receiver.post("write-offs", body, **{"Idempotency-Key": "w1"})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["number"].startswith("WOF-")
    assert (shown["status"], shown["origin"], shown["warehouse"], shown["value"], shown["created_by"], made["ETag"]) == (
        "draft", "manual", "A", {"EUR": "2.4"}, receiver.user.username, '"1"',
    )  # fmt: skip
    assert shown["items"] == [
        {
            "id": shown["items"][0]["id"], "product": milk.pk, "sku": "MILK", "batch": place.batch_id, "lot_number": "L1", "batch_location": place.pk,
            "location": "A-01", "quantity": "2.000", "reason": "damaged", "note": "", "unit_cost": "1.2000", "currency": "EUR", "value": "2.4",
        }
    ]  # fmt: skip
    assert receiver.post("write-offs", body, **{"Idempotency-Key": "w1"}).json() == shown
    path = f"write-offs/{shown['id']}"
    assert codes(receiver.patch(path, {"notes": "dry"})) == (428, "version_required")
    assert receiver.patch(path, {"notes": "dry", "release_reservations": True}, **{"If-Match": '"1"'}).json()["notes"] == "dry"
    added = receiver.post(f"{path}/items", {"sku": "milk", "location": "A-01", "quantity": 1, "reason": "other", "note": "the cat"})
    assert (added.status_code, added.json()["item"]["note"], added.json()["version"], added["ETag"]) == (201, "the cat", 3, '"3"')
    again = receiver.post(f"{path}/items", {"batch_location": place.pk, "quantity": 5, "reason": "lost"}).json()["item"]["id"]
    struck = receiver.delete(f"{path}/items/{again}")
    assert (struck.status_code, struck["ETag"]) == (204, '"5"')
    assert codes(receiver.delete(f"{path}/items/{again}")) == (404, "not_found")
    assert [item["quantity"] for item in receiver.get(f"{path}/items").json()] == ["2.000", "1.000"]
    assert codes(receiver.post(f"{path}/confirm", {}, **{"If-Match": '"1"'})) == (412, "stale_version")
    done = receiver.post(f"{path}/confirm", {}, **{"If-Match": '"5"'})
    assert (done.status_code, done.json()["status"], done.json()["value"], done["ETag"]) == (200, "confirmed", {"EUR": "3.6"}, '"6"')
    assert codes(receiver.post(f"{path}/confirm")) == (409, "transition_refused")
    assert codes(receiver.patch(path, {"notes": "x"}, **{"If-Match": '"6"'})) == (409, "transition_refused")
    assert Stock.objects.get().quantity == 7
    assert receiver.get("write-offs", status="confirmed", warehouse="A", origin="manual").json()["results"][0]["value"] == {"EUR": "3.6"}
    assert receiver.get("write-offs", search=shown["number"]).json()["results"][0]["id"] == shown["id"]
    assert receiver.get("write-offs", status="draft").json()["results"] == []


def test_above_the_limit(receiver, manager, here, place, settings):
    settings.WRITE_OFF_APPROVAL_LIMIT = Decimal(5)
    removed = receiver.post("stock/remove", {"warehouse_id": "1", "batch_location": place.pk, "quantity": "9", "reason": "theft"})
    assert (removed.status_code, removed.json()["status"]) == (201, "awaiting_approval")
    path = f"write-offs/{removed.json()['id']}"
    assert codes(receiver.post(f"{path}/approve")) == (403, "permission_denied")
    assert codes(receiver.post(f"{path}/cancel")) == (400, "validation_failed")
    done = manager.post(f"{path}/approve")
    assert (done.json()["status"], done.json()["approved_by"]) == ("confirmed", manager.user.username)
    other = receiver.post("stock/remove", {"warehouse": "A", "batch_location": place.pk, "quantity": "1", "reason": "sample", "notes": "fair"}).json()
    assert (other["status"], other["notes"], other["approved_by"]) == ("confirmed", "fair", None)
    assert Stock.objects.get().quantity == 0


def test_it_may_be_given_up(receiver, here, place):
    body = {"warehouse": "A", "items": [{"batch_location": place.pk, "quantity": "2", "reason": "damaged"}]}
    path = f"write-offs/{receiver.post('write-offs', body).json()['id']}"
    cancelled = receiver.post(f"{path}/cancel", {"reason": "found"}).json()
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("cancelled", "found")


def test_promised_goods(receiver, here, milk, place):
    promise_order("shop:1", [OrderedLine(milk.pk, Decimal(8))], actor=ACTOR)
    stocked(milk, here.shelf, 20, lot="L2")
    body = {"warehouse": "A", "sku": "MILK", "location": "A-01", "lot_number": "L1", "quantity": "10", "reason": "damaged"}
    refused = receiver.post("stock/remove", body)
    assert codes(refused) == (409, "goods_promised")
    assert [error["order_ref"] for error in refused.json()["errors"]] == ["shop:1"]
    assert receiver.post("stock/remove", body | {"release_reservations": True}).json()["status"] == "confirmed"
    assert BatchLocation.objects.get(batch__lot_number="L2").reserved == 8


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"warehouse": ""}, "warehouse"),
        ({"items": [{"quantity": "1", "reason": "lost"}]}, "items[0].batch_location"),
        ({"items": [{"sku": "MILK", "quantity": "1", "reason": "lost"}]}, "items[0].batch_location"),
        ({"items": [{"sku": "MILK", "location": "NOPE", "quantity": "1", "reason": "lost"}]}, "items[0].batch_location"),
        ({"items": [{"sku": "MILK", "location": "A-01", "lot_number": "L9", "quantity": "1", "reason": "lost"}]}, "items[0].batch_location"),
        ({"items": [{"batch_location": 999999, "quantity": "1", "reason": "lost"}]}, "lines[0].batch_location"),
        ({"items": [{"sku": "MILK", "location": "A-01", "quantity": "0.5", "reason": "lost"}]}, "lines[0].quantity"),
        ({"items": [{"sku": "MILK", "location": "A-01", "quantity": "1e30", "reason": "lost"}]}, "items[0].quantity"),
        ({"items": [{"sku": "MILK", "location": "A-01", "quantity": "NaN", "reason": "lost"}]}, "items[0].quantity"),
        ({"items": [{"sku": "MILK", "location": "A-01", "quantity": "-1", "reason": "lost"}]}, "items[0].quantity"),
        ({"items": [{"sku": "MILK", "location": "A-01", "quantity": "1", "reason": "fun"}]}, "items[0].reason"),
        ({"items": [{"sku": "MILK", "location": "A-01", "quantity": "1", "reason": "other"}]}, "lines[0].note"),
        ({"origin": "return"}, "origin"),
    ],
)
def test_a_paper_that_makes_no_sense(receiver, here, place, wrong, field):
    response = receiver.post("write-offs", {"warehouse": "A"} | wrong)
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert not WriteOff.objects.exists()


def test_several_lots_in_a_place_are_named(receiver, here, milk, place):
    stocked(milk, here.shelf, 1, lot="L2")
    refused = receiver.post("stock/remove", {"warehouse": "A", "sku": "MILK", "location": "A-01", "quantity": "1", "reason": "lost"})
    assert codes(refused) == (400, "validation_failed")
    assert (refused.json()["errors"][0]["code"], refused.json()["errors"][0]["lots"]) == ("ambiguous", ["L1", "L2"])


def test_a_seller_in_its_own_sites(here, milk, place):
    seller, owner = Caller(Role.SELLER), SellerFactory()
    owner.members.add(seller.user)
    mine = site(seller=owner, code="B", external_id="2")
    stocked(milk, mine.shelf, 5, lot="M1")
    receiver = Caller(Role.RECEIVER)
    theirs = receiver.post("write-offs", {"warehouse": "A", "items": [{"batch_location": place.pk, "quantity": "2", "reason": "lost"}]}).json()
    item = theirs["items"][0]["id"]
    own = seller.post("write-offs", {"warehouse": "B", "items": [{"sku": "MILK", "location": "A-01", "quantity": "2", "reason": "lost"}]}).json()

    assert [row["id"] for row in seller.get("write-offs").json()["results"]] == [own["id"]]
    assert seller.post(f"write-offs/{own['id']}/confirm").json()["status"] == "confirmed"
    path = f"write-offs/{theirs['id']}"
    line = {"batch_location": place.pk, "quantity": "1", "reason": "lost"}
    for answer in (
        seller.get(path),
        seller.get(f"{path}/items"),
        seller.patch(path, {"notes": "x"}, **{"If-Match": '"1"'}),
        seller.post(f"{path}/items", line),
        seller.delete(f"{path}/items/{item}"),
        seller.post(f"{path}/confirm"),
        seller.post(f"{path}/cancel", {"reason": "x"}),
        seller.post("write-offs", {"warehouse": "A", "items": [line]}),
        seller.post("stock/remove", {"warehouse": "A", "sku": "MILK", "location": "A-01", "quantity": "1", "reason": "lost"}),
    ):
        assert codes(answer) == (404, "not_found")
    assert codes(seller.post("stock/remove", {"warehouse": "B"} | line)) == (400, "validation_failed")
    assert codes(seller.post(f"{path}/approve")) == (403, "permission_denied")
    assert WriteOff.objects.get(pk=theirs["id"]).version == 1
