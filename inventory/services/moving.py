"""Goods that move inside a warehouse, in one step; and what everything that moves goods has in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from inventory import events
from inventory.enums import LocationKind, MovementType
from inventory.errors import InsufficientStock, PlaceNotAllowed, Shortage
from inventory.locks import share_batches
from inventory.models import BatchLocation, Location
from inventory.queries.locations import places_at
from inventory.queries.promises import holders_of
from inventory.queries.put_away import suggest_places
from inventory.queries.transfers import claimed_in_transit
from inventory.stock.gate import Gate, LockedStock, StockKey, lock_stock
from inventory.stock.place import bring
from inventory.stock.post import Entry, Header, post
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason
from warehouse.core.errors import NotFound
from warehouse.core.locking import check_version
from warehouse.core.quantities import ZERO, plain, require_step
from warehouse.core.transactions import operation
from warehouse.outbox.events import Event

# What lies there is on its way by a picking task, a put-back or a transfer: nobody moves it past them, nor anything to it.
BENCHES = frozenset({LocationKind.PACKING, LocationKind.SHIPPING})
ON_THE_WAY = BENCHES | {LocationKind.TRANSIT}
AT_REST = frozenset(LocationKind) - ON_THE_WAY


@dataclass(frozen=True, slots=True)
class Move:
    """So much of what lies in a BatchLocation goes to another place of its warehouse."""

    batch_location_id: int
    quantity: Decimal
    to_location_id: int


@operation(Role.RECEIVER, Role.PICKER)
def move_stock(
    batch_location_id: int, quantity: Decimal, to_location_id: int, *, actor: Actor, reason: str = "", expected_version: int | None = None
) -> int:
    """`move_goods` of one line. Returns the BatchLocation that the goods lie in now. `expected_version` is that of the BatchLocation they leave."""
    return _move([Move(batch_location_id, quantity, to_location_id)], actor, reason, expected_version)[0]


@operation(Role.RECEIVER, Role.PICKER)
def move_goods(moves: Sequence[Move], *, actor: Actor, reason: str = "") -> list[int]:
    """Bring goods from places to other places of their warehouse: ledger `transfer_out` and `transfer_in`, event inventory.moved for each line.

    Only what is free moves: a promise stays with the goods that it lies on. Shares the batches, takes the gates. All lines or none; the number of
    statements does not grow with them. Returns the BatchLocations that the goods lie in now, in the order of the lines. Raises NotFound, PlaceNotAllowed
    (a bench, goods on their way, where the product may not live), InsufficientStock naming every short place with who is promised the goods there.
    """
    return _move(moves, actor, reason)


@operation(Role.RECEIVER)
def put_away(
    batch_location_id: int, quantity: Decimal, to_location_id: int | None = None, *, actor: Actor, expected_version: int | None = None
) -> int:
    """Bring goods from a receiving dock to a place, without one to the first that `suggest_places` names. Locks, ledger and events as `move_goods`.

    Raises PlaceNotAllowed for goods that lie on no dock, NotFound when no place can be suggested.
    """
    gate, rows = lock_goods([batch_location_id])
    source = rows[batch_location_id]
    if expected_version is not None:
        check_version(source, expected_version)
    if source.location.kind != LocationKind.RECEIVING:
        raise PlaceNotAllowed(f"{source.location} is no receiving dock: move the goods instead.", location=source.location.code)
    if to_location_id is None:
        to_location_id = suggest_places(batch_location_id, limit=1)[0].location_id
    return _move_behind(gate, rows, [Move(batch_location_id, quantity, to_location_id)], actor, "put away")[0]


def _move(moves: Sequence[Move], actor: Actor, reason: str, expected_version: int | None = None) -> list[int]:
    if not moves:
        return []
    gate, rows = lock_goods(move.batch_location_id for move in moves)
    if expected_version is not None:
        check_version(rows[moves[0].batch_location_id], expected_version)
    return _move_behind(gate, rows, moves, actor, reason)


def _move_behind(gate: Gate, rows: Mapping[int, BatchLocation], moves: Sequence[Move], actor: Actor, reason: str) -> list[int]:
    sources = [rows[move.batch_location_id] for move in moves]
    targets = places_within(list(zip(sources, (move.to_location_id for move in moves), strict=True)))
    require_loose([*(source.location for source in sources if source.location.kind in BENCHES), *targets])
    goods = [(source, move.quantity, target) for source, move, target in zip(sources, moves, targets, strict=True)]
    header = Header(actor=actor, reason=require_reason(reason, needed=False))
    return shift(gate, goods, MovementType.TRANSFER_OUT, MovementType.TRANSFER_IN, header)


def lock_goods(batch_location_ids: Iterable[int], *, to_warehouse_id: int | None = None) -> tuple[Gate, dict[int, BatchLocation]]:
    """Share the batches, take the gates of these BatchLocations (with `to_warehouse_id` also their products' there), then read them with their batch,
    product and location. Raises NotFound naming those that are not there."""
    wanted = set(batch_location_ids)
    known = BatchLocation.objects.filter(pk__in=wanted).values_list("pk", "batch_id", "warehouse_id", "product_id")
    keys: set[StockKey] = set()
    batches: set[int] = set()
    for pk, batch_id, warehouse_id, product_id in known:
        wanted.discard(pk)
        batches.add(batch_id)
        keys |= {StockKey(warehouse_id, product_id), StockKey(to_warehouse_id or warehouse_id, product_id)}
    if wanted:
        raise NotFound(f"There are no goods {', '.join(map(str, sorted(wanted)))}.", batch_locations=sorted(wanted))
    share_batches(batches)
    gate = lock_stock(keys, create=to_warehouse_id is not None)
    rows = BatchLocation.objects.select_related("batch__product", "location").filter(pk__in=[row[0] for row in known])
    return gate, {row.pk: row for row in rows}


def places_within(moves: Sequence[tuple[BatchLocation, int]]) -> list[Location]:
    """The locations that goods are to go to, in the same order. Raises PlaceNotAllowed naming every one that is no other active place of their
    warehouse."""
    wanted: dict[int, dict[str, int]] = defaultdict(dict)
    for number, (source, pk) in enumerate(moves):
        wanted[source.warehouse_id][f"moves[{number}].to_location"] = pk
    found = {name: place for warehouse_id, names in wanted.items() for name, place in places_at(warehouse_id, names).items()}
    targets = [found[f"moves[{number}].to_location"] for number in range(len(moves))]
    refuse_places(
        (f"The goods are in {target} already", {"location": target.code})
        for (source, _), target in zip(moves, targets, strict=True)
        if target.pk == source.location_id
    )
    return targets


def require_loose(places: Iterable[Location]) -> None:
    """Raise PlaceNotAllowed for benches and transit: goods come there and leave by their tasks and documents only."""
    guarded = {place.pk: place for place in places if place.kind in ON_THE_WAY}.values()
    ways = {LocationKind.TRANSIT: "transfers", LocationKind.PACKING: "picking and put-back", LocationKind.SHIPPING: "picking and put-back"}
    refuse_places(
        (f"{place} is a {place.get_kind_display()}: goods come there and leave by {ways[LocationKind(place.kind)]}", {"location": place.code})
        for place in guarded
    )


def refuse_places(faults: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Raise PlaceNotAllowed with all of these, if there are any."""
    faults = list(faults)
    if faults:
        raise PlaceNotAllowed("; ".join(dict.fromkeys(text for text, _ in faults)) + ".", errors=[data for _, data in faults])


def require_free(gate: Gate, wanted: Iterable[tuple[BatchLocation, Decimal]]) -> None:
    """Raise ValidationFailed for what is no quantity of its product, InsufficientStock naming every place that has less free goods than is wanted of it,
    with who is promised them. What a transfer brings is not free in transit."""
    asked: dict[int, Decimal] = defaultdict(Decimal)
    rows: dict[int, BatchLocation] = {}
    for row, quantity in wanted:
        stock = gate[StockKey(row.warehouse_id, row.product_id)]
        require_step(quantity, stock.quantity_step, sku=stock.sku, zero_allowed=False)
        asked[row.pk] += quantity
        rows[row.pk] = row
    free = {pk: row.quantity - row.reserved for pk, row in rows.items()}
    for pk, claimed in claimed_in_transit(pk for pk, row in rows.items() if row.location.kind == LocationKind.TRANSIT).items():
        free[pk] -= claimed
    short = [rows[pk] for pk, quantity in asked.items() if quantity > free[pk]]
    if short:
        promised: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for holder in holders_of(row.pk for row in short):
            promised[holder.batch_location_id].append({"order_ref": holder.order_ref, "reserved": plain(holder.held)})
        raise InsufficientStock([_shortage(gate, row, asked[row.pk], free[row.pk], promised[row.pk]) for row in short])


def _shortage(gate: Gate, row: BatchLocation, asked: Decimal, free: Decimal, promised: list[dict[str, Any]]) -> Shortage:
    where = {"batch_location": row.pk, "location": row.location.code, "lot": row.batch.lot_number, "reserved": plain(row.reserved)}
    return Shortage(row.product_id, gate[StockKey(row.warehouse_id, row.product_id)].sku, row.warehouse_id, asked, free, (where, *promised))


def shift(
    gate: Gate,
    goods: Sequence[tuple[BatchLocation, Decimal, Location]],
    out: MovementType,
    into: MovementType,
    header: Header,
    *,
    out_since: datetime | None = None,
) -> list[int]:
    """Move free goods to other places, behind their gates: two lines of the ledger and an inventory.moved each. Returns the BatchLocations they joined.

    `out_since` as in `bring`."""
    require_free(gate, ((source, quantity) for source, quantity, _ in goods))
    spots = bring([(source, target) for source, _, target in goods], actor=header.actor, out_since=out_since)
    moved = [moved_event(gate[StockKey(source.warehouse_id, source.product_id)], source, target, quantity) for source, quantity, target in goods]
    post(pairs_of([(source.pk, spot, quantity) for (source, quantity, _), spot in zip(goods, spots, strict=True)], out, into), header, moved)
    return spots


def pairs_of(goods: Iterable[tuple[int, int, Decimal]], out: MovementType, into: MovementType) -> list[Entry]:
    """The two lines of the ledger for each quantity that goes from one BatchLocation to another."""
    return [entry for old, new, quantity in goods for entry in (Entry(old, out, -quantity, ZERO), Entry(new, into, quantity, ZERO))]


def moved_event(stock: LockedStock, source: BatchLocation, target: Location, quantity: Decimal, **more: str) -> Event:
    """That goods have changed their place within a warehouse."""
    facts = {
        "listing_id": stock.listing_id,
        "product_id": stock.product_id,
        "warehouse_id": stock.warehouse_external_id,
        "from_location": source.location.code,
        "to_location": target.code,
        "quantity": plain(quantity),
    }
    return Event(events.INVENTORY_MOVED, "stock", stock.id, {**facts, **more})
