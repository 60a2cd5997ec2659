"""Random days in two warehouses, done to the real thing and to its shadow alike; after every step both say the same, and the books balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from inventory.errors import CountAgain, GoodsPromised, MoreThanShipped
from inventory.models import (
    AuditLine,
    Batch,
    BatchLocation,
    Location,
    Movement,
    OfflineSale,
    Product,
    Reservation,
    ReservationItem,
    ReturnItem,
    Stock,
    TransferItem,
)
from inventory.orchestrator import (
    Finding,
    InsufficientStock,
    MixSource,
    OrderedLine,
    PlaceNotAllowed,
    ReceivingLine,
    Reserved,
    ReturnLine,
    SaleLine,
    TransferLine,
    UnfitNow,
    WriteOffLine,
    cancel_audit,
    cancel_return,
    cancel_transfer,
    change_phase,
    complete_audit,
    complete_return,
    consume_reservation,
    create_audit,
    create_return,
    create_transfer,
    expire_reservations,
    expire_stock,
    get_availability,
    hold_batch,
    inspect_return,
    mix_batches,
    move_stock,
    pick_reserved,
    place_stock,
    process_offline_sale,
    promise_order,
    put_back,
    recall_batch,
    receive_transfer,
    release_hold,
    release_reservation,
    remove_stock,
    reserve_for_order,
    scan_audit_place,
    send_transfer,
    split_batch,
    start_audit,
    update_audit_items,
)
from inventory.queries.reconciliation import everything_that_disagrees
from inventory.stock.shelf_life import end_of_day
from tests.factories.inventory import ACTOR, ProductFactory, Site, site
from tests.inventory.shadow import TICK, ZERO, Clock, Goods, Key, Kind, Lot, Promise, Shadow, Spot, mixed
from warehouse.core.errors import Conflict, DomainError, TransitionRefused, ValidationFailed
from warehouse.outbox.models import OutboxEvent

REAL_NOW = timezone.now

# Days on the labels; the last lot has none.
LOTS: dict[str, int | None] = {"L1": 1, "L2": 2, "L3": 3, "L5": 5, "L8": 8, "L13": 13, "L40": 40, "N": None}
REFS = [f"shop:{n}" for n in range(4)]
NEAR = timedelta(milliseconds=1)
# The first may be opened, frozen and thawed; the second must keep for a day more when it ships.
LIVES: list[dict[tuple[str, str], int]] = [
    {
        ("ambient", "sealed"): 10, ("chilled", "sealed"): 30, ("frozen", "sealed"): 120, ("ambient", "opened"): 1, ("chilled", "opened"): 3,
        ("ambient", "thawed"): 1, ("chilled", "thawed"): 2,
    },
    {("ambient", "sealed"): 30, ("chilled", "sealed"): 60},
]  # fmt: skip
KEEP = [0, 1]
# The house, the product, the lot, where to (a shelf more often than not), how much is good, and how much damaged.
DELIVERY = st.tuples(
    st.integers(0, 1), st.integers(0, 1), st.sampled_from(sorted(LOTS)), st.sampled_from([0, 0, 1, 1, 2, 3]), st.integers(0, 12), st.integers(0, 2)
)


@dataclass(frozen=True)
class Trip:
    """Goods that a transfer has under way."""

    transfer_id: int
    key: Key
    quantity: Decimal
    source: Spot
    target: Spot


@dataclass(frozen=True)
class Count:
    """What a count found more, or less, than the books had at that moment; `again` when some of it is to be counted again."""

    changes: dict[Key, Decimal]
    again: bool


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo all that one random day did. Operations may open their transactions within, as within a test case."""
    day = transaction.atomic()
    day._from_testcase = True  # type: ignore[attr-defined]
    with day:
        yield
        transaction.set_rollback(True)


class Ground(RuleBasedStateMachine):
    """Two houses, two products, the clock, and what must always be so."""

    def __init__(self) -> None:
        super().__init__()
        self._undo = rolled_back()
        self._undo.__enter__()
        self.began, self.offset = REAL_NOW(), timedelta(0)
        timezone.now = self.now

    def teardown(self) -> None:
        timezone.now = REAL_NOW
        self._undo.__exit__(None, None, None)

    def now(self) -> datetime:
        """It stands still within a step, so that both sides see the same moment."""
        return self.began + self.offset

    def open_the_houses(self) -> None:
        self.houses: list[Site] = [site(code="ONE", priority=1), site(code="TWO", priority=2)]
        self.products: list[Product] = [
            ProductFactory(lives=lives, min_remaining_days=keep, freezable=("frozen", "sealed") in lives)
            for lives, keep in zip(LIVES, KEEP, strict=True)
        ]
        kinds = {
            product.pk: Kind(product.pk, {key: timedelta(days=days) for key, days in lives.items()}, timedelta(days=keep), product.freezable)
            for product, lives, keep in zip(self.products, LIVES, KEEP, strict=True)
        }
        spots = {place.pk: Spot(place.pk, place.warehouse_id, place.condition, place.is_pickable) for place in Location.objects.all()}
        self.shadow = Shadow(kinds, spots)

    # --- drawing and asking ------------------------------------------------------------------------------------------------------------------

    def spots_of(self, house: int, *, benches: bool = True) -> list[Spot]:
        there = self.houses[house]
        places = [there.shelf, there.cool, there.freezer, there.dock, there.quarantine, *([there.bench] if benches else [])]
        return [self.shadow.spots[place.pk] for place in places]

    def draw_goods(self, data: Any, suits: Callable[[Goods], bool] = lambda lying: lying.free > 0) -> Key | None:
        """Some goods, or none when nothing suits."""
        found = sorted(key for key, lying in self.shadow.goods.items() if lying.quantity > 0 and suits(lying))
        return data.draw(st.sampled_from(found)) if found else None

    @staticmethod
    def draw_part(data: Any, quantity: Decimal) -> Decimal:
        return Decimal(data.draw(st.integers(1, int(quantity))))

    @staticmethod
    def row(key: Key) -> BatchLocation:
        """The real one."""
        return BatchLocation.objects.get(product=key.product, batch__lot_number=key.lot, location=key.spot, phase=key.phase)

    @staticmethod
    def key_of(row: BatchLocation) -> Key:
        return Key(row.product_id, row.batch.lot_number, row.location_id, row.phase)

    def reservation(self, ref: str, house: int) -> Reservation:
        return Reservation.objects.get(order_ref=ref, warehouse=house, status="active")

    def of_database(self, ref: str, house_id: int) -> dict[Key, Decimal]:
        """What the real promise holds."""
        held: dict[Key, Decimal] = {}
        items = ReservationItem.objects.filter(reservation__order_ref=ref, reservation__warehouse=house_id, reservation__status="active")
        for item in items.select_related("batch_location__batch"):
            if item.held:
                key = self.key_of(item.batch_location)
                held[key] = held.get(key, ZERO) + item.held
        return held

    def adopt(self, ref: str, house: int, expected: dict[Key, Decimal], **more: Any) -> None:
        """The real promise is what was expected, goods of one date being equal; the shadow holds the same goods from now on."""
        held = self.of_database(ref, house)
        assert self.shadow.by_date(held) == self.shadow.by_date(expected)
        self.shadow.take(held)
        if held:
            self.shadow.promises[ref, house] = Promise(self.reservation(ref, house).pk, held, **more)

    @staticmethod
    def refused(work: Callable[[], object], *kinds: type[DomainError]) -> DomainError:
        """It is refused; that nothing changed, the invariants see."""
        wanted = kinds or (DomainError,)
        try:
            work()
        except wanted as refusal:
            return refusal
        raise AssertionError(f"not refused with {', '.join(kind.__name__ for kind in wanted)}")

    # --- what is always so -------------------------------------------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        assert everything_that_disagrees() == []

    @invariant()
    def every_place_is_as_in_the_shadow(self) -> None:
        if not hasattr(self, "shadow"):
            return
        real = {self.key_of(row): row for row in BatchLocation.objects.filter(quantity__gt=0).select_related("batch")}
        expected = {key: lying for key, lying in self.shadow.goods.items() if lying.quantity}
        assert {key: (row.quantity, row.reserved, row.blocked_reason) for key, row in real.items()} == {
            key: (lying.quantity, lying.reserved, lying.reason) for key, lying in expected.items()
        }
        for key, row in real.items():
            mine, theirs = expected[key].expires_at, row.effective_expires_at
            assert mine == theirs or (mine and theirs and abs(mine - theirs) < NEAR), f"{key}: {mine} {theirs}"

    @invariant()
    def every_total_and_every_promise_is_as_in_the_shadow(self) -> None:
        if not hasattr(self, "shadow"):
            return
        totals: dict[tuple[int, int], list[Decimal]] = {}
        for lying in self.shadow.goods.values():
            total = totals.setdefault((lying.spot.house, lying.product), [ZERO] * 3)
            total[0] += lying.quantity
            total[1] += lying.reserved
            total[2] += lying.free if lying.reason else ZERO
        real = {(w, p): list(rest) for w, p, *rest in Stock.objects.values_list("warehouse_id", "product_id", "quantity", "reserved", "blocked")}
        nothing = [ZERO] * 3
        assert {key: total for key, total in real.items() if total != nothing} == {key: total for key, total in totals.items() if total != nothing}
        active = {(r.order_ref, r.warehouse_id) for r in Reservation.objects.filter(status="active")}
        assert active == set(self.shadow.promises)
        for ref, house in self.shadow.promises:
            assert self.of_database(ref, house) == self.shadow.promises[ref, house].held

    @invariant()
    def what_may_be_promised_never_lags(self) -> None:
        if not hasattr(self, "shadow"):
            return
        for answer in get_availability([product.pk for product in self.products]):
            assert answer.available == self.shadow.available(answer.product_id, answer.warehouse_id, self.now())

    @invariant()
    def the_last_event_of_a_total_tells_what_is_available(self) -> None:
        last = OutboxEvent.objects.filter(aggregate_type="stock", type__startswith="stock.").order_by("aggregate_id", "-sequence")
        told = {event.payload["stock_id"]: Decimal(event.payload["available"]) for event in last.distinct("aggregate_id")}
        assert told == dict(Stock.objects.filter(pk__in=told).values_list("pk", "available"))


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


class Office(Ground):
    """What papers do: write-offs, transfers, returns, audits; and what is done to lots."""

    def __init__(self) -> None:
        super().__init__()
        self.on_the_way: list[Trip] = []
        self.counted: dict[int, Count] = {}
        self.receipts = 0

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

    # --- lots that must not leave ------------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.shadow.lots)
    @rule(data=st.data(), recall=st.sampled_from([False, False, True]))
    def withdraw(self, data: Any, recall: bool) -> None:
        product, number = data.draw(st.sampled_from(sorted(self.shadow.lots)))
        lot, family = self.shadow.lots[product, number], self.shadow.family(product, number)
        batch = Batch.objects.get(product=product, lot_number=number)

        def work() -> object:
            return (recall_batch if recall else hold_batch)(batch.pk, reason="looks odd", actor=ACTOR)

        target = "recalled" if recall else "on_hold"
        if lot.status == "recalled" and not recall:
            self.refused(work, TransitionRefused)
            return
        reached = [each for each in family if each.status == "available" or (recall and each.status == "on_hold")]
        if lot.status == target and (lot.held_itself or recall):
            reached = []
        needs: dict[Key, Decimal] = {}
        for each in reached:
            each.status = target
        for key, lying in self.shadow.goods.items():
            if lying.quantity and lying.lot in reached:
                lying.reason = lying.reason_now(self.now())
                needs[key] = sum((p.held.get(key, ZERO) for p in self.shadow.promises.values() if not p.started), ZERO)
        lot.held_itself = True
        self.give_way(needs, work, lots={each.number for each in family})

    @rule(data=st.data())
    def let_go(self, data: Any) -> None:
        held = sorted(key for key, lot in self.shadow.lots.items() if lot.status == "on_hold")
        if not held:
            return
        product, number = data.draw(st.sampled_from(held))
        lot = self.shadow.lots[product, number]
        batch = Batch.objects.get(product=product, lot_number=number)

        def work() -> object:
            return release_hold(batch.pk, actor=ACTOR)

        if any(maker.status != "available" for maker in self._all_makers(lot)):
            self.refused(work, TransitionRefused)
            return
        work()
        freed = [lot]
        lot.status, lot.held_itself = "available", False
        waiting = [each for each in self.shadow.family(product, number) if each.status == "on_hold" and not each.held_itself]
        while ready := [each for each in waiting if all(maker.status == "available" for maker in self.shadow.makers(each))]:
            for each in ready:
                each.status = "available"
                freed.append(each)
                waiting.remove(each)
        for lying in self.shadow.goods.values():
            if lying.quantity and lying.lot in freed:
                lying.reason = lying.reason_now(self.now())

    def _all_makers(self, lot: Lot) -> list[Lot]:
        found: list[Lot] = []
        for maker in self.shadow.makers(lot):
            found += [maker, *self._all_makers(maker)]
        return found

    # --- the till and what comes back --------------------------------------------------------------------------------------------------------

    @rule(house=st.integers(0, 1), product=st.integers(0, 1), quantity=st.integers(1, 8), names=st.integers(0, 2), data=st.data())
    def sell_over_the_counter(self, house: int, product: int, quantity: int, names: int, data: Any) -> None:
        there, goods, now = self.houses[house].id, self.products[product].pk, self.now()
        here = sorted(pair for pair in self.shadow.promises if pair[1] == there)
        named = data.draw(st.lists(st.sampled_from(here), max_size=names, unique=True)) if here else []
        self.receipts += 1
        receipt = f"R{self.receipts}"
        ids = [self.reservation(*pair).pk for pair in named]

        def work() -> OfflineSale:
            line = SaleLine(goods, Decimal(quantity))
            return process_offline_sale(warehouse_id=there, lines=[line], receipt_number=receipt, reservation_ids_to_release=ids, actor=ACTOR)

        missing = quantity - self.shadow.available(goods, there, now)
        giving: list[tuple[tuple[str, int], list[Key]]] = []
        for pair in named:
            promise = self.shadow.promises[pair]
            if missing > 0 and any(key.product == goods for key in promise.held):
                if promise.started:
                    self.refused(work, TransitionRefused)
                    return
                fit = [key for key in promise.held if key.product == goods and self.shadow.goods[key].fit(now)]
                giving.append((pair, fit))
                missing -= sum((promise.held[key] for key in fit), ZERO)
        if missing > 0:
            self.refused(work, InsufficientStock)
            return
        for pair, keys in giving:
            held = self.shadow.promises[pair].held
            for key in keys:
                self.shadow.goods[key].reserved -= held.pop(key)
            if not held:
                del self.shadow.promises[pair]
        expected = self.shadow.first_out(goods, there, Decimal(quantity), now)
        sale = work()
        lines = Movement.objects.filter(document_type="offline_sale", document_id=sale.pk).select_related("batch_location__batch")
        sold = {self.key_of(line.batch_location): -line.quantity_change for line in lines}
        assert self.shadow.by_date(sold) == self.shadow.by_date(expected)
        for key, part in sold.items():
            self.shadow.ship(sale.order_ref, key, part)

    @rule(
        data=st.data(),
        to=st.integers(0, 1),
        where=st.integers(0, 4),
        decision=st.sampled_from(["return_to_shelf", "return_with_discount", "write_off"]),
        opened=st.booleans(),
        left=st.integers(0, 4),
        more=st.sampled_from([0, 0, 0, 1]),
    )
    def take_back(self, data: Any, to: int, where: int, decision: str, opened: bool, left: int, more: int) -> None:
        out = sorted(key for key, quantity in self.shadow.shipped.items() if quantity > 0)
        if not out:
            return
        ref, product, number = data.draw(st.sampled_from(out))
        there, now = self.houses[to], self.now()
        quantity = self.draw_part(data, self.shadow.shipped[ref, product, number])
        batch = Batch.objects.get(product=product, lot_number=number)
        if more:
            line = ReturnLine(product, self.shadow.shipped[ref, product, number] + more, batch.pk)
            self.refused(lambda: create_return(warehouse_id=there.id, order_ref=ref, lines=[line], actor=ACTOR), MoreThanShipped)
            return
        spot = self.spots_of(to)[where]
        paper = create_return(warehouse_id=there.id, order_ref=ref, lines=[ReturnLine(product, quantity, batch.pk, spot.id)], actor=ACTOR)
        finding = Finding(
            ReturnItem.objects.get(return_document=paper).pk, "opened" if opened else "intact", decision,
            freshness_remaining=Decimal(left) / 4, discount_percent=Decimal(20) if decision == "return_with_discount" else None,
        )  # fmt: skip

        def inspect() -> object:
            return inspect_return(paper.pk, findings=[finding], actor=ACTOR)

        lot = self.shadow.lots[product, number]
        clock, phase, received_at = self._as_if_it_had_stayed(ref, lot, now)
        if decision == "write_off":
            inspect()
            complete_return(paper.pk, actor=ACTOR)
            quarantine = self.shadow.spots[there.quarantine.pk]
            key = self.shadow.arrive(lot, quarantine, phase, clock, received_at, quantity, now)
            self.shadow.leave(key, quantity)
        else:
            worn = max(clock.used, 1 - Fraction(left, 4))
            goods = self._back_for_sale(replace(clock, used=worn), phase, spot, lot, opened, Fraction(left, 4), now)
            if goods is None:
                self.refused(inspect, ValidationFailed)
                cancel_return(paper.pk, reason="refused", actor=ACTOR)
                return
            inspect()
            complete_return(paper.pk, actor=ACTOR)
            self.shadow.arrive(lot, spot, goods[1], goods[0], received_at, quantity, now)
        self.shadow.shipped[ref, product, number] -= quantity

    def _as_if_it_had_stayed(self, ref: str, lot: Lot, now: datetime) -> tuple[Clock, str, datetime]:
        """The clock of the place it was sold from, charged to now: the earliest, where it left from several."""
        rows = self.shadow.as_sold(ref, lot)
        ends = [(lying.expires_at is None, lying.expires_at or now, lying.serial, lying.filling, lying) for lying in rows]
        best = min(ends, key=lambda each: each[:4])[4]
        return best.clock.charged(lot, now), best.phase, best.received_at

    @staticmethod
    def _back_for_sale(clock: Clock, phase: str, spot: Spot, lot: Lot, opened: bool, left: Fraction, now: datetime) -> tuple[Clock, str] | None:
        """The goods as they come back to a place, or none when they can't be sold again."""
        clock = clock.brought(lot, now, spot.condition)
        if opened and phase != "opened":
            life = lot.kind.lives.get((clock.condition, "opened"))
            if life is None:
                return None
            limit = now + life
            clock, phase = replace(clock, not_after=min(clock.not_after or limit, limit)), "opened"
        if lot.lasts(clock.condition) is None and ((clock.condition, phase) in lot.kind.lives or not left):
            limit = now + TICK * int((lot.kind.lives.get((clock.condition, phase), TICK * 0) // TICK) * left)
            clock = replace(clock, not_after=min(clock.not_after or limit, limit))
        warmed = clock.frozen_at is not None and phase == "sealed" and spot.condition not in ("", "frozen")
        end = clock.expires(lot)
        if warmed or not lot.kind.allowed(spot.condition, phase) or (end is not None and end <= now + lot.kind.keep):
            return None
        return clock, phase

    # --- counting ----------------------------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), house=st.integers(0, 1), where=st.integers(0, 5))
    def count(self, data: Any, house: int, where: int) -> None:
        """Count a place; trade goes on, and the audit is completed, or not, another day."""
        spot = self.spots_of(house)[where]
        lying = {key: goods for key, goods in self.shadow.goods.items() if key.spot == spot.id and goods.quantity > 0}
        audit = create_audit(warehouse_id=spot.house, scope="locations", location_ids=[spot.id], recount_above_percent=Decimal(9999), actor=ACTOR)
        start_audit(audit.pk, actor=ACTOR)
        lines = scan_audit_place(audit.pk, spot.id, actor=ACTOR)
        by_key = {Key(line.product_id, line.lot_number, line.location_id, line.phase): line for line in lines}
        assert set(by_key) == set(lying)
        counts = {key: Decimal(data.draw(st.integers(0, int(goods.quantity) + 2))) for key, goods in sorted(lying.items())}
        if counts:
            update_audit_items(audit.pk, {by_key[key].pk: quantity for key, quantity in counts.items()}, actor=ACTOR)
        again = {key for key in counts if self._in_hand(key)}
        kept = dict(AuditLine.objects.filter(audit=audit).values_list("pk", "status"))
        assert {key: kept[by_key[key].pk] for key in counts} == {key: "recount" if key in again else "counted" for key in counts}
        self.counted[audit.pk] = Count({key: counts[key] - lying[key].quantity for key in counts if key not in again}, bool(again))

    def _in_hand(self, key: Key) -> bool:
        """Whether somebody has goods of it in hand: a picker at the shelf, or a transfer on its way from or to the place."""
        shelf = self.shadow.spots[key.spot].pickable
        picked = shelf and any(promise.started and promise.held.get(key) for promise in self.shadow.promises.values())
        sent = any(trip.key.product == key.product and key.spot in (trip.source.id, trip.target.id) for trip in self.on_the_way)
        return picked or sent

    @precondition(lambda self: self.counted)
    @rule(data=st.data())
    def book_the_count(self, data: Any) -> None:
        audit_id = data.draw(st.sampled_from(sorted(self.counted)))
        count = self.counted.pop(audit_id)

        def work() -> object:
            return complete_audit(audit_id, actor=ACTOR)

        below = any(self.shadow.goods[key].quantity + change < 0 for key, change in count.changes.items())
        if count.again or below:
            self.refused(work, CountAgain)
            cancel_audit(audit_id, reason="to be counted again", actor=ACTOR)
            return
        needs: dict[Key, Decimal] = {}
        later: dict[Key, Decimal] = {}
        for key, change in count.changes.items():
            lying = self.shadow.goods[key]
            if lying.quantity + change < lying.reserved:
                needs[key] = lying.reserved - lying.quantity - change
                later[key] = change
        before = {key: replace(lying) for key, lying in self.shadow.goods.items()}
        for key, change in count.changes.items():
            if change and key not in later:
                lying = self.shadow.goods[key]
                if not lying.quantity and change > 0:
                    self.shadow.arrive(lying.lot, lying.spot, lying.phase, lying.clock, lying.lot.received_at, change, self.now())
                else:
                    lying.quantity += change
        if self.give_way(needs, work):
            for key, change in later.items():
                self.shadow.goods[key].quantity += change
            for other in self.counted.values():  # a shortage is booked once, by whoever comes first
                for key, change in count.changes.items():
                    if key in other.changes:
                        other.changes[key] -= change
        else:
            self.shadow.goods.update(before)
            cancel_audit(audit_id, reason="being picked", actor=ACTOR)


class Days(Trade, Office):
    """All of it."""


def run(machine: type[RuleBasedStateMachine] = Days, **more: Any) -> None:
    """Run the machine; `more` goes to hypothesis."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '16MB'")
    run_state_machine_as_test(machine, settings=settings(deadline=None, suppress_health_check=checks, **more))
