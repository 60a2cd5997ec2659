"""Alerts about synchronisation: one for each cause, told once, resolved by themselves when the cause is gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inventory import orchestrator
from stocksync.queries import problems
from stocksync.queries.figures import channel_figures
from warehouse.core.actor import Actor
from warehouse.core.partners.breaker import UNKNOWN, CircuitState
from warehouse.core.partners.outages import PARTNER_DOWN
from warehouse.core.transactions import operation

# What is known at once when it happens; looked at every minute.
AT_ONCE = (problems.UNREAD, problems.FAILED, problems.MANUAL_REVIEW, problems.LEVEL)


@operation()
def monitor_sync_health(*, actor: Actor) -> int:
    """Make the open alerts about channels those of what is wrong now: too much pending, too many tries that fail, and what is told at once.

    What has waited for too long is looked at by `check_stale_operations`. Locks the alerts of each kind, one kind after the other; the same number of
    statements for any number of channels. Returns how many alerts are new.
    """
    return _settle([kind for kind in problems.KINDS if kind != problems.STALE], actor)


@operation()
def check_stale_operations(*, actor: Actor) -> int:
    """Make the open alerts about operations that have waited for too long those of now. Returns how many are new. Locks the alerts of the kind."""
    return _settle([problems.STALE], actor)


@operation()
def watch_channels(circuits: Sequence[CircuitState], *, actor: Actor) -> int:
    """Make the open alerts about channels that can't be read, failed operations, discrepancies and marketplaces that do not answer those of now.

    `circuits` are read before: no call goes out of a transaction. A marketplace whose circuit is unknown (Redis is away) keeps the alert that it has or has
    not; those of other partners are left to those who watch them. Returns how many are new. Locks the alerts of each kind, one kind after the other.
    """
    new = _settle(AT_ONCE, actor)
    known = [circuit for circuit in circuits if circuit.state != UNKNOWN]
    among = [f"partner:{circuit.partner}" for circuit in known]
    return new + orchestrator.settle_alerts.inside(PARTNER_DOWN, problems.down_marketplaces(known), among=among, actor=actor)


def _settle(kinds: Iterable[str], actor: Actor) -> int:
    figures = channel_figures()
    return sum(orchestrator.settle_alerts.inside(kind, problems.KINDS[kind](figures), actor=actor) for kind in kinds)
