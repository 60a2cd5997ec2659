"""Random days of papers: write-offs and transfers, and goods that are moved, changed, split and mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from inventory.errors import GoodsPromised
from inventory.models import Batch, TransferItem
from inventory.orchestrator import (
    MixSource,
    PlaceNotAllowed,
    TransferLine,
    UnfitNow,
    WriteOffLine,
    cancel_transfer,
    change_phase,
    create_transfer,
    mix_batches,
    move_stock,
    receive_transfer,
    remove_stock,
    send_transfer,
    split_batch,
)
from tests.factories.inventory import ACTOR
from tests.inventory.days.ground import Ground
from tests.inventory.shadow import ZERO, Goods, Key, Lot, Spot, mixed
from warehouse.core.errors import ValidationFailed


@dataclass(frozen=True)
class Trip:
    """Goods that a transfer has under way."""

    transfer_id: int
    key: Key
    quantity: Decimal
    source: Spot
    target: Spot


class Papers(Ground):
    """What papers do, and who gives way to them."""

    def __init__(self) -> None:
        super().__init__()
        self.on_the_way: list[Trip] = []

    # --- taking promised goods ---------------------------------------------------------------------------------------------------------------

    def give_way(
        self, needs: dict[Key, Decimal], work: Callable[[], object], *, release: bool = True, lots: set[str] | None = None, refuses: bool = True
    ) -> bool:
        """Do work that makes so much of promised goods free, and take what gave way over into the shadow. False when it was refused."""
        needs = {key: quantity for key, quantity in needs.items() if quantity > 0}
        taken = self.shadow.give_way(needs)
        if refuses and needs and (taken is None or not release):
            self.refused(work, GoodsPromised)
            return False
        taken = taken or []
        pairs = sorted({pair for pair, _, _ in taken}, key=lambda pair: self.shadow.promises[pair].serial)
        self._move_promises(taken, pairs, needs, lots or set())
        expected = {pair: self.shadow.by_date(self.shadow.promises[pair].held) for pair in pairs}
        work()
        for pair in pairs:
            promise = self.shadow.promises[pair]
            for key, quantity in promise.held.items():
                self.shadow.goods[key].reserved -= quantity
            promise.held = self.of_database(*pair)
            assert self.shadow.by_date(promise.held) == expected[pair]
            self.shadow.take(promise.held)
            if not promise.held:
                del self.shadow.promises[pair]
        return True

    def _move_promises(self, taken: list[Any], pairs: list[tuple[str, int]], needs: dict[Key, Decimal], lots: set[str]) -> None:
        for pair, key, quantity in taken:
            held = self.shadow.promises[pair].held
            held[key] -= quantity
            self.shadow.goods[key].reserved -= quantity
            if not held[key]:
                del held[key]
        for pair in pairs:
            for _, key, quantity in (each for each in taken if each[0] == pair):
                elsewhere = self.shadow.first_out(key.product, pair[1], quantity, self.now(), but=needs, lots=lots)
                self.shadow.take(elsewhere)
                for other, part in elsewhere.items():
                    self.shadow.promises[pair].held[other] = self.shadow.promises[pair].held.get(other, ZERO) + part

    # --- papers ------------------------------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), release=st.booleans())
    def write_off(self, data: Any, release: bool) -> None:
        key = self.draw_goods(data, lambda lying: lying.spot.condition or lying.spot.pickable or not self.in_transit(lying))
        if key is None:
            return
        lying = self.shadow.goods[key]
        quantity = self.draw_part(data, lying.quantity)
        line = WriteOffLine(self.row(key).pk, quantity, "damaged")

        def work() -> object:
            return remove_stock(warehouse_id=lying.spot.house, line=line, release_reservations=release, actor=ACTOR)

        if self.give_way({key: quantity - lying.free}, work, release=release):
            self.shadow.leave(key, quantity)

    def in_transit(self, lying: Goods) -> bool:
        return lying.spot.id in {house.transit.pk for house in self.houses}

    def on_bench(self, lying: Goods) -> bool:
        return lying.spot.id in {house.bench.pk for house in self.houses}

    def loose(self, lying: Goods) -> bool:
        return lying.free > 0 and not self.in_transit(lying) and not self.on_bench(lying)

    @rule(data=st.data(), to=st.integers(0, 1))
    def send(self, data: Any, to: int) -> None:
        key = self.draw_goods(data, self.loose)
        if key is None:
            return
        lying, target = self.shadow.goods[key], self.houses[to]
        quantity = self.draw_part(data, lying.free)
        spot = data.draw(st.sampled_from(self.spots_of(to, benches=False)))
        line = TransferLine(self.row(key).pk, quantity, spot.id)
        paper = create_transfer(source_warehouse_id=lying.spot.house, target_warehouse_id=target.id, lines=[line], actor=ACTOR)

        def work() -> object:
            return send_transfer(paper.pk, actor=ACTOR)

        if not self.shadow.welcome(key, spot):
            self.refused(work, PlaceNotAllowed)
            cancel_transfer(paper.pk, reason="refused", actor=ACTOR)
            return
        work()
        there = self.shadow.bring(key, self.shadow.spots[target.transit.pk], quantity, self.now())
        self.on_the_way.append(Trip(paper.pk, there, quantity, lying.spot, spot))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), lost=st.integers(0, 2))
    def arrive(self, data: Any, lost: int) -> None:
        trip = self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))
        missing = min(Decimal(lost), trip.quantity)
        item = TransferItem.objects.get(transfer=trip.transfer_id)
        receive_transfer(trip.transfer_id, received={item.pk: trip.quantity - missing}, actor=ACTOR)
        if trip.quantity > missing:
            self.shadow.bring(trip.key, trip.target, trip.quantity - missing, self.now())
        self.shadow.leave(trip.key, missing)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def turn_back(self, data: Any) -> None:
        trip = self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))
        cancel_transfer(trip.transfer_id, reason="turned back", actor=ACTOR)
        self.shadow.bring(trip.key, trip.source, trip.quantity, self.now())

    @rule(data=st.data(), where=st.integers(0, 5))
    def move(self, data: Any, where: int) -> None:
        key = self.draw_goods(data, self.loose)
        if key is None:
            return
        lying = self.shadow.goods[key]
        quantity = self.draw_part(data, lying.free)
        spot = self.spots_of(self.house_of(lying))[where]
        row = self.row(key)

        def work() -> object:
            return move_stock(row.pk, quantity, spot.id, actor=ACTOR)

        if where == 5 or not self.shadow.may_be_brought(key, spot):
            self.refused(work, PlaceNotAllowed)
            return
        work()
        self.shadow.bring(key, spot, quantity, self.now())

    def house_of(self, lying: Goods) -> int:
        return next(n for n, house in enumerate(self.houses) if house.id == lying.spot.house)

    @rule(data=st.data(), how=st.sampled_from(["freeze", "thaw", "open"]), where=st.integers(0, 4), sensible=st.booleans())
    def change(self, data: Any, how: str, where: int, sensible: bool) -> None:
        key = self.draw_goods(data, lambda lying: self.loose(lying) and (not sensible or self._changeable(lying, how)))
        if key is None:
            return
        lying = self.shadow.goods[key]
        quantity = self.draw_part(data, lying.free)
        spots = self.spots_of(self.house_of(lying), benches=False)
        spot = {"freeze": spots[2], "thaw": spots[1], "open": lying.spot}[how] if sensible else spots[where]
        row, now = self.row(key), self.now()
        expected = self.shadow.change(key, how, spot, now)

        def work() -> object:
            return change_phase(row.pk, quantity, how, spot.id, actor=ACTOR)

        if expected is None:
            self.refused(work, ValidationFailed)
            return
        work()
        self.shadow.leave(key, quantity)
        self.shadow.arrive(lying.lot, spot, expected[1], expected[0], lying.received_at, quantity, now)

    def _changeable(self, lying: Goods, how: str) -> bool:
        frozen = lying.clock.condition == "frozen"
        return lying.lot.kind.freezable and lying.phase == "sealed" and frozen == (how == "thaw")

    @rule(data=st.data())
    def split(self, data: Any) -> None:
        key = self.draw_goods(data, self.loose)
        if key is None:
            return
        lying = self.shadow.goods[key]
        quantity = self.draw_part(data, lying.free)
        child = split_batch(self.row(key).pk, quantity, actor=ACTOR)
        known = self.shadow.new_child(lying.lot)
        assert child.lot_number == known.number
        self.shadow.leave(key, quantity)
        self.shadow.arrive(known, lying.spot, lying.phase, lying.clock, lying.received_at, quantity, self.now())

    @rule(data=st.data(), where=st.integers(0, 3))
    def mix(self, data: Any, where: int) -> None:
        first = self.draw_goods(data, self._mixable)
        if first is None:
            return
        one = self.shadow.goods[first]

        def alike(other: Goods) -> bool:
            same = other.product == one.product and other.phase == one.phase and other.spot.house == one.spot.house and other.lot is not one.lot
            return same and self._mixable(other) and (other.clock.frozen_at is None) == (one.clock.frozen_at is None)

        second = self.draw_goods(data, alike)
        if second is None:
            return
        keys = sorted([first, second], key=lambda key: self.shadow.goods[key].serial)
        parts = {key: self.draw_part(data, self.shadow.goods[key].free) for key in keys}
        spot = self.spots_of(self.house_of(one))[where]
        sources = [MixSource(self.row(key).pk, quantity) for key, quantity in parts.items()]

        def work() -> Batch:
            return mix_batches(warehouse_id=one.spot.house, to_location_id=spot.id, sources=sources, actor=ACTOR)

        now = self.now()
        if not all(self.shadow.goods[key].lot.status == "available" and self.shadow.goods[key].keeps(now) for key in keys):
            self.refused(work, UnfitNow)
        elif not all(self.shadow.welcome(key, spot) for key in keys):
            self.refused(work, PlaceNotAllowed)
        else:
            self._mixed(work().lot_number, keys, parts, spot, now)

    def _mixable(self, lying: Goods) -> bool:
        places = {place.pk for house in self.houses for place in (house.shelf, house.cool, house.freezer, house.dock)}
        return lying.free > 0 and lying.spot.id in places

    def _mixed(self, number: str, keys: list[Key], parts: dict[Key, Decimal], spot: Spot, now: datetime) -> None:
        goods = [self.shadow.goods[key] for key in keys]
        clock, label_condition, life = mixed([(g.clock.charged(g.lot, now).brought(g.lot, now, spot.condition), g.lot) for g in goods])
        lot = Lot(
            goods[0].lot.kind, number, None, label_condition, life, min(lying.lot.received_at for lying in goods),
            made_of=tuple(lying.lot.number for lying in goods),
        )  # fmt: skip
        self.shadow.lots[lot.kind.id, number] = lot
        for key, quantity in parts.items():
            self.shadow.leave(key, quantity)
        received_at = min(lying.received_at for lying in goods)
        self.shadow.arrive(lot, spot, goods[0].phase, clock, received_at, sum(parts.values(), ZERO), now)
