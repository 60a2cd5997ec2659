"""Counting what is there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Audit, AuditLine, Batch, Movement, Stock
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, site, stocked
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(db):
    return Caller(Role.AUDITOR)


@pytest.fixture
def here():
    house = site(code="A", external_id="1")
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 10, lot="L")
    stocked(bread, house.dock, 4, lot="M")
    Batch.objects.update(purchase_price=Decimal("1.50"))
    return house


def test_from_the_paper_to_the_books(auditor, manager, here):
    made = auditor.post("audits", {"warehouse": "A", "recount_above_percent": "50", "notes": "weekly"}, **{"Idempotency-Key": "a1"})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert (shown["status"], shown["warehouse"], shown["scope"], shown["blind"], shown["created_by"], made["ETag"]) == (
        "draft", "A", "warehouse", True, auditor.user.username, '"1"',
    )  # fmt: skip
    path = f"audits/{shown['id']}"
    changed = auditor.patch(path, {"scope": "locations", "locations": ["A-01", "DOCK"]}, **{"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["locations"], changed.json()["version"]) == (200, ["A-01", "DOCK"], 2)
    assert codes(auditor.patch(path, {"notes": "x"}, **{"If-Match": '"1"'})) == (412, "stale_version")
    assert codes(auditor.patch(path, {"notes": "x"})) == (428, "version_required")
    started = auditor.post(f"{path}/start", {}, **{"If-Match": changed["ETag"]}).json()
    assert (started["status"], started["progress"]) == ("in_progress", {"lines": 2, "counted": 0, "to_recount": 0})

    place = auditor.post(f"{path}/scan-place", {"location": here.shelf.barcode})
    assert place.status_code == 200, place.content
    (line,) = place.json()["lines"]
    assert (line["sku"], line["lot_number"], line["location"], line["books_quantity"], line["status"]) == ("BREAD", "L", "A-01", None, "pending")
    counted = auditor.post(f"{path}/count", {"counts": [{"line": line["id"], "quantity": "8"}]}).json()["lines"][0]
    assert (counted["status"], counted["counted_quantity"], counted["difference"], counted["counted_by"]) == (
        "counted", "8.000", None, auditor.user.username,
    )  # fmt: skip
    assert manager.get(f"{path}/items").json()["results"][0]["difference"] == "-2.000"
    found = auditor.post(f"{path}/found", {"location": "DOCK", "sku": "bread", "quantity": "3", "lot_number": "L"})
    assert (found.status_code, found.json()["lines"][0]["found"]) == (201, True)
    assert codes(auditor.get(f"{path}/report")) == (403, "permission_denied")
    before = manager.get(f"{path}/report").json()
    assert (before["accuracy"], before["uncounted"], before["found"]) == ("0.00", 1, 1)
    assert codes(auditor.post(f"{path}/complete", {}, **{"If-Match": '"1"'})) == (412, "stale_version")
    done = auditor.post(f"{path}/complete", {"uncounted": "zero"}, **{"Idempotency-Key": "a2"})
    assert (done.status_code, done.json()["status"], done.json()["uncounted"]) == (200, "completed", "zero")
    again = auditor.post(f"{path}/complete", {"uncounted": "zero"}, **{"Idempotency-Key": "a2"})
    assert again.json() == done.json()
    assert Stock.objects.get().quantity == 8 + 3
    assert_books_balance()

    report = auditor.get(f"{path}/report").json()
    assert (report["lines"], report["counted"], report["right"], report["uncounted"], report["to_recount"]) == (3, 2, 0, 1, 0)
    assert report["units"] == [{"unit": "pcs", "books": "10.000", "missing": "2.000", "surplus": "3.000", "accuracy": "50.00"}]
    assert report["money"] == [{"currency": "EUR", "missing": "-9.0000", "surplus": "4.5000", "net": "-4.5000"}]
    assert [(row["location"], row["lines"], row["counted"], row["money"][0]["net"]) for row in report["places"]] == [
        ("A-01", 1, 1, "-3.0000"), ("DOCK", 2, 1, "-1.5000"),
    ]  # fmt: skip
    lines = auditor.get(f"{path}/items").json()["results"]
    assert [(row["books_quantity"], row["counted_quantity"], row["difference"]) for row in lines] == [
        ("10.000", "8.000", "-2.000"), (None, None, "-4.000"), ("0.000", "3.000", "3.000"),
    ]  # fmt: skip
    assert auditor.get("audits", status="completed", warehouse="A").json()["results"][0]["number"] == shown["number"]


def test_what_is_to_be_counted_again_is_listed(auditor, here):
    path = f"audits/{auditor.post('audits', {'warehouse': 'A'}).json()['id']}"
    auditor.post(f"{path}/start")
    line = auditor.post(f"{path}/scan-place", {"location": "A-01"}).json()["lines"][0]
    counted = auditor.post(f"{path}/count", {"counts": [{"line": line["id"], "quantity": "1"}]}).json()["lines"][0]
    assert (counted["status"], counted["first_counted_quantity"]) == ("recount", None)
    refused = auditor.post(f"{path}/complete")
    assert codes(refused) == (409, "count_again")
    assert [(error["location"], error["sku"], error["lot"]) for error in refused.json()["errors"]] == [("A-01", "BREAD", "L")]
    auditor.post(f"{path}/scan-place", {"location": "A-01"})
    mine = auditor.post(f"{path}/count", {"counts": [{"line": line["id"], "quantity": "1"}]})
    assert codes(mine) == (409, "conflict")
    other = Caller(Role.AUDITOR)
    other.post(f"{path}/scan-place", {"location": "A-01"})
    assert other.post(f"{path}/count", {"counts": [{"line": line["id"], "quantity": "2"}]}).json()["lines"][0]["status"] == "counted"
    assert [row["status"] for row in auditor.get(f"{path}/items", status="counted").json()["results"]] == ["counted"]
    assert auditor.get(f"{path}/items", location="DOCK", sku="bread").json()["results"][0]["lot_number"] == "M"
    assert codes(auditor.get(f"{path}/items", colour="red")) == (400, "validation_failed")
    assert here.id


def test_a_manager_sends_lines_back_and_gives_up(auditor, manager, here):
    path = f"audits/{manager.post('audits', {'warehouse_id': '1', 'scope': 'products', 'products': ['BREAD'], 'blind': False}).json()['id']}"
    manager.post(f"{path}/start")
    line = auditor.post(f"{path}/scan-place", {"location": "A-01"}).json()["lines"][0]
    assert line["books_quantity"] == "10.000"
    auditor.post(f"{path}/count", {"counts": [{"line": line["id"], "quantity": "10"}]})
    body = {"lines": [line["id"]], "reason": "again, please"}
    assert codes(auditor.post(f"{path}/count-again", body)) == (403, "permission_denied")
    assert manager.post(f"{path}/count-again", body).json()["progress"]["to_recount"] == 1
    assert AuditLine.objects.get(pk=line["id"]).recount_reason == "again, please"
    assert codes(auditor.post(f"{path}/cancel")) == (400, "validation_failed")
    assert auditor.post(f"{path}/cancel", {"reason": "rain"}).json()["cancellation_reason"] == "rain"
    assert codes(auditor.post(f"{path}/start")) == (409, "transition_refused")
    assert not Movement.objects.filter(type="adjustment").exists()
    assert here.id


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"warehouse": ""}, "warehouse"),
        ({"scope": "moon"}, "scope"),
        ({"scope": "zone"}, "zone"),
        ({"scope": "locations", "locations": ["A-01", "NOPE"]}, "locations[1]"),
        ({"scope": "warehouse", "locations": ["A-01"]}, "locations"),
        ({"recount_above_percent": "-1"}, "recount_above_percent"),
        ({"recount_above_percent": "NaN"}, "recount_above_percent"),
        ({"status": "completed"}, "status"),
    ],
)
def test_a_paper_that_makes_no_sense(auditor, here, wrong, field):
    response = auditor.post("audits", {"warehouse": "A"} | wrong)
    assert codes(response) == (400, "validation_failed")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert not Audit.objects.exists()
    assert here.id


@pytest.mark.parametrize("quantity", ["-1", "NaN", "1e30", "0.5", "ten", None, True])
def test_counts_that_are_none(auditor, here, quantity):
    path = f"audits/{auditor.post('audits', {'warehouse': 'A'}).json()['id']}"
    auditor.post(f"{path}/start")
    line = auditor.post(f"{path}/scan-place", {"location": "A-01"}).json()["lines"][0]
    assert codes(auditor.post(f"{path}/count", {"counts": [{"line": line["id"], "quantity": quantity}]})) == (400, "validation_failed")
    one = {"line": line["id"], "quantity": "1"}
    assert codes(auditor.post(f"{path}/count", {"counts": [one, one]})) == (400, "validation_failed")
    assert codes(auditor.post(f"{path}/count", {"counts": [one, {"line": 10**9, "quantity": "1"}]})) == (404, "not_found")
    assert codes(auditor.post(f"{path}/count", {"counts": []})) == (400, "validation_failed")
    assert codes(auditor.post(f"{path}/scan-place", {"location": "NOWHERE"})) == (400, "validation_failed")
    assert AuditLine.objects.filter(counted_quantity=None).count() == 2
    assert here.id


def test_who_may_see_it(here):
    path = f"audits/{Caller(Role.AUDITOR).post('audits', {'warehouse': 'A'}).json()['id']}"
    for role in (Role.PICKER, Role.SELLER, Role.INTEGRATION, Role.RECEIVER):
        for address in (path, f"{path}/items", f"{path}/report", "stock/cycle-counts?warehouse=A"):
            assert codes(Caller(role).get(address)) == (403, "permission_denied")
    assert Caller(Role.VIEWER).get(path).status_code == 200
    assert here.id


def test_what_to_count_next(auditor, here):
    rows = auditor.get("stock/cycle-counts", warehouse="A").json()
    assert [(row["location"], row["lots"], row["counted_at"]) for row in rows] == [("A-01", 1, None), ("DOCK", 1, None)]
    assert len(auditor.get("stock/cycle-counts", warehouse_id="1", limit=1).json()) == 1
    for wrong in ({}, {"warehouse": "NOPE"}, {"warehouse": "A", "limit": 0}, {"warehouse": "A", "colour": "red"}):
        assert auditor.get("stock/cycle-counts", **wrong).status_code in (400, 422)
    made = auditor.post("audits", {"warehouse": "A", "scope": "cycle", "cycle_places": 1})
    assert made.json()["locations"] == ["A-01"]
    assert here.id


def test_pages_of_lines_cost_the_same(manager, here):
    spent = []
    for number in (1, 5):
        for _ in range(number):
            stocked(ProductFactory(), here.shelf, 1)
        path = f"audits/{manager.post('audits', {'warehouse': 'A'}).json()['id']}"
        manager.post(f"{path}/start")
        counts = []
        for address in (path, f"{path}/items", f"{path}/report"):
            with CaptureQueriesContext(connection) as queries:
                assert manager.get(address).status_code == 200
            counts.append(len(queries))
        spent.append(counts)
    assert spent[0] == spent[1]
    assert max(spent[0]) <= 12
