"""Orders taken in, picked, packed and shipped by the operations that people use.

Everything looks at the database first and goes on from where it finds the work: a replay that was killed, at any point, goes on.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from django.db.models import F, Sum
from django.utils import timezone

from fulfillment.enums import (
    OPEN_PACKING,
    OPEN_PICKING,
    OrderStatus,
    PackingItemStatus,
    PackingStatus,
    PickingItemStatus,
    PickingStatus,
    ShipmentStatus,
)
from fulfillment.flows import request_shipment
from fulfillment.models import Order, PackingTask, PickingTask, Shipment
from fulfillment.services.measures import MAX_WEIGHT_KG
from fulfillment.services.orders import process_order_confirmed, retry_order
from fulfillment.services.packages import pack_item, set_package_details
from fulfillment.services.packing_tasks import complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.picking_tasks import assign_picking_task, complete_picking_task, start_picking_task
from fulfillment.services.picks import pick_item
from fulfillment.services.shipments import retry_shipment
from fulfillment.services.shorts import short_item
from inventory.orchestrator import UnfitNow
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, DomainError
from warehouse.replay.reader import Invoice
from warehouse.replay.stock import SITE, SOURCE, in_parts

ATTEMPTS = 3  # somebody else may work on the same task at the same moment
CARRIER_PATIENCE = 180.0  # seconds without one new waybill until the replay gives up
LOOK_AGAIN = 0.5
# The file knows no measures: kilograms of a box and of a piece in it, centimetres of a box. No package becomes heavier than its carrier takes.
BOX_WEIGHT, PIECE_WEIGHT, BOX = Decimal("0.5"), Decimal("0.01"), (Decimal(60), Decimal(40), Decimal(40))

Problems = dict[str, str]


def take_in(invoice: Invoice, *, actor: Actor) -> Order:
    """Send a sale through the real intake, every line of it as it stands; an order that was rejected is tried again."""
    lines = [{"listing_id": row.code, "quantity": row.quantity, "warehouse": SITE} for row in invoice.goods]
    order = process_order_confirmed(
        SOURCE, invoice.number, lines, storefront_external_id=SOURCE, order_number=invoice.number, retry_when_stocked=False, actor=actor
    )
    if order.status == OrderStatus.REJECTED:
        order = retry_order(order.pk, actor=actor)
    return order


def open_orders(invoices: Iterable[Invoice]) -> dict[int, str]:
    """The orders of these invoices that are still to be shipped: the invoice's number by the order's id."""
    done = (OrderStatus.SHIPPED, OrderStatus.CANCELLED, OrderStatus.REJECTED)
    rows = Order.objects.filter(source=SOURCE).exclude(status__in=done).order_by("pk").values_list("pk", "external_id")
    return {pk: number for part in in_parts(invoice.number for invoice in invoices) for pk, number in rows.filter(external_id__in=part)}


def lines_to_pick_and_pack(order_ids: Iterable[int]) -> int:
    """How many items of their open tasks are not done; one that is still to be picked will be packed too."""
    picking = PickingTask.objects.filter(status__in=OPEN_PICKING)
    packing = PackingTask.objects.filter(status__in=OPEN_PACKING)
    left = 0
    for part in in_parts(order_ids):
        left += 2 * (picking.filter(order__in=part).aggregate(left=Sum(F("total_items") - F("picked_items")))["left"] or 0)
        left += packing.filter(order__in=part).aggregate(left=Sum(F("total_items") - F("packed_items")))["left"] or 0
    return left


def pick_and_pack(order_id: int, done: Callable[[int], None], *, actor: Actor) -> None:
    """Everything that hands can do for an order, until its packages wait for the carrier. `done` hears of each item.

    Raises DomainError when a task can't be gone on with: it is somebody else's, or somebody else changed it too often meanwhile.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            for picking in PickingTask.objects.filter(order=order_id, status__in=OPEN_PICKING).order_by("pk"):
                _pick(picking, done, actor)
            for packing in PackingTask.objects.filter(order=order_id, status__in=(PackingStatus.PENDING, PackingStatus.IN_PROGRESS)).order_by("pk"):
                _pack(packing, done, actor)
            return
        except Conflict:
            if attempt == ATTEMPTS:
                raise


def _pick(task: PickingTask, done: Callable[[int], None], actor: Actor) -> None:
    assert actor.user_id is not None
    if task.status == PickingStatus.PENDING:
        assign_picking_task(task.pk, actor.user_id, actor=actor)
    if task.status != PickingStatus.IN_PROGRESS:
        start_picking_task(task.pk, actor=actor)
    walk = task.items.filter(status=PickingItemStatus.PENDING).select_related("product", "location").order_by("sequence")
    for item in walk:
        try:
            pick_item(item.pk, item.remaining, location_scan=item.location.barcode, product_scan=item.product.sku, actor=actor)
        except UnfitNow as error:
            short_item(item.pk, notes=error.detail, actor=actor)
        done(1)
    complete_picking_task(task.pk, actor=actor)


def _pack(task: PackingTask, done: Callable[[int], None], actor: Actor) -> None:
    if task.status == PackingStatus.PENDING:
        start_packing_task(task.pk, actor=actor)
    left: dict[str, Decimal] = defaultdict(Decimal)
    for item in task.items.filter(status=PackingItemStatus.PENDING).select_related("product").order_by("pk"):
        left[item.product.sku] += item.remaining
    for sku, quantity in left.items():
        pack_item(task.pk, sku, quantity, actor=actor)
        done(1)
    pieces = task.items.aggregate(pieces=Sum("quantity"))["pieces"]
    taken = (task.provider and task.provider.max_weight) or MAX_WEIGHT_KG
    set_package_details(task.pk, min(BOX_WEIGHT + PIECE_WEIGHT * pieces, taken, MAX_WEIGHT_KG), *BOX, actor=actor)
    complete_packing_task(task.pk, actor=actor)


def ship(orders: dict[int, str], shipped: Callable[[int], None], *, actor: Actor) -> Problems:
    """Get a waybill for every package and hand the packages over. Returns what could not be shipped, and why, by invoice.

    A worker may ask the carrier for the same package at the same time: whoever claims it asks, the other one waits. So does a claim that a killed process
    has left, until it lapses.
    """
    for stopped in Shipment.objects.filter(order__source=SOURCE, status=ShipmentStatus.REQUESTED, next_attempt_at=None).order_by("pk"):
        if stopped.order_id in orders:
            retry_shipment(stopped.pk, actor=actor)  # the carrier refused it in an earlier run: perhaps it was mended since
    problems: Problems = {}
    waiting = dict(orders)
    progress_at = time.monotonic()
    while waiting:
        for order_id, invoice in list(waiting.items()):
            try:
                ready = _ask_carrier(order_id)
                if ready:
                    _hand_over(order_id, actor)
            except DomainError as error:
                problems[invoice] = error.detail
                ready = True
            if ready:
                del waiting[order_id]
                shipped(1)
                progress_at = time.monotonic()
        if waiting and time.monotonic() - progress_at > CARRIER_PATIENCE:
            return problems | {invoice: _why_it_waits(order_id) for order_id, invoice in waiting.items()}
        if waiting:
            time.sleep(LOOK_AGAIN)
    return problems


def _ask_carrier(order_id: int) -> bool:
    """Whether every package has its waybill now. Raises Conflict when the carrier refuses one."""
    for shipment in Shipment.objects.filter(order=order_id, status=ShipmentStatus.REQUESTED).order_by("pk"):
        request_shipment(shipment.pk)
        shipment = Shipment.objects.get(pk=shipment.pk)
        if shipment.status == ShipmentStatus.REQUESTED:
            if shipment.next_attempt_at is None:
                raise Conflict(f"{shipment}: {shipment.last_error}")
            return False
    return True


def _hand_over(order_id: int, actor: Actor) -> None:
    for task in PackingTask.objects.filter(order=order_id, status=PackingStatus.PACKED).order_by("pk"):
        try:
            ship_packing_task(task.pk, actor=actor)
        except Conflict:
            if not PackingTask.objects.filter(pk=task.pk, status=PackingStatus.SHIPPED).exists():
                raise


def _why_it_waits(order_id: int) -> str:
    shipment = Shipment.objects.filter(order=order_id, status=ShipmentStatus.REQUESTED).order_by("pk").first()
    if shipment is None:
        return "it waits, and nobody knows for what"
    if shipment.leased_until and shipment.leased_until > timezone.now():
        return f"{shipment}: somebody else asks the carrier"
    return f"{shipment}: no waybill after {shipment.attempts} attempts: {shipment.last_error or 'the carrier was not asked'}"
