"""The map on the pick screen: where the next stop is, and back to the walk."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import PickingTask
from fulfillment.services.picking_batches import assign_picking_batch, make_picking_batches, start_picking_batch
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.factories.office import dialog, office
from tests.fulfillment.screens.conftest import HTMX, Handheld
from tests.fulfillment.walks import shelf
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(transactional_db: None) -> Site:
    return site(code="MAIN", external_id="1")


def walk(house: Site, client: Handheld, *codes: str) -> PickingTask:
    """A begun task with a stop in each of these places."""
    products = []
    for number, code in enumerate(codes):
        products.append(ProductFactory())
        stocked(products[-1], shelf(house, code, number, aisle=code[0], bay=code[1:], zone="Hall"), 9)
    return begun(PickingTask.objects.get(order=order_for([(product, 1) for product in products])), client.actor)


def test_the_map_shows_the_next_stop_and_leads_back(house: Site, handheld: Callable[..., Any]) -> None:
    client = handheld(house, Role.PICKER)
    task = walk(house, client, "A1", "A5", "B3")
    here, back = f"/floor/pick/{task.pk}/map", f"/floor/pick/{task.pk}"
    assert f'href="{here}"' in client.see(back)
    text = client.see(here)
    assert "<strong>A1</strong> · Hall" in text
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="site-map"' in text
    assert f'href="{back}"' in text
    assert "Whole map" not in text
    pick(task.items.get(location__code="A1"), client.actor)
    assert "<strong>A5</strong>" in client.see(here)
    part = client.get(here, headers=HTMX).content.decode()
    assert part.lstrip().startswith('<div id="screen"')
    assert "<polyline" in part


def test_of_a_large_hall_it_shows_a_part_or_the_whole(house: Site, handheld: Callable[..., Any]) -> None:
    client = handheld(house, Role.PICKER)
    for aisle in "CDEFGHIJKL":
        LocationFactory(warehouse=house.warehouse, code=f"{aisle}1", aisle=aisle, bay="1")
    task = walk(house, client, "A1", "B3")
    text = client.see(f"/floor/pick/{task.pk}/map")
    assert "Whole map" in text
    assert ">L</text>" not in text
    text = client.see(f"/floor/pick/{task.pk}/map?whole")
    assert "Closer" in text
    assert ">K</text>" in text


def test_without_a_map_it_says_so_and_a_stranger_may_not_look(house: Site, handheld: Callable[..., Any]) -> None:
    client = handheld(house, Role.PICKER)
    product = ProductFactory()
    stocked(product, house.shelf, 5)
    task = begun(PickingTask.objects.get(order=order_for([(product, 1)])), client.actor)
    text = client.see(f"/floor/pick/{task.pk}/map")
    assert "This warehouse has no map." in text
    assert "A-01" in text
    assert client.get("/floor/pick/0/map").status_code == 404
    assert handheld(house, Role.PACKER).get(f"/floor/pick/{task.pk}/map").status_code == 403
    assert client.post(f"/floor/pick/{task.pk}/map").status_code in (403, 405)


def test_the_map_of_a_walk_for_several_orders(house: Site, handheld: Callable[..., Any]) -> None:
    client = handheld(house, Role.PICKER)
    tasks = []
    for number, code in enumerate(("A1", "B3")):
        product = ProductFactory()
        stocked(product, shelf(house, code, number, aisle=code[0], bay=code[1:]), 9)
        tasks.append(PickingTask.objects.get(order=order_for([(product, 1)])))
    (batch,) = make_picking_batches(house.id, [task.pk for task in tasks], actor=ACTOR)
    assign_picking_batch(batch.pk, client.actor.user_id, actor=ACTOR)
    start_picking_batch(batch.pk, actor=client.actor)
    here = f"/floor/pick/batch/{batch.pk}/map"
    assert f'href="{here}"' in client.see(f"/floor/pick/batch/{batch.pk}")
    text = client.see(here)
    assert f'href="/floor/pick/batch/{batch.pk}"' in text
    assert "<strong>A1</strong>" in text
    assert {">1</text>", ">2</text>"} <= set(re.findall(r">\d</text>", text))
    manager = office(Role.MANAGER)
    assert "<polyline" in manager.get(dialog(batch, "map")).content.decode()


@pytest.mark.parametrize(("language", "word"), [("ru", "Карта"), ("pl", "Mapa")])
def test_it_speaks_the_pickers_language(house: Site, handheld: Callable[..., Any], language: str, word: str) -> None:
    client = handheld(house, Role.PICKER)
    task = walk(house, client, "A1")
    response = client.get(f"/floor/pick/{task.pk}/map", headers={"Accept-Language": language})
    assert word in response.content.decode()


def test_the_statements_of_a_map_do_not_grow(house: Site, handheld: Callable[..., Any]) -> None:
    client = handheld(house, Role.PICKER)

    def statements(*codes: str) -> int:
        task = walk(house, client, *codes)
        with CaptureQueriesContext(connection) as queries:
            client.see(f"/floor/pick/{task.pk}/map")
        return len(queries)

    assert statements("A1") == statements("B1", "B2", "C3", "D4") <= 12


def test_the_map_of_a_task_of_somebody_else_is_shown_too(house: Site, handheld: Callable[..., Any]) -> None:
    client = handheld(house, Role.PICKER)
    product = ProductFactory()
    stocked(product, shelf(house, "A1", 1, aisle="A", bay="1"), 5)
    task = begun(PickingTask.objects.get(order=order_for([(product, 1)])), person(Role.PICKER))
    assert "<polyline" in client.see(f"/floor/pick/{task.pk}/map")
