"""What belongs to a paper comes in one order, the one in which it was written, wherever PostgreSQL keeps the rows by now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from fulfillment.admin.packing_forms import MoveForm
from fulfillment.models import MissingGoods, OrderLine, Package, PackageItem, PackingTask, PickingTask, Shipment
from fulfillment.services.packages import pack_item
from fulfillment.services.packing_tasks import start_packing_task
from inventory.models import Barcode, Product, ShelfLife
from stocksync.models import PendingStockOperation
from tests.api.conftest import Caller
from tests.factories.fulfillment import order_for, packed, person, picked, reachable_site
from tests.factories.heap import turned_around
from tests.factories.inventory import ProductFactory, stocked
from tests.factories.office import dialog, office
from tests.factories.stocksync import channel_at, owed, told
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def ids(rows: list[dict[str, Any]], name: str = "id") -> list[Any]:
    assert len(rows) > 1
    return [row[name] for row in rows]


def test_of_an_order(manager: Caller) -> None:
    milk, tea = ProductFactory(sku="MILK"), ProductFactory(sku="TEA")
    here, there = reachable_site(code="A", external_id="1"), reachable_site(code="B", external_id="2")
    for place in (here, there):
        stocked(milk, place.shelf, 9)
        stocked(tea, place.shelf, 9)
    order = order_for([(milk, 2, here), (tea, 1, here), (milk, 3, there), (tea, 4, there)])
    for task in PickingTask.objects.order_by("pk"):
        packed(picked(task, person(Role.PICKER)), person(Role.PACKER))
    MissingGoods.objects.bulk_create(MissingGoods(order=order, product=product, quantity=1) for product in (milk, tea))
    turned_around(OrderLine, MissingGoods, PickingTask, PackingTask, Shipment)
    shown = manager.get(f"orders/{order.pk}").json()
    assert [line["quantity"] for line in shown["lines"]] == ["2.000", "1.000", "3.000", "4.000"]
    assert ids(shown["missing"], "sku") == ["MILK", "TEA"]
    for name in ("picking_tasks", "packing_tasks", "shipments"):
        assert ids(shown[name]) == sorted(ids(shown[name])), name


def test_of_a_package() -> None:
    here = reachable_site(code="A", external_id="1")
    goods = [ProductFactory(sku=sku) for sku in ("MILK", "TEA", "HAM")]
    for product in goods:
        stocked(product, here.shelf, 9)
    order = order_for([(product, 1) for product in goods])
    task = picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    packer = person(Role.PACKER)
    start_packing_task(task.pk, actor=packer)
    for sku in ("TEA", "HAM", "MILK"):
        pack_item(task.pk, sku, 1, actor=packer)
    package = Package.objects.get()
    items = list(PackageItem.objects.order_by("pk").values_list("item", flat=True))
    turned_around(PackageItem)
    [shown] = Caller(Role.MANAGER).get(f"packing-tasks/{task.pk}").json()["packages"]
    assert ids(shown["items"], "item") == items
    form = office(Role.MANAGER).get(dialog(task, "move")).context["form"]
    assert isinstance(form, MoveForm)
    assert [value for value, _ in form.fields["what"].choices] == [f"{package.pk}-{item}" for item in items]  # type: ignore[attr-defined]


def test_of_a_product(integration: Caller) -> None:
    product: Product = ProductFactory(lives={"chilled": 10, "ambient": 5, "frozen": 90})
    Barcode.objects.bulk_create(Barcode(product=product, code=code) for code in ("40001", "40003", "40002"))
    lives = list(ShelfLife.objects.order_by("pk").values_list("condition", flat=True))
    turned_around(ShelfLife, Barcode)
    shown = integration.get(f"products/{product.pk}").json()
    assert ids(shown["shelf_lives"], "condition") == lives
    assert ids(shown["barcodes"], "code") == ["40001", "40003", "40002"]


def test_of_an_order_of_a_marketplace(manager: Caller) -> None:
    here = reachable_site(code="A", external_id="1")
    first = told(owed(channel_at(here)))
    later = PendingStockOperation.objects.get(pk=first.pk)
    later.pk, later.revision, later._state.adding = UUID("f" * 32), "2", True
    later.save()
    turned_around(PendingStockOperation)
    shown = manager.get(f"stock-sync/orders/{first.order_id}").json()
    assert ids(shown["operations"]) == [str(first.pk), str(later.pk)]
