"""Goods that come back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inventory.models import Batch, Discount, Return, Stock
from inventory.orchestrator import OrderedLine, consume_reservation, reserve_for_order
from tests.api.conftest import Caller, address, codes
from tests.factories.inventory import ACTOR, ProductFactory, StorefrontProductFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
REF = "listings:1001"


@pytest.fixture
def receiver(db):
    return Caller(Role.RECEIVER)


@pytest.fixture
def here(settings, tmp_path):
    """Of two lots of milk three and two pieces, and two loaves, left under one order."""
    settings.MEDIA_ROOT = tmp_path
    here = site(code="A", external_id="1")
    milk, bread = ProductFactory(sku="MILK"), ProductFactory(sku="BREAD")
    stocked(milk, here.shelf, 3, lot="L1", expires_in_days=5)
    stocked(milk, here.shelf, 3, lot="L2", expires_in_days=9)
    stocked(bread, here.shelf, 4, lot="B1")
    StorefrontProductFactory(product=milk, price=Decimal(2))
    lines = [OrderedLine(milk.pk, Decimal(5)), OrderedLine(bread.pk, Decimal(2))]
    consume_reservation(reserve_for_order(REF, lines, warehouse_id=here.id, actor=ACTOR).reservation_id, actor=ACTOR)
    return here


def send_photo(caller, path, content=PNG, name="../../etc/passwd.svg", **headers):
    body = {"photo": SimpleUploadedFile(name, content, content_type="image/svg+xml")}
    return caller.client.post(address(path), body, format="multipart", headers=headers)


def test_from_the_box_to_the_books(receiver, here):
    body = {
        "warehouse": "A",
        "order_ref": REF,
        "reference": "CN-7",
        "customer_reason": "too much",
        "location": "A-01",
        "items": [{"sku": "milk", "quantity": "4"}, {"sku": "BREAD", "quantity": 1, "lot_number": "B1", "location": "DOCK"}],
    }
    made = receiver.post("returns", body, **{"Idempotency-Key": "r1"})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["number"].startswith("RET-")
    assert (shown["status"], shown["warehouse"], shown["location"], shown["reference"], shown["created_by"], made["ETag"]) == (
        "draft", "A", "A-01", "CN-7", receiver.user.username, '"1"',
    )  # fmt: skip
    lines = [(item["sku"], item["lot_number"], item["quantity"], item["location"], item["photo"]) for item in shown["items"]]
    assert lines == [("MILK", "L1", "3.000", None, None), ("MILK", "L2", "1.000", None, None), ("BREAD", "B1", "1.000", "DOCK", None)]
    assert receiver.post("returns", body, **{"Idempotency-Key": "r1"}).json() == shown
    path = f"returns/{shown['id']}"

    assert codes(receiver.patch(path, {"notes": "a box"})) == (428, "version_required")
    changed = receiver.patch(path, {"notes": "a box", "location": "C-01"}, **{"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["location"], changed["ETag"]) == (200, "C-01", '"2"')
    receiver.patch(path, {"location": "A-01"}, **{"If-Match": '"2"'})
    extra = receiver.post(f"{path}/items", {"sku": "milk", "quantity": "1"})
    assert (extra.status_code, [item["lot_number"] for item in extra.json()["items"]], extra.json()["version"]) == (201, ["L2"], 4)
    removed = receiver.client.delete(address(f"{path}/items/{extra.json()['items'][0]['id']}"))
    assert (removed.status_code, removed["ETag"]) == (204, '"5"')
    assert [item["sku"] for item in receiver.get(f"{path}/items").json()] == ["MILK", "MILK", "BREAD"]

    first, second, third = (item["id"] for item in shown["items"])
    findings = [
        {"item": first, "condition": "spoiled", "decision": "write_off", "temperature": "14.5", "inspection_note": "warm"},
        {"item": second, "condition": "damaged", "decision": "return_with_discount", "discount_percent": "30", "freshness_remaining": "0.5"},
        {"item": third, "condition": "intact", "decision": "return_to_shelf", "location": "A-01"},
    ]
    assert codes(receiver.post(f"{path}/complete")) == (409, "transition_refused")
    assert codes(receiver.post(f"{path}/inspect", {"findings": findings}, **{"If-Match": '"1"'})) == (412, "stale_version")
    seen = receiver.post(f"{path}/inspect", {"findings": findings}, **{"If-Match": '"5"'})
    assert (seen.status_code, seen.json()["status"], seen["ETag"]) == (200, "inspected", '"6"'), seen.content
    assert [(i["decision"], i["temperature"], i["discount_percent"], i["freshness_remaining"], i["location"]) for i in seen.json()["items"]] == [
        ("write_off", "14.5", None, None, None),
        ("return_with_discount", None, "30.00", "0.5000", None),
        ("return_to_shelf", None, None, None, "A-01"),
    ]

    done = receiver.post(f"{path}/complete", {}, **{"Idempotency-Key": "r2"})
    assert (done.status_code, done.json()["status"]) == (200, "completed"), done.content
    assert receiver.post(f"{path}/complete", {}, **{"Idempotency-Key": "r2"}).json() == done.json()
    a, b, c = done.json()["items"]
    assert (bool(a["write_off"]), bool(b["write_off"]), b["discount"], bool(c["batch_location"])) == (True, False, Discount.objects.get().pk, True)
    assert dict(Stock.objects.values_list("product__sku", "quantity")) == {"MILK": 2, "BREAD": 3}
    assert codes(receiver.post(f"{path}/cancel", {"reason": "x"})) == (409, "transition_refused")
    assert receiver.get("returns", status="completed", order_ref=REF, reference="CN-7").json()["results"][0]["number"] == shown["number"]
    assert receiver.get("returns", search="CN-7").json()["results"][0]["id"] == shown["id"]
    assert here.id


def test_more_than_was_shipped(receiver, here):
    refused = receiver.post("returns", {"warehouse": "A", "order_ref": REF, "items": [{"sku": "MILK", "quantity": "6"}]})
    assert codes(refused) == (409, "more_than_shipped")
    (error,) = refused.json()["errors"]
    assert (error["sku"], error["asked"], error["may_come_back"], error["shipped"]) == ("MILK", "6", "5", "5")
    assert codes(receiver.post("returns", {"warehouse": "A", "order_ref": "listings:7"})) == (404, "not_found")
    assert not Return.objects.exists()
    assert here.id


def test_it_may_be_given_up(receiver, here):
    path = f"returns/{receiver.post('returns', {'warehouse_id': '1', 'order_ref': REF}).json()['id']}"
    assert codes(receiver.post(f"{path}/cancel")) == (400, "validation_failed")
    cancelled = receiver.post(f"{path}/cancel", {"reason": "kept after all"}).json()
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("cancelled", "kept after all")
    assert codes(receiver.patch(path, {"notes": "x"}, **{"If-Match": "*"})) == (409, "transition_refused")
    assert here.id


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"warehouse": ""}, "warehouse"),
        ({"order_ref": ""}, "order_ref"),
        ({"location": "NOPE"}, "location"),
        ({"items": [{"sku": "MILK", "quantity": "1", "location": "NOPE"}]}, "items[0].location"),
        ({"items": [{"sku": "MILK", "quantity": "1", "lot_number": "B1"}]}, "items[0].lot_number"),
        ({"items": [{"sku": "MILK", "quantity": "1.5"}]}, "lines[0].quantity"),
        ({"items": [{"sku": "MILK", "quantity": "NaN"}]}, "items[0].quantity"),
        ({"items": [{"sku": "MILK", "quantity": "-1"}]}, "items[0].quantity"),
        ({"items": [{"sku": "MILK", "quantity": "1e30"}]}, "items[0].quantity"),
        ({"items": [{"sku": "MILK"}]}, "items[0].quantity"),
        ({"status": "completed"}, "status"),
    ],
)
def test_a_paper_that_makes_no_sense(receiver, here, wrong, field):
    response = receiver.post("returns", {"warehouse": "A", "order_ref": REF} | wrong)
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert receiver.get("returns").json()["results"] == []
    assert here.id


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"item": 999_999}, "findings[0].item"),
        ({"condition": "wet"}, "findings[0].condition"),
        ({"decision": ""}, "findings[0].decision"),
        ({"temperature": "NaN"}, "findings[0].temperature"),
        ({"freshness_remaining": "1.5"}, "findings[0].freshness_remaining"),
        ({"discount_percent": "100"}, "findings[0].discount_percent"),
        ({"location": "NOPE"}, "findings[0].location"),
        ({"photo": "x"}, "findings[0].photo"),
    ],
)
def test_findings_that_make_no_sense(receiver, here, wrong, field):
    made = receiver.post("returns", {"warehouse": "A", "order_ref": REF, "items": [{"sku": "BREAD", "quantity": 1}]}).json()
    finding = {"item": made["items"][0]["id"], "condition": "intact", "decision": "return_with_discount", "discount_percent": "5"} | wrong
    response = receiver.post(f"returns/{made['id']}/inspect", {"findings": [finding]})
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert Return.objects.get().status == "draft"
    assert here.id


def test_expired_goods_are_refused_at_the_inspection(receiver, here):
    made = receiver.post("returns", {"warehouse": "A", "order_ref": REF, "items": [{"sku": "MILK", "quantity": 1}], "location": "A-01"}).json()
    Batch.objects.get(lot_number="L1").locations.update(not_after="2020-01-01T00:00Z")
    finding = {"item": made["items"][0]["id"], "condition": "intact", "decision": "return_to_shelf"}
    assert codes(receiver.post(f"returns/{made['id']}/inspect", {"findings": [finding]})) == (422, "short_dated")
    assert here.id


def test_a_photo_is_shown_to_those_who_may_read_returns_and_run_by_nobody(receiver, here):
    made = receiver.post("returns", {"warehouse": "A", "order_ref": REF, "items": [{"sku": "BREAD", "quantity": 1}]}).json()
    path = f"returns/{made['id']}/items/{made['items'][0]['id']}/photo"
    assert codes(receiver.get(path)) == (404, "not_found")

    kept = send_photo(receiver, path, **{"If-Match": '"1"'})

    assert (kept.status_code, kept.json()["items"][0]["photo"], kept["ETag"]) == (200, address(path), '"2"'), kept.content
    assert codes(send_photo(receiver, path, **{"If-Match": '"1"'})) == (412, "stale_version")
    shown = receiver.get(kept.json()["items"][0]["photo"])
    assert b"".join(shown.streaming_content) == PNG
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "passwd" not in shown["Content-Disposition"]
    for role, code in ((Role.VIEWER, 200), (Role.AUDITOR, 200), (Role.PICKER, 403), (Role.SELLER, 403), (Role.INTEGRATION, 403)):
        assert Caller(role).get(path).status_code == code
    assert Caller(Role.VIEWER).client.post(address(path), {}, format="multipart").status_code == 403
    elsewhere = receiver.post("returns", {"warehouse": "A", "order_ref": REF}).json()["id"]
    assert receiver.get(f"returns/{elsewhere}/items/{made['items'][0]['id']}/photo").status_code == 404
    assert Return.objects.get(pk=made["id"]).items.get().photo.name.endswith(".png")
    assert here.id


def test_what_is_no_photo(receiver, here):
    made = receiver.post("returns", {"warehouse": "A", "order_ref": REF, "items": [{"sku": "BREAD", "quantity": 1}]}).json()
    path = f"returns/{made['id']}/items/{made['items'][0]['id']}/photo"
    for content in (b"<svg onload='alert(1)'/>", b"GIF89a" + bytes(20)):
        refused = send_photo(receiver, path, content, name="x.png")
        assert codes(refused) == (400, "validation_failed")
        assert [error["field"] for error in refused.json()["errors"]] == ["photo"]
    assert codes(receiver.client.post(address(path), {}, format="multipart")) == (400, "validation_failed")
    assert codes(receiver.post(path, {"photo": "x"})) == (415, "unsupported_media_type")
    assert here.id


def test_a_key_knows_a_photo_by_its_content(receiver, here):
    made = receiver.post("returns", {"warehouse": "A", "order_ref": REF, "items": [{"sku": "BREAD", "quantity": 1}]}).json()
    path = f"returns/{made['id']}/items/{made['items'][0]['id']}/photo"
    first = send_photo(receiver, path, **{"Idempotency-Key": "p"})
    assert send_photo(receiver, path, **{"Idempotency-Key": "p"}).json() == first.json()
    assert codes(send_photo(receiver, path, PNG + b"x", **{"Idempotency-Key": "p"})) == (422, "unprocessable")
    assert Return.objects.get().version == 2
    assert here.id
