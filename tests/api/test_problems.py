"""Every error is a problem (RFC 9457), whoever raised it."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections
from django.test import Client
from rest_framework.test import APIClient

from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, site
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v2/products", "/api/v1/products/abc", "/api/v1/products/1/x"])
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_unknown_address(path, method, debug, settings):
    settings.DEBUG = debug
    assert codes(getattr(Client(enforce_csrf_checks=True), method)(path)) == (404, "not_found")


def test_a_row_that_does_not_exist(manager):
    assert codes(manager.get("products/999999")) == (404, "not_found")
    assert codes(manager.get(f"products/{'9' * 18}")) == (404, "not_found")
    assert codes(manager.get("locations/999999/stock")) == (404, "not_found")
    assert codes(manager.post("receivings/999999/confirm")) == (404, "not_found")


def test_a_method_or_a_body_that_does_not_fit(manager):
    assert codes(manager.client.delete("/api/v1/stock")) == (405, "method_not_allowed")
    assert codes(manager.client.options("/api/v1/stock")) == (405, "method_not_allowed")
    assert codes(manager.client.put("/api/v1/products/1", {}, format="json")) == (405, "method_not_allowed")
    assert codes(manager.client.post("/api/v1/orders", "<order/>", content_type="application/xml")) == (415, "unsupported_media_type")
    assert codes(manager.client.get("/api/v1/stock", headers={"Accept": "application/xml"})) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "text",
    [
        '{"order_id":',
        "",
        "[",
        '{"order_id": NaN}',
        '{"order_id": "\\ud800"}',
        '{"order_id": "a\\u0000b"}',
        '{"order_id": 1' + "0" * 5000 + "}",
        "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_json(integration, text):
    response = integration.client.post("/api/v1/orders", text, content_type="application/json")
    assert response.status_code == 400, response.content
    assert codes(response)[1] in {"parse_error", "validation_failed"}


@pytest.mark.parametrize("body", [[], "text", 5, None, [{}], True])
def test_a_body_of_another_shape(integration, body):
    response = integration.post("orders", body)
    assert response.status_code == 400
    assert codes(response) == (400, "validation_failed")


def test_every_bad_field_is_named(integration):
    body = {"order_id": "1", "bogus": 1, "items": [{"sku": "A", "quantity": "1"}]}
    response = integration.post("orders", body)
    assert codes(response) == (400, "validation_failed")
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [("bogus", "unknown_field")]
    body = {
        "items": [{"sku": "A", "quantity": "1", "qty": 2}, {"sku": "B"}, {"sku": "C", "quantity": "-1"}],
        "priority": "soon",
        "ship_by": "9999-12-31T00:00Z",
    }
    assert {(error["field"], error["code"]) for error in integration.post("orders", body).json()["errors"]} == {
        ("order_id", "required"),
        ("items[0].qty", "unknown_field"),
        ("items[1].quantity", "required"),
        ("items[2].quantity", "invalid_quantity"),
        ("priority", "invalid_choice"),
        ("ship_by", "out_of_range"),
    }


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "1e30", "-1", 0, "0.0001", "", " ", None, True, [], {}, "1,5", "٣x", "1e-400"])
def test_what_is_no_quantity(integration, quantity):
    response = integration.post("orders", {"order_id": "1", "items": [{"sku": "A", "quantity": quantity}]})
    assert codes(response) == (400, "validation_failed")
    assert response.json()["errors"][0]["field"] == "items[0].quantity"


def test_a_page_of_another_site_can_not_use_the_session(integration):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(integration.user, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/api/v1/products").status_code == 200
    refused = browser.post("/api/v1/orders", {}, format="json")
    assert codes(refused) == (403, "permission_denied")
    assert "CSRF" in refused.json()["detail"]


def test_a_bug_is_a_problem_without_details(settings):
    settings.ROOT_URLCONF = "tests.api.broken_urls"
    client = APIClient(raise_request_exception=False)
    response = client.get("/api/v1/bug")
    assert codes(response) == (500, "internal_error")
    assert b"secret" not in response.content
    page = Client(raise_request_exception=False).get("/bug")
    assert page.status_code == 500
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_said_so():
    caller = Caller(Role.VIEWER)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE inventory_product IN ACCESS EXCLUSIVE MODE")
            locked.set()
            done.wait(20)
            cursor.execute("ROLLBACK")
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(10)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        response = caller.get("products")
    finally:
        done.set()
        thread.join()
        connection.close()
    assert codes(response) == (503, "unavailable")
    assert response["Retry-After"] == "2"


def test_an_operation_of_its_own_accord_explains_itself(integration):
    product, here = ProductFactory(), site()
    body = {"order_ref": "shop:1", "warehouse": here.warehouse.code, "items": [{"sku": product.sku, "quantity": "3"}]}
    response = integration.post("reservations", body)
    assert codes(response) == (409, "insufficient_stock")
    assert response.json()["errors"] == [
        {"product_id": product.pk, "sku": product.sku, "warehouse_id": here.warehouse.pk, "asked": "3.000", "available": "0", "skipped": []}
    ]


def test_a_body_that_is_too_large_is_not_read(integration, settings):
    response = integration.post("reservations", {"order_ref": "x" * 20 * 1024**2})
    assert codes(response) == (413, "too_large")
    assert response.json()["data"]["largest"] == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 40
    assert codes(integration.post("reservations", {"order_ref": "x" * 40})) == (413, "too_large")
    assert codes(integration.post("reservations", {"order_ref": ""})) == (400, "validation_failed")
