"""Walk settings and maps at the back office."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fulfillment.models import PickingTask, WalkSettings
from inventory.models import Location
from tests.factories.fulfillment import begun, order_for, person, pick, site, stocked
from tests.factories.inventory import LocationFactory, ProductFactory, Site
from tests.factories.office import dialog, listing, office, page
from tests.fulfillment.walks import shelf
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

MAP = "/admin/fulfillment/walksettings/map/"


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


@pytest.fixture
def manager(db: None) -> Client:
    return office(Role.MANAGER)


def form(house: Site, **values: Any) -> dict[str, Any]:
    return {
        "warehouse": house.id, "method": "exact", "cold_last": "on", "depot": "", "aisle_spacing": "3", "bay_length": "1.5", "middle_cross_aisle": "",
        "batching": "savings", "totes": "8", "max_items": "", "max_volume": "", "max_weight": "",
        "seen_version": "",
    } | values  # fmt: skip


def test_settings_are_made_changed_and_deleted_and_it_is_known_by_whom(house: Site, manager: Client) -> None:
    add = reverse("admin:fulfillment_walksettings_add")
    assert manager.post(add, form(house, depot=house.bench.pk, totes="6")).status_code == 302
    row = WalkSettings.objects.get()
    assert (row.warehouse_id, row.depot_id, row.totes, row.max_items, row.waves_only, row.version) == (house.id, house.bench.pk, 6, None, False, 1)
    assert manager.post(page(row), form(house, method="largest_gap", max_weight="40", waves_only="on", seen_version="1")).status_code == 302
    row.refresh_from_db()
    assert (row.method, row.depot_id, row.max_weight, row.waves_only, row.version) == ("largest_gap", None, Decimal(40), True, 2)
    late = manager.post(page(row), form(house, totes="3", seen_version="1"), follow=True)
    assert "changed meanwhile (version 2, you have seen 1)" in late.content.decode()
    row.refresh_from_db()
    assert (row.totes, row.version) == (8, 2)
    assert 'name="seen_version" value="2"' in late.content.decode()
    assert "largest gap" in manager.get(listing(WalkSettings)).content.decode()
    delete = reverse("admin:fulfillment_walksettings_delete", args=[row.pk])
    assert manager.post(delete, {"post": "yes"}).status_code == 302
    assert WalkSettings.objects.count() == 0
    assert [entry.action_flag for entry in LogEntry.objects.order_by("pk")] == [1, 2, 3]
    assert {entry.user_id for entry in LogEntry.objects.all()} == {int(manager.session["_auth_user_id"])}


def test_wrong_settings_are_said_on_the_form(house: Site, manager: Client) -> None:
    other = site(code="OTHER", external_id="2")
    add = reverse("admin:fulfillment_walksettings_add")
    assert "depot: name a place of this warehouse" in manager.post(add, form(house, depot=other.bench.pk), follow=True).content.decode()
    assert manager.post(add, form(house, aisle_spacing="0")).status_code == 200
    assert WalkSettings.objects.count() == 0
    for role, status in ((Role.PICKER, 403), (Role.AUDITOR, 403), (Role.PACKER, 403)):
        assert office(role).get(add).status_code == status


def test_a_place_impossibly_far_away_is_not_said_to_be_missing_on_the_map(house: Site, manager: Client) -> None:
    products = ProductFactory.create_batch(2)
    for product, x in zip(products, (0, 999_999), strict=True):
        stocked(product, shelf(house, f"A{x}", 1, aisle=f"A{x}", x=x, y=0), 9)
    task = PickingTask.objects.get(order=order_for([(product, 1) for product in products]))
    begun(task, person(Role.PICKER))
    text = manager.get(page(task)).content.decode()
    assert "shortest walk; no length: one of its places is not on the map, or lies impossibly far away" in text


def test_a_page_says_how_a_task_is_walked(house: Site, manager: Client) -> None:
    product = ProductFactory(sku="TEA")
    stocked(product, house.shelf, 9)
    task = PickingTask.objects.get(order=order_for([(product, 1)]))
    begun(task, person(Role.PICKER))
    assert "no length: one of its places is not on the map, or lies impossibly far away" in manager.get(page(task)).content.decode()
    PickingTask.objects.update(route_method="s_shape", route_length=Decimal(60), shortest_length=Decimal(48))
    assert "S-shape: 60.00 m, 25.0% longer than the shortest (48.00 m)" in manager.get(page(task)).content.decode()


def test_the_map_of_a_warehouse_is_for_readers_and_pickers(house: Site, manager: Client) -> None:
    text = manager.get(MAP).content.decode()
    assert "This warehouse has no map" in text
    Location.objects.filter(pk=house.shelf.pk).update(aisle="NORTH", bay="1")
    text = manager.get(MAP).content.decode()
    assert 'class="site-map"' in text
    assert ">NORTH</text>" in text
    other = site(code="OTHER", external_id="2")
    assert "This warehouse has no map" in manager.get(f"{MAP}?warehouse={other.id}").content.decode()
    assert manager.get(f"{MAP}?warehouse=nonsense").status_code == 404
    assert office(Role.PICKER).get(MAP).status_code == 200
    assert office(Role.PACKER).get(MAP).status_code == 403
    assert MAP in manager.get(listing(PickingTask)).content.decode()


def test_a_walk_on_the_map(house: Site, manager: Client) -> None:
    products = []
    for number, code in enumerate(("A1", "A2", "B1"), start=1):
        products.append(ProductFactory(sku=f"P-{code}"))
        stocked(products[-1], shelf(house, code, number, aisle=code[0], bay=code[1]), 9)
    lost = ProductFactory(sku="LOST")
    stocked(lost, house.shelf, 9)
    task = PickingTask.objects.get(order=order_for([(product, 1) for product in [*products, lost]]))
    picker = person(Role.PICKER)
    begun(task, picker)
    pick(task.items.get(location__code="A1"), picker)
    text = manager.get(dialog(task, "map")).content.decode()
    assert "<polyline" in text
    assert "Not on the map: A-01" in text
    assert reverse("admin:fulfillment_pickingtask_map", args=[task.pk]) in manager.get(page(task)).content.decode()
    assert manager.get(dialog(PickingTask(pk=0), "map")).status_code == 404
    assert office(Role.PACKER).get(dialog(task, "map")).status_code in (403, 404)


def test_a_map_takes_as_many_statements_with_five_thousand_places(house: Site, manager: Client) -> None:
    LocationFactory(warehouse=house.warehouse, code="00-00", aisle="00", bay="1")
    manager.get(MAP)
    with CaptureQueriesContext(connection) as one:
        manager.get(MAP)
    Location.objects.bulk_create(
        LocationFactory.build(warehouse=house.warehouse, code=f"{a:02}-{b:02}-{c}", aisle=f"{a:02}", bay=f"{b}", level=f"{c}")
        for a in range(1, 26)
        for b in range(1, 51)
        for c in range(4)
    )
    with CaptureQueriesContext(connection) as many:
        assert manager.get(MAP).status_code == 200
    assert len(one) == len(many) <= 12


def test_settings_are_listed_in_the_same_number_of_statements(house: Site, manager: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(listing(WalkSettings)).status_code == 200
        return len(queries)

    WalkSettings.objects.create(warehouse=house.warehouse, depot=house.bench)
    statements()
    one = statements()
    for number in range(3):
        more = site(code=f"W{number}", external_id=f"w{number}")
        WalkSettings.objects.create(warehouse=more.warehouse, depot=more.bench)
    assert statements() == one
