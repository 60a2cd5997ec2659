"""Totals, ledger and promises at the back office."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from inventory.admin import export
from inventory.models import Movement, Reservation, Stock
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.factories.office import listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def stock(house: Site) -> Stock:
    product = ProductFactory(sku="=SUM(A1)")
    stocked(product, house.shelf, 8, lot="+1")
    return Stock.objects.get(product=product)


def test_a_threshold_is_set_by_a_step(manager: Client, stock: Stock) -> None:
    assert steps_offered(manager, stock) == ["set-threshold"]
    take(manager, stock, "set_threshold", version=stock.settings_version, threshold="9.5")
    stock = Stock.objects.get()
    assert (stock.low_stock_threshold, stock.status, stock.settings_version) == (Decimal("9.5"), "low_stock", 2)


def test_a_threshold_that_changed_meanwhile(manager: Client, stock: Stock) -> None:
    take(manager, stock, "set_threshold", version=1, threshold="9")
    answer = take(office(Role.MANAGER), stock, "set_threshold", version=1, threshold="2")
    assert answer.context["error"].code == "stale_version"
    assert Stock.objects.get().low_stock_threshold == 9


@pytest.mark.parametrize("threshold", ["-1", "x", "NaN", "1e20", "0.0001", ""])
def test_a_wrong_threshold_is_refused(manager: Client, stock: Stock, threshold: str) -> None:
    answer = take(manager, stock, "set_threshold", version=1, threshold=threshold)
    assert "threshold" in answer.context["form"].errors
    assert Stock.objects.get().settings_version == 1


def test_a_viewer_sets_nothing(stock: Stock) -> None:
    viewer = office(Role.VIEWER)
    assert steps_offered(viewer, stock) == []
    assert take(viewer, stock, "set_threshold", version=1, threshold="2").status_code == 403


def test_the_ledger_is_read_only(manager: Client, stock: Stock) -> None:
    movement = Movement.objects.get()
    assert manager.get(page(movement)).status_code == 200
    assert manager.post(page(movement), {"reason": "forged"}).status_code == 403
    assert manager.post(page(movement).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert manager.get(listing(Movement) + "add/").status_code == 403


def test_the_ledger_is_exported_as_the_list_shows_it(manager: Client, stock: Stock, house: Site) -> None:
    stocked(ProductFactory(sku="TEA"), house.shelf, 2)
    columns = {f"movementresource_{name}": "on" for name in ("sku", "lot_number", "quantity_change")}
    sent = {"format": "0", "resource": "", **columns}
    assert manager.post(listing(Movement) + "export/?q=TEA", sent).content.decode().split()[1].startswith("TEA,RCV-")
    everything = manager.post(listing(Movement) + "export/", sent).content.decode().split()
    assert everything[0] == "sku,lot_number,quantity_change"
    assert everything[2] == "'=SUM(A1),'+1,8.000"


def test_too_big_an_export_says_what_to_do(manager: Client, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "EXPORT_LIMIT", 0)
    answer = manager.post(listing(Movement) + "export/", {"format": "0", "resource": ""}, follow=True)
    assert answer.redirect_chain == [(listing(Movement), 302)]
    assert "Narrow the list" in str(next(iter(answer.context["messages"])))


def test_a_checkout_is_released_and_an_order_is_not(manager: Client, stock: Stock, house: Site) -> None:
    lines = [OrderedLine(stock.product_id, Decimal(3))]
    reserve_for_order("shop:1", lines, warehouse_id=house.id, actor=ACTOR, ttl=timedelta(minutes=5))
    reserve_for_order("shop:2", lines, warehouse_id=house.id, actor=ACTOR)
    checkout, order = Reservation.objects.order_by("order_ref")
    shown = manager.get(page(checkout)).content.decode()
    assert "3 asked" in shown
    assert "took 3" in shown
    assert (steps_offered(manager, checkout), steps_offered(manager, order)) == (["release", "reallocate"], ["reallocate"])
    take(manager, checkout, "release", reason="abandoned")
    assert take(manager, order, "release", reason="forged").context["error"].code == "conflict"
    assert list(Reservation.objects.order_by("order_ref").values_list("status", flat=True)) == ["released", "active"]
    assert Stock.objects.get().reserved == 3
