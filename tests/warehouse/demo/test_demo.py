"""The demo comes whole, comes once, and stays away from other people's sites."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.auth import TokenAuthentication

from fulfillment.models import Order, PutBack, QualityRule
from inventory.models import Barcode, BatchLocation, Location, Movement, Product, Receiving, Stock, StorefrontProduct, Warehouse
from inventory.orchestrator import find_by_scan
from inventory.queries.reconciliation import everything_that_disagrees
from stocksync.models import Channel, Discrepancy, ListingLevel, PendingStockOperation
from warehouse import prepare
from warehouse.accounts.models import User
from warehouse.core.actor import Actor, Role
from warehouse.demo.goods import GOODS, case_gtin_of, check_digit, gtin_of
from warehouse.demo.people import API_TOKEN, PASSWORD, PEOPLE
from warehouse.outbox.models import OutboxEvent

TABLES = (Product, Barcode, Warehouse, Location, StorefrontProduct, User, Receiving, Stock, Movement, Order, PutBack, QualityRule, OutboxEvent)


def demo(**options: bool) -> str:
    out = StringIO()
    call_command("demo", stdout=out, **options)
    return out.getvalue()


def counts() -> dict[str, int]:
    return {table.__name__: table._default_manager.count() for table in TABLES}


@pytest.mark.parametrize(("body", "digit"), [("400638133393", "1"), ("978030640615", "7"), ("1001234567890", "2"), ("000000000000", "0")])
def test_check_digits(body: str, digit: str):
    assert check_digit(body) == digit


def check_the_morning_stands_where_it_should():
    found = {int(order.external_id) - 900_000: order for order in Order.objects.all()}
    statuses = {number: order.status for number, order in found.items()}
    assert statuses == {
        **dict.fromkeys((1, 2, 3, 4), "packing"),
        **dict.fromkeys((5, 15), "picking"),
        6: "cancelled",
        8: "rejected",
        **dict.fromkeys((7, 9, 10, 11, 12, 13, 14), "accepted"),
    }
    assert [shipment.status for number in (1, 2) for shipment in found[number].shipments.all()] == ["requested", "requested"]
    assert [(task.packed_items, task.total_items) for number in (3, 4) for task in found[number].packing_tasks.all()] == [(1, 2), (0, 3)]
    assert found[5].picking_tasks.get().picked_items == 1
    assert [(put_back.product.sku, put_back.quantity) for put_back in found[6].put_backs.all()] == [("CAKE-600", Decimal(1))]
    assert found[8].shortages[0]["sku"] == "ICE-500"
    check = found[15].quality_checks.get()
    assert (check.status, check.reason, check.total_items) == ("pending", "Smoked fish: seal and date", 2)
    milk = found[9].picking_tasks.get(warehouse__code="BEG").items.filter(product__sku="MILK-1L")
    assert [(item.batch.lot_number, item.quantity_required) for item in milk] == [("MILK-BEG-1", 6), ("MILK-BEG-2", 4)]
    assert {task.warehouse.code for task in found[9].picking_tasks.all()} == {"BEG", "NVS"}


def check_stock_of_every_kind():
    assert BatchLocation.objects.filter(blocked_reason="expired", batch__label_expires_on=timezone.now().date() + timedelta(days=1)).exists()
    assert BatchLocation.objects.filter(location__kind="quarantine", quantity=2).exists()
    assert BatchLocation.objects.filter(location__kind="packing", reserved__gt=0).exists()
    assert set(Stock.objects.values_list("status", flat=True)) == {"in_stock", "low_stock", "out_of_stock"}
    assert Stock.objects.get(product__sku="CHEESE-KG", warehouse__code="BEG").quantity == Decimal("50.850")
    assert Receiving.objects.get(supplier_reference="DEMO-EXPECTED").status == "draft"


def check_every_code_can_be_scanned():
    for number, goods in enumerate(GOODS, start=1):
        product_id = Product.objects.get(sku=goods.sku).pk
        piece, case = find_by_scan(gtin_of(number)), find_by_scan(case_gtin_of(number))
        assert (piece.product_id, piece.pack_quantity) == (product_id, 1)
        assert (case.product_id, case.pack_quantity) == ((product_id, goods.case) if goods.case else (None, 1))
    lot = find_by_scan(f"(01)0{gtin_of(1)}(10)MILK-BEG-2")
    assert (lot.kind, lot.lot_number) == ("batch", "MILK-BEG-2")
    assert find_by_scan("BEG-A-01-1", warehouse_id=Warehouse.objects.get(code="BEG").pk).location_id is not None


def check_everybody_can_come_in_with_the_right_role():
    for person in PEOPLE:
        user = User.objects.get(username=person.username)
        assert check_password(PASSWORD, user.password)
        assert Actor.of_user(user).roles == {person.role or Role.MANAGER}
        assert user.check_pin(person.pin) == bool(person.pin)
    user, _ = TokenAuthentication().authenticate_credentials(API_TOKEN.encode())
    assert user.username == "integration"
    assert f"Programs call as the user {user.username}, with the header Authorization: Bearer {API_TOKEN}" in prepare.lines()
    assert User.objects.get(username="seller").sellers.get().code == "FRESH"


def check_the_marketplaces_have_sold():
    assert sorted(Channel.objects.values_list("code", "mode", "fulfilment")) == [("allegro-cz", "on", "elsewhere"), ("allegro-pl", "on", "warehouse")]
    statuses = PendingStockOperation.objects.values_list("channel__code", "status", "retry_count")
    assert sorted(statuses) == [
        *[("allegro-cz", "completed", 0)] * 2,
        *[("allegro-pl", "completed", 0)] * 2,
        ("allegro-pl", "failed", 5),
        ("allegro-pl", "pending", 0),
    ]
    assert sorted(Discrepancy.objects.values_list("kind", flat=True)) == ["given_up", "no_sku"]
    assert ListingLevel.objects.count() == 3


def check_the_carrier_gets_addresses_without_gaps():
    for site in Warehouse.objects.all():
        assert all((site.street, site.city, site.postal_code, site.country, site.contact_name, site.phone))


def test_the_demo_comes_whole_and_once(db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    assert "New: 38 deliveries, 15 orders, 8 other papers, 7 orders of marketplaces." in demo()
    before = counts()
    assert (before["Product"], before["Warehouse"], before["User"], before["Order"]) == (23, 3, 10, 15)
    check_the_morning_stands_where_it_should()
    check_stock_of_every_kind()
    check_every_code_can_be_scanned()
    check_everybody_can_come_in_with_the_right_role()
    check_the_carrier_gets_addresses_without_gaps()
    check_the_marketplaces_have_sold()
    assert everything_that_disagrees() == []
    Product.objects.filter(sku="MILK-1L").update(name="Our milk")
    Barcode.objects.filter(code=gtin_of(1)).delete()
    with CaptureQueriesContext(connection) as queries:
        assert "New: 0 deliveries, 0 orders, 0 other papers, 0 orders of marketplaces." in demo()
    assert len(queries) < 75
    assert counts() == before  # what is gone comes back, what was changed stays
    assert Product.objects.get(sku="MILK-1L").name == "Our milk"
    assert Barcode.objects.get(code=gtin_of(1)).product.sku == "MILK-1L"


def test_it_stays_away_from_a_site_of_others(db):
    Warehouse.objects.create(code="REAL", external_id="77", name="Real", city="Lyon")
    with pytest.raises(CommandError, match=r"warehouses of its own \(REAL\)"):
        demo()
    assert "No demo: This database has warehouses" in demo(if_allowed=True)
    assert not User.objects.exists()
    assert "15 orders" in demo(force=True)


def test_it_stays_away_from_a_site_that_others_reach(db, settings):
    settings.SECURE = True
    with pytest.raises(CommandError, match="HTTPS"):
        demo()
    assert not User.objects.exists()
