"""Goods by weight: the scale at the packing bench decides what leaves the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pypdfium2
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment import flows
from fulfillment.errors import WeightDiffers
from fulfillment.models import PackingTask, Pick, PickingTask, PutBack, Shipment
from fulfillment.services.carrier_news import return_shipment
from fulfillment.services.packages import add_package, pack_item, set_package_details
from fulfillment.services.packing_slips import print_packing_slip
from fulfillment.services.packing_tasks import cancel_packing_task, complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.picking_tasks import complete_picking_task
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.waybills import Waybill, record_waybill
from fulfillment.services.weighing import weigh_item
from inventory.models import Alert, BatchLocation, Movement, Reservation, ReturnItem, Stock
from tests.factories.fulfillment import ACTOR, begun, order_for, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed
from warehouse.core.shown import quantity_text

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def packer() -> Actor:
    return person(Role.PACKER)


@pytest.fixture
def place() -> Site:
    return reachable_site()


@pytest.fixture
def cheese(place: Site) -> Any:
    """Five kilograms on the shelf; a line may become 50 g heavier than promised."""
    product = ProductFactory(sku="CHEESE", base_unit="kg", quantity_step=Decimal("0.001"), weight_tolerance=Decimal("0.050"))
    stocked(product, place.shelf, 5, lot="CH-1")
    return product


@pytest.fixture
def task(cheese: Any, packer: Actor) -> PackingTask:
    """Half a kilogram, being packed."""
    order = order_for([(cheese, "0.5")])
    return start_packing_task(picked(PickingTask.objects.get(order=order), person(Role.PICKER)).pk, actor=packer)


@pytest.fixture(autouse=True)
def books_balance(db: Any) -> Any:
    yield
    call_command("reconcile_stock")


@pytest.mark.parametrize(
    ("parts", "weighed", "real"),
    [
        (("2", "2"), "3.6", ("1.800", "1.800")),
        (("1", "1", "1"), "2.999", ("0.999", "1.000", "1.000")),
        (("1", "2"), "3.02", ("1.006", "2.014")),
    ],
)
def test_a_weighed_item_in_several_packages_comes_back_by_its_weight(
    cheese: Any, place: Site, packer: Actor, parts: tuple[str, ...], weighed: str, real: tuple[str, ...]
) -> None:
    order = order_for([(cheese, sum(Decimal(part) for part in parts))])
    task = picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    start_packing_task(task.pk, actor=packer)
    for part in parts:
        box = add_package(task.pk, actor=packer)
        pack_item(task.pk, "CHEESE", part, actor=packer, package_id=box.pk)
    weigh_item(task.pk, task.items.get().pk, weighed, actor=packer)
    boxes = list(task.packages.prefetch_related("items__item__product"))
    assert [str(box.items.all()[0].real_quantity) for box in boxes] == list(real)
    for box, weight in zip(boxes, real, strict=True):
        set_package_details(task.pk, weight, 20, 20, 10, actor=packer, package_id=box.pk)  # the scale agrees: no reason is asked for
    complete_packing_task(task.pk, actor=packer)
    slip = pypdfium2.PdfDocument(print_packing_slip(task.pk, actor=packer).pdf)[0].get_textpage().get_text_range()
    assert all(quantity_text(Decimal(weight), "kg") in slip for weight in real)
    for number, shipment in enumerate(Shipment.objects.order_by("pk")):
        record_waybill(shipment.pk, Waybill(f"X{number}", f"T{number}", "", "created", None), actor=ACTOR)
    ship_packing_task(task.pk, actor=packer)
    for shipment in Shipment.objects.order_by("pk"):
        return_shipment(shipment.pk, actor=ACTOR)
    assert list(ReturnItem.objects.order_by("pk").values_list("quantity", flat=True)) == [Decimal(weight) for weight in real]
    assert not Alert.objects.exists()


def ship(task: PackingTask, packer: Actor) -> None:
    for item in task.items.select_related("product"):
        if item.remaining:
            pack_item(task.pk, item.product.sku, item.remaining, actor=packer)
    set_package_details(task.pk, "0.6", 20, 20, 10, actor=packer, weight_reason="as it is")
    complete_packing_task(task.pk, actor=packer)
    for shipment in Shipment.objects.filter(packing_task=task):
        flows.request_shipment(shipment.pk)
    ship_packing_task(task.pk, actor=packer)


def lying(place: Site) -> dict[str, tuple[Decimal, Decimal]]:
    """Quantity and promised quantity, by place."""
    rows = BatchLocation.objects.filter(quantity__gt=0).values_list("location__code", "quantity", "reserved")
    return {code: (quantity, reserved) for code, quantity, reserved in rows}


def sold() -> list[Decimal]:
    return [-row.quantity_change for row in Movement.objects.filter(type="sale").order_by("pk")]


def test_less_than_promised_leaves_and_the_rest_is_released(task: PackingTask, packer: Actor, place: Site, delivery: Any, order_system: Any) -> None:
    item = weigh_item(task.pk, task.items.get().pk, "0.470", actor=packer)
    assert (item.actual_quantity, item.surplus_pick) == (Decimal("0.470"), None)
    assert lying(place) == {"A-01": (Decimal("4.5"), 0), "PACK": (Decimal("0.5"), Decimal("0.5"))}

    ship(task, packer)

    assert sold() == [Decimal("0.470")]
    assert lying(place) == {"A-01": (Decimal("4.5"), 0), "PACK": (Decimal("0.03"), 0)}
    assert Reservation.objects.get().status == "fulfilled"
    assert Reservation.objects.get().items.values_list("quantity", "consumed", "released", "actual").get() == (
        Decimal("0.5"),
        Decimal("0.47"),
        Decimal("0.03"),
        Decimal("0.47"),
    )
    back = PutBack.objects.get()
    assert (back.quantity, back.from_location.code, back.picking_task_id) == (Decimal("0.03"), "A-01", task.picking_task_id)
    complete_put_back(back.pk, "0.03", actor=person(Role.PICKER), location_scan="A-01")
    assert lying(place) == {"A-01": (Decimal("4.53"), 0)}


def test_more_within_the_tolerance_leaves_too(task: PackingTask, packer: Actor, place: Site, delivery: Any, order_system: Any) -> None:
    item = weigh_item(task.pk, task.items.get().pk, "0.55", actor=packer)
    assert item.surplus_pick is not None
    assert item.surplus_pick.quantity == Decimal("0.05")
    # It lies on the bench, so it stands on the bench in the books.
    assert lying(place) == {"A-01": (Decimal("4.45"), 0), "PACK": (Decimal("0.55"), Decimal("0.5"))}
    ship(task, packer)
    assert sold() == [Decimal("0.55")]
    assert lying(place) == {"A-01": (Decimal("4.45"), 0)}
    assert not PutBack.objects.exists()


def test_it_may_be_weighed_again(task: PackingTask, packer: Actor, place: Site, delivery: Any, order_system: Any) -> None:
    pk = task.items.get().pk
    for weight, shelf, bench in (("0.53", "4.47", "0.53"), ("0.54", "4.46", "0.54"), ("0.5", "4.5", "0.5"), ("0.52", "4.48", "0.52")):
        weigh_item(task.pk, pk, weight, actor=packer)
        assert lying(place) == {"A-01": (Decimal(shelf), 0), "PACK": (Decimal(bench), Decimal("0.5"))}
    weigh_item(task.pk, pk, "0.49", actor=packer)
    assert lying(place)["PACK"] == (Decimal("0.5"), Decimal("0.5"))
    assert Pick.objects.filter(undone_at=None).count() == 1
    ship(task, packer)
    assert sold() == [Decimal("0.49")]


def test_a_cancellation_brings_the_surplus_back_too(task: PackingTask, packer: Actor, place: Site) -> None:
    weigh_item(task.pk, task.items.get().pk, "0.55", actor=packer)
    cancel_packing_task(task.pk, "nobody wants it", actor=ACTOR)
    assert PutBack.objects.get().quantity == Decimal("0.55")
    complete_put_back(PutBack.objects.get().pk, "0.55", actor=person(Role.PICKER), location_scan="A-01")
    assert lying(place) == {"A-01": (Decimal(5), 0)}
    assert Stock.objects.get().available == 5


@pytest.mark.parametrize("weight", ["0.551", "5", "0", "-1", "NaN", "x", None, "0.5001"])
def test_weights_that_can_not_be_are_refused(task: PackingTask, packer: Actor, weight: Any) -> None:
    with pytest.raises(ValidationFailed):
        weigh_item(task.pk, task.items.get().pk, weight, actor=packer)
    assert task.items.get().actual_quantity is None


def test_a_surplus_that_is_promised_to_others_stays_out(task: PackingTask, packer: Actor, cheese: Any) -> None:
    order_for([(cheese, "4.48")])
    with pytest.raises(Conflict) as caught:
        weigh_item(task.pk, task.items.get().pk, "0.53", actor=packer)
    assert caught.value.code == "insufficient_stock"
    assert task.items.get().actual_quantity is None
    weigh_item(task.pk, task.items.get().pk, "0.52", actor=packer)


def test_counted_goods_are_not_weighed(packer: Actor, place: Site) -> None:
    milk = ProductFactory()
    stocked(milk, place.shelf, 5)
    task = start_packing_task(picked(PickingTask.objects.get(order=order_for([(milk, 1)])), person(Role.PICKER)).pk, actor=packer)
    with pytest.raises(ValidationFailed, match="counted, not weighed"):
        weigh_item(task.pk, task.items.get().pk, 1, actor=packer)


def test_who_may_and_when(task: PackingTask, packer: Actor) -> None:
    pk = task.items.get().pk
    with pytest.raises(PermissionDenied):
        weigh_item(task.pk, pk, "0.5", actor=person(Role.PACKER))
    with pytest.raises(PermissionDenied):
        weigh_item(task.pk, pk, "0.5", actor=person(Role.PICKER))
    with pytest.raises(StaleVersion):
        weigh_item(task.pk, pk, "0.5", actor=packer, expected_version=1)
    with pytest.raises(NotFound):
        weigh_item(task.pk, 0, "0.5", actor=packer)
    cancel_packing_task(task.pk, "no", actor=ACTOR)
    with pytest.raises(TransitionRefused):
        weigh_item(task.pk, pk, "0.5", actor=packer)


def test_a_lot_that_was_picked_in_two_parts_is_weighed_as_one(packer: Actor, cheese: Any, place: Site, delivery: Any, order_system: Any) -> None:
    walk = PickingTask.objects.get(order=order_for([(cheese, "0.5")]))
    picker = person(Role.PICKER)
    begun(walk, picker)
    pick(walk.items.get(), picker, "0.2")
    pick(walk.items.get(), picker)
    complete_picking_task(walk.pk, actor=picker)
    task = start_packing_task(PackingTask.objects.get().pk, actor=packer)
    weigh_item(task.pk, task.items.get().pk, "0.51", actor=packer)
    ship(task, packer)
    assert sum(sold()) == Decimal("0.51")
    assert lying(place) == {"A-01": (Decimal("4.49"), 0)}


def test_the_package_is_held_against_what_the_scale_said(task: PackingTask, packer: Actor) -> None:
    pack_item(task.pk, "CHEESE", "0.5", actor=packer)
    set_package_details(task.pk, "0.5", 20, 20, 10, actor=packer)
    weigh_item(task.pk, task.items.get().pk, "0.3", actor=packer)
    set_package_details(task.pk, "0.28", 20, 20, 10, actor=packer)
    with pytest.raises(WeightDiffers, match=r"at least 0\.27 kg"):
        set_package_details(task.pk, "0.26", 20, 20, 10, actor=packer)


def test_statements_of_a_weighing(task: PackingTask, packer: Actor) -> None:
    counts = []
    for weight in ("0.49", "0.51"):
        with CaptureQueriesContext(connection) as queries:
            weigh_item(task.pk, task.items.get().pk, weight, actor=packer)
        counts.append(len(queries) - 2)
    assert counts == [6, 17]
