"""How an order moves on with its tasks and shipments. Called by the operations that close one of them, under the order's lock."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django_fsm import can_proceed

from fulfillment import events
from fulfillment.enums import LIVING_SHIPMENTS, OPEN_PICKING, OPEN_QUALITY, SOURCE_LISTINGS, OrderStatus, PackingStatus, ShipmentStatus
from fulfillment.models import Order, PackingTask, PickingTask, QualityCheck, Shipment, StatusReport
from fulfillment.services.background import REPORT_STATUS, soon
from warehouse.core.actor import Actor
from warehouse.core.documents import take
from warehouse.outbox.events import publish


def settle(order: Order, *, actor: Actor) -> None:
    """Give a locked order the status that its tasks say, once nothing is left to pick or to look at.

    Nothing to pack either: it needs attention. Every package with a waybill: ready, and the order system is owed that news. All gone: shipped.
    Publishes order.needs_attention, order.shipped.
    """
    walks = PickingTask.objects.filter(order=order)
    if walks.filter(Q(status__in=OPEN_PICKING) | Exists(QualityCheck.objects.filter(picking_task=OuterRef("pk"), status__in=OPEN_QUALITY))).exists():
        return
    packing = set(PackingTask.objects.filter(order=order).exclude(status=PackingStatus.CANCELLED).values_list("status", flat=True))
    if not packing:
        _move(order, "ask_attention", actor)
    elif packing == {PackingStatus.SHIPPED}:
        _move(order, "ship", actor)
    elif packing <= {PackingStatus.PACKED, PackingStatus.SHIPPED} and _every_waybill_is_there(order):
        _move(order, "get_ready", actor)
    else:
        _move(order, "begin_packing", actor)


def need_a_person(order: Order, *, actor: Actor) -> None:
    """A locked order lost goods, whatever else goes on with it. Publishes order.needs_attention."""
    _move(order, "ask_attention", actor)


def _every_waybill_is_there(order: Order) -> bool:
    statuses = set(Shipment.objects.filter(order=order, status__in=LIVING_SHIPMENTS).values_list("status", flat=True))
    return bool(statuses) and ShipmentStatus.REQUESTED not in statuses


def _move(order: Order, transition: str, actor: Actor) -> None:
    if not can_proceed(getattr(order, transition)):
        return
    take(order, transition)
    if order.status == OrderStatus.SHIPPED:
        order.shipped_at = timezone.now()
        publish([events.of_order(events.ORDER_SHIPPED, order)], actor=actor)
    elif order.status == OrderStatus.NEEDS_ATTENTION:
        publish([events.of_order(events.ORDER_NEEDS_ATTENTION, order)], actor=actor)
    elif order.status == OrderStatus.READY_FOR_SHIPMENT:
        _owe_status(order, settings.ORDER_READY_STATUS)
    order.save_changes("status", "shipped_at")


def _owe_status(order: Order, status: str) -> None:
    """Owe the order system a status of its own order. The row is the debt; telling it at once is only a courtesy."""
    if order.source != SOURCE_LISTINGS:
        return
    report, _ = StatusReport.objects.get_or_create(order=order, status=status, defaults={"next_attempt_at": timezone.now()})
    soon(REPORT_STATUS, report.pk)
