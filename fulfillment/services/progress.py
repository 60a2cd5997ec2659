"""How an order moves on with its tasks and shipments, and what it goes without. Called by the operations that change them, under the order's lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import LIVING_SHIPMENTS, OPEN_PICKING, OPEN_QUALITY, SOURCE_LISTINGS, OrderStatus, PackingStatus, ShipmentStatus
from fulfillment.locks import lock_report
from fulfillment.models import MissingGoods, Order, PackingTask, PickingTask, QualityCheck, Shipment, StatusReport
from fulfillment.queries.missing import on_no_task, said_of_missing
from fulfillment.services.background import REPORT_STATUS
from warehouse.core.actor import Actor
from warehouse.core.background import soon
from warehouse.core.documents import take
from warehouse.core.quantities import ZERO
from warehouse.outbox.events import publish

_STEPS = {
    OrderStatus.PICKING: "begin_picking",
    OrderStatus.PACKING: "begin_packing",
    OrderStatus.READY_FOR_SHIPMENT: "get_ready",
    OrderStatus.SHIPPED: "ship",
    OrderStatus.NEEDS_ATTENTION: "ask_attention",
}


def recount(order: Order, *, actor: Actor) -> None:
    """Note anew what a locked order goes without, and settle it: for operations that take goods off its tasks, or bring more.

    The row of a product that goes without more than before asks for a person again, whatever was accepted. Publishes order.needs_attention whenever more is
    missing, and what `settle` publishes.
    """
    lacking = {product_id: quantity for product_id, quantity in on_no_task(order).items() if quantity > 0}
    known = {row.product_id: row for row in MissingGoods.objects.filter(order=order)}
    changed = {product_id for product_id in {*known, *lacking} if product_id not in known or known[product_id].quantity != lacking.get(product_id)}
    rows = [known.get(product_id) or MissingGoods(order=order, product_id=product_id, quantity=ZERO) for product_id in sorted(changed)]
    more = any(lacking.get(row.product_id, ZERO) > row.quantity for row in rows)
    version = order.version
    _write(rows, lacking)
    missing = settle(order, actor=actor)
    if changed and order.version == version:
        order.save_changes()
    if more:
        publish([events.of_order(events.ORDER_NEEDS_ATTENTION, order, missing=events.facts_of_missing(missing))], actor=actor)


def settle(order: Order, *, actor: Actor) -> Sequence[MissingGoods]:
    """Give a locked order the status that its tasks say, or `needs_attention` while it goes without goods that nobody has accepted. Returns what is missing.

    Every package with a waybill: the order system is owed the news that it is ready, and without what, whatever a person has to look at.
    Publishes order.shipped.
    """
    stage = stage_of(order)
    missing = list(MissingGoods.objects.filter(order=order).select_related("product").order_by("product_id"))
    if stage in (OrderStatus.READY_FOR_SHIPMENT, OrderStatus.SHIPPED):
        _owe_status(order, settings.ORDER_READY_STATUS, said_of_missing(missing))
    waits = any(not row.is_accepted for row in missing)
    _move(order, OrderStatus.NEEDS_ATTENTION if waits else stage, actor)
    return missing


def stage_of(order: Order) -> OrderStatus:
    """How far the work on an order is; `needs_attention` when there is none, and none of it has left."""
    walks = PickingTask.objects.filter(order=order)
    if walks.filter(Q(status__in=OPEN_PICKING) | Exists(QualityCheck.objects.filter(picking_task=OuterRef("pk"), status__in=OPEN_QUALITY))).exists():
        return OrderStatus.ACCEPTED if order.status == OrderStatus.ACCEPTED else OrderStatus.PICKING
    packing = set(PackingTask.objects.filter(order=order).exclude(status=PackingStatus.CANCELLED).values_list("status", flat=True))
    if not packing:
        return OrderStatus.NEEDS_ATTENTION
    if packing == {PackingStatus.SHIPPED}:
        return OrderStatus.SHIPPED
    if packing <= {PackingStatus.PACKED, PackingStatus.SHIPPED} and _every_waybill_is_there(order):
        return OrderStatus.READY_FOR_SHIPMENT
    return OrderStatus.PACKING


def _every_waybill_is_there(order: Order) -> bool:
    statuses = set(Shipment.objects.filter(order=order, status__in=LIVING_SHIPMENTS).values_list("status", flat=True))
    return bool(statuses) and ShipmentStatus.REQUESTED not in statuses


def _write(rows: Sequence[MissingGoods], lacking: Mapping[int, Decimal]) -> None:
    """Save what is missing now, in two statements at most. Less of it than was accepted is accepted as well."""
    gone = [row.pk for row in rows if row.product_id not in lacking]
    left = [row for row in rows if row.product_id in lacking]
    for row in left:
        quantity = lacking[row.product_id]
        row.noted_at = timezone.now() if quantity > row.quantity else row.noted_at
        row.quantity, row.accepted = quantity, min(row.accepted, quantity)
    if gone:
        MissingGoods.objects.filter(pk__in=gone).delete()
    if left:
        written, key = ["quantity", "noted_at", "accepted"], ["order", "product"]
        MissingGoods.objects.bulk_create(left, update_conflicts=True, update_fields=written, unique_fields=key)


def _move(order: Order, status: OrderStatus, actor: Actor) -> None:
    if order.status == status:
        return
    take(order, _STEPS[status])
    if status == OrderStatus.SHIPPED:
        order.shipped_at = timezone.now()
        publish([events.of_order(events.ORDER_SHIPPED, order)], actor=actor)
    order.save_changes("status", "shipped_at")


def _owe_status(order: Order, status: str, message: str) -> None:
    """Owe the order system a status of its own order, with what it is to know beside it. The row is the debt; telling it at once is only a courtesy.

    What it was told already in these words is no debt. Locks the report, so that a worker that is just telling the words of before is noticed by it.
    """
    if order.source != SOURCE_LISTINGS:
        return
    report = lock_report(order, status) or StatusReport(order=order, status=status)
    if report.pk is not None and report.message == message:
        return
    report.message, report.sent_at, report.last_error = message, None, ""
    report.next_attempt_at = report.waiting_since = timezone.now()
    report.attempts = report.answered = 0
    report.save()
    soon(REPORT_STATUS, report.pk)
