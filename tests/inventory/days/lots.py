"""Random days of lots that must not leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from inventory.models import Batch
from inventory.orchestrator import hold_batch, recall_batch, release_hold
from tests.factories.inventory import ACTOR
from tests.inventory.days.papers import Papers
from tests.inventory.shadow import ZERO, Key, Lot
from warehouse.core.errors import TransitionRefused


class Lots(Papers):
    """Lots are held, recalled and let go."""

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
