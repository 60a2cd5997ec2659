"""Orders taken in, tried again, cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from fulfillment import events
from fulfillment.enums import OPEN_PACKING, OPEN_PICKING, OPEN_QUALITY, OrderStatus, PackingStatus, Priority, ShipmentStatus
from fulfillment.locks import Work, find_and_lock_order, lock_order, lock_unsent_reports, lock_work_of
from fulfillment.models import Order, OrderLine, PackingTask, PickingTask, QualityCheck
from fulfillment.queries.providers import active_provider
from fulfillment.services import put_backs, waybills
from fulfillment.services.background import RETRY_DUE_ORDERS
from fulfillment.services.intake import make_picking_tasks, write_order
from inventory import orchestrator
from inventory.orchestrator import InsufficientStock, OrderedLine
from warehouse.core.actor import Actor, Role
from warehouse.core.background import soon
from warehouse.core.documents import cancel, take
from warehouse.core.errors import NotFound, TransitionRefused, ValidationFailed
from warehouse.core.locking import check_version
from warehouse.core.order_events import SOURCE_TILL
from warehouse.core.texts import require_one_of
from warehouse.core.transactions import lost_race_on, operation
from warehouse.outbox.events import Event, publish

# Two that take in the same order at once: the second one starts again and finds it.
lost_race_on(["order_once_per_source"])

SOURCE_LENGTH, ID_LENGTH, TEXT_LENGTH = 30, 80, 200


@operation(Role.INTEGRATION)
def process_order_confirmed(
    source: str,
    external_id: str,
    lines: Sequence[Mapping[str, Any]],
    *,
    actor: Actor,
    storefront_external_id: str = "",
    order_number: str = "",
    priority: str = Priority.NORMAL,
    ship_by: datetime | None = None,
    retry_when_stocked: bool = True,
    provider_code: str = "",
    reservation_ref: str = "",
) -> Order:
    """Take an order in: promise every line or none, and make one picking task per warehouse with its items in walking order.

    `lines` are as partners send them (see `resolve_lines`). (source, external_id) is taken in once: a repetition returns the order as it is, and
    so does an order whose cancellation came first. Not enough stock: the order is kept as `rejected` with its shortages, nothing else. Locks the
    order, then what inventory locks. Events inventory.reserved, order.accepted, picking.created, or order.rejected. Raises ValidationFailed,
    UnknownProduct, UnknownWarehouse.
    """
    _require_key(source, external_id)
    _require_not_till(source)
    require_one_of(priority, Priority.values, field="priority")
    try:
        ordered = orchestrator.resolve_lines(lines, storefront_id=storefront_external_id or None)
    except ValidationFailed:
        # A repetition is no news, even if its lines could not be read any more.
        known = find_and_lock_order(source, external_id)
        if known is None:
            raise
        return known
    order = Order(
        source=source,
        external_id=external_id,
        order_number=_printable(order_number, ID_LENGTH),
        storefront_external_id=_printable(storefront_external_id, 64),
        priority=priority,
        ship_by=ship_by,
        retry_when_stocked=retry_when_stocked,
        provider=active_provider(provider_code) if provider_code else None,
        reservation_ref=reservation_ref,
    )
    if not write_order(order, ordered):
        return Order.objects.get(source=source, external_id=external_id)
    short = _take_in(order, ordered, actor)
    if short is not None:
        take(order, "reject")
        order.shortages = short
        # Stock that arrives before this commits doesn't see the rejected order, so it is tried once more in any case.
        order.retry_due_at = timezone.now() if retry_when_stocked else None
        order.save(update_fields=["status", "shortages", "retry_due_at"])
        publish([events.of_order(events.ORDER_REJECTED, order, shortages=short)], actor=actor)
    return order


@operation(Role.INTEGRATION)
def retry_order(order_id: int, *, actor: Actor, expected_version: int | None = None) -> Order:
    """Try a rejected order again, with the lines it came with. Still not enough: it stays rejected, with the shortages of now.

    Locks the order, then what inventory locks. Events as for a new order that is accepted. Raises TransitionRefused when it is not rejected.
    """
    order = lock_order(order_id, expected_version)
    take(order, "accept")
    rows = order.lines.order_by("pk")
    ordered = [OrderedLine(row.product_id, row.quantity, row.warehouse_id, row.min_remaining_days, row.listing_id) for row in rows]
    short = _take_in(order, ordered, actor)
    order.shortages = short or []
    order.retry_due_at = None
    if short is not None:
        take(order, "reject")
    order.save_changes("status", "shortages", "retry_due_at")
    return order


@operation()
def mark_orders_for_retry(product_ids: Iterable[int], *, actor: Actor) -> int:
    """Note that rejected orders that allow it, with lines of these products, are to be tried again. Returns how many there are. One UPDATE."""
    short_of_these = OrderLine.objects.filter(product__in=set(product_ids)).values("order")
    marked = Order.objects.filter(status=OrderStatus.REJECTED, retry_when_stocked=True, pk__in=short_of_these).update(retry_due_at=timezone.now())
    if marked:
        soon(RETRY_DUE_ORDERS)
    return marked


@operation(Role.INTEGRATION)
def process_order_cancelled(source: str, external_id: str, reason: str, *, actor: Actor, expected_version: int | None = None) -> Order:
    """Cancel an order wherever it is: promises are released, tasks and shipments cancelled, picked goods stay on the bench until they are put back.

    What happens at which point: docs/cancellation.md. Nothing stays promised under its order_ref. An order that is not known yet leaves a tombstone;
    repeating a cancellation changes nothing. A shipment that the carrier knows, or may know, becomes `void_requested`; what the order system has not been
    told yet it is not told any more. Locks the order, its tasks, checks, shipments and reports, then what inventory locks (the stock of all its sites in
    one go). Events order.cancelled, picking.cancelled, quality.cancelled, packing.cancelled, and inventory.released. Raises TransitionRefused once
    something was handed over, with what to do instead; NotFound for a version of an order that is not known.
    """
    _require_key(source, external_id)
    reason = _printable(reason, TEXT_LENGTH).strip()
    order = find_and_lock_order(source, external_id)
    if expected_version is not None:
        if order is None:
            raise NotFound(f"There is no order {source}:{external_id}.", kind="order", id=external_id)
        check_version(order, expected_version)
    if order is None:
        _require_not_till(source)
        orchestrator.release_order.inside(f"{source}:{external_id}", reason=reason or "ORDER_CANCELLED", actor=actor)
        return Order.objects.create(
            source=source, external_id=external_id, status=OrderStatus.CANCELLED, cancellation_reason=reason, cancelled_at=timezone.now()
        )
    if order.status == OrderStatus.CANCELLED:
        return order
    work = lock_work_of(order)
    _require_here(order, work)
    cancel(order, reason, needed=False)
    _owe_nothing(order)
    publish([*_cancel_work(order, work, reason, actor), events.of_order(events.ORDER_CANCELLED, order, reason=reason)], actor=actor)
    return order


def _require_key(source: str, external_id: str) -> None:
    """The parts of the business key are kept as they are, and `source:id` must be readable both ways."""
    if not source or len(source) > SOURCE_LENGTH or ":" in source or not source.isprintable() or source != source.strip():
        raise ValidationFailed(f"source: {source[:40]!r} can't name a source of orders.", errors=[{"field": "source", "code": "invalid"}])
    if not external_id or len(external_id) > ID_LENGTH or not external_id.isprintable() or external_id != external_id.strip():
        raise ValidationFailed(f"order_id: {external_id[:40]!r} can't be an order's id.", errors=[{"field": "order_id", "code": "invalid"}])


def _require_not_till(source: str) -> None:
    """`till:…` is how inventory's books name what was sold over the counter: an order's goods would be counted as that sale's."""
    if source == SOURCE_TILL:
        raise ValidationFailed(f"source: {source!r} is the tills' own.", errors=[{"field": "source", "code": "reserved"}])


def _printable(text: str, length: int) -> str:
    """A partner's remark, cut to what the column holds and without what no database keeps."""
    return "".join(sign for sign in text if sign.isprintable())[:length]


def _take_in(order: Order, ordered: Sequence[OrderedLine], actor: Actor) -> list[dict[str, Any]] | None:
    """Promise and make the tasks; the shortages when there is not enough (then nothing of it is kept)."""
    try:
        with transaction.atomic():
            promised = orchestrator.promise_order.inside(
                order.order_ref, ordered, actor=actor, ship_at=order.ships_at, reservation_ref=order.reservation_ref
            )
    except InsufficientStock as error:
        return error.errors
    listings = {line.product_id: line.listing_id for line in ordered if line.listing_id}
    make_picking_tasks(order, promised, listings, actor=actor)
    return None


def _require_here(order: Order, work: Work) -> None:
    """Raise TransitionRefused when something of it has left the house: that comes back as a return."""
    gone = [task.number for task in work.packing if task.status == PackingStatus.SHIPPED]
    if not gone and order.status != OrderStatus.SHIPPED:
        return
    open_ = OPEN_PICKING | OPEN_QUALITY | OPEN_PACKING
    tasks: list[PickingTask | QualityCheck | PackingTask] = [*work.picking, *work.checks, *work.packing]
    rest = [task.number for task in tasks if task.status in open_]
    text = f"{order} was handed over to the carrier ({', '.join(gone) or 'all of it'}): it can't be cancelled any more. Take it back as a return."
    if rest:
        text += f" What has not left yet is stopped by cancelling {', '.join(rest)}; then agree to send the order without it."
    raise TransitionRefused(text, status=order.status, asked="cancel", possible=["return"], shipped=gone, open=rest)


def _owe_nothing(order: Order) -> None:
    """The order system is not told any more that a cancelled order is ready; what it was told before stays told."""
    for report in lock_unsent_reports(order):
        report.next_attempt_at, report.last_error = None, "The order was cancelled before this was told."
        report.save(update_fields=["next_attempt_at", "last_error"])


def _cancel_work(order: Order, work: Work, reason: str, actor: Actor) -> list[Event]:
    packed = {task.picking_task_id: task for task in work.packing if task.status != PackingStatus.CANCELLED}
    checked = {check.picking_task_id: check for check in work.checks if check.is_open}
    # All that is promised to it, also what no task holds.
    orchestrator.release_order.inside(order.order_ref, reason=reason or "ORDER_CANCELLED", actor=actor)
    for task in work.picking:
        if task.is_open or task.pk in packed or task.pk in checked:
            put_backs.make_put_backs(task)
    cancelled: list[Event] = []
    for picking in work.picking:
        if picking.is_open:
            cancel(picking, reason, needed=False)
            cancelled.append(events.of_picking(events.PICKING_CANCELLED, picking, reason=reason))
    for check in checked.values():
        cancel(check, reason, needed=False)
        cancelled.append(events.of_quality(events.QUALITY_CANCELLED, check, reason=reason))
    for packing in packed.values():
        cancel(packing, reason, needed=False)
        cancelled.append(events.of_packing(events.PACKING_CANCELLED, packing, reason=reason))
    for shipment in work.shipments:
        if shipment.status in (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED):
            waybills.give_up(shipment, reason, actor=actor)
    return cancelled
