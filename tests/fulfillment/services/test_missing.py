"""What an order goes without is kept until it is sent or a manager agrees; the order system is told; the books know it."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from itertools import count

import pytest
from django.db import connection

from fulfillment.enums import ShipmentStatus
from fulfillment.models import MissingGoods, Order, PackingTask, PickingTask, QualityCheck, Shipment, StatusReport
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.missing import accept_missing
from fulfillment.services.packing_tasks import cancel_packing_task, ship_packing_task
from fulfillment.services.picking_tasks import cancel_picking_task, complete_picking_task, create_picking_task
from fulfillment.services.quality_checks import cancel_quality_check
from fulfillment.services.shorts import short_item, skip_item
from fulfillment.services.status_reports import claim_status_report, record_status_sent, report_order_status
from fulfillment.services.waybills import Waybill, record_waybill
from inventory.models import Product
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import rule
from tests.fulfillment.walks import agrees
from tests.inventory.events import heard
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db

_waybills = count(1)


@pytest.fixture
def picker(db: None) -> Actor:
    return person(Role.PICKER)


@pytest.fixture
def packer(db: None) -> Actor:
    return person(Role.PACKER)


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site()


@pytest.fixture
def other(db: None) -> Site:
    return reachable_site()


def goods(sku: str, where: Site, quantity: int) -> Product:
    product = ProductFactory(sku=sku)
    stocked(product, where.shelf, quantity)
    return product


def waybills() -> None:
    """The carrier answers for everything that is asked."""
    for shipment in Shipment.objects.filter(status=ShipmentStatus.REQUESTED):
        number = f"TRK-{next(_waybills)}"
        record_waybill(shipment.pk, Waybill(number, number, f"https://labels.example/{number}", "created", None), actor=ACTOR)


def ready(task: PickingTask, picker: Actor, packer: Actor) -> PackingTask:
    packing = packed(picked(task, picker), packer)
    waybills()
    return packing


def status() -> str:
    return str(Order.objects.get().status)


def missing() -> list[tuple[str, Decimal, Decimal]]:
    return list(MissingGoods.objects.order_by("product__sku").values_list("product__sku", "quantity", "accepted"))


def owed() -> list[tuple[str, str]]:
    return list(StatusReport.objects.filter(sent_at=None).values_list("status", "message"))


def tell() -> None:
    """The order system is told all that it is owed."""
    for pk in StatusReport.objects.filter(sent_at=None).values_list("pk", flat=True):
        claimed = claim_status_report(pk, actor=ACTOR)
        assert claimed is not None
        record_status_sent(claimed, actor=ACTOR)


def test_one_site_has_left_and_the_other_finds_nothing(house: Site, other: Site, picker: Actor, packer: Actor) -> None:
    milk, honey = goods("MILK", house, 9), goods("HONEY", other, 2)
    order = order_for([(milk, 2, house), (honey, 2, other)])
    first, second = PickingTask.objects.order_by("pk")
    ship_packing_task(ready(first, picker, packer).pk, actor=packer)
    assert (status(), owed(), missing()) == ("picking", [], [])

    begun(second, picker)
    with heard() as events:
        short_item(second.items.get().pk, actor=picker)
        complete_picking_task(second.pk, actor=picker)

    assert events.types().count("order.needs_attention") == 1
    assert events.of("order.needs_attention")[0]["missing"] == [{"product_id": honey.pk, "sku": "HONEY", "quantity": "2"}]
    assert (status(), missing()) == ("needs_attention", [("HONEY", Decimal(2), Decimal(0))])
    # What there is has a waybill, and has left: that is news, with what is missing.
    assert owed() == [("ready_for_shipment", "Without 2 of HONEY.")]
    agrees()

    with heard() as events:
        accept_missing(order.pk, " the customer knows ", actor=ACTOR)

    assert events.types() == ["order.missing_accepted", "order.shipped"]
    assert (status(), missing()) == ("shipped", [("HONEY", Decimal(2), Decimal(2))])
    row = MissingGoods.objects.get()
    assert (row.reason, row.accepted_by_id, row.accepted_at is not None) == ("the customer knows", ACTOR.user_id, True)
    assert owed() == [("ready_for_shipment", "Without 2 of HONEY.")]
    agrees()


def test_the_other_site_is_cancelled_after_the_first_has_left_and_sent_later(house: Site, other: Site, picker: Actor, packer: Actor) -> None:
    milk, honey = goods("MILK", house, 9), goods("HONEY", other, 5)
    order = order_for([(milk, 2, house), (honey, 2, other)])
    first, second = PickingTask.objects.order_by("pk")
    cancel_picking_task(second.pk, "broken", actor=ACTOR)
    # It needs somebody at once, though the rest goes on.
    assert (status(), missing()) == ("needs_attention", [("HONEY", Decimal(2), Decimal(0))])
    packing = ready(first, picker, packer)
    assert (status(), owed()) == ("needs_attention", [("ready_for_shipment", "Without 2 of HONEY.")])
    tell()
    ship_packing_task(packing.pk, actor=packer)
    assert (status(), owed()) == ("needs_attention", [])
    agrees()

    again = create_picking_task(order.pk, other.id, [{"sku": "HONEY", "quantity": 2}], actor=ACTOR)

    assert (status(), missing()) == ("picking", [])
    agrees()
    packing = ready(again, picker, packer)
    # Now it is ready whole: the words of before do not hold any more.
    assert (status(), owed()) == ("ready_for_shipment", [("ready_for_shipment", "")])
    ship_packing_task(packing.pk, actor=packer)
    assert status() == "shipped"
    agrees()


def test_a_skipped_item_is_missing(house: Site, picker: Actor, packer: Actor) -> None:
    milk, honey = goods("MILK", house, 9), goods("HONEY", house, 9)
    order_for([(milk, 2), (honey, 3)])
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(product=milk), picker)
    skip_item(task.items.get(product=honey).pk, actor=picker)
    assert (status(), missing()) == ("needs_attention", [("HONEY", Decimal(3), Decimal(0))])
    complete_picking_task(task.pk, actor=picker)
    packing = packed(PackingTask.objects.get(), packer)
    waybills()
    ship_packing_task(packing.pk, actor=packer)

    assert (status(), owed()) == ("needs_attention", [("ready_for_shipment", "Without 3 of HONEY.")])
    assert Order.objects.get().shipped_at is None
    agrees()


def test_what_is_short_for_good_is_asked_until_it_is_accepted_whatever_the_work(house: Site, picker: Actor, packer: Actor) -> None:
    milk = goods("MILK", house, 10)
    order = order_for([(milk, 10)])
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker, 6)
    short_item(task.items.get().pk, actor=picker)
    assert (status(), missing()) == ("needs_attention", [("MILK", Decimal(4), Decimal(0))])
    complete_picking_task(task.pk, actor=picker)
    assert status() == "needs_attention"
    agrees()

    accept_missing(order.pk, "agreed", actor=ACTOR)

    assert status() == "packing"
    packing = packed(PackingTask.objects.get(), packer)
    waybills()
    assert (status(), owed()) == ("ready_for_shipment", [("ready_for_shipment", "Without 4 of MILK.")])
    # All of it is missing now, which nobody has agreed to.
    cancel_packing_task(packing.pk, "dropped", actor=ACTOR)
    assert (status(), missing()) == ("needs_attention", [("MILK", Decimal(10), Decimal(4))])
    with pytest.raises(Conflict, match="cancel it"):
        accept_missing(order.pk, "nothing left", actor=ACTOR)
    agrees()


def test_two_sites_are_ready_and_one_is_cancelled(house: Site, other: Site, picker: Actor, packer: Actor) -> None:
    milk, honey = goods("MILK", house, 9), goods("HONEY", other, 9)
    order = order_for([(milk, 2, house), (honey, 2, other)])
    first, second = PickingTask.objects.order_by("pk")
    ready(first, picker, packer)
    dropped = ready(second, picker, packer)
    assert (status(), owed()) == ("ready_for_shipment", [("ready_for_shipment", "")])
    tell()

    cancel_packing_task(dropped.pk, "broken glass", actor=ACTOR)

    assert (status(), missing(), owed()) == (
        "needs_attention",
        [("HONEY", Decimal(2), Decimal(0))],
        [("ready_for_shipment", "Without 2 of HONEY.")],
    )
    tell()
    agrees()
    again = create_picking_task(order.pk, other.id, [{"sku": "HONEY", "quantity": 1}], actor=ACTOR)
    # One of them is still missing.
    assert (status(), missing()) == ("needs_attention", [("HONEY", Decimal(1), Decimal(0))])
    begun(again, picker)
    assert status() == "needs_attention"
    agrees()


def test_a_cancelled_quality_check_leaves_its_goods_missing(house: Site, picker: Actor) -> None:
    milk = goods("MILK", house, 9)
    rule()
    order_for([(milk, 3)])
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker)
    complete_picking_task(task.pk, actor=picker)
    assert (status(), missing()) == ("picking", [])

    cancel_quality_check(QualityCheck.objects.get().pk, "spilt", actor=ACTOR)

    assert (status(), missing()) == ("needs_attention", [("MILK", Decimal(3), Decimal(0))])
    agrees()


def test_less_missing_keeps_what_was_accepted_and_more_is_asked_again(house: Site, other: Site) -> None:
    milk, honey = goods("MILK", house, 10), goods("HONEY", other, 5)
    order = order_for([(milk, 10, house), (honey, 5, other)])
    cancel_picking_task(PickingTask.objects.get(warehouse=other.id).pk, "broken", actor=ACTOR)
    accept_missing(order.pk, "agreed", actor=ACTOR)
    assert (status(), missing()) == ("picking", [("HONEY", Decimal(5), Decimal(5))])
    version = Order.objects.get().version

    again = create_picking_task(order.pk, other.id, [{"sku": "HONEY", "quantity": 3}], actor=ACTOR)

    assert (missing(), Order.objects.get().version) == ([("HONEY", Decimal(2), Decimal(2))], version + 1)
    agrees()
    cancel_picking_task(again.pk, "broken too", actor=ACTOR)
    assert (status(), missing()) == ("needs_attention", [("HONEY", Decimal(5), Decimal(2))])
    agrees()


def test_who_may_accept_and_when(house: Site, picker: Actor) -> None:
    milk = goods("MILK", house, 10)
    order = order_for([(milk, 10)])
    with pytest.raises(Conflict, match="nothing is missing"):
        accept_missing(order.pk, "why not", actor=ACTOR)
    task = begun(PickingTask.objects.get(), picker)
    pick(task.items.get(), picker, 6)
    short_item(task.items.get().pk, actor=picker)
    with pytest.raises(PermissionDenied):
        accept_missing(order.pk, "I say so", actor=picker)
    with pytest.raises(ValidationFailed):
        accept_missing(order.pk, " ", actor=ACTOR)
    with pytest.raises(StaleVersion):
        accept_missing(order.pk, "agreed", actor=ACTOR, expected_version=1)
    assert missing() == [("MILK", Decimal(4), Decimal(0))]


def test_what_the_order_system_is_being_told_is_not_taken_for_what_it_is_to_know_by_now(
    house: Site, other: Site, picker: Actor, packer: Actor
) -> None:
    milk, honey = goods("MILK", house, 9), goods("HONEY", other, 9)
    order_for([(milk, 2, house), (honey, 2, other)])
    first, second = PickingTask.objects.order_by("pk")
    ready(first, picker, packer)
    dropped = ready(second, picker, packer)
    report = StatusReport.objects.get()
    claimed = claim_status_report(report.pk, actor=ACTOR)
    assert claimed is not None
    assert claimed.message == ""

    # While a worker is telling it.
    cancel_packing_task(dropped.pk, "broken glass", actor=ACTOR)
    record_status_sent(claimed, actor=ACTOR)

    assert owed() == [("ready_for_shipment", "Without 2 of HONEY.")]
    claimed = claim_status_report(report.pk, actor=ACTOR)
    assert claimed is not None
    record_status_sent(claimed, actor=ACTOR)
    assert owed() == []


def test_a_report_that_is_lost_is_found_and_made_again(house: Site, picker: Actor, packer: Actor) -> None:
    order = order_for([(goods("MILK", house, 9), 2)])
    ready(PickingTask.objects.get(), picker, packer)
    StatusReport.objects.all().delete()
    assert [found.check for found in everything_that_contradicts()] == ["status_reports"]

    report_order_status(order.pk, actor=ACTOR)

    assert owed() == [("ready_for_shipment", "")]
    agrees()


def test_orders_from_before_this_was_kept(house: Site, other: Site, picker: Actor, packer: Actor) -> None:
    """As they were left by the version before: short and shipped, short and being packed, short and sent for again, whole."""
    milk, honey = goods("MILK", house, 40), goods("HONEY", other, 40)
    short = [order_for([(milk, 4, house), (honey, 3, other)]) for _ in range(3)]
    whole = order_for([(milk, 2)])
    for order in short:
        cancel_picking_task(PickingTask.objects.get(order=order, warehouse=other.id).pk, "broken", actor=ACTOR)
    gone, packing, again = short
    ship_packing_task(ready(gone.picking_tasks.get(warehouse=house.id), picker, packer).pk, actor=packer)
    picked(packing.picking_tasks.get(warehouse=house.id), picker)
    create_picking_task(again.pk, other.id, [{"sku": "HONEY", "quantity": 3}], actor=ACTOR)
    MissingGoods.objects.all().delete()
    for order, left in zip(short, ("shipped", "packing", "needs_attention"), strict=True):
        Order.objects.filter(pk=order.pk).update(status=left)

    migration = import_module("fulfillment.migrations.0007_checks_and_missing_goods")
    with connection.cursor() as cursor:
        for statement in (migration.NOTE, migration.ASK, migration.GO_ON):
            cursor.execute(statement)

    assert dict(Order.objects.values_list("pk", "status")) == {
        gone.pk: "shipped", packing.pk: "needs_attention", again.pk: "picking", whole.pk: "accepted",
    }  # fmt: skip
    assert list(MissingGoods.objects.order_by("order").values_list("order", "product__sku", "quantity", "accepted", "reason")) == [
        (gone.pk, "HONEY", Decimal(3), Decimal(3), "shipped before this was kept"),
        (packing.pk, "HONEY", Decimal(3), Decimal(0), ""),
    ]
    agrees()
