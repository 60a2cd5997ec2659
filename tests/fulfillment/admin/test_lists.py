"""Lists and pages of fulfilment: as many statements with three rows as with one, no table counted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Order, PackingTask, PickingTask, PutBack, Shipment
from fulfillment.services.orders import process_order_cancelled
from tests.factories.fulfillment import begun, order_for, packed, person, pick, picked, reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, stocked
from tests.factories.office import listing, office, page
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

MODELS = [Order, PickingTask, PackingTask, Shipment, PutBack]


def grow() -> None:
    """One more of everything, each in a house of its own."""
    house, products, picker, packer = reachable_site(), ProductFactory.create_batch(2), person(Role.PICKER), person(Role.PACKER)
    for product in products:
        stocked(product, house.shelf, 9)
    sent = order_for([(product, 2, house) for product in products])
    packed(picked(sent.picking_tasks.get(), picker), packer)
    given_up = order_for([(products[0], 2, house)])
    task = begun(given_up.picking_tasks.get(), picker)
    pick(task.items.get(), picker)
    process_order_cancelled(given_up.source, given_up.external_id, "test", actor=ACTOR)


def statements(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in queries]


def test_a_list_costs_the_same_with_three_rows_as_with_one() -> None:
    client = office(Role.MANAGER)
    grow()
    costs = {model: len(statements(client, listing(model))) for model in MODELS}
    grow()
    grow()
    assert {model: len(statements(client, listing(model))) for model in MODELS} == costs
    assert max(costs.values()) <= 12, costs


def test_big_tables_are_never_counted() -> None:
    client = office(Role.MANAGER)
    grow()
    for model in MODELS:
        for url in (listing(model), listing(model) + "?q=1", listing(model) + "?p=2"):
            counted = [sql for sql in statements(client, url) if "COUNT(" in sql and f'"{model._meta.db_table}"' in sql]
            assert counted == [], url


def test_a_page_costs_the_same_whatever_is_on_it() -> None:
    client = office(Role.MANAGER)
    house, picker, packer = reachable_site(), person(Role.PICKER), person(Role.PACKER)
    products = ProductFactory.create_batch(3)
    for product in products:
        stocked(product, house.shelf, 50)

    def cost(lines: int) -> list[int]:
        order = order_for([(product, 1, house) for product in products[:lines]])
        packing = packed(picked(order.picking_tasks.get(), picker), packer)
        rows = [order, order.picking_tasks.get(), packing, order.shipments.get()]
        return [len(statements(client, page(row))) for row in rows]

    cost(2)  # content types are read once per process
    assert cost(1) == cost(3)
