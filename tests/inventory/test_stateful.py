"""Random days in a warehouse beside a shadow of it in plain Python: after every step both say the same, and the books balance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from warehouse.core.errors import Conflict
from warehouse.outbox.models import OutboxEvent

REAL_NOW = timezone.now

# Each lot has a date of its own, so that the order of leaving has no ties.
LOTS = {f"L{days}": days for days in (1, 2, 3, 5, 8, 13)}
REFS = [f"shop:{n}" for n in range(4)]
KEPT_DAYS = 1


@dataclass
class Place:
    """The shadow of a BatchLocation. `blocked` is as of the last arrival or of the job that blocks what expired."""

    product: int
    house: int
    pickable: bool
    expires_at: datetime
    quantity: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    blocked: bool = False

    @property
    def free(self) -> Decimal:
        return self.quantity - self.reserved


@dataclass
class Promise:
    """The shadow of a reservation: what it holds, by place."""

    held: dict[tuple[int, str, int], Decimal]
    limit: datetime | None = None
    started: bool = False
    confirmed: bool = False


Key = tuple[int, str, int]


@contextmanager
def rolled_back() -> Iterator[None]:
    """Undo all that one random day did. Operations may open their transactions within, as within a test case."""
    day = transaction.atomic()
    day._from_testcase = True  # type: ignore[attr-defined]
    with day:
        yield
        transaction.set_rollback(True)


class Days(RuleBasedStateMachine):
    """The shadow and the real thing, done to alike."""

    def __init__(self) -> None:
        super().__init__()
        self._undo = rolled_back()
        self._undo.__enter__()
        self.offset = timedelta(0)
        timezone.now = self.now
        self.places: dict[Key, Place] = {}
        self.promises: dict[tuple[str, int], Promise] = {}

    def teardown(self) -> None:
        timezone.now = REAL_NOW
        self._undo.__exit__(None, None, None)

    def now(self) -> datetime:
        return REAL_NOW() + self.offset

    @initialize()
    def open_the_houses(self) -> None:
        self.houses: list[Site] = [site(code="ONE", priority=1), site(code="TWO", priority=2)]
        # One keeps for more days than it may have left when it ships, one just has to be fit.
        self.products: list[Product] = [ProductFactory(lives={"ambient": 30}), ProductFactory(lives={"ambient": 30}, min_remaining_days=KEPT_DAYS)]
        self.today = REAL_NOW().date()

    # --- the shadow ----------------------------------------------------------------------------------------------------------------------

    def days(self, product_id: int) -> int:
        return next(product.min_remaining_days for product in self.products if product.pk == product_id)

    def fit(self, place: Place) -> bool:
        return place.pickable and self.keeps(place)

    def keeps(self, place: Place) -> bool:
        return place.expires_at > self.now() + timedelta(days=self.days(place.product))

    def arrive(self, product: Product, lot: str, location: Location, quantity: Decimal) -> None:
        key = (product.pk, lot, location.pk)
        end = end_of_day(self.today + timedelta(days=LOTS[lot]), "UTC")
        place = self.places.setdefault(key, Place(product.pk, location.warehouse_id, location.is_pickable, end))
        place.quantity += quantity
        place.blocked = not self.fit(place)

    def sellable(self, product_id: int, house_id: int) -> list[tuple[Key, Place]]:
        """What is for sale there, in the order of leaving."""
        found = [
            (key, place)
            for key, place in self.places.items()
            if place.product == product_id and place.house == house_id and place.free > 0 and self.fit(place)
        ]
        return sorted(found, key=lambda pair: pair[1].expires_at)

    def available(self, product_id: int, house_id: int) -> Decimal:
        return sum((place.free for _, place in self.sellable(product_id, house_id)), Decimal(0))

    def choose(self, product_id: int, house_id: int, quantity: Decimal) -> dict[Key, Decimal]:
        """By expiry; goods of one lot in two places share a date, so they are compared by lot only."""
        chosen: dict[Key, Decimal] = {}
        for key, place in self.sellable(product_id, house_id):
            part = min(quantity, place.free)
            if part > 0:
                chosen[key] = part
                quantity -= part
        return chosen

    def of_database(self, ref: str, house_id: int) -> dict[Key, Decimal]:
        held: dict[Key, Decimal] = {}
        items = ReservationItem.objects.filter(reservation__order_ref=ref, reservation__warehouse=house_id, reservation__status="active")
        for item in items.select_related("batch_location__batch"):
            if item.held:
                place = item.batch_location
                key = (place.product_id, place.batch.lot_number, place.location_id)
                held[key] = held.get(key, Decimal(0)) + item.held
        return held

    def take(self, held: dict[Key, Decimal]) -> None:
        for key, quantity in held.items():
            self.places[key].reserved += quantity

    def give_back(self, ref: str, house_id: int) -> None:
        for key, quantity in self.promises.pop((ref, house_id)).held.items():
            self.places[key].reserved -= quantity

    @staticmethod
    def by_lot(held: dict[Key, Decimal]) -> dict[tuple[int, str], Decimal]:
        result: dict[tuple[int, str], Decimal] = {}
        for (product, lot, _), quantity in held.items():
            result[product, lot] = result.get((product, lot), Decimal(0)) + quantity
        return result

    # --- what is done --------------------------------------------------------------------------------------------------------------------

    @rule(house=st.integers(0, 1), product=st.integers(0, 1), lot=st.sampled_from(sorted(LOTS)), good=st.integers(0, 6), damaged=st.integers(0, 2))
    def receive(self, house: int, product: int, lot: str, good: int, damaged: int) -> None:
        if good + damaged == 0:
            return
        there, goods = self.houses[house], self.products[product]
        line = ReceivingLine(
            goods.pk, Decimal(good + damaged), damaged_quantity=Decimal(damaged), lot_number=lot, location_id=there.shelf.pk,
            label_expires_on=self.today + timedelta(days=LOTS[lot]), accept_short_dated=True, short_dated_reason="a random day",
        )  # fmt: skip
        place_stock(warehouse_id=there.id, line=line, actor=ACTOR)
        if good:
            self.arrive(goods, lot, there.shelf, Decimal(good))
        if damaged:
            self.arrive(goods, lot, there.quarantine, Decimal(damaged))

    @rule(ref=st.sampled_from(REFS), house=st.integers(0, 1), product=st.integers(0, 1), quantity=st.integers(1, 8), minutes=st.integers(1, 90))
    def checkout(self, ref: str, house: int, product: int, quantity: int, minutes: int) -> None:
        there, goods = self.houses[house].id, self.products[product].pk
        lines = [OrderedLine(goods, Decimal(quantity))]
        ttl = timedelta(minutes=minutes)

        def ask() -> Reserved:
            return reserve_for_order(ref, lines, warehouse_id=there, ttl=ttl, actor=ACTOR)

        before = self.promises.get((ref, there))
        if before is not None:
            sums = {key[0]: sum((q for k, q in before.held.items() if k[0] == key[0]), Decimal(0)) for key in before.held}
            if sums == {goods: quantity}:
                ask()
                before.limit = before.limit and max(before.limit, self.now() + ttl)
            else:
                with pytest.raises(Conflict):
                    ask()
        elif self.available(goods, there) < quantity:
            with pytest.raises(InsufficientStock) as refusal:
                ask()
            assert refusal.value.shortages[0].available == self.available(goods, there)
        else:
            chosen = self.choose(goods, there, Decimal(quantity))
            limit = self.now() + ttl
            ask()
            held = self.of_database(ref, there)
            assert self.by_lot(held) == self.by_lot(chosen)
            self.take(held)
            self.promises[ref, there] = Promise(held, limit)

    @rule(ref=st.sampled_from(REFS), amounts=st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 1)), st.integers(1, 6), min_size=1))
    def order(self, ref: str, amounts: dict[tuple[int, int], int]) -> None:
        """Named warehouses; adopts whatever a checkout holds that is still fit. A confirmed order is promised once."""
        lines = [OrderedLine(self.products[p].pk, Decimal(quantity), self.houses[h].id) for (h, p), quantity in amounts.items()]
        before = {house.id: self.promises.get((ref, house.id)) for house in self.houses}

        if any(promise and promise.confirmed for promise in before.values()):
            held = {(house, key[0]): Decimal(0) for house, promise in before.items() if promise for key in promise.held}
            for house, promise in before.items():
                for key, quantity in promise.held.items() if promise else ():
                    held[house, key[0]] += quantity
            if held == {(line.warehouse_id, line.product_id): line.quantity for line in lines}:
                promise_order(ref, lines, actor=ACTOR)
            else:
                with pytest.raises(Conflict):
                    promise_order(ref, lines, actor=ACTOR)
            return

        def have(line: OrderedLine) -> Decimal:
            promise = before[line.warehouse_id or 0]
            mine = promise.held.items() if promise else ()
            return sum((q for key, q in mine if key[0] == line.product_id and self.keeps(self.places[key])), Decimal(0))

        short = {
            (line.warehouse_id, line.product_id): have(line) + self.available(line.product_id, line.warehouse_id or 0)
            for line in lines
            if line.quantity > have(line) + self.available(line.product_id, line.warehouse_id or 0)
        }
        if short:
            with pytest.raises(InsufficientStock) as refusal:
                promise_order(ref, lines, actor=ACTOR)
            assert {(s.warehouse_id, s.product_id): s.available for s in refusal.value.shortages} == short
            return
        promise_order(ref, lines, actor=ACTOR)
        for house in self.houses:
            started = before[house.id] is not None and before[house.id].started
            if before[house.id] is not None:
                self.give_back(ref, house.id)
            held = self.of_database(ref, house.id)
            sums = {line.product_id: sum((q for key, q in held.items() if key[0] == line.product_id), Decimal(0)) for line in lines}
            wanted = {line.product_id: line.quantity for line in lines if line.warehouse_id == house.id}
            assert {product: total for product, total in sums.items() if total} == wanted
            if held:
                self.take(held)
                self.promises[ref, house.id] = Promise(held, None, started, confirmed=True)

    @rule(ref=st.sampled_from([f"any:{n}" for n in range(3)]), product=st.integers(0, 1), quantity=st.integers(1, 12))
    def order_from_anywhere(self, ref: str, product: int, quantity: int) -> None:
        if any(name == ref for name, _ in self.promises):
            return
        goods = self.products[product].pk
        there_is = {house.id: self.available(goods, house.id) for house in self.houses}
        lines = [OrderedLine(goods, Decimal(quantity))]
        if sum(there_is.values()) < quantity:
            with pytest.raises(InsufficientStock) as refusal:
                promise_order(ref, lines, actor=ACTOR)
            assert [(s.asked, s.available) for s in refusal.value.shortages] == [(quantity, sum(there_is.values()))]
            return
        expected = {house: self.choose(goods, house, amount) for house, amount in self.split(there_is, Decimal(quantity)).items()}
        promise_order(ref, lines, actor=ACTOR)
        for house in self.houses:
            held = self.of_database(ref, house.id)
            assert self.by_lot(held) == self.by_lot(expected.get(house.id, {}))
            if held:
                self.take(held)
                self.promises[ref, house.id] = Promise(held, confirmed=True)

    def split(self, there_is: dict[int, Decimal], quantity: Decimal) -> dict[int, Decimal]:
        first, second = (house.id for house in self.houses)
        for house in (first, second):
            if there_is[house] >= quantity:
                return {house: quantity}
        return {first: there_is[first], second: quantity - there_is[first]}

    @precondition(lambda self: self.promises)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        ref, house = data.draw(st.sampled_from(sorted(self.promises)))
        release_reservation(self.reservation(ref, house).pk, reason="X", actor=ACTOR, for_order=True)
        self.give_back(ref, house)

    @precondition(lambda self: self.promises)
    @rule(data=st.data())
    def consume(self, data: Any) -> None:
        ref, house = data.draw(st.sampled_from(sorted(self.promises)))
        consume_reservation(self.reservation(ref, house).pk, actor=ACTOR, for_order=True)
        for key, quantity in self.promises.pop((ref, house)).held.items():
            self.places[key].quantity -= quantity
            self.places[key].reserved -= quantity

    @precondition(lambda self: self.promises)
    @rule(data=st.data())
    def pick(self, data: Any) -> None:
        ref, house_id = data.draw(st.sampled_from(sorted(self.promises)))
        house = next(house for house in self.houses if house.id == house_id)
        promise = self.promises[ref, house_id]
        items = [item for item in ReservationItem.objects.filter(reservation=self.reservation(ref, house_id)).order_by("pk") if item.held]
        item = data.draw(st.sampled_from(items))
        quantity = Decimal(data.draw(st.integers(1, int(item.held))))
        source = BatchLocation.objects.select_related("batch").get(pk=item.batch_location_id)
        key = (source.product_id, source.batch.lot_number, source.location_id)

        def go() -> Any:
            return pick_reserved(
                item.pk, quantity, warehouse_id=house_id, product_id=source.product_id, to_location_id=house.bench.pk,
                document_type="picking_task", document_id=1, actor=ACTOR,
            )  # fmt: skip

        if not self.fit(self.places[key]):
            with pytest.raises(UnfitNow):
                go()
            return
        go()
        promise.started = True
        product = next(product for product in self.products if product.pk == source.product_id)
        bench: Key = (key[0], key[1], house.bench.pk)
        self.places[key].quantity -= quantity
        self.places[key].reserved -= quantity
        self.arrive(product, key[1], house.bench, quantity)
        self.places[bench].reserved += quantity
        promise.held[key] -= quantity
        if not promise.held[key]:
            del promise.held[key]
        promise.held[bench] = promise.held.get(bench, Decimal(0)) + quantity

    @rule(data=st.data())
    def tidy(self, data: Any) -> None:
        """Put free goods from a bench back to the shelf."""
        benches = {house.bench.pk for house in self.houses}
        lying = [key for key, place in self.places.items() if key[2] in benches and place.free > 0]
        if not lying:
            return
        key = data.draw(st.sampled_from(sorted(lying)))
        place = self.places[key]
        quantity = Decimal(data.draw(st.integers(1, int(place.free))))
        house = next(house for house in self.houses if house.id == place.house)
        row = BatchLocation.objects.get(product=key[0], batch__lot_number=key[1], location=key[2])
        put_back(row.pk, quantity, warehouse_id=house.id, product_id=key[0], to_location_id=house.shelf.pk, document_id=1, actor=ACTOR)
        place.quantity -= quantity
        self.arrive(next(product for product in self.products if product.pk == key[0]), key[1], house.shelf, quantity)

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.offset += timedelta(hours=hours)

    @rule()
    def the_job_for_checkouts(self) -> None:
        due = [pair for pair, promise in self.promises.items() if promise.limit and promise.limit <= self.now() and not promise.started]
        assert expire_reservations(actor=ACTOR) == len(due)
        for pair in due:
            self.give_back(*pair)

    @rule()
    def the_job_for_what_expired(self) -> None:
        due = [place for place in self.places.values() if place.quantity > 0 and not place.blocked and not self.fit(place)]
        assert expire_stock(actor=ACTOR) == len(due)
        for place in due:
            place.blocked = True

    def reservation(self, ref: str, house: int) -> Reservation:
        return Reservation.objects.get(order_ref=ref, warehouse=house, status="active")

    # --- what is always so ---------------------------------------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        assert everything_that_disagrees() == []

    @invariant()
    def every_place_is_as_in_the_shadow(self) -> None:
        rows = BatchLocation.objects.values_list("product_id", "batch__lot_number", "location_id", "quantity", "reserved", "effective_expires_at")
        real = {(p, lot, location): (quantity, reserved, expires) for p, lot, location, quantity, reserved, expires in rows if quantity}
        shadow = {key: (place.quantity, place.reserved, place.expires_at) for key, place in self.places.items() if place.quantity}
        assert real == shadow

    @invariant()
    def every_total_and_every_promise_is_as_in_the_shadow(self) -> None:
        totals: dict[tuple[int, int], list[Decimal]] = {}
        for place in self.places.values():
            total = totals.setdefault((place.house, place.product), [Decimal(0)] * 3)
            total[0] += place.quantity
            total[1] += place.reserved
            total[2] += place.free if place.blocked else Decimal(0)
        real = {(w, p): list(rest) for w, p, *rest in Stock.objects.values_list("warehouse_id", "product_id", "quantity", "reserved", "blocked")}
        assert real == totals
        active = {(r.order_ref, r.warehouse_id) for r in Reservation.objects.filter(status="active")}
        assert active == set(self.promises)
        for ref, house in self.promises:
            assert self.of_database(ref, house) == self.promises[ref, house].held

    @invariant()
    def what_may_be_promised_never_lags(self) -> None:
        if not hasattr(self, "products"):
            return
        for answer in get_availability([product.pk for product in self.products]):
            assert answer.available == self.available(answer.product_id, answer.warehouse_id)

    @invariant()
    def the_last_event_of_a_total_tells_what_is_available(self) -> None:
        last = (
            OutboxEvent.objects.filter(aggregate_type="stock", type__startswith="stock.")
            .order_by("aggregate_id", "-sequence")
            .distinct("aggregate_id")
        )
        told = {event.payload["stock_id"]: Decimal(event.payload["available"]) for event in last}
        assert told == dict(Stock.objects.values_list("pk", "available"))


def run(**more: Any) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '16MB'")
    run_state_machine_as_test(Days, settings=settings(deadline=None, suppress_health_check=checks, **more))


@pytest.mark.django_db
def test_a_few_random_days() -> None:
    run(max_examples=12, stateful_step_count=25, derandomize=True)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.django_db
def test_many_random_days() -> None:
    run(max_examples=150, stateful_step_count=50)
