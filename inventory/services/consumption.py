"""Keeping a promise: the goods leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.db.models import F
from django.utils import timezone

from inventory import events
from inventory.enums import BlockedReason, DocumentType, MovementType, ReservationStatus
from inventory.errors import InsufficientStock, Shortage, UnfitNow
from inventory.models import BatchLocation, Product, Reservation
from inventory.queries.promises import HeldItem, items_of_reservations
from inventory.services.promises import lock_with_items, require_active, require_owner, set_status, update_items
from inventory.stock import fefo
from inventory.stock.gate import Gate, lock_stock
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation


@operation(Role.INTEGRATION)
def consume_reservation(
    reservation_id: int,
    *,
    actor: Actor,
    actual: Mapping[int, Decimal] | None = None,
    document_type: DocumentType = DocumentType.RESERVATION,
    document_id: int | None = None,
    for_order: bool = False,
) -> Reservation:
    """Keep a promise: the goods leave the books (ledger `sale`, event stock.sold) and the reservation is fulfilled.

    `actual` says, by item, what weighed goods really were: less (the rest is released), or more within the product's `weight_tolerance` when the surplus
    is free where they lie. Takes the gates, then the reservation. A fulfilled one stays as it is; another that is not active is refused,
    and one of a confirmed order unless the caller acts `for_order`. Raises UnfitNow for goods that are recalled, held, or too short dated to ship today.
    """
    gate, reservation, items = lock_with_items(reservation_id)
    if reservation.status == ReservationStatus.FULFILLED:
        return reservation
    require_active(reservation)
    require_owner(reservation, for_order=for_order)
    weights = _actual_quantities(items, actual or {})
    _require_fit([item for item in items if weights[item.id]], gate)
    entries = []
    for item in items:
        weight, kept = weights[item.id], min(weights[item.id], item.held)
        if weight:
            entries.append(Entry(item.batch_location_id, MovementType.SALE, -weight, -kept))
        if item.held > kept:
            entries.append(Entry(item.batch_location_id, MovementType.RELEASE, ZERO, kept - item.held))
    header = Header(
        actor=actor,
        fact=events.STOCK_SOLD,
        document_type=document_type,
        document_id=document_id or reservation.pk,
        order_ref=reservation.order_ref,
        reservation_id=reservation.pk,
    )
    post(entries, header)
    update_items({item.id: (min(weights[item.id], item.held), item.held - min(weights[item.id], item.held), weights[item.id]) for item in items})
    set_status(reservation, ReservationStatus.FULFILLED, "")
    return reservation


@operation()
def take_gates_of(reservation_ids: Iterable[int], *, actor: Actor) -> None:
    """Take the gates of all that these reservations hold, at once and in order: for whoever consumes several of them in one transaction."""
    lock_stock({item.key for item in items_of_reservations(reservation_ids)})


def _require_fit(items: Iterable[HeldItem], gate: Gate) -> None:
    """Raise UnfitNow naming all that may not leave: judged as when it was promised and picked, but now. That goods lie on a bench is no reason."""
    now = timezone.now()
    reasons = []
    for item in items:
        stock = gate[item.key]
        judged = item if item.blocked_reason != BlockedReason.PLACE else item._replace(blocked_reason=BlockedReason.NONE)
        reason = fefo.unfit(judged, now, max(item.min_remaining_days, stock.min_remaining_days))
        if reason is not None:
            reasons.append({"item": item.id, "sku": stock.sku, "batch": item.batch_id, "quantity": plain(item.held), "reason": reason})
    if reasons:
        told = "; ".join(f"{entry['sku']}: {entry['reason']}" for entry in reasons)
        raise UnfitNow(f"{told}. Take them out, and promise other goods.", errors=reasons)


def _actual_quantities(items: Sequence[HeldItem], actual: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """What really leaves, by item. Raises for items that are not of this reservation, off the step, too much, or not free."""
    unknown = set(actual) - {item.id for item in items}
    if unknown:
        raise ValidationFailed(f"These items are not held by the reservation: {sorted(unknown)}.", items=sorted(unknown))
    if not actual:
        return {item.id: item.held for item in items}
    products = Product.objects.in_bulk({item.product_id for item in items if item.id in actual})
    for item in items:
        if item.id in actual:
            product = products[item.product_id]
            require_step(actual[item.id], product.quantity_step, sku=product.sku, field="actual")
    surplus = {item.batch_location_id for item in items if actual.get(item.id, ZERO) > item.held}
    free = dict(BatchLocation.objects.filter(pk__in=surplus).values_list("pk", F("quantity") - F("reserved")))
    result = {}
    for item in items:
        weight = actual.get(item.id, item.held)
        if item.id in actual:
            product = products[item.product_id]
            more = weight - item.held
            if more > product.weight_tolerance:
                raise ValidationFailed(
                    f"{product.sku}: {plain(weight)} is {plain(more)} more than promised; the tolerance is {plain(product.weight_tolerance)}.",
                    item=item.id,
                )
            if more > 0:
                if free[item.batch_location_id] < more:
                    shortage = Shortage(product.pk, product.sku, item.warehouse_id, more, free[item.batch_location_id])
                    raise InsufficientStock([shortage])
                free[item.batch_location_id] -= more
        result[item.id] = weight
    return result
