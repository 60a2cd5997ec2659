"""Cancelling at every point of an order's way: a case for every row of docs/cancellation.md, and nothing left over after any of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from fulfillment.models import Order, PackingTask, PickingTask, PutBack, QualityCheck, Shipment, StatusReport
from fulfillment.queries.reconciliation import everything_that_contradicts
from fulfillment.services.missing import accept_missing
from fulfillment.services.orders import mark_orders_for_retry, process_order_cancelled, retry_order
from fulfillment.services.packages import add_package, pack_item, set_package_details
from fulfillment.services.packing_tasks import cancel_packing_task, complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.picking_tasks import assign_picking_task, cancel_picking_task, complete_picking_task
from fulfillment.services.put_backs import complete_put_back
from fulfillment.services.quality_checks import start_quality_check
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.shorts import short_item
from fulfillment.services.undo import undo_pick
from fulfillment.services.waybills import (
    ClaimedShipment,
    Waybill,
    claim_shipment,
    keep_shipment_request,
    postpone_shipment,
    record_waybill,
    stop_shipment,
)
from inventory.models import BatchLocation, Product, Reservation
from tests.factories.fulfillment import ACTOR, begun, order_for, packed, person, pick, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.factories.quality import bad, rule, to_check
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import TransitionRefused
from warehouse.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

TABLE = Path(settings.BASE_DIR) / "docs/cancellation.md"


@dataclass
class House:
    """Two sites with twenty of one product in each, and the people."""

    one: Site
    two: Site
    product: Product
    picker: Actor = field(default_factory=lambda: person(Role.PICKER))
    packer: Actor = field(default_factory=lambda: person(Role.PACKER))

    def order(self) -> Order:
        return order_for([(self.product, 10, self.one)], external_id="7")

    def begun(self, quantity: int = 0) -> PickingTask:
        """Begun, and so many picked."""
        task = begun(PickingTask.objects.get(order=self.order()), self.picker)
        if quantity:
            pick(task.items.get(), self.picker, quantity)
        return task

    def to_pack(self) -> PackingTask:
        self.order()
        return picked(PickingTask.objects.get(), self.picker)

    def packed(self) -> Shipment:
        packed(self.to_pack(), self.packer)
        return Shipment.objects.get()


@dataclass(frozen=True)
class After:
    """What is left: the statuses of the tasks and shipments, and how much is to be put back."""

    tasks: list[str] = field(default_factory=list)
    shipments: list[str] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    in_quarantine: int = 0
    status: str = "cancelled"


def asked(shipment: Shipment) -> ClaimedShipment:
    """The carrier is being asked."""
    Shipment.objects.filter(pk=shipment.pk).update(next_attempt_at=shipment.created_at)
    claimed = claim_shipment(shipment.pk, actor=ACTOR)
    assert claimed is not None
    keep_shipment_request(claimed, {"package": {}}, actor=ACTOR)
    return claimed


def answered(shipment: Shipment) -> Shipment:
    return record_waybill(asked(shipment).id, Waybill(f"w-{shipment.pk}", f"TRACK-{shipment.pk}", "", "created", None), actor=ACTOR)


def unknown(house: House) -> After:
    return After()


def tombstone_met(house: House) -> After:
    process_order_cancelled("listings", "7", "first", actor=ACTOR)
    house.order()
    return After()


def rejected(house: House) -> After:
    order_for([(house.product, 1000, house.one)], external_id="7")
    return After()


def accepted(house: House) -> After:
    house.order()
    return After(["picking cancelled"])


def assigned(house: House) -> After:
    house.order()
    assert house.picker.user_id is not None
    assign_picking_task(PickingTask.objects.get().pk, house.picker.user_id, actor=ACTOR)
    return After(["picking cancelled"])


def nothing_picked(house: House) -> After:
    house.begun()
    return After(["picking cancelled"])


def half_picked(house: House) -> After:
    house.begun(7)
    return After(["picking cancelled"], back=[7])


def undone(house: House) -> After:
    undo_pick(house.begun(7).pk, actor=house.picker)
    return After(["picking cancelled"])


def all_picked(house: House) -> After:
    house.begun(10)
    return After(["picking cancelled"], back=[10])


def short(house: House) -> After:
    # Twenty are there, the other ten are promised to somebody else.
    order_for([(house.product, 10, house.one)], external_id="other")
    task = house.begun(7)
    short_item(task.items.get().pk, actor=house.picker)
    complete_picking_task(task.pk, actor=house.picker)
    return After(["picking completed", "packing cancelled"], back=[7])


def nothing_there(house: House) -> After:
    order_for([(house.product, 10, house.one)], external_id="other")
    task = house.begun()
    short_item(task.items.get().pk, actor=house.picker)
    complete_picking_task(task.pk, actor=house.picker)
    return After(["picking completed"])


def check_waits(house: House) -> After:
    rule()
    to_check([(house.product, 10, house.one)], house.picker, external_id="7")
    return After(["picking completed", "check cancelled"], back=[10])


def check_begun(house: House) -> After:
    rule()
    start_quality_check(to_check([(house.product, 10, house.one)], house.picker, external_id="7").pk, actor=house.packer)
    return After(["picking completed", "check cancelled"], back=[10])


def check_failed(house: House) -> After:
    rule()
    check = to_check([(house.product, 10, house.one)], house.picker, house.packer, external_id="7")
    bad(check.items.get(), house.packer, 2)
    fail_quality_check(check.pk, decision="repick", actor=house.packer)
    return After(["picking cancelled", "check failed"], back=[8], in_quarantine=2)


def to_pack(house: House) -> After:
    house.to_pack()
    return After(["picking completed", "packing cancelled"], back=[10])


def half_packed(house: House) -> After:
    task = house.to_pack()
    start_packing_task(task.pk, actor=house.packer)
    pack_item(task.pk, house.product.sku, 4, actor=house.packer)
    return After(["picking completed", "packing cancelled"], back=[10])


def packed_(house: House) -> After:
    house.packed()
    return After(["picking completed", "packing cancelled"], ["cancelled"], [10])


def refused(house: House) -> After:
    shipment = house.packed()
    stop_shipment(asked(shipment), "422: no such street", actor=ACTOR)
    return After(["picking completed", "packing cancelled"], ["cancelled"], [10])


def in_flight(house: House) -> After:
    asked(house.packed())
    return After(["picking completed", "packing cancelled"], ["void_requested"], [10])


def in_doubt(house: House) -> After:
    claimed = asked(house.packed())
    postpone_shipment(claimed, "no answer in time", claimed.shipment.created_at, actor=ACTOR, in_doubt=True)
    return After(["picking completed", "packing cancelled"], ["void_requested"], [10])


def ready(house: House) -> After:
    answered(house.packed())
    assert Order.objects.get().status == "ready_for_shipment"
    return After(["picking completed", "packing cancelled"], ["void_requested"], [10])


def two_packages(house: House) -> After:
    task = house.to_pack()
    start_packing_task(task.pk, actor=house.packer)
    for quantity in (4, 6):
        package = add_package(task.pk, actor=house.packer)
        pack_item(task.pk, house.product.sku, quantity, actor=house.packer, package_id=package.pk)
        set_package_details(task.pk, 1, 10, 10, 10, actor=house.packer, package_id=package.pk)
    complete_packing_task(task.pk, actor=house.packer)
    first, _second = Shipment.objects.order_by("pk")
    answered(first)
    return After(["picking completed", "packing cancelled"], ["void_requested", "cancelled"], [10])


def two_sites(house: House) -> After:
    order_for([(house.product, 10, house.one), (house.product, 5, house.two)], external_id="7")
    here, there = PickingTask.objects.order_by("warehouse")
    packed(picked(here, house.picker), house.packer)
    answered(Shipment.objects.get())
    pick(begun(there, house.picker).items.get(), house.picker, 3)
    return After(["picking completed", "picking cancelled", "packing cancelled"], ["void_requested"], [10, 3])


def packing_cancelled(house: House) -> After:
    cancel_packing_task(house.to_pack().pk, "no boxes", actor=ACTOR)
    return After(["picking completed", "packing cancelled"], back=[10])


def picking_cancelled(house: House) -> After:
    cancel_picking_task(house.begun(7).pk, "broken cart", actor=ACTOR)
    return After(["picking cancelled"], back=[7])


def put_back_begun(house: House) -> After:
    cancel_picking_task(house.begun(7).pk, "broken cart", actor=ACTOR)
    complete_put_back(PutBack.objects.get().pk, 5, actor=house.picker, location_scan="A-01")
    return After(["picking cancelled"], back=[2])


def shipped(house: House) -> After:
    shipment = answered(house.packed())
    ship_packing_task(shipment.packing_task_id, actor=house.packer)
    return After(["picking completed", "packing shipped"], ["handed_over"], status="shipped")


def partly_shipped(house: House) -> After:
    order_for([(house.product, 10, house.one), (house.product, 5, house.two)], external_id="7")
    here = PickingTask.objects.order_by("warehouse")[0]
    packed(picked(here, house.picker), house.packer)
    shipment = answered(Shipment.objects.get())
    ship_packing_task(shipment.packing_task_id, actor=house.packer)
    return After(["picking completed", "picking pending", "packing shipped"], ["handed_over"], status="picking")


POINTS: dict[str, Callable[[House], After]] = {
    way.__name__.removesuffix("_"): way
    for way in (
        unknown, tombstone_met, rejected, accepted, assigned, nothing_picked, half_picked, undone, all_picked, short, nothing_there, check_waits,
        check_begun, check_failed, to_pack, half_packed, packed_, refused, in_flight, in_doubt, ready, two_packages, two_sites, packing_cancelled,
        picking_cancelled, put_back_begun, shipped, partly_shipped,
    )
}  # fmt: skip
GONE = {"shipped", "partly_shipped"}


@pytest.fixture
def house(db: None) -> House:
    one, two, product = reachable_site(code="ONE"), reachable_site(code="TWO"), ProductFactory(sku="APPLE")
    stocked(product, one.shelf, 20, lot="L-1", expires_in_days=90)
    stocked(product, two.shelf, 20, lot="L-1", expires_in_days=90)
    return House(one, two, product)


def cancel(reason: str = "the customer changed their mind") -> Order:
    return process_order_cancelled("listings", "7", reason, actor=ACTOR)


def statuses() -> list[str]:
    """Of the order's tasks, by kind and age."""
    kinds = (("picking", PickingTask), ("check", QualityCheck), ("packing", PackingTask))
    return [f"{kind} {task.status}" for kind, model in kinds for task in model.objects.filter(order__external_id="7").order_by("pk")]


def shipments() -> list[str]:
    return list(Shipment.objects.order_by("pk").values_list("status", flat=True))


def facts() -> tuple[object, ...]:
    """All that a repeated or refused cancellation must not change."""
    orders = list(Order.objects.order_by("pk").values_list("status", "version", "cancellation_reason"))
    stock = list(BatchLocation.objects.order_by("pk").values_list("quantity", "reserved", "version"))
    backs = list(PutBack.objects.order_by("pk").values_list("quantity", "done_quantity", "version"))
    return orders, stock, backs, statuses(), shipments(), OutboxEvent.objects.count()


def test_every_row_of_the_table_has_its_case() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TABLE.read_text(), re.MULTILINE)
    assert rows == list(POINTS)


@pytest.mark.parametrize("point", [name for name in POINTS if name not in GONE])
def test_at_every_point_nothing_is_left_over(house: House, point: str) -> None:
    after = POINTS[point](house)
    # A package that the carrier refuses is what reconciliation is to tell of; everything else agrees at every point.
    assert {found.check for found in everything_that_contradicts()} == ({"given_up"} if point == "refused" else set())

    cancelled = cancel()

    assert (cancelled.status, statuses(), shipments()) == ("cancelled", after.tasks, after.shipments)
    assert cancelled.cancellation_reason == ("first" if point == "tombstone_met" else "the customer changed their mind")
    # Nothing is promised to it any more.
    assert not Reservation.objects.filter(order_ref="listings:7", status="active").exists()
    # What lies on the benches is free and asked to be put back, no more and no less.
    backs = [row.remaining for row in PutBack.objects.filter(status="pending").order_by("pk")]
    bench = BatchLocation.objects.filter(location__kind="packing", quantity__gt=0)
    assert (backs, sum((row.quantity for row in bench), Decimal(0)), {row.reserved for row in bench} <= {0}) == (after.back, sum(after.back), True)
    quarantined = BatchLocation.objects.filter(location__kind="quarantine", quantity__gt=0)
    assert sum(row.quantity for row in quarantined) == after.in_quarantine
    # Nobody is told that it is ready, nobody tries it again.
    assert not StatusReport.objects.filter(sent_at=None, next_attempt_at__isnull=False).exists()
    mark_orders_for_retry([house.product.pk], actor=ACTOR)
    with pytest.raises(TransitionRefused):
        retry_order(cancelled.pk, actor=ACTOR)
    assert_books_balance()
    assert everything_that_contradicts() == []

    before = facts()
    assert cancel("again").pk == cancelled.pk
    assert facts() == before


@pytest.mark.parametrize("point", sorted(GONE))
def test_what_was_handed_over_comes_back_as_a_return(house: House, point: str) -> None:
    after = POINTS[point](house)
    before = facts()

    with pytest.raises(TransitionRefused, match="Take it back as a return") as refused_:
        cancel()

    assert facts() == before
    assert (Order.objects.get().status, statuses(), shipments()) == (after.status, after.tasks, after.shipments)
    number = PackingTask.objects.get().number
    rest = [task.number for task in PickingTask.objects.filter(status="pending")]
    assert (refused_.value.data["shipped"], refused_.value.data["open"]) == ([number], rest)
    for task in rest:
        assert task in refused_.value.detail
        cancel_picking_task(PickingTask.objects.get(number=task).pk, "the rest is not wanted", actor=ACTOR)
    if rest:
        assert Order.objects.get().status == "needs_attention"
        accept_missing(Order.objects.get().pk, "the rest is not missed", actor=ACTOR)
    assert Order.objects.get().status == "shipped"
    assert_books_balance()
    assert everything_that_contradicts() == []


def test_every_event_of_the_cancellation_is_told_once(house: House) -> None:
    two_sites(house)
    last = OutboxEvent.objects.order_by("-sequence").values_list("sequence", flat=True)[0]
    cancel()
    told = OutboxEvent.objects.filter(sequence__gt=last).order_by("sequence").values_list("type", flat=True)
    ours = [kind for kind in told if kind.split(".")[0] in {"order", "picking", "packing", "quality", "shipment"}]
    assert ours == ["picking.cancelled", "packing.cancelled", "order.cancelled"]
