"""Random days of trade: goods arrive, are promised, picked and sold; time passes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from inventory.models import BatchLocation, ReservationItem
from inventory.orchestrator import (
    InsufficientStock,
    OrderedLine,
    PlaceNotAllowed,
    ReceivingLine,
    Reserved,
    UnfitNow,
    consume_reservation,
    expire_reservations,
    expire_stock,
    pick_reserved,
    place_stock,
    promise_order,
    put_back,
    release_reservation,
    reserve_for_order,
)
from inventory.stock.shelf_life import end_of_day
from tests.factories.inventory import ACTOR
from tests.inventory.days.ground import Ground
from tests.inventory.shadow import ZERO, Key
from warehouse.core.errors import Conflict

# Days on the labels; the last lot has none.
LOTS: dict[str, int | None] = {"L1": 1, "L2": 2, "L3": 3, "L5": 5, "L8": 8, "L13": 13, "L40": 40, "N": None}
REFS = [f"shop:{n}" for n in range(4)]
# The house, the product, the lot, where to (a shelf more often than not), how much is good, and how much damaged.
DELIVERY = st.tuples(
    st.integers(0, 1), st.integers(0, 1), st.sampled_from(sorted(LOTS)), st.sampled_from([0, 0, 1, 1, 2, 3]), st.integers(0, 12), st.integers(0, 2)
)


class Trade(Ground):
    """Goods arrive, are promised, picked and sold; time passes."""

    @initialize(deliveries=st.lists(DELIVERY, min_size=3, max_size=8))
    def fill_the_houses(self, deliveries: list[tuple[int, int, str, int, int, int]]) -> None:
        self.open_the_houses()
        for delivery in deliveries:
            self._receive(*delivery)

    @rule(delivery=DELIVERY)
    def receive(self, delivery: tuple[int, int, str, int, int, int]) -> None:
        self._receive(*delivery)

    def _receive(self, house: int, product: int, lot: str, where: int, good: int, damaged: int) -> None:
        if good + damaged == 0:
            return
        there, goods, now = self.houses[house], self.products[product], self.now()
        spot = self.spots_of(house)[where]
        days = LOTS[lot]
        label = None if days is None else self.began.date() + timedelta(days=days)
        line = ReceivingLine(
            goods.pk, Decimal(good + damaged), damaged_quantity=Decimal(damaged), lot_number=lot, location_id=spot.id,
            label_expires_on=label, accept_short_dated=True, short_dated_reason="a random day",
        )  # fmt: skip

        def work() -> object:
            return place_stock(warehouse_id=there.id, line=line, actor=ACTOR)

        if not self.shadow.kinds[goods.pk].allowed(spot.condition, "sealed"):
            self.refused(work, PlaceNotAllowed)
            return
        work()
        known = self.shadow.lot(goods.pk, lot, end_of_day(label, "UTC") if label else None, spot, now)
        clock = self.shadow.new_clock(known, spot, now)
        if good:
            self.shadow.arrive(known, spot, "sealed", clock, now, Decimal(good), now)
        if damaged:
            self.shadow.arrive(known, self.shadow.spots[there.quarantine.pk], "sealed", clock, now, Decimal(damaged), now)

    @rule(ref=st.sampled_from(REFS), house=st.integers(0, 1), product=st.integers(0, 1), quantity=st.integers(1, 8), minutes=st.integers(1, 90))
    def checkout(self, ref: str, house: int, product: int, quantity: int, minutes: int) -> None:
        there, goods, now = self.houses[house].id, self.products[product].pk, self.now()
        ttl = timedelta(minutes=minutes)

        def ask() -> Reserved:
            return reserve_for_order(ref, [OrderedLine(goods, Decimal(quantity))], warehouse_id=there, ttl=ttl, actor=ACTOR)

        before = self.shadow.promises.get((ref, there))
        if before is not None:
            if {key.product: before.of(key.product) for key in before.held} == {goods: quantity}:
                ask()
                before.limit = before.limit and max(before.limit, now + ttl)
            else:
                self.refused(ask, Conflict)
        elif self.shadow.available(goods, there, now) < quantity:
            refusal = self.refused(ask, InsufficientStock)
            assert isinstance(refusal, InsufficientStock)
            assert refusal.shortages[0].available == self.shadow.available(goods, there, now)
        else:
            chosen = self.shadow.first_out(goods, there, Decimal(quantity), now)
            ask()
            self.adopt(ref, there, chosen, limit=now + ttl)

    @rule(ref=st.sampled_from(REFS), amounts=st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 1)), st.integers(1, 6), min_size=1))
    def order(self, ref: str, amounts: dict[tuple[int, int], int]) -> None:
        """Named warehouses; adopts whatever a checkout holds that is still fit. A confirmed order is promised once."""
        lines = [OrderedLine(self.products[p].pk, Decimal(quantity), self.houses[h].id) for (h, p), quantity in amounts.items()]
        before = {house.id: self.shadow.promises.get((ref, house.id)) for house in self.houses}

        def ask() -> object:
            return promise_order(ref, lines, actor=ACTOR)

        if any(promise and promise.confirmed for promise in before.values()):
            held = {(house, key.product): promise.of(key.product) for house, promise in before.items() if promise for key in promise.held}
            if held == {(line.warehouse_id, line.product_id): line.quantity for line in lines}:
                ask()
            else:
                self.refused(ask, Conflict)
            return

        def have(line: OrderedLine) -> Decimal:
            promise = before[line.warehouse_id or 0]
            return sum((q for key, q in promise.held.items() if key.product == line.product_id and self._may_stay(key)), ZERO) if promise else ZERO

        there_is = {(line.warehouse_id, line.product_id): have(line) + self._available(line) for line in lines}
        short = {key: amount for line in lines if line.quantity > (amount := there_is[key := (line.warehouse_id, line.product_id)])}
        if short:
            refusal = self.refused(ask, InsufficientStock)
            assert isinstance(refusal, InsufficientStock)
            assert {(s.warehouse_id, s.product_id): s.available for s in refusal.shortages} == short
            return
        ask()
        for house in self.houses:
            started = before[house.id] is not None and before[house.id].started  # type: ignore[union-attr]
            if before[house.id] is not None:
                self.shadow.give_back(ref, house.id)
            held_now = self.of_database(ref, house.id)
            sums = {key.product: sum((q for k, q in held_now.items() if k.product == key.product), ZERO) for key in held_now}
            assert sums == {line.product_id: line.quantity for line in lines if line.warehouse_id == house.id}
            self.adopt(ref, house.id, held_now, started=started, confirmed=True)

    def _may_stay(self, key: Key) -> bool:
        """Promised goods that the order may keep: that they lie on a bench is no reason."""
        lying = self.shadow.goods[key]
        return lying.lot.status == "available" and lying.keeps(self.now())

    def _available(self, line: OrderedLine) -> Decimal:
        return self.shadow.available(line.product_id, line.warehouse_id or 0, self.now())

    @rule(ref=st.sampled_from([f"any:{n}" for n in range(3)]), product=st.integers(0, 1), quantity=st.integers(1, 12))
    def order_from_anywhere(self, ref: str, product: int, quantity: int) -> None:
        if any(name == ref for name, _ in self.shadow.promises):
            return
        goods, now = self.products[product].pk, self.now()
        there_is = {house.id: self.shadow.available(goods, house.id, now) for house in self.houses}

        def ask() -> object:
            return promise_order(ref, [OrderedLine(goods, Decimal(quantity))], actor=ACTOR)

        if sum(there_is.values()) < quantity:
            refusal = self.refused(ask, InsufficientStock)
            assert isinstance(refusal, InsufficientStock)
            assert [(s.asked, s.available) for s in refusal.shortages] == [(quantity, sum(there_is.values()))]
            return
        split = self._split(there_is, Decimal(quantity))
        expected = {house: self.shadow.first_out(goods, house, amount, now) for house, amount in split.items()}
        ask()
        for house in self.houses:
            self.adopt(ref, house.id, expected.get(house.id, {}), confirmed=True)

    def _split(self, there_is: dict[int, Decimal], quantity: Decimal) -> dict[int, Decimal]:
        first, second = (house.id for house in self.houses)
        for house in (first, second):
            if there_is[house] >= quantity:
                return {house: quantity}
        return {first: there_is[first], second: quantity - there_is[first]}

    @precondition(lambda self: self.shadow.promises)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        ref, house = data.draw(st.sampled_from(sorted(self.shadow.promises)))
        release_reservation(self.reservation(ref, house).pk, reason="X", actor=ACTOR, for_order=True)
        self.shadow.give_back(ref, house)

    @precondition(lambda self: self.shadow.promises)
    @rule(data=st.data())
    def consume(self, data: Any) -> None:
        ref, house = data.draw(st.sampled_from(sorted(self.shadow.promises)))
        promise = self.shadow.promises[ref, house]
        reservation = self.reservation(ref, house)

        def work() -> object:
            return consume_reservation(reservation.pk, actor=ACTOR, for_order=True)

        if not all(self._may_stay(key) for key in promise.held):
            self.refused(work, UnfitNow)
            return
        work()
        self.shadow.give_back(ref, house)
        for key, quantity in promise.held.items():
            self.shadow.ship(ref, key, quantity)

    @precondition(lambda self: self.shadow.promises)
    @rule(data=st.data())
    def pick(self, data: Any) -> None:
        ref, house_id = data.draw(st.sampled_from(sorted(self.shadow.promises)))
        house = next(house for house in self.houses if house.id == house_id)
        promise = self.shadow.promises[ref, house_id]
        items = [item for item in ReservationItem.objects.filter(reservation=self.reservation(ref, house_id)).order_by("pk") if item.held]
        item = data.draw(st.sampled_from(items))
        quantity = self.draw_part(data, item.held)
        key = self.key_of(BatchLocation.objects.select_related("batch").get(pk=item.batch_location_id))
        bench = self.shadow.spots[house.bench.pk]

        def go() -> object:
            return pick_reserved(
                item.pk, quantity, warehouse_id=house_id, product_id=key.product, to_location_id=bench.id,
                document_type="picking_task", document_id=1, actor=ACTOR,
            )  # fmt: skip

        if not self.shadow.goods[key].fit(self.now()):
            self.refused(go, UnfitNow)
            return
        go()
        promise.started = True
        self.shadow.goods[key].reserved -= quantity
        there = self.shadow.bring(key, bench, quantity, self.now())
        self.shadow.goods[there].reserved += quantity
        promise.held[key] -= quantity
        if not promise.held[key]:
            del promise.held[key]
        promise.held[there] = promise.held.get(there, ZERO) + quantity

    @rule(data=st.data())
    def tidy(self, data: Any) -> None:
        """Put free goods from a bench back to a shelf."""
        benches = {house.bench.pk for house in self.houses}
        key = self.draw_goods(data, lambda lying: lying.spot.id in benches and lying.free > 0)
        if key is None:
            return
        lying = self.shadow.goods[key]
        quantity = self.draw_part(data, lying.free)
        house = next(n for n, there in enumerate(self.houses) if there.id == lying.spot.house)
        spot = data.draw(st.sampled_from(self.spots_of(house)[:3]))
        row = self.row(key)

        def work() -> object:
            return put_back(
                row.pk, quantity, warehouse_id=lying.spot.house, product_id=key.product, to_location_id=spot.id, document_id=1, actor=ACTOR
            )

        if not self.shadow.may_be_brought(key, spot):
            self.refused(work, PlaceNotAllowed)
            return
        work()
        self.shadow.bring(key, spot, quantity, self.now())

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.offset += timedelta(hours=hours)

    @rule()
    def the_job_for_checkouts(self) -> None:
        due = [pair for pair, promise in self.shadow.promises.items() if promise.limit and promise.limit <= self.now() and not promise.started]
        assert expire_reservations(actor=ACTOR) == len(due)
        for pair in due:
            self.shadow.give_back(*pair)

    @rule()
    def the_job_for_what_expired(self) -> None:
        due = [lying for lying in self.shadow.goods.values() if lying.quantity > 0 and not lying.reason and not lying.fit(self.now())]
        assert expire_stock(actor=ACTOR) == len(due)
        for lying in due:
            lying.reason = "expired"
