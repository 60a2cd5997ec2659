"""Alerts about work that stands still, orders that nobody takes in, and partners that do not answer. They resolve by themselves when the cause is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fulfillment.queries import overdue
from inventory import orchestrator
from warehouse.core.actor import Actor
from warehouse.core.partners.breaker import UNKNOWN, CircuitState
from warehouse.core.partners.outages import PARTNER_DOWN
from warehouse.core.transactions import operation


@operation()
def watch_work(circuits: Sequence[CircuitState], *, actor: Actor) -> int:
    """Make the open alerts those of the tasks that stand still now, and of the partners whose circuits say that they do not answer.

    `circuits` are read before: no call goes out of a transaction. A partner whose circuit is unknown (Redis is away) keeps the alert that it has or has not.
    Locks the alerts of the three kinds, one after the other. Returns how many are new. Eleven statements for any number of tasks.
    """
    new = orchestrator.settle_alerts.inside(overdue.PICKING_STUCK, overdue.stuck_picking(), actor=actor)
    new += orchestrator.settle_alerts.inside(overdue.PACKING_UNMEASURED, overdue.unmeasured_packing(), actor=actor)
    known = [circuit for circuit in circuits if circuit.state != UNKNOWN]
    among = [f"partner:{circuit.partner}" for circuit in known]
    return new + orchestrator.settle_alerts.inside(PARTNER_DOWN, overdue.down_partners(known), among=among, actor=actor)


@operation()
def watch_intake(stream: str, since: datetime | None, *, actor: Actor) -> int:
    """Make the open alert that of the stream of orders, whose oldest entry waits `since` (read before: no call goes out of a transaction).

    Locks the alerts of the kind. Returns how many are new.
    """
    return orchestrator.settle_alerts.inside(overdue.INTAKE_STUCK, overdue.standing_intake(stream, since), actor=actor)
