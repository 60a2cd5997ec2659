"""Two houses, the clock, and what must always be so: what all random days share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from inventory.models import BatchLocation, Location, Product, Reservation, ReservationItem, Stock
from inventory.orchestrator import get_availability
from inventory.queries.reconciliation import everything_that_disagrees
from tests.factories.inventory import ProductFactory, Site, site
from tests.inventory.shadow import ZERO, Goods, Key, Kind, Promise, Shadow, Spot
from warehouse.core.errors import DomainError
from warehouse.outbox.models import OutboxEvent

REAL_NOW = timezone.now
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
