"""What fulfilment's lists share."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil

from fulfillment.enums import OrderStatus, PackingStatus, PickingStatus, Priority, PutBackStatus, QualityStatus, ShipmentStatus
from fulfillment.queries.orders import orders_called
from warehouse.core.actor import Role

COLOURS = {
    OrderStatus.ACCEPTED: "default",
    OrderStatus.PICKING: "info",
    OrderStatus.PACKING: "info",
    OrderStatus.READY_FOR_SHIPMENT: "info",
    OrderStatus.SHIPPED: "success",
    OrderStatus.REJECTED: "danger",
    OrderStatus.NEEDS_ATTENTION: "warning",
    OrderStatus.CANCELLED: "default",
    PickingStatus.PENDING: "default",
    PickingStatus.ASSIGNED: "info",
    PickingStatus.IN_PROGRESS: "info",
    PickingStatus.COMPLETED: "success",
    PackingStatus.PACKED: "info",
    ShipmentStatus.REQUESTED: "default",
    ShipmentStatus.CREATED: "info",
    ShipmentStatus.HANDED_OVER: "success",
    ShipmentStatus.DELIVERED: "success",
    ShipmentStatus.RETURNED: "warning",
    ShipmentStatus.VOID_REQUESTED: "warning",
    PutBackStatus.DONE: "success",
    QualityStatus.PASSED: "success",
    QualityStatus.FAILED: "danger",
}
PRIORITY_COLOURS = {Priority.URGENT: "danger", Priority.HIGH: "warning", Priority.NORMAL: "default", Priority.LOW: "default"}


def due(ship_by: datetime | None, *, closed: bool) -> str:
    """How long until it must leave, or how late it is."""
    if ship_by is None or closed:
        return ""
    now = timezone.now()
    if ship_by < now:
        return f"late by {timesince(ship_by, now, depth=1)}"
    return f"in {timeuntil(ship_by, now, depth=1)}"


def workers_of(role: Role) -> list[tuple[int, str]]:
    """Active people of a role, for choosing one."""
    people = get_user_model().objects.filter(is_active=True, groups__name=role.value).order_by("username").distinct()
    return [(user.pk, f"{user.get_full_name()} ({user.username})".strip() if user.get_full_name() else user.username) for user in people]


def orders_named(term: str) -> list[int]:
    """The orders that people call so: by the id through its index; by the number only when no order has that id."""
    return next(orders_called(term.strip().removeprefix("listings:")), [])
