"""Conditional requests."""

from __future__ import annotations

import pytest

from fulfillment.models import PickingTask
from inventory.models import Location, Stock
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import order_for
from tests.factories.inventory import ProductFactory, WarehouseFactory, site, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def stock():
    product, here = ProductFactory(), site()
    stocked(product, here.shelf, 10)
    return Stock.objects.get()


def test_settings_of_stock_have_their_own_version(manager, stock):
    path = f"stock/{stock.pk}"
    read = manager.get(path)
    assert (read["ETag"], read.json()["low_stock_threshold"]) == ('"1"', "5.000")
    assert codes(manager.patch(path, {"low_stock_threshold": "20"})) == (428, "version_required")
    assert manager.get(path)["ETag"] == '"1"'
    order_for([(stock.product, 2)])
    assert manager.get(path)["ETag"] == '"1"'  # a promise is no change of the settings
    changed = manager.patch(path, {"low_stock_threshold": "20"}, **{"If-Match": read["ETag"]})
    assert (changed.status_code, changed["ETag"], changed.json()["status"]) == (200, '"2"', "low_stock")
    stale = manager.patch(path, {"low_stock_threshold": "1"}, **{"If-Match": read["ETag"]})
    assert codes(stale) == (412, "stale_version")
    assert manager.patch(path, {"low_stock_threshold": "0"}, **{"If-Match": "*"}).json()["low_stock_threshold"] == "0.000"


@pytest.mark.parametrize("header", ["²", '"abc"', '"1", "2"', "W/", "9" * 30, '"-1"'])
def test_an_etag_that_is_none_of_ours(manager, stock, header):
    assert codes(manager.patch(f"stock/{stock.pk}", {"low_stock_threshold": "20"}, **{"If-Match": header})) == (400, "validation_failed")


def test_a_step_of_a_task_may_be_conditional(stock):
    order_for([(stock.product, 2)])
    task = PickingTask.objects.get()
    picker = Caller(Role.PICKER)
    read = Caller(Role.VIEWER).get(f"picking-tasks/{task.pk}")
    assert (read["ETag"], read.json()["version"]) == ('"1"', 1)
    assigned = picker.post(f"picking-tasks/{task.pk}/assign", {}, **{"If-Match": read["ETag"]})
    assert (assigned.status_code, assigned["ETag"], assigned.json()["worker"]) == (200, '"2"', picker.user.username)
    assert codes(picker.post(f"picking-tasks/{task.pk}/start", {}, **{"If-Match": '"1"'})) == (412, "stale_version")
    assert picker.post(f"picking-tasks/{task.pk}/start").json()["status"] == "in_progress"


def test_a_step_that_is_not_conditional_says_so(integration, stock):
    items = [{"sku": stock.product.sku, "quantity": "2"}]
    reserved = integration.post("reservations", {"order_ref": "shop:1", "warehouse": stock.warehouse.code, "items": items}).json()
    response = integration.post(f"reservations/{reserved['id']}/release", {"reason": "x"}, **{"If-Match": '"1"'})
    assert codes(response) == (400, "validation_failed")


def test_a_row_of_the_catalogue_goes_by_its_content(manager):
    site = WarehouseFactory(code="WAW", city="Warsaw")
    path = f"warehouses/{site.pk}"
    read = manager.get(path)
    assert codes(manager.patch(path, {"city": "Lodz"})) == (428, "version_required")
    assert manager.patch(path, {"city": "Lodz"}, **{"If-Match": read["ETag"]}).json()["city"] == "Lodz"
    assert codes(manager.patch(path, {"city": "Gdynia"}, **{"If-Match": read["ETag"]})) == (412, "stale_version")
    assert manager.get(path).json()["city"] == "Lodz"


def test_a_location_goes_by_its_version(manager):
    shelf = site().shelf
    path = f"locations/{shelf.pk}"
    assert manager.get(path)["ETag"] == '"1"'
    changed = manager.patch(path, {"aisle": "7"}, **{"If-Match": '"1"'})
    assert (changed["ETag"], changed.json()["version"], changed.json()["aisle"]) == ('"2"', 2, "7")
    assert codes(manager.patch(path, {"aisle": "8"}, **{"If-Match": '"1"'})) == (412, "stale_version")
    refused = manager.patch(path, {"kind": "packing"}, **{"If-Match": '"2"'})
    assert [error["code"] for error in refused.json()["errors"]] == ["unknown_field"]
    assert Location.objects.get(pk=shelf.pk).kind == "storage"
