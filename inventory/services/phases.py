"""Goods that are frozen, thawed or opened."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone

from inventory.enums import Condition, MovementType, Phase, PhaseChange
from inventory.errors import PlaceNotAllowed
from inventory.models import BatchLocation, Location
from inventory.services.moving import lock_goods, moved_event, pairs_of, places_within, require_free, require_loose
from inventory.stock.gate import StockKey
from inventory.stock.place import Arrival, clock_of, lives_of, place, require_allowed
from inventory.stock.post import Header, post
from inventory.stock.shelf_life import Clock, Lives
from warehouse.core.actor import Actor, Role
from warehouse.core.documents import require_reason
from warehouse.core.errors import ValidationFailed
from warehouse.core.locking import check_version
from warehouse.core.transactions import operation

PHASE_AFTER = {PhaseChange.FREEZE: Phase.SEALED, PhaseChange.THAW: Phase.THAWED, PhaseChange.OPEN: Phase.OPENED}


@operation(Role.RECEIVER, Role.PICKER)
def change_phase(
    batch_location_id: int,
    quantity: Decimal,
    change: str,
    to_location_id: int | None = None,
    *,
    actor: Actor,
    reason: str = "",
    expected_version: int | None = None,
) -> int:
    """Freeze, thaw or open (`PhaseChange`) so much of these free goods: they get the clock of their new phase and lie in a row of their own.

    Freezing needs a frozen place, thawing one that is not; opened goods stay where they are unless a place is named. Shares the batch, takes the gate.
    Ledger `phase_change`, two lines; inventory.moved when the place is another. Returns the BatchLocation they lie in now. Raises ValidationFailed when
    these goods can't (not freezable, frozen before, expired, no life in that phase), PlaceNotAllowed, InsufficientStock.
    """
    if change not in PhaseChange.values:
        raise ValidationFailed(f"{change[:20]!r} is no change of phase; known: {', '.join(PhaseChange.values)}.", errors=[{"field": "phase"}])
    reason = require_reason(reason, needed=False)
    gate, rows = lock_goods([batch_location_id])
    source = rows[batch_location_id]
    if expected_version is not None:
        check_version(source, expected_version)
    stock = gate[StockKey(source.warehouse_id, source.product_id)]
    target = _target(source, PhaseChange(change), to_location_id)
    require_free(gate, [(source, quantity)])
    lives = lives_of([source.batch])
    clock = _clock(source, PhaseChange(change), target, lives[source.batch_id])
    phase = PHASE_AFTER[PhaseChange(change)]
    require_allowed([(stock.sku, target, phase, lives[source.batch_id].allows(target.condition, phase))])
    (spot,) = place([Arrival(source.batch, target, phase, clock, source.received_at)], lives, actor=actor)
    moved = [moved_event(stock, source, target, quantity, phase=phase)] if target.pk != source.location_id else []
    header = Header(actor=actor, reason=f"{change}: {reason}" if reason else change)
    post(pairs_of([(source.pk, spot, quantity)], MovementType.PHASE_CHANGE, MovementType.PHASE_CHANGE), header, moved)
    return spot


def _target(source: BatchLocation, change: PhaseChange, to_location_id: int | None) -> Location:
    """Where the goods will lie. Raises PlaceNotAllowed, and ValidationFailed when a place must be named."""
    stays = to_location_id in (None, source.location_id)
    if stays and change != PhaseChange.OPEN:
        kind = "a frozen place" if change == PhaseChange.FREEZE else "the place where they thaw"
        raise ValidationFailed(f"To {change} goods, name {kind}, another than {source.location}.", errors=[{"field": "to_location"}])
    target = source.location if stays else places_within([(source, to_location_id or 0)])[0]
    require_loose([source.location, target])
    if change == PhaseChange.FREEZE and target.condition != Condition.FROZEN:
        raise PlaceNotAllowed(f"{target} is no frozen place: nothing freezes there.", location=target.code, condition=target.condition)
    if change == PhaseChange.THAW and target.condition in ("", Condition.FROZEN):
        raise PlaceNotAllowed(f"Nothing thaws in {target}: name a shelf that is not frozen.", location=target.code, condition=target.condition)
    return target


def _clock(source: BatchLocation, change: PhaseChange, target: Location, lives: Lives) -> Clock:
    """The clock after the change. Raises ValidationFailed for goods that can't."""
    product, now, clock = source.batch.product, timezone.now(), clock_of(source)
    sealed = source.phase == Phase.SEALED
    if change != PhaseChange.OPEN and not sealed:
        raise ValidationFailed(f"{product.sku} is {source.get_phase_display()}: only sealed goods can {change}.", phase=source.phase)
    if change == PhaseChange.OPEN and source.phase == Phase.OPENED:
        raise ValidationFailed(f"{product.sku} is open already.", phase=source.phase)
    frozen = sealed and clock.condition == Condition.FROZEN
    if change == PhaseChange.THAW and not frozen:
        raise ValidationFailed(f"{product.sku} is not frozen: there is nothing to thaw.", phase=source.phase)
    if change == PhaseChange.OPEN and frozen and target.condition not in ("", Condition.FROZEN):
        raise PlaceNotAllowed(f"{product.sku} is frozen: thaw it into {target} first.", location=target.code, condition=target.condition)
    try:
        if change == PhaseChange.FREEZE:
            return clock.frozen(lives, now, freezable=product.freezable)
        if change == PhaseChange.THAW:
            return clock.thawed(lives, now, target.condition)
        return clock.moved(lives, now, target.condition).opened(lives, now)
    except ValidationFailed as error:
        raise ValidationFailed(f"{product.sku}: {error.detail}", sku=product.sku, phase=source.phase) from error
