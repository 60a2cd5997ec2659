"""The way of a lot on one page, and what a hold or recall would do, before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from inventory.enums import BatchStatus, BlockedReason, MovementType
from inventory.models import Batch
from inventory.queries.lot_families import made_of
from inventory.queries.tracing import Lot, LotStep, Trace, places_of_lots, promised_lots, shipped_orders, trace_batch
from warehouse.core.admin import plain, signed
from warehouse.core.quantities import ZERO

NAMED = 8


@dataclass(frozen=True, slots=True)
class Table:
    """One part of the way: what to read in it, its rows, and what is said when there are none."""

    title: str
    headers: list[str]
    rows: list[list[Any]]
    empty: str

    @property
    def content(self) -> dict[str, Any]:
        return {"headers": self.headers, "rows": self.rows}


def trace_tables(batch_id: int) -> tuple[Trace, list[Table]]:
    """The trace as tables, from where the lot comes to who got it."""
    trace = trace_batch(batch_id)
    return trace, [
        Table("Where from: deliveries", ["When", "Delivery", "Site", "Lot", "Quantity"], [_step(step) for step in trace.received], "No delivery."),
        Table("Where from: made of", _LOT_HEADERS, [_lot(lot) for lot in trace.made_of], "It was delivered as it is."),
        Table("Where to: made into", _LOT_HEADERS, [_lot(lot) for lot in trace.made_into], "Nothing was split off it or mixed from it."),
        Table(
            "Where it is",
            ["Lot", "Site", "Place", "Quantity", "Reserved", "Not for sale", "Expires"],
            [
                [
                    _link(place.lot_id, place.lot_number),
                    place.warehouse,
                    place.location,
                    plain(place.quantity),
                    plain(place.reserved),
                    BlockedReason(place.blocked_reason).label if place.blocked_reason else "",
                    _moment(place.expires_at),
                ]
                for place in trace.places
            ],
            "Nothing of it is left in the house.",
        ),
        Table(
            "Who waits for it",
            ["Order", "Lot", "Site", "Place", "Quantity", "Picking"],
            [
                [
                    promise.order_ref,
                    _link(promise.lot_id, promise.lot_number),
                    promise.warehouse,
                    promise.location,
                    plain(promise.quantity),
                    "has begun" if promise.picking_started else "",
                ]
                for promise in trace.promised
            ],
            "No order is promised any.",
        ),
        Table(
            "Who got it",
            ["Order or receipt", "Lot", "Site", "Sold", "Came back", "When"],
            [
                [
                    order.order_ref,
                    _link(order.lot_id, order.lot_number),
                    trace.warehouses.get(order.warehouse_id, ""),
                    plain(order.quantity),
                    plain(order.returned) if order.returned else "",
                    _moment(order.at),
                ]
                for order in trace.shipped
            ],
            "Nobody yet.",
        ),
        Table(
            "Where else it went",
            ["When", "What", "Paper", "Site", "Lot", "Quantity"],
            [[_moment(step.at), MovementType(step.type).label, *_step(step)[1:]] for step in trace.steps],
            "No transfer, write-off, count or mix.",
        ),
    ]


def withdrawal_preview(batch: Batch, *, for_good: bool) -> list[str]:
    """What a hold or a recall of this lot would reach, in sentences; it is judged again when it is done."""
    family = made_of([batch.pk])
    lots = Batch.objects.filter(pk__in=family - {batch.pk}).exclude(status=BatchStatus.RECALLED).values_list("lot_number", flat=True)
    places, promised = places_of_lots(family), promised_lots(family)
    waiting = sorted({promise.order_ref for promise in promised if not promise.picking_started})
    picking = sorted({promise.order_ref for promise in promised if promise.picking_started})
    shipped = sorted({order.order_ref for order in shipped_orders(family) if order.kept > 0})
    free = sum((place.quantity - place.reserved for place in places if not place.blocked_reason), ZERO)
    where = _some([f"{place.warehouse} {place.location}" for place in places])
    told = [
        f"With it: lot {_some(sorted(lots))}." if lots else "No other lot goes with it.",
        f"It lies in {where}; {plain(free)} of it stop being for sale." if places else "Nothing of it lies in the house.",
        f"Promised to {_some(waiting)}: other goods are promised instead where there are some, else released." if waiting else "No promise is moved.",
    ]
    if picking:
        told.append(f"Being picked for {_some(picking)}: stop these parcels, they can't be shipped.")
    if for_good:
        told.append(f"Shipped to {_some(shipped)}: write to these customers." if shipped else "Nobody got any of it.")
    return told


_LOT_HEADERS = ["Lot", "Supplier", "Best before", "Received", "Made of", "Status"]


def _lot(lot: Lot) -> list[Any]:
    parts = ", ".join(f"{number} ({plain(quantity)})" if quantity is not None else number for _, number, quantity in lot.made_of)
    state = BatchStatus(lot.status).label + (f": {lot.status_reason}" if lot.status_reason else "")
    label = date_format(lot.label_expires_on) if lot.label_expires_on else ""
    return [_link(lot.id, lot.lot_number), lot.supplier, label, _moment(lot.received_at), parts, state]


def _step(step: LotStep) -> list[Any]:
    return [_moment(step.at), step.document, step.warehouse, _link(step.lot_id, step.lot_number), signed(step.quantity)]


def _link(batch_id: int, lot_number: str) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', reverse("admin:inventory_batch_change", args=[batch_id]), lot_number)


def _moment(at: datetime | None) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else ""


def _some(names: Sequence[str]) -> str:
    """A few of them by name, the others counted."""
    names = list(dict.fromkeys(names))
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
