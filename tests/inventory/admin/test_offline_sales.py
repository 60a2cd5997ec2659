"""Receipts of tills at the back office: read, and entered by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from inventory.models import OfflineSale, Product, Stock
from inventory.orchestrator import OrderedLine, SaleLine, process_offline_sale, reserve_for_order
from tests.factories.inventory import ACTOR, BarcodeFactory, ProductFactory, SellerFactory, Site, site, stocked
from tests.factories.office import clerk, listing, office, page
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db
ADD = "/admin/inventory/offlinesale/add/"


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK")
    BarcodeFactory(product=product, code="40001", pack_quantity=6)
    stocked(product, house.shelf, 20, lot="A", expires_in_days=9)
    return product


def enter(client: Client, house: Site, goods: str, receipt: str = "77", take_from: str = "", **headers: str) -> Any:
    form = {"expected_version": -1, "warehouse_id": house.id, "receipt_number": receipt, "goods": goods, "take_from": take_from}
    return client.post(ADD, form, headers=headers)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_receipt_by_hand(house: Site, milk: Product) -> None:
    manager = office(Role.MANAGER)
    assert manager.get(ADD).status_code == 200
    answer = enter(manager, house, "milk 2\n\n 40001 1 \n")
    sale = OfflineSale.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(sale))
    assert sale.lines == [{"product": milk.pk, "sku": "MILK", "quantity": "8"}]
    assert Stock.objects.get().quantity == 12
    shown = text(manager.get(page(sale)))
    assert "8 MILK of lot A from A-01" in shown
    assert LogEntry.objects.filter(object_id=str(sale.pk)).count() == 1
    again = enter(manager, house, "MILK 8", **{"HX-Request": "true"})
    assert (again.status_code, again["HX-Redirect"], OfflineSale.objects.count()) == (204, page(sale), 1)
    assert "booked with other lines" in text(enter(manager, house, "MILK 3"))


def test_what_is_short_is_said_with_who_has_it(house: Site, milk: Product) -> None:
    held = reserve_for_order("web:1", [OrderedLine(milk.pk, Decimal(15))], warehouse_id=house.id, ttl=timedelta(minutes=5), actor=ACTOR)
    manager = office(Role.MANAGER)
    refused = text(enter(manager, house, "MILK 8"))
    assert "MILK: asked 8, available 5" in refused
    assert f"MILK: reservation {held.reservation_id} for web:1 holds 15" in refused
    assert not OfflineSale.objects.exists()
    assert enter(manager, house, "MILK 8", take_from=f"{held.reservation_id}").status_code == 302
    assert (Stock.objects.get().quantity, Stock.objects.get().reserved) == (12, 0)


@pytest.mark.parametrize(
    ("goods", "take_from", "problem"),
    [
        ("NOPE 2", "", "Line 1: &#x27;NOPE&#x27; names no product."),
        ("MILK two", "", "names no product|is not a number"),
        ("MILK -1", "", "must be greater than zero"),
        ("", "", "required"),
        ("MILK 1", "seven", "Numbers of reservations"),
        ("MILK 0.5", "", "not a multiple"),
        ("\n".join(["MILK 1"] * 51), "", "At most 50 lines"),
        ("MILK 1", "999999", "There is no reservation 999999"),
    ],
)
def test_what_can_not_be_read(house: Site, milk: Product, goods: str, take_from: str, problem: str) -> None:
    answer = enter(office(Role.MANAGER), house, goods, take_from=take_from)
    assert answer.status_code == 200
    assert any(part in text(answer) for part in problem.split("|")), text(answer)
    assert not OfflineSale.objects.exists()


def test_who_sees_and_who_enters(house: Site, milk: Product) -> None:
    sale = process_offline_sale(warehouse_id=house.id, lines=[SaleLine(milk.pk, Decimal(1))], receipt_number="1", actor=ACTOR)
    for role in (Role.AUDITOR, Role.VIEWER, Role.SELLER, Role.RECEIVER, Role.PICKER):
        client = office(role)
        assert client.get(ADD).status_code == 403
        assert enter(client, house, "MILK 1").status_code == 403
        assert client.get(listing(OfflineSale)).status_code == (200 if role in (Role.AUDITOR, Role.VIEWER, Role.SELLER) else 403)
    member, client = clerk(Role.SELLER), Client()
    client.force_login(member)
    assert list(client.get(listing(OfflineSale)).context["cl"].result_list) == []
    mine = site(seller=SellerFactory())
    mine.warehouse.seller.members.add(member)
    stocked(milk, mine.shelf, 2)
    own = process_offline_sale(warehouse_id=mine.id, lines=[SaleLine(milk.pk, Decimal(1))], receipt_number="1", actor=ACTOR)
    assert list(client.get(listing(OfflineSale)).context["cl"].result_list) == [own]
    assert client.get(page(sale)).status_code == 302
    assert office(Role.MANAGER).post(page(sale), {"receipt_number": "2"}).status_code == 403
