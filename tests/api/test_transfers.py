"""Goods on their way from one site to another."""

from __future__ import annotations

from decimal import Decimal

import pytest

from inventory.models import BatchLocation, Location, Transfer, WriteOff
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
def there(db):
    return site(code="B", external_id="2")


@pytest.fixture
def apples(here):
    product = ProductFactory(sku="APPLES", lives={"ambient": 20, "chilled": 40})
    return stocked(product, here.shelf, 10, lot="L1")


def drafted(receiver, goods, **more):
    body = {
        "source_warehouse": "A",
        "target_warehouse": "B",
        "target_location": "C-01",
        "items": [{"batch_location": goods.pk, "quantity": "4"}],
    }
    made = receiver.post("transfers", body | more)
    assert made.status_code == 201, made.content
    return made


def test_from_the_paper_to_the_other_shelf(receiver, here, there, apples):
    made = drafted(receiver, apples, items=[{"sku": "apples", "location": "A-01", "lot_number": "L1", "quantity": "4"}], notes="by van")
    shown = made.json()
    assert shown["number"].startswith("TRF-")
    assert (shown["status"], shown["source_warehouse"], shown["target_warehouse"], shown["target_location"], shown["notes"], made["ETag"]) == (
        "draft", "A", "B", "C-01", "by van", '"1"',
    )  # fmt: skip
    path = f"transfers/{shown['id']}"
    assert codes(receiver.patch(path, {"notes": "x"})) == (428, "version_required")
    changed = receiver.patch(path, {"notes": "by bicycle"}, **{"If-Match": made["ETag"]})
    assert (changed.json()["notes"], changed.json()["target_location"], changed["ETag"]) == ("by bicycle", "C-01", '"2"')
    added = receiver.post(f"{path}/items", {"batch_location": apples.pk, "quantity": "1", "target_location": "A-01"})
    assert (added.status_code, added.json()["item"]["target_location"], added["ETag"]) == (201, "A-01", '"3"')
    more = receiver.post(f"{path}/items", {"batch_location": apples.pk, "quantity": "2"}).json()["item"]
    assert receiver.delete(f"{path}/items/{more['id']}").status_code == 204
    assert codes(receiver.delete(f"{path}/items/{more['id']}")) == (404, "not_found")
    assert [(item["quantity"], item["source_location"], item["lot_number"]) for item in receiver.get(f"{path}/items").json()] == [
        ("4.000", "A-01", "L1"),
        ("1.000", "A-01", "L1"),
    ]
    assert codes(receiver.post(f"{path}/send", {}, **{"If-Match": '"1"'})) == (412, "stale_version")
    sent = receiver.post(f"{path}/send", {}, **{"Idempotency-Key": "send-1"})
    assert sent.status_code == 200, sent.content
    first, second = sent.json()["items"]
    assert (sent.json()["status"], first["freshness_before"], first["freshness_after"]) == ("sent", "1.0000", "1.0000")
    assert first["expires_after"] > first["expires_before"]
    assert first["transit"] == second["transit"] is not None
    assert receiver.post(f"{path}/send", {}, **{"Idempotency-Key": "send-1"}).json() == sent.json()
    assert codes(receiver.post(f"{path}/send")) == (409, "transition_refused")
    assert codes(receiver.post(f"{path}/items", {"batch_location": apples.pk, "quantity": "1"})) == (409, "transition_refused")
    done = receiver.post(f"{path}/receive")
    assert (done.status_code, done.json()["status"], done.json()["loss"]) == (200, "received", None)
    assert [item["received_quantity"] for item in done.json()["items"]] == ["4.000", "1.000"]
    assert set(BatchLocation.objects.filter(has_stock=True).values_list("warehouse__code", "location__code", "quantity")) == {
        ("A", "A-01", 5), ("B", "C-01", 4), ("B", "A-01", 1),
    }  # fmt: skip
    found = receiver.get("transfers", status="received", source_warehouse="A", target_warehouse="B", search=shown["number"]).json()["results"]
    assert [row["number"] for row in found] == [shown["number"]]
    assert "items" not in found[0]
    assert_books_balance()


def test_a_part_of_it_arrives(receiver, here, there, apples):
    made = drafted(receiver, apples, items=[{"batch_location": apples.pk, "quantity": "4"}, {"batch_location": apples.pk, "quantity": "1"}]).json()
    path = f"transfers/{made['id']}"
    receiver.post(f"{path}/send")
    first, second = (item["id"] for item in made["items"])
    short = receiver.post(f"{path}/receive", {"items": [{"item": first, "quantity": "3"}]})
    assert codes(short) == (400, "validation_failed")
    assert [error["line"] for error in short.json()["errors"]] == [second]
    wrong = receiver.post(f"{path}/receive", {"items": [{"item": first, "location": "NOPE"}]})
    assert [error["field"] for error in wrong.json()["errors"]] == ["items[0].location"]
    for again in ({"item": first, "quantity": "1"}, {"item": first, "location": "A-01"}):  # neither quantity is lost in silence
        twice = receiver.post(f"{path}/receive", {"items": [{"item": first, "quantity": "4"}, {"item": second, "quantity": "1"}, again]})
        assert codes(twice) == (400, "validation_failed")
        assert [(error["field"], error["code"]) for error in twice.json()["errors"]] == [("items[2].item", "duplicate")]
    assert not WriteOff.objects.exists()
    body = {"items": [{"item": first, "quantity": "3", "location": "A-01"}, {"item": second, "quantity": "0"}]}
    done = receiver.post(f"{path}/receive", body).json()
    loss = WriteOff.objects.get()
    assert (done["loss"], [item["received_quantity"] for item in done["items"]]) == (loss.number, ["3.000", "0.000"])
    assert [(item.quantity, item.reason) for item in loss.items.order_by("pk")] == [(1, "lost_in_transit"), (1, "lost_in_transit")]
    assert BatchLocation.objects.get(warehouse=there.id, has_stock=True).location == there.shelf
    assert_books_balance()


def test_it_is_given_up_on_the_way(receiver, here, there, apples):
    path = f"transfers/{drafted(receiver, apples).json()['id']}"
    receiver.post(f"{path}/send")
    assert codes(receiver.post(f"{path}/cancel")) == (400, "validation_failed")
    Location.objects.filter(pk=here.shelf.pk).update(condition="frozen")
    assert codes(receiver.post(f"{path}/cancel", {"reason": "no van"})) == (422, "place_not_allowed")
    Location.objects.filter(pk=here.shelf.pk).update(condition="ambient")
    done = receiver.post(f"{path}/cancel", {"reason": "no van", "location": "C-01"}).json()
    assert (done["status"], done["cancellation_reason"]) == ("cancelled", "no van")
    assert set(BatchLocation.objects.filter(has_stock=True).values_list("location__code", "quantity")) == {("A-01", 6), ("C-01", 4)}
    assert_books_balance()


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"source_warehouse": "NOPE"}, 400, "source_warehouse"),
        ({"target_location": "NOPE"}, 400, "target_location"),
        ({"target_location": "TRANSIT"}, 422, "target_location"),
        ({"items": [{"batch_location": 1, "quantity": "1", "target_location": "NOPE"}]}, 400, "items[0].target_location"),
        ({"items": [{"sku": "NOPE", "location": "A-01", "quantity": "1"}]}, 400, "items[0].sku"),
        ({"items": [{"quantity": "1"}]}, 400, "items[0].batch_location"),
        ({"items": [{"batch_location": 999999, "quantity": "1"}]}, 400, "lines[0].batch_location"),
        ({"items": [{"batch_location": 1, "quantity": "-1"}]}, 400, "items[0].quantity"),
        ({"items": [{"batch_location": 1, "quantity": "NaN"}]}, 400, "items[0].quantity"),
        ({"items": [{"batch_location": 1, "quantity": "1e30"}]}, 400, "items[0].quantity"),
        ({"status": "sent"}, 400, "status"),
    ],
)
def test_a_paper_that_makes_no_sense(receiver, here, there, wrong, status, field):
    response = receiver.post("transfers", {"source_warehouse": "A", "target_warehouse": "B"} | wrong)
    assert response.status_code == status, response.content
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert not Transfer.objects.exists()


def test_what_is_promised_is_named(receiver, manager, here, there, apples):
    from inventory.orchestrator import OrderedLine, promise_order
    from tests.factories.inventory import ACTOR

    promise_order("shop:7", [OrderedLine(apples.product_id, Decimal(9))], actor=ACTOR)
    answer = receiver.post(f"transfers/{drafted(receiver, apples).json()['id']}/send")
    assert codes(answer) == (409, "insufficient_stock")
    (short,) = answer.json()["errors"]
    assert (short["sku"], short["asked"], short["available"]) == ("APPLES", "4.000", "1.000")
    assert {"order_ref": "shop:7", "reserved": "9"} in short["skipped"]


def test_transfers_are_no_business_of_a_seller(receiver, here, there, apples):
    paper = drafted(receiver, apples).json()
    seller = Caller(Role.SELLER, Role.RECEIVER)
    there.warehouse.seller = SellerFactory()
    there.warehouse.save()
    there.warehouse.seller.members.add(seller.user)
    assert codes(seller.get("transfers")) == (403, "permission_denied")
    assert codes(seller.post(f"transfers/{paper['id']}/send")) == (403, "permission_denied")
