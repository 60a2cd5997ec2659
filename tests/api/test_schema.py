"""The API describes itself, and the manual works under the site's policy for scripts."""

from __future__ import annotations

import re
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from tests.api.conftest import address
from tests.api.test_access import ALL

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema():
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def test_every_address_is_described_once(schema):
    described = {(method, re.sub(r"\{\w+\}", "1", path)) for path, item in schema["paths"].items() for method in item if method != "parameters"}
    assert described == {(method, path) for method, path, _, _ in ALL}
    names = [operation["operationId"] for item in schema["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)
    assert {"create_order", "pick_item", "confirm_receiving", "list_stock", "get_product", "update_stock", "cancel_order"} <= set(names)
    assert not [name for name in names if not re.fullmatch("[a-z]+(_[a-z]+)+", name)]


def test_headers_roles_and_problems_are_said(schema):
    create = schema["paths"]["/api/v1/orders"]["post"]
    assert "Idempotency-Key" in {parameter["name"] for parameter in create["parameters"]}
    assert create["description"].endswith("Roles: integration, warehouse-manager.")
    assert create["requestBody"]["content"]["application/json"]["examples"]
    assert create["security"] == [{"token": []}, {"cookieAuth": []}]
    patch = schema["paths"]["/api/v1/stock/{id}"]["patch"]
    assert [(p["name"], p.get("required", False)) for p in patch["parameters"] if p["in"] == "header"] == [("If-Match", True)]
    for item in schema["paths"].values():
        for operation in item.values():
            assert operation["responses"]["default"]["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            assert operation["summary"]
            assert "Roles: " in operation["description"]


def test_the_manual_takes_nothing_from_elsewhere():
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert sources
    assert not [source for source in sources if source.startswith(("http", "//"))]
    assert not re.search(r"<script(?![^>]*src=)[^>]*>\s*\S", text)  # no inline script: the policy would stop it
    assert "'unsafe-inline'" not in page["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    assert Client().get("/api/schema/").status_code == 200
    assert address("x") == "/api/v1/x"
