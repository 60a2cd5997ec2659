"""Random days of counting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from inventory.errors import CountAgain
from inventory.models import AuditLine
from inventory.orchestrator import cancel_audit, complete_audit, create_audit, scan_audit_place, start_audit, update_audit_items
from tests.factories.inventory import ACTOR
from tests.inventory.days.papers import Papers
from tests.inventory.shadow import Key


@dataclass(frozen=True)
class Count:
    """What a count found more, or less, than the books had at that moment; `again` when some of it is to be counted again."""

    changes: dict[Key, Decimal]
    again: bool


class Counts(Papers):
    """Places are counted, and the counts are booked."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: dict[int, Count] = {}

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
