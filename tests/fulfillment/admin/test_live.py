"""The live board and an order's progress as pages: for whom, what the script is told, and what changes on them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fulfillment import events
from fulfillment.admin.live import EVENT_TYPES, spent
from fulfillment.models import Order
from tests.factories.fulfillment import begun, order_for, person, pick, reachable_site
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.office import office, page
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1", name="Main house")


def walking(house: Site, lines: int = 2) -> Order:
    """An order of which the first item is picked."""
    picker = person(Role.PICKER)
    products = ProductFactory.create_batch(lines)
    for product in products:
        stocked(product, house.shelf, 9)
    order = order_for([(product, 2) for product in products])
    task = begun(order.picking_tasks.get(), picker)
    pick(task.items.order_by("sequence")[0], picker)
    return order


def progress_of(order: Order) -> str:
    return reverse("admin:fulfillment_order_progress", args=[order.pk])


def test_who_sees_the_board(house: Site) -> None:
    for role in Role:
        answer = office(role).get(reverse("live"))
        if role in {Role.MANAGER, Role.VIEWER, Role.AUDITOR}:
            assert answer.status_code == 200, role
            # An auditor may not read the feed, so the page does without its stream.
            assert f'data-stream="{"" if role == Role.AUDITOR else "/api/v1/events/stream"}"' in answer.content.decode()
        else:
            assert answer.status_code in (302, 403), role
    assert Client().get(reverse("live")).status_code == 302
    assert office(Role.MANAGER).post(reverse("live")).status_code == 405
    assert "Live" in [item["title"] for item in office(Role.VIEWER).get(reverse("live")).context["sidebar_navigation"][0]["items"]]


def test_the_board_and_its_part(house: Site) -> None:
    order = walking(house)
    manager = office(Role.MANAGER)
    whole = manager.get(reverse("live")).content.decode()
    part = manager.get(reverse("live"), {"part": ""})
    text = part.content.decode()
    assert 'data-part="?part"' in whole
    assert "<html" not in text
    assert part["Cache-Control"].startswith("max-age=0")
    task = order.picking_tasks.get()
    for told in (task.number, str(task.worker), "being picked", "1 of 2", 'data-again="5"'):
        assert told in text
        assert told in whole
    assert manager.get(reverse("live"), {"warehouse": "MAIN"}).context["title"] == "Live: Main house"
    assert manager.get(reverse("live"), {"warehouse": "NOWHERE"}).status_code == 404


def test_the_part_costs_the_same_however_much_is_done(house: Site) -> None:
    manager = office(Role.MANAGER)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            manager.get(reverse("live"), {"part": ""})
        return len(queries)

    walking(house)
    few = statements()
    for _ in range(5):
        walking(house, 4)
    assert few == statements() <= 12


def test_the_progress_of_an_order(house: Site) -> None:
    order = walking(house)
    manager = office(Role.MANAGER)
    assert progress_of(order) in manager.get(page(order)).content.decode()
    whole, part = manager.get(progress_of(order)).content.decode(), manager.get(progress_of(order), {"part": ""}).content.decode()
    assert f'data-order="{order.external_id}"' in whole
    assert "<html" not in part
    task = order.picking_tasks.get()
    for told in (task.number, f"{task.worker}</b> is on the way to {house.shelf.code}", "2 / 2 pcs", "0 / 2 pcs", "25 %", "picking assigned"):
        assert told in part, told
    assert office(Role.PICKER).get(progress_of(order)).status_code == 200
    assert office(Role.SELLER).get(progress_of(order)).status_code in (302, 403, 404)
    assert office(Role.RECEIVER).get(progress_of(order)).status_code in (302, 403, 404)


def test_the_pages_listen_to_every_event_of_the_work() -> None:
    assert {events.PICKING_COMPLETED, events.ORDER_SHIPPED, events.QUALITY_FAILED, events.SHIPMENT_CREATED} <= set(EVENT_TYPES)
    assert all("." in name for name in EVENT_TYPES)


def test_times_in_words() -> None:
    told = {None: "–", 0: "0 s", 59.9: "59 s", 60: "1 min", 3599: "59 min", 3600: "1 h", 7500: "2 h 5 min", 172800: "2 d"}
    assert {seconds: spent(seconds) for seconds in told} == told
