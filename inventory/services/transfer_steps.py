"""The steps of a transfer: its goods leave, are on their way, arrive, or come back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import DocumentType, LocationKind, MovementType, WriteOffOrigin, WriteOffReason
from inventory.errors import InsufficientStock, Shortage
from inventory.locks import lock_transfer
from inventory.models import BatchLocation, Location, Transfer, TransferItem
from inventory.queries.locations import default_location, places_at
from inventory.queries.transfers import claimed_in_transit
from inventory.services.moving import AT_REST, lock_goods, pairs_of, refuse_places, require_free
from inventory.services.transfers import source_fault
from inventory.services.write_off_confirmation import confirm_write_off
from inventory.services.write_offs import WriteOffLine, make_write_off
from inventory.stock.gate import Gate, StockKey
from inventory.stock.place import bring, clock_of, lives_of, require_welcome
from inventory.stock.post import Header, post
from inventory.stock.shelf_life import Clock, Lives
from warehouse.core.actor import Actor, Role
from warehouse.core.columns import write_columns
from warehouse.core.documents import cancel, take
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event, publish

_WRITTEN = (
    "transit_id", "target_id", "target_location_id", "received_quantity", "freshness_before", "freshness_after", "expires_before", "expires_after",
)  # fmt: skip


@operation(Role.RECEIVER)
def send_transfer(transfer_id: int, *, actor: Actor, expected_version: int | None = None) -> Transfer:
    """The goods leave their places and stand in the target warehouse's transit until they are received. Every line keeps how fresh they are and until
    when they keep, before, and as in the place where they go.

    Locks the document, the batches FOR SHARE, then the gates of both warehouses. Ledger `transfer_out` and `transfer_in`; events stock.changed,
    inventory.transfer.sent. Raises InsufficientStock naming every line of which less is free, with who is promised the goods; PlaceNotAllowed naming every
    place where a product may not live. The number of statements does not grow with the lines.
    """
    transfer = lock_transfer(transfer_id, expected_version)
    take(transfer, "send")
    items = _lines(transfer)
    gate, rows = lock_goods((item.source_id for item in items), to_warehouse_id=transfer.target_warehouse_id)
    transit = Location.objects.get(pk=default_location(transfer.target_warehouse_id, LocationKind.TRANSIT))
    refuse_places(
        (fault, {"line": item.pk, "sku": rows[item.source_id].batch.product.sku})
        for item in items
        if (fault := source_fault(rows[item.source_id], item.source_id, transfer.source_warehouse_id))
    )
    targets = _targets(transfer, items)
    lives = lives_of({row.batch_id: row.batch for row in rows.values()}.values())
    require_welcome([(rows[item.source_id], targets[item.pk]) for item in items], lives)
    require_free(gate, [(rows[item.source_id], item.quantity) for item in items])
    now = timezone.now()
    for item in items:
        _judge(item, rows[item.source_id], targets[item.pk], lives, now)
    spots = bring([(rows[item.source_id], transit) for item in items], actor=actor)
    for item, spot in zip(items, spots, strict=True):
        item.transit_id = spot
    goods = [(item.source_id, spot, item.quantity) for item, spot in zip(items, spots, strict=True)]
    sent = _event(events.TRANSFER_SENT, transfer, items, gate)
    post(pairs_of(goods, MovementType.TRANSFER_OUT, MovementType.TRANSFER_IN), _header(transfer, actor), [sent])
    _write(items)
    transfer.sent_at = now
    transfer.save_changes("status", "sent_at")
    return transfer


@operation(Role.RECEIVER)
def receive_transfer(
    transfer_id: int,
    *,
    actor: Actor,
    received: Mapping[int, Decimal] | None = None,
    locations: Mapping[int, int] | None = None,
    expected_version: int | None = None,
) -> Transfer:
    """The goods come out of transit to their places, where the clock of that condition begins. `received` says of every line, by its id, how much has
    arrived (None: everything); what has not is written off from transit as lost. `locations` names other places, by line.

    Locks the document, the batches FOR SHARE, then the gates. Ledger `transfer_out` and `transfer_in`; events stock.received, stock.changed,
    inventory.transfer.received, and those of `confirm_write_off`. A loss above the approval limit stays in transit, in a write-off that awaits approval;
    `loss` binds it. Raises ValidationFailed for lines that are not named, and more than was sent; PlaceNotAllowed naming every place that does not suit.
    """
    transfer = lock_transfer(transfer_id, expected_version)
    take(transfer, "receive")
    items = _lines(transfer)
    _count(transfer, items, received, locations or {})
    gate, rows = lock_goods(item.transit_id for item in items if item.transit_id)
    _require_there(transfer, items, rows, gate)
    arrived = [item for item in items if item.received_quantity]
    targets = _targets(transfer, arrived)
    lives = lives_of({row.batch_id: row.batch for row in rows.values()}.values())
    now = timezone.now()
    for item in arrived:
        _judge_after(item, _in(rows, item), targets[item.pk], lives, now)
    spots = bring([(_in(rows, item), targets[item.pk]) for item in arrived], actor=actor) if arrived else []
    for item, spot in zip(arrived, spots, strict=True):
        item.target_id = spot
    goods = [(item.transit_id or 0, item.target_id or 0, item.received_quantity or ZERO) for item in arrived]
    post(pairs_of(goods, MovementType.TRANSFER_OUT, MovementType.TRANSFER_IN), _header(transfer, actor, fact=events.STOCK_RECEIVED))
    _write(items)
    transfer.received_at = now
    transfer.save_changes("status", "received_at")
    _write_off_what_is_lost(transfer, items, actor)
    publish([_event(events.TRANSFER_RECEIVED, transfer, items, gate)], actor=actor)
    return transfer


@operation(Role.RECEIVER)
def cancel_transfer(
    transfer_id: int, *, reason: str, actor: Actor, to_location_id: int | None = None, expected_version: int | None = None
) -> Transfer:
    """Nothing goes. What is on its way comes back to the places it came from, or all of it to `to_location_id` of the source warehouse.

    Locks the document; of what was sent the batches FOR SHARE and the gates of both warehouses. Ledger `transfer_out` and `transfer_in`, event
    stock.changed. Raises PlaceNotAllowed naming every place that takes the goods no more: then another one is to be named.
    """
    transfer = lock_transfer(transfer_id, expected_version)
    was_sent = transfer.sent_at is not None
    cancel(transfer, reason)
    if was_sent:
        _bring_back(transfer, _lines(transfer), to_location_id, actor)
    return transfer


def _bring_back(transfer: Transfer, items: Sequence[TransferItem], to_location_id: int | None, actor: Actor) -> None:
    gate, rows = lock_goods((item.transit_id for item in items if item.transit_id), to_warehouse_id=transfer.source_warehouse_id)
    _require_there(transfer, items, rows, gate)
    home = _places(transfer.source_warehouse_id, {item.pk: to_location_id or item.source.location_id for item in items})
    spots = bring([(_in(rows, item), home[item.pk]) for item in items], actor=actor)
    goods = [(item.transit_id or 0, spot, item.quantity) for item, spot in zip(items, spots, strict=True)]
    post(pairs_of(goods, MovementType.TRANSFER_OUT, MovementType.TRANSFER_IN), _header(transfer, actor, reason=transfer.cancellation_reason))


def _lines(transfer: Transfer) -> list[TransferItem]:
    items = list(transfer.items.select_related("source__location", "product", "batch").order_by("pk"))
    if not items:
        raise ValidationFailed(f"{transfer} has no lines. Add the goods that are to go, or cancel it.")
    return items


def _targets(transfer: Transfer, items: Sequence[TransferItem]) -> dict[int, Location]:
    """Where each line goes, by its id. Raises PlaceNotAllowed naming every place that is none any more."""
    return _places(transfer.target_warehouse_id, {item.pk: item.target_location_id or transfer.target_location_id for item in items})


def _places(warehouse_id: int, wanted: Mapping[int, int]) -> dict[int, Location]:
    names = {item: f"items[{item}].location" for item in wanted}
    found = places_at(warehouse_id, {names[item]: place for item, place in wanted.items()}, AT_REST)
    return {item: found[name] for item, name in names.items()}


def _count(transfer: Transfer, items: Sequence[TransferItem], received: Mapping[int, Decimal] | None, locations: Mapping[int, int]) -> None:
    """Note in each line what has arrived of it and where it goes; raises ValidationFailed with everything that makes no sense."""
    known = {item.pk for item in items}
    errors: list[dict[str, Any]] = [
        {"line": line, "code": "unknown", "detail": f"{transfer} has no line {line}."} for line in sorted({*(received or {}), *locations} - known)
    ]
    for item in items:
        item.target_location_id = locations.get(item.pk, item.target_location_id)
        arrived = item.quantity if received is None else received.get(item.pk)
        if arrived is None:
            errors.append(
                {"line": item.pk, "code": "required", "detail": f"Line {item.pk} ({item.product.sku}): say how much arrived, 0 for nothing."}
            )
            continue
        try:
            require_step(arrived, item.product.quantity_step, sku=item.product.sku, field=f"received[{item.pk}]")
        except ValidationFailed as error:
            errors += [entry | {"detail": error.detail} for entry in error.errors]
            continue
        if arrived > item.quantity:
            text = f"Line {item.pk} ({item.product.sku}): {plain(item.quantity)} were sent, not {plain(arrived)}. Receive the surplus as a delivery."
            errors.append({"line": item.pk, "code": "too_many", "sent": plain(item.quantity), "arrived": plain(arrived), "detail": text})
        item.received_quantity = arrived
    if errors:
        raise ValidationFailed(" ".join(error["detail"] for error in errors), errors=errors)


def _in(rows: Mapping[int, BatchLocation], item: TransferItem) -> BatchLocation:
    """Where the line's goods are in transit."""
    return rows[item.transit_id or 0]


def _require_there(transfer: Transfer, items: Iterable[TransferItem], rows: Mapping[int, BatchLocation], gate: Gate) -> None:
    """Raise InsufficientStock naming what is not in transit any more, because somebody wrote it off or counted it away."""
    needed: dict[int, Decimal] = defaultdict(Decimal)
    for item in items:
        needed[item.transit_id or 0] += item.quantity
    claimed = claimed_in_transit(needed, but=transfer.pk)
    short = []
    for pk, quantity in needed.items():
        row = rows[pk]
        there = row.quantity - row.reserved - claimed.get(pk, ZERO)
        if there < quantity:
            sku = gate[StockKey(row.warehouse_id, row.product_id)].sku
            where = {"location": row.location.code, "lot": row.batch.lot_number, "reason": "taken off the books on its way"}
            short.append(Shortage(row.product_id, sku, row.warehouse_id, quantity, there, (where,)))
    if short:
        raise InsufficientStock(short)


def _judge(item: TransferItem, row: BatchLocation, target: Location, lives: Mapping[int, Lives], now: datetime) -> None:
    clock = clock_of(row)
    item.freshness_before, item.expires_before = _kept(clock, lives[row.batch_id], now)
    _judge_after(item, row, target, lives, now)


def _judge_after(item: TransferItem, row: BatchLocation, target: Location, lives: Mapping[int, Lives], now: datetime) -> None:
    item.freshness_after, item.expires_after = _kept(clock_of(row).moved(lives[row.batch_id], now, target.condition), lives[row.batch_id], now)


def _kept(clock: Clock, lives: Lives, now: datetime) -> tuple[Decimal | None, datetime | None]:
    share: Fraction | None = clock.freshness(lives, now)
    return (None if share is None else round(Decimal(share.numerator) / share.denominator, 4)), clock.effective(lives)


def _write_off_what_is_lost(transfer: Transfer, items: Iterable[TransferItem], actor: Actor) -> None:
    """After the transfer is saved: while it is on its way, what it brings is nobody's to write off."""
    lost = [
        WriteOffLine(item.transit_id or 0, missing, WriteOffReason.LOST_IN_TRANSIT, note=f"{transfer}")
        for item in items
        if (missing := item.quantity - (item.received_quantity or ZERO))
    ]
    if not lost:
        return
    warehouse_id = transfer.target_warehouse_id
    paper = make_write_off(warehouse_id=warehouse_id, lines=lost, notes=f"Lost by {transfer}", origin=WriteOffOrigin.TRANSFER, actor=actor)
    transfer.loss = confirm_write_off.inside(paper.pk, actor=actor)
    transfer.save(update_fields=["loss"])


def _header(transfer: Transfer, actor: Actor, *, reason: str = "", fact: str = "") -> Header:
    return Header(actor=actor, fact=fact, document_type=DocumentType.TRANSFER, document_id=transfer.pk, reason=reason)


def _event(kind: str, transfer: Transfer, items: Iterable[TransferItem], gate: Gate) -> Event:
    told = []
    for item in items:
        facts = gate[StockKey(transfer.target_warehouse_id, item.product_id)]
        arrived = {} if item.received_quantity is None else {"received": plain(item.received_quantity)}
        told.append(
            {
                "sku": facts.sku,
                "listing_id": facts.listing_id,
                "lot": item.batch.lot_number,
                "quantity": plain(item.quantity),
                "expires_at": item.expires_after.isoformat() if item.expires_after else None,
                **arrived,
            }
        )
    payload = {
        "transfer_id": transfer.pk,
        "number": transfer.number,
        "from_warehouse_id": transfer.source_warehouse.external_id,
        "to_warehouse_id": transfer.target_warehouse.external_id,
        "items": told,
    }
    return Event(kind, "transfer", transfer.pk, payload | ({"loss": transfer.loss.number} if transfer.loss else {}))


def _write(items: Sequence[TransferItem]) -> None:
    """Write what a step has found out about the lines, one statement."""
    write_columns(TransferItem, _WRITTEN, ([item.pk, *(getattr(item, name) for name in _WRITTEN)] for item in items))
