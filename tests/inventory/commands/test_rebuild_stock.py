"""`manage.py rebuild_stock` computes the figures anew from the ledger, and refuses what can't be."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from inventory.models import Audit, BatchLocation, Product, Stock
from inventory.orchestrator import OrderedLine, promise_order
from inventory.services.rebuild import rebuild_stock
from inventory.stock.gate import StockKey
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import PermissionDenied
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house() -> Site:
    return site(code="MAIN")


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    stocked(product, house.shelf, 10, lot="L1", expires_in_days=5)
    stocked(product, house.quarantine, 4, lot="L1", expires_in_days=5)
    promise_order("shop:1", [OrderedLine(product.pk, Decimal(3))], actor=ACTOR)
    return product


def sql(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("RESET session_replication_role")


def rebuild(*options: str) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    try:
        call_command("rebuild_stock", "--json", *options, stdout=out)
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_good_figures_stay_as_they_are(milk: Product) -> None:
    before = list(BatchLocation.objects.order_by("pk").values()), list(Stock.objects.values())

    assert rebuild() == (0, {"dry_run": False, "changes": [], "refused": []})
    assert (list(BatchLocation.objects.order_by("pk").values()), list(Stock.objects.values())) == before


def test_wrong_figures_are_computed_anew_and_said(milk: Product, house: Site) -> None:
    place = BatchLocation.objects.get(location=house.shelf)
    stock = Stock.objects.get()
    sql("UPDATE inventory_batchlocation SET quantity = 9, reserved = 1 WHERE id = %s", place.pk)
    sql("UPDATE inventory_stock SET quantity = 100, blocked = 0, status = 'low_stock'")
    key = {"warehouse_id": house.id, "product_id": milk.pk}
    expected = [
        {"table": "BatchLocation", "id": place.pk, **key, "field": "quantity", "was": "9.000", "now": "10.000"},
        {"table": "BatchLocation", "id": place.pk, **key, "field": "reserved", "was": "1.000", "now": "3.000"},
        {"table": "Stock", "id": stock.pk, **key, "field": "quantity", "was": "100.000", "now": "14.000"},
        {"table": "Stock", "id": stock.pk, **key, "field": "blocked", "was": "0.000", "now": "4.000"},
    ]

    assert rebuild("--dry-run") == (0, {"dry_run": True, "changes": expected, "refused": []})
    assert BatchLocation.objects.get(pk=place.pk).quantity == 9

    assert rebuild() == (0, {"dry_run": False, "changes": expected, "refused": []})
    assert totals(milk.pk, house.id) == (14, 3, 4, 7)
    assert_books_balance()
    # Available went from 97 to 7 by this: the storefronts hear of it.
    assert OutboxEvent.objects.order_by("sequence").last().payload["available"] == "7"
    assert rebuild()[1]["changes"] == []


def test_a_total_that_is_missing_is_made(milk: Product, house: Site) -> None:
    sql("DELETE FROM inventory_stock")

    code, answer = rebuild()

    assert code == 0
    assert [(change["field"], change["now"]) for change in answer["changes"]] == [("quantity", "14.000"), ("reserved", "3.000"), ("blocked", "4.000")]
    assert_books_balance()


def test_a_status_alone(milk: Product) -> None:
    sql("UPDATE inventory_stock SET status = 'out_of_stock'")

    _, answer = rebuild()

    assert [(change["field"], change["was"], change["now"]) for change in answer["changes"]] == [("status", "out_of_stock", "in_stock")]
    assert_books_balance()


def test_what_cannot_be_is_refused_and_named_and_the_others_are_rebuilt(milk: Product, house: Site) -> None:
    bread = ProductFactory(sku="BREAD")
    stocked(bread, house.shelf, 2)
    place = BatchLocation.objects.get(location=house.shelf, product=milk)
    sql("DELETE FROM inventory_movement WHERE batch_location_id = %s AND type = 'receiving'", place.pk)
    sql("UPDATE inventory_stock SET quantity = 77 WHERE product_id = %s", bread.pk)

    code, answer = rebuild()

    assert code == 1
    assert answer["refused"] == [
        {
            "constraint": "batch_location_reserved_within_quantity", "batch_location": place.pk, "warehouse": house.id, "product": milk.pk,
            "quantity": "0.000", "reserved": "3.000",
        }
    ]  # fmt: skip
    assert totals(milk.pk, house.id) == (14, 3, 4, 7)
    assert totals(bread.pk, house.id) == (2, 0, 0, 2)


LINE = "SELECT id FROM inventory_movement WHERE product_id = (SELECT id FROM inventory_product WHERE sku = 'MILK') AND type ="


@pytest.mark.parametrize(
    ("statement", "rules", "refused"),
    [
        # Nobody would be promised less by it: the next order would be promised again what this one holds.
        (f"DELETE FROM inventory_movement WHERE id = ({LINE} 'reservation')", {"promises"}, {"MILK"}),
        (f"UPDATE inventory_movement SET quantity_change = 12 WHERE id = ({LINE} 'receiving' ORDER BY id LIMIT 1)", {"chain"}, {"MILK"}),
        (f"UPDATE inventory_movement SET reserved_after = 4 WHERE id = ({LINE} 'reservation')", {"chain"}, {"MILK"}),
        (f"UPDATE inventory_movement SET location_id = 1000 + location_id WHERE id = ({LINE} 'reservation')", {"copies"}, {"MILK"}),
        (
            "UPDATE inventory_movement SET batch_location_id = (SELECT max(id) FROM inventory_batchlocation)"
            f" WHERE id = ({LINE} 'receiving' ORDER BY id DESC LIMIT 1)",
            {"chain", "copies"},
            {"MILK", "BREAD"},
        ),
    ],
    ids=["promise lost", "quantity forged", "reserved forged", "another place named", "line of another product"],
)
def test_a_ledger_that_is_not_whole_is_followed_by_nobody(statement: str, rules: set[str], refused: set[str], milk: Product, house: Site) -> None:
    stocked(ProductFactory(sku="BREAD"), house.shelf, 2)
    sql(statement)
    before = list(BatchLocation.objects.order_by("pk").values()), list(Stock.objects.order_by("pk").values())

    for options in ((), ("--dry-run",)):
        code, answer = rebuild(*options)
        assert (code, answer["changes"]) == (1, [])
        assert ({entry["constraint"] for entry in answer["refused"]}, {skus()[entry["product"]] for entry in answer["refused"]}) == (rules, refused)
    with pytest.raises(CommandError, match="do not balance"):
        call_command("reconcile_stock", "--repair", stdout=io.StringIO(), stderr=io.StringIO())

    assert (list(BatchLocation.objects.order_by("pk").values()), list(Stock.objects.order_by("pk").values())) == before
    assert not Audit.objects.exists()


def skus() -> dict[int, str]:
    return dict(Product.objects.values_list("pk", "sku"))


def test_only_a_manager_rebuilds(milk: Product, house: Site) -> None:
    for role in set(Role) - {Role.MANAGER}:
        with pytest.raises(PermissionDenied):
            rebuild_stock([StockKey(house.id, milk.pk)], actor=Actor("somebody", ActorType.EMPLOYEE, frozenset({role})))
    boss = Actor("boss", ActorType.EMPLOYEE, frozenset({Role.MANAGER}))

    assert rebuild_stock([StockKey(house.id, milk.pk)], actor=boss) == []
