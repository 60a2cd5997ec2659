"""Random days in two warehouses, done to the real thing and to its shadow alike; after every step both say the same, and the books balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from inventory.models import BatchLocation, Location, Product, Reservation, ReservationItem, Stock
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
    get_availability,
    pick_reserved,
    place_stock,
    promise_order,
    put_back,
    release_reservation,
    reserve_for_order,
)
from inventory.queries.reconciliation import everything_that_disagrees
from inventory.stock.shelf_life import end_of_day
from tests.factories.inventory import ACTOR, ProductFactory, Site, site
from tests.inventory.shadow import ZERO, Goods, Key, Kind, Promise, Shadow, Spot
from warehouse.core.errors import Conflict, DomainError
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

    @initialize()
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
        with pytest.raises(kinds or (DomainError,)) as refusal:
            work()
        return refusal.value

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

    @rule(
        house=st.integers(0, 1),
        product=st.integers(0, 1),
        lot=st.sampled_from(sorted(LOTS)),
        where=st.integers(0, 3),
        good=st.integers(0, 6),
        damaged=st.integers(0, 2),
    )
    def receive(self, house: int, product: int, lot: str, where: int, good: int, damaged: int) -> None:
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

        if any(self.shadow.goods[key].lot.status != "available" for key in promise.held):
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


class Days(Trade):
    """All of it."""


def run(machine: type[RuleBasedStateMachine] = Days, **more: Any) -> None:
    """Run the machine; `more` goes to hypothesis."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '16MB'")
    run_state_machine_as_test(machine, settings=settings(deadline=None, suppress_health_check=checks, **more))
