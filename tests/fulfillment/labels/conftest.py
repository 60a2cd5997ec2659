"""An order packed in two packages, with its waybills."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fulfillment import flows
from fulfillment.models import PackingTask, PickingTask, Printer, Shipment
from fulfillment.services.packages import add_package, pack_item, set_package_details
from fulfillment.services.packing_tasks import complete_packing_task, start_packing_task
from tests.factories.fulfillment import order_for, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.partners.fixtures import delivery, order_system, raw_printer
from tests.partners.printer import RawPrinter
from tests.partners.server import PartnerServer
from warehouse.core.actor import Actor, Role

__all__ = ["delivery", "order_system", "raw_printer"]

SERBIAN = {
    "street": "Улица краља Петра Првог 12^XZ~JR_5E",
    "city": "Ниш",
    "postal_code": "18000",
    "country": "RS",
    "contact_name": "Јелена Ђорђевић",
    "phone": "+381 64 000000",
}


@pytest.fixture
def packer() -> Actor:
    return person(Role.PACKER)


@pytest.fixture
def place() -> Site:
    return reachable_site(city="Beograd", country="RS")


@pytest.fixture
def make_packed(place: Site, packer: Actor, delivery: PartnerServer, order_system: PartnerServer) -> Callable[..., PackingTask]:
    """Makes tasks that are packed in two packages; nothing was asked of the carrier yet."""

    def make(order_id: str, packages: int = 2) -> PackingTask:
        delivery.partner.put_address(order_id, SERBIAN)  # type: ignore[attr-defined]
        apple, pear = ProductFactory(name="Яблоки <красные> & зелёные"), ProductFactory(name="Żółte gruszki")
        stocked(apple, place.shelf, 10, lot=f"L-{order_id}", expires_in_days=30)
        stocked(pear, place.shelf, 10)
        order = order_for([(apple, 4), (pear, 1)], external_id=order_id)
        task = picked(PickingTask.objects.get(order=order), person(Role.PICKER))
        start_packing_task(task.pk, actor=packer)
        boxes = [add_package(task.pk, actor=packer) for _ in range(packages)]
        pack_item(task.pk, apple.sku, 4 if packages == 1 else 3, actor=packer, package_id=boxes[0].pk)
        if packages > 1:
            pack_item(task.pk, apple.sku, 1, actor=packer, package_id=boxes[1].pk)
        pack_item(task.pk, pear.sku, 1, actor=packer, package_id=boxes[-1].pk)
        for number, box in enumerate(boxes, 1):
            set_package_details(task.pk, f"{number}.5", 30, 20, 10, actor=packer, package_id=box.pk)
        return complete_packing_task(task.pk, actor=packer)

    return make


@pytest.fixture
def packed_task(make_packed: Callable[..., PackingTask]) -> PackingTask:
    return make_packed("7001")


def ask_carrier() -> None:
    """Waybills for all shipments that wait."""
    for pk in Shipment.objects.filter(status="requested").order_by("pk").values_list("pk", flat=True):
        flows.request_shipment(pk)


@pytest.fixture
def labelled_task(packed_task: PackingTask) -> PackingTask:
    """Two packages with a waybill each."""
    ask_carrier()
    return packed_task


@pytest.fixture
def zpl_printer(place: Site, raw_printer: RawPrinter) -> Printer:
    return Printer.objects.create(warehouse=place.warehouse, name="Bench 1", host=raw_printer.host, port=raw_printer.port)
