"""Several batches of a product poured together, and a part of such a mix taken out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils import timezone

from inventory import events
from inventory.enums import BatchStatus, DocumentType, LocationKind, MovementType
from inventory.errors import UnfitNow
from inventory.models import Batch, BatchComponent, BatchLocation, Location
from inventory.queries.locations import places_at
from inventory.queries.lots import find_lot
from inventory.services.moving import lock_goods, require_free
from inventory.services.splitting import split_batch
from inventory.stock.fefo import too_short
from inventory.stock.gate import Gate, StockKey
from inventory.stock.place import Arrival, clock_of, lives_of, place, require_welcome
from inventory.stock.post import Entry, Header, post
from inventory.stock.shelf_life import Clock, Lives, poured
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import next_number
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.quantities import ZERO, plain
from warehouse.core.texts import require_lengths
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event

MIXING_PLACES = frozenset({LocationKind.STORAGE, LocationKind.DISPLAY, LocationKind.RECEIVING})
_CENT_OF_A_CENT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class MixSource:
    """So much of what lies in a BatchLocation goes into the mix; the quantity is validated."""

    batch_location_id: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class _Part:
    """A source behind the gate: how much of it, and the clock that it would have in the mix's place, charged to now."""

    row: BatchLocation
    quantity: Decimal
    clock: Clock
    lives: Lives


@operation(Role.RECEIVER)
def mix_batches(*, warehouse_id: int, to_location_id: int, sources: Sequence[MixSource], actor: Actor, lot_number: str = "") -> Batch:
    """Pour free goods of several batches of one product and phase together into a place (a display bin): a new batch, whose components are kept.

    It expires with the component that expires first, and no later than any of them wherever it goes: of each term of the clocks it has the worst. The date on
    its label is the earliest of all. Its cost is the weighted mean. A mix may be mixed again: its components are then the mix itself, so that tracing loses nothing.

    Shares the batches, takes the gate. Ledger `mix_out` per source and `mix_in`, events inventory.batch.mixed, stock.changed; the statements do not grow
    with the sources. Raises ValidationFailed (one batch only, several products, phases or currencies, frozen with fresh goods, a lot number
    that is too long), UnfitNow for goods on hold, recalled or expired, PlaceNotAllowed, InsufficientStock, Conflict for a lot number that the product has.
    """
    lot_number = lot_number.strip()
    require_lengths(Batch, {"lot_number": lot_number})
    asked = _summed(sources)
    gate, rows = lock_goods(asked)
    target = _target(warehouse_id, to_location_id)
    goods = [rows[pk] for pk in sorted(asked)]
    _require_alike(goods, warehouse_id)
    _require_fit(goods)
    require_free(gate, [(row, asked[row.pk]) for row in goods])
    lives = lives_of({row.batch_id: row.batch for row in goods}.values())
    require_welcome([(row, target) for row in goods], lives)
    parts = _parts(goods, asked, lives, target)
    clock, of_mix = poured([(part.clock, part.lives) for part in parts])
    mixed = _new_batch(parts, lot_number, of_mix)
    arrival = Arrival(mixed, target, parts[0].row.phase, clock, min(part.row.received_at for part in parts))
    (spot,) = place([arrival], {mixed.pk: of_mix}, actor=actor)
    total = sum((part.quantity for part in parts), ZERO)
    entries = [Entry(part.row.pk, MovementType.MIX_OUT, -part.quantity, ZERO) for part in parts]
    header = Header(actor=actor, document_type=DocumentType.MIXED_BATCH, document_id=mixed.pk)
    post([*entries, Entry(spot, MovementType.MIX_IN, total, ZERO)], header, [_mixed_event(mixed, parts, total, target, gate)])
    return mixed


@operation(Role.RECEIVER)
def split_mixed_batch(batch_id: int, batch_location_id: int, quantity: Decimal, *, actor: Actor, lot_number: str = "", reason: str = "") -> Batch:
    """Take a part of a mix out into a lot of its own, its child: poured goods can't be told apart again, so it keeps the mix's clock, cost and components
    (by its parent). Locks, ledger and errors as `split_batch`. Raises NotFound for a batch that is no mix, or goods that are not of it.
    """
    if not BatchComponent.objects.filter(mixed=batch_id).exists():
        raise NotFound(f"There is no mixed batch {batch_id}.", kind="mixedbatch", id=batch_id)
    if not BatchLocation.objects.filter(pk=batch_location_id, batch=batch_id).exists():
        raise NotFound(f"There are no goods {batch_location_id} of mixed batch {batch_id}.", batch_location=batch_location_id)
    return split_batch.inside(batch_location_id, quantity, lot_number=lot_number.strip(), reason=reason, actor=actor)


def _summed(sources: Sequence[MixSource]) -> dict[int, Decimal]:
    asked: dict[int, Decimal] = {}
    for source in sources:
        asked[source.batch_location_id] = asked.get(source.batch_location_id, ZERO) + source.quantity
    return asked


def _target(warehouse_id: int, location_id: int) -> Location:
    return places_at(warehouse_id, {"to_location": location_id}, MIXING_PLACES)["to_location"]


def _require_alike(goods: Sequence[BatchLocation], warehouse_id: int) -> None:
    """Goods that may be poured together: here, of one product and phase, in one currency, of several batches, all frozen once or none."""
    faults: list[str] = []
    strangers = [row for row in goods if row.warehouse_id != warehouse_id or row.location.kind not in MIXING_PLACES]
    if strangers:
        faults.append(", ".join(f"{row.batch} in {row.location} is not in a place of this warehouse from which goods are mixed" for row in strangers))
    if len({row.batch_id for row in goods}) < 2:
        faults.append("a mix needs goods of at least two batches")
    for what, values in (
        ("product", {row.batch.product.sku for row in goods}),
        ("phase", {str(row.phase) for row in goods}),
        ("currency", {row.batch.currency for row in goods}),
    ):
        if len(values) > 1:
            faults.append(f"a mix is of one {what}, not of {', '.join(sorted(values))}")
    if len({row.frozen_at is None for row in goods}) > 1:
        faults.append("goods that were frozen are not mixed with goods that were not")
    if faults:
        raise ValidationFailed(f"These can't be mixed: {'; '.join(faults)}.", errors=[{"field": "sources", "detail": fault} for fault in faults])


def _require_fit(goods: Sequence[BatchLocation]) -> None:
    now = timezone.now()
    bad = [(row, why) for row in goods if (why := _why_unfit(row, now))]
    if bad:
        raise UnfitNow(
            "; ".join(f"{row.batch} in {row.location} is {why}" for row, why in bad) + ". It would spoil the mix: leave it out.",
            errors=[{"batch_location": row.pk, "lot": row.batch.lot_number, "location": row.location.code, "reason": why} for row, why in bad],
        )


def _why_unfit(row: BatchLocation, now: datetime) -> str:
    """Why these goods may not be poured into others. That their place is not for picking (a dock) is no reason."""
    if row.batch.status != BatchStatus.AVAILABLE:
        return str(row.batch.get_status_display())
    return "too short dated" if too_short(row.effective_expires_at, now, row.batch.product.min_remaining_days) else ""


def _parts(goods: Iterable[BatchLocation], asked: Mapping[int, Decimal], lives: Mapping[int, Lives], target: Location) -> list[_Part]:
    now = timezone.now()
    parts = []
    for row in goods:
        clock = clock_of(row).charged(lives[row.batch_id], now).moved(lives[row.batch_id], now, target.condition)
        parts.append(_Part(row, asked[row.pk], clock, lives[row.batch_id]))
    return parts


def _new_batch(parts: Sequence[_Part], lot_number: str, of_mix: Lives) -> Batch:
    first = parts[0].row.batch
    batches = {part.row.batch_id: part.row.batch for part in parts}.values()
    if find_lot(first.product_id, lot_number) is not None:
        raise Conflict(f"{first.product.sku} has a lot {lot_number} already. Leave the number out, or choose another.", lot_number=lot_number)
    suppliers = {batch.supplier_id for batch in batches}
    mixed = Batch.objects.create(
        product=first.product,
        lot_number=lot_number or next_number("MIX"),
        supplier_id=suppliers.pop() if len(suppliers) == 1 else None,
        produced_on=min((batch.produced_on for batch in batches if batch.produced_on), default=None),
        label_expires_on=min((batch.label_expires_on for batch in batches if batch.label_expires_on), default=None),
        label_condition=of_mix.label_condition,
        label_life=of_mix.label_life,
        received_at=min(batch.received_at for batch in batches),
        purchase_price=_mean_cost(parts),
        currency=first.currency,
    )
    quantities: dict[int, Decimal] = {}
    for part in parts:
        quantities[part.row.batch_id] = quantities.get(part.row.batch_id, ZERO) + part.quantity
    BatchComponent.objects.bulk_create(BatchComponent(mixed=mixed, source_id=source, quantity=quantity) for source, quantity in quantities.items())
    return mixed


def _mean_cost(parts: Sequence[_Part]) -> Decimal:
    """What a unit of the mix cost, to a hundredth of a cent."""
    value = sum((part.quantity * part.row.batch.purchase_price for part in parts), ZERO)
    return (value / sum((part.quantity for part in parts), ZERO)).quantize(_CENT_OF_A_CENT, ROUND_HALF_UP)


def _mixed_event(mixed: Batch, parts: Sequence[_Part], total: Decimal, target: Location, gate: Gate) -> Event:
    stock = gate[StockKey(target.warehouse_id, mixed.product_id)]
    made_of: list[dict[str, Any]] = [
        {"batch_id": part.row.batch_id, "lot": part.row.batch.lot_number, "location": part.row.location.code, "quantity": plain(part.quantity)}
        for part in parts
    ]
    facts = {"batch_id": mixed.pk, "lot_number": mixed.lot_number, "product_id": mixed.product_id, "listing_id": stock.listing_id}
    return Event(
        events.BATCH_MIXED,
        "batch",
        mixed.pk,
        {**facts, "warehouse_id": stock.warehouse_external_id, "location": target.code, "quantity": plain(total), "components": made_of},
    )
