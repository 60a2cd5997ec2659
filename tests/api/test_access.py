"""Who may call what: every address, every role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api.conftest import Caller, codes
from tests.factories.inventory import BarcodeFactory, ProductFactory, SellerFactory, site, stocked
from warehouse.api import router
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "patch", "delete")


def addresses() -> Iterator[tuple[str, str, Any, str]]:
    """Every (method, address, view class, action) under /api/v1/."""
    for pattern in router.urls:
        path = re.sub(r"\(\?P<\w+>[^)]*\)", "1", str(pattern.pattern)).strip("^$").removesuffix("/?")
        for method, action in pattern.callback.actions.items():
            if method in METHODS:
                yield method, f"/api/v1/{path}", pattern.callback.cls, action


ALL = sorted(addresses(), key=lambda each: each[:2])
IDS = [f"{method} {path}" for method, path, _, _ in ALL]


def test_there_is_something_to_check():
    assert len(ALL) >= 90
    assert len({each[:2] for each in ALL}) == len(ALL)


@pytest.mark.parametrize(("method", "path", "view", "action"), ALL, ids=IDS)
def test_nobody_enters_without_a_token_or_a_role(method, path, view, action):
    anonymous = getattr(APIClient(), method)(path)
    assert codes(anonymous) == (401, "not_authenticated")
    assert anonymous["WWW-Authenticate"] == "Bearer"
    assert codes(getattr(Caller().client, method)(path)) == (403, "permission_denied")


@pytest.mark.parametrize(("method", "path", "view", "action"), ALL, ids=IDS)
def test_what_changes_something_is_an_operation(method, path, view, action):
    assert action in view.operations or method == "get"


def test_a_wrong_token_and_a_closed_account_are_refused(manager):
    for token in ("wrong", "ümläut", "", "a b"):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        assert client.get("/api/v1/products").status_code == 401
    assert manager.get("products").status_code == 200
    manager.user.is_active = False
    manager.user.save()
    assert manager.get("products").status_code == 401


READS = {
    Role.MANAGER: "*",
    Role.VIEWER: "*",
    Role.AUDITOR: "* -events -stock-sync/status -stock-sync/pending -stock-sync/orders -stock-sync/discrepancies -stock-sync/levels -stock-sync/channels"
    " -stock-sync/reports",
    Role.INTEGRATION: "* -audits -printers -label-prints -count-requests -receivings -returns -suppliers -transfers -write-offs"
    " -stock-sync/orders -stock-sync/discrepancies -stock-sync/levels -stock-sync/channels -stock-sync/reports",
    Role.RECEIVER: "products barcodes warehouses locations suppliers storefront-products discounts alerts batches"
    " mixed-batches stock stock/low receivings returns transfers write-offs put-backs count-requests",
    Role.PICKER: "products barcodes warehouses locations storefront-products discounts batches mixed-batches stock stock/low"
    " reservations orders picking-tasks picking-batches count-requests put-backs",
    Role.PACKER: "products barcodes warehouses locations storefront-products discounts batches mixed-batches stock"
    " stock/low orders packing-tasks packages printers label-prints shipments put-backs",
    Role.SELLER: "offline-sales products barcodes warehouses locations stock stock/low movements movements/export alerts write-offs",
}
LISTS = [
    "products", "barcodes", "warehouses", "locations", "suppliers", "storefronts", "storefront-products", "discounts", "markdown-steps",
    "price-changes", "alerts", "batches", "mixed-batches", "stock", "stock/low", "movements", "movements/export", "offline-sales", "receivings",
    "returns", "transfers", "write-offs", "audits", "count-requests", "reservations", "orders", "picking-tasks", "picking-batches", "packing-tasks", "packages",
    "printers", "label-prints", "shipments", "put-backs", "order-disagreements", "events", "stock-sync/status", "stock-sync/pending", "stock-sync/orders",
    "stock-sync/discrepancies", "stock-sync/levels", "stock-sync/channels", "stock-sync/reports",
]  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reads_its_own_kind(role):
    caller = Caller(role)
    words = READS[role].split()
    expected = set(LISTS) - {word[1:] for word in words if word.startswith("-")} if "*" in words else set(words)
    assert {path for path in LISTS if caller.get(path).status_code == 200} == expected
    assert {path for path in LISTS if caller.get(path).status_code == 403} == set(LISTS) - expected


CALLS = {
    "products": {Role.INTEGRATION},
    "barcodes": {Role.INTEGRATION},
    "storefront-products": {Role.INTEGRATION},
    "discounts": {Role.INTEGRATION},
    "discounts/1/end": {Role.INTEGRATION},
    "markdown-steps": set(),
    "alerts/1/acknowledge": {Role.RECEIVER, Role.AUDITOR},
    "warehouses": set(),
    "locations": set(),
    "suppliers": set(),
    "batches/1/hold": {Role.AUDITOR, Role.RECEIVER},
    "batches/1/release": set(),
    "batches/1/recall": set(),
    "mixed-batches": {Role.RECEIVER},
    "mixed-batches/1/split": {Role.RECEIVER},
    "offline-sales": {Role.INTEGRATION, Role.SELLER},
    "offline-sales/check": {Role.INTEGRATION, Role.SELLER},
    "stock/place": {Role.RECEIVER, Role.SELLER},
    "batches/1/split": {Role.RECEIVER},
    "stock/move": {Role.RECEIVER, Role.PICKER},
    "stock/put-away": {Role.RECEIVER},
    "stock/change-phase": {Role.RECEIVER, Role.PICKER},
    "transfers": {Role.RECEIVER},
    "transfers/1/send": {Role.RECEIVER},
    "transfers/1/receive": {Role.RECEIVER},
    "transfers/1/cancel": {Role.RECEIVER},
    "receivings": {Role.RECEIVER},
    "receivings/1/confirm": {Role.RECEIVER},
    "audits": {Role.AUDITOR},
    "audits/1/complete": {Role.AUDITOR},
    "audits/1/count-again": set(),
    "count-requests": {Role.PICKER, Role.RECEIVER, Role.AUDITOR},
    "count-requests/1/dismiss": {Role.AUDITOR},
    "count-requests/count": {Role.AUDITOR},
    "write-offs": {Role.RECEIVER, Role.SELLER},
    "write-offs/1/confirm": {Role.RECEIVER, Role.SELLER},
    "write-offs/1/approve": set(),
    "stock/remove": {Role.RECEIVER, Role.SELLER},
    "returns": {Role.RECEIVER},
    "returns/1/inspect": {Role.RECEIVER},
    "returns/1/items/1/photo": {Role.RECEIVER},
    "returns/1/complete": {Role.RECEIVER},
    "reservations": {Role.INTEGRATION},
    "reservations/1/consume": {Role.INTEGRATION},
    "reservations/1/reallocate": {Role.PICKER},
    "orders": {Role.INTEGRATION},
    "orders/cancel": {Role.INTEGRATION},
    "orders/change": {Role.INTEGRATION},
    "orders/1/priority": set(),
    "orders/1/accept-missing": set(),
    "picking-tasks": {Role.INTEGRATION},
    "picking-tasks/1/pick": {Role.PICKER},
    "picking-tasks/1/pick-other": {Role.PICKER},
    "picking-tasks/1/defer": {Role.PICKER},
    "picking-tasks/1/undo": {Role.PICKER},
    "picking-tasks/1/priority": set(),
    "picking-tasks/1/cancel": set(),
    "picking-batches": set(),
    "picking-batches/plan": set(),
    "picking-batches/claim-next": {Role.PICKER},
    "picking-batches/1/assign": {Role.PICKER},
    "picking-batches/1/start": {Role.PICKER},
    "picking-batches/1/complete": {Role.PICKER},
    "picking-batches/1/cancel": set(),
    "packing-tasks/1/pack-item": {Role.PACKER},
    "packing-tasks/1/label": {Role.PACKER},
    "packing-tasks/print-labels": {Role.PACKER},
    "printers": set(),
    "packing-tasks/1/cancel": set(),
    "packing-tasks/1/provider": {Role.PACKER},
    "shipments/1/retry": {Role.PACKER},
    "shipments/1/replace": {Role.PACKER},
    "shipments/1/settle-void": set(),
    "shipments/1/hand-over": {Role.PACKER},
    "shipments/hand-over": {Role.PACKER},
    "shipments/1/carrier-status": {Role.INTEGRATION},
    "shipments/1/returned": {Role.INTEGRATION, Role.RECEIVER},
    "put-backs/1/complete": {Role.PICKER, Role.RECEIVER},
    "put-backs/1/quarantine": {Role.PICKER, Role.RECEIVER},
    "put-backs/claim": {Role.PICKER, Role.RECEIVER},
    "put-backs/lay-down": {Role.PICKER, Role.RECEIVER},
    "stock-sync/reconcile": {Role.INTEGRATION},
    "stock-sync/orders/process": {Role.INTEGRATION},
    "stock-sync/orders/1/refund": {Role.INTEGRATION},
    "stock-sync/retry/1": set(),
    "stock-sync/rollback/1": set(),
    "stock-sync/discrepancies/1/resolve": set(),
}


@pytest.mark.parametrize("path", CALLS)
def test_each_role_changes_its_own_kind(path):
    refused = {role for role in Role if Caller(role).post(path, {"bogus": 1}).status_code == 403}
    assert refused == set(Role) - CALLS[path] - {Role.MANAGER}


def test_a_seller_sees_the_own_sites_only():
    seller = Caller(Role.SELLER)
    own = SellerFactory()
    own.members.add(seller.user)
    mine, other = site(seller=own), site()
    product = ProductFactory()
    stocked(product, mine.shelf, 5)
    elsewhere = stocked(product, other.shelf, 7)

    def seen(path: str, **query: Any) -> set[str]:
        return {row["warehouse"] for row in seller.get(path, **query).json()["results"]}

    for path in ("stock", "stock/low", "movements", "locations", f"products/{product.pk}/stock"):
        assert seen(path) <= {mine.warehouse.code}
    assert seen("stock") == seen("movements") == seen(f"products/{product.pk}/stock") == {mine.warehouse.code}
    assert [row["code"] for row in seller.get("warehouses").json()["results"]] == [mine.warehouse.code]
    assert seller.get(f"warehouses/{other.warehouse.pk}").status_code == 404
    assert seller.get(f"locations/{other.shelf.pk}/stock").json()["results"] == []
    assert other.warehouse.code not in b"".join(seller.get("movements/export").streaming_content).decode()
    answers = seller.get("stock/availability", sku=product.sku).json()
    assert [(row["warehouse"], row["available"]) for row in answers] == [(mine.warehouse.code, "5.000")]
    assert seller.get("stock/availability", sku=product.sku, warehouse=other.warehouse.code).json() == []
    assert seller.get("stock/picking-locations", sku=product.sku, warehouse=other.warehouse.code).json() == []
    assert elsewhere.quantity == 7


def test_a_seller_does_not_see_what_others_sell():
    seller = Caller(Role.SELLER)
    own = SellerFactory()
    own.members.add(seller.user)
    mine, other = site(seller=own), site()
    ours, theirs = ProductFactory(sku="OURS"), ProductFactory(sku="THEIRS")
    for product in (ours, theirs):
        BarcodeFactory(product=product, code=f"CODE-{product.sku}")
    stocked(ours, mine.shelf, 5, lot="L-OURS")
    stocked(ours, other.shelf, 5, lot="L-ELSEWHERE")
    stocked(theirs, other.shelf, 7, lot="L-THEIRS")

    assert [row["sku"] for row in seller.get("products").json()["results"]] == ["OURS"]
    assert [row["sku"] for row in seller.get("barcodes").json()["results"]] == ["OURS"]
    assert seller.get(f"products/{theirs.pk}").status_code == 404
    assert seller.get("products", barcode="CODE-THEIRS").json()["results"] == []

    def scan(code: str, caller: Caller = seller) -> tuple[str, str, str, bool]:
        found = caller.get(f"scan/{code}").json()
        return found["kind"], found["sku"], found["location"], found["batch"] is not None

    assert scan("OURS") == scan("CODE-OURS") == ("product", "OURS", "", False)
    assert scan("L-OURS") == ("batch", "OURS", "", True)
    assert scan("L-ELSEWHERE") == ("product", "OURS", "", False)
    assert scan(mine.shelf.barcode) == ("location", "", "A-01", False)
    for code in ("THEIRS", "CODE-THEIRS", "L-THEIRS", other.shelf.barcode):
        assert scan(code) == ("unknown", "", "", False)
        assert scan(code, Caller(Role.PICKER))[0] != "unknown"
