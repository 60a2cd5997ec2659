"""Random days at the till, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from inventory.errors import MoreThanShipped
from inventory.models import Batch, Movement, OfflineSale, ReturnItem
from inventory.orchestrator import (
    Finding,
    InsufficientStock,
    ReturnLine,
    SaleLine,
    cancel_return,
    complete_return,
    create_return,
    inspect_return,
    process_offline_sale,
)
from tests.factories.inventory import ACTOR
from tests.inventory.days.ground import Ground
from tests.inventory.shadow import TICK, ZERO, Clock, Key, Lot, Spot
from warehouse.core.errors import TransitionRefused, ValidationFailed


class Till(Ground):
    """Goods are sold over the counter, and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = 0

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
