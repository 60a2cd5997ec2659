"""How far an order is, over REST."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Order, Pick
from fulfillment.services.orders import process_order_cancelled
from fulfillment.services.undo import undo_pick
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import begun, order_for, packed, person, pick, picked, reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


def order_of(house: Site, lines: int) -> Order:
    products = ProductFactory.create_batch(lines)
    for product in products:
        stocked(product, house.shelf, 9)
    return order_for([(product, 2) for product in products])


def test_from_the_promise_to_the_carrier(integration: Caller, house: Site) -> None:
    order = order_of(house, 2)
    picker = person(Role.PICKER)
    task = order.picking_tasks.get()
    fresh = integration.get(f"orders/{order.pk}/progress").json()
    assert (fresh["order_id"], fresh["status"], fresh["percent"]) == (order.external_id, "accepted", 0)
    [walk] = fresh["walks"]
    assert (walk["task"]["number"], walk["task"]["status"], walk["task"]["worker"], walk["place"]) == (task.number, "pending", None, "")
    begun(task, picker)
    first, second = task.items.order_by("sequence")
    pick(first, picker)
    pick(second, picker, Decimal(1))
    answer = integration.get(f"orders/{order.pk}/progress").json()
    [walk] = answer["walks"]
    # Three quarters of the picking are three eighths of the whole.
    assert (answer["percent"], walk["percent"], walk["task"]["worker"], walk["task"]["picked_items"]) == (37, 75, picker.name, 1)
    assert (walk["place"], walk["last_at"]) == (house.shelf.code, answer["happened"][0]["at"])
    told = [
        (stop["item"]["sku"], stop["item"]["quantity_picked"], stop["item"]["status"], stop["percent"], stop["picked_by"]) for stop in walk["stops"]
    ]
    assert told == [
        (first.product.sku, "2.000", "picked", 100, picker.name),
        (second.product.sku, "1.000", "pending", 50, picker.name),
    ]
    lines = [(line["type"], line["what"], line["actor"]) for line in answer["happened"]]
    assert lines[:3] == [
        ("pick", f"picked 1 × {second.product.sku} from {house.shelf.code}", picker.name),
        ("pick", f"picked 2 × {first.product.sku} from {house.shelf.code}", picker.name),
        ("picking.assigned", f"picking assigned: {task.number}", ACTOR.name),
    ]
    assert {"order.accepted", "picking.created"} <= {line[0] for line in lines}
    undo_pick(task.pk, actor=picker)
    undone = integration.get(f"orders/{order.pk}/progress").json()
    assert undone["happened"][0]["what"] == f"taken back: 1 × {second.product.sku} from {house.shelf.code}"
    assert (undone["percent"], undone["walks"][0]["stops"][1]["picked_by"]) == (25, "")


def test_packed_and_on_its_way(integration: Caller, house: Site) -> None:
    order = order_of(house, 1)
    packing = picked(order.picking_tasks.get(), person(Role.PICKER))
    assert integration.get(f"orders/{order.pk}/progress").json()["percent"] == 50
    packer = person(Role.PACKER)
    packed(packing, packer)
    answer = integration.get(f"orders/{order.pk}/progress").json()
    assert answer["percent"] == 100
    [task], [shipment] = answer["packing"], answer["shipments"]
    [package] = task["packages"]
    assert (task["number"], task["status"], task["worker"], task["packed_items"]) == (packing.number, "packed", packer.name, 1)
    assert (package["weight"], shipment["package"], shipment["status"]) == ("2.500", package["barcode"], "requested")


def test_a_cancelled_order_shows_what_is_put_back(integration: Caller, house: Site) -> None:
    order = order_of(house, 1)
    picker = person(Role.PICKER)
    task = begun(order.picking_tasks.get(), picker)
    pick(task.items.get(), picker)
    process_order_cancelled(order.source, order.external_id, "customer called", actor=ACTOR)
    answer = integration.get(f"orders/{order.pk}/progress").json()
    assert (answer["status"], answer["percent"]) == ("cancelled", 0)
    assert [(row["quantity"], row["done_quantity"], row["status"]) for row in answer["put_backs"]] == [("2.000", "0.000", "pending")]
    assert "order cancelled (reason customer called)" in [line["what"] for line in answer["happened"]]


def test_the_same_statements_for_a_small_order_and_a_big_one(integration: Caller, house: Site) -> None:
    def statements(lines: int) -> int:
        order = order_of(house, lines)
        packed(picked(order.picking_tasks.get(), person(Role.PICKER)), person(Role.PACKER))
        with CaptureQueriesContext(connection) as queries:
            assert len(integration.get(f"orders/{order.pk}/progress").json()["walks"][0]["stops"]) == lines
        return len(queries)

    integration.get("orders")  # the role is read
    assert statements(1) == statements(12) <= 14


def test_who_may_read_it(house: Site) -> None:
    order = order_of(house, 1)
    for role in Role:
        allowed = role not in {Role.SELLER, Role.RECEIVER}
        answer = Caller(role).get(f"orders/{order.pk}/progress")
        assert answer.status_code == (200 if allowed else 403), role
    assert codes(Caller(Role.VIEWER).get("orders/999999/progress")) == (404, "not_found")
    before = list(Order.objects.values_list("version", "updated_at"))
    assert Caller(Role.MANAGER).post(f"orders/{order.pk}/progress").status_code == 405
    assert (list(Order.objects.values_list("version", "updated_at")), Pick.objects.count()) == (before, 0)
