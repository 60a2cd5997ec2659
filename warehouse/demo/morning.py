"""A morning of work: orders taken in by the real intake and brought to where they stand by the people of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils import timezone

from fulfillment.enums import SOURCE_LISTINGS, Priority
from fulfillment.models import Order, PackingTask, PickingTask, QualityRule
from fulfillment.queries.picking_tasks import next_item
from fulfillment.services.orders import process_order_cancelled, process_order_confirmed
from fulfillment.services.packages import choose_box, pack_item, set_package_details
from fulfillment.services.packing_tasks import complete_packing_task, start_packing_task
from fulfillment.services.picking_tasks import assign_picking_task, complete_picking_task, start_picking_task
from fulfillment.services.picks import pick_item
from fulfillment.services.quality_rules import create_quality_rule
from inventory.models import Product
from warehouse.accounts.models import User
from warehouse.core.actor import Actor
from warehouse.demo.boxes import make_boxes
from warehouse.demo.goods import FIRST_LISTING, GOODS, STOREFRONT

LISTINGS = {goods.sku: str(FIRST_LISTING + number) for number, goods in enumerate(GOODS)}
BELGRADE, NOVI_SAD, SHOP = "1", "2", "3"  # as the partners call them
BOX = "M"
CHECK = "Smoked fish: seal and date"


class Reached(StrEnum):
    """How far the morning has brought an order."""

    TAKEN_IN = "taken in"
    ASSIGNED = "assigned"
    PICKING = "picking"
    PICKED = "picked"
    PACKING = "packing"
    PACKED = "packed"
    CANCELLED = "cancelled while it was picked"


@dataclass(frozen=True, slots=True)
class Plan:
    """An order of the morning: lines of (SKU, quantity, site), hours until it must leave, how far it gets."""

    number: int
    lines: tuple[tuple[str, str, str], ...]
    reached: Reached = Reached.TAKEN_IN
    priority: Priority = Priority.NORMAL
    hours: int = 8

    @property
    def external_id(self) -> str:
        """What the order system calls it."""
        return str(900_000 + self.number)


PLANS = (
    Plan(1, (("CHEESE-KG", "0.450", BELGRADE), ("BREAD-500", "2", BELGRADE), ("SALAD-200", "1", BELGRADE)), Reached.PACKED, hours=3),
    Plan(2, (("YOG-150", "6", BELGRADE), ("RICE-1KG", "2", BELGRADE)), Reached.PACKED, hours=3),
    Plan(3, (("PELM-800", "3", BELGRADE), ("BERRY-300", "2", BELGRADE)), Reached.PACKING, hours=4),
    Plan(4, (("EGG-10", "1", BELGRADE), ("BUTTER-250", "2", BELGRADE), ("OIL-1L", "1", BELGRADE)), Reached.PICKED, hours=4),
    Plan(5, (("TOMATO-KG", "1.200", BELGRADE), ("CHOCO-100", "4", BELGRADE), ("SALMON-200", "2", BELGRADE)), Reached.PICKING, Priority.HIGH, 2),
    Plan(6, (("HOTDOG-400", "3", BELGRADE), ("JUICE-1L", "2", BELGRADE), ("CAKE-600", "1", BELGRADE)), Reached.CANCELLED),
    Plan(7, (("SALMON-200", "4", BELGRADE), ("CHEESE-KG", "1.250", BELGRADE)), Reached.ASSIGNED, Priority.HIGH, 3),
    Plan(8, (("ICE-500", "500", BELGRADE),)),  # there are not so many: rejected
    # Two sites, and more milk than the older lot has.
    Plan(9, (("MILK-1L", "10", BELGRADE), ("BREAD-500", "1", BELGRADE), ("KEFIR-500", "4", NOVI_SAD)), Reached.TAKEN_IN, Priority.HIGH, 4),
    Plan(10, (("NUGG-400", "2", BELGRADE), ("ICE-500", "3", BELGRADE), ("BAG-PAPER", "2", BELGRADE)), Reached.TAKEN_IN, Priority.URGENT, 2),
    Plan(11, (("APPLE-KG", "2.500", BELGRADE), ("EGG-10", "1", BELGRADE))),
    Plan(12, (("BEEF-500", "1", BELGRADE), ("TOMATO-KG", "0.800", BELGRADE), ("RICE-1KG", "1", BELGRADE), ("OIL-1L", "1", BELGRADE))),
    Plan(13, (("CHOCO-100", "10", NOVI_SAD), ("YOG-150", "8", NOVI_SAD)), hours=6),
    Plan(14, (("CAKE-600", "1", SHOP), ("JUICE-1L", "1", SHOP)), hours=5),
    Plan(15, (("SALMON-200", "2", BELGRADE), ("BUTTER-250", "1", BELGRADE)), Reached.PICKED, hours=4),  # waits for its quality check
)


def work_the_morning(users: Mapping[str, User]) -> int:
    """Take in the orders that are not known and bring each where its plan says. An order that is known is left as it is. Returns how many were new.

    A quality rule has the picked salmon looked at before it is packed.
    """
    if not QualityRule.objects.filter(name=CHECK).exists():
        product = Product.objects.get(sku="SALMON-200")
        create_quality_rule({"name": CHECK, "product_id": product.pk}, actor=Actor.of_user(users["manager"]))
    known = set(Order.objects.filter(source=SOURCE_LISTINGS, external_id__in=[p.external_id for p in PLANS]).values_list("external_id", flat=True))
    fresh = [plan for plan in PLANS if plan.external_id not in known]
    crew = {name: Actor.of_user(users[name]) for name in ("picker", "picker2", "packer", "integration")}
    for plan in fresh:
        order = process_order_confirmed(
            SOURCE_LISTINGS,
            plan.external_id,
            [{"listing_id": LISTINGS[sku], "quantity": quantity, "warehouse_id": site} for sku, quantity, site in plan.lines],
            storefront_external_id=STOREFRONT,
            order_number=f"ORD-{plan.external_id}",
            priority=plan.priority,
            ship_by=timezone.now() + timedelta(hours=plan.hours),
            actor=crew["integration"],
        )
        for task in order.picking_tasks.order_by("pk"):
            _pick(task, plan, crew["picker2" if plan.reached is Reached.PICKING else "picker"])
        if plan.reached is Reached.CANCELLED:
            process_order_cancelled(SOURCE_LISTINGS, plan.external_id, "The customer ordered twice.", actor=crew["integration"])
        for packing in order.packing_tasks.order_by("pk"):
            _pack(packing, plan, crew["packer"])
    return len(fresh)


def _pick(task: PickingTask, plan: Plan, picker: Actor) -> None:
    """As a picker does it: to the place, scan it, scan the goods."""
    if plan.reached is Reached.TAKEN_IN:
        return
    assert picker.user_id is not None
    assign_picking_task(task.pk, picker.user_id, actor=picker)
    if plan.reached is Reached.ASSIGNED:
        return
    start_picking_task(task.pk, actor=picker)
    while item := next_item(task.pk):
        pick_item(item.pk, item.remaining, location_scan=item.location.barcode, product_scan=item.product.sku, actor=picker)
        if plan.reached in (Reached.PICKING, Reached.CANCELLED):
            return
    complete_picking_task(task.pk, actor=picker)


def _pack(task: PackingTask, plan: Plan, packer: Actor) -> None:
    if plan.reached not in (Reached.PACKING, Reached.PACKED):
        return
    start_packing_task(task.pk, actor=packer)
    items: list[Any] = list(task.items.select_related("product").order_by("pk"))
    for item in items if plan.reached is Reached.PACKED else items[:1]:
        pack_item(task.pk, item.product.sku, item.quantity, actor=packer)
    if plan.reached is Reached.PACKED:
        package = choose_box(task.pk, make_boxes()[BOX].pk, actor=packer)
        # What the scale of the demo shows: goods and box, to the ten grams.
        weight = sum((item.quantity * (item.product.weight or 0) for item in items), package.own_weight or Decimal(0))
        set_package_details(task.pk, round(weight, 2), actor=packer)
        complete_packing_task(task.pk, actor=packer)
