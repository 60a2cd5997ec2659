"""Quality checks and their rules over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from fulfillment.models import PickingTask, QualityCheck, QualityRule
from inventory.models import Product
from tests.api.conftest import Caller, address, codes
from tests.factories.fulfillment import person
from tests.factories.inventory import ProductFactory, Site, site, stocked
from tests.factories.quality import rule, to_check
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def here() -> Site:
    return site(code="A", external_id="1")


@pytest.fixture
def milk(here: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, here.shelf, 20, lot="L1")
    return product


@pytest.fixture
def packer(db: None) -> Caller:
    return Caller(Role.PACKER)


def test_the_whole_way(here: Site, milk: Product, packer: Caller) -> None:
    rule()
    check = to_check([(milk, 5)], person(Role.PICKER))
    listed = packer.get("quality-checks", status="pending", warehouse="A").json()["results"]
    assert [(row["number"], row["reason"], row["total_items"]) for row in listed] == [(check.number, "All", 1)]
    claimed = packer.post("quality-checks/claim-next", {"warehouse_id": "1"}).json()["check"]
    assert (claimed["id"], claimed["status"], claimed["worker"]) == (check.pk, "in_progress", packer.user.username)
    assert Caller(Role.PACKER).post("quality-checks/claim-next", {"warehouse": "A"}).json() == {"check": None}
    path, item = f"quality-checks/{check.pk}", claimed["items"][0]
    assert (item["sku"], item["lot_number"], item["quantity"], item["condition_ok"], item["photo"]) == ("MILK", "L1", "5.000", None, None)
    assert codes(packer.post(f"{path}/pass")) == (409, "work_left")
    finding = {"condition_ok": False, "quantity_ok": True, "failed_quantity": "2", "note": "crushed"}
    assert codes(packer.post(f"{path}/items/{item['id']}/finding", {"condition_ok": True})) == (400, "validation_failed")
    assert codes(packer.post(f"{path}/items/{10**9}/finding", finding)) == (404, "not_found")
    assert codes(Caller(Role.PACKER).post(f"{path}/items/{item['id']}/finding", finding)) == (403, "permission_denied")
    noted = packer.post(f"{path}/items/{item['id']}/finding", finding, **{"Idempotency-Key": "f", "If-Match": '"2"'})
    assert (noted.json()["checked_items"], noted["ETag"]) == (1, '"3"')
    assert packer.post(f"{path}/items/{item['id']}/finding", finding, **{"Idempotency-Key": "f", "If-Match": '"2"'}).json() == noted.json()
    assert codes(packer.post(f"{path}/fail", **{"If-Match": '"2"'})) == (412, "stale_version")
    assert codes(packer.post(f"{path}/fail")) == (409, "work_left")
    done = packer.post(f"{path}/fail", {"decision": "repick"}).json()
    assert (done["status"], done["items"][0]["quarantined_quantity"], done["items"][0]["quarantined_in"]) == ("failed", "2.000", "QUAR")
    assert PickingTask.objects.get().status == "pending"


def test_start_pass_and_cancel(here: Site, milk: Product, packer: Caller, manager: Caller) -> None:
    rule()
    first, second = (to_check([(milk, 1)], person(Role.PICKER)) for _ in range(2))
    path = f"quality-checks/{first.pk}"
    assert codes(Caller(Role.PICKER).post(f"{path}/start"))[0] in (403, 404)
    assert packer.post(f"{path}/start").json()["status"] == "in_progress"
    assert codes(packer.post(f"{path}/start")) == (409, "transition_refused")
    packer.post(f"{path}/items/{first.items.get().pk}/finding", {"condition_ok": True, "quantity_ok": True})
    assert packer.post(f"{path}/pass").json()["status"] == "passed"
    path = f"quality-checks/{second.pk}"
    assert codes(packer.post(f"{path}/cancel", {"reason": "x"})) == (403, "permission_denied")
    assert manager.post(f"{path}/cancel", {"reason": "not wanted"}).json()["cancellation_reason"] == "not wanted"
    assert packer.get(path).json()["status"] == "cancelled"


def test_a_photo(here: Site, milk: Product, packer: Caller, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    rule()
    check = to_check([(milk, 1)], person(Role.PICKER), packer.actor)
    path = f"quality-checks/{check.pk}/items/{check.items.get().pk}/photo"
    assert codes(packer.get(path)) == (404, "not_found")

    def send(content: bytes) -> Any:
        return packer.client.post(address(path), {"photo": SimpleUploadedFile("x.html", content, "text/html")}, format="multipart")

    assert codes(send(b"<html>")) == (400, "validation_failed")
    assert send(PNG).json()["items"][0]["photo"] == f"/api/v1/{path}"
    shown = packer.get(path)
    assert (shown["Content-Type"], shown["X-Content-Type-Options"], b"".join(shown.streaming_content)) == ("image/png", "nosniff", PNG)
    assert Caller(Role.SELLER).get(path).status_code in (403, 404)


def test_rules(here: Site, milk: Product, packer: Caller, manager: Caller) -> None:
    assert codes(packer.post("quality-rules", {"name": "All"})) == (403, "permission_denied")
    assert codes(manager.post("quality-rules", {"name": "All", "sku": "NOPE"})) == (422, "unknown_product")
    assert codes(manager.post("quality-rules", {"name": "All", "share": 0})) == (400, "validation_failed")
    made = manager.post("quality-rules", {"name": "Milk", "sku": "milk", "storefront_id": "web", "share": 20})
    assert made.status_code == 201
    row = made.json()
    assert (row["sku"], row["storefront_id"], row["share"], row["is_active"], made["ETag"]) == ("MILK", "web", 20, True, '"1"')
    path = f"quality-rules/{row['id']}"
    assert codes(manager.patch(path, {"share": 30})) == (428, "version_required")
    changed = manager.patch(path, {"share": 30, "sku": None, "storefront_id": ""}, **{"If-Match": '"1"'})
    assert (changed.json()["share"], changed.json()["sku"], changed.json()["version"]) == (30, None, 2)
    assert codes(manager.patch(path, {"share": 40}, **{"If-Match": '"1"'})) == (412, "stale_version")
    assert [rule["name"] for rule in packer.get("quality-rules", is_active=True).json()["results"]] == ["Milk"]
    assert codes(packer.delete(path)) == (403, "permission_denied")
    assert manager.delete(path).status_code == 204
    assert not QualityRule.objects.exists()
    assert not QualityCheck.objects.exists()
