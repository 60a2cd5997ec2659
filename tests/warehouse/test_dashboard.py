"""The first page of the back office: exact figures, for those who may see what they count."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis as redis_client
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import Order, Pick, PickingTask, Shipment
from fulfillment.queries import reports as work
from fulfillment.services.picking_tasks import cancel_picking_task
from inventory.enums import Severity
from inventory.models import Batch, BatchLocation
from inventory.queries import reports as stock
from inventory.services.alerts import acknowledge_alert, open_alert, resolve_alert
from tests.factories.fulfillment import begun, order_for, packed, person, pick, picked, reachable_site
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, Site, site, stocked
from tests.factories.office import clerk, office
from warehouse.core.actor import Actor, Role
from warehouse.dashboard import Board

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


def board_of(client: Client) -> Board:
    board: Board = client.get(reverse("admin:index")).context["board"]
    return board


def figures(board: Board) -> dict[str, str]:
    return {figure.title: figure.value for figure in board.figures}


def test_todays_orders_by_state(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    for quantity in (1, 2, 100):
        order_for([(product, quantity)])
    yesterday = order_for([(product, 1)])
    Order.objects.filter(pk=yesterday.pk).update(created_at=timezone.now() - timedelta(days=1))
    counts = work.orders_today()
    assert {state: count for state, count in counts.items() if count} == {"accepted": 2, "rejected": 1}
    assert list(counts) == ["accepted", "picking", "packing", "ready_for_shipment", "shipped", "rejected", "needs_attention", "cancelled"]


def test_picks_per_hour(house: Site) -> None:
    products, picker = ProductFactory.create_batch(3), person(Role.PICKER)
    for product in products:
        stocked(product, house.shelf, 9)
    task = begun(order_for([(product, 1) for product in products]).picking_tasks.get(), picker)
    for item in task.items.all():
        pick(item, picker)
    hour = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    first, second, third = Pick.objects.order_by("pk").values_list("pk", flat=True)
    Pick.objects.filter(pk=first).update(picked_at=hour - timedelta(minutes=1))
    Pick.objects.filter(pk=second).update(picked_at=hour - timedelta(hours=3))
    assert work.picks_per_hour(hours=3) == {hour - timedelta(hours=2): 0, hour - timedelta(hours=1): 1, hour: 1}
    assert third


def test_late_tasks_and_waybills(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 50)
    now = timezone.now()
    packed(picked(order_for([(product, 1)], ship_by=now - timedelta(hours=5)).picking_tasks.get(), person(Role.PICKER)), person(Role.PACKER))
    order_for([(product, 1)], ship_by=now - timedelta(hours=1))
    order_for([(product, 1)], ship_by=now + timedelta(hours=1))
    order_for([(product, 1)])
    count, late = work.late_tasks(limit=5)
    assert (count, [row.kind for row in late]) == (2, ["packing", "picking"])
    assert work.late_tasks(limit=1)[1][0].kind == "packing"
    assert work.waybills() == work.Waybills(waiting=1, failing=0, stopped=0, ready=0)
    Shipment.objects.update(last_error="no answer", next_attempt_at=None)
    assert work.waybills() == work.Waybills(waiting=1, failing=1, stopped=1, ready=0)
    assert [row.last_error for row in work.troubled_shipments(limit=5)] == ["no answer"]


def expire(spot: BatchLocation, days: float, price: str, currency: str = "EUR") -> None:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    BatchLocation.objects.filter(pk=spot.pk).update(effective_expires_at=midnight + timedelta(days=days))
    Batch.objects.filter(pk=spot.batch_id).update(purchase_price=Decimal(price), currency=currency)


def test_what_expires_and_what_it_is_worth(house: Site) -> None:
    spots = [stocked(ProductFactory(), house.shelf, 4) for _ in range(5)]
    for spot, days, price, currency in zip(
        spots, (-3, 0.5, 2.5, 2.9, 7), ("1", "2", "3", "0.25", "9"), ("EUR", "EUR", "EUR", "RSD", "EUR"), strict=True
    ):
        expire(spot, days, price, currency)
    today = timezone.localdate()
    assert [(row.day, row.currency, row.places, row.value) for row in stock.expiring_by_day(ACTOR, days=7)] == [
        (today, "EUR", 2, 12),
        (today + timedelta(days=2), "EUR", 1, 12),
        (today + timedelta(days=2), "RSD", 1, 1),
    ]
    assert [(row.warehouse, row.currency, row.value) for row in stock.stock_value(ACTOR)] == [("MAIN", "EUR", 60), ("MAIN", "RSD", 1)]


def test_the_page_of_a_manager(house: Site) -> None:
    product = ProductFactory(sku="TEA", name="Tea")
    expire(stocked(product, house.shelf, 6), 1.5, "2.5")
    order_for([(product, 2)], ship_by=timezone.now() - timedelta(hours=2))
    order_for([(product, 20)])
    board = board_of(office(Role.MANAGER))
    events = figures(board).pop("Events waiting")
    assert int(events) > 0
    assert figures(board) == {
        "Orders today": "2",
        "Need a person": "1",
        "Picks this hour": "0",
        "Late tasks": "1",
        "Waiting for the carrier": "0",
        "To put back": "0",
        "Open alerts": "0",
        "Low or out of stock": "1",
        "Expiring in 7 days": "1",
        "Awaiting approval": "0",
        "Events waiting": events,
    }
    assert {figure.title for figure in board.figures if figure.alarm} == {"Need a person", "Late tasks", "Low or out of stock", "Expiring in 7 days"}
    tables = {table.title: table.rows for table in board.tables}
    assert tables["Stock value"] == [["MAIN", "15.00 EUR"]]
    assert [row[1:] for row in tables["Running out"]] == [["MAIN", "4", "5"]]
    assert PickingTask.objects.get().number in tables["Late"][0][0]
    charts = {chart.title: json.loads(chart.data) for chart in board.charts}
    assert charts["Orders today by state"]["datasets"][0]["data"] == [1, 0, 0, 0, 0, 1, 0, 0]
    assert charts["Value expiring by day"]["datasets"][0]["data"] == [0, 15.0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.PICKER, {"Late", "Shipments in trouble", "Running out", "Expiring"}),
        (Role.RECEIVER, {"Alerts", "Running out", "Expiring"}),
        (Role.AUDITOR, {"Alerts", "Late", "Shipments in trouble", "Running out", "Expiring", "Stock value"}),
        (Role.SELLER, {"Alerts", "Running out", "Expiring", "Stock value"}),
    ],
)
def test_a_role_sees_the_blocks_of_its_pages(role: Role, seen: set[str]) -> None:
    board = board_of(office(role))
    assert {table.title for table in board.tables} == seen
    assert "Events waiting" not in figures(board)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.PICKER, Role.PACKER, Role.RECEIVER, Role.AUDITOR, Role.VIEWER, Role.SELLER])
def test_a_role_is_led_to_pages_that_it_may_open(house: Site, role: Role) -> None:
    product = ProductFactory()
    expire(stocked(product, house.shelf, 6), 1.5, "2.5")
    late = timezone.now() - timedelta(hours=2)
    packed(picked(order_for([(product, 1)], ship_by=late).picking_tasks.get(), person(Role.PICKER)), person(Role.PACKER))
    picked(order_for([(product, 1)], ship_by=late).picking_tasks.get(), person(Role.PICKER))
    order_for([(product, 1)], ship_by=late)
    Shipment.objects.update(last_error="no answer", next_attempt_at=None)
    open_alert("low_stock", "a", message="TEA is low", warehouse_id=house.id, actor=ACTOR)
    client = office(role)
    board = board_of(client)
    cells = [str(cell) for table in board.tables for row in table.rows for cell in row]
    links = [figure.link for figure in board.figures] + [table.link for table in board.tables] + re.findall(r'href="([^"]+)"', " ".join(cells))
    assert {client.get(link).status_code for link in links if link} == {200}
    if role in (Role.PICKER, Role.PACKER):
        shown = client.get(reverse("admin:index")).content.decode()
        # The number without a link, where the page is another role's.
        assert any(cell.startswith(("PCK-", "PAK-")) for cell in cells)
        assert shown.count("<div") == shown.count("</div>")
        assert shown.count("<a ") == shown.count("</a>")


def test_a_seller_sees_the_value_of_its_own_sites_only() -> None:
    mine, theirs = site(code="MINE", seller=SellerFactory()), site(code="THEIRS", seller=SellerFactory())
    for house in (mine, theirs):
        expire(stocked(ProductFactory(), house.shelf, 4), 1, "2")
    member = clerk(Role.SELLER)
    mine.warehouse.seller.members.add(member)
    client = Client()
    client.force_login(member)
    assert board_of(office(Role.MANAGER)).tables[-1].rows == [["MINE", "8.00 EUR"], ["THEIRS", "8.00 EUR"]]
    board = board_of(client)
    assert board.tables[-1].rows == [["MINE", "8.00 EUR"]]
    assert figures(board) == {"Open alerts": "0", "Low or out of stock": "1", "Expiring in 7 days": "1", "Awaiting approval": "0"}
    assert stock.stock_value(Actor.of_user(member)) == [stock.SiteValue("MINE", "EUR", Decimal(8))]


def test_the_figures_are_kept_for_a_moment(house: Site) -> None:
    client = office(Role.MANAGER)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("admin:index"))
        return len(queries)

    first, again = statements(), statements()
    assert first <= 26
    assert again <= 5


def test_what_needs_a_person_counts_every_day_and_leads_to_what_it_counts(house: Site) -> None:
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    for quantity in (1, 100, 200):
        order_for([(product, quantity)])
    lost = order_for([(product, 2)])
    cancel_picking_task(lost.picking_tasks.get().pk, "squashed", actor=ACTOR)
    Order.objects.update(created_at=timezone.now() - timedelta(days=3))
    client = office(Role.MANAGER)
    (figure,) = [figure for figure in board_of(client).figures if figure.title == "Need a person"]
    assert (figure.value, figure.note, figure.alarm) == ("3", "1 need attention, 2 rejected", True)
    shown = client.get(figure.link).context["cl"].result_list
    assert sorted(order.status for order in shown) == ["needs_attention", "rejected", "rejected"]


def test_low_or_out_leads_to_both(house: Site) -> None:
    low, out, plenty = ProductFactory(), ProductFactory(), ProductFactory()
    for product, quantity in ((low, 4), (out, 1), (plenty, 90)):
        stocked(product, house.shelf, quantity)
    order_for([(out, 1)])
    client = office(Role.MANAGER)
    (figure,) = [figure for figure in board_of(client).figures if figure.title == "Low or out of stock"]
    assert (figure.value, figure.note) == ("2", "1 low, 1 out")
    assert {row.product_id for row in client.get(figure.link).context["cl"].result_list} == {low.pk, out.pk}


def test_alerts_the_gravest_first(house: Site) -> None:
    own = SellerFactory()
    shop = site(code="SHOP", seller=own)
    warning = open_alert("low_stock", "a", message="TEA is low", warehouse_id=house.id, actor=ACTOR)
    open_alert("partner", "b", message="carrier is away", severity=Severity.INFO, actor=ACTOR)
    grave = open_alert("out_of_stock", "c", message="MILK is out", severity=Severity.CRITICAL, warehouse_id=shop.id, actor=ACTOR)
    taken = open_alert("out_of_stock", "d", message="SALT is out", severity=Severity.CRITICAL, warehouse_id=house.id, actor=ACTOR)
    acknowledge_alert(taken.pk, actor=ACTOR)
    open_alert("out_of_stock", "e", message="gone", severity=Severity.CRITICAL, actor=ACTOR)
    resolve_alert("out_of_stock", "e", actor=ACTOR)
    client = office(Role.MANAGER)
    board = board_of(client)
    (figure,) = [figure for figure in board.figures if figure.title == "Open alerts"]
    assert (figure.value, figure.note, figure.alarm) == ("4", "2 critical, 3 that nobody looks after", True)
    assert {row.subject for row in client.get(figure.link).context["cl"].result_list} == {"a", "b", "c", "d"}
    (table,) = [table for table in board.tables if table.title == "Alerts"]
    assert [(row[0], row[2]) for row in table.rows] == [("critical", "SHOP"), ("warning", "MAIN"), ("info", "")]
    assert str(grave.pk) in table.rows[0][1]
    member = clerk(Role.SELLER)
    own.members.add(member)
    client.force_login(member)
    assert figures(board_of(client))["Open alerts"] == "1"
    assert warning.resolved_at is None


def test_without_redis_the_page_stands(house: Site, redis: redis_client.Redis, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}}
    assert figures(board_of(office(Role.MANAGER)))["Orders today"] == "0"
